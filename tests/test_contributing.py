"""CONTRIBUTING.md names what is there: the map, the commands, the libraries."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_map_is_whole() -> None:
    named = set()
    for row in re.findall(r"^\| (`.+?) \| (.+) \|$", section("Map"), re.MULTILINE):
        folder = ROOT
        for name in re.findall("`(.+?)`", row[0]):
            path = ROOT / name if (ROOT / name).exists() else folder / name
            assert path.exists(), name
            folder = path.parent
            named.add(path)
        for name in re.findall("`(viz/.+?)`", row[1]):
            assert (ROOT / name).is_dir(), name
    hidden = {"__pycache__", "__init__.py", "py.typed", "viz"}  # tinygrad_lite/viz may be a link to viz/
    assert {path for path in (ROOT / "tinygrad_lite").iterdir() if path.name not in hidden} <= named


def test_every_command_runs_something_that_exists() -> None:
    commands = [command for row in section("Commands").splitlines() for command in re.findall("`(.+?)`", row)]
    assert len(commands) > 12
    for command in commands:
        for name in re.findall(r"(?:tests|notebooks|\.ci)/[\w./]+", command):
            assert (ROOT / name).exists(), command
        for module in re.findall(r"-m (tests[\w.]+)", command):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), command


def test_every_library_and_every_extra_is_named_with_its_reason() -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = dict(settings["options.extras_require"])
    listed = "\n".join([settings["options"]["install_requires"], *extras.values()]).split("\n")
    libraries = {re.split(r"[\[>=;]", line)[0] for line in listed if line and "%" not in line}
    rows = re.findall(r"^\| (.*?) ?\| (.+?) \| (.+?) \|$", section("Libraries"), re.MULTILINE)
    assert set(extras) <= {name for extra, _, _ in rows for name in re.findall("`(.+?)`", extra)}
    assert libraries <= {name for _, names, _ in rows for name in names.split(", ")}
