"""NumPy's functions that take NaN as if it were not there: nansum, nanmean, nanmax, nanmedian, nancumsum, …

Each is made from the function without "nan" in its name, and has its arguments. A NaN gets no gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import BoundArguments
from typing import Any, ParamSpec

import numpy as np

from ..tensor import implements
from ..values import Array
from .cumulative import cumprod, cumsum
from .order import median, percentile, quantile
from .reduce import max, mean, min, prod, std, sum, var

P = ParamSpec("P")
Way = Callable[[Callable[..., Any], BoundArguments], Any]  # calls the function so that it passes over NaN


def twin(numpy_function: Callable[..., Any], function: Callable[P, Any], way: Way) -> Callable[P, Any]:
    """`function` without NaN, under NumPy's name for that."""
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name != "skip_nan"]

    def without_nan(*args: P.args, **kwargs: P.kwargs) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return way(function, bound)

    without_nan.__name__ = without_nan.__qualname__ = numpy_function.__name__
    without_nan.__doc__ = f"`np.{function.__name__}` of what is not NaN, with the same arguments."
    without_nan.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return implements(numpy_function)(without_nan)


def masked(function: Callable[..., Any], given: BoundArguments) -> Any:
    given.arguments["where"] = ~np.isnan(given.arguments["x"]) & given.arguments["where"]
    return function(*given.args, **given.kwargs)


def replaced(by: float) -> Way:
    """Each NaN by a number that changes nothing."""

    def call(function: Callable[..., Any], given: BoundArguments) -> Any:
        x: Array = given.arguments["x"]
        if x.dtype.kind == "f":
            given.arguments["x"] = np.where(np.isnan(x), by, x)
        return function(*given.args, **given.kwargs)

    return call


def extreme(worst: float) -> Way:
    """As `masked`, beside a number that is the last to win; NaN where there is no other."""

    def call(function: Callable[..., Any], given: BoundArguments) -> Any:
        x, axis, out, keepdims, initial, where = given.args
        if x.dtype.kind != "f":
            return function(*given.args)
        numbers = ~np.isnan(x) & where
        if initial is not None:
            return function(x, axis, out, keepdims, initial, numbers)
        best = function(x, axis, out, keepdims, worst, numbers)
        return np.where(np.any(numbers, axis=axis, keepdims=keepdims), best, np.nan)

    return call


def skipping(function: Callable[..., Any], given: BoundArguments) -> Any:
    given.arguments["skip_nan"] = True
    return inspect.unwrap(function)(*given.args, **given.kwargs)  # so that an error has the twin's name


nansum = twin(np.nansum, sum, masked)
nanprod = twin(np.nanprod, prod, masked)
nanmean = twin(np.nanmean, mean, masked)
nanvar = twin(np.nanvar, var, masked)
nanstd = twin(np.nanstd, std, masked)
nanmax = twin(np.nanmax, max, extreme(-np.inf))
nanmin = twin(np.nanmin, min, extreme(np.inf))
nanquantile = twin(np.nanquantile, quantile, skipping)
nanpercentile = twin(np.nanpercentile, percentile, skipping)
nanmedian = twin(np.nanmedian, median, skipping)
nancumsum = twin(np.nancumsum, cumsum, replaced(0))
nancumprod = twin(np.nancumprod, cumprod, replaced(1))
