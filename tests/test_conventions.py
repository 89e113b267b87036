"""The conventions in tinygrad_lite/ops/README.md, one test each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F


def gradient(f: Any, x: Any, dtype: Any = None) -> Any:
    t = tg.Tensor(x, requires_grad=True, dtype=dtype)
    f(t).sum().backward()
    assert t.grad is not None
    return t.grad.data


def test_max_and_min_share_the_gradient_on_a_tie() -> None:
    for f in (np.max, np.min):
        assert gradient(f, [2.0, 2.0]).tolist() == [0.5, 0.5]
    assert gradient(lambda t: np.maximum(t, 1.0), [1.0]).tolist() == [0.5]


def test_max_pooling_and_sort_give_it_to_the_first() -> None:
    assert gradient(lambda t: F.max_pool1d(t, 3), [[5.0, 5.0, 5.0]]).tolist() == [[1, 0, 0]]
    assert gradient(lambda t: np.sort(t)[:1], [5.0, 5.0]).tolist() == [1, 0]


def test_kinks() -> None:
    assert gradient(np.abs, [0.0]).tolist() == [0]
    assert gradient(F.relu, [0.0]).tolist() == [0]
    assert gradient(np.linalg.norm, [0.0, 0.0]).tolist() == [0, 0]
    with np.errstate(divide="ignore"):
        assert gradient(np.sqrt, [0.0]).tolist() == [np.inf]


def test_dtypes() -> None:
    assert gradient(lambda t: np.exp(t * 2.0 + 1), [1.0], np.float32).dtype == np.float32
    assert gradient(lambda t: t * np.ones(1), [1.0], np.float32).dtype == np.float32
    assert (tg.Tensor([1.0], dtype=np.float32) * 2.0).dtype == np.float32
    with pytest.raises(TypeError, match="make it floating"):
        tg.Tensor([1, 2], requires_grad=True)


def test_a_result_without_axes_is_a_scalar_tensor_and_what_has_no_derivative_is_plain() -> None:
    t = tg.Tensor([1.0, 3.0], requires_grad=True)
    assert isinstance(np.sum(t), tg.Tensor)
    assert isinstance(t.sum().data, np.float64)
    assert isinstance(np.argmax(t), np.integer)
    assert type(t > 0) is np.ndarray


def test_an_array_in_a_graph_never_changes() -> None:
    t, array = tg.Tensor([1.0, 3.0], requires_grad=True), np.ones(2)
    product = t * array
    array[0] = 5  # the graph has its own copy
    product.sum().backward()
    assert t.grad is not None and t.grad.data.tolist() == [1, 1]
    assert not product.data.flags.writeable
    with pytest.raises(TypeError, match="never changes"):
        t[0] = 1
    before = t
    t += 1
    assert t is not before and before.data.tolist() == [1, 3]


def test_gradients_stop_at_plain_numbers() -> None:
    t, array = tg.Tensor(2.0, requires_grad=True), np.zeros(1)
    array[0] = t
    assert type(float(t)) is type(t.item()) is type(math.exp(t)) is float
    assert array.tolist() == [2]


def test_a_function_without_a_rule_and_complex_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="no rule for a Tensor"):
        np.fft.fft(tg.Tensor([1.0, 3.0]))
    with pytest.raises(TypeError, match="make it floating"):
        tg.Tensor([1j], requires_grad=True)
