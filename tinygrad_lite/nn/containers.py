"""Modules that hold other modules, or parameters: one after the other, in lists, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, ClassVar, Self

from ..tensor import Tensor
from .module import Module

__all__ = ["Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"]


class _Container(Module):
    """Items as attributes, whose names are theirs in the state."""

    kind: ClassVar[type] = Module

    def _named(self) -> dict[str, Any]:
        return {name: item for name, item in vars(self).items() if isinstance(item, self.kind)}

    def __len__(self) -> int:
        return len(self._named())

    def _put(self, name: Any, item: Any) -> None:
        """Set an item, under a name that an attribute may have beside the module's own."""
        if not isinstance(item, self.kind):
            wanted = "modules" if self.kind is Module else "tensors"
            raise TypeError(f"{type(self).__name__}: needs {wanted}, but item {name!r} is a {type(item).__name__}")
        if not isinstance(name, str) or not name or "." in name or hasattr(type(self), name):
            said = f"{name!r} can't be a name: it must be a string without dots that no method has"
            raise KeyError(f"{type(self).__name__}: {said}")
        setattr(self, name, item)


class _List(_Container):
    """Items named "0", "1", …"""

    def _set(self, items: Iterable[Any]) -> None:
        for name in self._named():
            delattr(self, name)
        self.extend(items)

    def _name_at(self, index: Any) -> str:
        try:
            return str(list(self._named())[index])
        except (IndexError, TypeError) as error:
            raise type(error)(f"{type(self).__name__}: {error}: {index!r} of {len(self)} items") from None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._named().values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._like(list(self._named().items())[index])
        return getattr(self, self._name_at(index))

    def _like(self, named: list[tuple[str, Any]]) -> Any:
        return type(self)([item for _, item in named])  # type: ignore[call-arg]

    def __setitem__(self, index: Any, item: Any) -> None:
        self._put(self._name_at(index), item)

    def __delitem__(self, index: Any) -> None:
        self[index]  # or an error that names this
        items = list(self)
        del items[index]
        self._set(items)

    def __add__(self, other: Iterable[Any]) -> Any:
        return self._like([("", item) for item in (*self, *other)])

    def __iadd__(self, other: Iterable[Any]) -> Self:
        return self.extend(other)

    def append(self, item: Any) -> Self:
        """Add one at the end; returns this."""
        self._put(str(len(self)), item)
        return self

    def extend(self, items: Iterable[Any]) -> Self:
        """Add several at the end; returns this."""
        for item in list(items):
            self.append(item)
        return self

    def insert(self, index: int, item: Any) -> Self:
        """Add one before `index`; what follows is counted anew. Returns this."""
        items = list(self.append(item))
        items.insert(index, items.pop())
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
                self._put(name, module)
        else:
            self.extend(modules)

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


class _Dict(_Container, MutableMapping[str, Any]):
    """Items by name."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __setitem__ = _Container._put

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        self.update(items)

    def __getitem__(self, key: str) -> Any:
        items = self._named()
        if key not in items:
            raise KeyError(f"{type(self).__name__}: there is no {key!r}; there is {', '.join(items) or 'nothing'}")
        return items[key]

    def __delitem__(self, key: str) -> None:
        self[key]  # or a KeyError
        delattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())


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
