"""The benchmark suite runs, compares what libraries compute before it times them, and reports what it measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .benchmarks.__main__ import difference, main, measure
from .benchmarks.libraries import tinygrad_lite
from .benchmarks.report import duration, readme, table
from .benchmarks.workloads import WORKLOADS

HERE = Path(__file__).parent / "benchmarks"
RECORD: dict[str, Any] = json.loads((HERE / "records" / "amd-epyc-avx-512.json").read_text("utf-8"))
LARGE = ("100,000", "batch 256", "32×64×32", "4096×1000")
SMALL = [name for name in WORKLOADS if not any(part in name for part in LARGE)]


@pytest.mark.parametrize("name", SMALL)
def test_every_workload_runs_and_its_gradients_have_the_shapes_of_its_inputs(name: str) -> None:
    library = tinygrad_lite(1)
    value, *gradients = library.arrays(WORKLOADS[name].prepare(library)())
    inputs, _ = WORKLOADS[name].data()
    if WORKLOADS[name].kind in ("vjp", "train"):
        assert [np.shape(g) for g in gradients] == [np.shape(x) for x in inputs]
    assert np.all(np.isfinite(value))


def test_the_command_measures_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results, text = tmp_path / "results.json", tmp_path / "README.md"
    text.write_text("before\n<!-- benchmarks -->old<!-- /benchmarks -->\nafter\n", "utf-8")
    arguments = [
        "--threads",
        "1",
        "--rounds",
        "2",
        "--seconds",
        "0.01",
        "--libraries",
        "tinygrad_lite",
        "--only",
        "c, 10",
    ]
    assert main([*arguments, "--json", str(results), "--readme", str(text)]) == 0
    kept = json.loads(results.read_text("utf-8"))
    assert kept["system"]["threads"] == 1
    assert 0 < kept["workloads"]["Σ a·b + c, 10"]["tinygrad_lite"]["seconds"] < 0.1
    assert "Σ a·b + c, 10 |" in capsys.readouterr().out
    assert text.read_text("utf-8").startswith("before\n<!-- benchmarks -->\n| workload")
    assert text.read_text("utf-8").endswith("<!-- /benchmarks -->\nafter\n")


class Told:
    """A worker whose answers are given."""

    def __init__(self, value: Any, seconds: float) -> None:
        self.answers = {"value": value, "time": seconds}

    def ask(self, what: str, *rest: Any) -> Any:
        return self.answers[what]


def test_ratios_are_formed_and_a_wrong_answer_is_not_timed() -> None:
    right = [np.ones(3)]
    workers: Any = {
        "tinygrad_lite": Told(right, 2.0),
        "torch": Told(right, 4.0),
        "mygrad": Told([np.ones(3) * 1.1], 1.0),
    }
    row = measure("name", workers, rounds=3, seconds=0, cpu=False)
    assert row["torch"]["ratio"] == 0.5
    assert row["torch"]["quartiles"] == [0.5, 0.5]
    assert "seconds" not in row["mygrad"]
    assert row["mygrad"]["differs"] == pytest.approx(0.1)
    told: Any = {"tinygrad_lite": Told(RuntimeError("no such thing"), 0.0), "torch": Told(right, 1.0)}
    assert measure("name", told, rounds=1, seconds=0, cpu=False)["tinygrad_lite"] == {"missing": "no such thing"}


def test_differences_are_relative_to_the_largest_element() -> None:
    assert difference([np.array([1.0, 200.0])], [np.array([0.0, 200.0])]) == 0.005
    assert difference([np.ones(2)], [np.ones(3)]) == float("inf")
    assert difference([np.array([np.nan])], [np.ones(1)]) == float("inf")


def test_a_readme_without_marks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no marks")
    with pytest.raises(ValueError, match="no <!-- benchmarks -->"):
        readme(tmp_path / "README.md", {"system": {"libraries": {}}})


def test_the_table_says_what_is_missing() -> None:
    system = {
        "processor": "P",
        "threads": 1,
        "clock": "wall time",
        "python": "3",
        "numpy": "2",
        "libraries": {"torch": {"version": "1"}},
    }
    row = {"tinygrad_lite": {"seconds": 0.5}, "torch": {"missing": "x"}}
    assert "| w | 500 ms | – |" in table({"system": system, "workloads": {"w": row}})


def test_the_page_holds_what_was_measured() -> None:
    page = (HERE / "README.md").read_text("utf-8")
    assert f"<!-- benchmarks -->\n{table(RECORD)}\n<!-- /benchmarks -->" in page, (
        "stale: python -m tests.benchmarks --report --readme --plot"
    )


def test_the_rows_in_the_front_readme_are_the_record_s() -> None:
    text = (HERE.parent.parent / "README.md").read_text("utf-8").partition("## Speed")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ([\d.]+) \|$", text, re.MULTILINE)
    assert len(rows) == 6
    for name, time, ratio in rows:
        row = RECORD["workloads"][name]
        assert (time, ratio) == (duration(row["tinygrad_lite"]["seconds"]), f"{row['torch']['ratio']:.2f}"), name
    assert RECORD["system"]["processor"] in text
    assert RECORD["system"]["threads"] == 2 and "two threads" in text
