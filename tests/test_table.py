"""Every op in the table is right to second order. An op without a case fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import OPS

from .cases import Case, all_cases

CASES = all_cases()
EVERY = [
    pytest.param(name, case, id=f"{name}-{case.label or i}")
    for name in sorted(CASES)
    for i, case in enumerate(CASES[name])
]
BUILT_IN = {name: op for name, op in OPS.items() if op.rule.__module__.startswith("tinygrad_lite.")}


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_op_has_a_case(name: str) -> None:
    assert CASES.get(name), f"{name} has no case: add one to tests/cases/"


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_op_has_its_formula(name: str) -> None:
    assert "∂L/∂" in BUILT_IN[name].formula, f"{name}: its docstring must give the formula of every gradient"


@pytest.mark.parametrize(("name", "case"), EVERY)
def test_to_second_order(name: str, case: Case) -> None:
    tg.gradcheck(case.f, *case.inputs, order=2)


def records(name: str, out: Any) -> bool:
    """Whether `out` was made by the op `name`, somewhere in its graph."""
    stack, seen = [out], set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op is not None and node.op.name == name:
            return True
        stack.extend(node.parents())
    return False


@pytest.mark.parametrize(("name", "case"), EVERY)
def test_the_case_runs_its_op(name: str, case: Case) -> None:
    assert records(name, case.f(*[tg.Tensor(x, requires_grad=True, dtype=np.float64) for x in case.inputs]))


@pytest.mark.parametrize(("name", "case"), EVERY)
def test_float32_stays_float32(name: str, case: Case) -> None:
    xs = [tg.Tensor(x, requires_grad=True, dtype=np.float32) for x in case.inputs]
    out = case.f(*xs)
    assert out.dtype == np.float32
    out.backward(np.ones(out.shape, np.float32))
    assert all(x.grad is None or x.grad.dtype == np.float32 for x in xs)


def fortran(x: Any) -> Any:
    return np.array(x, order="F")


def strided(x: Any) -> Any:
    """`x` as every second element of a larger array, turned around: the same numbers, nowhere contiguous."""
    x = np.asarray(x)
    if not x.ndim:
        return x
    wide = np.zeros([2 * n for n in x.shape], x.dtype)
    every_second = tuple([slice(None, None, -2)] * x.ndim)
    wide[every_second] = x
    return wide[every_second]


@pytest.mark.parametrize("order", [fortran, strided])
@pytest.mark.parametrize(("name", "case"), EVERY)
def test_memory_order_changes_nothing(name: str, case: Case, order: Any) -> None:
    def run(xs: Any) -> Any:
        leaves = [tg.Tensor(0.0, requires_grad=True) for _ in xs]
        for leaf, x in zip(leaves, xs):
            leaf.value = x  # as it is: a Tensor made of it would be laid out anew
        out = case.f(*leaves)
        out.backward(np.ones(out.shape))
        return [out.data, *(leaf.grad.data for leaf in leaves if leaf.grad is not None)]

    contiguous = [np.asarray(x, np.float64) for x in case.inputs]
    for found, expected in zip(run([order(x) for x in contiguous]), run(contiguous)):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
