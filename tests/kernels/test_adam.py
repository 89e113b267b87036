"""Adam's step in place gives what its formula gives, over several threads too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels import thresholds
from tinygrad_lite.kernels.adam import adam_step

from ..test_optim import CASES, IDS, run


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_a_large_parameter_is_updated_by_several_threads(
    kind: Any, formula: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [p.data for p in run(kind, settings)]
    monkeypatch.setattr(thresholds, "BYTES_FOR_A_SECOND_THREAD", 1)
    before = tg.get_num_threads()
    tg.set_num_threads(3)
    try:
        for p, expected in zip(run(kind, settings), whole):
            np.testing.assert_array_equal(p.data, expected)
    finally:
        tg.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (4, 3)])
def test_a_step_is_the_plain_step(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(0)
    p, g, mean, square = (np.asarray(rng.uniform(0.1, 1, shape), dtype) for _ in range(4))
    settings = 0.9, 0.99, 0.01, 1e-3
    expected = adam_step.plain(p, g, mean, square, *settings)
    got = adam_step(p, g, mean.copy(), square.copy(), *settings)
    for a, b in zip(got, expected):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=20 * np.finfo(dtype).eps)
