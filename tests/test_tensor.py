"""Tensor is used as an ndarray is: its attributes, methods, operators and NumPy's protocols, and what it refuses."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

A = np.array([[3.0, 1.0, 2.0], [5.0, 4.0, 6.0]])
V = np.array([1.0, 2.0, 3.0])
BOTH_WAYS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow,
]  # fmt: skip
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


def leaf(x: Any, dtype: Any = np.float64) -> Any:
    return tg.Tensor(x, requires_grad=True, dtype=dtype)


def value(x: Any) -> Any:
    return x.data if isinstance(x, tg.Tensor) else x


# --------------------------------------------------------------------------------------------------- construction


@pytest.mark.parametrize("data", [1.5, 2, True, [1, 2.0], ((1, 2), (3, 4)), V, np.float32(3), range(3), []], ids=repr)
def test_shape_and_dtype_are_those_of_np_array(data: Any) -> None:
    t, a = tg.Tensor(data), np.array(data)
    assert (t.shape, t.ndim, t.size, t.dtype) == (a.shape, a.ndim, a.size, a.dtype)
    np.testing.assert_array_equal(t.data, a)


def test_a_numpy_array_is_copied_and_held_read_only() -> None:
    a = V.copy()
    t = tg.Tensor(a)
    a[0] = 9
    assert t.data[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        t.data[0] = 9


def test_a_read_only_view_of_a_writable_array_is_copied_too() -> None:
    a = V.copy()
    view = a[:]
    view.setflags(write=False)
    t = tg.Tensor(view)
    a[0] = 9
    assert t.data[0] == 1


def test_scalars_stay_numpy_scalars() -> None:
    x = leaf(2.0)
    for t in (x, x * 3, np.exp(x), leaf(V).sum(), leaf(V)[0], x + np.array(1.0)):
        assert type(t.data) is np.float64


@pytest.mark.parametrize("data", [1, True, [1, 2], 1j])
def test_only_floats_can_require_a_gradient(data: Any) -> None:
    with pytest.raises(TypeError, match=r"requires_grad: a tensor of dtype .* has no gradient"):
        tg.Tensor(data, requires_grad=True)
    assert tg.Tensor(1, requires_grad=True, dtype=np.float16).dtype == np.float16


def test_several_tensors_in_a_list_are_pointed_to_stack() -> None:
    with pytest.raises(TypeError, match=r"np\.stack"):
        tg.Tensor([leaf(1.0), leaf(2.0)])
    assert tg.Tensor([tg.Tensor(1.0), tg.Tensor(2.0)]).data.tolist() == [1, 2]


def test_leaf_data_can_be_rebound_and_nothing_else() -> None:
    t = leaf(V)
    t.data = [4, 5, 6]
    assert t.data.tolist() == [4, 5, 6]
    assert t.dtype == np.float64
    with pytest.raises(ValueError, match="cannot hold shape"):
        t.data = [4.0]
    with pytest.raises(RuntimeError, match="result of multiply"):
        (t * 2).data = V
    with pytest.raises(AttributeError):
        t.no_such_attribute = 1


def test_requires_grad_is_for_leaves() -> None:
    t = tg.Tensor(V)
    assert t.requires_grad_() is t
    assert t.requires_grad
    with pytest.raises(RuntimeError, match="result of multiply"):
        (t * 2).requires_grad_(False)
    assert not (t.requires_grad_(False) * 2).requires_grad


def test_item_numpy_detach() -> None:
    t = leaf(V, np.float32)
    assert t[1].item() == 2.0
    assert type(t[1].item()) is float
    assert leaf([[7.0]]).item() == 7
    with pytest.raises(ValueError, match=r"item: .*shape \(3,\)"):
        t.item()
    assert t.item(-1) == 3 and leaf([[1.0, 2.0], [3.0, 4.0]]).item(1, 0) == 3
    with pytest.raises(IndexError):
        t.item(3)
    assert tg.Tensor([1 + 2j]).real.data.tolist() == [1.0]
    assert t.real is t and t.itemsize == 4 and t.nbytes == t.data.nbytes == 12
    assert t.numpy() is t.data
    assert type(t[0].numpy()) is np.ndarray
    assert t.tolist() == [1, 2, 3]
    assert (t * t.detach()).parents().__next__() is t
    assert not t.detach().requires_grad


# ------------------------------------------------------------------------------------------------------ operators


@pytest.mark.parametrize(
    "other", [2, 2.0, np.float64(2), np.float32(2), np.array(2.0), V, V.tolist(), (1, 2, 3), A[:, :1]], ids=repr
)
@pytest.mark.parametrize("f", BOTH_WAYS, ids=lambda f: f.__name__)
def test_operators_take_whatever_ndarrays_do(f: Callable[..., Any], other: Any) -> None:
    x = leaf(A)
    for out, expected in ((f(x, other), f(A, other)), (f(other, x), f(other, A))):
        assert isinstance(out, tg.Tensor)
        assert out.requires_grad
        assert out.dtype == expected.dtype
        np.testing.assert_array_equal(out.data, expected)


@pytest.mark.parametrize("f", BOTH_WAYS, ids=lambda f: f.__name__)
def test_operators_on_scalars(f: Callable[..., Any]) -> None:
    for a, b in (
        (leaf(5.0), 2),
        (5, leaf(2.0)),
        (leaf(5.0), leaf(2.0)),
        (leaf(5.0), np.int64(2)),
        (np.float64(5), leaf(2.0)),
    ):
        out = f(a, b)
        assert out.item() == f(5.0, 2.0)
        out.backward()


@pytest.mark.parametrize("f", BOTH_WAYS, ids=lambda f: f.__name__)
def test_scalar_and_list(f: Callable[..., Any]) -> None:
    """A number times a list repeats the list in Python; beside a tensor a list is an array."""
    for scalar in (tg.Tensor(3), leaf(3.0)):
        np.testing.assert_array_equal(f(scalar, [1, 2]).data, f(np.array(scalar.data), np.array([1, 2])))
        np.testing.assert_array_equal(f([1, 2], scalar).data, f(np.array([1, 2]), np.array(scalar.data)))


def test_tensors_inside_a_list_keep_their_gradient() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (V[:2] * (leaf([1.0, 1.0]) * [x, [y][0]])).sum().backward()
    assert x.grad.item() == 1
    assert y.grad.item() == 2
    np.add([x, 1.0], leaf(V[:2])).sum().backward()
    assert x.grad.item() == 2


def test_matmul_both_ways() -> None:
    x = leaf(V)
    assert (A @ x).data.tolist() == (A @ V).tolist()
    assert (x @ A.T).data.tolist() == (V @ A.T).tolist()
    assert (A.tolist() @ x).data.tolist() == (A @ V).tolist()
    assert (x @ x).item() == 14


def test_unary_operators() -> None:
    x = leaf([-1.5, 2.5])
    assert (-x).data.tolist() == [1.5, -2.5]
    assert (+x).data.tolist() == [-1.5, 2.5]
    assert abs(x).data.tolist() == [1.5, 2.5]
    assert round(x).data.tolist() == [-2, 2]
    assert round(leaf(1.26), 1).item() == 1.3


def test_in_place_operators_rebind_the_name() -> None:
    x = leaf(V)
    y = x * 1
    before = y
    y += 1
    y *= x
    y -= 1
    y /= 2
    y **= 2
    assert before.data.tolist() == V.tolist()
    assert y.data.tolist() == ((((V + 1) * V - 1) / 2) ** 2).tolist()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, ((V + 1) * V - 1) / 2 * (2 * V + 1))
    m = leaf(np.eye(3))
    m @= A.T
    assert m.shape == (3, 2)


def test_an_array_cannot_be_changed_in_place_by_a_tensor() -> None:
    a = V.copy()
    with pytest.raises(TypeError, match=r"np\.add: .*write a = a \+ t"):
        a += leaf(V)
    with pytest.raises(TypeError, match=r"np\.multiply: .*cut"):
        np.multiply(a, leaf(V), out=a)
    with pytest.raises(TypeError, match="requires a gradient"):
        a[:] = leaf(V)
    assert a.tolist() == V.tolist()


def test_an_element_cannot_be_set() -> None:
    with pytest.raises(TypeError, match=r"never changes; make a new one with np\.where"):
        leaf(V)[0] = 1


@pytest.mark.parametrize("other", [2.0, V, V.tolist(), np.float64(2), tg.Tensor(V), leaf(2.0)], ids=repr)
@pytest.mark.parametrize("f", COMPARISONS, ids=lambda f: f.__name__)
def test_comparisons_are_plain_numpy(f: Callable[..., Any], other: Any) -> None:
    for out, expected in ((f(leaf(A), other), f(A, value(other))), (f(other, leaf(A)), f(np.asarray(value(other)), A))):
        assert type(out) is np.ndarray
        np.testing.assert_array_equal(out, expected)
    assert type(f(leaf(1.0), 2.0)) is np.bool_


def test_equality_with_what_is_no_array() -> None:
    assert not (leaf(V) == None).any()  # noqa: E711
    assert not (leaf(V) == "a").any()
    assert (leaf(V) != "a").all()


def test_boolean_operators_of_masks() -> None:
    mask = np.array([True, False])
    t = tg.Tensor(mask)
    assert (t & [True, True]).tolist() == (mask & t).tolist() == [True, False]
    assert (t | mask).tolist() == [True, False]
    assert (mask ^ t).tolist() == [False, False]
    assert (~t).tolist() == [False, True]


def test_len_iteration_membership() -> None:
    x = leaf(A)
    assert len(x) == 2
    assert [row.data.tolist() for row in x] == A.tolist()
    a, b, c = x[0]
    (a * b + c).backward()
    assert x.grad.data[0].tolist() == [1, 3, 1]
    assert 3.0 in x
    assert 7.0 not in x
    assert [i.item() for i in reversed(leaf(V))] == [3, 2, 1]
    assert sum(leaf(V)).item() == 6
    assert max(leaf(V)).item() == 3
    for f in (len, iter):
        with pytest.raises(TypeError, match="without axes"):
            f(leaf(1.0))


def test_numbers_of_one_element() -> None:
    assert (float(leaf([2.5])), int(leaf([[2.5]])), bool(leaf(0.0)), bool(leaf([3.0]))) == (2.5, 2, False, True)
    assert [10, 20, 30][tg.Tensor(1)] == 20
    assert f"{leaf(2.0):.3f}" == "2.000"
    for f in (float, int):
        with pytest.raises(ValueError, match="one element"):
            f(leaf(V))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(leaf(V))
    with pytest.raises(TypeError):
        operator.index(leaf(1.0))


def test_a_tensor_is_hashed_by_identity() -> None:
    x, y = leaf(1.0), leaf(1.0)
    assert {x: 1, y: 2}[x] == 1


def test_an_operator_on_nonsense_names_the_op() -> None:
    with pytest.raises(ValueError, match=r"add: .*x: shape \(3,\) float64, y: shape \(2,\) float64"):
        leaf(V) + leaf(V[:2])
    with pytest.raises(TypeError, match="add: "):
        leaf(V) + "a"
    with pytest.raises(TypeError, match="multiply: "):
        leaf(V) * None
    with pytest.raises(ValueError, match=r"power: Integers to negative integer powers"):
        tg.Tensor([1, 2]) ** -1


# -------------------------------------------------------------------------------------------------------- methods


METHODS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("all", (), {}), ("any", (1,), {}), ("argmax", (), {"axis": 1}), ("argmin", (0,), {}),
    ("argsort", (), {"axis": 0}), ("argpartition", (1,), {}), ("clip", (2, 4), {}), ("clip", (), {"min": 2}),
    ("compress", ([True, False],), {"axis": 0}), ("conj", (), {}), ("conjugate", (), {}), ("copy", (), {}),
    ("cumprod", (1,), {}), ("cumsum", (), {"axis": -1}), ("diagonal", (), {"offset": 1}), ("dot", (V,), {}),
    ("flatten", (), {}), ("flatten", ("F",), {}), ("max", (1,), {}), ("mean", (), {"axis": (0, 1), "keepdims": True}),
    ("min", (), {"axis": 0}), ("nonzero", (), {}), ("prod", (-1,), {}), ("ravel", (), {}),
    ("repeat", (2,), {"axis": 1}), ("reshape", (3, 2), {}), ("reshape", ((3, -1),), {"order": "F"}),
    ("round", (1,), {}), ("squeeze", (), {}), ("std", (), {"ddof": 1}), ("sum", (0,), {}), ("swapaxes", (0, 1), {}),
    ("take", ([0, 2],), {"axis": 1}), ("take", ([0, 5],), {}), ("tolist", (), {}), ("trace", (), {}),
    ("transpose", (), {}), ("transpose", (1, 0), {}), ("transpose", ((1, 0),), {}), ("var", (0,), {"keepdims": True}),
    ("astype", (np.float32,), {}), ("astype", (np.float32,), {"copy": False}), ("item", (), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), METHODS, ids=str)
def test_methods_are_ndarrays(name: str, args: Any, kwargs: Any) -> None:
    a = A[:1, :1] if name == "item" else A
    out, expected = getattr(leaf(a), name)(*args, **kwargs), getattr(a, name)(*args, **kwargs)
    for o, e in zip(*([out], [expected]) if not isinstance(expected, tuple) else (out, expected)):
        np.testing.assert_array_equal(value(o), e)
        assert getattr(o, "dtype", None) == getattr(e, "dtype", None)


def test_methods_of_sorting_return_what_ndarrays_write_in_place() -> None:
    np.testing.assert_array_equal(leaf(A).sort().data, np.sort(A))
    np.testing.assert_array_equal(leaf(A).sort(axis=0).data, np.sort(A, axis=0))
    assert leaf(V[::-1].copy()).partition(1).data[1] == 2
    assert np.asarray(value(tg.Tensor([1, 0, 1]).choose([V, 2 * V]))).tolist() == [2, 2, 6]


def test_methods_that_take_the_tensor_as_something_else_than_the_first_operand() -> None:
    assert leaf(V).searchsorted(2.5) == 2
    assert leaf(A).ptp().item() == 5


def test_transposes() -> None:
    x = leaf(np.ones((2, 3, 4)))
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "prod", "cumsum", "take", "reshape", "clip", "sort", "dot"])
def test_methods_have_the_name_and_the_documentation(name: str) -> None:
    method = getattr(tg.Tensor, name)
    assert method.__name__ == name
    assert method.__doc__


# ---------------------------------------------------------------------------------------------- NumPy's protocols


def test_a_function_without_a_rule_is_named() -> None:
    for f, name in ((np.roots, "roots"), (np.gcd, "gcd"), (np.fft.fft, r"fft\.fft"), (np.histogram, "histogram")):
        args = (leaf(V), 1) if f is np.gcd else (leaf(V),)
        with pytest.raises(TypeError, match=rf"np\.{name}: no rule for a Tensor.*tg\.op.*t\.data"):
            f(*args)


def test_an_array_is_not_made_of_a_tensor_that_requires_a_gradient() -> None:
    for f in (np.asarray, np.array, np.testing.assert_allclose, V.dot, np.vectorize(abs)):
        with pytest.raises(TypeError, match=r"use t\.detach\(\)"):
            f(*([leaf(V), V] if f is np.testing.assert_allclose else [leaf(V)]))
    assert np.asarray(leaf(V).detach()).tolist() == V.tolist()
    assert np.asarray(tg.Tensor(V), dtype=np.float32).dtype == np.float32


def test_ufunc_methods_that_have_a_name_of_their_own_work() -> None:
    x, y = leaf(A), leaf(V)
    for f in (np.add, np.multiply, np.maximum, np.minimum):
        np.testing.assert_array_equal(f.reduce(x).data, f.reduce(A))
        np.testing.assert_array_equal(f.reduce(x, axis=None, keepdims=True).data, f.reduce(A, axis=None, keepdims=True))
        tg.gradcheck(lambda t, f=f: f.reduce(t, axis=1), A)
    for f in (np.add, np.multiply):
        np.testing.assert_array_equal(f.accumulate(x, axis=1).data, f.accumulate(A, axis=1))
    np.testing.assert_array_equal(np.subtract.outer(y, x).data, np.subtract.outer(V, A))
    tg.gradcheck(np.multiply.outer, V, A)
    assert np.logical_and.reduce(y) == np.True_
    for refused in (
        lambda: np.add.at(V.copy(), 0, y),
        lambda: np.add.reduceat(y, [0]),
        lambda: np.subtract.accumulate(y),
    ):
        with pytest.raises(TypeError, match=r"no rule for a Tensor; use np\.sum"):
            refused()


@pytest.mark.parametrize("keyword", ["where", "dtype", "casting", "order", "subok"])
def test_keywords_of_ufuncs_are_refused_in_a_sentence(keyword: str) -> None:
    with pytest.raises(TypeError, match=rf"np\.add: {keyword}= is not supported on a Tensor"):
        np.add(leaf(V), 1, **{keyword: np.float64 if keyword == "dtype" else True})  # type: ignore[call-overload]
    assert np.add(leaf(V), 1, out=None).data.tolist() == [2, 3, 4]


def test_out_of_what_has_no_derivative_is_numpys() -> None:
    out = np.zeros(3, bool)
    assert np.greater(leaf(V), 1, out=out) is out
    assert out.tolist() == [False, True, True]


def test_functions_that_point_and_count_are_plain() -> None:
    x = leaf(A)
    assert np.argsort(x, axis=1).tolist() == np.argsort(A, axis=1).tolist()
    assert np.shape(x) == (2, 3)
    assert np.allclose(x, A)
    assert np.array_equal(x, x)
    assert np.isin(x, [1.0, 2.0]).sum() == 2
    assert np.unique(x).tolist() == [1, 2, 3, 4, 5, 6]
    assert np.digitize(x, [2.5]).tolist() == np.digitize(A, [2.5]).tolist()
    assert np.result_type(x, np.float32) == np.float64
    assert x[np.argmax(x, axis=0), [0, 1, 2]].data.tolist() == [5, 4, 6]


def test_arguments_by_the_names_that_numpy_gives_them() -> None:
    assert np.sum(a=leaf(A), axis=1).shape == (2,)
    assert np.clip(a=leaf(A), a_min=2, a_max=3).data.max() == 3
    assert np.mean(a=leaf(A), keepdims=True, axis=1).shape == (2, 1)


def test_weak_numbers_and_strong_scalars() -> None:
    x = leaf(V, np.float32)
    assert (x * 2.0 + 1).dtype == np.float32
    assert (2.0 / x - 1).dtype == np.float32
    assert (x * np.float64(2)).dtype == np.float64  # as in NumPy 2
    (x * np.float64(2)).sum().backward()
    assert x.grad.dtype == np.float32


def test_a_cast_to_integers_ends_the_graph() -> None:
    x = leaf(V)
    assert not x.astype(int).requires_grad
    assert not x.astype(bool).requires_grad
    x.astype(np.float32).astype(np.float64).sum().backward()
    assert x.grad.data.tolist() == [1, 1, 1]


def test_complex_numbers_are_refused_on_the_way_back() -> None:
    with pytest.raises(TypeError, match="a complex gradient for an input of dtype float64"):
        (leaf(V) * 1j).sum().backward()


# ------------------------------------------------------------------------------------------------- copies and text


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["copy", "deepcopy", "pickle"]
)
def test_copies(duplicate: Callable[[Any], Any]) -> None:
    x = tg.Tensor(V, requires_grad=True, name="x")
    (x * x).sum().backward()
    y = duplicate(x)
    assert y is not x
    assert (y.data.tolist(), y.requires_grad, y.name, y.grad.data.tolist()) == (V.tolist(), True, "x", [2, 4, 6])
    (y * 2).sum().backward()
    assert x.grad.data.tolist() == [2, 4, 6]


def test_copies_of_a_result() -> None:
    x = leaf(V)
    (copy.copy(x * 3) * x).sum().backward()  # in the same graph
    np.testing.assert_array_equal(x.grad.data, 6 * V)
    with pytest.raises(TypeError, match=r"^deepcopy: .* result of multiply.* detach\(\)"):
        copy.deepcopy({"last": x * 3})
    pickled = pickle.loads(pickle.dumps(x * 2))
    assert (pickled.requires_grad, pickled.op) == (False, None)
    for duplicate in (copy.copy, copy.deepcopy):
        constant: Any = duplicate(x.detach() * 2)
        assert (constant.requires_grad, constant.data.tolist()) == (False, (2 * V).tolist())


def test_a_copy_by_numpy_is_an_op() -> None:
    x = leaf(V)
    np.copy(x).sum().backward()
    x.copy().sum().backward()
    assert x.grad.data.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (tg.Tensor(2.0), "Tensor(2.)"),
        (tg.Tensor([1, 2]), "Tensor([1, 2])"),
        (tg.Tensor(V, dtype=np.float32), "Tensor([1., 2., 3.], dtype=float32)"),
        (tg.Tensor(V, requires_grad=True, name="w"), "Tensor([1., 2., 3.], name='w', requires_grad=True)"),
        (leaf(V) * 2, "Tensor([2., 4., 6.], op=multiply)"),
        (tg.Tensor([]), "Tensor([])"),
        (tg.Tensor(np.zeros((0, 3))), "Tensor([], shape=(0, 3))"),
        (tg.Tensor(np.eye(2)), "Tensor([[1., 0.],\n        [0., 1.]])"),
        (tg.Tensor(np.zeros(5000)), "Tensor([0., 0., 0., ..., 0., 0., 0.])"),
        (tg.Tensor(np.array(["a", None], object)), "Tensor(['a', None], dtype=object)"),
    ],
    ids=str,
)
def test_repr(t: Any, text: str) -> None:
    assert repr(t) == str(t) == f"{t}" == text


# ------------------------------------------------------------------------------------------- arrays of other kinds


def test_what_only_turns_into_an_array_becomes_one() -> None:
    class Column:  # as a column of a table is: it has ufuncs, but is no array
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return V

        def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    assert type(tg.Tensor(Column()).data) is np.ndarray


def test_data_of_a_complex_tensor_takes_another_complex_dtype() -> None:
    t = tg.Tensor(np.ones(2, np.complex128))
    t.data = np.array([1j, 2], np.complex64)
    assert t.dtype == np.complex128
    np.testing.assert_array_equal(t.data, [1j, 2])
    with pytest.raises(TypeError, match="cannot hold complex numbers"):
        tg.Tensor([1.0, 2.0]).data = t.data


# ------------------------------------------------------------------------------- numbers taken out, and other operands


@pytest.mark.parametrize(
    "f",
    [
        lambda x: float(x[0]),
        lambda x: int(x[0]),
        lambda x: math.sqrt(np.sum(x**2)) * x[0],
        lambda x: np.array([x[0], 2.0])[0] * x[0],
        lambda x: np.fromiter(x, float).sum(),
        lambda x: written(np.zeros((2, 2)), (0, 1), x[0]).sum(),
        lambda x: written(np.zeros(3), slice(None), x).sum(),
        lambda x: np.sum(np.ones(3), initial=x[0]),
    ],
    ids=["float", "int", "math", "array", "fromiter", "setitem", "slice", "initial"],
)
def test_a_number_taken_out_of_what_is_differentiated_is_refused(f: Callable[[Any], Any]) -> None:
    x = np.array([0.3, 0.7, 1.1])
    for derive in (
        tg.grad(f), tg.value_and_grad(f), tg.jacobian(f), tg.hessian(f), lambda x: tg.vjp(f, x),
        lambda x: tg.jvp(f, [x], [x]), lambda x: tg.hvp(f, [x], [x]),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=r"gradient|requires a gradient|no gradient flows|graph would be cut"):
            derive(x)


def written(a: Any, index: Any, value: Any) -> Any:
    a[index] = value
    return a


def test_a_number_may_be_taken_out_where_it_is_meant() -> None:
    x = leaf(2.0)
    assert float(x * 2) == 4.0
    assert tg.grad(lambda x: x * x.item())(2.0) == 2.0

    def printing(x: Any) -> Any:
        with tg.no_grad():
            assert float(x * 2) == 4.0
        return x * x * float(tg.Tensor(1.0))

    assert tg.grad(printing)(2.0) == 4.0


def test_an_object_array_of_tensors_is_one_tensor() -> None:
    a, t = np.empty((2, 1), object), leaf(3.0)
    a[0, 0], a[1, 0] = t, 2.0
    y: Any = leaf([[1.0], [1.0]]) * a
    y.sum().backward()
    assert (y.shape, t.grad.item()) == ((2, 1), 1.0)


@pytest.mark.parametrize(
    "other", [np.ma.masked_array([10.0, 20.0, 30.0], [True, False, False]), np.matrix([[1.0, 2.0, 3.0]])]
)
@pytest.mark.parametrize("f", [operator.add, operator.mul, np.multiply, np.maximum], ids=lambda f: f.__name__)
def test_arrays_that_calculate_otherwise_are_refused(f: Callable[..., Any], other: Any) -> None:
    for operands in ((leaf(V), other), (other, leaf(V))):
        with pytest.raises(TypeError, match=r"calculates by rules of its own: give np.asarray|requires a gradient"):
            f(*operands)


class Series:
    """As pandas has it: an array inside, NumPy's ufuncs, and no other protocol."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0, 2.0, 3.0])

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return NotImplemented


def test_a_series_is_an_array() -> None:
    x = leaf(V)
    for y in (x + Series(), x * Series(), np.add(x, Series())):
        assert type(y) is tg.Tensor
    (x * Series()).sum().backward()
    assert x.grad.data.tolist() == [1, 2, 3]


def test_no_memory_is_shared_with_its_owner() -> None:
    memory = bytearray(np.arange(3.0).tobytes())
    locked = np.arange(3.0)
    locked.setflags(write=False)
    base = np.arange(5.0)
    for a, owner in (
        (np.frombuffer(memory), np.frombuffer(memory)),
        (locked, locked),
        (np.lib.stride_tricks.sliding_window_view(base, 3)[0], base),
    ):
        kept, y = tg.Tensor(a), leaf(V) * a
        owner.setflags(write=True)
        owner.fill(7.0)
        assert kept.data.tolist() == [0, 1, 2]
        assert y.values[1].tolist() == [0, 1, 2]
