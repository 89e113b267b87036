"""Pooling against a literal transcription of its definition: loops over indices, sharing nothing with the engine."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite.ops.conv import conv2d
from tinygrad_lite.ops.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool2d,
)

from .cases import rand

Pair = tuple[int, int]


def starts(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> list[int]:
    """Where windows start along one axis: all that fit into the padded input, and in ceil_mode one more, if these leave
    some of it unseen and that one starts before the input ends."""
    span = dilation * (kernel - 1) + 1
    found = [s for s in range(-padding, size + padding) if (s + padding) % stride == 0]
    fit = [s for s in found if s + span <= size + padding]
    more = [s for s in found if s + span > size + padding and s < size and fit[-1] + span < size + padding]
    return fit + (more[:1] if ceil_mode else [])


def windows_of(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> Any:
    """Each place with the inputs its window sees, in order, and how many elements it has within the padding."""
    rows, columns = (starts(*one, ceil_mode) for one in zip(size, kernel, stride, padding, dilation))
    for (i, top), (j, left) in itertools.product(enumerate(rows), enumerate(columns)):
        seen = [(top + a * dilation[0], left + b * dilation[1]) for a, b in itertools.product(*map(range, kernel))]
        inside = [(y, x) for y, x in seen if 0 <= y < size[0] and 0 <= x < size[1]]
        padded = [(y, x) for y, x in seen if y < size[0] + padding[0] and x < size[1] + padding[1]]
        yield (i, j), inside, len(padded)


OPTIONS = [
    (kernel, stride, padding, dilation, ceil_mode)
    for ceil_mode in (False, True)
    for kernel, stride, padding, dilation in [
        ((2, 2), (2, 2), (0, 0), (1, 1)),
        ((3, 2), (1, 1), (0, 0), (1, 1)),
        ((3, 3), (2, 2), (1, 1), (1, 1)),
        ((2, 3), (3, 2), (1, 0), (1, 1)),
        ((2, 2), (2, 3), (0, 1), (2, 3)),
        ((2, 3), (1, 2), (1, 2), (3, 2)),
        ((1, 1), (2, 3), (0, 0), (1, 1)),
        ((6, 7), (4, 3), (3, 3), (1, 1)),
    ]
]  # fmt: skip


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil_mode"), OPTIONS)
@pytest.mark.parametrize("ties", [False, True])
def test_max_pool2d_is_its_definition(
    kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool, ties: bool
) -> None:
    x = np.round(rand(2, 3, 6, 7)) if ties else rand(2, 3, 6, 7)
    X = tg.Tensor(x, requires_grad=True)
    out = max_pool2d(X, kernel, stride, padding, dilation, ceil_mode)
    g = rand(*out.shape, seed=1)
    out.backward(g)
    expected, dx = np.full(out.shape, np.nan), np.zeros_like(x)
    for n, c in itertools.product(range(2), range(3)):
        for (i, j), inside, _ in windows_of((6, 7), kernel, stride, padding, dilation, ceil_mode):
            largest = max(inside, key=lambda at: x[(n, c, *at)])  # the first of equals
            expected[n, c, i, j] = x[(n, c, *largest)]
            dx[(n, c, *largest)] += g[n, c, i, j]
    np.testing.assert_array_equal(out.data, expected)
    np.testing.assert_allclose(X.grad.data, dx, rtol=1e-12)
    np.testing.assert_allclose(np.sum(X.grad.data), np.sum(g), rtol=1e-12)  # the sum of the gradient is kept


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "ceil_mode"), [p for p in OPTIONS if p[3] == (1, 1)]
)
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("divisor_override", [None, 3])
def test_avg_pool2d_is_its_definition(
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> None:
    x = rand(2, 3, 6, 7)
    X = tg.Tensor(x, requires_grad=True)
    out = avg_pool2d(X, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    g = rand(*out.shape, seed=1)
    out.backward(g)
    expected, dx = np.full(out.shape, np.nan), np.zeros_like(x)
    for n, c in itertools.product(range(2), range(3)):
        for (i, j), inside, padded in windows_of((6, 7), kernel, stride, padding, dilation, ceil_mode):
            count = divisor_override or (padded if count_include_pad else len(inside))
            expected[n, c, i, j] = sum(x[(n, c, *at)] for at in inside) / count
            for at in inside:
                dx[(n, c, *at)] += g[n, c, i, j] / count
    np.testing.assert_allclose(out.data, expected, rtol=1e-12)
    np.testing.assert_allclose(X.grad.data, dx, rtol=1e-12)
    if divisor_override is None and not count_include_pad:
        np.testing.assert_allclose(np.sum(X.grad.data), np.sum(g), rtol=1e-12)  # the sum of the gradient is kept


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_the_sum_of_the_gradient_is_kept_where_windows_cover_the_input(pool: Any) -> None:
    x = tg.Tensor(rand(3, 2, 6, 8), requires_grad=True)
    for options in ({"kernel_size": 2}, {"kernel_size": (3, 4)}, {"kernel_size": 3, "stride": 1}):
        x.zero_grad()
        out = pool(x, **options)
        g = rand(*out.shape, seed=1)
        out.backward(g)
        np.testing.assert_allclose(np.sum(x.grad.data), np.sum(g), rtol=1e-12)


def test_max_pool2d_sends_the_gradient_to_the_maximum_and_nowhere_else() -> None:
    x = tg.Tensor([[[1.0, 2, 0, 5], [3, 4, 6, 7], [9, 9, 1, 1], [9, 9, 1, 1]]], requires_grad=True)
    max_pool2d(x, 2).backward([[[10.0, 20], [30, 40]]])
    np.testing.assert_array_equal(x.grad.data, [[[0, 0, 0, 0], [0, 10, 0, 20], [30, 0, 40, 0], [0, 0, 0, 0]]])


def test_avg_pool2d_shares_the_gradient_equally() -> None:
    x = tg.Tensor(rand(1, 4, 4), requires_grad=True)
    avg_pool2d(x, 2).backward([[[4.0, 8], [12, 16]]])
    np.testing.assert_array_equal(x.grad.data, [[[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int8])
def test_the_padding_of_a_maximum_is_lower_than_everything(dtype: Any) -> None:
    out = max_pool2d(np.full((1, 1, 4, 4), -1, dtype), 3, 2, 1)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, np.full((1, 1, 2, 2), -1))


def test_a_maximum_that_is_nan_stays_nan() -> None:
    x = rand(1, 1, 4, 4)
    x[0, 0, 1, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(max_pool2d(x, 2)), [[[[True, False], [False, False]]]])


def test_minus_infinity_everywhere_gives_its_gradient_to_the_first_element_on_the_input() -> None:
    x = tg.Tensor(np.full((1, 1, 3, 3), -math.inf), requires_grad=True)
    max_pool2d(x, 3, 1, 1).backward(np.ones((1, 1, 3, 3)))
    np.testing.assert_array_equal(x.grad.data, [[[[4, 2, 0], [2, 1, 0], [0, 0, 0]]]])


def test_one_and_three_axes_are_the_same_rule() -> None:
    x = rand(2, 3, 9)
    np.testing.assert_array_equal(
        max_pool1d(x, 3, 2, 1, 2, True), max_pool2d(x[:, :, None], (1, 3), (1, 2), (0, 1), (1, 2), True)[:, :, 0]
    )
    np.testing.assert_array_equal(
        avg_pool1d(x, 3, 2, 1, True, False), avg_pool2d(x[:, :, None], (1, 3), (1, 2), (0, 1), True, False)[:, :, 0]
    )
    x = rand(2, 3, 5, 6)
    flat: Any = {"kernel_size": (1, 3, 2), "stride": (1, 2, 1), "padding": (0, 1, 1)}
    np.testing.assert_array_equal(max_pool3d(x[:, :, None], **flat)[:, :, 0], max_pool2d(x, (3, 2), (2, 1), 1))
    np.testing.assert_array_equal(avg_pool3d(x[:, :, None], **flat)[:, :, 0], avg_pool2d(x, (3, 2), (2, 1), 1))


def test_the_hessian_vector_product_through_conv2d_and_max_pool2d() -> None:
    x, w = rand(2, 2, 6, 6), rand(3, 2, 3, 3)

    def loss(x: Any, w: Any) -> Any:
        return np.sum(np.tanh(max_pool2d(conv2d(x, w, padding=1), 2)) ** 2)

    tg.gradcheck(loss, x, w, order=3)


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_a_wrong_call_is_refused_in_a_sentence(pool: Any) -> None:
    name = pool.__name__
    with pytest.raises(ValueError, match=rf"{name}: a window of \(3, 3\) .* larger than the input of \(2, 5\)"):
        pool(rand(1, 1, 2, 5), 3)
    with pytest.raises(ValueError, match=rf"{name}: padding \(2, 2\) must be at most half"):
        pool(rand(1, 1, 6, 6), 3, padding=2)
    with pytest.raises(ValueError, match=rf"{name}: x must have 4 axes .* 3 for one example \(saw x: shape \(6, 6\)"):
        pool(rand(6, 6), 2)
    with pytest.raises(ValueError, match=rf"{name}: kernel_size must be an integer of at least 1"):
        pool(rand(1, 1, 6, 6), 0)
    with pytest.raises(ValueError, match=rf"{name}: stride must be"):
        pool(rand(1, 1, 6, 6), 2, (1, 2, 3))


def window(i: int, outputs: int, size: int) -> slice:
    return slice(math.floor(i * size / outputs), math.ceil((i + 1) * size / outputs))


@pytest.mark.parametrize("output", [1, 2, 3, 5, (6, 7), (3, None), (None, 1), (9, 10)])
def test_adaptive_pools_are_their_definition(output: Any) -> None:
    x = rand(2, 3, 6, 7)
    rows, columns = [
        size if o is None else o for o, size in zip(output if isinstance(output, tuple) else (output,) * 2, (6, 7))
    ]
    for pool, of in ((adaptive_avg_pool2d, np.mean), (adaptive_max_pool2d, np.max)):
        out = pool(x, output)
        assert out.shape == (2, 3, rows, columns)
        for i, j in itertools.product(range(rows), range(columns)):
            seen = x[:, :, window(i, rows, 6), window(j, columns, 7)]
            np.testing.assert_allclose(out[:, :, i, j], of(seen, axis=(2, 3)), rtol=1e-12)
        tg.gradcheck(lambda x, pool=pool: pool(x, output), x)


def test_adaptive_max_pool2d_gives_the_gradient_to_the_first_maximum() -> None:
    x = tg.Tensor(np.ones((1, 3, 3)), requires_grad=True)
    adaptive_max_pool2d(x, 2).backward([[[1.0, 2], [3, 4]]])
    np.testing.assert_array_equal(x.grad.data, [[[1, 2, 0], [3, 4, 0], [0, 0, 0]]])


def test_adaptive_pools_of_one_and_three_axes() -> None:
    x = rand(2, 3, 7)
    np.testing.assert_allclose(
        adaptive_avg_pool1d(x, 3), adaptive_avg_pool2d(x[:, :, None], (1, 3))[:, :, 0], rtol=1e-12
    )
    np.testing.assert_array_equal(adaptive_max_pool1d(x, 3), adaptive_max_pool2d(x[:, :, None], (1, 3))[:, :, 0])
    x = rand(2, 3, 5, 7)
    np.testing.assert_allclose(
        adaptive_avg_pool3d(x[:, :, None], (1, 2, 3))[:, :, 0], adaptive_avg_pool2d(x, (2, 3)), rtol=1e-12
    )
    np.testing.assert_array_equal(
        adaptive_max_pool3d(x[:, :, None], (1, 2, 3))[:, :, 0], adaptive_max_pool2d(x, (2, 3))
    )


def test_lp_pool2d_is_the_norm_of_each_window() -> None:
    x = rand(2, 3, 4, 6, low=0.1)
    blocks = x.reshape(2, 3, 2, 2, 3, 2).transpose(0, 1, 2, 4, 3, 5).reshape(2, 3, 2, 3, 4)
    for p in (1, 2, 3.5):
        np.testing.assert_allclose(lp_pool2d(x, p, 2), np.sum(blocks**p, axis=-1) ** (1 / p), rtol=1e-12)
        tg.gradcheck(lambda x, p=p: lp_pool2d(x, p, 3, 2), x)
    np.testing.assert_allclose(lp_pool1d(x[0], 2, 3, 1), lp_pool2d(x, 2, (1, 3), 1)[0], rtol=1e-12)


@pytest.mark.parametrize("pool", [F.adaptive_avg_pool2d, F.adaptive_max_pool2d])
def test_a_wrong_adaptive_pool_is_refused_in_a_sentence(pool: Any) -> None:
    with pytest.raises(ValueError, match=f"{pool.__name__}: output_size must be an integer of at least 1, or 2"):
        pool(rand(1, 1, 4, 4), (2, 2, 2))
    with pytest.raises(ValueError, match=f"{pool.__name__}: output_size must be an integer of at least 1"):
        pool(rand(1, 1, 4, 4), 0)
    with pytest.raises(ValueError, match=f"{pool.__name__}: x must have 4 axes"):
        pool(rand(4, 4), 2)


# --------------------------------------------------------------------------- no output sees what its window does not

LOCAL: list[tuple[Any, tuple[int, ...], dict[str, Any]]] = [
    (max_pool1d, (2, 3, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (max_pool2d, (2, 3, 8, 8), {"kernel_size": 2}),
    (max_pool2d, (20, 16, 28, 28), {"kernel_size": 2}),
    (max_pool2d, (20, 16, 28, 28), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (max_pool2d, (8, 16, 15, 14), {"kernel_size": (2, 3), "stride": 1, "dilation": (3, 2), "ceil_mode": True}),
    (max_pool3d, (4, 8, 6, 7, 8), {"kernel_size": 2, "stride": (1, 2, 3)}),
    (avg_pool1d, (2, 3, 9), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (avg_pool2d, (20, 16, 28, 28), {"kernel_size": 2}),
    (avg_pool2d, (20, 16, 28, 28), {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    (avg_pool2d, (20, 16, 7, 7), {"kernel_size": 7}),
    (avg_pool3d, (4, 8, 6, 7, 8), {"kernel_size": 2, "stride": (1, 2, 3)}),
    (lp_pool1d, (2, 3, 9), {"norm_type": 2, "kernel_size": 3, "stride": 2}),
    (lp_pool2d, (20, 16, 28, 28), {"norm_type": 3, "kernel_size": 2}),
    (adaptive_avg_pool2d, (8, 16, 14, 12), {"output_size": (7, 4)}),
    (adaptive_max_pool2d, (8, 16, 14, 13), {"output_size": (5, 4)}),
]
# multiplied by a matrix, in which NaN · 0 is NaN
UNEVEN: Any = (adaptive_avg_pool2d, (8, 16, 14, 13), {"output_size": (5, 4)})  # fmt: skip


def value_and_gradient(pool: Any, x: Any, g: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    t = tg.Tensor(x, requires_grad=True)
    out = pool(t, **options)
    out.backward(g)
    return out.data, t.grad.data


@pytest.mark.parametrize(
    ("pool", "shape", "options", "bad"),
    [(*case, bad) for case in LOCAL for bad in (np.nan, np.inf, 1e6)] + [(*UNEVEN, 1e6)],
)
def test_what_one_element_does_stays_in_the_windows_that_see_it(
    pool: Any, shape: tuple[int, ...], options: dict[str, Any], bad: float
) -> None:
    x = rand(*shape, low=0.1).astype(np.float32)
    g = rand(*pool(x, **options).shape, low=0.1, seed=1).astype(np.float32)
    clean, back = value_and_gradient(pool, x, g, options)
    elements = math.prod(shape[2:])
    ones = np.eye(elements, dtype=np.float32).reshape(elements, 1, *shape[2:])  # an image for each: one where it is
    sees = (pool(ones, **options)[:, 0] > 0).reshape(elements, -1)  # (elements, places)
    rng = np.random.default_rng(0)
    for _ in range(3):
        n, c, i, p = (int(rng.integers(m)) for m in (*shape[:2], *sees.shape))
        seen, near, reached = np.zeros(g.shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
        seen[n, c].flat[:] = sees[i]  # the places that see element i
        near[n, c].flat[:] = sees[:, sees[i]].any(1)  # the elements that they see
        reached[n, c].flat[:] = sees[:, p]  # the elements that place p sees

        bad_x, bad_g = x.copy(), g.copy()
        bad_x[n, c].flat[i], bad_g[n, c].flat[p] = bad, bad
        with np.errstate(all="ignore"):
            got, got_back = value_and_gradient(pool, bad_x, g, options)
        assert not np.isnan(bad) or np.isnan(got)[seen].all()
        np.testing.assert_array_equal(got[~seen], clean[~seen])
        np.testing.assert_array_equal(got_back[~near], back[~near])

        got, got_back = value_and_gradient(pool, x, bad_g, options)
        np.testing.assert_array_equal(got, clean)
        np.testing.assert_array_equal(got_back[~reached], back[~reached])
        assert "max" not in pool.__name__ or (got_back != back).sum() == 1  # at the maximum alone
        assert np.isnan(bad) or got_back.min() >= 0


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_the_norm_of_a_window_of_zeros_has_gradient_zero(p: float) -> None:
    x = tg.Tensor(np.array([[[0.0, 0.0, 3.0, 4.0]]]), requires_grad=True)
    tg.lp_pool1d(x, p, 2).sum().backward()
    alone = tg.Tensor(x.data[..., 2:], requires_grad=True)
    tg.lp_pool1d(alone, p, 2).sum().backward()
    assert x.grad is not None and alone.grad is not None
    np.testing.assert_array_equal(x.grad.data[0, 0], [p == 1, p == 1, *alone.grad.data[0, 0]])


# --------------------------------------------------------------------------------------------------- places of maxima


def test_indices_say_where_the_maxima_are() -> None:
    x = rand(2, 3, 6, 7)

    def check(y: Any, at: Any) -> None:
        taken = np.take_along_axis(x.reshape(2, 3, 42), at.reshape(2, 3, -1), -1)
        np.testing.assert_array_equal(taken, y.reshape(2, 3, -1))

    for settings in ((2,), (3, 2, 1), (2, 1, 0, 2)):
        y, at = max_pool2d(x, *settings, return_indices=True)
        check(y, at)
        np.testing.assert_array_equal(y, max_pool2d(x, *settings))
    for output in (2, 4, (3, 7)):
        check(*adaptive_max_pool2d(x, output, return_indices=True))
    t = tg.Tensor(x, requires_grad=True)
    y, at = tg.max_pool2d(t, 2, return_indices=True)
    assert isinstance(y, tg.Tensor) and y.op is not None and y.op.name == "max_pool2d" and type(at) is np.ndarray


def test_unpooling_is_the_pools_adjoint_and_refuses_what_does_not_fit() -> None:
    x = rand(2, 3, 4, 6)
    y, at = max_pool2d(x, 2, return_indices=True)
    out = max_unpool2d(y, at, 2)
    assert out.shape == x.shape and np.count_nonzero(out) == y.size and set(out.ravel()) <= {0, *x.ravel()}
    tg.gradcheck(lambda y: max_unpool2d(y, at, 2) ** 2, y, order=2)
    assert max_unpool2d(y, at, 2, output_size=(5, 7)).shape == (2, 3, 5, 7)
    for arguments, said in (
        ((y, at[0], 2), r"max_unpool2d: x has shape \(2, 3, 2, 3\) but indices have shape \(3, 2, 3\)"),
        ((y, at, 2, None, 0, (6, 6)), r"output_size \(6, 6\) must be \(4, 6\) to within the stride \(2, 2\)"),
    ):
        with pytest.raises(ValueError, match=said):
            tg.max_unpool2d(*arguments)
    with pytest.raises(IndexError, match=r"max_unpool2d: .*index 99 is out of bounds"):
        tg.max_unpool2d(y, np.full(y.shape, 99), 2)
