"""`python -m tinygrad_lite`: train a conv net on the bundled digits, and draw its graph."""

from __future__ import annotations

import argparse
import math
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn, viz

INTERRUPTED = 130  # the exit status of a command that was stopped by Ctrl-C


class ConvNet(nn.Module):
    """conv2d → relu → max-pool → conv2d → relu → avg-pool → linear: (N, 1, 8, 8) images to (N, 10) scores.

    The max-pool has stride 1, so that the second convolution sees 7×7 positions instead of 4×4: worth half a percent.
    """

    def __init__(self) -> None:
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.out = nn.Linear(32 * 3 * 3, 10)

    def forward(self, x: Any) -> Any:
        x = tg.max_pool2d(tg.relu(self.conv1(x)), 2, stride=1)
        x = tg.avg_pool2d(tg.relu(self.conv2(x)), 2)
        return self.out(x.reshape(-1, 32 * 3 * 3))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, report, write; returns the exit status."""
    options = parsed(arguments)
    tg.manual_seed(options.seed)
    images, labels = tg.data.digits()
    images = (images - np.float32(0.305)) / np.float32(0.376)  # the ink's mean and standard deviation
    train, test = tg.data.split(images, labels, seed=options.seed)
    model = ConvNet()
    print(f"{model}\n{len(train[1])} digits to learn from, {len(test[1])} held out to test on")

    history, stopped = fit(model, train, test, options)
    print(hardest(confusion(model, *test)))
    if stopped:
        print(f"Stopped by Ctrl-C in epoch {len(history)} of {options.epochs}. What was trained until then is kept.")

    weights, curves, graph = (options.out / name for name in ("weights.npz", "training.png", "graph.svg"))
    tg.save(model.state_dict(), weights)
    viz.plot_history(history).savefig(curves, dpi=150)
    x = tg.Tensor(test[0][:1], name="x")
    viz.draw(tg.cross_entropy(model(x), test[1][:1])).save(graph)
    print(f"weights  {weights}\ncurves   {curves}\ngraph    {graph}")
    return INTERRUPTED if stopped else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options. Exits with a message if one is invalid, or if something that is needed later is missing."""
    parser = argparse.ArgumentParser(
        "python -m tinygrad_lite",
        description="Train a conv net on the bundled handwritten digits by backpropagation, and draw its graph.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )

    def number(kind: Any, least: float, what: str) -> Any:
        def convert(text: str) -> Any:
            try:
                value = kind(text)
            except ValueError:
                value = math.nan
            if not least <= value < math.inf:
                raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}")
            return value

        return convert

    positive = number(int, 1, "a positive integer")
    parser.add_argument("--epochs", type=positive, default=15, help="times through the training digits")
    parser.add_argument("--batch-size", type=positive, default=64, help="digits per step")
    rate = number(float, math.ulp(0), "a positive number")
    parser.add_argument("--lr", type=rate, default=0.01, help="learning rate to start from; it falls to 0")
    natural = number(int, 0, "an integer of at least 0")
    parser.add_argument("--seed", type=natural, default=0, help="of all that is random")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for weights, curves and graph")
    options = parser.parse_args(arguments)

    missing = [name for name in ("matplotlib", "threadpoolctl", "tqdm") if find_spec(name) is None]
    if missing:
        parser.error(f"needs {' and '.join(missing)}: pip install 'tinygrad-lite[train]'")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=options.out):
            pass
    except OSError as error:
        parser.error(f"argument --out: cannot write into {str(options.out)!r}: {error.strerror}")
    return options


def fit(model: nn.Module, train: Any, test: Any, options: argparse.Namespace) -> tuple[list[dict[str, float]], bool]:
    """Train `model`; the mean loss and the test accuracy of each epoch, and whether Ctrl-C stopped it."""
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm

    optimizer = tg.optim.AdamW(model.parameters(), lr=options.lr)
    steps = options.epochs * math.ceil(len(train[1]) / options.batch_size)
    history = []
    step = 0
    # For matrices this small one thread is as fast as two, gives the same bits on any number of cores, and does not
    # wait for other threads on a busy machine (measured: 3 s instead of 50).
    one_thread, no_warnings = threadpool_limits(1), np.errstate(over="ignore", invalid="ignore")
    bars = tqdm(total=steps, unit="batch", leave=False, disable=None)
    with one_thread, no_warnings, bars as bar, ctrl_c() as pressed:
        for epoch in range(1, options.epochs + 1):
            losses = []
            for x, y in tg.data.batches(*train, batch_size=options.batch_size):
                optimizer.lr = options.lr * (1 + math.cos(math.pi * step / steps)) / 2
                # Label smoothing spreads a tenth of each label over all digits, so this loss never falls below 0.50.
                loss = tg.cross_entropy(model(tg.Tensor(x)), y, label_smoothing=0.1)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                if not math.isfinite(losses[-1]):
                    advice = f"try a smaller --lr than {options.lr:g}"
                    raise SystemExit(f"The loss is {losses[-1]} in epoch {epoch}: {advice}")
                step += 1
                bar.update()
                if pressed.is_set():
                    break
            if not all(np.isfinite(p.data).all() for p in model.parameters()):  # no loss has seen the last step
                raise SystemExit(f"The weights overflowed in epoch {epoch}: try a smaller --lr than {options.lr:g}")
            counts = confusion(model, *test)
            now = {"loss": float(np.mean(losses)), "test accuracy": float(np.trace(counts) / np.sum(counts))}
            history.append(now)
            said = f"loss {now['loss']:.4f}   test accuracy {now['test accuracy']:.2%}"
            bar.write(f"epoch {epoch:{len(str(options.epochs))}}   {said}")
            if pressed.is_set():
                break
    return history, pressed.is_set()


@contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event and lets the work go on; a second one stops it."""
    pressed = threading.Event()

    def press(*_: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def confusion(model: nn.Module, images: Any, labels: Any) -> Any:
    """counts[i, j]: how many images of the digit i the model reads as j, (10, 10)."""
    with tg.no_grad():
        read = np.argmax(model(tg.Tensor(images)), axis=1)
    return np.bincount(10 * labels + read, minlength=100).reshape(10, 10)


def hardest(counts: Any, most: int = 3) -> str:
    """The digits that were most often misread, and what they were mistaken for."""
    of, right = np.sum(counts, axis=1), np.diag(counts)
    digits = [i for i in np.argsort(right / np.maximum(of, 1), kind="stable")[:most] if right[i] < of[i]]
    if not digits:
        return "No digit of the test was misread."
    lines = ["The digits that were hardest to read:"]
    for i in digits:
        taken = [f"{j} ({counts[i, j]}×)" for j in np.argsort(-counts[i], kind="stable") if j != i and counts[i, j]]
        lines.append(f"  {i}: {right[i]} of {of[i]} right ({right[i] / of[i]:.1%}), taken for {', '.join(taken)}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
