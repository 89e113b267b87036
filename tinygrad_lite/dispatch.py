"""Dispatch points: where a plug-in may do a rule's array code faster.

A rule calls its array code like any function. The plain version stands beside the rule, and a plug-in registers
another one for it:

    @forward
    def sigmoid_forward(x):                 # ops/activation.py: the book
        return 1 / (1 + np.exp(-x))

    @rules.sigmoid_forward.register         # kernels/activation.py: a plug-in
    def sigmoid(x):
        ...                                 # or `return NotImplemented`, for what it is not made for

Delete the plug-ins, and the library computes the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, cast

import numpy as np
from numpy import ndarray

from .mode import MODE
from .values import IMMUTABLE

P = ParamSpec("P")
OBJECT = np.dtype(object)
SETTINGS: set[type] = {tuple, dict}  # classes of arguments that are no arrays; rules add their own


class ArrayCode(Protocol[P]):
    """A function of arrays (given by position) and settings, for which plug-ins may register other versions."""

    plain: Callable[P, Any]
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...

    def register(self, version: Callable[P, Any], /) -> ArrayCode[P]: ...


def array_code(plain: Callable[P, Any]) -> ArrayCode[P]:
    """Make a dispatch point of a plain function: a gradient, or a part of what a rule computes.

    On NumPy arrays it asks the registered versions, the latest first. Numbers alone, Tensors, arrays of objects and
    arrays of other libraries go to the plain function.
    """
    return _point(plain, False)


def forward(plain: Callable[P, Any]) -> ArrayCode[P]:
    """Make a dispatch point of the function that computes a rule's whole value.

    While that rule is re-run on Tensors for a higher order, its value is known: calling this returns the node itself.
    The rule must return it as its value, and `graph.differentiable_closures` raises if it does anything else with it.
    """
    return _point(plain, True)


def _point(plain: Callable[P, Any], is_value: bool) -> ArrayCode[P]:
    versions: list[Callable[P, Any]] = []

    @functools.wraps(plain)
    def run(*args: P.args, **kwargs: P.kwargs) -> Any:
        asked = False
        a: Any
        for a in args:
            kind = a.__class__
            if kind is ndarray and a.dtype is not OBJECT or kind in SETTINGS:
                asked = True
            elif kind not in IMMUTABLE:
                asked = True
                if is_value:
                    mode = MODE.get()
                    if mode.again is not None and not mode.served and isinstance(a, mode.again.__class__):
                        mode.served = True
                        return mode.again
                if a.dtype == OBJECT if isinstance(a, ndarray) else hasattr(a, "__array_ufunc__"):
                    return plain(*args, **kwargs)
        if asked:
            for version in versions:
                out = version(*args, **kwargs)
                if out is not NotImplemented:
                    return out
        return plain(*args, **kwargs)

    def register(version: Callable[P, Any]) -> ArrayCode[P]:
        versions.insert(0, version)
        return point

    point = cast(ArrayCode[P], run)
    point.plain = plain
    point.register = register  # type: ignore[method-assign]
    return point
