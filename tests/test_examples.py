"""The examples train, stop at Ctrl-C, go on to the last bit, and show what came of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.examples import cluster, convnet, gpt, lstm, mlp_moons, training

pytest.importorskip("matplotlib")
pytest.importorskip("threadpoolctl")
pytest.importorskip("tqdm")

FILES = {"checkpoint.npz", "training.png", "graph.svg"}
SMALL: dict[Any, list[str]] = {
    mlp_moons: ["--batch-size=200"],
    convnet: ["--batch-size=300"],
    lstm: ["--length=6", "--hidden=4", "--steps=3"],
    gpt: ["--steps=3", "--batch-size=4", "--context=8", "--width=8", "--heads=2", "--layers=2", "--text=TEXT"],
}


@pytest.fixture(params=SMALL, ids=lambda example: str(example.__name__).rsplit(".", 1)[-1])
def example(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, list[str]]:
    """An example, and arguments that make it small."""
    text = tmp_path / "text.txt"
    text.write_text("The quick brown fox jumps over the lazy dog. " * 20)
    return request.param, [a.replace("TEXT", str(text)) for a in SMALL[request.param]]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)


def interrupted(monkeypatch: pytest.MonkeyPatch, saves: int) -> None:
    """Press Ctrl-C after so many checkpoints."""
    count, save = 0, tg.save

    def save_and_press(*args: Any) -> None:
        nonlocal count
        save(*args)
        count += 1
        if count == saves:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(tg, "save", save_and_press)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_resumed_training_gives_what_an_unbroken_run_gives_to_the_last_bit(
    example: Any, suffix: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    module, arguments = example
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert module.main([*arguments, "--epochs", "4", "--out", str(whole)]) == 0
    unbroken = capsys.readouterr().out
    with monkeypatch.context() as patched:
        interrupted(patched, 2)
        assert module.main([*arguments, "--epochs", "4", "--out", str(parts)]) == training.INTERRUPTED
    said = capsys.readouterr().out
    assert "Stopped by Ctrl-C in epoch 3 of 4. Go on from the end of the last one with --resume." in said
    checkpoint = parts / f"checkpoint{suffix}"
    tg.save(tg.load(parts / "checkpoint.npz"), checkpoint)
    resume = ["--resume"] if suffix == ".npz" else ["--resume", str(checkpoint)]
    assert module.main([*resume, "--out", str(parts)]) == 0  # all other options are the checkpoint's
    said += capsys.readouterr().out
    assert same(tg.load(whole / "checkpoint.npz"), tg.load(parts / "checkpoint.npz"))
    for line in unbroken.splitlines():
        assert line in said or "whole" in line
    assert unbroken.count("validation loss") == 4
    assert {path.name for path in whole.iterdir()} == FILES
    assert (whole / "training.png").read_bytes().startswith(b"\x89PNG") and b"<svg" in (
        whole / "graph.svg"
    ).read_bytes()


def test_ctrl_c_in_the_first_epoch_keeps_nothing(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tg.nn.utils, "clip_grad_norm_", lambda *_: signal.raise_signal(signal.SIGINT))
    assert mlp_moons.main(["--out", str(tmp_path)]) == training.INTERRUPTED
    assert "Stopped by Ctrl-C in epoch 1 of 20. None was finished: nothing is kept." in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_cannot_be_used_is_named(tmp_path: Path, capsys: Any) -> None:
    def error(*arguments: str) -> str:
        with pytest.raises(SystemExit) as exit:
            mlp_moons.main(["--out", str(tmp_path), *arguments])
        return f"{capsys.readouterr().err}{exit.value.code}"

    assert "argument --resume: [Errno 2] No such file" in error("--resume")
    (tmp_path / "checkpoint.npz").write_bytes(b"none")
    assert "argument --resume: load: " in error("--resume")
    tg.save({"x": np.ones(2)}, tmp_path / "checkpoint.npz")
    assert "argument --resume: 'options'" in error("--resume")
    lstm.main(["--out", str(tmp_path), *SMALL[lstm], "--epochs", "1"])
    assert "The checkpoint is none of this model: " in error("--resume", str(tmp_path / "checkpoint.npz"))


def test_a_text_that_is_too_short_is_named(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "text.txt").write_text("abc")
    with pytest.raises(SystemExit):
        gpt.main(["--text", str(tmp_path / "text.txt"), "--out", str(tmp_path)])
    assert "argument --text: has 3 characters; needs 650 or more" in capsys.readouterr().err


def test_the_list_names_every_example() -> None:
    done = subprocess.run([sys.executable, "-m", "tinygrad_lite.examples"], capture_output=True, text=True, check=True)
    names = {path.stem for path in Path(training.__file__).parent.glob("*.py")}
    for name in names - {"__init__", "__main__", "training"}:
        assert f"python -m tinygrad_lite.examples.{name} " in done.stdout


def test_help_names_every_option(example: Any, capsys: Any) -> None:
    module, arguments = example
    with pytest.raises(SystemExit) as exit:
        module.main(["--help"])
    said = capsys.readouterr().out
    assert exit.value.code == 0 and f"python -m {module.__name__}" in said
    shared = ["--epochs", "--batch-size", "--lr", "--seed", "--out", "--resume"]
    assert all(option in said for option in [*shared, *(a.split("=")[0] for a in arguments)])


def test_the_cluster_example_names_what_cannot_be(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        cluster.main(["--shards", "0"])
    assert "argument --shards: invalid positive integer value: '0'" in capsys.readouterr().err


def test_an_example_may_be_copied_and_run_from_anywhere(tmp_path: Path) -> None:
    copy = tmp_path / "mine.py"
    copy.write_bytes(Path(str(mlp_moons.__file__)).read_bytes())
    command = [sys.executable, str(copy), "--epochs", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


# ----------------------------------------------------------------------------------------------------- each by itself


def test_moons_and_spirals_are_told_apart(tmp_path: Path, capsys: Any) -> None:
    for more in ([], ["--spirals"]):
        mlp_moons.main(["--out", str(tmp_path), *more])
        assert tg.load(tmp_path / "checkpoint.npz")["history"][-1]["validation accuracy"] > 0.95
    capsys.readouterr()


def test_lenet_reads_idx_files(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    for part, n in (("train", 300), ("t10k", 40)):
        labels = np.arange(n) % 10
        images = rng.integers(0, 50, (n, 28, 28))
        images[np.arange(n), 2 * labels + 4] = 255  # a line whose height is the label
        for name, a, axes in (("images-idx3", images, 3), ("labels-idx1", labels, 1)):
            content = bytes([0, 0, 8, axes]) + np.array(a.shape, ">i4").tobytes() + a.astype(np.uint8).tobytes()
            (tmp_path / f"{part}-{name}-ubyte").write_bytes(content)
    out = tmp_path / "out"
    assert convnet.main(["--data", str(tmp_path), "--out", str(out), "--batch-size", "20", "--epochs", "4"]) == 0
    assert "LeNet5" in capsys.readouterr().out
    state = tg.load(out / "checkpoint.npz")
    assert state["history"][-1]["validation accuracy"] == 1
    convnet.LeNet5().load_state_dict(state["model"])


def test_the_adding_problem_is_what_it_says() -> None:
    x, y = lstm.Adding(1000, 10).batch(range(1000))
    assert x.shape == (1000, 10, 2) and x.dtype == y.dtype == np.float32
    assert np.all(np.sum(x[:, :5, 1], axis=1) == 1) and np.all(np.sum(x[:, 5:, 1], axis=1) == 1)
    assert np.allclose(y, np.sum(x[..., 0] * x[..., 1], axis=1)) and 0.14 < np.var(y) < 0.19


def test_an_lstm_solves_the_adding_problem(tmp_path: Path, capsys: Any) -> None:
    """Short, for a test; of length 100 with the example's own settings it takes some minutes."""
    lstm.main(["--out", str(tmp_path), "--length=10", "--hidden=16", "--epochs=6", "--lr=0.03"])
    losses = [epoch["validation loss"] for epoch in tg.load(tmp_path / "checkpoint.npz")["history"]]
    assert losses[0] > 0.05 and losses[-1] < 0.01
    capsys.readouterr()


def test_a_window_s_targets_follow_its_characters() -> None:
    x, y = gpt.Excerpts(np.arange(100), 8, 5).batch(range(5))
    assert x.shape == y.shape == (5, 8) and np.array_equal(y, x + 1)
    starts = gpt.Excerpts(np.arange(10), 8, 5).batch(range(200))[0][:, 0]
    assert set(starts.tolist()) == {0, 1}  # no window reaches beyond the text


def test_the_gpt_does_not_look_ahead() -> None:
    model = gpt.GPT(5, context=6, width=8, heads=2, layers=2)
    x = np.array([[0, 1, 2, 3, 4, 0]])
    full, part = model(x), model(x[:, :3])
    assert np.allclose(full.data[:, :3], part.data, atol=1e-6)


def test_the_gpt_learns_a_text_and_writes_it(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "text.txt").write_text("abcd" * 500)
    sizes = ["--steps=60", "--batch-size=16", "--context=8", "--width=16", "--heads=2", "--layers=1", "--epochs=1"]
    gpt.main(["--text", str(tmp_path / "text.txt"), "--out", str(tmp_path), *sizes])
    before, after = capsys.readouterr().out.split("After training it writes:\n")
    assert "abcdabcdabcdabcd" in after and "abcdabcdabcdabcd" not in before


@pytest.mark.skipif(os.name == "nt", reason="on Windows Ctrl-C cannot be sent to one process alone")
def test_a_second_ctrl_c_stops_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), training.ctrl_c() as pressed:
        signal.raise_signal(signal.SIGINT)
        assert pressed.is_set()
        signal.raise_signal(signal.SIGINT)
