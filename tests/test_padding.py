"""F.pad counts axes from the last, as torch does; np.pad from the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

X = np.arange(12.0).reshape(2, 2, 3)


@pytest.mark.parametrize(
    ("pad", "mode", "value", "expected"),
    [
        ((1, 2), "constant", None, np.pad(X, ((0, 0), (0, 0), (1, 2)))),
        ((1, 0, 0, 1), "constant", -1.5, np.pad(X, ((0, 0), (0, 1), (1, 0)), constant_values=-1.5)),
        ((1, 2, 1, 0), "reflect", None, np.pad(X, ((0, 0), (1, 0), (1, 2)), mode="reflect")),
        ((1, 2), "replicate", None, np.pad(X, ((0, 0), (0, 0), (1, 2)), mode="edge")),
        ((2, 1), "circular", None, np.pad(X, ((0, 0), (0, 0), (2, 1)), mode="wrap")),
        ((-1, 1), "constant", 7.0, np.pad(X[..., 1:], ((0, 0), (0, 0), (0, 1)), constant_values=7.0)),
        ((-1, -1, 0, -1), "constant", None, X[:, :1, 1:2]),
        ((), "constant", None, X),
    ],
)
def test_values_and_gradients(pad: Any, mode: str, value: Any, expected: Any) -> None:
    found = F.pad(tg.Tensor(X), pad, mode, value)
    np.testing.assert_array_equal(found.data, expected)
    np.testing.assert_array_equal(F.pad(X, pad, mode, value), expected)
    assert tg.gradcheck(lambda x: np.tanh(F.pad(x, pad, mode, value)), X / 10)


@pytest.mark.parametrize(
    ("pad", "mode", "value", "said"),
    [
        ((1,), "constant", None, "must be pairs"),
        ((1, 1) * 4, "constant", None, "x has 3 axes"),
        ((1, 1), "edge", None, "no mode 'edge'; there is 'constant', 'reflect', 'replicate', 'circular'"),
        ((1, 1), "reflect", 0.0, "value=0.0 is for mode='constant'"),
    ],
)
def test_what_cannot_be_is_refused(pad: Any, mode: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^pad: .*{said}"):
        F.pad(X, pad, mode, value)
