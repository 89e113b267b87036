"""Indexing, arranging and choosing elements give PyTorch's numbers: values, first and second gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

torch = pytest.importorskip("torch")

PAIRS, ROWS = np.array([[0, 2, 2], [1, 0, 0]]), np.array([2, 0, 2, 1])
MASK = np.array([[True, False, False, True], [False, False, False, False], [False, True, True, True]])
A, C = (3, 4), (2, 3, 4)


def ints(a: Any) -> Any:
    return torch.tensor(np.asarray(a))


def both(f: Callable[..., Any], *shapes: tuple[int, ...]) -> tuple[Any, ...]:
    """The same call of ours and of theirs: `f(x, array)` where array makes an index."""
    return lambda *xs: f(*xs, np.asarray), lambda *xs: f(*xs, ints), *shapes


SAMPLES: dict[str, list[tuple[Any, ...]]] = {
    "index": [
        both(lambda x, _: x[1:, 2], A),
        both(lambda x, _: x[..., None, 0], C),
        both(lambda x, a: x[a(ROWS)], A),
        both(lambda x, a: x[:, a(PAIRS)], A),
        both(lambda x, a: x[a(ROWS), a(ROWS)], A),
        both(lambda x, a: x[a(ROWS), :, a(ROWS)], (3, 2, 4)),
        both(lambda x, a: x[a(MASK)], A),
        both(lambda x, a: x[:, a(MASK)], C),
        both(lambda x, a: x[a(PAIRS[:0])], A),
    ],
    "gather": [
        *(
            (lambda x, d=d, i=i: F.gather(x, d, i), lambda x, d=d, i=i: torch.gather(x, d, ints(i)), A)
            for d in (0, 1, -1)
            for i in (PAIRS, PAIRS[:, :1], PAIRS[:, :0])
        ),
    ],
    "scatter": [
        (
            lambda x, y: F.scatter(x, 1, [[0, 2], [1, 3]], y),
            lambda x, y: x.scatter(1, ints([[0, 2], [1, 3]]), y),
            A,
            (2, 2),
        ),
        (lambda x: F.scatter(x, 0, PAIRS, 3.5), lambda x: x.scatter(0, ints(PAIRS), 3.5), A),
    ],
    "scatter_add": [
        (lambda x, y: F.scatter_add(x, 1, PAIRS, y), lambda x, y: x.scatter_add(1, ints(PAIRS), y), A, (2, 3)),
        (lambda x, y: F.scatter_add(x, 0, PAIRS, y), lambda x, y: x.scatter_add(0, ints(PAIRS), y), A, (2, 3)),
    ],
    "index_select": [
        (lambda x: F.index_select(x, 0, ROWS), lambda x: torch.index_select(x, 0, ints(ROWS)), A),
        (lambda x: F.index_select(x, -1, ROWS), lambda x: torch.index_select(x, -1, ints(ROWS)), C),
    ],
    "index_add": [
        (lambda x, y: F.index_add(x, 0, ROWS, y), lambda x, y: torch.index_add(x, 0, ints(ROWS), y), A, (4, 4)),
        (
            lambda x, y: F.index_add(x, 1, ROWS, y, alpha=-2),
            lambda x, y: torch.index_add(x, 1, ints(ROWS), y, alpha=-2),
            A,
            A,
        ),
    ],
    "masked_fill": [
        (lambda x: F.masked_fill(x, MASK, -3), lambda x: x.masked_fill(ints(MASK), -3), A),
        (lambda x, y: F.masked_fill(x, MASK[0], y), lambda x, y: x.masked_fill(ints(MASK[0]), y), A, ()),
    ],
    "masked_select": [
        (lambda x: F.masked_select(x, MASK), lambda x: x.masked_select(ints(MASK)), A),
        (lambda x: F.masked_select(x, MASK), lambda x: x.masked_select(ints(MASK)), (3, 1)),
    ],
    "flip": [(lambda x: np.flip(x, (0, 2)), lambda x: torch.flip(x, (0, 2)), C)],
    "roll": [
        (lambda x: np.roll(x, 2), lambda x: torch.roll(x, 2), A),
        (lambda x: np.roll(x, (1, -1), (0, 1)), lambda x: torch.roll(x, (1, -1), (0, 1)), A),
    ],
    "rot90": [(lambda x, k=k: np.rot90(x, k), lambda x, k=k: torch.rot90(x, k), A) for k in range(4)],
    "sort": [(lambda x, d=d: np.sort(x, d), lambda x, d=d: torch.sort(x, d)[0], C) for d in (0, 1, -1)],
    "take_along_axis": [
        (lambda x: np.take_along_axis(x, PAIRS, 1), lambda x: torch.take_along_dim(x, ints(PAIRS), 1), (2, 3))
    ],
    "repeat": [
        (lambda x: np.repeat(x, 2, 1), lambda x: torch.repeat_interleave(x, 2, 1), A),
        (lambda x: np.repeat(x, [1, 0, 2], 0), lambda x: torch.repeat_interleave(x, ints([1, 0, 2]), 0), A),
    ],
    "tile": [(lambda x: np.tile(x, (2, 1, 3)), lambda x: torch.tile(x, (2, 1, 3)), A)],
    "pad": [
        (lambda x: np.pad(x, ((1, 2), (0, 1))), lambda x: torch.nn.functional.pad(x, (0, 1, 1, 2)), A),
        *(
            (
                lambda x, ours=ours: np.pad(x, ((0, 0), (1, 2), (2, 1)), ours),
                lambda x, theirs=theirs: torch.nn.functional.pad(x, (2, 1, 1, 2), mode=theirs),
                C,
            )
            for ours, theirs in [("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")]
        ),
    ],
    "triangles": [
        (np.tril, torch.tril, A),
        (lambda x: np.triu(x, 1), lambda x: torch.triu(x, 1), C),
    ],
    "diagonal": [
        (lambda x: np.diagonal(x, 1, 2, 1), lambda x: torch.diagonal(x, 1, 2, 1), C),
        (lambda x: np.diag(x, -1), lambda x: torch.diag(x, -1), (3,)),
        (lambda x: np.diagflat(x), torch.diagflat, A),
    ],
    "windows": [
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 1), lambda x: x.unfold(1, 2, 1), A),
    ],
    "stack": [(lambda x, y: np.stack([x, y], -1), lambda x, y: torch.stack([x, y], -1), A, A)],
    "concatenate": [(lambda x, y: np.concatenate([x, y], 1), lambda x, y: torch.cat([x, y], 1), A, (3, 0))],
    "moveaxis": [(lambda x: np.moveaxis(x, (0, 1), (-1, 0)), lambda x: torch.moveaxis(x, (0, 1), (-1, 0)), C)],
}


@pytest.mark.parametrize(
    ("ours", "theirs", "shapes"),
    [
        pytest.param(ours, theirs, shapes, id=f"{name}-{i}")
        for name, samples in SAMPLES.items()
        for i, (ours, theirs, *shapes) in enumerate(samples)
    ],
)
def test_values_and_two_gradients(ours: Any, theirs: Any, shapes: Any) -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    ts, us = [tg.Tensor(x, requires_grad=True) for x in inputs], [torch.tensor(x, requires_grad=True) for x in inputs]
    out, expected = ours(*ts), theirs(*us)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-15, atol=1e-15)
    (np.tanh(out)).sum().backward(create_graph=True)
    firsts = torch.autograd.grad(torch.tanh(expected).sum(), us, create_graph=True)
    for t, first in zip(ts, firsts):
        np.testing.assert_allclose(t.grad.data, first.detach().numpy(), rtol=1e-12, atol=1e-12)
    total = sum((np.sum(t.grad * t.grad) for t in ts), start=tg.Tensor(0.0))
    for t in ts:
        t.zero_grad()
    total.backward()
    seconds = torch.autograd.grad(sum((first * first).sum() for first in firsts), us)
    for t, second in zip(ts, seconds):
        np.testing.assert_allclose(t.grad.data, second.numpy(), rtol=1e-12, atol=1e-12)
