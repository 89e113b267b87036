"""Module: parameters, and what is computed with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np

from ..graph import Node
from ..mode import MODE, changed
from ..tensor import Tensor, as_value
from ..values import Array, in_order_of, moved

T = TypeVar("T")

KEPT_CALLS = 500  # a module whose own tensors lead back through so many calls is taken to have lost a detach()


class LoadedKeys(NamedTuple):
    """What `load_state_dict(strict=False)` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Handle:
    """A hook on a module: `remove()` takes it off again, as does the end of `with handle:`."""

    def __init__(self, hooks: list[Handle], hook: Callable[..., Any], prepend: bool, with_kwargs: bool) -> None:
        if not callable(hook):
            raise TypeError(f"a hook must be a function, got {hook!r}")
        self.hooks, self.hook, self.with_kwargs = hooks, hook, with_kwargs
        hooks.insert(0 if prepend else len(hooks), self)

    def remove(self) -> None:
        """Take the hook off; for the second time, nothing."""
        if self in self.hooks:
            self.hooks.remove(self)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


class Module:
    """A part of a model. A subclass sets its tensors and its modules as attributes and defines `forward`.

        class Net(nn.Module):
            def __init__(self):
                self.hidden = nn.Linear(64, 32)
                self.out = nn.Linear(32, 10)

            def forward(self, x):
                return self.out(F.relu(self.hidden(x)))

    What an attribute holds counts, also inside lists, tuples and dicts: `layers.0.weight` names the weight of the first
    of `self.layers`. Tensors that require a gradient are parameters. The state is the parameters and the buffers: all
    other tensors that the module had before its first call or got from `register_buffer`. Whatever else `forward` keeps
    on the module (`self.last = x`) is not part of the state.
    """

    training = True
    _held: frozenset[str] | None = None  # the names of its own tensors before the first call
    _registered: frozenset[str] = frozenset()  # buffers by register_buffer, which may come later
    _unsaved: frozenset[str] = frozenset()  # buffers that are no part of the state
    _trained: frozenset[str] = frozenset()  # what required a gradient at some time
    _calls = 0
    _pre_hooks: Sequence[Handle] = ()
    _hooks: Sequence[Handle] = ()
    _marks: dict[str, int] | None = None  # the ages of the results that it kept after KEPT_CALLS calls

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define forward(self, ...), it is what a call does")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward`, with the scope (the caller's scope, this module) noted in every node that it makes."""
        if self._held is None:
            self._note_parameters()
            self._held = frozenset(name for name, _ in self._own_tensors())
        self._calls += 1
        if self._calls in (KEPT_CALLS, 2 * KEPT_CALLS):
            self._check_growth()
        outer = changed(scope=(MODE.get().scope, self)).scope
        try:
            for handle in tuple(self._pre_hooks):
                if handle.with_kwargs:
                    args, kwargs = handle.hook(self, args, kwargs) or (args, kwargs)
                elif (new := handle.hook(self, args)) is not None:
                    args = new if isinstance(new, tuple) else (new,)
            out = self.forward(*args, **kwargs)
            for handle in tuple(self._hooks):
                new = handle.hook(self, args, kwargs, out) if handle.with_kwargs else handle.hook(self, args, out)
                out = out if new is None else new
            return out
        finally:
            changed(scope=outer)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call hook(module, args) before each `forward`; what it returns, but for None, takes the arguments' place.

        With `with_kwargs`, hook(module, args, kwargs), which returns both or None. `prepend` puts it before the others.
        """
        return Handle(vars(self).setdefault("_pre_hooks", []), hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call hook(module, args, out) after each `forward`; what it returns, but for None, takes the result's place.

        With `with_kwargs`, hook(module, args, kwargs, out). `prepend` puts it before the others.
        """
        return Handle(vars(self).setdefault("_hooks", []), hook, prepend, with_kwargs)

    def _check_growth(self) -> None:
        """Warn, once, of a result that is kept from call to call with its whole graph."""
        kept = {name: t for name, t, _, _ in _parts(vars(self)) if isinstance(t, Tensor) and t.op is not None}
        if self._marks is None:
            self._marks = {name: t.age for name, t in kept.items()}
            return
        for name, t in kept.items():
            if name in self._marks and _leads_to(t, self._marks[name]):
                said = f"the graph of {name} goes back through {KEPT_CALLS} calls, so memory grows with each"
                then = f"detach what is kept for the next call (self.{name} = h.detach())"
                warnings.warn(f"{type(self).__name__}: {said}: {then}", stacklevel=3)
        self._marks = None

    # ------------------------------------------------------------------------------------------- what is inside

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each module that this one holds itself, in the order in which they were set."""
        return ((name, part) for name, part, _, _ in _parts(vars(self)) if isinstance(part, Module))

    def children(self) -> Iterator[Module]:
        """The modules of `named_children`."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted name, module) for this module, named `prefix`, and all inside it, each once."""
        return _modules(self, prefix, set())

    def modules(self) -> Iterator[Module]:
        """The modules of `named_modules`."""
        return (module for _, module in self.named_modules())

    def _own_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) for the state that this module holds itself."""
        held = self._held
        for name, part, _, _ in _parts(vars(self)):
            if not isinstance(part, Tensor):
                continue
            if held is None and part.op is not None:
                said = f"{name} is the result of {part.op.name}, not a leaf, so it would be neither trained nor saved"
                then = "compute its array first, then make a Tensor(array, requires_grad=True)"
                raise ValueError(f"{type(self).__name__}: {said}: {then}")
            if held is None or name in held or name in self._registered or part.requires_grad and part.op is None:
                yield name, part

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, tensor) for the state of this module and all inside it, each tensor once.

        Raises:
            ValueError: before a module's first call, one of its tensors is the result of an op.
        """
        seen = set()
        for prefix, module in self.named_modules():
            for name, t in module._own_tensors():
                if t not in seen and name not in module._unsaved:
                    seen.add(t)
                    yield _dotted(prefix, name), t

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, tensor) for every leaf tensor inside that requires a gradient, each once."""
        return ((name, t) for name, t in self.named_tensors() if t.requires_grad and t.op is None)

    def parameters(self) -> Iterator[Tensor]:
        """The tensors of `named_parameters`."""
        return (t for _, t in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, tensor) for the state that is no parameter: running statistics, and what was frozen."""
        return ((name, t) for name, t in self.named_tensors() if not t.requires_grad or t.op is not None)

    def buffers(self) -> Iterator[Tensor]:
        """The tensors of `named_buffers`."""
        return (t for _, t in self.named_buffers())

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Set the attribute `name` to a tensor that is part of the state, but no parameter.

        An array becomes a tensor; None holds the name's place. With persistent=False it is left out of the state.
        A tensor set as an attribute in `__init__` is a buffer without being registered.
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            tensor = Tensor(tensor)
        setattr(self, name, tensor)
        self._registered |= {name}
        self._unsaved = self._unsaved - {name} if persistent else self._unsaved | {name}

    def get_submodule(self, target: str) -> Module:
        """The module of this dotted name; "" is this one.

        Raises:
            AttributeError: there is none.
        """
        return _found(self, "get_submodule", target, self.named_modules())

    def get_parameter(self, target: str) -> Tensor:
        """The parameter of this dotted name.

        Raises:
            AttributeError: there is none.
        """
        return _found(self, "get_parameter", target, self.named_parameters())

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of this dotted name.

        Raises:
            AttributeError: there is none.
        """
        return _found(self, "get_buffer", target, self.named_buffers())

    # ------------------------------------------------------------------------------------------ for all inside

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` on every module inside, and then on this one; returns it."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze all parameters (False), or unfreeze what was a parameter before; returns it. Buffers stay buffers."""
        for module in self.modules():
            module._note_parameters()
            for name, t in module._own_tensors():
                if name in module._trained and t.op is None:
                    t.requires_grad_(requires_grad)
        return self

    def _note_parameters(self) -> None:
        self._trained |= {name for name, t in self._own_tensors() if t.requires_grad}

    def to(self, to: Any) -> Self:
        """Bring the state to another floating dtype, or to the library of an array, in place; returns it.

            model.to(np.float64)
            model.to(cupy.empty(0))  # or any array of that library: what is then computed is on the GPU
            model.to(np.empty(0))  # back again

        Gradients are forgotten. An array's dtype doesn't matter, a dtype changes floating tensors alone.

        Raises:
            TypeError: `to` is neither an array nor a floating dtype.
        """
        to = to.data if isinstance(to, Tensor) else to
        is_array = hasattr(to, "shape") and not isinstance(to, type)
        if not is_array and not _floating(to):
            raise TypeError(
                f"{type(self).__name__}.to: needs a floating dtype, as np.float64, or an array of the library that is "
                f"to compute, as cupy.empty(0), got {to!r}"
            )
        for _, t in self.named_tensors():
            if t.op is None and is_array:
                t.value, t.grad = as_value(moved(t.value, to)), None
            elif t.op is None and t.dtype.kind == "f":
                t.value, t.grad = as_value(t.value, np.dtype(to)), None
        return self

    def half(self) -> Self:
        """`to(np.float16)`."""
        return self.to(np.float16)

    def double(self) -> Self:
        """`to(np.float64)`."""
        return self.to(np.float64)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for t in self.parameters():
            t.zero_grad()

    def train(self, training: bool = True) -> Self:
        """Set whether this module and all inside it are in training (dropout drops, batch norm learns); returns it."""
        for module in self.modules():
            module.training = training
        return self

    def eval(self) -> Self:
        """`train(False)`."""
        return self.train(False)

    # ------------------------------------------------------------------------------------------------ the state

    def state_dict(self) -> dict[str, Array]:
        """The arrays of the state by name: parameters, also frozen ones, and buffers.

        A snapshot that training leaves alone, although nothing is copied: optimisers rebind, arrays never change.
        """
        return {name: t.data for name, t in self.named_tensors()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """Set every tensor of the state to the array of its name, in the tensor's own dtype, library and memory order.

        Either all are set or, if an error is raised, none. A tensor with several names (a tied weight) is set by any
        of them. With strict=False, names that only one side has are left alone.

        Returns:
            (missing_keys, unexpected_keys): names that `state_dict` lacks, and names that this module lacks.

        Raises:
            KeyError: with `strict`, names are missing or unexpected.
            ValueError: shapes differ.
            TypeError: `state_dict` holds no arrays by name, or a dtype that the tensor's can't hold: complex numbers,
                or fractions for integers.
        """
        said = f"load_state_dict: {type(self).__name__}"
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"{said}: needs arrays by name, as state_dict() gives, not a {type(state_dict).__name__}")
        names: dict[Tensor, list[str]] = {}
        for prefix, module in self.named_modules():
            for name, t in module._own_tensors():
                if name not in module._unsaved:
                    names.setdefault(t, []).append(_dotted(prefix, name))
        given = {t: next((n for n in of if n in state_dict), None) for t, of in names.items()}
        known = {n for of in names.values() for n in of}
        missing = [names[t][0] for t, n in given.items() if n is None]
        keys = LoadedKeys(missing, [n for n in state_dict if n not in known])
        if strict and any(keys):
            what = [f"{what} {', '.join(map(str, n))}" for what, n in zip(("missing", "unexpected"), keys) if n]
            raise KeyError(f"{said}: {'; '.join(what)}")
        new = {t: (n, _array(said, n, state_dict[n])) for t, n in given.items() if n is not None}
        wrong = [f"{n} has {a.shape}, needs {t.shape}" for t, (n, a) in new.items() if a.shape != t.shape]
        if wrong:
            raise ValueError(f"{said}: wrong shapes: {'; '.join(wrong)}")
        uncast = [(n, a.dtype, t.dtype) for t, (n, a) in new.items() if not np.can_cast(a.dtype, t.dtype, "same_kind")]
        if uncast:
            wrong = [f"{name} has {has}, needs {needs}" for name, has, needs in uncast]
            raise TypeError(f"{said}: wrong dtypes: {'; '.join(wrong)}")
        for t, (_, a) in new.items():
            value = as_value(moved(in_order_of(a, t.value), t.value), t.dtype)
            if t.op is None:
                t.data = value
            else:
                self._replace(t, Tensor(value))
        return keys

    def _replace(self, old: Tensor, new: Tensor) -> None:
        """Put `new` wherever a module inside holds `old`."""
        for module in self.modules():
            for name, part, holder, key in list(_parts(vars(module))):
                if part is old:
                    if isinstance(holder, tuple):
                        raise TypeError(f"load_state_dict: {name} is held in a tuple, where it cannot be replaced")
                    holder[key] = new

    # ---------------------------------------------------------------------------------------------- as one reads it

    def extra_repr(self) -> str:
        """What stands in the parentheses of this module's line in its repr."""
        return ""

    def float(self) -> Self:
        """`to(np.float32)`."""
        return self.to(np.float32)

    def __repr__(self) -> str:
        return "\n".join(self._lines("", set()))

    def _lines(self, indent: str, above: set[int]) -> Iterator[str]:
        count = sum(t.size for t in self.parameters())
        yield f"{type(self).__name__}({self.extra_repr()})" + (f"  {count:,} parameters" if count else "")
        if id(self) not in above:
            for name, child in self.named_children():
                first, *rest = child._lines(indent + "  ", above | {id(self)})
                yield f"{indent}  {name}: {first}"
                yield from rest


def _array(said: str, name: str, value: Any) -> Array:
    kinds = "biufcO" if hasattr(value, "__array_function__") else "biufc"  # O: arrays of symbols
    why = ""
    try:
        a = as_value(value)
    except (TypeError, ValueError) as error:
        a, why = None, f" ({error})"
    if a is None or a.dtype.kind not in kinds:
        raise TypeError(f"{said}: {name} must be an array of numbers, got a {type(value).__name__}{why}")
    return a


def _floating(dtype: Any) -> bool:
    try:
        return dtype is not None and np.dtype(dtype).kind == "f"
    except TypeError:  # "cuda", a dtype of PyTorch's
        return False


def _dotted(*names: str) -> str:
    return ".".join(name for name in names if name)


def _parts(value: Any, name: str = "", holder: Any = None, key: Any = None) -> Iterator[tuple[str, Any, Any, Any]]:
    """(dotted name, part, what holds it, its key there) for the modules and tensors in nested dicts, lists and tuples.

    Not for what is in those modules.
    """
    if isinstance(value, (Module, Tensor)):
        yield name, value, holder, key
    elif isinstance(value, (dict, list, tuple)):
        for key, item in list(value.items()) if isinstance(value, dict) else enumerate(value):
            yield from _parts(item, _dotted(name, str(key)), value, key)


def _modules(module: Module, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    if id(module) not in seen:
        seen.add(id(module))
        yield prefix, module
        for name, child in module.named_children():
            yield from _modules(child, _dotted(prefix, name), seen)


def _found(module: Module, method: str, target: str, named: Iterator[tuple[str, T]]) -> T:
    parts = dict(named)
    if target not in parts:
        known = ", ".join(filter(None, parts)) or "none"
        raise AttributeError(f"{method}: {type(module).__name__} has no {target!r}; it has {known}")
    return parts[target]


def _leads_to(node: Node, age: int) -> bool:
    """Whether the graph of `node` holds the node of this age. A node is younger than all that it was made of."""
    stack, seen = [node], {node}
    while stack:
        for x in stack.pop().parents():
            if x.age == age:
                return True
            if x.age > age and x not in seen:
                seen.add(x)
                stack.append(x)
    return False
