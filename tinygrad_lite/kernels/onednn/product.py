"""Matrix products."""

from __future__ import annotations

import functools
import math
from ctypes import c_char, c_float, c_int64, c_void_p
from typing import Any

import numpy as np
from numpy import ndarray

from ...ops import product as rules
from ...values import Array
from ..thresholds import MATMUL_ELEMENTS_FOR_ONEDNN, MATMUL_PRODUCTS_FOR_ONEDNN
from . import binding as dnn
from .binding import Call, Shape, Unsupported, address, call, dense, fits, layout, loaded, prepare, version


@version(rules.matrix_product, MATMUL_ELEMENTS_FOR_ONEDNN)
def matmul(x: Array, w: Array) -> Any:
    if not fits(w) or x.ndim < 2 or w.ndim < 2 or x.shape[-1] != w.shape[-2]:
        return NotImplemented
    products = math.prod(x.shape) * w.shape[-1]
    if products < MATMUL_PRODUCTS_FOR_ONEDNN:
        return NotImplemented
    if w.ndim > 2:
        return stack(x, w)
    if x.ndim > 2:  # one w for all: the stack is only more rows
        return matrix(x.reshape(-1, x.shape[-1]), w).reshape(*x.shape[:-1], w.shape[1])
    return matrix(x, w)


def matrix(x: ndarray, w: ndarray) -> ndarray:
    """x @ w of two matrices."""
    (n, k), m = x.shape, w.shape[1]
    x_turned, x_step, x = as_rows(x)
    w_turned, w_step, w = as_rows(w)
    out = np.empty((n, m), np.float32)
    prepare()
    if sgemm()(x_turned, w_turned, n, m, k, 1.0, address(x), x_step, address(w), w_step, 0.0, address(out), m):
        raise Unsupported
    return out


def as_rows(a: ndarray) -> tuple[bytes, int, ndarray]:
    """Whether the matrix lies turned in memory, how many elements lie from row to row, and itself or a copy."""
    (rows, columns), (down, right) = a.shape, a.strides
    if right == 4 and down >= 4 * columns and not down % 4:
        return b"N", down // 4, a
    if down == 4 and right >= 4 * rows and not right % 4:
        return b"T", right // 4, a
    return b"N", columns, np.array(a, order="C")


@functools.cache
def sgemm() -> Any:
    f = loaded().calls.dnnl_sgemm
    f.argtypes = [
        c_char, c_char, c_int64, c_int64, c_int64, c_float, c_void_p, c_int64, c_void_p, c_int64, c_float, c_void_p,
        c_int64,
    ]  # fmt: skip
    return f


def stack(x: ndarray, w: ndarray) -> ndarray:
    """x @ w of two stacks of matrices, whose leading axes broadcast."""
    axes = max(x.ndim, w.ndim)
    try:
        lead = np.broadcast_shapes(x.shape[:-2], w.shape[:-2])
    except ValueError:
        raise Unsupported from None  # NumPy says what is wrong
    x, w = (some_rows(a[(None,) * (axes - a.ndim)]) for a in (x, w))
    out = np.empty((*lead, x.shape[-2], w.shape[-1]), np.float32)
    call(_matmul, x.shape, x.strides, w.shape, w.strides, out.shape)(x, w, out)
    return out


def some_rows(a: ndarray) -> ndarray:
    """a, or a copy where neither the rows nor the columns of its matrices are contiguous, or elements repeat."""
    usable = min(a.strides) > 0 and 4 in a.strides[-2:] and not any(s % 4 for s in a.strides)
    return a if usable else np.array(a, order="C")


def _matmul(x: Shape, x_strides: Shape, w: Shape, w_strides: Shape, out: Shape) -> Call:
    left, right, result = layout(x, x_strides), layout(w, w_strides), dense(out)
    what = dnn.description("matmul", left, right, None, result, None)
    return Call(what, [(dnn.SRC, left), (dnn.WEIGHTS, right), (dnn.DST, result)], [dnn.DST])
