"""The main job, run as a user runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.examples import convnet, training

pytest.importorskip("matplotlib")
pytest.importorskip("threadpoolctl")
pytest.importorskip("tqdm")

COMMAND = [sys.executable, "-m", "tinygrad_lite"]
FILES = ("checkpoint.npz", "training.png", "graph.svg")


def run(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "--out", str(out), *options], capture_output=True, text=True)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of two epochs: its folder, what it printed."""
    out = tmp_path_factory.mktemp("main") / "new" / "folder"
    done = run(out, "--epochs", "2", "--seed", "3")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_it_reports_each_epoch_the_hardest_digits_and_the_files(short: tuple[Path, str]) -> None:
    out, said = short
    epochs = re.findall(
        r"^epoch (\d)   loss (\d\.\d{4})   validation loss \d\.\d{4}   validation accuracy (\d+\.\d\d)%$",
        said,
        re.MULTILINE,
    )
    assert [e for e, _, _ in epochs] == ["1", "2"]
    assert float(epochs[1][1]) < float(epochs[0][1])
    assert "The digits that were hardest to read:" in said
    assert re.search(r"^  \d: \d+ of \d+ right \(\d+\.\d%\), taken for \d \(\d+×\)", said, re.MULTILINE)
    assert all(str(out / name) in said for name in FILES)


def test_ci_looks_for_these_files() -> None:
    script = (Path(__file__).parent.parent / ".ci" / "run").read_text(encoding="utf-8")
    assert set(re.findall(r"\bout/([\w.]+)", script)) == set(FILES)


def test_it_writes_weights_that_load_and_pictures_that_open(short: tuple[Path, str]) -> None:
    out, said = short
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES)
    model = convnet.ConvNet()
    model.load_state_dict(tg.load(out / "checkpoint.npz")["model"])
    (images, _), (test, labels) = tg.data.split(*tg.data.digits(), seed=3)
    test = (test - np.mean(images)) / np.std(images)
    counts = convnet.confusion(model, tg.data.TensorDataset(test, labels))
    assert f"{np.trace(counts) / np.sum(counts):.2%}" == re.findall(r"validation accuracy (.*)", said)[-1]
    assert (out / "training.png").read_bytes().startswith(b"\x89PNG")
    svg = ElementTree.parse(out / "graph.svg").getroot()
    assert svg.tag.endswith("svg")
    shown = " ".join(svg.itertext())
    assert all(name in shown for name in ("conv1", "conv2", "max_pool2d", "avg_pool2d", "relu", "bias"))


def test_the_same_seed_gives_the_same_result_to_the_last_bit(short: tuple[Path, str], tmp_path: Path) -> None:
    out, said = short
    again, other = (run(tmp_path / name, "--epochs", "2", "--seed", seed) for name, seed in (("a", "3"), ("b", "4")))
    assert again.stdout.replace(str(tmp_path / "a"), str(out)) == said
    assert other.stdout.replace(str(tmp_path / "b"), str(out)) != said
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (out / name).read_bytes(), name


def test_it_reads_98_5_percent_of_unseen_digits_right(tmp_path: Path) -> None:
    accuracies = []
    for seed in range(5):
        done = run(tmp_path, "--seed", str(seed))
        accuracies.append(float(re.findall(r"validation accuracy (\d+\.\d\d)%", done.stdout)[-1]))
    assert np.mean(accuracies) >= 98.5 and min(accuracies) >= 97.5, accuracies


@pytest.mark.skipif(os.name == "nt", reason="on Windows Ctrl-C cannot be sent to one process alone")
def test_ctrl_c_stops_after_the_batch_and_keeps_what_was_trained_until_the_last_epoch(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--epochs", "10000", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        while "epoch" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(0.1)  # somewhere in an epoch
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert re.search(
        r"Stopped by Ctrl-C in epoch \d+ of 10000. Go on from the end of the last one with --resume.", said
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)
    assert not np.array_equal(tg.load(tmp_path / "checkpoint.npz")["model"]["out.bias"], np.zeros(10))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--epochs", "0"], "argument --epochs: invalid positive integer value: '0'"),
        (["--epochs", "1.5"], "argument --epochs: invalid positive integer value"),
        (["--batch-size", "-1"], "argument --batch-size: invalid positive integer value"),
        (["--lr", "0"], "argument --lr: invalid positive number value"),
        (["--lr", "nan"], "argument --lr: invalid positive number value"),
        (["--lr", "inf"], "argument --lr: invalid positive number value"),
        (["--lr", "fast"], "argument --lr: invalid positive number value: 'fast'"),
        (["--seed", "-1"], "argument --seed: invalid natural number value"),
        (["--out", "FILE"], "argument --out: cannot write into"),
        (["--out", "FILE/below"], "argument --out: cannot write into"),
    ],
)
def test_what_cannot_be_is_refused_before_training(
    options: list[str], said: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "FILE").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit:
        convnet.main(options)
    assert exit.value.code == 2
    printed = capsys.readouterr()
    assert said in printed.err and printed.out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["FILE"]


@pytest.mark.parametrize("name", ["matplotlib", "threadpoolctl", "tqdm"])
def test_a_missing_package_is_named_before_training(
    name: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "find_spec", lambda wanted: None if wanted == name else True)
    with pytest.raises(SystemExit):
        convnet.main(["--out", str(tmp_path)])
    assert f"needs {name}: pip install 'tinygrad-lite[train]'" in capsys.readouterr().err


def test_a_learning_rate_that_diverges_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "--lr", "1e20", "--epochs", "3")
    assert done.returncode == 1
    assert re.fullmatch(r"The loss is (nan|inf) in epoch 1: try a smaller --lr than 1e\+20\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_only_the_last_step_broke_are_not_kept(tmp_path: Path) -> None:
    done = run(tmp_path, "--lr", "1e300", "--epochs", "1", "--batch-size", "9999")
    assert done.returncode == 1
    assert done.stderr == "The validation loss is nan in epoch 1: try a smaller --lr than 1e+300\n"
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_option(capsys: Any) -> None:
    with pytest.raises(SystemExit) as exit:
        convnet.main(["--help"])
    assert exit.value.code == 0
    said = capsys.readouterr().out
    assert all(option in said for option in ("--epochs", "--batch-size", "--lr", "--seed", "--out"))


def test_a_perfect_reader_has_no_hardest_digits() -> None:
    assert convnet.hardest(np.diag(np.arange(10))) == "No digit of the test was misread."
    counts = np.diag([9] * 10)
    counts[7, [1, 2]] = [1, 2]
    assert convnet.hardest(counts).splitlines()[1:] == ["  7: 9 of 12 right (75.0%), taken for 2 (2×), 1 (1×)"]
