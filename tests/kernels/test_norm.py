"""Normalisation in few passes equals its plain version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.kernels import norm as kernels


@pytest.mark.parametrize("shape", [(4, 5, 3), (1, 5, 1), (0, 5, 2), (3, 1, 600), (30, 40, 120)], ids=str)
@pytest.mark.parametrize("batch_last", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_equal_their_plain_versions(dtype: Any, batch_last: bool, shape: tuple[int, ...]) -> None:
    rtol, atol = (2e-4, 1e-5) if dtype == np.float32 else (1e-11, 1e-12)
    g, x = np.random.default_rng(0).standard_normal((2, *shape)).astype(dtype)
    if batch_last:
        g, x = (np.ascontiguousarray(a.transpose(1, 2, 0)).transpose(2, 0, 1) for a in (g, x))
    b = np.random.default_rng(1).standard_normal((1, *shape[1:])).astype(dtype)
    for axis in ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)):
        if 0 in [x.shape[i] for i in axis]:
            continue
        y, sigma = kernels.standardized(x, axis, 0.1)
        mean, var = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
        np.testing.assert_allclose(sigma, np.sqrt(var + 0.1), rtol=rtol)
        np.testing.assert_allclose(y, (x - mean) / sigma, rtol=rtol, atol=atol)
        for w in (1, b, b[..., :1], b[0, 0], sigma):
            out, gx = kernels.scale(y, w, w), kernels.standardize_gradient(g, y, sigma, w, axis)
            plain = kernels.standardize_gradient.plain
            np.testing.assert_allclose(out, y * w + w, rtol=rtol, atol=atol)
            np.testing.assert_allclose(gx, plain(g, y, sigma, w, axis), rtol=rtol, atol=10 * atol)
            assert out.dtype == gx.dtype == dtype
