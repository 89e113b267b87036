"""The unrolled walk and operators: what they save, and that they give what the book gives."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.fast import OPERATORS
from tinygrad_lite.graph import TABLE, walk


def leaf(x: Any) -> Any:
    return tg.Tensor(x, requires_grad=True)


@pytest.mark.parametrize("function", OPERATORS, ids=lambda f: f.__name__)
def test_an_operator_on_scalars_keeps_no_closures_and_makes_them_again(function: Any) -> None:
    operator: Any = OPERATORS[function]
    rule = TABLE[function].op.rule  # type: ignore[attr-defined]
    for x, y in [(leaf(2.5), leaf(1.5)), (leaf(2.5), 3), (2.5, leaf(1.5)), (leaf(2.5), tg.Tensor(1.5))]:
        out = operator(x, y)
        a, b = (np.float64(v.data if isinstance(v, tg.Tensor) else v) for v in (x, y))
        assert not any(callable(closure) for closure in out.kept)
        assert out.data == rule(a, b)[0]
        flows = [getattr(v, "requires_grad", False) for v in (x, y)]
        assert [closure is not None for closure in out.closures] == flows
        out.backward()
        one = [leaf([v.data]) if flow else v for v, flow in zip((x, y), flows)]
        arrays = operator(*one)
        assert all(callable(closure) or closure is None for closure in arrays.kept)
        arrays.backward()
        for v, w, flow in zip((x, y), one, flows):
            if flow:
                np.testing.assert_allclose(v.grad.data, w.grad.item(), rtol=1e-15)


def test_an_operator_on_scalars_goes_back_from_the_values_that_it_saw() -> None:
    x, y = leaf(2.0), leaf(3.0)
    out: Any = x * y
    x.data, y.data = 5.0, 7.0
    out.backward()
    assert (x.grad.item(), y.grad.item()) == (3.0, 2.0)


def test_a_long_chain_of_scalars_is_two_objects_an_op_for_the_collector() -> None:
    x, z = leaf(0.5), leaf(0.7)
    gc.collect()
    before, y = len(gc.get_objects()), x
    for _ in range(500):
        y = y * z + x
    assert len(gc.get_objects()) - before <= 2 * 1000 + 10


@pytest.mark.parametrize("seed", range(30))
def test_the_fast_walk_gives_what_the_plain_walk_gives(seed: int) -> None:
    """Random graphs of views, repeated indices, broadcasts and sums in which parts of one array meet again."""
    rng = np.random.default_rng(seed)
    x, w = leaf(rng.standard_normal((4, 5))), leaf(rng.standard_normal(5))
    pool: list[Any] = [x, w, x.T, x * w]
    for _ in range(20):
        a = pool[rng.integers(len(pool))]
        index: Any = [rng.integers(len(a)), slice(None, None, 2), [0, 0, len(a) - 1], ...][rng.integers(4)]
        total: Any = np.sum(a, axis=0, keepdims=True)
        made: list[Any] = [a[index], a * 1.5, np.sin(a) * a, total, np.concatenate([a, a[:1]]), a - a.mean()]
        pool.append(made[rng.integers(6)])
        pool = [p for p in pool if p.ndim]
    root = sum((np.sum(p * p) for p in pool), leaf(0.0))
    fast, plain = dict(walk({root: np.float64(1)})), dict(walk.plain({root: np.float64(1)}))
    assert fast.keys() == plain.keys()
    for node, g in plain.items():
        np.testing.assert_allclose(fast[node], g, rtol=1e-12, atol=1e-12)
