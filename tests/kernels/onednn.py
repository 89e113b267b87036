"""What the tests of oneDNN share: they need its library, and compare each version with its plain function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels import onednn
from tinygrad_lite.kernels.onednn import loading

if loading.opened() is None:
    pytest.skip(f"oneDNN: {loading.status()}; `pip install tinygrad-lite[fast]` brings it", allow_module_level=True)

WORSE = 4  # how many times the rounding error of the plain function in float32 a version may have
PARTS = [
    onednn.arithmetic, onednn.conv, onednn.elementwise, onednn.norm, onednn.pool, onednn.product,
    onednn.softmax,
]  # fmt: skip


@pytest.fixture(autouse=True)
def small_arrays_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every version takes arrays of any size."""
    for part in PARTS:
        for name, thing in vars(part).items():
            if hasattr(thing, "least"):
                monkeypatch.setattr(thing, "least", 1)
            elif "_FOR_ONEDNN" in name:
                monkeypatch.setattr(part, name, 0)


def double(a: Any) -> Any:
    return a.astype(float) if isinstance(a, np.ndarray) and a.dtype == np.float32 else a


def rms(a: Any) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(a, float))))) if np.size(a) else 0.0


def as_plain(version: Any, *arguments: Any, atol: float = 0.0, terms: int = 0) -> Any:
    """The version's result, which has the plain function's shape and dtype and hardly more rounding error.

    How exact the plain function is depends on the order in which NumPy's BLAS adds on this processor. Where results are
    sums of many `terms`, adding them one by one is exact enough: its error grows like a random walk's.
    """
    got = version(*arguments)
    assert got is not NotImplemented
    with np.errstate(all="ignore"):
        plain, exact = version.point.plain(*arguments), version.point.plain(*map(double, arguments))
    for a, b, c in zip(*[r if isinstance(r, tuple) else (r,) for r in (got, plain, exact)], strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype == np.float32
        assert rms(a - c) <= max(WORSE * rms(b - c) + 3e-7 * rms(c), 2**-25 * terms**0.5 * rms(c)) + atol
    return got


def same_where_not_finite(version: Any, *arguments: Any, fewer: bool = False) -> None:
    """NaN and ±∞ stand where they stand in the plain function's result, and nothing else is touched by them.

    With `fewer`, some may be finite: the plain functions also multiply them with the zeros of a padding.
    """
    got = version(*arguments)
    if got is NotImplemented:
        return
    with np.errstate(all="ignore"):
        plain = version.point.plain(*arguments)
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (got, plain)], strict=True):
        finite = np.isfinite(b)
        if not fewer:
            np.testing.assert_array_equal(a[~finite], b[~finite])
        np.testing.assert_allclose(a[finite], b[finite], rtol=1e-4, atol=1e-4 * (1 + rms(b[finite])))


def in_order(a: Any, order: str) -> Any:
    """The same array in another memory order."""
    if order == "channels last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
    if order == "batch last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0)
    if order == "every second":
        wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
        wide[..., ::2] = a
        return wide[..., ::2]
    if order == "backwards":
        return np.ascontiguousarray(a[..., ::-1])[..., ::-1]
    return np.array(a, order="F" if order == "F" else "C")


ORDERS = ["C", "F", "channels last", "batch last", "every second", "backwards"]
