"""The README's code gives the output that stands below it, and what it names is there."""

from __future__ import annotations

import configparser
import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n+```\n(.*?)```", README, re.DOTALL)


def test_every_piece_of_python_has_its_output_below() -> None:
    assert len(EXAMPLES) == README.count("```python") >= 2


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_the_output_is_what_the_code_prints(code: str, output: str) -> None:
    printed = io.StringIO()
    scope: dict[str, Any] = {}
    with contextlib.redirect_stdout(printed):
        exec(code, scope)
    assert printed.getvalue() == output


def test_the_first_example_is_six_lines() -> None:
    assert len(EXAMPLES[0][0].splitlines()) == 6


def test_the_picture_is_there_and_the_map_is_whole() -> None:
    picture = re.search(r"!\[.+\]\((.+?)\)", README)
    assert picture and (ROOT / picture[1]).is_file()
    rows = re.findall(r"^\| (`.+?) \|", README.partition("## The map")[2], re.MULTILINE)
    named = set()
    for row in rows:
        folder = ROOT
        for name in re.findall("`(.+?)`", row):
            path = ROOT / name if (ROOT / name).exists() else folder / name
            assert path.exists(), name
            folder = path.parent
            named.add(path)
    core = {p for p in (ROOT / "tinygrad_lite").iterdir() if p.name != "__pycache__" and p.name != "py.typed"}
    assert core - named == {ROOT / "tinygrad_lite" / "__init__.py"}


def test_each_command_stands_alone_on_a_line_that_can_be_copied() -> None:
    commands = re.findall(r"```sh\n(.*)\n```", README)
    assert len(commands) == 2
    for command, extra in zip(commands, ("train", "test")):
        install = f"python3.11 -m venv .venv && .venv/bin/pip install -e '.[{extra}]'"
        assert command.startswith(f"{install} && .venv/bin/python -m ")


def test_every_extra_is_named_with_its_reason() -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    named = {name for row in re.findall(r"^\| (`.+?) \|", README, re.MULTILINE) for name in re.findall("`(.+?)`", row)}
    assert set(settings["options.extras_require"]) <= named
