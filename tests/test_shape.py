"""NumPy's shape functions on a Tensor: NumPy's values in every calling form, right gradients, clear errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from .cases import rand
from .forms import check_gradient, check_symbols, check_value, forms

A, B, C = (2, 3), (2, 1, 3), (2, 3, 4)
LATER: Any = np  # what NumPy has since 2.1
ODD: Any = "yx"  # no indexing of meshgrid
COPYING = ("edge", "reflect", "symmetric", "wrap")

FORMS = forms(
    {
        "reshape": [
            (lambda x: np.reshape(x, (3, 2)), A),
            (lambda x: np.reshape(x, -1, order="F"), C),
            (lambda x: np.reshape(x, (3, 2), order="F"), A),
            (lambda x: x.reshape(3, -1), A),
            (lambda x: x.reshape((1, 1)), ()),
            (lambda x: np.reshape(x, (0, 5)), (2, 0)),
        ],
        "ravel": [
            (np.ravel, C),
            (lambda x: np.ravel(x, "F"), C),
            (lambda x: x.flatten(), A),
            (np.ravel, ()),
            (np.ravel, (0, 2)),
        ],
        "transpose": [
            (np.transpose, C),
            (lambda x: np.transpose(x, (-1, 0, 1)), C),
            (lambda x: x.T, A),
            (lambda x: x.transpose(1, 0, 2), C),
            (np.transpose, ()),
            (np.matrix_transpose, C),
            (np.permute_dims, A),
        ],
        "swapaxes": [(lambda x: np.swapaxes(x, 0, -1), C)],
        "moveaxis": [
            (lambda x: np.moveaxis(x, 0, -1), C),
            (lambda x: np.moveaxis(x, (0, 2), (1, 0)), C),
            (lambda x: np.moveaxis(x, [-1, -2], [0, 1]), C),
            (lambda x: np.moveaxis(x, (), ()), C),
        ],
        "rollaxis": [
            (lambda x: np.rollaxis(x, 2), C),
            (lambda x: np.rollaxis(x, 0, 3), C),
            (lambda x: np.rollaxis(x, -1, 1), C),
            (lambda x: np.rollaxis(x, 1, -1), C),
            (lambda x: np.rollaxis(x, 0, -3), C),
        ],
        "block": [
            (lambda x, y: np.block([[x, y], [y, x]]), A, A),
            (lambda x: np.block([x[0], np.ones(2), 3.0]), A),
            (lambda x: np.block([[x, np.zeros((2, 1))], [x[0], 1.0]]), A),
            (lambda x, y: np.block([[[x]], [[y]]]), A, (2, 2, 3)),
            (np.block, A),
        ],
        "unstack": [(lambda x, n=n: LATER.unstack(x, axis=n), C) for n in (0, 1, -1) if hasattr(np, "unstack")],
        "squeeze": [
            (np.squeeze, B),
            (lambda x: np.squeeze(x, 1), B),
            (lambda x: np.squeeze(x, (-2,)), B),
            (np.squeeze, (1,)),
        ],
        "expand_dims": [(lambda x: np.expand_dims(x, -1), A), (lambda x: np.expand_dims(x, (0, 2)), A)],
        "broadcast_to": [
            (lambda x: np.broadcast_to(x, (4, 2, 3)), (2, 1)),
            (lambda x: np.broadcast_to(x, (0, 3)), (3,)),
        ],
        "broadcast_arrays": [
            (lambda x, y: np.broadcast_arrays(x, y), (2, 1), (3,)),
            (lambda x, y: np.broadcast_arrays(x, y), (), (2, 2)),
        ],
        "atleast": [(f, shape) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d) for shape in ((), (3,), A, C)]
        + [(lambda x, y: np.atleast_2d(x, y), (), (3,))],
        "concatenate": [
            (lambda x, y: np.concatenate([x, y]), A, (0, 3)),
            (lambda x, y: np.concatenate((x, y), axis=-1), A, (2, 1)),
            (lambda x, y: np.concatenate((x, y), axis=None), A, C),
            (lambda x: np.concatenate([x, np.ones((1, 3))]), A),
            (lambda x: np.concatenate([x]), A),
            (np.concatenate, C),
            (lambda x, y: np.concat([x, y, x], 1), A, A),
        ],
        "stack": [
            (lambda x, y: np.stack([x, y]), A, A),
            (lambda x, y: np.stack([x, y], axis=-1), A, A),
            (lambda x, y: np.stack([x, 2.0, y]), (), ()),
            (np.stack, C),
        ],
        "vstack": [(lambda x, y: np.vstack([x, y]), (3,), A), (lambda x, y: np.vstack((x, y)), (), ())],
        "hstack": [(lambda x, y: np.hstack([x, y]), A, (2, 1)), (lambda x, y: np.hstack([x, y]), (2,), ())],
        "dstack": [(lambda x, y: np.dstack([x, y]), A, C), (lambda x, y: np.dstack([x, y]), (3,), (3,))],
        "column_stack": [
            (lambda x, y: np.column_stack([x, y]), (2,), A),
            (lambda x, y: np.column_stack([x, y]), (), ()),
        ],
        "append": [(lambda x, y: np.append(x, y), A, (3,)), (lambda x: np.append(x, [[1, 2, 3]], axis=0), A)],
        "split": [
            (lambda x: np.split(x, 2), (4, 2)),
            (lambda x: np.split(x, [1, 3], axis=-1), (2, 4)),
            (lambda x: np.split(x, [3, 1], axis=1), (2, 4)),
            (lambda x: np.split(x, [-1, 9]), (3,)),
            (lambda x: np.array_split(x, 3), (5,)),
            (lambda x: np.array_split(x, 3, axis=1), (2, 2)),
            (lambda x: np.vsplit(x, 2), A),
            (lambda x: np.hsplit(x, 3), A),
            (lambda x: np.hsplit(x, [1]), (3,)),
            (lambda x: np.dsplit(x, 2), C),
        ],
        "tile": [
            (lambda x: np.tile(x, 2), A),
            (lambda x: np.tile(x, (2, 1, 3)), A),
            (lambda x: np.tile(x, (2,)), C),
            (lambda x: np.tile(x, (2, 2)), ()),
            (lambda x: np.tile(x, 0), A),
            (lambda x: np.tile(x, ()), A),
        ],
        "repeat": [
            (lambda x: np.repeat(x, 2), A),
            (lambda x: np.repeat(x, 2, axis=0), A),
            (lambda x: np.repeat(x, [1, 0, 2], axis=-1), A),
            (lambda x: np.repeat(x, [3], axis=1), A),
            (lambda x: np.repeat(x, 3), ()),
            (lambda x: x.repeat(0, 1), A),
        ],
        "roll": [
            (lambda x: np.roll(x, 1), A),
            (lambda x: np.roll(x, -1, axis=1), A),
            (lambda x: np.roll(x, (1, -2), axis=(0, 1)), A),
            (lambda x: np.roll(x, 1, axis=(0, 1)), A),
            (lambda x: np.roll(x, 5, axis=-1), (2, 0)),
        ],
        "rot90": [(lambda x, k=k: np.rot90(x, k), A) for k in (-1, 0, 1, 2, 3, 4)]
        + [(lambda x: np.rot90(x, 1, (2, 0)), C), (lambda x: np.rot90(x, axes=(1, 2)), C)],
        "flip": [
            (np.flip, C),
            (lambda x: np.flip(x, 0), C),
            (lambda x: np.flip(x, (0, -1)), C),
            (np.flip, ()),
            (np.fliplr, A),
            (np.flipud, A),
        ],
        "pad": [
            (lambda x: np.pad(x, 1), A),
            (lambda x: np.pad(x, (1, 2)), A),
            (lambda x: np.pad(x, ((1, 0), (0, 2)), constant_values=((1, 2), (3, 4))), A),
            (lambda x: np.pad(x, ((1,), (2,))), A),
            (lambda x: np.pad(x, 2), (0, 2)),
            *[(lambda x, m=m: np.pad(x, ((1, 2), (5, 0)), m), A) for m in COPYING],
            *[(lambda x, m=m: np.pad(x, 3, mode=m), (1,)) for m in COPYING],
            (lambda x: np.pad(x, 0, "edge"), A),
        ],
        "diagonal": [
            (np.diagonal, A),
            (lambda x: np.diagonal(x, 1), A),
            (lambda x: np.diagonal(x, -1), A),
            (lambda x: np.diagonal(x, 9), A),
            (lambda x: np.diagonal(x, -1, 2, 0), C),
            (lambda x: x.diagonal(axis1=-1, axis2=-2), C),
        ],
        "diag": [(lambda x, k=k, s=s: np.diag(x, k), s) for k in (-4, -1, 0, 1, 2) for s in ((3,), A)]
        + [(np.diag, (0,))],
        "diagflat": [(np.diagflat, A), (lambda x: np.diagflat(x, -1), (2,)), (np.diagflat, ())],
        "triangles": [(f, s) for f in (np.tril, np.triu) for s in (A, C, (3,), (0, 2))]
        + [(lambda x, f=f, k=k: f(x, k), (3, 4)) for f in (np.tril, np.triu) for k in (-2, 1, 9)],
        "meshgrid": [
            (lambda x, y: np.meshgrid(x, y), (2,), (3,)),
            (lambda x, y: np.meshgrid(x, y, indexing="ij"), (2,), (3,)),
            (lambda x, y, z: np.meshgrid(x, y, z, sparse=True), (2,), (3,), ()),
            (lambda x: np.meshgrid(x), (2,)),
        ],
        "resize": [
            (lambda x: np.resize(x, (3, 3)), A),
            (lambda x: np.resize(x, 4), A),
            (lambda x: np.resize(x, (2, 2)), (0,)),
        ],
        "insert": [
            (lambda x, y: np.insert(x, 1, y), A, ()),
            (lambda x, y: np.insert(x, 1, y, axis=0), A, (3,)),
            (lambda x, y: np.insert(x, 1, y, axis=1), A, (2,)),
            (lambda x, y: np.insert(x, 1, y, axis=-1), A, (4, 2)),
            (lambda x, y: np.insert(x, [1], y, axis=1), A, (2, 1)),
            (lambda x, y: np.insert(x, [0, 2, 2], y, axis=1), A, (2, 3)),
            (lambda x, y: np.insert(x, slice(0, 2), y), (3,), (2,)),
            (lambda x: np.insert(x, [0, -1], 7.0), (3,)),
        ],
        "delete": [
            (lambda x: np.delete(x, 1), A),
            (lambda x: np.delete(x, [0, -1], axis=1), A),
            (lambda x: np.delete(x, slice(None, None, 2), axis=0), (5,)),
            (lambda x: np.delete(x, [True, False, True], axis=1), A),
        ],
        "copy": [(np.copy, A), (lambda x: x.copy(), A)],
    }
)


@pytest.mark.parametrize(("f", "shapes"), FORMS)
def test_value_is_numpys(f: Callable[..., Any], shapes: Any) -> None:
    check_value(f, shapes)


@pytest.mark.parametrize(("f", "shapes"), FORMS)
def test_gradient_to_second_order(f: Callable[..., Any], shapes: Any) -> None:
    check_gradient(f, shapes)


@pytest.mark.parametrize(("f", "shapes"), FORMS)
def test_runs_on_symbols(f: Callable[..., Any], shapes: Any) -> None:
    check_symbols(f, shapes)


def test_what_is_like_a_tensor_is_plain() -> None:
    t = tg.Tensor(rand(2, 3), requires_grad=True, dtype=np.float32)
    for f in (np.zeros_like, np.ones_like):
        assert type(f(t)) is np.ndarray and f(t).dtype == np.float32 and f(t).shape == (2, 3)
    assert np.array_equal(np.full_like(t, 3), np.full((2, 3), 3, np.float32))


def test_full_like_gives_its_gradient_to_what_it_is_full_of() -> None:
    like, value = tg.Tensor(rand(2, 3), requires_grad=True, dtype=np.float32), tg.Tensor(2.0, requires_grad=True)
    full = np.full_like(like, value)
    assert np.array_equal(full.data, np.full((2, 3), 2, np.float32)) and full.dtype == np.float32
    full.sum().backward()
    assert value.grad.data == 6 and like.grad is None


def test_a_view_of_a_tensor_cannot_be_written_to() -> None:
    t = tg.Tensor(rand(2, 3), requires_grad=True)
    views: Any = (t.T, t.reshape(6), np.flip(t), t.diagonal(), np.broadcast_to(t, (4, 2, 3)))
    for view in views:
        assert not view.data.flags.writeable


@pytest.mark.parametrize(
    ("f", "kind", "words"),
    [
        (lambda t: np.reshape(t, (4, 2)), ValueError, ["reshape", "(2, 3)", "(4, 2)"]),
        (lambda t: np.reshape(t, 6, order="A"), ValueError, ["reshape", "'C' or 'F'", "'A'"]),
        (lambda t: np.moveaxis(t, 5, 0), ValueError, ["moveaxis", "source: axis 5", "(2, 3)"]),
        (lambda t: np.moveaxis(t, (0, 1), 0), ValueError, ["moveaxis", "same number of elements"]),
        (lambda t: np.transpose(t, (0, 1, 2)), ValueError, ["transpose", "axes don't match", "(2, 3)"]),
        (lambda t: np.squeeze(t, 0), ValueError, ["squeeze", "(2, 3)"]),
        (lambda t: np.broadcast_to(t, (2, 4)), ValueError, ["broadcast_to", "(2, 3)", "(2, 4)"]),
        (lambda t: np.hstack([t, np.ones((3, 4))]), ValueError, ["concatenate", "match", "(2, 3)", "(3, 4)"]),
        (lambda t: np.concatenate([t, t[0]]), ValueError, ["concatenate", "same number", "(2, 3)", "(3,)"]),
        (lambda t: np.concatenate([t], axis=2), ValueError, ["concatenate", "axis 2", "(2, 3)"]),
        (lambda t: np.stack([t, t[0]]), ValueError, ["stack", "one shape", "(2, 3)", "(3,)"]),
        (lambda t: np.split(t, 2, axis=1), ValueError, ["split", "equal division", "(2, 3)", "axis: 1"]),
        (lambda t: np.dsplit(t, 2), ValueError, ["dsplit", "3 or more dimensions", "(2, 3)"]),
        (lambda t: np.pad(t, 1, mode="empty"), ValueError, ["pad", "'empty'", "'edge'"]),
        (lambda t: np.pad(t, -1), ValueError, ["pad", "negative"]),
        (lambda t: np.pad(t, 1, constant_values=t[0, 0]), TypeError, ["pad", "no gradient flows"]),
        (lambda t: np.diag(t[None]), ValueError, ["diag", "(1, 2, 3)", "one axis or two"]),
        (lambda t: np.meshgrid(t[0], indexing=ODD), ValueError, ["meshgrid", "'yx'"]),
        (lambda t: np.concatenate([t, t], out=np.empty((4, 3))), TypeError, ["concatenate", "out"]),
        (lambda t: np.hstack([t, t], dtype=int), TypeError, ["concatenate", "cannot be cast", "'same_kind'"]),
    ],
)
def test_an_error_says_what_was_seen(f: Callable[..., Any], kind: type[Exception], words: list[str]) -> None:
    with pytest.raises(kind) as caught:
        f(tg.Tensor(rand(2, 3), requires_grad=True))
    for word in words:
        assert word in str(caught.value)


def test_numpys_functions_of_an_array_that_would_write_a_tensor_into_it_are_named() -> None:
    t = tg.Tensor(3.0, requires_grad=True)
    for f in (lambda: np.full_like(np.ones(3), t), lambda: np.nan_to_num(np.array([np.nan]), nan=t)):  # type: ignore
        with pytest.raises(TypeError, match=r"^np\.copyto: .*use np\.where, or np\.broadcast_to.* for np\.full_like"):
            f()


def test_blocks_that_do_not_nest_are_refused() -> None:
    t: Any = tg.Tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="block: all arrays must be nested in equally many lists, not in 1, 2"):
        np.block([t, [t]])
    with pytest.raises(ValueError, match="block: a list is empty"):
        np.block([[t], []])


def test_an_open_mesh_of_indices_is_plain_numpy() -> None:
    t: Any = tg.Tensor([0, 2])
    rows, columns = np.ix_(t, np.array([1]))
    assert np.array_equal(np.arange(9).reshape(3, 3)[rows, columns], [[1], [7]])


@pytest.mark.parametrize("mode", ["mean", "median", "maximum", "minimum", "linear_ramp"])
@pytest.mark.parametrize("width", [1, ((2, 1), (0, 3)), ((0, 0), (5, 0))], ids=str)
@pytest.mark.parametrize("setting", [{}, {"stat_length": 2}, {"end_values": ((1.0, -2.0), (0.5, 7.0))}], ids=str)
def test_frames_of_statistics_and_ramps(mode: str, width: Any, setting: dict[str, Any]) -> None:
    if ("end_values" in setting) != (mode == "linear_ramp") and setting:
        return
    x = np.random.default_rng(0).normal(size=(3, 4))
    pad: Any = np.pad
    np.testing.assert_allclose(pad(tg.Tensor(x), width, mode, **setting), pad(x, width, mode, **setting), rtol=1e-14)
    assert tg.gradcheck(lambda x: pad(x, width, mode, **setting), x)
    whole = np.arange(12).reshape(3, 4) - 5
    np.testing.assert_array_equal(pad(tg.Tensor(whole), width, mode, **setting), pad(whole, width, mode, **setting))
    with pytest.raises(ValueError, match=r"^pad: axis 1 is empty"):
        pad(tg.Tensor(np.zeros((2, 0))), 1, mode)


@pytest.mark.skipif(not hasattr(np, "astype"), reason="np.astype came with NumPy 2.1")
def test_astype_as_a_function() -> None:
    x = tg.Tensor([1.5, 2.5], requires_grad=True)
    function: Any = np.astype
    y = function(x, np.float32)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad is not None and x.grad.dtype == np.float64


def test_what_is_put_together_may_be_cast() -> None:
    t = tg.Tensor(rand(2, 3), requires_grad=True)
    both: Any = np.vstack([t, t], dtype=np.float32)
    assert both.dtype == np.float32 and both.shape == (4, 3)
    both.sum().backward()
    np.testing.assert_array_equal(t.grad.data, np.full((2, 3), 2.0))
    whole: Any = np.concatenate([t, t], dtype=int, casting="unsafe")
    assert whole.dtype == int and not whole.requires_grad
