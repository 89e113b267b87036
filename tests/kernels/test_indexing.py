"""Adding at an index, sorting, and adding up parts of an array are NumPy's, in less time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import backpropagate
from tinygrad_lite.kernels.indexing import add_at, argsort

from ..cases import rand

ALL = slice(None)
MASK = np.array([[True, False, False, True], [False, False, False, False], [False, True, True, True]])
ROWS, PAIRS = np.array([2, 0, 2, -1]), np.array([[0, 2, 2], [1, -1, 0]])


def leaf(data: Any) -> Any:
    return tg.Tensor(data, requires_grad=True)


def indexed(shape: tuple[int, ...], *indices: Any) -> list[Any]:
    return [(lambda x, i=i: x[i], shape) for i in indices]


INDICES = [
    *indexed((3, 4, 3), ROWS, PAIRS, (ALL, ROWS), (slice(1, None), slice(None, None, -2), PAIRS), (ROWS, ROWS, ROWS))
]
INDICES += indexed(
    (3, 4, 3), (PAIRS[:, :1], ROWS[:3]), (ALL, PAIRS, [0, 0, 1]), (1, ROWS), (ROWS, ALL, ROWS), (..., ROWS)
)
INDICES += indexed((3, 4, 3), (None, ROWS), (MASK[:, 0], [0, 0]), [], (ROWS, slice(1, 2)), (slice(0, 0), ROWS), MASK, 0)


# Many elements for each index, along each axis: few indices; many (added in turns); one often (summed), others not.
MANY = np.random.default_rng(0).integers(-300, 300, 999)
OFTEN = np.append(MANY, [-7] * 41)
WIDE_INDICES = [
    *indexed(
        (3, 70, 5), *((*(ALL,) * axis, i) for axis in range(3) for i in (ROWS, PAIRS % 3, np.zeros(9, int), [1, -2]))
    ),
    *indexed((300, 2, 90), MANY, OFTEN, np.zeros(999, int), OFTEN.reshape(4, -1)),
    *indexed((300, 2, 90), MANY[:0], np.array([255, 3], np.uint8)),
    *indexed((2, 300, 90), (ALL, MANY), (ALL, OFTEN)),
    *indexed((2, 90, 300), (..., MANY), (ALL, ALL, OFTEN)),
]
INDICES += WIDE_INDICES
# Each place equally often, in turn: a sum along an axis. And what is nearly so.
EVEN = np.repeat(np.arange(4), 3)
INDICES += [
    (lambda x, index=(*(ALL,) * axis, places): x[index], (4, 4, 4))
    for axis in range(3)
    for places in (EVEN, EVEN.reshape(2, 6), EVEN - 4, EVEN[::-1], np.roll(EVEN, 1), EVEN[:-1], np.arange(4), EVEN // 2)
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("i", range(len(INDICES)))
def test_add_at_agrees_with_numpys(i: int, dtype: Any) -> None:
    choose, shape = INDICES[i]
    (index,) = choose.__defaults__
    size = np.shape(np.empty(shape)[index])
    x = np.random.default_rng(i).integers(-99, 99, size).astype(dtype)
    expected = np.zeros(shape, dtype)
    np.add.at(expected, index, x)
    for f in (add_at, add_at.plain):
        out = f(x, index, shape)
        assert out.dtype == dtype and np.array_equal(out, expected)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("shape", [(2, 3), (90, 100), (100, 90), (1, 9000), (9000, 1), (2000, 5), (9000, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.dtype(">f4")])
def test_argsort_agrees_with_numpys(shape: tuple[int, int], axis: int | None, dtype: Any) -> None:
    random = np.random.default_rng(0)
    x = random.normal(0, 99, shape).round(1).astype(dtype)  # many are equal
    if x.dtype.kind == "f":
        odd = np.array([0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1e-40, 3e38, -3e38]).astype(dtype)
        x = np.where(random.random(shape) < 0.3, random.choice(odd, shape), x).astype(dtype)
    for a in (x, np.asfortranarray(x), x[::-1, ::-1]):
        order, expected = argsort(a, axis), np.argsort(a, axis, kind="stable")
        assert order.dtype == expected.dtype and np.array_equal(order, expected)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arrays that were made for the gradients of parts."""
    arrays: list[Any] = []
    zeros_like = np.zeros_like

    def recorded(x: Any) -> Any:
        arrays.append(zeros_like(x))
        return arrays[-1]

    monkeypatch.setattr(np, "zeros_like", recorded)
    return arrays


def test_parts_are_added_up_in_place_in_the_inputs_order_in_memory(made: list[Any]) -> None:
    x = leaf(rand(5, 4, 3)).transpose(2, 0, 1)
    graph = x[0] * 2 + x[1] + x[1]
    g = dict(backpropagate(graph, np.ones_like(graph.value)))[x]
    expected = np.zeros((3, 5, 4))
    expected[:2] = 2
    assert np.array_equal(g, expected) and g.strides == x.value.strides
    assert len(made) == 1 and g is made[0]

    whole = leaf(rand(3))
    (whole[:2].sum() + whole.sum()).backward()  # the sum's gradient comes first, and isn't the walk's to add to
    assert np.array_equal(whole.grad.data, [2, 2, 1])


def test_a_thousand_parts_make_one_whole(made: list[Any]) -> None:
    """Going back through x[0], x[1], … takes as long as x is large, not as its square."""
    x = leaf(rand(1000, 2))
    total = x[0] * 0
    for i, row in enumerate(x):
        total = total + row * i
    total.sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.arange(1000.0)[:, None] * np.ones(2))
    assert len(made) == 1
