"""Matrix products by oneDNN against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels.onednn import product as versions

from ..cases import rand
from .onednn import ORDERS, as_plain, in_order, same_where_not_finite, small_arrays_too  # noqa: F401

SHAPES = [
    ((3, 4), (4, 5)), ((64, 100), (100, 10)), ((1, 4), (4, 5)), ((3, 1), (1, 5)), ((3, 4), (4, 1)), ((1, 1), (1, 1)),
    ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 6)), ((1, 3, 4), (6, 4, 2)),
    ((130, 70), (70, 90)),
]  # fmt: skip


@pytest.mark.parametrize("left", ORDERS)
@pytest.mark.parametrize("right", ORDERS)
@pytest.mark.parametrize("shapes", SHAPES)
def test_products_are_as_the_plain_ones(shapes: Any, left: str, right: str) -> None:
    x, w = (rand(*shape, seed=i).astype(np.float32) for i, shape in enumerate(shapes))
    as_plain(versions.matmul, in_order(x, left), in_order(w, right))
    turned = np.array(x.swapaxes(-1, -2), order="C").swapaxes(-1, -2)
    as_plain(versions.matmul, turned, in_order(w, right))
    as_plain(versions.matmul, np.broadcast_to(x[..., :1], x.shape), w)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shapes", SHAPES)
def test_a_row_with_nan_spoils_no_other(shapes: Any, value: float) -> None:
    x, w = (rand(*shape, seed=i).astype(np.float32) for i, shape in enumerate(shapes))
    x[..., -1, 0] = value
    same_where_not_finite(versions.matmul, x, w)
    w[..., 0, -1] = value
    same_where_not_finite(versions.matmul, x, w)


def test_what_is_not_for_it_passes_on() -> None:
    x = rand(3, 4).astype(np.float32)
    for other in (x, np.zeros((4, 0), np.float32), x[0], np.stack([x, x])):
        assert versions.matmul(x, other) is NotImplemented
    assert versions.matmul(x, rand(4, 5)) is NotImplemented
    assert versions.matmul(x[0], x.T) is NotImplemented
    assert versions.matmul(rand(2, 3, 4).astype(np.float32), rand(5, 4, 3).astype(np.float32)) is NotImplemented
