"""The contract: sums, products, indices and norms in less time equal their plain versions, whatever the array is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import graph
from tinygrad_lite.kernels import cumulative as fast_running
from tinygrad_lite.kernels import indexing as fast_indexing
from tinygrad_lite.kernels import product as fast_product
from tinygrad_lite.kernels import reduce as fast_reduce
from tinygrad_lite.ops import cumulative, indexing, norm, order, product, reduce, shape

from ..cases import ordered

TIMES = np.array([2, 0, 2, -1])
LETTERS: dict[str, Any] = {"inputs": ("abc", "dbc"), "output": "ad"}
# The point of dispatch -> its arguments, made of an array of three axes.
POINTS: list[tuple[Any, Callable[[Any], tuple[Any, ...]], dict[str, Any]]] = [
    *[(graph.total, lambda x: (x,), {"axis": axis}) for axis in (None, 0, (1,), (0, 2), (1, 2), (0, 1, 2))],
    *[(graph.total, lambda x: (x,), {"axis": axis, "y": "x"}) for axis in (0, (1, 2))],
    *[(reduce.sum_forward, lambda x: (x,), {"axis": axis}) for axis in (None, 0, -1, (0, 2))],
    (reduce.sum_forward, lambda x: (x,), {"axis": 1, "keepdims": True, "initial": 2}),
    *[(reduce.mean_forward, lambda x: (x,), {"axis": axis, "keepdims": True}) for axis in (None, 1)],
    (reduce.spread, lambda x: (x.sum(), x.shape, None, False), {}),
    (reduce.spread, lambda x: (x.sum((0, 1)), x.shape, (0, 1), False), {}),
    *[(cumulative.running_sum, lambda x: (x,), {"axis": 1, "reverse": reverse}) for reverse in (False, True)],
    (cumulative.discounted_sum_forward, lambda x: (x, x / 3, 2, True), {}),
    (cumulative.logcumsumexp_forward, lambda x: (x, 1), {}),
    (norm.standardized, lambda x: (x,), {"axis": (0, 2), "eps": 0.1}),
    (norm.standardize_gradient, lambda x: (x, x[::-1], 1 + x[:, :1] * 0, 2), {"axis": (1,)}),
    (norm.scale_forward, lambda x: (x, x[:1], x[0, 0]), {}),
    (product.matrix_product, lambda x: (x, x[0].T), {}),
    (product.matrix_product, lambda x: (x[0], x[1 % len(x)].T), {}),
    (product.matrix_product, lambda x: (x[..., :1], x[:, :1]), {}),
    (product.contract, lambda x: (x, x[::-1]), LETTERS),
    (indexing.getitem_forward, lambda x: (x, (slice(None), TIMES)), {}),
    (indexing.getitem_forward, lambda x: (x, (0, ..., TIMES)), {}),
    (indexing.add_at_forward, lambda x: (x[:, :4], (slice(None), TIMES), x.shape), {}),
    (indexing.add_at_forward, lambda x: (x, np.zeros(len(x), int), (2, *x.shape[1:])), {}),
    (indexing.add_at_forward, lambda x: (x[0, :4, 0], ([0], TIMES), x.shape[:2]), {}),
    *[(order.argsort, lambda x: (x,), {"axis": axis}) for axis in (None, 0, -1)],
    (shape.pad_forward, lambda x: (x, [(1, 0), (0, 2), (3, 1)], 7), {}),
]


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_reduce, "ELEMENTS_TO_SUM_BY_PRODUCTS", 1)
    monkeypatch.setattr(fast_running, "ELEMENTS_TO_SUM_IN_RUNS", 1)
    monkeypatch.setattr(fast_product, "PRODUCTS_FOR_BLAS_THREADS", 1)
    for name in ("ELEMENTS_TO_ADD_AS_ROWS", "ELEMENTS_OF_A_TURN", "ELEMENTS_TO_SORT_BY_KEYS"):
        monkeypatch.setattr(fast_indexing, name, 1)
    monkeypatch.setattr(fast_indexing, "ELEMENTS_OF_A_LINE_OF_KEYS", 2)


def check(point: Any, arguments: Callable[[Any], tuple[Any, ...]], settings: dict[str, Any], x: Any) -> None:
    settings = {name: x + 1 if value == "x" else value for name, value in settings.items()}
    args = arguments(x)
    before = x.copy()
    with np.errstate(all="ignore"):
        got, expected = point(*args, **settings), point.plain(*args, **settings)
    np.testing.assert_array_equal(x, before)
    tolerance = {"e": 2e-2, "f": 2e-5, "d": 1e-12}.get(x.dtype.char, 0)
    for a, b in zip(got, expected) if isinstance(got, tuple) else [(got, expected)]:
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


IDS = [f"{point.__name__}-{i}" for i, (point, *_) in enumerate(POINTS)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize(("point", "arguments", "settings"), POINTS, ids=IDS)
def test_equal_to_the_plain_version(point: Any, arguments: Any, settings: Any, dtype: Any) -> None:
    x = np.random.default_rng(0).normal(0, 3, (3, 34, 5)).astype(dtype)
    for memory in permutations(range(3)):
        check(point, arguments, settings, ordered(x, memory))
    check(point, arguments, settings, np.repeat(x, 2, -1)[..., ::2])
    check(point, arguments, settings, x[:, ::-1])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("point", "arguments", "settings"), POINTS, ids=IDS)
def test_what_is_not_finite_reaches_as_far_as_in_the_plain_version(
    point: Any, arguments: Any, settings: Any, wrong: float
) -> None:
    for dtype in (np.float32, np.float64):
        x = np.random.default_rng(0).normal(0, 3, (3, 34, 5)).astype(dtype)
        x[0, 2, 1] = wrong
        check(point, arguments, settings, x)


@pytest.mark.parametrize("size", [(0, 5, 4), (3, 5, 0), (2, 4, 1)], ids=str)
@pytest.mark.parametrize(("point", "arguments", "settings"), POINTS, ids=IDS)
def test_of_nothing_and_of_single_elements(point: Any, arguments: Any, settings: Any, size: Any) -> None:
    for dtype in (np.float32, np.float64):
        try:
            arguments(np.zeros(size, dtype))
            with np.errstate(all="ignore"):
                point.plain(*arguments(np.zeros(size, dtype)), **{k: v for k, v in settings.items() if v != "x"})
        except (IndexError, ZeroDivisionError, ValueError):
            return  # there is no such element
        check(point, arguments, settings, np.ones(size, dtype))
