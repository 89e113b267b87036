"""The kernels of convolution against the plain functions they are registered for, over shapes of all kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels import conv as kernels
from tinygrad_lite.kernels import threads, thresholds, unfolding
from tinygrad_lite.kernels.memory_order import batch_first, batch_last, copied, empty_as, ordered_as, put
from tinygrad_lite.kernels.padding import framed
from tinygrad_lite.ops.windows import slide

from ..cases import rand

# N, C, size, O, kernel, stride, padding, dilation, groups
SHAPES = [
    (2, 3, (8, 9), 4, (3, 3), 1, 1, 1, 1),
    (1, 3, (8, 9), 4, (3, 3), 1, 1, 1, 1),
    (1, 1, (1, 1), 1, (1, 1), 1, 0, 1, 1),
    (17, 1, (5, 5), 2, (5, 5), 1, 0, 1, 1),
    (64, 3, (12, 12), 8, (3, 3), 1, 1, 1, 1),
    (300, 2, (6, 5), 3, (2, 3), 1, (0, 2), 1, 1),
    (1000, 1, (4, 4), 2, (3, 3), 1, 1, 1, 1),
    (5, 4, (9, 8), 6, (3, 2), (2, 3), (1, 0), 1, 1),
    (5, 4, (9, 8), 6, (3, 2), 1, 1, (2, 3), 1),
    (3, 4, (9, 8), 6, (2, 2), 3, 3, 2, 2),
    (2, 6, (7, 7), 6, (3, 3), 1, 1, 1, 3),
    (2, 6, (7, 7), 12, (3, 3), 2, 1, 1, 3),
    (4, 8, (6, 6), 16, (1, 1), 1, 0, 1, 1),
    (4, 8, (6, 6), 16, (1, 1), 1, 0, 1, 2),
    (4, 8, (1, 1), 16, (1, 1), 3, 0, 2, 1),
    (4, 8, (1, 1), 16, (1, 1), 3, 1, 2, 1),
    (0, 8, (6, 6), 16, (1, 1), 1, 0, 1, 2),
    (4, 8, (6, 6), 16, (1, 1), 2, 0, 1, 1),
    (4, 8, (6, 6), 8, (1, 1), 1, 1, 1, 4),
    (4, 16, (10, 10), 2, (3, 3), 1, 1, 1, 1),
    (4, 2, (10, 10), 16, (3, 3), 1, 1, 1, 1),
    (2, 96, (7, 6), 80, (3, 3), 1, 1, 1, 1),
    (2, 5, (9, 7), 5, (3, 3), 1, 1, 1, 5),
    (2, 5, (9, 7), 10, (3, 3), 1, 1, 1, 5),
    (2, 5, (9, 7), 10, (2, 3), (3, 2), (1, 2), (2, 1), 5),
    (3, 4, (3, 9), 4, (3, 1), 1, 0, 1, 4),
    (40, 70, (20, 20), 70, (3, 3), 1, 1, 1, 70),
    (3, 4, (11,), 5, (3,), 2, 1, 2, 1),
    (3, 4, (11,), 8, (3,), 2, 1, 2, 4),
    (2, 3, (5, 4, 6), 4, (2, 3, 2), (1, 2, 1), (1, 0, 1), 1, 1),
    (2, 4, (5, 4, 6), 4, (2, 3, 2), (2, 1, 1), 1, (1, 1, 2), 4),
    (2, 3, (5, 6), 4, (3, 2), 1, 0, (2, 1), 1),
    (40, 3, (5, 6), 4, (3, 2), 1, 0, (2, 1), 1),
    (2, 3, (6, 7), 4, (2, 2), (4, 6), (1, 2), (2, 3), 1),
    (40, 3, (9, 8), 4, (3, 3), (2, 3), (4, 5), (2, 2), 1),
    (40, 16, (9, 8), 3, (3, 3), 1, (3, 4), 1, 1),
    (40, 16, (9, 8), 4, (3, 2), 1, (1, 0), 1, 2),
    (40, 3, (9, 8), 16, (3, 2), 1, (0, 1), (1, 2), 1),
    (40, 6, (1, 20), 12, (1, 3), 1, (0, 1), 1, 2),
    (40, 4, (6, 5, 4), 9, (3, 2, 2), 1, 1, 1, 1),
    (40, 6, (9, 9), 6, (2, 2), 3, 0, 1, 6),
    (0, 3, (5, 5), 4, (3, 3), 1, 1, 1, 1),
    (3, 4, (9, 8), 6, (2, 3), (1, 2), 1, (2, 1), 2),
    (3, 4, (19, 8), 6, (3, 3), (4, 2), 2, (2, 3), 1),
    (3, 4, (19, 8), 6, (3, 3), (4, 2), 2, (6, 3), 1),
    (3, 4, (8, 19), 6, (3, 4), (2, 4), 2, (1, 2), 1),
    (2, 3, (9, 4, 6), 4, (3, 2, 2), (2, 1, 3), (2, 1, 0), (3, 2, 1), 1),
    (0, 3, (5, 5), 4, (3, 3), 2, 1, 1, 1),
    (0, 3, (5,), 4, (3,), 2, 1, 1, 1),
    (2, 0, (5, 5), 4, (3, 3), 2, 1, 1, 1),
    (3, 6, (1, 20), 12, (1, 3), (1, 2), (0, 1), 1, 2),
    (3, 6, (20, 1), 12, (3, 1), (2, 1), (1, 0), 1, 2),
    (2, 3, (5, 5), 0, (3, 3), 1, 1, 1, 1),
    (2, 3, (5, 5), 0, (3, 3), 2, 1, 2, 1),
    (0, 0, (5, 5), 0, (3, 3), 1, 1, 1, 1),
]  # fmt: skip


def in_order(a: Any, order: str) -> Any:
    """The same array in another memory order."""
    return (
        batch_first(np.ascontiguousarray(np.moveaxis(a, 0, -1)))
        if order == "batch last"
        else np.array(a, order="F" if order == "F" else "C")
    )


@pytest.mark.parametrize("few", [0, thresholds.NUMBERS_TO_UNFOLD_AT_ONCE], ids=["rows", "one matrix"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F", "batch last"])
@pytest.mark.parametrize(("n", "c", "size", "o", "kernel", "stride", "padding", "dilation", "groups"), SHAPES)
def test_the_kernels_of_conv_agree_with_the_plain_ones(
    n: int,
    c: int,
    size: Any,
    o: int,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    order: str,
    dtype: Any,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "NUMBERS_TO_UNFOLD_AT_ONCE", few)
    windows = slide(size, kernel, stride, padding, dilation)
    x = in_order(rand(n, c, *size).astype(dtype), order)
    g = in_order(rand(n, o, *windows.places, seed=1).astype(dtype), order)
    w = rand(o, c // groups, *kernel).astype(dtype)
    b, bx = rand(o).astype(dtype), rand(c).astype(dtype)
    cases: list[tuple[Any, Any]] = [
        (kernels.conv, (x, w, b, windows, groups)),
        (kernels.conv, (x, w, None, windows, groups)),
        (kernels.conv_input, (g, w, bx, windows, groups)),
        (kernels.conv_input, (g, w, None, windows, groups)),
        (kernels.conv_weight, (x, g, windows, groups)),
        (kernels.unfold, (x, windows)),
        (kernels.fold, (kernels.unfold.plain(x, windows), windows)),
    ]
    for fast, arguments in cases:
        got, wanted = (
            fast(*arguments),
            fast.plain(*[a.astype(float) if isinstance(a, np.ndarray) else a for a in arguments]),
        )
        terms = max(1, x.size, g.size)  # an upper limit of the terms of a sum
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12 if dtype == np.float64 else 3e-7 * np.sqrt(terms))


# one of each way to compute a convolution, and what is not finite, or an integer, or of three orders in memory
WAYS = [SHAPES[i] for i in (0, 3, 4, 7, 9, 10, 12, 17, 20, 21, 27, 31, 33, 37, 38, 41, 51)]


@pytest.mark.parametrize("few", [0, thresholds.NUMBERS_TO_UNFOLD_AT_ONCE], ids=["rows", "one matrix"])
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64])
@pytest.mark.parametrize(("n", "c", "size", "o", "kernel", "stride", "padding", "dilation", "groups"), WAYS)
def test_nan_infinity_dtypes_and_mixed_orders_are_as_in_the_plain_ones(
    n: int, c: int, size: Any, o: int, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int, dtype: Any,
    few: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(kernels, "NUMBERS_TO_UNFOLD_AT_ONCE", few)
    windows = slide(size, kernel, stride, padding, dilation)
    x, g = (2 * rand(n, c, *size)).astype(dtype), (2 * rand(n, o, *windows.places, seed=1)).astype(dtype)
    w = (2 * rand(o, c // groups, *kernel)).astype(dtype)
    if dtype == np.float64 and x.size and g.size:
        for a in (x, g):
            np.put(a, np.arange(5) * 37 % a.size, [np.nan, np.inf, -np.inf, np.inf, 1e300])
    x, w, g = in_order(x, "batch last"), in_order(w, "F"), in_order(g, "C")
    with np.errstate(all="ignore"):
        for fast, arguments in (
            (kernels.conv, (x, w, None, windows, groups)),
            (kernels.conv_input, (g, w, None, windows, groups)),
            (kernels.conv_weight, (x, g, windows, groups)),
        ):
            fast_: Any = fast
            got, wanted = fast_(*arguments), fast_.plain(*arguments)
            assert got.dtype == wanted.dtype == dtype
            atol = 2e-3 * np.abs(wanted).max(initial=0) * np.log2(max(x.size, g.size)) if dtype == np.float16 else 1e-12
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=atol)


@pytest.mark.parametrize(("n", "c", "size", "o", "kernel", "stride", "padding", "dilation", "groups"), SHAPES)
def test_several_threads_give_the_same(
    n: int, c: int, size: Any, o: int, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With blocks so small, and so little thought worth a thread, that every kernel is shared out."""
    monkeypatch.setattr(thresholds, "PRODUCTS_FOR_A_SECOND_THREAD", 1)
    monkeypatch.setattr(kernels, "NUMBERS_TO_UNFOLD_AT_ONCE", 0)
    for room in (unfolding, kernels):
        monkeypatch.setattr(room, "ELEMENTS_TO_UNFOLD", 64)
    monkeypatch.setattr(unfolding, "chunks", lambda columns, products, least: (16, columns // 16 * 16))
    windows = slide(size, kernel, stride, padding, dilation)
    x, g, w = rand(n, c, *size), rand(n, o, *windows.places, seed=1), rand(o, c // groups, *kernel)
    before = threads.get_num_threads()
    threads.set_num_threads(3)
    try:
        for fast, arguments in (
            (kernels.conv, (x, w, rand(o), windows, groups)),
            (kernels.conv_input, (g, w, rand(c), windows, groups)),
            (kernels.conv_weight, (x, g, windows, groups)),
        ):
            fast_: Any = fast
            np.testing.assert_allclose(fast_(*arguments), fast_.plain(*arguments), rtol=0, atol=1e-12)
    finally:
        threads.set_num_threads(before)


def test_memory_order() -> None:
    few = (5, 4, 4, 4), (8, 3, 5, 2), (1, 2, 3, 3), (0, 2, 3, 3), (9, 5)
    for shape in ((64, 3, 32, 32), (33, 1, 9, 8192), (17, 2, 70, 70), *few):
        x = rand(*shape)
        turned = batch_last(x)
        assert turned.flags.c_contiguous
        np.testing.assert_array_equal(batch_first(turned), x)
        assert np.shares_memory(batch_last(batch_first(turned)), turned) or not x.size
        assert empty_as(batch_first(turned), shape).strides == batch_first(turned).strides
        np.testing.assert_array_equal(ordered_as(batch_first(turned), x), x)
        assert ordered_as(x, x) is x
        order = (2, 1, 3, 0) if len(shape) > 2 else (1, 0)  # rows outermost, as a convolution gives them
        rows = np.empty([shape[i] for i in order]).transpose(np.argsort(order))
        np.testing.assert_array_equal(ordered_as(rows, x), x)
        assert ordered_as(rows, x).transpose(order).flags.c_contiguous


@pytest.mark.parametrize("n", [0, 1, 2, 3, 16, 32, 33, 65])
def test_runs_are_copied_as_they_are(n: int) -> None:
    for dtype, wanted in ((np.float32, np.float32), (np.float64, np.float64), (np.float32, np.float64)):
        x = rand(3, 10, n).astype(dtype)
        x[:, 4] = np.nan
        x.setflags(write=False)
        out = np.zeros((3, 7, n + 2), wanted)
        put(out[:, 1:6, 1:-1], x[:, ::2])
        np.testing.assert_array_equal(out[:, 1:6, 1:-1], x[:, ::2])
        assert not out[:, [0, -1]].any() and not out[..., [0, -1]].any()
        put(out[:, :, 0], np.ones((3, 7)))  # no run in `out`
        assert (out[..., 0] == 1).all()


def test_kernels_are_copied_as_they_are() -> None:
    for shape in ((40, 30, 3, 2), (4, 3, 3, 2), (1000, 1, 1, 1), (0, 3, 3, 3), (50, 40, 2, 3)):
        for axes in ((0, 1, 2, 3), (1, 0, 3, 2), (2, 0, 1, 3), (3, 2, 1, 0)):
            for short in (1, 2):
                x = rand(*shape).transpose(axes)
                np.testing.assert_array_equal(copied(x, short), x)
                assert copied(x, short).flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
@pytest.mark.parametrize("value", [0, 1.0, -np.inf, [[1, 2]]])
def test_frames_are_numpy_s(value: Any, dtype: Any) -> None:
    if np.issubdtype(dtype, np.integer) and value == -np.inf:
        value = 7
    for shape in ((5,), (3, 4), (20, 2, 5, 3), (0, 3), (2, 1)):
        for widths in ([(1, 2)] * len(shape), [(0, 0)] * len(shape), [(0, 0)] * (len(shape) - 1) + [(3, 0)]):
            x = (rand(*shape) * 9).astype(dtype)
            for a in (x, x.T.copy().T, x[::-1], batch_first(batch_last(x))):
                out, expected = framed(a, widths, value), framed.plain(a, widths, value)
                np.testing.assert_array_equal(out, expected)
                assert out.dtype == dtype
    inner = framed(batch_first(batch_last(rand(20, 2, 5, 3))), [(0, 0), (0, 0), (1, 1), (1, 1)])
    assert inner.transpose((1, 2, 3, 0)).flags.c_contiguous  # the batch is still innermost


def test_a_frame_is_never_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        framed(rand(3), [(-1, 2)])


def test_conv_through_kernels_has_the_second_derivative_of_the_plain_one() -> None:
    """Both orders by central differences; the batch is large enough to be brought innermost."""
    x, w = rand(16, 2, 5, 5), rand(3, 2, 3, 3)
    tg.gradcheck(lambda x, w: np.sum(np.tanh(tg.max_pool2d(tg.conv2d(x, w, padding=1), 2)) ** 2), x, w, order=2)
