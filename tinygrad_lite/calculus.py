"""Derivatives of functions: grad, jacobian, hessian and the products with them, to any depth of nesting.

Each takes a function `f` of arrays, written with NumPy's functions. Arguments and results may be nested tuples, lists
and dicts of arrays; a derivative has the structure of its argument. Plain arrays and numbers give plain arrays.
Tensors give Tensors with a graph, and so does an `f` that uses Tensors which require a gradient.
"""

from __future__ import annotations

import copy
import functools
import math
import operator
import types
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, SupportsIndex

import numpy as np

from . import errors, random
from .graph import Node, Rule, identity, op, walk
from .mode import MODE, backward_scope, using
from .tensor import NumberTaken, Tensor, as_value, one_like, wrap
from .values import Array, beside, frozen

Tree = Any  # arrays in nested tuples, lists and dicts
Function = Callable[..., Any]


def flatten(tree: Tree) -> tuple[list[Any], Callable[[Sequence[Any]], Tree]]:
    """The leaves of a tree in order, and the function that puts others in their places."""
    if not isinstance(tree, (dict, tuple, list)):
        return [tree], lambda leaves: leaves[0]
    parts = [flatten(branch) for branch in (tree.values() if isinstance(tree, dict) else tree)]

    def together(branches: list[Any]) -> Tree:
        if isinstance(tree, dict):
            new = copy.copy(tree)  # an OrderedDict stays one
            new.update(zip(tree, branches))
            return new
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)  # a named tuple, or not

    def rebuild(leaves: Sequence[Any]) -> Tree:
        rest = iter(leaves)
        return together([build([next(rest) for _ in part]) for part, build in parts])

    return [leaf for part, _ in parts for leaf in part], rebuild


def _recording(tracing: bool = False) -> AbstractContextManager[None]:
    """A derivative needs the graph of its own function, inside no_grad() as well."""
    return using(recording=True, tracing=tracing or MODE.get().tracing)


class _Traced:
    """`f`, run on variables in place of the leaves of its arguments number `argnums`, and its graph kept.

    A variable is a new leaf, or, for a Tensor that an outer derivative wants to know about, a node of its own joined
    to it: so that inner and outer derivatives are never confused.
    """

    def __init__(
        self, name: str, f: Function, argnums: Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        _is_function(name, f)
        for i in argnums:
            if not -len(args) <= i < len(args):
                raise ValueError(
                    f"{name}: argument number {i} is asked for, but the function was called with {len(args)}"
                )
        argnums = [i % len(args) for i in argnums]
        if len(set(argnums)) < len(argnums):
            raise ValueError(f"{name}: an argument is asked for twice")
        outer = MODE.get().recording
        parts = [flatten(args[i]) for i in argnums]
        self.forms = [(len(part), build) for part, build in parts]
        self.given = [leaf for part, _ in parts for leaf in part]
        self.variables = [_variable(x, outer) for x in self.given]
        args = list(args)
        for i, tree in zip(argnums, self.trees(self.variables)):
            args[i] = tree
        with _recording(tracing=True):
            try:
                self.out = f(*args, **kwargs)
            except ValueError as error:
                if isinstance(error.__cause__, NumberTaken):  # NumPy hides it, where it writes a number into an array
                    raise error.__cause__ from None
                raise
        self.outs, self.build = flatten(self.out)
        for out in self.outs:
            if not isinstance(out, (Tensor, int, float)) and not hasattr(out, "dtype"):
                raise TypeError(
                    f"{name}: the function returned {errors.describe(out)}, no number: did it forget its return?"
                )
        # With other leaves than our own in the graph, the derivative is a function of those: it gets a graph too.
        self.live = [isinstance(out, Tensor) and out.requires_grad for out in self.outs]
        self.create_graph = outer and any(
            live and _reaches_beyond(out, self.variables) for out, live in zip(self.outs, self.live)
        )
        for v in self.variables:
            if v.op is None:
                v.requires_grad = False  # done: to an outer derivative it is a constant

    def trees(self, leaves: Sequence[Any]) -> list[Tree]:
        """Leaves, put together in the form of the arguments."""
        rest = iter(leaves)
        return [build([next(rest) for _ in range(n)]) for n, build in self.forms]

    def pull(self, seeds: Sequence[Any], create_graph: bool | None = None) -> list[Any]:
        """Σ over the results of seed · ∂result/∂variable, for each variable; zeros where there is no way to it."""
        create_graph = self.create_graph if create_graph is None else create_graph
        roots: dict[Tensor, Any] = {}
        for out, live, seed in zip(self.outs, self.live, seeds):
            if live and seed is not None:
                roots[out] = roots[out] + seed if out in roots else seed
        total = _gradients(roots, self.variables, create_graph)
        return [
            self._plain(_zeros(v.value) if g is None else g, x) for g, v, x in zip(total, self.variables, self.given)
        ]

    def _plain(self, g: Any, given: Any) -> Any:
        """A derivative in the kind of what was given, unless it has a graph to keep; an array is the caller's own."""
        if isinstance(g, Tensor) and (g.requires_grad or isinstance(given, Tensor)):
            return g
        g = g.value if isinstance(g, Tensor) else g
        return wrap(g) if isinstance(given, Tensor) else _own(g)

    def values(self) -> Tree:
        """The results, likewise: plain where all was plain."""
        keep = self.create_graph or any(isinstance(x, Tensor) for x in self.given)
        return self.build([self._result(out, keep) for out in self.outs])

    def _result(self, out: Any, keep: bool) -> Any:
        if not isinstance(out, Tensor):
            return out
        return (out if self.create_graph else out.detach()) if keep else _own(out.value)


def _is_function(name: str, f: Any) -> None:
    if not callable(f):
        raise TypeError(f"{name}: f must be a function, got {errors.describe(f)}")


def _is_several(name: str, which: str, a: Any) -> None:
    if not isinstance(a, (tuple, list)):
        said = f"{which} must be a tuple or list, with one for each argument of f"
        raise TypeError(f"{name}: {said}, got {errors.describe(a)}")


def _own(a: Array) -> Array:
    """An array that nobody else has, to be written to."""
    return a.copy() if isinstance(a, np.ndarray) else a


def _variable(x: Any, outer: bool) -> Tensor:
    if isinstance(x, Tensor) and x.requires_grad and outer:
        with _recording():
            joined: Tensor = identity(x)
            return joined
    if isinstance(x, int) and not isinstance(x, bool):
        x = float(x)
    return (wrap(x.value) if isinstance(x, Tensor) else Tensor(x)).requires_grad_()


def _reaches_beyond(out: Node, variables: Sequence[Tensor]) -> bool:
    """Whether `out` was made from a leaf that is none of the variables, or one of those is joined to an outer graph."""
    return any(v.op is not None for v in variables) or not set(variables).issuperset(_leaves(out))


def _gradients(seeds: dict[Tensor, Any], variables: Sequence[Node], create_graph: bool) -> list[Any]:
    """Σ seed · ∂out/∂variable over {out: seed}, or None where no `out` was made from the variable."""
    roots: dict[Node, Any]
    if create_graph:
        roots = {out: seed if isinstance(seed, Tensor) else Tensor(seed) for out, seed in seeds.items()}
    else:
        roots = {out: seed.value if isinstance(seed, Tensor) else frozen(seed) for out, seed in seeds.items()}
    wanted = set(variables)
    with backward_scope(create_graph):
        found = {node: g for node, g in walk(roots, create_graph) if node in wanted}
    return [found.get(v) for v in variables]


def _zeros(value: Array) -> Array:
    return np.zeros_like(value)[()]  # a scalar for a scalar


def _scalar_seed(name: str, out: Any) -> list[Any]:
    if math.prod(np.shape(out)) != 1:
        raise ValueError(
            f"{name}: the function's result has shape {np.shape(out)}, and only a scalar has a gradient: "
            "reduce it (np.sum, np.mean), or use tg.jacobian, tg.elementwise_grad or tg.vjp"
        )
    return [one_like(out.value) if isinstance(out, Tensor) else 1.0]


class Derived:
    """A function made of another one. It pickles where that one does, and in a class it binds as a method."""

    def __init__(self, run: Callable[..., Any], f: Function, *settings: Any) -> None:
        _is_function(run.__name__.strip("_"), f)
        functools.update_wrapper(self, f)
        self._run, self._f, self._settings = run, f, settings

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self._f, *self._settings, args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)


def value_and_grad(f: Function, argnum: SupportsIndex | Sequence[SupportsIndex] = 0) -> Function:
    """The function that returns `(f(...), ∂f/∂argument)`. See `grad`."""
    return Derived(_value_and_grad, f, argnum)


def _traced_and_grad(f: Function, argnum: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[_Traced, Any]:
    argnums = [operator.index(i) for i in (argnum if isinstance(argnum, Sequence) else [argnum])]
    traced = _Traced("grad", f, argnums, args, kwargs)
    if len(traced.outs) != 1:
        raise ValueError(f"grad: the function returned {len(traced.outs)} results; return one scalar")
    gradients = traced.trees(traced.pull(_scalar_seed("grad", traced.outs[0])))
    return traced, tuple(gradients) if isinstance(argnum, Sequence) else gradients[0]


def _value_and_grad(f: Function, argnum: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    traced, gradients = _traced_and_grad(f, argnum, args, kwargs)
    return traced.values(), gradients


def grad(f: Function, argnum: SupportsIndex | Sequence[SupportsIndex] = 0) -> Function:
    """The gradient of a scalar function: `tg.grad(f)(x)` is ∂f/∂x at x, in the form, shape and dtype of x.

    Args:
        f: returns one scalar. Its other arguments may be anything.
        argnum: which argument; a tuple gives a tuple of gradients.

    Zero where `f` does not depend on the argument. Nests to any depth: `grad(grad(f))`.

    Raises:
        ValueError: f's result is not a scalar. TypeError: the argument is an array of integers.
    """
    return Derived(_grad, f, argnum)


def _grad(f: Function, argnum: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _traced_and_grad(f, argnum, args, kwargs)[1]


def elementwise_grad(f: Function, argnum: SupportsIndex | Sequence[SupportsIndex] = 0) -> Function:
    """The derivative of an elementwise function, at each element: the gradient of Σ f."""
    _is_function("elementwise_grad", f)
    return grad(Derived(_summed, f), argnum)


def _summed(f: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return np.sum(f(*args, **kwargs))


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """`f(*primals)`, and the function that maps u to uᵀ · ∂f/∂primal (for several primals, a tuple of these).

    Raises:
        ValueError: u differs from the result in structure or shape.
    """
    return _vjp("vjp", f, *primals)


def _vjp(name: str, f: Function, *primals: Any) -> tuple[Any, Function]:
    traced = _Traced(name, f, range(len(primals)), primals, {})

    def pull(cotangent: Tree) -> Any:
        seeds = _like(name, cotangent, traced.out)
        joined = any(isinstance(u, Tensor) and u.requires_grad for u in seeds)
        pulled = traced.trees(traced.pull(seeds, traced.create_graph or joined and MODE.get().recording))
        return pulled[0] if len(primals) == 1 else tuple(pulled)

    return traced.values(), pull


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """`f(*primals)`, and ∂f/∂primals · tangents: how the result moves when the primals move along the tangents.

    By reverse mode twice: u ↦ uᵀJ is linear, and its own derivative along v is Jv.

    Raises:
        ValueError: the tangents differ from the primals in structure or shape.
    """
    _is_several("jvp", "primals", primals)
    _is_several("jvp", "tangents", tangents)
    along = _like("jvp", list(tangents), list(primals))
    traced = _Traced("jvp", f, range(len(primals)), primals, {})
    moved = []
    for out, live in zip(traced.outs, traced.live):
        if not live:
            moved.append(_zeros(out.value if isinstance(out, Tensor) else out))
            continue
        u = Tensor(np.zeros_like(out.value), requires_grad=True)
        with _recording():
            pulled = _gradients({out: u}, traced.variables, True)
            total = sum(np.sum(g * v) for g, v in zip(pulled, along) if g is not None)
        further = traced.create_graph or any(isinstance(v, Tensor) and v.requires_grad for v in along)
        gradient = None
        if isinstance(total, Tensor):
            (gradient,) = _gradients({total: np.ones_like(total.value)}, [u], further)
        gradient = _zeros(out.value) if gradient is None else gradient
        moved.append(traced._plain(gradient, traced.given[0]))
    return traced.values(), traced.build(moved)


def _like(name: str, tree: Tree, model: Tree) -> list[Any]:
    """The leaves of `tree` in the order of those of `model`, which it must equal in form and shapes."""
    if isinstance(model, dict):
        if not isinstance(tree, dict) or tree.keys() != model.keys():
            raise ValueError(f"{name}: needs a dict of {', '.join(map(repr, model))}, got {errors.describe(tree)}")
        return [leaf for key in model for leaf in _like(name, tree[key], model[key])]
    if isinstance(model, (tuple, list)):
        if not isinstance(tree, (tuple, list)) or len(tree) != len(model):
            raise ValueError(f"{name}: needs {len(model)} in a tuple or list, got {errors.describe(tree)}")
        return [leaf for branch, part in zip(tree, model) for leaf in _like(name, branch, part)]
    if np.shape(tree) != np.shape(model):
        raise ValueError(f"{name}: needs shape {np.shape(model)}, got shape {np.shape(tree)}")
    if isinstance(tree, Tensor):
        return [tree]
    dtype = getattr(model, "dtype", None)
    return [as_value(tree, dtype if dtype is not None and dtype.kind == "f" else np.float64)]


def jacobian(f: Function, argnum: int = 0) -> Function:
    """∂f/∂argument: for a result of shape S and an argument of shape X, an array of shape S + X.

    It takes one walk back for each element of the result.
    """

    return Derived(_jacobian, f, argnum)


def _jacobian(f: Function, argnum: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    traced = _Traced("jacobian", f, [argnum], args, kwargs)
    return traced.build([_rows(traced, k) for k in range(len(traced.outs))])


def _rows(traced: _Traced, k: int) -> Tree:
    """∂(result k)/∂argument: a row for each element of the result."""
    out = traced.outs[k]
    shape = np.shape(out)
    pulled = []
    for index in np.ndindex(shape):
        seed = np.zeros(shape, getattr(out, "dtype", None))
        seed[index] = 1
        pulled.append(traced.pull([beside(seed[()], out) if i == k else None for i in range(len(traced.outs))]))
    variables = range(len(traced.variables))
    return traced.trees([_stacked([row[i] for row in pulled], shape, traced.variables[i]) for i in variables])[0]


def _stacked(rows: list[Any], shape: tuple[int, ...], variable: Tensor) -> Any:
    if not rows:
        return np.zeros_like(variable.value, shape=shape + variable.shape)
    return np.reshape(np.stack(rows), shape + variable.shape)


def hessian(f: Function, argnum: int = 0) -> Function:
    """∂²f/∂argument² of a scalar function: for an argument of shape X an array of shape X + X."""
    return jacobian(grad(f, argnum), argnum)


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """∂²f/∂primals² · tangents (for several primals, a tuple), without computing the Hessian: the vjp of ∇f.

    Raises:
        ValueError: f's result is not a scalar, or the tangents differ from the primals in structure or shape.
    """
    _is_function("hvp", f)
    _is_several("hvp", "primals", primals)
    _is_several("hvp", "tangents", tangents)
    _, pull = _vjp("hvp", grad(f, range(len(primals))), *primals)  # vᵀ · H, and H is symmetric
    return pull(tuple(tangents))


@op
def checkpointed(*inputs: Array, value: Array, gradients: Any) -> Rule:
    """out = f(inputs), without its graph        ∂L/∂inputs = g · ∂f/∂inputs, for which f is run again"""
    pulled: dict[int, Any] = {}
    of: list[Any] = [None]

    def pull(i: int, g: Array) -> Array:
        if of[0] is not g or i not in pulled:  # one run serves all inputs
            of[0] = g
            pulled.update(enumerate(gradients(g, inputs)))
        return pulled.pop(i)

    return value, tuple(functools.partial(pull, i) for i in range(len(inputs)))


def checkpoint(f: Function) -> Function:
    """`f`, storing nothing between its inputs and its result: backprop runs `f` again, trading time for memory.

    `f` returns one tensor, and the same one for the same arguments; dropout draws the same mask again. Tensors that it
    uses besides its arguments, such as a model's parameters, get their gradients. Running
    statistics are counted once; whatever else `f` does, it does twice.

    Raises:
        TypeError: f returns something other than one tensor.
        RuntimeError: on the way back, when one of those parameters has been rebound since.
    """

    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        leaves, build = flatten((args, kwargs))
        places = [i for i, x in enumerate(leaves) if isinstance(x, Tensor) and x.requires_grad]

        def on(inputs: Sequence[Any]) -> tuple[Any, list[Tensor]]:
            variables = [_variable(x, True) for x in inputs]
            filled = list(leaves)
            for i, variable in zip(places, variables):
                filled[i] = variable
            new_args, new_kwargs = build(filled)
            with _recording():
                return f(*new_args, **new_kwargs), variables

        if not MODE.get().recording:
            return f(*args, **kwargs)
        drawn = random.generator.bit_generator.state
        out, variables = on([leaves[i].value for i in places])
        if not isinstance(out, Tensor):
            raise TypeError(f"checkpoint: the function returned a {type(out).__name__}; it must return one Tensor")
        own = set(variables)
        others = [(x, x.value) for x in _leaves(out) if x not in own]

        def gradients(g: Array, inputs: Sequence[Any]) -> list[Any]:
            now, random.generator.bit_generator.state = random.generator.bit_generator.state, drawn
            with using(repeating=True):
                again, variables = on(inputs[: len(places)])
            random.generator.bit_generator.state = now
            if any(x.value is not value for x, value in others):
                raise RuntimeError(
                    "checkpoint: a parameter was rebound between the forward run and backward(); go back first"
                )
            targets: list[Node] = [*variables, *(x for x, _ in others)]
            found = _gradients({again: g}, targets, isinstance(g, Tensor))
            return [_zeros(t.value) if h is None else h for t, h in zip(targets, found)]

        inputs = [leaves[i] for i in places] + [x for x, _ in others]
        return checkpointed(*inputs, value=out.value, gradients=gradients) if inputs else out

    return run


def _leaves(out: Node) -> list[Node]:
    """The leaves that `out` was made from."""
    stack, seen = [out], {out}
    while stack:
        for x in stack.pop().parents():
            if x not in seen:
                seen.add(x)
                stack.append(x)
    return [x for x in seen if x.op is None and x.requires_grad]
