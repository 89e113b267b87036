"""Modules that hold other modules, or parameters: one after the other, in lists, by name."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, ClassVar, TypeVar

from ..tensor import Tensor
from .module import Module

__all__ = ["Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"]

L = TypeVar("L", bound="_List")


class _List(Module):
    """Items as attributes "0", "1", …: their names in the state."""

    kind: ClassVar[type] = Module

    def _named(self) -> list[tuple[str, Any]]:
        return [(name, item) for name, item in vars(self).items() if isinstance(item, self.kind)]

    def _set(self, items: Iterable[Any]) -> None:
        for name, _ in self._named():
            delattr(self, name)
        self.extend(items)

    def _place(self, index: Any) -> int:
        """An index from 0 on."""
        n = len(self)
        try:
            i = operator.index(index)
        except TypeError:
            message = f"{type(self).__name__}: an index must be an integer or a slice, not {index!r}"
            raise TypeError(message) from None
        if not -n <= i < n:
            raise IndexError(f"{type(self).__name__}: index {i} is out of range for {n} items")
        return i % n

    def __iter__(self) -> Iterator[Any]:
        return iter([item for _, item in self._named()])

    def __len__(self) -> int:
        return len(self._named())

    def __getitem__(self, index: Any) -> Any:
        named = self._named()
        if isinstance(index, slice):
            return self._like(named[index])
        return named[self._place(index)][1]

    def _like(self: L, named: list[tuple[str, Any]]) -> L:
        return type(self)([item for _, item in named])  # type: ignore[call-arg]

    def __setitem__(self, index: Any, item: Any) -> None:
        setattr(self, self._named()[self._place(index)][0], self._checked(item))

    def __delitem__(self, index: Any) -> None:
        items = list(self)
        del items[index if isinstance(index, slice) else self._place(index)]
        self._set(items)

    def __add__(self: L, other: Iterable[Any]) -> L:
        return self._like([("", item) for item in (*self, *other)])

    def __iadd__(self: L, other: Iterable[Any]) -> L:
        return self.extend(other)

    def _checked(self, item: Any) -> Any:
        if not isinstance(item, self.kind):
            wanted = "modules" if self.kind is Module else "tensors"
            raise TypeError(f"{type(self).__name__}: needs {wanted}, but got a {type(item).__name__}")
        return item

    def append(self: L, item: Any) -> L:
        """Add one at the end; returns this."""
        setattr(self, str(len(self)), self._checked(item))
        return self

    def extend(self: L, items: Iterable[Any]) -> L:
        """Add several at the end; returns this."""
        for item in list(items):
            self.append(item)
        return self

    def insert(self: L, index: int, item: Any) -> L:
        """Add one before `index`; what follows is counted anew. Returns this."""
        items = list(self)
        items.insert(index, self._checked(item))
        self._set(items)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take one out, and return it."""
        item = self[index]
        del self[index]
        return item


class Sequential(_List):
    """Modules one after the other: `nn.Sequential(a, b, c)(x) = c(b(a(x)))`, named "0", "1", …

    Of a dict of modules, the keys are the names. A slice is a Sequential of the same modules, and so is a sum.

    Raises:
        TypeError: an argument is no module.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                setattr(self, _name(self, name), self._checked(module))
            return
        for i, given in enumerate(modules):
            if not isinstance(given, Module):
                raise TypeError(f"Sequential: needs modules, but argument {i} is a {type(given).__name__}")
            self.append(given)

    def _like(self, named: list[tuple[str, Any]]) -> Sequential:
        names = [name for name, _ in named]
        if all(name and not name.isdecimal() for name in names):
            return Sequential(dict(named))
        return Sequential(*(item for _, item in named))

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x


class ModuleList(_List):
    """Modules in a list, named "0", "1", … A plain list on a module counts as well; this one can be called by name.

    Raises:
        TypeError: an item is no module.
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)


class ParameterList(_List):
    """Tensors in a list, named "0", "1", …

    Raises:
        TypeError: an item is no tensor.
    """

    kind = Tensor

    def __init__(self, values: Iterable[Tensor] = ()) -> None:
        self.extend(values)


class _Dict(Module, MutableMapping[str, Any]):
    """Items by name, as attributes: their names in the state."""

    kind: ClassVar[type] = Module
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        self.update(items)

    def __getitem__(self, key: str) -> Any:
        item = vars(self).get(key)
        if not isinstance(item, self.kind):
            raise KeyError(f"{type(self).__name__}: there is no {key!r}; there is {', '.join(self) or 'nothing'}")
        return item

    def __setitem__(self, key: str, item: Any) -> None:
        if not isinstance(item, self.kind):
            wanted = "modules" if self.kind is Module else "tensors"
            raise TypeError(f"{type(self).__name__}: needs {wanted}, but {key!r} is a {type(item).__name__}")
        setattr(self, _name(self, key), item)

    def __delitem__(self, key: str) -> None:
        self[key]  # or a KeyError
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, item in vars(self).items() if isinstance(item, self.kind)])

    def __len__(self) -> int:
        return len(list(iter(self)))


class ModuleDict(_Dict):
    """Modules by name. A plain dict on a module counts as well.

    Raises:
        TypeError: an item is no module.
        KeyError: a name has a dot or is one of a module's own.
    """


class ParameterDict(_Dict):
    """Tensors by name.

    Raises:
        TypeError: an item is no tensor.
        KeyError: a name has a dot or is one of a module's own.
    """

    kind = Tensor


def _name(module: Module, name: Any) -> str:
    """A name that an attribute may have beside the module's own."""
    if not isinstance(name, str) or not name or "." in name or hasattr(type(module), name):
        raise KeyError(
            f"{type(module).__name__}: {name!r} can't be a name: it must be a string without dots that no method has"
        )
    return name
