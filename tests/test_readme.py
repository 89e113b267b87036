"""The README's code prints what stands below it, and everything that it names exists."""

from __future__ import annotations

import configparser
import contextlib
import io
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lite as tg

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n+```\n(.*?)```", README, re.DOTALL)
PERCENT = re.compile(r"\d+(?=%)")


def test_every_piece_of_python_has_its_output_below() -> None:
    assert len(EXAMPLES) == README.count("```python") >= 3


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_the_output_is_what_the_code_prints(
    code: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the training loop saves its weights
    printed = io.StringIO()
    scope: dict[str, Any] = {"__name__": "readme"}
    with contextlib.redirect_stdout(printed):
        exec(code, scope)
    assert PERCENT.sub("", printed.getvalue()) == PERCENT.sub("", output)
    for found, shown in zip(PERCENT.findall(printed.getvalue()), PERCENT.findall(output), strict=True):
        assert abs(int(found) - int(shown)) <= 2  # training amplifies the rounding of one processor or another
    assert [path.name for path in tmp_path.iterdir()] == re.findall(r'tg\.save\(.*, "(.+)"\)', code)


def test_the_first_example_is_six_lines_and_the_training_loop_about_fifteen() -> None:
    assert len(EXAMPLES[0][0].splitlines()) == 6
    assert 13 <= len([line for line in EXAMPLES[1][0].splitlines() if line]) <= 17


def test_it_is_short() -> None:
    assert 600 <= len(README.split()) <= 780


def test_the_picture_is_there() -> None:
    picture = re.search(r"!\[.+\]\((.+?)\)", README)
    assert picture and (ROOT / picture[1]).is_file()


def test_each_command_stands_alone_on_a_line_that_can_be_copied() -> None:
    commands = re.findall(r"```sh\n(.*)\n```", README)
    assert len(commands) == 2
    for command, extra in zip(commands, ("train", "test")):
        install = f"python3.11 -m venv .venv && .venv/bin/pip install -e '.[{extra}]'"
        assert command.startswith(f"{install} && .venv/bin/python -m ")


def test_every_function_that_it_names_exists() -> None:
    names = set(re.findall(r"\btg\.([a-z][\w.]*\w)", README, re.IGNORECASE))
    assert {"viz.draw", "nn", "gradcheck"} <= names
    for name in names:
        assert reduce(getattr, name.split("."), tg), name


def test_every_library_that_users_install_is_named() -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = settings["options.extras_require"]
    users = ("train", "sympy", "dask", "scipy", "safetensors")
    listed = [settings["options"]["install_requires"], *(extras[name] for name in users)]
    libraries = {re.split(r"[\[>=]", line)[0] for text in listed for line in text.split() if "%" not in line}
    assert libraries - {"distributed"} <= set(README.lower().replace(",", " ").split())  # distributed is Dask's


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        ".github/CONTRIBUTING.md",
        "tests/benchmarks/README.md",
        "tinygrad_lite/ops/README.md",
        "tinygrad_lite/nn/README.md",
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if not link.startswith("https://"):
            path, _, section = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            assert target.exists(), link
            if section:
                headings = re.findall("^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
                assert section in [heading.lower().replace(" ", "-") for heading in headings], link
