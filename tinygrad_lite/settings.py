"""Settings of layers, optimisers and schedules: each is checked by its annotation, wherever it comes from.

It may come from a call, an assignment or a file.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Annotated, Any, ClassVar, TypeAlias, get_origin

import numpy as np


def _whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


# Annotations of settings: the Python type, what a value must be, in words, and whether it is that.
Number: TypeAlias = Annotated[float, "a finite number of at least 0", lambda v: 0 <= v < math.inf]
Above0: TypeAlias = Annotated[float, "a finite number above 0", lambda v: 0 < v < math.inf]
Least1: TypeAlias = Annotated[float, "a finite number of at least 1", lambda v: 1 <= v < math.inf]
NotAbove0: TypeAlias = Annotated[float, "a finite number of at most 0", lambda v: -math.inf < v <= 0]
Below1: TypeAlias = Annotated[float, "at least 0 and below 1", lambda v: 0 <= v < 1]
Share: TypeAlias = Annotated[float, "a number from 0 to 1", lambda v: 0 <= v <= 1]
Part: TypeAlias = Annotated[float, "a number above 0 and of at most 1", lambda v: 0 < v <= 1]
Probability: TypeAlias = Annotated[float, "a probability", lambda v: 0 <= v <= 1]
Count: TypeAlias = Annotated[int, "an integer of at least 0", lambda v: _whole(v) and v >= 0]
Positive: TypeAlias = Annotated[int, "a positive integer", lambda v: _whole(v) and v > 0]
Depth: TypeAlias = Annotated[int, "an integer from 1 to 1000", lambda v: _whole(v) and 0 < v <= 1000]
Finite: TypeAlias = Annotated[float, "a finite number", lambda v: -math.inf < v < math.inf]

# By the name that an annotation has in the source.
RANGES: dict[str, Any] = {name: a for name, a in globals().items() if get_origin(a) is Annotated} | {"float": Finite}


def checked(name: str, value: Any, kind: str, usual: Any = None) -> Any:
    """A setting as a Python number (which leaves float32 arrays float32), a tuple of them, a bool or a text.

    Raises:
        TypeError: it is no number, tuple or bool.
        ValueError: it is out of its range.
    """
    if kind.startswith("tuple["):
        kinds = kind[len("tuple[") : -1].split(", ")
        if not isinstance(value, (tuple, list)) or len(value) != len(kinds):
            raise TypeError(f"{name} must be {len(kinds)} numbers, as {usual}, got {value!r}")
        return tuple(checked(f"{name}[{i}]", v, k) for i, (v, k) in enumerate(zip(value, kinds)))
    if kind.startswith("list["):
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"{name} must be a list, got {value!r}")
        return [checked(f"{name}[{i}]", v, kind[len("list[") : -1]) for i, v in enumerate(value)]
    kind, _, optional = kind.partition(" | ")
    if optional and value is None:
        return None
    if kind == "bool":
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} must be True or False, got {value!r}")
        return bool(value)
    if kind.startswith("Literal["):
        options = ast.literal_eval(f"({kind[len('Literal[') : -1]},)")
        if str(value) not in options:
            raise ValueError(f"{name} must be {' or '.join(map(repr, options))}, got {value!r}")
        return str(value)
    if kind.startswith("Callable") and not callable(value):
        raise TypeError(f"{name} must be a function, got {value!r}")
    if kind not in RANGES:
        return value
    python, (said, fits) = RANGES[kind].__origin__, RANGES[kind].__metadata__
    message = f"{name} must be {said}, got {value!r}"
    try:
        wrong = not fits(value)
    except (TypeError, ValueError):
        raise TypeError(message) from None
    if wrong:
        raise ValueError(message)
    return python(value)


def plain(value: Any) -> Any:
    """A setting that a file gave as an array: numbers, or lists of them."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def bind(name: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, with the defaults.

    Raises:
        TypeError: `name`, whose signature this is, takes others.
    """
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        takes = ", ".join(str(p.replace(annotation=p.empty)) for p in signature.parameters.values()) or "nothing"
        raise TypeError(f"{name}: {error}; it takes {takes}") from None
    bound.apply_defaults()
    return bound.arguments


class Configured:
    """A class with settings: the arguments of its `function`, but for the first ones. A subclass may change defaults.

    `class AdamW(Adam, weight_decay=0.01)` takes what Adam takes.
    """

    function: ClassVar[str]  # the name of the method
    first: ClassVar[int]  # how many arguments it has before the settings, self included
    subject: ClassVar[str]  # what the constructor takes before them
    more: ClassVar[tuple[Parameter, ...]] = ()  # settings that aren't the function's
    parameters_of: ClassVar[Mapping[str, Parameter]]
    _changed: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **defaults: Any) -> None:
        cls._changed = {**cls._changed, **defaults}
        own = list(inspect.signature(getattr(cls, cls.function)).parameters.values())[cls.first :]
        own = [p for p in own if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        settings = [p.replace(default=cls._changed.get(p.name, p.default)) for p in (*own, *cls.more)]
        cls.parameters_of = {p.name: p for p in settings}
        subject = Parameter(cls.subject, Parameter.POSITIONAL_OR_KEYWORD)
        cls.__signature__ = inspect.Signature([subject, *settings])  # type: ignore[attr-defined]

    def bound(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The settings by name, checked, from the arguments of a call."""
        _, *settings = bind(type(self).__name__, inspect.signature(type(self)), args, kwargs).items()
        return {name: self.checked(name, value) for name, value in settings}

    def checked(self, name: str, value: Any) -> Any:
        """A setting's value, if it may have it."""
        p = self.parameters_of[name]
        kind = p.annotation if isinstance(p.annotation, str) else getattr(p.annotation, "__name__", "")
        return checked(f"{type(self).__name__}: {name}", value, kind, p.default)
