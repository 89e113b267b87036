"""The engine: what an op is, the graph that ops record, and the walk back through it. Read this first.

An op is one NumPy function, its *rule*, that returns its value and one closure per input. The closure maps
the gradient of the output to the gradient of that input; everything else in this library follows from that.

    @op(np.multiply)
    def multiply(x, y):
        '''out = x · y        ∂L/∂x = g · y        ∂L/∂y = g · x'''
        return x * y, (lambda g: g * y, lambda g: g * x)
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, ParamSpec, overload

import numpy as np
from numpy import ndarray

from . import errors
from .dispatch import array_code
from .mode import MODE, using
from .values import IMMUTABLE, Array, alike, frozen, set_writeable

Closure = Callable[[Array], Array]
Rule = tuple[Array, tuple[Closure | None, ...]]  # what a rule returns: its value, a closure (or None) per input
P = ParamSpec("P")

OPS: dict[str, Op] = {}  # every op by its name
TABLE: dict[Any, Callable[..., Any]] = {}  # NumPy's function, or SciPy's by name -> what a Tensor does for it
NO_KEYWORDS: dict[str, Any] = {}
new = object.__new__
age = count(1).__next__


class Op:
    """One entry of the table of ops: a rule, its name and formula, and whether it is linear."""

    def __init__(self, rule: Callable[..., Rule], linear: bool) -> None:
        self.rule = rule
        self.run = rule  # what computes it on arrays: the rule, or a plug-in around it
        self.apply: Callable[..., Any]  # the function that a user calls
        self.name = rule.__name__
        self.linear = linear

    @functools.cached_property
    def formula(self) -> str:
        return inspect.getdoc(self.rule) or ""

    @functools.cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.rule).parameters

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class Node:
    """A value in the graph, and how it came to be.

    `op` made `value` from `args` and `kwargs`; `values` are the arguments' values as the op saw them (a leaf may be
    rebound later). `inputs` holds the args, then the values: one tuple, since the garbage collector visits every object
    of a graph. `kept` holds one closure per input, or None where the input needs no gradient; or it is a function of
    the node that makes them. `scope` is the module that was being called; `age` tells which of two nodes was made
    first. A leaf has no op, inputs or closures.
    """

    __slots__ = (
        "value", "requires_grad", "grad", "name", "op", "inputs", "kwargs", "kept", "scope", "age", "__weakref__",
    )  # fmt: skip
    value: Array
    requires_grad: bool
    grad: Any
    name: str | None
    op: Op | None
    inputs: tuple[Any, ...]
    kwargs: dict[str, Any]
    kept: Any
    scope: Any
    age: int

    @property
    def args(self) -> tuple[Any, ...]:
        return self.inputs[: len(self.inputs) // 2]

    @property
    def values(self) -> tuple[Any, ...]:
        return self.inputs[len(self.inputs) // 2 :]

    @property
    def closures(self) -> tuple[Closure | None, ...]:
        """One function per input, or None where the input needs no gradient."""
        return self.kept(self) if callable(self.kept) else self.kept  # type: ignore[no-any-return]

    def parents(self) -> Iterator[Node]:
        """The inputs that a gradient flows to, one for each closure (so twice for x in x · x)."""
        return (x for x, closure in zip(self.args, self.closures) if closure is not None)


# ---------------------------------------------------------------------------------------------- forward: recording


@overload  # first, since a ufunc also passes for a rule
def op(ufunc: np.ufunc, /, *more: Any, linear: bool = False) -> Callable[[Callable[P, Rule]], Callable[P, Any]]: ...
@overload
def op(rule: Callable[P, Rule], /) -> Callable[P, Any]: ...
@overload
def op(*numpy: Callable[..., Any], linear: bool) -> Callable[[Callable[P, Rule]], Callable[P, Any]]: ...
@overload
def op(f: Callable[..., Any], g: Any, /, *more: Any) -> Callable[[Callable[P, Rule]], Callable[P, Any]]: ...
def op(*functions: Any, linear: bool = False) -> Any:
    """Make an op of a rule: a function of arrays that returns `(value, closures)`.

    Used as `@op`, or as `@op(np.exp)` when NumPy has a function that the op differentiates. The first parameters of
    the rule are its inputs, as many as it returns closures; a closure may be None (no derivative in that input).
    `linear=True` promises that the closures use no input's values, so the rule need not be re-run for higher orders.
    On bare arrays an op returns a bare array; with a Tensor among its arguments, a Tensor.
    """
    if len(functions) == 1 and isinstance(functions[0], types.FunctionType):
        return _make(functions[0], (), linear)
    if not all(map(callable, functions)):
        raise TypeError(f"op: {functions!r} is not a NumPy function: write @op on the rule itself, or @op(np.exp)")
    return lambda rule: _make(rule, functions, linear)


def _make(rule: Callable[..., Rule], functions: Iterable[Callable[..., Any]], linear: bool) -> Callable[..., Any]:
    this = Op(rule, linear)
    code = rule.__code__
    most = sys.maxsize if code.co_flags & inspect.CO_VARARGS else code.co_argcount

    @functools.wraps(rule)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args, kwargs = _bind(this, args, kwargs)
        mode = MODE.get()
        kind = None
        flowing = 0  # how many inputs need a gradient
        mutable = False
        values: Any = []
        for a in args:
            if isinstance(a, Node):
                kind = a.__class__
                values.append(a.value)
                if a.requires_grad:
                    flowing += 1
            else:
                values.append(a)
                if a.__class__ not in IMMUTABLE:
                    mutable = True
        try:
            if kind is None:
                return this.run(*args, **kwargs)[0]
            if mode.again is not None and _is_again(mode.again, this, args, kwargs):
                return mode.again
            records = flowing > 0 and mode.recording
            if mutable:
                values = alike(values)
            if records and mutable:
                values = [v if isinstance(a, Node) else frozen(v) for a, v in zip(args, values)]
                args = tuple([a if isinstance(a, Node) else v for a, v in zip(args, values)])
            value, closures = this.run(*values, **kwargs) if kwargs else this.run(*values)
        except (ValueError, TypeError, IndexError) as error:
            if hasattr(error, "said"):
                raise  # the innermost op has named it
            errors.raise_named(error, this.name, this.parameters, args, kwargs)
        if records:
            if closures.__class__ is not tuple or len(closures) > most:
                said = "its rule must return (value, (closure, …)), one closure for each input, in a tuple"
                got = f"{len(closures)} closures" if isinstance(closures, tuple) else errors.describe(closures)
                raise TypeError(f"{this.name}: {said}: got {got}")
            if flowing < len(args) or len(args) != len(closures):
                for a in args[len(closures) :]:
                    if a.__class__ not in IMMUTABLE:
                        _constant(this, a)
                flows = [isinstance(a, Node) and a.requires_grad for a in args]
                closures = tuple([c if f else None for f, c in zip(flows, closures)])  # frees what the others captured
                records = any(closures)
        out = made(kind, value, this, (*args, *values), kwargs, closures if records else (), mode.scope)
        if mode.watch is not None:
            mode.watch.value(out, this, values)
        return out

    call.op = this  # type: ignore[attr-defined]
    this.apply = call
    OPS[this.name] = this
    TABLE.update(dict.fromkeys(functions, call))
    return call


def made(
    kind: Any, value: Array, op: Op | None, inputs: tuple[Any, ...], kwargs: dict[str, Any], kept: Any, scope: Any
) -> Node:
    """The result of an op; without closures it is a leaf."""
    if value.__class__ is ndarray:
        if value.ndim:
            set_writeable(value, False)
        else:
            value = value[()]  # NumPy scalars are several times faster than 0-d arrays
    out: Node = new(kind)
    out.value = value
    out.grad = out.name = None
    out.requires_grad = kept != ()
    if not kept:
        op, inputs, kwargs = None, (), NO_KEYWORDS
    out.op = op
    out.inputs = inputs
    out.kwargs = kwargs
    out.kept = kept
    out.scope = scope
    out.age = age()
    return out


def _bind(this: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Inputs given by name (`conv2d(x, weight=w)`) take their places; all other keywords stay as they are."""
    if not any(isinstance(v, Node) for v in kwargs.values()):
        return args, {name: frozen(v) for name, v in kwargs.items()}
    bound, rest = list(args), dict(kwargs)
    for parameter in list(this.parameters.values())[len(args) :]:
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            break
        if parameter.name in rest:
            bound.append(rest.pop(parameter.name))
        elif parameter.default is not parameter.empty:
            bound.append(parameter.default)
        else:
            break  # the rule itself says what is missing
    for name in rest.keys() - this.parameters.keys():
        raise TypeError(f"{this.name}: there is no argument {name!r}; it takes {', '.join(this.parameters)}")
    return tuple(bound), {name: frozen(_constant(this, v)) for name, v in rest.items()}


def _constant(this: Op, a: Any) -> Any:
    """The value of an argument that gets no gradient: a mask, an index, the weights of a loss."""
    if not isinstance(a, Node):
        return a
    if a.requires_grad:
        said = f"its rule has no closure for its argument of {errors.describe(a)}, so no gradient flows to it"
        raise TypeError(f"{this.name}: {said}: detach() it")
    return a.value


# --------------------------------------------------------------------------------------------- backward: the walk


def backpropagate(root: Node, seed: Array, create_graph: bool = False) -> Iterator[tuple[Node, Array]]:
    """Yield each node that `root` was made from, with ∂L/∂node, every node after all that were made from it.

    `seed` is ∂L/∂root. A pure walk: nothing is stored in the graph, so it may be walked again, and stopped anywhere.
    With `create_graph` the gradients are Tensors.
    """
    return walk({root: frozen(seed)}, create_graph)  # type: ignore[no-any-return]


@array_code
def walk(seeds: dict[Node, Array], create_graph: bool = False) -> Iterator[tuple[Node, Array]]:
    """`backpropagate` from several roots at once: yields the sum of their gradients.

    A node is older than all that were made from it. So the youngest one waiting has had a gradient from each of its
    uses, and the leaves come last. Seeds must not change meanwhile, and a leaf's gradient may be a part of one.
    """
    watch = MODE.get().watch
    gradient = dict(seeds)
    waiting = [(-root.age, root) for root in seeds if root.op is not None]  # a heap, the youngest node first
    heapify(waiting)
    while waiting:
        _, node = heappop(waiting)
        g = gradient.pop(node)
        if isinstance(g, ndarray):
            set_writeable(g, False)  # it may be another node's gradient as well: a closure must not write into it
        yield node, g
        for x, closure in zip(node.args, differentiable_closures(node) if create_graph else node.closures):
            if closure is None:
                continue
            try:
                gx = fit(closure(g), x.value)  # of the shape and dtype that the op saw, even if x was rebound
            except (ValueError, TypeError, IndexError) as error:
                errors.raise_in_gradient(error, node, x)
            if watch is not None:
                watch.gradient(node, x, g, gx)
            if x not in gradient and x.op is not None:
                heappush(waiting, (-x.age, x))
            gradient[x] = gradient[x] + gx if x in gradient else gx
    yield from gradient.items()


def fit(g: Array, value: Array) -> Array:
    """The gradient in its input's own shape and dtype: the one place where broadcasting is undone.

    out = x + y broadcasts x where it has fewer axes or a 1: each element was used many times, and ∂L/∂x sums over them.
    """
    if g.__class__ is value.__class__:
        if g.__class__ is ndarray:
            if g.shape == value.shape and g.dtype is value.dtype:
                return g
        elif g.__class__ in IMMUTABLE:
            return g
    if g is None:
        raise TypeError("the closure returned None: it must return the gradient")
    shape, seen = np.shape(value), np.shape(g)
    if seen != shape:
        extra = len(seen) - len(shape)
        if extra < 0 or any(n not in (1, m) for n, m in zip(shape, seen[extra:])):
            raise ValueError(f"the closure returned a gradient of shape {seen}, but its input has shape {shape}")
        axes = (*range(extra), *(i for i, n in enumerate(shape, extra) if n == 1 and seen[i] != 1))
        g = np.reshape(total(g, axes), shape)
    if not shape and g.__class__ is ndarray:
        g = g[()]  # a scalar for a scalar
    dtype = getattr(value, "dtype", None)
    if dtype is not None and dtype != getattr(g, "dtype", dtype):
        if g.dtype.kind == "c":
            raise TypeError(f"a complex gradient for an input of dtype {dtype}: compute with real and imaginary parts")
        g = g.astype(dtype)
    return g


@array_code
def total(x: Array, axis: int | tuple[int, ...] | None, y: Array | None = None) -> Array:
    """Σ x, or Σ x · y, over the axes, which stay as axes of 1. float16 is summed in float32."""
    terms = x if y is None else x * y
    if getattr(terms, "dtype", None) != np.float16:
        return np.sum(terms, axis=axis, keepdims=True)
    return np.sum(terms, axis=axis, keepdims=True, dtype=np.float32).astype(np.float16)


# ------------------------------------------------------------------------------------------------- higher orders


def differentiable_closures(node: Node) -> tuple[Closure | None, ...]:
    """The closures of `node` over Tensors in place of arrays: what they return has a graph of its own.

    The rule is run again on the arguments themselves. A Tensor speaks NumPy's protocols, so the body runs unchanged,
    and its closures now build graph. An op on the node's very arguments is the node: nothing is computed twice.
    """
    assert node.op is not None
    if node.op.linear:
        return node.closures
    args = [a if not isinstance(a, Node) or a.value is v else as_it_was(a, v) for a, v in zip(node.args, node.values)]
    with using(again=node):
        value, closures = node.op.rule(*args, **node.kwargs)
        wrong = MODE.get().served and value is not node
    if wrong:
        raise TypeError(f"{node.op.name}: its rule must return what @forward code gives, and use it for nothing else")
    return tuple([None if kept is None else closure for kept, closure in zip(node.closures, closures)])


def _is_again(node: Node, this: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if node.op is not this or len(args) != len(node.args) or kwargs.keys() != node.kwargs.keys():
        return False
    return all(a is b for a, b in zip(args, node.args)) and all(kwargs[name] is node.kwargs[name] for name in kwargs)


@op(linear=True)
def identity(x: Array) -> Rule:
    """out = x        ∂L/∂x = g"""
    return x, (lambda g: g,)


def as_it_was(leaf: Node, value: Array) -> Node:
    """A leaf that was rebound since (by an optimiser): its old value, with the gradient going to the leaf."""
    old: Node = identity(leaf)
    old.value = value
    old.inputs = (leaf, value)
    return old
