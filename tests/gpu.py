"""Run by hand where CuPy and a GPU are: is every op right there, and how long do steps take beside PyTorch's?

    pip install cupy-cuda12x torch
    python -m tests.gpu                # three minutes at most
    python -m tests.gpu --stand-in     # without a GPU: that the script runs; its times say nothing

It prints a table of the ops that fail (forward, backward and second order against NumPy's), with the reason, and a
table of step times: an MLP, LeNet-5 and a transformer, here and in PyTorch on the same device.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn, optim

from . import fake_cupy
from .cases import Case, all_cases

SECONDS_FOR_OPS, SECONDS_FOR_A_MODEL = 75, 12  # of 180 in all: six models, and what importing and compiling take
RNG = np.random.default_rng(0)


# ------------------------------------------------------------------------------------------------------------- the ops


def forward(case: Case, put: Any) -> list[Any]:
    return [case.f(*[tg.Tensor(put(np.asarray(x, np.float64))) for x in case.inputs])]


def backward(case: Case, put: Any) -> list[Any]:
    xs = [tg.Tensor(put(np.asarray(x, np.float64)), requires_grad=True) for x in case.inputs]
    np.sum(np.tanh(case.f(*xs))).backward()
    return [x.grad for x in xs]


def second_order(case: Case, put: Any) -> list[Any]:
    xs = [tg.Tensor(put(np.asarray(x, np.float64)), requires_grad=True) for x in case.inputs]
    np.sum(np.tanh(case.f(*xs))).backward(create_graph=True)
    first = [x.grad for x in xs if x.grad is not None and x.grad.requires_grad]
    for x in xs:
        x.zero_grad()
    if first:
        sum(np.sum(g * g) for g in first).backward()
    return [x.grad for x in xs]


ORDERS: list[Callable[[Case, Any], list[Any]]] = [forward, backward, second_order]


def reason(case: Case, order: Callable[[Case, Any], list[Any]], library: Any) -> str:
    """Why the case fails on the device, or nothing."""
    try:
        expected, found = order(case, np.array), order(case, library.asarray)
        for a, b in zip(found, expected, strict=True):
            if b is not None:
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-9)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:100]
    return ""


def ops(library: Any) -> None:
    """A line for each op that fails, and how many there are."""
    end, right, seen = time.monotonic() + SECONDS_FOR_OPS, [0, 0, 0], 0
    cases = all_cases()
    for name in sorted(cases):
        if time.monotonic() > end:
            break
        seen += 1
        for i, order in enumerate(ORDERS):
            failed = next(filter(None, (reason(case, order, library) for case in cases[name])), "")
            right[i] += not failed
            if failed:
                print(f"{name:24} {order.__name__:13} {failed}")
                break
    late = "" if seen == len(cases) else f" (time was up: {len(cases) - seen} ops were not run)"
    said = ", ".join(f"{n} {order.__name__}" for n, order in zip(right, ORDERS))
    print(f"\nright of {seen} ops: {said}{late}\n")


# --------------------------------------------------------------------------------------------------------- step times


def mlp() -> Any:
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


class GPT(nn.Module):
    """Two causal blocks over the embeddings of words and places."""

    def __init__(self) -> None:
        self.words, self.places = nn.Embedding(20, 16), nn.Embedding(12, 16)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 32, activation="gelu", batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.norm, self.out = nn.LayerNorm(16), nn.Linear(16, 20)

    def forward(self, words: Any) -> Any:
        h = self.words(words) + self.places(np.arange(12))
        for block in self.blocks:
            h = block(h, is_causal=True, src_mask=np.tri(12, dtype=bool))
        return self.out(self.norm(h))


def torchs(name: str, torch: Any) -> Any:
    """PyTorch's model of the same name."""
    n = torch.nn
    if name == "MLP":
        return n.Sequential(n.Linear(784, 512), n.ReLU(), n.Linear(512, 512), n.ReLU(), n.Linear(512, 10))
    if name == "LeNet-5":
        return n.Sequential(
            n.Conv2d(1, 6, 5, padding=2), n.ReLU(), n.MaxPool2d(2), n.Conv2d(6, 16, 5), n.ReLU(), n.MaxPool2d(2),
            n.Flatten(), n.Linear(400, 120), n.ReLU(), n.Linear(120, 84), n.ReLU(), n.Linear(84, 10),
        )  # fmt: skip

    class Transformer(n.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = n.Embedding(20, 16), n.Embedding(12, 16)
            layer = n.TransformerEncoderLayer(16, 2, 32, activation="gelu", batch_first=True, norm_first=True)
            self.blocks, self.norm, self.out = n.TransformerEncoder(layer, 2), n.LayerNorm(16), n.Linear(16, 20)

        def forward(self, words: Any) -> Any:
            h = self.words(words) + self.places(torch.arange(12, device=words.device))
            mask = torch.triu(torch.ones(12, 12, dtype=torch.bool, device=words.device), 1)
            return self.out(self.norm(self.blocks(h, mask)))

    return Transformer()


MODELS: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "MLP": (mlp, RNG.normal(size=(256, 784)).astype(np.float32), RNG.integers(0, 10, 256)),
    "LeNet-5": (lenet, RNG.normal(size=(64, 1, 28, 28)).astype(np.float32), RNG.integers(0, 10, 64)),
    "transformer": (GPT, RNG.integers(0, 20, (32, 12)), RNG.integers(0, 20, (32, 12))),
}


def timed(step: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """The median milliseconds of a step, after some to warm up."""
    end = time.monotonic() + SECONDS_FOR_A_MODEL
    times: list[float] = []
    while len(times) < 60 and (len(times) < 4 or time.monotonic() < end):
        start = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[len(times) // 4 :])


def our_step(name: str, library: Any) -> Callable[[], Any]:
    make, x, y = MODELS[name]
    model = make().to(library.asarray(np.float32(0)))
    optimizer = optim.SGD(model.parameters(), 0.01)
    x, y = library.asarray(x), library.asarray(y)

    def step() -> None:
        scores = model(x if x.dtype.kind == "i" else tg.Tensor(x))
        loss = F.cross_entropy(scores.reshape(-1, scores.shape[-1]), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def torch_step(name: str, torch: Any, device: str) -> Callable[[], Any]:
    _, x, y = MODELS[name]
    model = torchs(name, torch).to(device)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    x, y = (torch.from_numpy(a).to(device) for a in (x, y))

    def step() -> None:
        scores = model(x)
        loss = torch.nn.functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def steps(library: Any, wait: Callable[[], Any], device: str) -> None:
    """A line for each model."""
    torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") else None
    print(f"{'step':14}{'ours':>10}{'PyTorch':>11}{'ratio':>9}")
    for name in MODELS:
        ours = timed(our_step(name, library), wait)
        if torch is None:
            print(f"{name:14}{ours:7.2f} ms")
            continue
        theirs = timed(torch_step(name, torch, device), torch.cuda.synchronize if device == "cuda" else lambda: None)
        print(f"{name:14}{ours:7.2f} ms{theirs:8.2f} ms{ours / theirs:9.1f}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m tests.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stand-in", action="store_true", help="without a GPU: that the script runs")
    if parser.parse_args(arguments).stand_in:
        library, wait, device = fake_cupy, lambda: None, "cpu"
        print("the stand-in: NumPy behind CuPy's manners\n")
    else:
        import cupy

        library, wait, device = cupy, cupy.cuda.Device().synchronize, "cuda"
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        print(f"CuPy {cupy.__version__} on {name}, NumPy {np.__version__}\n")
    start = time.monotonic()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        ops(library)
        steps(library, wait, device)
    print(f"\n{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
