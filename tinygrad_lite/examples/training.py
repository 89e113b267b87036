"""What the examples share: their options, and a training loop that keeps checkpoints, survives Ctrl-C and draws."""

from __future__ import annotations

import argparse
import math
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn, viz

INTERRUPTED = 130  # the exit status of a command that was stopped by Ctrl-C


def number(kind: type[float], least: float, what: str) -> Callable[[str], float]:
    """A `type` for argparse: a finite number of at least `least`."""

    def convert(text: str) -> float:
        if not least <= (value := kind(text)) < math.inf:
            raise ValueError
        return value

    convert.__name__ = what  # argparse says it
    return convert


POSITIVE = number(int, 1, "positive integer")


def parser(module: str, description: str | None, epochs: int, batch_size: int, lr: float) -> argparse.ArgumentParser:
    """The options that all examples have, with these defaults."""
    result = argparse.ArgumentParser(
        f"python -m {module}", description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    result.add_argument("--epochs", type=POSITIVE, default=epochs, help="times through the training data")
    result.add_argument("--batch-size", type=POSITIVE, default=batch_size, help="examples per step")
    rate = number(float, math.ulp(0), "positive number")
    result.add_argument("--lr", type=rate, default=lr, help="learning rate to start from; it falls to 0")
    result.add_argument("--seed", type=number(int, 0, "natural number"), default=0, help="of all that is random")
    result.add_argument("--out", type=Path, default=Path("out"), help="folder for checkpoint, curves and graph")
    said = "go on from this checkpoint, by default the one in --out, with the options that it was made with"
    result.add_argument("--resume", nargs="?", const="", metavar="FILE", help=said)
    return result


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, and the random numbers of their seed.

    Exits with a message if an option is invalid, or if something that is needed later is missing.
    """
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
    options.state = None
    if options.resume is not None:
        try:
            options.state = tg.load(options.resume or options.out / "checkpoint.npz")
            vars(options).update(options.state["options"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            parser.error(f"argument --resume: {error}")
    tg.manual_seed(options.seed)
    return options


def fit(
    model: nn.Module, loss: Callable[..., Any], train: tg.data.DataLoader, valid: tg.data.DataLoader,
    options: argparse.Namespace, optimizer: tg.optim.Optimizer, measure: Callable[[], dict[str, float]] = dict,
    clip: float = math.inf, threads: int | None = 1,
) -> int:  # fmt: skip
    """Train `model` by `loss(*batch)`, and keep a checkpoint after every epoch; returns the exit status.

    The learning rate falls to 0 along half a cosine. `measure()` gives what is reported beside the losses. Gradients
    are scaled to a norm of at most `clip`. For small matrices one of NumPy's threads is as fast as two, gives the same
    bits on any number of cores, and waits for nobody on a busy machine; `threads=None` takes all.
    """
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm

    scheduler = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs * len(train))
    parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    history: list[dict[str, float]] = []
    if options.state is not None:
        try:
            for name, part in parts.items():
                part.load_state_dict(options.state[name])
            tg.random.set_state(options.state["random"])
            history = options.state["history"]
        except (KeyError, ValueError, TypeError) as error:
            raise SystemExit(f"The checkpoint is none of this model: {error}") from error
    settings = {k: v for k, v in vars(options).items() if k not in ("out", "resume", "state")}
    checkpoint, curves, graph = (options.out / name for name in ("checkpoint.npz", "training.png", "graph.svg"))
    steps, done = options.epochs * len(train), len(history) * len(train)
    bars = tqdm(total=steps, initial=done, unit="batch", leave=False, disable=None)
    with threadpool_limits(threads), np.errstate(over="ignore", invalid="ignore"), bars as bar, ctrl_c() as pressed:
        for epoch in range(len(history) + 1, options.epochs + 1):
            losses = []
            model.train()
            for batch in train:
                value = loss(*batch)
                optimizer.zero_grad()
                value.backward()
                nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
                scheduler.step()
                losses.append(finite(value.item(), "loss", epoch, options))
                bar.update()
                if pressed.is_set():
                    break
            if pressed.is_set():
                break
            model.eval()
            with tg.no_grad():
                total = sum(loss(*batch).item() * len(batch[0]) for batch in valid)
                validation = finite(total / len(valid.dataset), "validation loss", epoch, options)
                history.append({"loss": float(np.mean(losses)), "validation loss": validation, **measure()})
            said = (f"{k} {v:.2%}" if k.endswith("accuracy") else f"{k} {v:.4f}" for k, v in history[-1].items())
            bar.write(f"epoch {epoch:{len(str(options.epochs))}}   {'   '.join(said)}")
            state = {name: part.state_dict() for name, part in parts.items()}
            rest = {"options": settings, "random": tg.random.get_state(), "history": history}
            tg.save({**state, **rest}, checkpoint)
    stopped = len(history) < options.epochs
    if stopped:
        then = "Go on from the end of the last one with --resume." if history else "None was finished: nothing is kept."
        print(f"Stopped by Ctrl-C in epoch {len(history) + 1} of {options.epochs}. {then}")
    if history:
        x, *more = (a[:1] for a in next(iter(valid)))
        viz.plot_history(history).savefig(curves, dpi=150)
        viz.draw(loss(tg.Tensor(x, name="x"), *more)).save(graph)
        print(f"checkpoint {checkpoint}\ncurves     {curves}\ngraph      {graph}")
    return INTERRUPTED if stopped else 0


def finite(value: float, what: str, epoch: int, options: argparse.Namespace) -> float:
    """`value`, or the end with a message."""
    if not math.isfinite(value):
        raise SystemExit(f"The {what} is {value} in epoch {epoch}: try a smaller --lr than {options.lr:g}")
    return value


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
