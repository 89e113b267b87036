"""Derivatives of functions agree with closed forms, nest, and keep the kind and form of what they were given."""

from __future__ import annotations

import functools
import gc
import pickle
import tracemalloc
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite.random import generator


def bump(x: Any) -> Any:
    return np.tanh(x) * np.exp(-x * x)


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x: Any) -> Any:
    """By hand: f = Σ 100 (xᵢ₊₁ - xᵢ²)² + (1 - xᵢ)²."""
    n = len(x)
    h = np.zeros((n, n))
    for i in range(n - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i + 1, i + 1] += 200
        h[i, i + 1] -= 400 * x[i]
        h[i + 1, i] -= 400 * x[i]
    return h


def test_four_times_nested_agrees_with_the_closed_form() -> None:
    # tanh = t, t' = 1 - t²; by Leibniz, with the Hermite polynomials of e^(-x²)
    x, t = 0.3, np.tanh(0.3)
    s = 1 - t * t
    tanh = [t, s, -2 * t * s, s * (6 * t * t - 2), s * t * (16 - 24 * t * t)]
    gauss = np.exp(-x * x) * np.array([1, -2 * x, 4 * x**2 - 2, -8 * x**3 + 12 * x, 16 * x**4 - 48 * x**2 + 12])
    expected = sum(c * tanh[4 - k] * gauss[k] for k, c in enumerate([1, 4, 6, 4, 1]))
    fourth = tg.grad(tg.grad(tg.grad(tg.grad(bump))))
    np.testing.assert_allclose(fourth(x), expected, rtol=1e-12)
    assert isinstance(fourth(x), np.floating)


def test_hessian_of_rosenbrock_in_20_dimensions() -> None:
    x = np.random.default_rng(0).standard_normal(20)
    hessian = tg.hessian(rosenbrock)(x)
    np.testing.assert_allclose(hessian, rosenbrock_hessian(x), rtol=1e-12, atol=1e-9)
    assert type(hessian) is np.ndarray
    v = np.random.default_rng(1).standard_normal(20)
    np.testing.assert_allclose(tg.hvp(rosenbrock, (x,), (v,)), rosenbrock_hessian(x) @ v, rtol=1e-10)


def test_hessian_vector_product_through_a_conv_net() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.standard_normal((3, 1, 6, 6)), np.array([0, 2, 1])
    weights = {
        "conv": rng.standard_normal((4, 1, 3, 3)),
        "bias": rng.standard_normal(4),
        "linear": rng.standard_normal((3, 16)) / 4,
    }
    along = {name: rng.standard_normal(w.shape) for name, w in weights.items()}

    def loss(w: Any) -> Any:
        x = F.max_pool2d(F.relu(F.conv2d(images, w["conv"], w["bias"])), 2)
        return F.cross_entropy(F.linear(x.reshape(3, 16), w["linear"]), labels)

    product = tg.hvp(loss, (weights,), (along,))
    step = 1e-6
    above, below = (tg.grad(loss)({n: w + s * step * along[n] for n, w in weights.items()}) for s in (1, -1))
    for name in weights:
        np.testing.assert_allclose(product[name], (above[name] - below[name]) / (2 * step), rtol=1e-5, atol=1e-8)


def test_inner_and_outer_derivatives_are_not_confused() -> None:
    # d/da (a · d/db (a + b)) = d/da a = 1
    assert tg.grad(lambda a: a * tg.grad(lambda b: a + b)(2.0))(3.0) == 1.0
    assert tg.grad(lambda a: a * tg.grad(lambda b: a * a * b * b)(2.0))(3.0) == 12 * 3.0**2
    assert tg.grad(lambda a: tg.grad(lambda b: a)(2.0) + a)(3.0) == 1.0
    assert tg.grad(lambda a: tg.grad(lambda b: b * b)(a))(3.0) == 2.0


@pytest.mark.parametrize("nest", [1, 2, 3])
def test_plain_in_plain_out(nest: int) -> None:
    f: Any = lambda a: a * tg.grad(lambda b: a * b * b)(2.0)
    for _ in range(nest):
        f = tg.grad(f)
    assert isinstance(f(3.0), np.floating)


def test_a_function_that_does_not_depend_on_its_argument_has_gradient_0() -> None:
    np.testing.assert_array_equal(tg.grad(lambda x: 3.0)(np.ones(2)), [0.0, 0.0])
    np.testing.assert_array_equal(tg.grad(lambda x, y: np.sum(y))(np.ones(2), np.ones(3)), [0.0, 0.0])
    np.testing.assert_array_equal(tg.jacobian(lambda x: np.ones(3))(np.ones(2)), np.zeros((3, 2)))


def test_argnum_and_the_other_arguments() -> None:
    def f(x: Any, y: Any, *, flag: str) -> Any:
        assert flag == "kept"
        return np.sum(x * y**2)

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    np.testing.assert_allclose(tg.grad(f, 1)(x, y, flag="kept"), 2 * x * y)
    np.testing.assert_allclose(tg.grad(f, -1)(x, y, flag="kept"), 2 * x * y)
    both = tg.grad(f, (0, 1))(x, y, flag="kept")
    assert isinstance(both, tuple)
    np.testing.assert_allclose(both[0], y**2)
    with pytest.raises(ValueError, match="argument number 2"):
        tg.grad(f, 2)(x, y, flag="kept")


def test_arguments_in_nested_containers() -> None:
    tree = {"a": np.array([1.0, 2.0]), "b": [np.array(3.0), (np.array([4.0]),)]}
    value, g = tg.value_and_grad(lambda p: np.sum(p["a"] ** 2) * p["b"][0] + p["b"][1][0][0] ** 3)(tree)
    assert value == 5 * 3 + 64
    np.testing.assert_allclose(g["a"], [6.0, 12.0])
    assert g["b"][0] == 5.0
    np.testing.assert_allclose(g["b"][1][0], [48.0])


def test_results_in_nested_containers() -> None:
    value, pull = tg.vjp(lambda x: {"square": x * x, "both": (x, 3.0)}, np.array([1.0, 2.0]))
    np.testing.assert_allclose(value["square"], [1.0, 4.0])
    np.testing.assert_allclose(pull({"square": np.ones(2), "both": (np.array([1.0, 0.0]), 0.0)}), [3.0, 4.0])
    rows = tg.jacobian(lambda x: (x * x, np.sum(x)))(np.array([1.0, 2.0]))
    np.testing.assert_allclose(rows[0], np.diag([2.0, 4.0]))
    np.testing.assert_allclose(rows[1], [1.0, 1.0])


@pytest.mark.parametrize("shapes", [((), ()), ((3,), (2,)), ((2, 3), (2, 1)), ((0,), (3,)), ((3,), (0,))])
def test_jacobian_has_the_results_shape_then_the_arguments(shapes: Any) -> None:
    inner, outer = shapes
    weights = np.random.default_rng(0).standard_normal((*outer, *inner))
    axes = list(range(-len(inner), 0))
    f = lambda x: np.sum(weights * np.tanh(x), axis=tuple(axes)) if axes else weights * np.tanh(x)
    x = np.random.default_rng(1).standard_normal(inner)
    found = tg.jacobian(f)(x)
    assert found.shape == (*outer, *inner)
    np.testing.assert_allclose(found, weights * (1 - np.tanh(x) ** 2))


def test_jvp_and_vjp_are_each_others_adjoint() -> None:
    rng = np.random.default_rng(0)
    a, x, y = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal(4)
    f = lambda x, y: np.tanh(a @ x) * y
    u, vx, vy = rng.standard_normal(4), rng.standard_normal(3), rng.standard_normal(4)
    value, moved = tg.jvp(f, (x, y), (vx, vy))
    _, pull = tg.vjp(f, x, y)
    ux, uy = pull(u)
    np.testing.assert_allclose(value, np.tanh(a @ x) * y)
    np.testing.assert_allclose(u @ moved, ux @ vx + uy @ vy)
    with pytest.raises(ValueError, match=r"vjp: needs shape \(4,\), got shape \(3,\)"):
        pull(np.ones(3))
    with pytest.raises(ValueError, match="jvp: needs 2 in a tuple or list, got"):
        tg.jvp(f, (x, y), (vx,))


def test_jvp_nests() -> None:
    second = tg.jvp(lambda x: tg.jvp(np.tanh, (x,), (1.0,))[1], (0.3,), (1.0,))[1]
    np.testing.assert_allclose(second, tg.grad(tg.grad(np.tanh))(0.3))


def test_elementwise_grad() -> None:
    x = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(tg.elementwise_grad(tg.elementwise_grad(np.exp))(x), np.exp(x))


def test_on_tensors_the_gradient_is_a_tensor_with_a_graph() -> None:
    x: Any = tg.Tensor([1.0, 2.0], requires_grad=True)
    g = tg.grad(lambda x: np.sum(x**3))(x)
    assert isinstance(g, tg.Tensor)
    assert not x.grad
    g.sum().backward()
    np.testing.assert_allclose(x.grad.data, [6.0, 12.0])


def test_a_gradient_penalty_reaches_the_parameters() -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    penalty = np.sum(tg.grad(lambda x: np.sum(np.tanh(x * w)))(np.array([0.3, 0.4])) ** 2)
    penalty.backward()
    assert tg.gradcheck(lambda w: np.sum(tg.grad(lambda x: np.sum(np.tanh(x * w)))(np.array([0.3, 0.4])) ** 2), w)
    assert w.grad.shape == (2,)


def test_inside_no_grad_the_derivative_is_right_and_has_no_graph() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    with tg.no_grad():
        g = tg.grad(lambda x: np.sum(x**3))(x)
        second = tg.grad(tg.grad(lambda x: x**3))(2.0)
    np.testing.assert_allclose(g.data, [3.0, 12.0])
    assert not g.requires_grad
    assert second == 12.0


def test_float32_stays_float32() -> None:
    x = np.ones(3, np.float32)
    assert tg.grad(lambda x: np.sum(np.tanh(x) * 2.0))(x).dtype == np.float32
    assert tg.hessian(lambda x: np.sum(np.tanh(x)))(x).dtype == np.float32
    assert tg.jvp(np.tanh, (x,), (np.ones(3),))[1].dtype == np.float32


def test_a_python_int_is_a_number_and_an_integer_array_is_refused() -> None:
    assert tg.grad(lambda x: x**2)(3) == 6.0
    with pytest.raises(TypeError, match="make it floating"):
        tg.grad(np.sum)(np.array([1, 2]))


def test_a_result_that_is_no_scalar_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has shape \(3,\), and only a scalar"):
        tg.grad(np.tanh)(np.ones(3))
    with pytest.raises(ValueError, match="returned 2 results"):
        tg.grad(lambda x: (x, x))(1.0)


def test_plain_results_are_the_callers_own() -> None:
    a, b = tg.grad(lambda a, b: np.sum(np.tanh(a + b)), (0, 1))(np.zeros(2), np.zeros(2))
    b /= 2
    assert a.tolist() == [1, 1]
    g = tg.grad(np.sum)(np.ones(3))
    g *= 0.1
    value, _ = tg.vjp(lambda x: x + 1, np.zeros(3))
    value += 1


@pytest.mark.parametrize("x", [np.zeros(3), tg.Tensor(np.zeros(3))])
def test_a_cotangent_stays_the_callers(x: Any) -> None:
    u = np.ones(3)
    g = tg.vjp(lambda x: x + 1, x)[1](u)
    u[0] = 5
    assert np.array(g.data if isinstance(g, tg.Tensor) else g).tolist() == [1, 1, 1]


def test_trees_are_matched_by_their_keys() -> None:
    assert tg.vjp(lambda x: {"a": 2 * x, "b": 3 * x}, 1.0)[1]({"b": 1.0, "a": 0.0}) == 3
    assert tg.jvp(lambda d: d["a"] * d["b"], ({"a": 2.0, "b": 3.0},), ({"b": 1.0, "a": 0.0},))[1] == 2
    product = tg.hvp(lambda d: d["a"] ** 2 * d["b"], ({"a": 2.0, "b": 3.0},), ({"b": 1.0, "a": 0.0},))
    assert product == {"a": 4.0, "b": 0.0}
    with pytest.raises(ValueError, match="hvp: needs a dict of 'a', got"):
        tg.hvp(lambda d: d["a"] ** 2, ({"a": 2.0},), ({"b": 1.0},))
    with pytest.raises(ValueError, match="jvp: needs 2 in a tuple"):
        tg.jvp(lambda x: x[0] * x[1], ((1.0, 2.0),), ((1.0,),))


def test_an_ordered_dict_stays_one() -> None:
    given = OrderedDict(b=1.0, a=2.0)
    assert tg.grad(lambda d: d["a"] * d["b"])(given) == OrderedDict(b=2.0, a=1.0)
    assert type(tg.grad(lambda d: d["a"])(given)) is OrderedDict


def test_a_forgotten_return_and_odd_argnums_are_named() -> None:
    with pytest.raises(TypeError, match="grad: the function returned None, no number: did it forget its return"):
        tg.grad(lambda x: None)(1.0)
    with pytest.raises(ValueError, match="an argument is asked for twice"):
        tg.grad(lambda x, y: x * y, (0, -2))(2.0, 3.0)
    assert tg.grad(lambda x, y: x * y, np.int64(1))(2.0, 3.0) == 2
    with pytest.raises(TypeError):
        tg.jacobian(lambda x, y: x * y, (0, 1))(2.0, 3.0)  # type: ignore[arg-type]


def test_a_gradient_of_zero_is_a_scalar_too() -> None:
    assert type(tg.grad(np.floor)(1.5)) is np.float64
    assert type(tg.grad(lambda x: x**0)(0.0)) is np.float64


class TestCheckpoint:
    def test_the_same_gradients_as_without(self) -> None:
        w = tg.Tensor([1.0, -0.5, 0.3], requires_grad=True)

        def block(x: Any) -> Any:
            return np.tanh(x * w) * w

        for f in (block, tg.checkpoint(block)):
            x = tg.Tensor([0.1, 0.2, 0.3], requires_grad=True)
            w.grad = None
            np.sum(f(f(x))).backward()
            if f is block:
                expected = x.grad, w.grad
        np.testing.assert_allclose(x.grad.data, expected[0].data)
        np.testing.assert_allclose(w.grad.data, expected[1].data)

    def test_to_third_order(self) -> None:
        assert tg.gradcheck(
            lambda x, w: tg.checkpoint(lambda x: np.tanh(x * w) * w)(x), np.ones(3), np.ones(3), order=3
        )

    def test_interior_arrays_are_not_kept(self) -> None:
        def deep(x: Any) -> Any:
            for _ in range(20):
                x = np.tanh(x)
            return x

        def kept(f: Any) -> int:
            x = tg.Tensor(np.ones(100_000), requires_grad=True)
            gc.collect()
            tracemalloc.start()
            out = f(x)
            size = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            assert out.requires_grad
            return size

        assert kept(deep) > 10 * kept(tg.checkpoint(deep))

    def test_a_parameter_rebound_in_between_is_refused(self) -> None:
        w = tg.Tensor(2.0, requires_grad=True)
        out = tg.checkpoint(lambda x: x * w)(tg.Tensor(3.0, requires_grad=True))
        w.data = w.data + 1
        with pytest.raises(RuntimeError, match="rebound"):
            out.backward()

    def test_random_numbers_are_drawn_again_as_they_were(self) -> None:
        x = tg.Tensor(np.ones(50), requires_grad=True)
        out = tg.checkpoint(lambda x: x * (generator.random(50) < 0.5))(x)
        after = generator.bit_generator.state
        out.backward(np.ones(50))
        np.testing.assert_array_equal(x.grad.data, out.data)
        assert generator.bit_generator.state == after

    def test_one_tensor_only(self) -> None:
        with pytest.raises(TypeError, match="must return one Tensor"):
            tg.checkpoint(lambda x: (x, x))(tg.Tensor(1.0, requires_grad=True))


def cube(x: Any) -> Any:
    return np.sum(x**3)


def test_derivatives_pickle_where_their_function_does() -> None:
    for derive in (tg.grad, tg.value_and_grad, tg.elementwise_grad, tg.jacobian, tg.hessian):
        f = derive(cube)
        g = pickle.loads(pickle.dumps(f))
        for one, other in zip(f(np.array([1.0, 2.0])), g(np.array([1.0, 2.0])), strict=True):
            np.testing.assert_array_equal(one, other)
        assert (g.__name__, g.__module__) == ("cube", cube.__module__)


def test_a_derivative_in_a_class_is_a_method() -> None:
    class Model:
        scale = 2.0

        @functools.partial(tg.grad, argnum=1)
        def slope(self, x: Any) -> Any:
            return self.scale * x**2

    assert Model().slope(3.0) == 12.0
