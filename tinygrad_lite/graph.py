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
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np
from numpy import float64, ndarray  # by name: the walk looks them up for every node

from . import errors
from .kernels.total import total

Array = Any  # a NumPy array or scalar, or anything else that speaks NumPy's protocols (a Tensor does)
Closure = Callable[[Array], Array]
Rule = tuple[Array, tuple[Closure | None, ...]]  # what a rule returns: its value, a closure (or None) per input
new = object.__new__
age = count(1).__next__
NO_KEYWORDS: dict[str, Any] = {}
OBJECT = np.dtype(object)
IMMUTABLE = {
    type(None), bool, int, float, str, slice, np.float64, np.float32, np.float16, np.int64, np.int32, np.bool_,
}  # fmt: skip
P = ParamSpec("P")
T = TypeVar("T")


class Part:
    """A closure whose gradient is 0 but for a part, as that of x[i] is.

    Called, it gives the whole, as any closure does, in a new array; `add(total, g)` adds the part alone to what other
    uses of the input gave. So to go back from a thousand parts of an array takes as long as from a few.
    """

    __slots__ = ("whole", "add")

    def __init__(self, whole: Closure, add: Callable[[Array, Array], None]) -> None:
        self.whole = whole
        self.add = add

    def __call__(self, g: Array) -> Array:
        return self.whole(g)


class Again(tuple[Any, ...]):
    """In place of the closures of an operator on scalars: True for each input that needs a gradient, else None.

    The rule makes them again on the way back. For single numbers they take as much memory as all the rest of the graph,
    and in a long one to fill it takes longer than to run the rules.
    """

    __slots__ = ()


BOTH, FIRST, SECOND = Again((True, True)), Again((True, None)), Again((None, True))


class Op:
    """One entry of the table of ops: a rule, its name and formula, whether it is linear, Python's operator for it."""

    def __init__(self, rule: Callable[..., Rule], linear: bool, operator: Callable[..., Any] | None) -> None:
        self.rule = rule
        self.name = rule.__name__
        self.linear = linear
        self.operator = operator

    @functools.cached_property
    def formula(self) -> str:
        return inspect.getdoc(self.rule) or ""

    @functools.cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.rule).parameters

    def __repr__(self) -> str:
        return f"<op {self.name}>"


OPS: dict[str, Op] = {}  # every op by its name
TABLE: dict[Callable[..., Any], Callable[..., Any]] = {}  # NumPy's function -> what a Tensor does for it


class Node:
    """A value in the graph, and how it came to be.

    `op` made `value` from `args` and `kwargs`; `values` are the arguments' values as the op saw them (a leaf may be
    rebound later). `inputs` holds the args, then the values: in one tuple, for the collector visits every object of a
    graph. `kept` holds one closure per input, or None where the input needs no gradient (or for scalars, `Again`).
    `scope` is the module that was being called; `age` tells which of two nodes was made first. A leaf has no op, inputs
    or closures.
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
    kept: tuple[Closure | None, ...] | Again
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
        return again(self) if isinstance(self.kept, Again) else self.kept

    def parents(self) -> Iterator[Node]:
        """The inputs that a gradient flows to, one for each closure (so twice for x in x · x)."""
        return (x for x, closure in zip(self.args, self.kept) if closure is not None)


def again(node: Node) -> tuple[Closure | None, ...]:
    """The closures of an operator on scalars, of which `node` kept none."""
    assert node.op is not None
    _, _, x, y = node.inputs
    closures = node.op.rule(x, y)[1]
    if len(closures) != 2:
        raise TypeError(f"{node.op.name}: an operator's rule must return two closures: got {errors.describe(closures)}")
    if node.kept is BOTH:
        return closures
    return (closures[0], None) if node.kept is FIRST else (None, closures[1])


class Mode:
    """What recording depends on."""

    __slots__ = ("recording", "again", "scope", "watch")

    def __init__(self) -> None:
        self.recording = True  # False inside no_grad()
        self.again: Node | None = None  # the node whose rule is being run again, see `differentiable_closures`
        self.scope: Any = None  # the module that is being called
        self.watch: Any = None  # inside detect_anomaly(): sees every value and every gradient


class _Thread(threading.local):
    """Each thread has a mode of its own: no_grad() in one does not stop another from training."""

    def __init__(self) -> None:
        self.mode = Mode()


THREAD = _Thread()


class _NoGrad:
    """What no_grad() returns: a context that may be entered again, and a decorator."""

    def __init__(self) -> None:
        self.outer: list[bool] = []

    def __enter__(self) -> None:
        self.outer.append(THREAD.mode.recording)
        THREAD.mode.recording = False

    def __exit__(self, *_: object) -> None:
        THREAD.mode.recording = self.outer.pop()

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isgeneratorfunction(function):
            raise TypeError("no_grad: a generator runs when it is iterated: put `with tg.no_grad():` inside it")

        @functools.wraps(function)
        def unrecorded(*args: P.args, **kwargs: P.kwargs) -> T:
            with _NoGrad():
                return function(*args, **kwargs)

        return unrecorded


@overload
def no_grad() -> _NoGrad: ...
@overload
def no_grad(function: Callable[P, T], /) -> Callable[P, T]: ...
def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Record nothing inside: `with tg.no_grad(): ...`, or `@tg.no_grad` on a function."""
    return _NoGrad() if function is None else _NoGrad()(function)


# ---------------------------------------------------------------------------------------------- forward: recording


@overload  # first, since a ufunc also passes for a rule
def op(
    ufunc: np.ufunc, /, *more: Callable[..., Any], linear: bool = False, operator: Callable[..., Any] | None = None
) -> Callable[[Callable[P, Rule]], Callable[P, Any]]: ...
@overload
def op(rule: Callable[P, Rule], /) -> Callable[P, Any]: ...
@overload
def op(*numpy_functions: Callable[..., Any], linear: bool) -> Callable[[Callable[P, Rule]], Callable[P, Any]]: ...
@overload
def op(
    first: Callable[..., Any], second: Callable[..., Any], /, *more: Callable[..., Any]
) -> Callable[[Callable[P, Rule]], Callable[P, Any]]: ...
def op(*functions: Any, linear: bool = False, operator: Callable[..., Any] | None = None) -> Any:
    """Make an op of a rule: a function of arrays that returns `(value, closures)`.

    Used as `@op`, or as `@op(np.exp)` when NumPy has a function that the op differentiates. The first parameters of
    the rule are its inputs, as many as it returns closures; a closure may be None (no derivative in that input).
    `linear=True` promises that the closures use no input's values, so that the rule need not be run again for
    higher orders; `operator=` that Python's operator of two scalars gives the value, so that the rule need be run for
    them on the way back alone. On bare arrays an op returns a bare array; with a Tensor among its arguments, a Tensor.
    """
    if len(functions) == 1 and isinstance(functions[0], types.FunctionType):
        return _make(functions[0], (), linear, operator)
    if not all(map(callable, functions)):
        raise TypeError(f"op: {functions!r} is no function of NumPy's: @op on the rule itself, or @op(np.exp)")
    return lambda rule: _make(rule, functions, linear, operator)


def _make(
    rule: Callable[..., Rule],
    numpy_functions: Iterable[Callable[..., Any]],
    linear: bool,
    operator: Callable[..., Any] | None,
) -> Callable[..., Any]:
    this = Op(rule, linear, operator)
    code = rule.__code__
    most = sys.maxsize if code.co_flags & inspect.CO_VARARGS else code.co_argcount

    @functools.wraps(rule)
    def apply(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            args, kwargs = _bind(this, args, kwargs)
        mode = THREAD.mode
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
                return rule(*args, **kwargs)[0]
            if mode.again is not None and _is_again(mode.again, this, args, kwargs):
                return mode.again
            records = flowing > 0 and mode.recording
            if records and mutable:
                values = [v if isinstance(a, Node) else frozen(v) for a, v in zip(args, values)]
                args = tuple([a if isinstance(a, Node) else v for a, v in zip(args, values)])
            value, closures = rule(*values, **kwargs) if kwargs else rule(*values)
        except (ValueError, TypeError, IndexError) as error:
            raise errors.named(error, this.name, this.parameters, args) from error
        if records:
            if closures.__class__ is not tuple or len(closures) > most:
                raise TypeError(
                    f"{this.name}: its rule must return (value, (closure, …)), one closure for each input, in a tuple: "
                    f"got {errors.describe(closures)}"
                )
            if flowing < len(args) or len(args) != len(closures):
                for a in args[len(closures) :]:
                    if a.__class__ not in IMMUTABLE:
                        _constant(this, a)
                flows = [isinstance(a, Node) and a.requires_grad for a in args]
                closures = tuple([c if f else None for f, c in zip(flows, closures)])  # what others captured goes
                records = any(closures)
        if not records:
            closures = ()
        out = made(kind, value, this, (*args, *values), kwargs or NO_KEYWORDS, closures, mode.scope)
        if mode.watch is not None:
            mode.watch.value(out, this, values)
        return out

    apply.op = this  # type: ignore[attr-defined]
    OPS[this.name] = this
    TABLE.update(dict.fromkeys(numpy_functions, apply))
    return apply


def made(
    kind: Any,
    value: Array,
    op: Op,
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any],
    kept: tuple[Closure | None, ...] | Again,
    scope: Any,
) -> Node:
    """The result of an op; without closures it is a leaf."""
    if value.__class__ is ndarray:
        if value.ndim:
            value.setflags(write=False)
        else:
            value = value[()]  # scalars stay NumPy scalars: several times faster than 0-d arrays
    out: Node = new(kind)
    out.value = value
    out.grad = out.name = None
    if kept:
        out.requires_grad = True
        out.op = op
        out.inputs = inputs
        out.kwargs = kwargs
        out.kept = kept
        out.scope = scope
        out.age = age()
    else:
        out.requires_grad = False
        out.op = out.scope = None
        out.inputs = out.kept = ()
        out.kwargs = NO_KEYWORDS
        out.age = age()
    return out


def implements(*numpy_functions: Callable[..., Any]) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Enter a function composed of ops in the table: what a Tensor does for these functions of NumPy, if there are any.

    An error in it is named after the function, as an op's is.
    """

    def enter(function: Callable[P, Any]) -> Callable[P, Any]:
        name = function.__name__.strip("_")

        @functools.wraps(function)
        def apply(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return function(*args, **kwargs)
            except (ValueError, TypeError, IndexError) as error:
                raise errors.named(error, name, inspect.signature(function).parameters, args) from error

        TABLE.update(dict.fromkeys(numpy_functions, apply))
        return apply

    return enter


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
    """An argument that no gradient flows to, by its value: a mask, an index, a weight of a loss."""
    if not isinstance(a, Node):
        return a
    if a.requires_grad:
        raise TypeError(
            f"{this.name}: its rule has no closure for its argument of {errors.describe(a)}, so no gradient flows to "
            "it: detach() it"
        )
    return a.value


def frozen(a: Any) -> Any:
    """`a` as the graph may keep it: an array that its owner could still change is copied, all else is left as it is."""
    if isinstance(a, ndarray):
        base: Any = a
        while isinstance(base, ndarray):
            if base.flags.writeable:
                a = a.copy(order="K")
                a.setflags(write=False)
                return a
            base = base.base
        return a
    if isinstance(a, (list, tuple)):
        return type(a)([x if x.__class__ in IMMUTABLE else frozen(x) for x in a]) if type(a) in (list, tuple) else a
    return a


# --------------------------------------------------------------------------------------------- backward: the walk


def backpropagate(root: Node, seed: Array, create_graph: bool = False) -> Iterator[tuple[Node, Array]]:
    """Yield each node that `root` was made from, with ∂L/∂node, every node after all that were made from it.

    `seed` is ∂L/∂root. A pure walk: nothing is stored in the graph, so it may be walked again, and stopped anywhere.
    A node is older than all that were made from it. So the youngest one waiting has had a gradient from each of its
    uses, and the leaves come last. With `create_graph` the gradients are Tensors.
    """
    return walk({root: seed}, create_graph)


def walk(seeds: dict[Node, Array], create_graph: bool = False) -> Iterator[tuple[Node, Array]]:
    """`backpropagate` from several roots at once: yields the sum of their gradients."""
    watch = THREAD.mode.watch
    gradient = {root: frozen(seed) for root, seed in seeds.items()}
    ours: set[Node] = set()  # nodes whose gradient is a sum made here, so that more can be added in place
    waiting = [(-root.age, root) for root in seeds if root.op is not None]  # a heap, the youngest node first
    heapify(waiting)
    while waiting:
        _, node = heappop(waiting)
        g = gradient.pop(node)
        if g.__class__ is ndarray:
            g.setflags(write=False)  # it may be another node's gradient as well: a closure must not write into it
        yield node, g
        closures = differentiable_closures(node) if create_graph else node.kept
        if closures.__class__ is Again:
            closures = again(node)
        for x, closure in zip(node.inputs, closures):
            if closure is None:
                continue
            if closure.__class__ is Part and x in gradient and not create_graph and watch is None:
                if x not in ours:
                    gradient[x] = gradient[x].copy("K")
                    ours.add(x)
                closure.add(gradient[x], g)
                continue
            try:
                gx = closure(g)
                if not gx.__class__ is float64 is x.value.__class__:
                    gx = fit(gx, x.value)  # of the shape and dtype that the op saw, even if it was rebound
                    if closure.__class__ is Part and x not in gradient:
                        ours.add(x)
            except (ValueError, TypeError, IndexError) as error:
                raise errors.in_gradient(error, node, x) from error
            if watch is not None:
                watch.gradient(node, x, g, gx)
            if x not in gradient:
                gradient[x] = gx
                if x.op is not None:
                    heappush(waiting, (-x.age, x))
            elif gx.__class__ is ndarray and x in ours:
                np.add(gradient[x], gx, out=gradient[x])
            else:
                gradient[x] = both = gradient[x] + gx
                if both.__class__ is ndarray:
                    ours.add(x)
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
    shape, seen = np.shape(value), np.shape(g)
    if g is None:
        raise TypeError("the closure returned None: it must return the gradient")
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
            raise TypeError(
                f"a complex gradient for an input of dtype {dtype}: complex numbers are not supported, compute with "
                "real and imaginary parts"
            )
        g = g.astype(dtype)
    return g


# ------------------------------------------------------------------------------------------------- higher orders


def differentiable_closures(node: Node) -> tuple[Closure | None, ...]:
    """The closures of `node` over Tensors in place of arrays: what they return has a graph of its own.

    The rule is run again on the arguments themselves. A Tensor speaks NumPy's protocols, so the body runs unchanged,
    and its closures now build graph. An op on the node's very arguments is the node: nothing is computed twice.
    """
    assert node.op is not None
    if node.op.linear:
        return node.closures
    args = [a if not isinstance(a, Node) or a.value is v else _as_it_was(a, v) for a, v in zip(node.args, node.values)]
    with running_again(node):
        closures = node.op.rule(*args, **node.kwargs)[1]
    return tuple([None if kept is None else closure for kept, closure in zip(node.kept, closures)])


@contextmanager
def running_again(node: Node) -> Iterator[None]:
    mode = THREAD.mode
    outer, mode.again = mode.again, node
    try:
        yield
    finally:
        mode.again = outer


def _is_again(node: Node, this: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return (
        node.op is this
        and len(args) == len(node.args)
        and all(a is b for a, b in zip(args, node.args))
        and kwargs.keys() == node.kwargs.keys()
        and all(kwargs[name] is node.kwargs[name] for name in kwargs)
    )


@op(linear=True)
def identity(x: Array) -> Rule:
    """out = x        ∂L/∂x = g"""
    return x, (lambda g: g,)


def _as_it_was(leaf: Node, value: Array) -> Node:
    """A leaf that was rebound since (by an optimiser): its old value, with the gradient going to the leaf."""
    old: Node = identity(leaf)
    old.value = value
    old.inputs = (leaf, value)
    return old


def kernel(plain: Callable[P, Array]) -> Callable[[Callable[P, Array]], Callable[P, Array]]:
    """Fast array code for NumPy arrays, beside the plain version that it must agree with and that runs on all else.

    Rules call it like any NumPy function. Its arrays are positional. On Tensors it is the value of the node whose rule
    is being run again (so a rule must return it as its value), or else the plain version, which builds graph.
    """

    def decorate(fast: Callable[P, Array]) -> Callable[P, Array]:
        @functools.wraps(fast)
        def run(*args: P.args, **kwargs: P.kwargs) -> Array:
            for a in args:
                if a.__class__ in IMMUTABLE or a.__class__ is ndarray and a.dtype is not OBJECT:
                    continue
                if isinstance(a, Node) and THREAD.mode.again is not None:
                    return THREAD.mode.again
                if a.dtype == OBJECT if isinstance(a, ndarray) else hasattr(a, "__array_ufunc__"):
                    return plain(*args, **kwargs)
            return fast(*args, **kwargs)

        run.plain = plain  # type: ignore[attr-defined]
        return run

    return decorate
