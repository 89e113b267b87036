"""Adam's step in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import optim
from ..values import Array
from .blocks import blockwise


@optim.adam_step.register
def adam_step(
    p: Array, g: Array, mean: Array, square: Array, beta1: float, beta2: float, rate: float, eps: float
) -> Any:
    if not (type(p) is type(g) is np.ndarray and p.ndim and p.dtype.char in "fd" and p.dtype == g.dtype == mean.dtype):
        return NotImplemented
    new = blockwise(_adam_step, np.empty_like(g), p, g, mean, square, beta1, beta2, rate, eps, work=3)
    return new, mean, square


def _adam_step(
    new: Array, p: Array, g: Array, m: Array, v: Array, beta1: float, beta2: float, rate: float, eps: float
) -> None:
    m *= beta1
    m += np.multiply(g, 1 - beta1, out=new)
    np.multiply(g, g, out=new)
    new *= 1 - beta2
    v *= beta2
    v += new
    np.sqrt(v, out=new)
    new += eps
    np.divide(m, new, out=new)
    new *= -rate
    new += p
