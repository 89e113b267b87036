"""Random programs: NumPy's and torch.nn.functional's functions in any order, to second order, in any dtype and shape.

300 programs of 2 to 60 lines run here, which call 260 functions and methods; central differences agree with each other,
and so judge, in 99 of 100. `pytest -m long` runs 20,000. A program that fails is made smaller, and printed as a file
that runs. The judges, each for every program:

- Values, shapes and dtypes are those of the same program on plain arrays.
- The gradient along a random direction is what central differences give, wherever these agree with each other.
- `create_graph=True` gives the gradient that `.backward()` gives; the book's walk the one of the fast walk.
- `jvp` and `vjp` are each other's transpose.
- `hvp` is what central differences of the gradient give, and symmetric.
- In float16 and float32, a gradient has its leaf's dtype and is near that of float64, as near as rounding of the
  inputs lets it be.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import graph

from .differences import central, dot, scale
from .programs import Arrays, Program, doubled, generate, palette_size, shrink

Vectors = list[Any]
SEEDS = range(300)
LONG = range(1_000, 21_000)


class Wrong(Exception):
    """What a program got wrong: the kind, which shrinking keeps, and the numbers."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"{kind}: {said}")
        self.kind = kind


class Judge:
    """One program on arrays of one kind: its values and derivatives, along directions that the seed draws."""

    def __init__(self, program: Program, arrays: Arrays, seed: int) -> None:
        self.program, self.arrays = program, arrays
        self.run = program.compiled()
        self.names = program.leaves
        self.points = [arrays[name] for name in self.names]
        self.eps = max((float(np.finfo(x.dtype).eps) for x in self.points), default=0.0)
        self.expected = [np.asarray(out) for out in self.run(**arrays)]
        rng = np.random.default_rng(seed)
        self.weights = [rng.uniform(0.5, 1, out.shape).astype(out.dtype) for out in self.expected]
        self.v, self.w = ([rng.standard_normal(x.shape) for x in self.points] for _ in range(2))

    def outs(self, *leaves: Any) -> tuple[Any, ...]:
        return self.run(**{**self.arrays, **dict(zip(self.names, leaves))})

    def loss(self, *leaves: Any) -> Any:
        """Σ weight · out; NaN where a mask let another number of elements through, a few steps from here."""
        outs = self.outs(*leaves)
        if any(np.shape(out) != weight.shape for out, weight in zip(outs, self.weights)):
            return np.nan
        return sum(np.sum(weight * out) for weight, out in zip(self.weights, outs))

    def overflows(self) -> bool:
        """Whether a number on the way is too large for its dtype."""
        try:
            with np.errstate(over="raise"):
                self.outs(*self.points)
        except FloatingPointError:
            return True
        return False

    def tensors(self, points: Sequence[Any] | None = None) -> list[tg.Tensor]:
        return [tg.Tensor(x, requires_grad=True) for x in (self.points if points is None else points)]

    def gradient(self, points: Sequence[Any] | None = None) -> Vectors:
        leaves = self.tensors(points)
        loss = self.loss(*leaves)
        if isinstance(loss, tg.Tensor) and loss.requires_grad:
            loss.backward()
        return [np.zeros(x.shape) if x.grad is None else x.grad.data for x in leaves]

    def moved(self, h: float, direction: Vectors) -> Vectors:
        return [np.asarray(x + h * d) for x, d in zip(self.points, direction)]


def check_value(judge: Judge) -> None:
    for name, out, expected in zip(judge.program.returned, judge.outs(*judge.tensors()), judge.expected):
        found = out.data if isinstance(out, tg.Tensor) else out
        if np.shape(found) != expected.shape or np.asarray(found).dtype != expected.dtype:
            raise Wrong(
                "value", f"{name} is {np.shape(found)} {np.asarray(found).dtype}, not {expected.dtype} {expected.shape}"
            )
        near = 1e5 * judge.eps if judge.eps < 1e-9 else 100 * judge.eps
        if not np.allclose(found, expected, rtol=near, atol=near, equal_nan=True):
            raise Wrong("value", f"{name} is\n{found}\nand on plain arrays\n{expected}")


def check_gradient(judge: Judge) -> Vectors:
    """First order, in float64."""
    found = judge.gradient()
    if not all(np.all(np.isfinite(g)) for g in found):
        raise Wrong("not finite", f"the gradients are {found}")
    slope = central(lambda h: judge.loss(*judge.moved(h, judge.v)))
    near = judge.gradient([x * (1 + 1e-14) for x in judge.points])
    slope.error += 10 * abs(dot(near, judge.v) - dot(found, judge.v))  # std of equal numbers: rounding alone
    if not slope.near(dot(found, judge.v)):
        raise Wrong("gradient", f"along v it is {dot(found, judge.v)}, central differences give {slope.value}")
    return found


def check_walks(judge: Judge, gradient: Vectors) -> None:
    leaves = judge.tensors()
    loss = judge.loss(*leaves)
    if not (isinstance(loss, tg.Tensor) and loss.requires_grad):
        return
    one = loss.dtype.type(1)
    walks = {
        "the book's walk": dict(graph.walk.plain({loss: one})),
        "create_graph": dict(graph.backpropagate(loss, tg.Tensor(one), create_graph=True)),
    }
    for walk, gradients in walks.items():
        for name, leaf, g in zip(judge.names, leaves, gradient):
            other = gradients.get(leaf, np.zeros(leaf.shape))
            other = other.data if isinstance(other, tg.Tensor) else other
            if not np.allclose(other, g, rtol=1e-7, atol=1e-7 * largest(gradient) + 1e-12):
                raise Wrong(walk, f"∂L/∂{name} is\n{other}\nand by backward()\n{g}")


def check_products(judge: Judge) -> None:
    """jvp against vjp, on the program's results as they are: several, of any shape."""
    _, pull = tg.vjp(judge.outs, *judge.points)
    _, pushed = tg.jvp(judge.outs, judge.points, judge.v)
    u = judge.weights
    pulled = pull(tuple(u))
    pulled = [pulled] if len(judge.points) == 1 else list(pulled)
    left, right = dot(pushed, u), dot(pulled, judge.v)
    if not abs(left - right) <= 1e-7 * (scale(pushed, u) + scale(pulled, judge.v)) + 1e-12:
        raise Wrong("jvp", f"u · Jv is {left}, v · Jᵀu is {right}")


def check_second_order(judge: Judge) -> None:
    found, other = (as_list(tg.hvp(judge.loss, judge.points, v)) for v in (judge.v, judge.w))
    left, right = dot(found, judge.w), dot(other, judge.v)
    slope = central(lambda h: dot(judge.gradient(judge.moved(h, judge.v)), judge.w))
    other_slope = central(lambda h: dot(judge.gradient(judge.moved(h, judge.w)), judge.v))
    near = 1e-6 * (scale(found, judge.w) + scale(other, judge.v)) + 1e-12
    if slope.judges and other_slope.judges and not abs(left - right) <= near:
        raise Wrong("symmetry", f"w · Hv is {left}, v · Hw is {right}")
    if not slope.near(left):
        raise Wrong("hvp", f"w · Hv is {left}, central differences of the gradient give {slope.value}")


def check_dtypes(judge: Judge, exact: Judge) -> None:
    """In the dtypes that the program was drawn with: the gradient's dtype, and its distance to float64's."""
    check_value(judge)
    found, right = judge.gradient(), exact.gradient()
    for name, x, g in zip(judge.names, judge.points, found):
        if np.asarray(g).dtype != x.dtype and np.any(g):
            raise Wrong("dtype", f"∂L/∂{name} is {np.asarray(g).dtype}, the leaf {x.dtype}")
    eps = judge.eps
    rng = np.random.default_rng(1)
    size = largest(right)
    blur = 0.0
    for _ in range(4):
        near = [x.astype(np.float64) * (1 + eps * rng.choice([-1, 1], x.shape)) for x in judge.points]
        blur = max(
            blur, max((float(np.max(np.abs(a - b), initial=0)) for a, b in zip(exact.gradient(near), right)), default=0)
        )
    if judge.overflows() or size > 1e3 or blur > 0.02 * size or largest(judge.expected) > 1e3:
        return  # rounding the inputs changes it as much
    for name, g, r in zip(judge.names, found, right):
        worst = float(np.max(np.abs(g.astype(np.float64) - r), initial=0))
        if not worst <= 100 * blur + 200 * eps * max(size, 1):
            raise Wrong("rounding", f"∂L/∂{name} is\n{g}\nand in float64\n{r}")


def as_list(a: Any) -> list[Any]:
    return list(a) if isinstance(a, tuple) else [a]


def largest(gradient: Vectors) -> float:
    return max((float(np.max(np.abs(g), initial=0)) for g in gradient), default=0.0)


def fault(program: Program, seed: int) -> Wrong | None:
    """The first thing that the program gets wrong. An error that arrays don't raise is one as well."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            exact = Judge(program, doubled(program.arrays), seed)
            mixed = Judge(program, program.arrays, seed)
        except Exception:
            return None  # (made smaller) it is no program any more
        if not program.leaves or not all(np.all(np.isfinite(out)) for out in exact.expected):
            return None
        try:
            check_value(exact)
            gradient = check_gradient(exact)
            check_walks(exact, gradient)
            check_products(exact)
            check_second_order(exact)
            check_dtypes(mixed, exact)
        except Wrong as wrong:
            return wrong
        except Exception as error:
            return Wrong(type(error).__name__, str(error))
    return None


def check(seed: int) -> None:
    program = generate(seed)
    wrong = fault(program, seed)
    if wrong is not None:
        kind = wrong.kind
        small = shrink(program, lambda p: (found := fault(p, seed)) is not None and found.kind == kind)
        pytest.fail(f"program {seed}: {fault(small, seed)}\n\n{small.script()}\n", pytrace=False)


@pytest.mark.parametrize(
    "seeds", [SEEDS[i : i + 10] for i in range(0, len(SEEDS), 10)], ids=lambda s: f"{s[0]}-{s[-1]}"
)
def test_random_programs(seeds: range) -> None:
    for seed in seeds:
        check(seed)


@pytest.mark.long
@pytest.mark.parametrize(
    "seeds", [LONG[i : i + 500] for i in range(0, len(LONG), 500)], ids=lambda s: f"{s[0]}-{s[-1]}"
)
def test_many_random_programs(seeds: range) -> None:
    for seed in seeds:
        check(seed)


def test_programs_call_most_of_the_library() -> None:
    assert palette_size([generate(seed) for seed in SEEDS]) >= 260


def test_a_wrong_rule_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """erf's gradient, off by a thousandth: in 300 programs the judge must meet it, and print little else."""
    erf = graph.OPS["erf"]

    def wrong(x: Any) -> graph.Rule:
        value, (closure,) = rule(x)
        return value, (lambda g: 1.001 * closure(g),)  # type: ignore[misc]

    rule = erf.rule
    monkeypatch.setattr(erf, "rule", wrong)
    monkeypatch.setattr(erf, "run", wrong)
    for seed in SEEDS:
        program = generate(seed)
        if "tg.erf(" in program.code and (found := fault(program, seed)) and found.kind == "gradient":
            small = shrink(program, lambda p: (f := fault(p, seed)) is not None and f.kind == "gradient")  # noqa: B023
            assert len(small.lines) <= 2 and "tg.erf(" in small.script()
            return
    pytest.fail("nobody noticed")
