"""Indexing and what chooses elements: NumPy's values in every calling form, right gradients, clear errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

from .cases import rand
from .forms import check_gradient, check_symbols, check_value, forms

A, C = (3, 4), (2, 3, 4)
MASK = np.array([[True, False, False, True], [False, False, False, False], [False, True, True, True]])
ROWS, PAIRS = np.array([2, 0, 2, -1]), np.array([[0, 2, 2], [1, -1, 0]])
FROM_0 = PAIRS % 3  # torch's functions count from the start alone
windows = np.lib.stride_tricks.sliding_window_view
ODD: Any = "bounce"  # no mode
put: Any = np.put_along_axis  # of a tensor it returns the new one


def leaf(data: Any) -> Any:
    return tg.Tensor(data, requires_grad=True)


def indexed(shape: tuple[int, ...], *indices: Any) -> list[Any]:
    return [(lambda x, i=i: x[i], shape) for i in indices]


ALL = slice(None)

FORMS = forms(
    {
        "basic": [
            *indexed(A, 0, -1, (1, 2), (0, -1), ALL, ..., (), None, (None, ..., None)),
            *indexed(A, slice(1, None), slice(None, None, -1), (ALL, slice(3, 0, -2)), (slice(2, 1),), (..., 0)),
            *indexed(C, (0, None, ALL, 1), (ALL, np.int64(1)), (1, ..., slice(0, 2))),
            *indexed((), (), ..., None, (None, ...)),
            *indexed((0, 2), ALL, (ALL, 1)),
        ],
        "mask": [
            *indexed(A, MASK, ~MASK, MASK & False, MASK[:, 0], (ALL, MASK[0]), (MASK[:, 0], MASK[0][[0, 1, 1, 0]][:4])),
            *indexed(A, [True, False, True], True, False, np.True_),
            *indexed(C, (0, MASK), (..., MASK[0]), (MASK[:2, :3], 1), (ALL, MASK[:, 0], slice(1, 3))),
        ],
        "integers": [
            *indexed(A, ROWS, PAIRS, [0, 0, 1], [], np.array(1), [[0, 1], [1, 1]], ROWS.astype(np.uint8) % 3),
            *indexed(A, (ROWS, ROWS), (PAIRS, [3, 0, 3]), (PAIRS[:, :1], PAIRS[0]), (1, ROWS), (ROWS, 1)),
            *indexed(
                A, (ALL, ROWS), (slice(1, None), PAIRS), (..., PAIRS), (None, ROWS), (ROWS, None), (np.array(1), ROWS)
            ),
            *indexed((4,), ROWS, np.zeros(0, int), (ROWS, None)),
        ],
        "mixed": [
            *indexed((3, 4, 3), (ROWS, ALL, ROWS), (PAIRS, ..., [1, 1, 2]), (ALL, ROWS, ROWS), (0, ALL, ROWS)),
            *indexed(
                (3, 4, 3), (ROWS, slice(1, 3)), (MASK[:, 0], [0, 3]), (slice(0, 2), [1, 1], slice(None, None, -1))
            ),
            *indexed(
                (3, 4, 3),
                (slice(None, None, 2), PAIRS, 1),
                (ALL, [[1], [2]], ROWS),
                ([0, 2], MASK[0, :3].tolist()[:0] or ALL),
            ),
        ],
        "take": [
            (lambda x: np.take(x, ROWS), A),
            (lambda x: np.take(x, 5), A),
            (lambda x: np.take(x, PAIRS, axis=1), A),
            (lambda x: np.take(x, -1, axis=0), A),
            (lambda x: np.take(x, [[0]], axis=-2), C),
            (lambda x: np.take(x, [5, -7, 2], axis=0, mode="wrap"), A),
            (lambda x: np.take(x, [5, -7, 2], axis=0, mode="clip"), A),
            (lambda x: x.take([0, 0], 1), A),
            (lambda x: np.take(x, 0), ()),
        ],
        "take_along_axis": [
            (lambda x: np.take_along_axis(x, PAIRS.T % 3, axis=1), A),
            (lambda x: np.take_along_axis(x, np.array([[0, 0, 2, 1]]), axis=0), A),
            (lambda x: np.take_along_axis(x, PAIRS[:1, :, None], axis=-2), C),
            (lambda x: np.take_along_axis(x, ROWS, axis=None), A),
        ],
        "sort": [
            (np.sort, A),
            (lambda x: np.sort(x, axis=0), C),
            (lambda x: np.sort(x, axis=None), A),
            (lambda x: np.sort(x, 1, kind="stable"), A),
            (np.sort, (0,)),
        ],
        "compress": [
            (lambda x: np.compress(np.array([0, 1, 1]), x, axis=0), A),
            (lambda x: np.compress([True, False, True], x), A),
            (lambda x: np.compress([False, True], x, axis=-1), A),
        ],
        "extract": [(lambda x: np.extract(MASK, x), A), (lambda x: np.extract([0, 1, 0, 2], x), A)],
        "choose": [
            (lambda x, y: np.choose([[0, 1, 1, 0]], [x, y]), A, (4,)),
            (lambda x: np.choose([0, 2, 1, 1], x), A),
            (lambda x, y: np.choose(MASK, [x, y]), A, ()),
            (lambda x: np.choose([0, 7, -1, 1], x, mode="wrap"), A),
            (lambda x: np.choose([0, 7, -1, 1], x, mode="clip"), A),
        ],
        "select": [
            (lambda x, y: np.select([MASK, ~MASK[0]], [x, y]), A, (4,)),
            (lambda x, y: np.select([MASK, MASK], [x, y], default=7), A, (1,)),
        ],
        "bincount": [
            (lambda x: np.bincount([0, 2, 2, 5], x).astype(x.dtype), (4,)),
            (lambda x: np.bincount(np.array([1, 1]), weights=x, minlength=4).astype(x.dtype), (2,)),
        ],
        "sliding_window_view": [
            (lambda x: windows(x, 3), (5,)),
            (lambda x: windows(x, (2, 2)), A),
            (lambda x: windows(x, 4, axis=-1), C),
            (lambda x: windows(x, (2, 1), axis=(2, 0)), C),
            (lambda x: windows(x, (2, 2), axis=(0, 0)), (5,)),
        ],
        "gather": [
            (lambda x: F.gather(x, 1, FROM_0), A),
            (lambda x: F.gather(x, 0, FROM_0), A),
            (lambda x: F.gather(x, -1, FROM_0[:, :, None]), C),
            (lambda x: F.gather(x, 0, np.zeros((0, 4), int)), A),
        ],
        "scatter": [
            (lambda x, y: F.scatter(x, 1, FROM_0, y), A, (2, 3)),
            (lambda x, y: F.scatter(x, 0, FROM_0, y), A, A),
            (lambda x: F.scatter(x, 0, FROM_0, 2.5), A),
            (lambda x, y: F.scatter(x, 0, FROM_0, y), A, ()),
        ],
        "scatter_add": [
            (lambda x, y: F.scatter_add(x, 1, FROM_0, y), A, (2, 3)),
            (lambda x, y: F.scatter_add(x, 0, FROM_0, y), A, A),
        ],
        "index_select": [(lambda x: F.index_select(x, 0, ROWS % 3), A), (lambda x: F.index_select(x, -1, ROWS % 3), C)],
        "index_add": [
            (lambda x, y: F.index_add(x, 0, ROWS % 3, y), A, (4, 4)),
            (lambda x, y: F.index_add(x, -1, [1, 1], y, alpha=2), A, (3, 2)),
        ],
        "masked_fill": [
            (lambda x: F.masked_fill(x, MASK, -7.5), A),
            (lambda x, y: F.masked_fill(x, MASK, y), A, ()),
            (lambda x: F.masked_fill(x, MASK[0], 0), A),
        ],
        "masked_select": [(lambda x: F.masked_select(x, MASK), A), (lambda x: F.masked_select(x, MASK[0]), (3, 1))],
    }
)
SYMBOLIC = [form for form in FORMS if not form.id.startswith(("sort", "bincount"))]  # NumPy has neither for symbols


@pytest.mark.parametrize(("f", "shapes"), FORMS)
def test_value_is_numpys(f: Callable[..., Any], shapes: Any) -> None:
    check_value(f, shapes)


@pytest.mark.parametrize(("f", "shapes"), FORMS)
def test_gradient_to_second_order(f: Callable[..., Any], shapes: Any) -> None:
    check_gradient(f, shapes)


@pytest.mark.parametrize(("f", "shapes"), SYMBOLIC)
def test_runs_on_symbols(f: Callable[..., Any], shapes: Any) -> None:
    check_symbols(f, shapes)


# ------------------------------------------------------------------------------------------------------- indexing


def test_a_place_named_several_times_gets_the_sum() -> None:
    t = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    t[[0, 2, 2, -1]].backward([1.0, 10.0, 100.0, 1000.0])
    assert t.grad.data.tolist() == [1.0, 0.0, 1110.0]


def test_an_index_may_be_a_tensor_or_hold_some() -> None:
    x, rows, mask = rand(3, 4), tg.Tensor(ROWS), tg.Tensor(MASK)
    t = tg.Tensor(x, requires_grad=True)
    assert np.array_equal(t[rows].data, x[ROWS])
    assert np.array_equal(t[:, rows].data, x[:, ROWS])
    assert np.array_equal(t[mask].data, x[MASK])
    assert np.array_equal(t[t > 0].data, x[x > 0])
    assert np.array_equal(np.take(t, rows, axis=0).data, x[ROWS])
    assert np.array_equal(np.delete(t, tg.Tensor([0, 2]), axis=1).data, np.delete(x, [0, 2], axis=1))
    assert np.array_equal(np.insert(t, tg.Tensor([0, 2]), 5.0, axis=1).data, np.insert(x, [0, 2], 5.0, axis=1))
    assert np.array_equal(np.repeat(t, tg.Tensor([0, 2, 1]), axis=0).data, np.repeat(x, [0, 2, 1], axis=0))
    t[1:, rows].sum().backward()
    assert t.grad.data.tolist() == [[0, 0, 0, 0], [1, 0, 2, 1], [1, 0, 2, 1]]


def test_an_index_changed_afterwards_changes_no_gradient() -> None:
    t, rows = tg.Tensor(rand(3, 4), requires_grad=True), ROWS.copy()
    out = t[rows].sum() + t[:, rows].sum() + np.take(t, rows).sum() + F.gather(t, 1, rows[:3, None]).sum()
    out.backward()
    before, t.grad = t.grad, None
    rows[:] = 1
    out.backward()
    assert np.array_equal(before.data, t.grad.data)


def test_iterating_over_a_tensor_gives_its_rows() -> None:
    t = tg.Tensor(rand(3, 4), requires_grad=True)
    first, *_, last = t
    (first * last).sum().backward()
    assert np.array_equal(t.grad.data, [t.data[2], np.zeros(4), t.data[0]])


def test_a_tensor_cannot_be_assigned_to() -> None:
    with pytest.raises(TypeError, match=r"np\.where"):
        tg.Tensor(rand(3))[0] = 1


# ------------------------------------------------------------------------------------------------ choosing, putting


def test_equal_elements_are_sorted_in_their_order() -> None:
    t = leaf([2.0, 1.0, 2.0, 1.0])
    t.sort().backward([1.0, 2.0, 3.0, 4.0])
    assert t.grad.data.tolist() == [3.0, 1.0, 4.0, 2.0]


@pytest.mark.parametrize("kth", [0, 3, -1, [1, 4]])
def test_partition_puts_the_kth_in_its_place(kth: Any) -> None:
    x = rand(2, 6)
    t = leaf(x)
    out: Any = np.partition(t, kth)
    assert np.array_equal(out.data[:, kth], np.sort(x)[:, kth])
    assert np.array_equal(np.sort(out.data), np.sort(x))
    (out * out).sum().backward()
    assert np.array_equal(t.grad.data, 2 * x)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_put_along_axis_is_numpys_but_leaves_its_array_as_it_is(axis: int | None) -> None:
    x, indices = rand(3, 4), np.array([0, 5, 11, 0]) if axis is None else PAIRS[:, :2].repeat(2, 1)[[0, 1, 0]] % 3
    values = rand(*indices.shape, seed=1)
    expected = x.copy()
    put(expected, indices, values, axis)
    t = tg.Tensor(x, requires_grad=True)
    assert np.array_equal(put(t, indices, values, axis).data, expected)
    assert np.array_equal(t.data, x)
    tg.gradcheck(lambda x, v: np.tanh(put(x, indices, v, axis)), x, values)


def test_a_value_put_over_another_takes_all_the_gradient() -> None:
    t, src = tg.Tensor([0.0, 0.0], requires_grad=True), tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = F.scatter(t, 0, [1, 1, 1], src)
    out.backward([10.0, 20.0])
    assert out.data.tolist() == [0.0, 3.0]
    assert t.grad.data.tolist() == [10.0, 0.0] and src.grad.data.tolist() == [0.0, 0.0, 20.0]


def test_the_sum_over_windows_is_a_moving_sum() -> None:
    t = tg.Tensor(np.arange(5.0), requires_grad=True)
    moving = windows(t, 3).sum(axis=-1)
    assert moving.data.tolist() == [3.0, 6.0, 9.0]
    moving.sum().backward()
    assert t.grad.data.tolist() == [1.0, 2.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_and_scatter_are_what_they_say(axis: int) -> None:
    x, src = rand(3, 4, 3), rand(2, 3, 3, seed=1)
    index = np.random.default_rng(2).integers(0, 3, (2, 3, 2))
    gathered, scattered, added = np.empty(index.shape), x.copy(), x.copy()
    for place in np.ndindex(index.shape):
        there = [*place]
        there[axis] = index[place]
        gathered[place] = x[tuple(there)]
        scattered[tuple(there)] = src[place]
        added[tuple(there)] += src[place]
    t = tg.Tensor(x)
    assert np.array_equal(F.gather(t, axis, index).data, gathered)
    assert np.array_equal(F.scatter(t, axis, index, src).data, scattered)
    np.testing.assert_allclose(F.scatter_add(t, axis, index, src).data, added, rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_index_add_and_index_select_are_what_they_say(axis: int) -> None:
    x, index = rand(4, 4, 4), [3, 0, 3]
    selected = np.stack([np.moveaxis(x, axis, 0)[i] for i in index])
    added = np.moveaxis(x.copy(), axis, 0)
    for i, part in zip(index, selected):
        added[i] += 0.5 * part
    assert np.array_equal(F.index_select(tg.Tensor(x), axis, index).data, np.moveaxis(selected, 0, axis))
    source = tg.Tensor(np.moveaxis(selected, 0, axis))
    np.testing.assert_allclose(
        F.index_add(tg.Tensor(x), axis, index, source, alpha=0.5).data, np.moveaxis(added, 0, axis)
    )


def test_a_mask_fills_and_selects_where_it_is_true() -> None:
    filled, selected = rand(3, 4), []
    for place in np.ndindex(3, 4):
        if MASK[place]:
            selected.append(filled[place])
            filled[place] = -np.inf
    assert np.array_equal(F.masked_fill(tg.Tensor(rand(3, 4)), MASK, -np.inf).data, filled)
    assert np.array_equal(F.masked_select(tg.Tensor(rand(3, 4)), MASK).data, selected)


def test_on_bare_arrays_the_result_is_a_bare_array() -> None:
    x = rand(3, 4)
    for out in (
        F.gather(x, 1, FROM_0),
        F.scatter(x, 1, FROM_0, 0.0),
        F.index_add(x, 0, [0], x[:1]),
        F.masked_fill(x, MASK, 0),
    ):
        assert type(out) is np.ndarray


# ---------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("f", "kind", "words"),
    [
        (lambda t: t[3], IndexError, ["getitem", "index 3", "axis 0", "(3, 4)"]),
        (lambda t: t[0, 0, 0], IndexError, ["getitem", "too many indices", "(3, 4)"]),
        (lambda t: t[[0, 3]], IndexError, ["getitem", "index 3", "(3, 4)"]),
        (lambda t: t[MASK.T], IndexError, ["getitem", "boolean", "(3, 4)", "(4, 3)"]),
        (lambda t: t[np.array([0.5])], IndexError, ["getitem", "integer", "float64"]),
        (lambda t: t[ROWS, PAIRS], IndexError, ["getitem", "(4,)", "(2, 3)"]),
        (lambda t: np.take(t, 9, axis=1), IndexError, ["take", "index 9", "axis 1", "size 4"]),
        (lambda t: np.take(t, 0, axis=2), ValueError, ["take", "axis 2"]),
        (lambda t: np.take(t, 0, mode=ODD), ValueError, ["take", "'bounce'", "'clip'"]),
        (lambda t: np.take_along_axis(t, ROWS, axis=1), ValueError, ["take_along_axis", "1 axes", "must have 2"]),
        (lambda t: np.take_along_axis(t, MASK, axis=1), IndexError, ["take_along_axis", "integers", "bool"]),
        (lambda t: np.compress(MASK, t), ValueError, ["compress", "(3, 4)", "one axis"]),
        (lambda t: np.choose([0, 3, 0, 0], t), ValueError, ["choose", "to 3", "there are 3"]),
        (lambda t: np.select([MASK], [t, t]), ValueError, ["select", "1 for 2"]),
        (lambda t: windows(t, 5, axis=1), ValueError, ["sliding_window_view", "(3, 4)"]),
        (lambda t: F.gather(t, 1, ROWS), ValueError, ["gather", "(4,)", "(3, 4)"]),
        (lambda t: F.gather(t, 1, ROWS[:, None]), ValueError, ["gather", "(4, 1)", "(3, 4)", "axis 1"]),
        (lambda t: F.gather(t, 1, [[4]]), IndexError, ["gather", "index 4", "axis 1", "size 4"]),
        (lambda t: F.scatter(t, 0, [[-4]], 0.0), IndexError, ["scatter", "index -4", "axis 0", "size 3"]),
        (lambda t: F.scatter(t, 1, FROM_0, t[:, :2]), ValueError, ["scatter", "src", "(2, 3)", "(3, 2)"]),
        (lambda t: F.scatter(tg.Tensor([1, 2]), 0, [0], t[0]), TypeError, ["setitem", "int64", "floating"]),
        (lambda t: F.gather(t, 1, PAIRS), IndexError, ["gather", "index -1", "axis 1", "counts from 0"]),
        (lambda t: F.scatter(t, 1, PAIRS, 0.0), IndexError, ["scatter", "index -1", "axis 1", "counts from 0"]),
        (lambda t: F.scatter_add(t, 1, PAIRS, t), IndexError, ["scatter_add", "index -1", "counts from 0"]),
        (lambda t: F.index_select(t, -1, ROWS), IndexError, ["index_select", "index -1", "axis 1", "counts from 0"]),
        (lambda t: F.index_select(t, 0, [3]), IndexError, ["index_select", "index 3", "axis 0", "size 3"]),
        (lambda t: F.index_add(t, 0, ROWS, t), IndexError, ["index_add", "index -1", "axis 0", "counts from 0"]),
        (lambda t: F.index_add(t, 0, [0], t), ValueError, ["index_add", "(3, 4)", "(1, 4)"]),
    ],
)
def test_an_error_says_what_was_seen(f: Callable[..., Any], kind: type[Exception], words: list[str]) -> None:
    with pytest.raises(kind) as caught:
        f(tg.Tensor(rand(3, 4), requires_grad=True))
    for word in words:
        assert word in str(caught.value)


# ------------------------------------------------------------------------------------------------- other libraries

LAZY: dict[str, Callable[..., Any]] = {
    "slices": lambda t: t[1:, ::2],
    "new axes": lambda t: t[None, ..., 1],
    "integers": lambda t: t[[0, -1, 0]],
    "pairs": lambda t: t[:, [[1, 1], [0, 2]]],
    "two arrays": lambda t: t[[0, 1, 0], [2, 2, 2]],
    "mask": lambda t: t[MASK],
    "take": lambda t: np.take(t, [1, 5, 5]),
    "take_along_axis": lambda t: np.take_along_axis(t, ROWS[:3, None], 1),
    "gather": lambda t: F.gather(t, 0, FROM_0),
    "index_add": lambda t: F.index_add(t, 0, [1, 1], t[:2]),
    "masked_fill": lambda t: F.masked_fill(t, MASK, 0.0),
    "sliding_window_view": lambda t: windows(t, 2, 1),
    "ravel": np.ravel,
    "moveaxis": lambda t: np.moveaxis(t, 0, 1),
    "concatenate": lambda t: np.concatenate([t, t], 1),
    "stack": lambda t: np.stack([t, t]),
    "pad": lambda t: np.pad(t, 1),
    "pad with its edge": lambda t: np.pad(t, 1, "edge"),
    "flip": lambda t: np.flip(t, 1),
    "roll": lambda t: np.roll(t, 1, 0),
    "tile": lambda t: np.tile(t, 2),
    "repeat": lambda t: np.repeat(t, 2, 1),
    "tril": np.tril,
    "diagonal": np.diagonal,
    "split": lambda t: np.split(t, 2, 1)[1],
}


@pytest.mark.parametrize("name", LAZY)
def test_dask_arrays_stay_lazy_and_give_the_same(name: str) -> None:
    da = pytest.importorskip("dask.array")
    f, x = LAZY[name], rand(3, 4)
    near, far = leaf(x), leaf(da.from_array(x, chunks=(2, 2)))
    for t in (near, far):
        np.tanh(f(t)).sum().backward()
    assert isinstance(f(far).data, da.Array) and isinstance(far.grad.data, da.Array)
    np.testing.assert_allclose(f(far).data.compute(), f(near).data)
    np.testing.assert_allclose(far.grad.data.compute(), near.grad.data)


def test_parts_of_an_array_are_added_where_they_belong() -> None:
    """Whatever else uses the array, before its parts or after them, and none of the others' gradients changes."""
    data = rand(4, 3)
    x = tg.Tensor(data, requires_grad=True)
    h = x * 1.0
    same = h + 0.0  # passes on the very gradient that it gets
    loss = (h[0] * 2).sum() + (same * data).sum() + h[1:3, ::2].sum() + (h[..., None, 1] ** 2).sum() + h[data > 0].sum()
    loss.backward()
    expected = data.copy()
    expected[0] += 2
    expected[1:3, ::2] += 1
    expected[:, 1] += 2 * data[:, 1]
    expected[data > 0] += 1
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-14)
    first = x.grad.data.copy()
    loss.backward()
    np.testing.assert_allclose(x.grad.data, 2 * first, rtol=1e-14)


# --------------------------------------------------------------------------------- float16, single numbers, nothing


@pytest.mark.parametrize("index", [[0] * 5000, np.zeros((50, 100), int), (slice(None), [0] * 5000)])
def test_many_float16_are_added_at_one_place(index: Any) -> None:
    for x in (np.zeros((2, 3), np.float16), np.zeros((2, 70), np.float16)):
        t = leaf(x)
        t[index].sum().backward()
        assert t.grad.dtype == np.float16 and t.grad.data[0, 0] == 5000
    t = leaf(np.zeros(2, np.float16))
    np.repeat(t, 3000).sum().backward()
    assert t.grad.data.tolist() == [3000, 3000]


NOTHING = np.zeros(0, int)


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda x: np.repeat(x, 2, 1), (0, 3)),
        (lambda x: np.repeat(x, 2, 0), (3, 0)),
        (lambda x: np.repeat(x, 0, 1), (2, 3)),
        (lambda x: np.repeat(x, 2, 0), ()),
        (lambda x: np.take(x, []), (3, 2)),
        (lambda x: np.take(x, [], axis=1), (3, 2)),
        (lambda x: np.take(x, [], mode="wrap"), (0, 2)),
        (lambda x: np.take(x, NOTHING), (0, 3)),
        (lambda x: np.take(x, [0, 0], axis=0), ()),
        (lambda x: x[:, [0, 0, 2]], (0, 3)),
        (lambda x: x[[0, 0], [1, 1]], (3, 2, 0)),
        (lambda x: x[NOTHING, NOTHING], (3, 0)),
        (lambda x: x[:, NOTHING, NOTHING], (0, 3, 2)),
        (lambda x: np.choose([], [x, x]), (0,)),
        (lambda x: np.pad(x, 1), ()),
        (lambda x: np.tile(x, (2, 0)), (2, 3)),
        (lambda x: F.gather(x, 0, np.zeros((0, 3), int)), (0, 3)),
        (lambda x: F.index_select(x, 1, NOTHING), (2, 0)),
        (lambda x: F.index_add(x, 0, NOTHING, x[:0]), (2, 3)),
    ],
)
def test_nothing_and_single_numbers_are_chosen_and_go_back(f: Callable[..., Any], shape: tuple[int, ...]) -> None:
    t = leaf(np.full(shape, 2.0))
    (f(t) ** 2).sum().backward()
    assert t.grad.shape == shape
    tg.gradcheck(lambda x: f(x) ** 2, t.data, order=2)
