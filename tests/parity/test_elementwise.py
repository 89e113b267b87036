"""Elementwise functions and reductions give PyTorch's numbers: values, first and second gradients, ties and corners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

torch: Any = pytest.importorskip("torch")
NP: Any = np
Floats = np.ndarray[Any, Any]
Function = Callable[..., Any]


def rand(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> Floats:
    return np.array(np.random.default_rng([seed, *shape]).uniform(low, high, shape))


# (name, the numbers that it is defined for, PyTorch's name where it has another)
ONE: list[tuple[str, float, float, str]] = [
    ("negative", -2, 2, ""), ("positive", -2, 2, ""), ("absolute", -2, 2, ""), ("square", -2, 2, ""),
    ("reciprocal", 0.5, 2, ""), ("sqrt", 0.1, 2, ""), ("exp", -2, 2, ""), ("exp2", -2, 2, ""), ("expm1", -2, 2, ""),
    ("log", 0.1, 2, ""), ("log2", 0.1, 2, ""), ("log10", 0.1, 2, ""), ("log1p", -0.9, 2, ""), ("sin", -4, 4, ""),
    ("cos", -4, 4, ""), ("tan", -1, 1, ""), ("arcsin", -0.9, 0.9, ""), ("arccos", -0.9, 0.9, ""), ("arctan", -3, 3, ""),
    ("sinh", -2, 2, ""), ("cosh", -2, 2, ""), ("tanh", -2, 2, ""), ("arcsinh", -3, 3, ""), ("arccosh", 1.2, 3, ""),
    ("arctanh", -0.9, 0.9, ""), ("deg2rad", -200, 200, ""), ("rad2deg", -3, 3, ""), ("sinc", 0.6, 2, ""),
    ("sign", -2, 2, ""), ("floor", -2, 2, ""), ("ceil", -2, 2, ""), ("trunc", -2, 2, ""), ("round", -2, 2, ""),
    ("nan_to_num", -2, 2, ""),
]  # fmt: skip
TWO: list[tuple[str, float, float, str]] = [
    ("add", -2, 2, ""), ("subtract", -2, 2, ""), ("multiply", -2, 2, ""), ("divide", 0.5, 2, ""),
    ("power", 0.2, 2, "pow"), ("float_power", 0.2, 2, ""), ("remainder", 0.3, 2, ""), ("fmod", 0.3, 2, ""),
    ("maximum", -2, 2, ""), ("minimum", -2, 2, ""), ("fmax", -2, 2, ""), ("fmin", -2, 2, ""), ("hypot", -2, 2, ""),
    ("arctan2", -2, 2, ""), ("logaddexp", -2, 2, ""), ("logaddexp2", -2, 2, ""), ("copysign", -2, 2, ""),
]  # fmt: skip
PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 3), (2, 3)), ((), ()), ((2, 3), (3,)), ((1,), (4, 1, 3)), ((2, 1), (1, 3)), ((), (2, 3)), ((0, 3), (3,)),
    ((1, 1), (1,)),
]  # fmt: skip
AXES: list[Any] = [None, 0, -1, (0, 2), (-1, 0, 1)]

REDUCTIONS: dict[str, Function] = {
    "sum": lambda axis, keep: lambda x: x.sum(axis, keep),
    "mean": lambda axis, keep: lambda x: x.mean(axis, keep),
    "var": lambda axis, keep: lambda x: x.var(axis, correction=0, keepdim=keep),
    "std": lambda axis, keep: lambda x: x.std(axis, correction=0, keepdim=keep),
    "max": lambda axis, keep: lambda x: x.amax(() if axis is None else axis, keep),
    "min": lambda axis, keep: lambda x: x.amin(() if axis is None else axis, keep),
    "nansum": lambda axis, keep: lambda x: x.nansum(axis, keep),
    "nanmean": lambda axis, keep: lambda x: x.nanmean(axis, keep),
}


def ours(name: str, axis: Any, *keepdims: bool) -> Function:
    return lambda x: getattr(NP, name)(x, axis=axis, **({"keepdims": keepdims[0]} if keepdims else {}))


def running(name: str, axis: int) -> Function:
    return lambda x: getattr(torch, name)(x, axis)


def quantiles(x: Any) -> Any:
    return x.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=x.dtype), 1)


Sample = tuple[str, Function, Function, list[Floats]]
SAMPLES: list[Sample] = [
    *(
        (f"{name} {shape}", getattr(NP, name), getattr(torch, other or name), [rand(*shape, low=low, high=high)])
        for name, low, high, other in ONE
        for shape in [(2, 3), (), (0, 3), (1,)]
    ),
    *(
        (
            f"{name} {a} {b}",
            getattr(NP, name),
            getattr(torch, other or name),
            [rand(*a, low=low, high=high), rand(*b, seed=1, low=low, high=high)],
        )
        for name, low, high, other in TWO
        for a, b in PAIRS
    ),
    *(
        (f"{name} {axis} {keepdims}", ours(name, axis, keepdims), theirs(axis, keepdims), [rand(2, 3, 4)])
        for name, theirs in REDUCTIONS.items()
        for axis in AXES
        for keepdims in (False, True)
    ),
    *(
        (f"{name} {axis} {shape}", ours(name, axis), running(name, axis), [rand(*shape)])
        for name in ("prod", "cumsum", "cumprod")
        for axis in (0, 1, -1)
        for shape in [(2, 3, 4), (1, 1, 1)]
    ),
    ("prod of all", np.prod, torch.prod, [rand(2, 3)]),
    ("prod with zeros", ours("prod", 1), running("prod", 1), [np.array([[0.0, 2, 3], [0, 4, 0], [1, 2, 3]])]),
    ("cumprod with zeros", lambda x: np.cumprod(x, axis=0), lambda x: x.cumprod(0), [np.array([2.0, 0, 3, 0, 1])]),
    ("var, ddof", lambda x: np.var(x, axis=1, ddof=1), lambda x: x.var(1), [rand(2, 3)]),
    ("std, ddof", lambda x: np.std(x, ddof=1), lambda x: x.std(), [rand(2, 3)]),
    ("std of equal elements", np.std, lambda x: x.std(correction=0), [np.full(3, 2.0)]),
    ("max, tied", np.max, torch.amax, [np.array([1.0, 3, 3])]),
    ("min, tied", lambda x: np.min(x, axis=0), lambda x: x.amin(0), [np.array([[1.0, 3], [1.0, 2]])]),
    ("maximum, tied", np.maximum, torch.maximum, [np.array([1.0, 2, 3]), np.array([2.0, 2, 2])]),
    ("minimum, tied", np.minimum, torch.minimum, [np.array([1.0, 2, 3]), np.array([2.0, 2, 2])]),
    ("abs at 0", np.abs, torch.abs, [np.array([-1.0, 0, 1])]),
    ("sign at 0", np.sign, torch.sign, [np.array([-1.0, 0, 1])]),
    ("quantile", lambda x: NP.quantile(x, [0.1, 0.5, 0.9], axis=1), quantiles, [rand(2, 6)]),
    *((f"quantile, {m}", lambda x, m=m: NP.quantile(x, 0.3, method=m),
       lambda x, m=m: x.quantile(0.3, interpolation=m), [rand(7)])
      for m in ("linear", "lower", "higher", "nearest", "midpoint")),
    ("median", np.median, lambda x: x.quantile(0.5), [rand(6)]),
    *(
        (f"power, {n}", lambda x, n=n: x**n, lambda x, n=n: x**n, [np.array([-1.5, 0.5, 2.0])])
        for n in (-2, -1, 0, 1, 2, 3)
    ),
    *((f"power of 0, {n}", lambda x, n=n: x**n, lambda x, n=n: x**n, [np.array([0.0, 2.0])]) for n in (0, 1, 2, 3)),
    *((f"{b} to the power", lambda x, b=b: b**x, lambda x, b=b: b**x, [rand(2, 3)]) for b in (2, 0.5)),
    *((f"clip {low} {high}", lambda x, a=low, b=high: NP.clip(x, a, b),
       lambda x, a=low, b=high: x.clamp(a, b), [np.linspace(-1, 1, 9)])
      for low, high in [(-0.5, 0.5), (None, 0.25), (0.25, None), (0.5, -0.5)]),
    (
        "clip to arrays",
        NP.clip,
        lambda x, a, b: x.clamp(a, b),
        [rand(2, 3), rand(3, seed=1, high=0), rand(2, 1, seed=2, low=0)],
    ),
    (
        "where",
        lambda x, y: np.where(x > 0, x * y, y),
        lambda x, y: torch.where(x > 0, x * y, y),
        [rand(2, 3), rand(3, seed=1)],
    ),
]  # fmt: skip


def our_numbers(f: Function, inputs: list[Floats], weights: Floats) -> tuple[Any, list[Any], list[Any]]:
    xs = [tg.Tensor(x, requires_grad=True) for x in inputs]
    out = f(*xs)
    np.sum(out * weights.astype(out.dtype)).backward(create_graph=True)
    first = [tg.Tensor(np.zeros(x.shape)) if x.grad is None else x.grad for x in xs]
    for x in xs:
        x.zero_grad()
    total: Any = sum((np.sum(g * g) for g in first), start=tg.Tensor(0.0))
    if total.requires_grad:
        total.backward()
    second = [np.zeros(x.shape) if x.grad is None else x.grad.data for x in xs]
    return out.data, [g.data for g in first], second


def their_numbers(f: Function, inputs: list[Floats], weights: Floats) -> tuple[Any, list[Any], list[Any]]:
    xs = [torch.tensor(x, requires_grad=True) for x in inputs]
    out = f(*xs)
    first = torch.autograd.grad((out * torch.tensor(weights, dtype=out.dtype)).sum(), xs, create_graph=True)
    total = sum((g * g).sum() for g in first)
    second: Any = [None] * len(xs)
    if total.requires_grad:
        second = torch.autograd.grad(total, xs, allow_unused=True)
    return (
        out.detach().numpy(),
        [g.detach().numpy(force=True) for g in first],
        [np.zeros(x.shape) if g is None else g.numpy(force=True) for x, g in zip(inputs, second)],
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("ours", "theirs", "inputs"), [pytest.param(*s[1:], id=s[0]) for s in SAMPLES])
def test_gives_pytorchs_numbers(ours: Function, theirs: Function, inputs: list[Floats], dtype: Any) -> None:
    inputs = [x.astype(dtype) for x in inputs]
    weights = rand(*np.shape(ours(*inputs)), seed=7, low=0.5, high=1.5)
    a, b = our_numbers(ours, inputs, weights), their_numbers(theirs, inputs, weights)
    close: Any = {"rtol": 1e-10, "atol": 1e-12} if dtype is np.float64 else {"rtol": 2e-4, "atol": 1e-5}
    assert a[0].dtype == b[0].dtype
    np.testing.assert_allclose(a[0], b[0], **close)
    for order in (1, 2):
        for x, y in zip(a[order], b[order]):
            np.testing.assert_allclose(x, y, **close, err_msg=f"gradient of order {order}")
