"""Is a gradient right? Backprop against central differences, to any order. And where a NaN came from."""

from __future__ import annotations

import linecache
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import errors
from .graph import Node, Op, backpropagate
from .mode import BACKWARD, MODE, using
from .tensor import Tensor
from .values import Array, on_host

Function = Callable[..., Any]


class GradientError(AssertionError):
    """A gradient differs from central differences, or there is none because the function has a kink."""


def gradcheck(f: Function, *inputs: Any, order: int = 2, tolerance: float = 1e-6, step: float = 1e-5) -> bool:
    """Compare the gradients of `f` with central differences in float64; True, or an error that says where they differ.

    It compares the derivative of u · f along v, for random u and v, for each input by itself: the gradient that
    `.backward()` gives, and from order 2 on also the one that `create_graph=True` gives. For order 2 that derivative is
    the function to check, and so on; a wrong `linear=True` shows at order 2 only.

    Args:
        f: a function of Tensors that returns one Tensor (of any shape).
        inputs: arrays, numbers or Tensors. Floating ones are checked, as float64; all others are passed on as they are.
        order: how many times to differentiate.
        tolerance: the largest difference allowed, relative to the gradient's norm.
        step: how far to move the inputs. A kink within that distance is reported as such.

    Raises:
        GradientError: names the input, the order and the worst element, with what backprop and what central
            differences give there.
    """
    if not callable(f):
        raise TypeError(f"gradcheck: f must be a function, got {errors.describe(f)}")
    if order not in range(1, 10):
        raise ValueError(f"gradcheck: order must be an integer from 1 to 9, got {errors.describe(order)}")
    points = [on_host(x.value if isinstance(x, Tensor) else x) for x in inputs]
    checked = [i for i, x in enumerate(points) if x.dtype.kind == "f"]
    points = [x.astype(np.float64) if i in checked else x for i, x in enumerate(points)]
    if not checked:
        raise ValueError("gradcheck: none of the inputs is floating, so there is no gradient to check")
    _check(f, points, checked, 1, order, tolerance, step, np.random.default_rng(0x6772_6164))  # like no input's
    return True


def _check(
    f: Function,
    points: list[Any],
    checked: Sequence[int],
    order: int,
    last: int,
    tolerance: float,
    step: float,
    rng: np.random.Generator,
) -> None:
    def run(values: Sequence[Any]) -> tuple[list[Tensor], Tensor]:
        leaves = [Tensor(x, requires_grad=i in checked) for i, x in enumerate(values)]
        out = f(*leaves)
        if not isinstance(out, Tensor):
            raise TypeError(f"gradcheck: the function returned a {type(out).__name__}; it must return one Tensor")
        return leaves, out

    leaves, out = run(points)
    u = rng.standard_normal(out.shape)
    directions = {i: rng.standard_normal(points[i].shape) for i in checked}
    found = {"backprop": dict(backpropagate(out, u)) if out.requires_grad else {}}
    if last > 1 and out.requires_grad:
        walked = backpropagate(out, Tensor(u), create_graph=True)
        found["create_graph"] = {x: g.value if isinstance(g, Tensor) else g for x, g in walked}
    noise = 8 * np.finfo(np.float64).eps * float(np.sum(np.abs(u * out.value))) / step

    def value(i: int, by: Any) -> float:
        """u · f, with input i moved."""
        return float(np.sum(u * run([x + by if j == i else x for j, x in enumerate(points)])[1].value))

    def compare(i: int, g: Any, v: Any) -> tuple[float, float]:
        """What backprop and what central differences give along v; raises where the slopes on the two sides differ."""
        above, here, below = value(i, step * v), value(i, 0.0), value(i, -step * v)
        bend = abs(above - 2 * here + below) / step  # the difference between the slopes ahead and behind
        if bend > 100 * noise + 1e-4 * abs(above - below) / step:
            nearer = abs(value(i, step / 8 * v) - 2 * here + value(i, -step / 8 * v)) / (step / 8)
            if not bend / 16 < nearer < bend / 4:  # where f is smooth it falls to an eighth
                raise GradientError(
                    f"gradcheck: input {i} has a kink within {step:g} of its value: there is no derivative. The slopes "
                    f"ahead, {(above - here) / step:.6g}, and behind, {(here - below) / step:.6g}, differ"
                )
        return float(np.sum(g * v)), (above - below) / (2 * step)

    for i in checked:
        for walk, gradients in found.items():
            g = gradients.get(leaves[i], np.zeros_like(points[i]))
            got, expected = compare(i, g, directions[i])
            allowed = tolerance * max(float(np.linalg.norm(g)), abs(expected)) + noise
            if not abs(got - expected) <= allowed:
                raise GradientError(f"gradcheck: order {order}, {_worst(walk, i, g, points[i].shape, compare)}")

    if order < last:

        def slope(*tensors: Tensor) -> Tensor:
            """The derivative of u · f along all the directions at once."""
            out = f(*tensors)
            found = dict(backpropagate(out, Tensor(u), create_graph=True)) if out.requires_grad else {}
            return sum((np.sum(found[tensors[i]] * directions[i]) for i in checked if tensors[i] in found), Tensor(0.0))

        _check(slope, points, checked, order + 1, last, tolerance, step, rng)


def _worst(
    walk: str, i: int, g: Any, shape: tuple[int, ...], compare: Callable[[int, Any, Any], tuple[float, float]]
) -> str:
    """The element of input i where this walk and central differences differ most, in words."""
    pairs = {}
    for index in np.ndindex(shape):
        v = np.zeros(shape)
        v[index] = 1.0
        pairs[index] = compare(i, g, v)
    index, (got, expected) = max(pairs.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    element = f"input {i}" + (f" of shape {shape}, element {list(index)}" if index else "")
    return f"{element}: {walk} gives {got:.10g}, central differences give {expected:.10g}"


# ------------------------------------------------------------------------------------------------ where a NaN came from


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Inside, the first op whose value or gradient is NaN or infinite raises: `with tg.detect_anomaly(): ...`.

    Both the forward run and `.backward()` belong inside. It watches the thread that it is used in. An infinity that was
    put in (a mask of -inf) may come out again.

    Raises:
        FloatingPointError: names the op, the module that was called, the shapes and ranges of the inputs, and the line
            outside this library that made it.
    """
    with using(watch=_Watch()):
        yield


class _Watch:
    """Sees every value and gradient as it is made, and remembers which line of the user's made each node."""

    def __init__(self) -> None:
        self.lines: dict[int, tuple[weakref.ref[Node], str]] = {}  # by id: a tensor's == compares its elements

    def value(self, out: Node, op: Op, values: Sequence[Any]) -> None:
        """Called with every result of an op."""
        if _is_new(out.value, values):
            module = _module(MODE.get().scope)
            raise FloatingPointError(
                f"{op.name}: its value {_anomaly(out.value)}\n{_users_line()}\n{module}{_ranges(op, values)}"
            )
        self.lines[id(out)] = weakref.ref(out), _users_line()

    def gradient(self, node: Node, x: Node, g: Array, gx: Array) -> None:
        """Called with every gradient that a closure returns."""
        g, gx = (a.value if isinstance(a, Node) else a for a in (g, gx))
        if not _is_new(gx, [g, *node.values]):
            return
        assert node.op is not None
        reference, line = self.lines.get(id(node), (None, ""))
        made = line if reference is not None and reference() is node else "  made outside detect_anomaly()"
        name = next((name for name, a in zip(node.op.parameters, node.args) if a is x), "its input")
        raise FloatingPointError(
            f"{node.op.name}: ∂L/∂{name} {_anomaly(gx)}\n{made}\n{_module(node.scope)}"
            f"{_ranges(node.op, node.values)}\n  g: {_range(g)}"
        )


def _is_new(a: Array, sources: Sequence[Any]) -> bool:
    """Whether `a` holds a NaN, or an infinity that none of its sources held."""
    if getattr(a, "dtype", np.dtype(object)).kind != "f" or np.isfinite(a).all():
        return False
    numbers = [s for s in sources if isinstance(s, float) or getattr(s, "dtype", np.dtype(object)).kind == "f"]
    return bool(np.isnan(a).any()) or not any(np.isinf(s).any() for s in numbers)


def _anomaly(a: Array) -> str:
    bad = ~np.isfinite(a)
    first = np.unravel_index(int(np.argmax(bad)), np.shape(a)) if np.ndim(a) else ()
    place = f" in {np.count_nonzero(bad)} of {np.size(a)} elements, first at [{', '.join(map(str, first))}]"
    return f"is {np.asarray(a)[first]}{place if first else ''}"


def _users_line() -> str:
    """The innermost line outside this library and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in (__package__, "numpy"):
        frame = frame.f_back
    file, number = frame.f_code.co_filename, frame.f_lineno
    return f"  made at {os.path.basename(file)}:{number}: {linecache.getline(file, number, frame.f_globals).strip()}"


def _module(scope: Any) -> str:
    """The module that was being called, as the attributes that lead to it."""
    path = []
    while scope is not None:
        outer, module = scope
        held = outer[1].named_children() if outer is not None and outer[1] is not BACKWARD else ()
        name = module if module is BACKWARD else type(module).__name__
        path.append(next((name for name, part in held if part is module), name))
        scope = outer
    return f"  in {'.'.join(reversed(path))}\n" if path else ""


def _ranges(op: Op, values: Sequence[Any]) -> str:
    return "\n".join(f"  {name}: {_range(v)}" for name, v in zip(op.parameters, values) if hasattr(v, "dtype"))


def _range(a: Array) -> str:
    """Shape, dtype and range of an array, and how many of its elements are NaN or infinite already."""
    finite = np.asarray(a)[np.isfinite(a)]
    said = f"shape {np.shape(a)} {a.dtype}"
    if finite.size:
        said += f", from {finite.min():.6g} to {finite.max():.6g}"
    if finite.size < np.size(a):
        said += f", {np.size(a) - finite.size} not finite"
    return said
