"""What layers with weights share: arguments that are checked by their annotation, kept as attributes and shown."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors, random
from ..settings import bind, checked
from ..tensor import Tensor
from .module import Module


def settings_of(layer: Module, settings: dict[str, Any]) -> list[str]:
    """`name=value` for the settings that aren't their defaults."""
    usual = {name: p.default for name, p in inspect.signature(type(layer)).parameters.items()}
    changed = {n: v for n, v in settings.items() if isinstance(v, Tensor) or v != usual.get(n, ())}
    return [f"{name}={errors.describe(value)}" for name, value in changed.items()]


class Layer(Module):
    """A module whose constructor's arguments are attributes of these names, unless the constructor sets others."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the arguments

    def extra_repr(self) -> str:
        sizes, settings = [], {}
        for name, p in inspect.signature(type(self)).parameters.items():
            value = vars(self).get(name, self)
            if not isinstance(value, Module):
                if p.default is p.empty:
                    sizes.append("×".join(map(str, value)) if isinstance(value, tuple) else str(value))
                else:  # a flag, as bias, may have become a tensor or None
                    flag = isinstance(p.default, bool) and not isinstance(value, bool)
                    settings[name] = value is not None if flag else getattr(value, "__name__", value)
        return ", ".join([*sizes, *settings_of(self, settings)])


def configured(init: Callable[..., None]) -> Callable[..., None]:
    """A layer's constructor, which checks its arguments first and keeps them afterwards, and whose errors are named."""
    signature = inspect.signature(init)
    signature = signature.replace(parameters=[*signature.parameters.values()][1:])

    @functools.wraps(init)
    def call(self: Layer, *args: Any, **kwargs: Any) -> None:
        try:
            given = bind(type(self).__name__, signature, args, kwargs)
            settings = {key: checked(key, value, signature.parameters[key].annotation) for key, value in given.items()}
            init(self, **settings)
        except errors.NAMED as error:
            errors.raise_named(error, type(self).__name__, signature.parameters, args, kwargs)
        for key, value in settings.items():
            if key != "dtype" and not isinstance(value, Module):
                vars(self).setdefault(key, value)

    return call


def uniform(shape: tuple[int, ...], fan_in: int, dtype: Any, name: str) -> Tensor:
    """A parameter, uniform in ±1/√fan_in. A matrix lies by columns: layers multiply by its transpose, row by row."""
    bound = 1 / math.sqrt(max(1, fan_in))
    values = random.generator.uniform(-bound, bound, shape)
    values = np.asfortranarray(values) if len(shape) == 2 else values
    return Tensor(values, requires_grad=True, dtype=dtype, name=name)


def constant(value: float, shape: tuple[int, ...], dtype: Any, name: str, requires_grad: bool = True) -> Tensor:
    """A tensor of one value throughout."""
    return Tensor(np.full(shape, value), requires_grad=requires_grad, dtype=dtype, name=name)
