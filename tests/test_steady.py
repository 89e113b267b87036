"""Memory stays where it is over thousands of steps, with Python's cyclic garbage collector off.

Each loop runs 2,000 times; from the 200th pass to the last, no object that Python tracks may be left over, and (on
Linux) the process may grow by no more than a MiB: a graph kept at each pass would take 5.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn

if sys.platform == "linux":
    import resource

STEPS, WARM = 2_000, 200
X = np.random.default_rng(0).normal(size=(8, 1, 6, 6)).astype(np.float32)
Y = np.arange(8) % 3


def training() -> Callable[[], Any]:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(32, 3)
    )
    optimizer = tg.optim.Adam(model.parameters())

    def step() -> None:
        loss = tg.cross_entropy(model(tg.Tensor(X)), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def recurrence() -> Callable[[], Any]:
    w = tg.Tensor(np.eye(4) * 0.5, requires_grad=True)
    state = [tg.Tensor(np.ones(4))]

    def step() -> None:
        h = np.tanh(w @ state[0] + 1)
        h.sum().backward()
        w.zero_grad()
        state[0] = h.detach()

    return step


def inference() -> Callable[[], Any]:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3)).eval()
    return tg.no_grad(lambda: model(tg.Tensor(X)))


def derivatives() -> Callable[[], Any]:
    x = np.linspace(0, 1, 5)

    def f(x: Any) -> Any:
        return np.sum(np.exp(np.sin(x)) * x[::-1])

    def step() -> None:
        tg.hvp(f, (x,), (x,))
        tg.jvp(f, (x,), (x,))

    return step


def gradient_penalty() -> Callable[[], Any]:
    w = tg.Tensor(np.linspace(0, 1, 5), requires_grad=True)

    def energy(x: Any) -> Any:
        return np.sum(np.tanh(x * w) ** 2)

    def step() -> None:
        gradient = tg.grad(energy)(np.ones(5))
        np.sum(gradient**2).backward()
        w.zero_grad()

    return step


def mistakes() -> Callable[[], Any]:
    t = tg.Tensor(np.ones((2, 3)), requires_grad=True)
    wrong: list[tuple[Callable[..., Any], Any, Any]] = [
        (np.matmul, t, t),
        (tg.mse_loss, t, np.ones(5)),
        (np.take, t, 7),
        (tg.Tensor.backward, t * 2, None),
    ]

    def step() -> None:
        for function, x, y in wrong:
            with contextlib.suppress(Exception):
                function(x, y)

    return step


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("loop", [training, recurrence, inference, derivatives, gradient_penalty, mistakes])
def test_nothing_is_kept(loop: Callable[[], Callable[[], Any]], collector_off: None) -> None:
    step = loop()
    for _ in range(WARM):
        step()
    objects, size = len(gc.get_objects()), resident()
    for _ in range(STEPS - WARM):
        step()
    assert len(gc.get_objects()) - objects < 50
    assert resident() - size < 1 << 20


def resident() -> int:
    """How much memory the process holds, in bytes; 0 where the system doesn't say."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
