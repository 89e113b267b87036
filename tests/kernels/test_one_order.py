"""Operands of different orders in memory: equal results, and NumPy never strides through a large one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import fast
from tinygrad_lite.graph import OPS, backpropagate
from tinygrad_lite.kernels.memory_order import batch_first, batch_is_inner, batch_last, innermost
from tinygrad_lite.kernels.one_order import ELEMENTWISE, in_one_order
from tinygrad_lite.kernels.thresholds import ELEMENTS_FOR_ONE_ORDER

from ..cases import rand

SHAPE = (32, 4, 16, 17)  # more elements than the threshold


def inner(x: Any) -> Any:
    """x with its batch innermost in memory."""
    return batch_first(batch_last(x))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_ops_are_equal_and_keep_the_batch_innermost(name: str) -> None:
    rule, n = OPS[name].rule, 3 if name in ("where", "clip") else 2
    operands = [rand(*SHAPE, seed=i, low=0.1, high=0.9) for i in range(n)]
    if name == "where":
        operands[0] = operands[0] > 0.5
    g = rand(*SHAPE, seed=9)
    wanted, closures = rule(*operands)
    back: list[Any] = [closure and closure(g) for closure in closures]
    for which in range(n):
        if operands[which].dtype == bool:
            continue
        mixed = [inner(a) if i == which else a for i, a in enumerate(operands)]
        value, closures = OPS[name].run(*mixed)
        assert batch_is_inner(value)
        np.testing.assert_array_equal(value, wanted)
        for closure, expected in zip(closures, back):
            if closure is not None:
                found = closure(inner(g))
                assert batch_is_inner(found) or not found.any()
                np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_what_is_small_or_broadcast_or_in_one_order_stays_as_it_is() -> None:
    x = rand(*SHAPE)
    small = rand(4, 4, 4, 4)
    rows = np.ascontiguousarray(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)  # its batch is innermost too
    assert small.size < ELEMENTS_FOR_ONE_ORDER < x.size
    for first, second in (
        (small, inner(small)),
        (inner(x), rand(4, 1, 1)),
        (inner(x), np.broadcast_to(np.float64(2), SHAPE)),
        (inner(x), rows),
        (x, rand(*SHAPE)[:, :, ::-1]),
        (x, 2.0),
    ):
        assert all(a is b for a, b in zip(in_one_order(first, second), (first, second)))


MASK = rand(*SHAPE, seed=5)
LOSSES: dict[str, Callable[..., Any]] = {
    "y * mask": lambda y, x: y * MASK,
    "mask * y": lambda y, x: MASK * y,
    "x + y": lambda y, x: x + y,
    "where": lambda y, x: np.where(MASK > 0, y, x),
    "maximum": lambda y, x: np.maximum(x, y),
    "y ** x": lambda y, x: np.abs(y) ** (x * x),
    "normalized": lambda y, x: tg.batch_norm(y, None, None, training=True) * MASK,
    "gradients that meet": lambda y, x: np.tanh(y) * MASK + y * np.ascontiguousarray(MASK[::-1]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_convolution_beside_the_users_own_arrays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As without bringing operands in order, and each gradient comes in the order of the value beside it."""
    f = LOSSES[name]

    def run() -> tuple[list[Any], list[Any]]:
        """out, ∂L/∂x and ∂L/∂w, and each value that a rule multiplies a gradient by, beside that gradient."""
        x, w = tg.Tensor(rand(*SHAPE), requires_grad=True), tg.Tensor(rand(4, 4, 3, 3), requires_grad=True)
        out = f(tg.conv2d(x, w, padding=1), x)
        walk = list(backpropagate(out, rand(*SHAPE, seed=7)))
        beside = [(node.value, g) for node, g in walk if node.op and not node.op.linear and g.shape == SHAPE]
        gradients = dict(walk)
        return [out.data, gradients[x], gradients[w]], beside

    results, beside = run()
    assert batch_is_inner(results[0])
    assert beside and all(innermost(value) == innermost(g) for value, g in beside)
    for op in ELEMENTWISE:
        monkeypatch.setattr(OPS[op], "run", OPS[op].rule)
    monkeypatch.setattr(fast, "side_by_side", lambda x, a: a)
    for got, wanted in zip(results, run()[0]):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)
