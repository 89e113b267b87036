"""Calling forms of functions that choose or arrange elements, and what each of them must hold to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from .cases import rand

Function = Callable[..., Any]


def forms(table: dict[str, list[Any]]) -> list[Any]:
    """Test parameters `(f, shapes)` from `{name: [(f, shape, shape, …), …]}`."""
    each = ((name, i, form) for name, some in table.items() for i, form in enumerate(some))
    return [pytest.param(f, shapes, id=f"{name}-{i}") for name, i, (f, *shapes) in each]


def parts(out: Any) -> list[Any]:
    """A result, or each of several."""
    return list(out) if isinstance(out, (list, tuple)) else [out]


def inputs(shapes: Any) -> list[Any]:
    return [rand(*shape, seed=i) if shape else rand(1, seed=i)[0] for i, shape in enumerate(shapes)]


def check_value(f: Function, shapes: Any) -> None:
    """`f` gives on Tensors exactly what it gives on arrays: shape, dtype and values, in as many parts."""
    for dtype in (np.float64, np.float32):
        arrays = [x.astype(dtype) for x in inputs(shapes)]
        given = f(*[tg.Tensor(x, requires_grad=True) for x in arrays])
        expected = f(*arrays)
        assert type(given) is type(expected) or isinstance(given, tg.Tensor)
        assert len(parts(given)) == len(parts(expected))
        for out, array in zip(parts(given), parts(expected)):
            assert isinstance(out, tg.Tensor)
            assert out.dtype == array.dtype
            np.testing.assert_array_equal(out.data, array)


def check_gradient(f: Function, shapes: Any) -> None:
    """The gradients of tanh ∘ f are right to second order, through each of several results."""

    def total(*xs: Any) -> Any:
        return sum((np.sum(weight * np.tanh(out)) for weight, out in enumerate(parts(f(*xs)), 1)), start=tg.Tensor(0.0))

    tg.gradcheck(total, *inputs(shapes), order=2)


def check_symbols(f: Function, shapes: Any) -> None:
    """On arrays of symbols, the values are NumPy's and Σ f² has the derivative that sympy finds."""
    sympy = pytest.importorskip("sympy")
    names = iter(sympy.symbols("x:99"))
    arrays = [np.array([next(names) for _ in range(int(np.prod(s)))], dtype=object).reshape(s) for s in shapes]
    tensors = [tg.Tensor(x, requires_grad=True) for x in arrays]
    given, expected = parts(f(*tensors)), parts(f(*arrays))
    for out, array in zip(given, expected, strict=True):
        assert np.array_equal(getattr(out, "data", out), array)
    loss = sum((np.sum(out * out) for out in given if isinstance(out, tg.Tensor)), start=tg.Tensor(sympy.Integer(0)))
    if not loss.requires_grad:
        return
    loss.backward()
    for x, t in zip(arrays, tensors):
        gradient = np.zeros_like(x) if t.grad is None else t.grad.data
        for symbol, g in zip(np.ravel(x), np.ravel(np.asarray(gradient))):
            assert sympy.expand(g - sympy.diff(loss.data, symbol)) == 0
