"""The exercises are the library's own rules without their closures, and the check tells right from wrong."""

from __future__ import annotations

import contextlib
import io
import runpy
from pathlib import Path
from typing import Any

import pytest

from tinygrad_lite import exercises
from tinygrad_lite.exercises import EXERCISES, exercise
from tinygrad_lite.graph import OPS


def run(path: Path) -> list[str]:
    """What the file says of each gradient when it is run."""
    table, said = dict(OPS), io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_path(str(path), run_name="__main__")
    finally:
        OPS.update(table)  # the learner's op took the place of ours
    return [line.split("  ", 2)[2] for line in said.getvalue().splitlines() if line.startswith("  ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exercises") / "new"
    assert exercises.main([str(folder)]) == 0
    return folder


@pytest.mark.parametrize("name", EXERCISES)
def test_each_begins_unsolved_and_the_librarys_own_code_solves_it(name: str, folder: Path, tmp_path: Path) -> None:
    number = list(EXERCISES).index(name) + 1
    unsolved = folder / f"{number:02}_{name}.py"
    assert "..." in unsolved.read_text("utf-8")
    assert set(run(unsolved)) == {"is still to be written"}
    solved = tmp_path / unsolved.name
    solved.write_text(exercise(name, number, blank=False), "utf-8")
    assert set(run(solved)) == {"right, to second order"}


def test_the_formula_stays_and_no_closure_does(folder: Path) -> None:
    text = (folder / "02_multiply.py").read_text("utf-8")
    assert "∂L/∂x = g · y" in text
    assert "return x * y, (lambda g: ..., lambda g: ...)" in text
    assert "def grad_x" not in (folder / "09_matmul.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("closure", "said"),
    [
        ("g * x", "is wrong: order 1, input 0 of shape (2, 3), element ["),
        ("g * y + 0 * undefined", "fails: NameError: name 'undefined' is not defined"),
    ],
)
def test_what_is_wrong_is_said(closure: str, said: str, folder: Path, tmp_path: Path) -> None:
    text = (folder / "02_multiply.py").read_text("utf-8")
    path = tmp_path / "multiply.py"
    path.write_text(
        text.replace("lambda g: ...", f"lambda g: {closure}", 1).replace("lambda g: ...", "lambda g: g * x"), "utf-8"
    )
    of_x, of_y, *_ = run(path)
    assert of_x.startswith(said)
    assert of_y == "right, to second order"


def test_inputs_of_one_element_differ(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "multiply.py"
    path.write_text((folder / "02_multiply.py").read_text("utf-8").replace("lambda g: ...", "lambda g: g * x"), "utf-8")
    *_, of_x, of_y = run(path)  # of scalars
    assert of_x.startswith("is wrong: order 1, input 0: backprop gives")
    assert of_y == "right, to second order"


def test_the_inputs_are_also_checked_together(tmp_path: Path) -> None:
    path = tmp_path / "multiply.py"
    path.write_text(exercise("multiply", 2, blank=False).replace("@op", "@op(linear=True)"), "utf-8")
    assert all(said.startswith("is right alone, but not while the others vary too: order 2, in") for said in run(path))


@pytest.mark.parametrize("name", EXERCISES)
def test_what_an_exercise_calls_is_explained_and_its_lines_are_short(name: str) -> None:
    text = exercise(name, 1)
    assert max(map(len, text.splitlines())) <= 120
    explained = dict(line[2:].split(":  ", 1) for line in text.splitlines() if line.startswith("# ") and ":  " in line)
    assert all(explained.values()) and not any(line.endswith("):") for line in text.splitlines() if line[0:1] == "#")
    called = {"max_pool2d": {"put", "first_max", "max_pool_forward", "pooling"}, "matmul": {"T", "matrix_product"}}
    called["conv2d"] = {"conv_forward", "conv_input", "conv_weight", "sliding", "sum_but_channels"}
    assert called.get(name, set()) <= {call.partition("(")[0] for call in explained}


def test_nothing_is_ever_overwritten(folder: Path, capsys: Any) -> None:
    mine = folder / "01_add.py"
    before = mine.read_text("utf-8")
    mine.write_text("what I wrote", "utf-8")
    try:
        assert exercises.main([str(folder)]) == 1
        assert "01_add.py is there already" in capsys.readouterr().err
        assert mine.read_text("utf-8") == "what I wrote"
    finally:
        mine.write_text(before, "utf-8")
