"""Functions that pass over NaN are made from those that do not: same arguments, names and errors of their own."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.ops import nan

from .test_order import METHODS, X, leaf, slope

TWINS = [name for name in vars(nan) if name.startswith("nan")]


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_has_a_name_a_docstring_and_the_signature_of_its_function(name: str) -> None:
    twin, numpys = getattr(nan, name), inspect.signature(getattr(np, name)).parameters
    assert twin.__name__ == name
    assert twin.__doc__.startswith(f"`np.{name.removeprefix('nan')}` of what is not NaN")
    ours = [*inspect.signature(twin).parameters]
    assert ours == [{"a": "x"}.get(name, name) for name in numpys][: len(ours)]


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_nanquantile(method: Any) -> None:
    x, q = X.copy(), [0.0, 0.1, 0.5, 1.0]
    x[0, 1, 2] = x[1, 1, 0] = x[1, 0] = x[:, 2, 3] = math.nan
    for axis, keepdims in ((None, False), (0, True), (2, False), ((0, -1), True)):
        expected = np.nanquantile(x, q, axis=axis, method=method, keepdims=keepdims)
        out: Any = np.nanquantile(tg.Tensor(x), q, axis=axis, method=method, keepdims=keepdims)
        np.testing.assert_allclose(out.data, expected, rtol=1e-14)
        assert out.shape == expected.shape
    percent: Any = np.nanpercentile(tg.Tensor(x), [10, 50], axis=2, method=method)
    np.testing.assert_allclose(percent.data, np.nanpercentile(x, [10, 50], axis=2, method=method))
    holes = np.isnan(x)
    tg.gradcheck(lambda x: np.nanquantile(np.where(holes, math.nan, x), q, axis=1, method=method), X, order=2)


def test_a_nan_gets_no_gradient_of_a_median_nor_do_all_of_them() -> None:
    x = [[math.nan, 1.0, 4.0, 2.0, 3.0], [math.nan] * 5]
    g = slope(lambda x: np.nansum(np.nanmedian(x, axis=1)), x)
    assert g.tolist() == [[0, 0, 0, 0.5, 0.5], [0] * 5]
    with pytest.raises(TypeError, match="nanquantile: weights"):
        np.nanquantile(leaf(X), 0.5, weights=X, method="inverted_cdf")
