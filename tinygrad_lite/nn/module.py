"""Module: parameters, and what is computed with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from ..mode import MODE, changed
from ..tensor import Tensor, as_value
from ..values import Array

M = TypeVar("M", bound="Module")


class Module:
    """A part of a model. A subclass sets its tensors and its modules as attributes and defines `forward`.

        class Net(nn.Module):
            def __init__(self):
                self.hidden = nn.Linear(64, 32)
                self.out = nn.Linear(32, 10)

            def forward(self, x):
                return self.out(F.relu(self.hidden(x)))

    What an attribute holds counts, also inside lists, tuples and dicts: `layers.0.weight` names the weight of the first
    of `self.layers`. Tensors that require a gradient are parameters. The state is the parameters and what other tensors
    a module held before its first call, as running statistics: what `forward` keeps on it (`self.last = x`) is none.
    """

    training = True
    _held: frozenset[str] | None = None  # the names of its own tensors before the first call

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define forward(self, ...), it is what a call does")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward`, with the scope (the caller's scope, this module) noted in every node that it makes."""
        if self._held is None:
            self._held = frozenset(name for name, part in _parts(vars(self)) if isinstance(part, Tensor))
        outer = changed(scope=(MODE.get().scope, self)).scope
        try:
            return self.forward(*args, **kwargs)
        finally:
            changed(scope=outer)

    # ------------------------------------------------------------------------------------------- what is inside

    def children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for each module that this one holds itself, in the order in which they were set."""
        return ((name, part) for name, part in _parts(vars(self)) if isinstance(part, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted name, module) for this module, named `prefix`, and all inside it, each once."""
        return _modules(self, prefix, set())

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, tensor) for the leaf tensors that are the state of the module and all inside it, each once."""
        seen = set()
        for prefix, module in self.named_modules():
            held = module._held
            for name, part in _parts(vars(module)):
                if not isinstance(part, Tensor) or part.op is not None or part in seen:
                    continue
                if part.requires_grad or held is None or name in held:
                    seen.add(part)
                    yield _dotted(prefix, name), part

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, tensor) for every leaf tensor inside that requires a gradient, each once."""
        return ((name, t) for name, t in self.named_tensors() if t.requires_grad)

    def parameters(self) -> Iterator[Tensor]:
        """The tensors of `named_parameters`."""
        return (t for _, t in self.named_parameters())

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for t in self.parameters():
            t.zero_grad()

    def train(self: M, training: bool = True) -> M:
        """Set whether this module and all inside it are in training (dropout drops, batch norm learns); returns it."""
        for _, module in self.named_modules():
            module.training = training
        return self

    def eval(self: M) -> M:
        """`train(False)`."""
        return self.train(False)

    # ------------------------------------------------------------------------------------------------ the state

    def state_dict(self) -> dict[str, Array]:
        """The arrays of the state by name, frozen parameters and running statistics too.

        A snapshot that training leaves alone, although nothing is copied: optimisers rebind, arrays never change.
        """
        return {name: t.data for name, t in self.named_tensors()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every tensor of the state to the array of its name, in the tensor's own dtype; all or none.

        Raises:
            KeyError: names are missing from `state`, or it has names that this module hasn't.
            ValueError: shapes differ.
            TypeError: a dtype holds what the tensor's can't: complex numbers, or fractions for integers.
        """
        own = dict(self.named_tensors())
        missing, unexpected = [n for n in own if n not in state], [n for n in state if n not in own]
        if missing or unexpected:
            said = [f"{what} {', '.join(n)}" for what, n in (("missing", missing), ("unexpected", unexpected)) if n]
            raise KeyError(f"load_state_dict: {type(self).__name__}: {'; '.join(said)}")
        new = {name: as_value(state[name]) for name in own}
        wrong = [f"{n} has {new[n].shape}, needs {t.shape}" for n, t in own.items() if new[n].shape != t.shape]
        if wrong:
            raise ValueError(f"load_state_dict: {type(self).__name__}: wrong shapes: {'; '.join(wrong)}")
        kinds = {name: (new[name].dtype, t.dtype) for name, t in own.items()}
        wrong = [f"{n} has {a}, needs {b}" for n, (a, b) in kinds.items() if not np.can_cast(a, b, "same_kind")]
        if wrong:
            raise TypeError(f"load_state_dict: {type(self).__name__}: wrong dtypes: {'; '.join(wrong)}")
        for name, t in own.items():
            t.data = as_value(new[name], t.dtype)

    # ---------------------------------------------------------------------------------------------- as one reads it

    def extra_repr(self) -> str:
        """What stands in the parentheses of this module's line in its repr."""
        return ""

    def __repr__(self) -> str:
        return "\n".join(self._lines("", set()))

    def _lines(self, indent: str, above: set[int]) -> Iterator[str]:
        count = sum(t.size for t in self.parameters())
        yield f"{type(self).__name__}({self.extra_repr()})" + (f"  {count:,} parameters" if count else "")
        if id(self) not in above:
            for name, child in self.children():
                first, *rest = child._lines(indent + "  ", above | {id(self)})
                yield f"{indent}  {name}: {first}"
                yield from rest


def _dotted(*names: str) -> str:
    return ".".join(name for name in names if name)


def _parts(value: Any, name: str = "") -> Iterator[tuple[str, Module | Tensor]]:
    """(dotted name, part) for the modules and tensors in nested dicts, lists and tuples, not for what is in those."""
    if isinstance(value, (Module, Tensor)):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _parts(item, _dotted(name, str(key)))


def _modules(module: Module, prefix: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    if id(module) not in seen:
        seen.add(id(module))
        yield prefix, module
        for name, child in module.children():
            yield from _modules(child, _dotted(prefix, name), seen)
