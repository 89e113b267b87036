"""Choosing elements: x[index], take, gather, sort, and the way back, which adds to where they came from."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..graph import Array, Node, Rule, implements, op
from ..kernels.scatter import add_at as _add_at

Shape = tuple[int, ...]


def _plain(index: Any) -> Any:
    """The index with the arrays of its tensors in their place."""
    if isinstance(index, Node):
        return index.value
    return type(index)(map(_plain, index)) if type(index) in (tuple, list) else index


@op(operator.getitem, linear=True)
def getitem(x: Array, index: Any) -> Rule:
    """out = x[index]        ∂L/∂x = 0 but for ∂L/∂x[index] += g

    Every index of NumPy: integers, slices, None, `...`, boolean masks, arrays of integers, and mixtures of them.
    A place that is named several times gets the sum of its gradients.
    """
    index = _plain(index)
    shape = np.shape(x)
    return x[index], (lambda g: add_at(g, index, shape),)


@op(linear=True)
def add_at(x: Array, index: Any, shape: Shape) -> Rule:
    """out = 0 but for out[index] += x        ∂L/∂x = g[index]

    The adjoint of indexing: an array of `shape`, of zeros but where `index` puts `x`.
    """
    return _add_at(x, index, shape), (lambda g: g[index],)


@implements(np.take)
def take(a: Array, indices: Any, axis: int | None = None, mode: str = "raise") -> Array:
    """The elements of `a` at `indices` along `axis` (of the flattened `a` for None), as in `np.take`.

    Raises:
        IndexError: an index is out of range and `mode` is "raise" ("wrap" counts on from the start, "clip" stays at the end).
    """
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = np.lib.array_utils.normalize_axis_index(axis, np.ndim(a))
    indices = np.asarray(_plain(indices))
    if mode == "wrap":
        indices = indices % np.shape(a)[axis]
    elif mode == "clip":
        indices = np.clip(indices, 0, np.shape(a)[axis] - 1)
    elif mode != "raise":
        raise ValueError(f"take: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    return a[(slice(None),) * axis + (indices,)]
