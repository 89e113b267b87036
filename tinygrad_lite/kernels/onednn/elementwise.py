"""exp, tanh, and activations with their gradients.

Left to NumPy are relu and the gradients of two or three passes, which it does as fast, and what oneDNN computes
otherwise: its exp of NaN is ∞, its gelu of ∞ is NaN. In gelu's far tail (x < -4), where value and slope are nearly 0,
oneDNN's are exact to some 1e-6, as PyTorch's are, and not to a digit of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ...graph import OPS, Rule
from ...ops import activation as rules
from ...ops import ufuncs
from ...values import Array
from ..memory_order import ordered_as
from ..thresholds import ELEMENTS_FOR_ONEDNN, ELEMENTS_FOR_ONEDNN_EXP
from . import binding as dnn
from .binding import Call, Unsupported, call, dense, fits, version

TANH, SIGMOID, EXP, GELU_TANH, SILU, GELU = 0x21, 0x29, 0x2A, 0x2B, 0x2C, 0x31
HUGE = 1e18  # whose square no float32 holds


@version(ufuncs.exp, ELEMENTS_FOR_ONEDNN_EXP)
def exp(x: Array) -> Any:
    return NotImplemented if np.isnan(x.max()) else of_each(EXP, x)


@version(ufuncs.tanh, ELEMENTS_FOR_ONEDNN_EXP)
def tanh(x: Array) -> Any:
    return of_each(TANH, x)


@version(rules.sigmoid_forward, ELEMENTS_FOR_ONEDNN)
def sigmoid(x: Array) -> Any:
    return of_each(SIGMOID, x)


def whole(name: str, functions: dict[tuple[Any, ...], tuple[int, float]]) -> None:
    """Put oneDNN's function, and its gradient, in place of an op's rule; by the settings beside x."""
    op = OPS[name]
    otherwise = op.run

    def run(x: Array, *settings: Any, **named: Any) -> Rule:
        settings += tuple(named.values())  # there is one at most
        chosen = functions.get(settings)
        if chosen is None or not dnn.ours(x, sigmoid.least) or not -HUGE < x.min() <= x.max() < HUGE:
            return otherwise(x, *settings)
        function, alpha = chosen

        def closure(g: Array) -> Array:
            try:
                if not fits(g):
                    raise Unsupported
                return gradient(function, g, x, alpha)
            except Unsupported:  # in a forked process, say
                kept = otherwise(x, *settings)[1][0]
                assert kept is not None
                return kept(g)

        return of_each(function, x, alpha), (closure,)

    op.run = run


whole("gelu", {(): (GELU, 0.0), ("none",): (GELU, 0.0), ("tanh",): (GELU_TANH, 0.0)})
whole("silu", {(): (SILU, 1.0)})


def of_each(function: int, x: ndarray, alpha: float = 0.0) -> ndarray:
    """A function of each element, in the memory order of x."""
    x, y = compact(x)
    call(_forward, function, x.size, alpha)(x, y)
    return y


def gradient(function: int, g: ndarray, x: ndarray, alpha: float = 0.0) -> ndarray:
    """g times the function's derivative at x."""
    if not fits(x) or g.shape != x.shape:
        raise Unsupported
    x, gx = compact(x)
    g = ordered_as(x, g)
    if g.strides != x.strides:
        raise Unsupported
    call(_backward, function, x.size, alpha)(x, g, gx)
    return gx


def compact(x: ndarray) -> tuple[ndarray, ndarray]:
    """x, or a copy where it has gaps in memory, and an empty array with the same strides."""
    y = np.empty_like(x)
    return (x if x.strides == y.strides else x.copy("K")), y


def _forward(function: int, elements: int, alpha: float) -> Call:
    here = line(elements)
    return Call(_description(function, elements, alpha), [(dnn.SRC, here), (dnn.DST, here)], [dnn.DST])


def _backward(function: int, elements: int, alpha: float) -> Call:
    here = line(elements)
    what = dnn.description(
        "eltwise_backward", function, here, here, here, alpha, 0.0, _description(function, elements, alpha), None
    )
    return Call(what, [(dnn.SRC, here), (dnn.DIFF_DST, here), (dnn.DIFF_SRC, here)], [dnn.DIFF_SRC])


def _description(function: int, elements: int, alpha: float) -> dnn.Object:
    here = line(elements)
    return dnn.description("eltwise_forward", dnn.TRAINING, function, here, here, alpha, 0.0, None)


def line(elements: int) -> dnn.Object:
    return dense((elements,))
