"""derive gives the tables that textbooks print, from the same ops that train a network."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite.graph import OPS

sympy = pytest.importorskip("sympy")
from tinygrad_lite.viz import derive  # noqa: E402

CONV = """
o₁₁ = x₁₁·w₁₁ + x₁₂·w₁₂ + x₂₁·w₂₁ + x₂₂·w₂₂
o₁₂ = x₁₂·w₁₁ + x₁₃·w₁₂ + x₂₂·w₂₁ + x₂₃·w₂₂
o₂₁ = x₂₁·w₁₁ + x₂₂·w₁₂ + x₃₁·w₂₁ + x₃₂·w₂₂
o₂₂ = x₂₂·w₁₁ + x₂₃·w₁₂ + x₃₂·w₂₁ + x₃₃·w₂₂

∂L/∂x₁₁ = ∂L/∂o₁₁·w₁₁
∂L/∂x₁₂ = ∂L/∂o₁₁·w₁₂ + ∂L/∂o₁₂·w₁₁
∂L/∂x₁₃ = ∂L/∂o₁₂·w₁₂
∂L/∂x₂₁ = ∂L/∂o₁₁·w₂₁ + ∂L/∂o₂₁·w₁₁
∂L/∂x₂₂ = ∂L/∂o₁₁·w₂₂ + ∂L/∂o₁₂·w₂₁ + ∂L/∂o₂₁·w₁₂ + ∂L/∂o₂₂·w₁₁
∂L/∂x₂₃ = ∂L/∂o₁₂·w₂₂ + ∂L/∂o₂₂·w₁₂
∂L/∂x₃₁ = ∂L/∂o₂₁·w₂₁
∂L/∂x₃₂ = ∂L/∂o₂₁·w₂₂ + ∂L/∂o₂₂·w₂₁
∂L/∂x₃₃ = ∂L/∂o₂₂·w₂₂

∂L/∂w₁₁ = ∂L/∂o₁₁·x₁₁ + ∂L/∂o₁₂·x₁₂ + ∂L/∂o₂₁·x₂₁ + ∂L/∂o₂₂·x₂₂
∂L/∂w₁₂ = ∂L/∂o₁₁·x₁₂ + ∂L/∂o₁₂·x₁₃ + ∂L/∂o₂₁·x₂₂ + ∂L/∂o₂₂·x₂₃
∂L/∂w₂₁ = ∂L/∂o₁₁·x₂₁ + ∂L/∂o₁₂·x₂₂ + ∂L/∂o₂₁·x₃₁ + ∂L/∂o₂₂·x₃₂
∂L/∂w₂₂ = ∂L/∂o₁₁·x₂₂ + ∂L/∂o₁₂·x₂₃ + ∂L/∂o₂₁·x₃₂ + ∂L/∂o₂₂·x₃₃
"""


def lines(derivation: Any) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in derivation.text().splitlines() if " = " in line)


def formulas(text: str) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in text.strip().splitlines() if line)


def test_conv2d_of_a_3_by_3_input_and_a_2_by_2_kernel() -> None:
    found = lines(derive(tg.conv2d, x=(3, 3), weight=(2, 2)))
    found.pop("out")
    assert found == formulas(CONV)


def test_conv2d_with_stride_2_and_padding_1() -> None:
    # The places of the window begin at -1 and 1 in both directions: o₁₁ sees x₁₁ with w₂₂ only.
    found = lines(derive(tg.conv2d, x=(3, 3), weight=(2, 2), stride=2, padding=1))
    assert found["o₁₁"] == "x₁₁·w₂₂"
    assert found["o₁₂"] == "x₁₂·w₂₁ + x₁₃·w₂₂"
    assert found["o₂₂"] == "x₂₂·w₁₁ + x₂₃·w₁₂ + x₃₂·w₂₁ + x₃₃·w₂₂"
    assert found["∂L/∂x₁₁"] == "∂L/∂o₁₁·w₂₂"
    assert found["∂L/∂x₃₃"] == "∂L/∂o₂₂·w₂₂"
    assert found["∂L/∂w₂₂"] == "∂L/∂o₁₁·x₁₁ + ∂L/∂o₁₂·x₁₃ + ∂L/∂o₂₁·x₃₁ + ∂L/∂o₂₂·x₃₃"
    assert found["∂L/∂w₁₁"] == "∂L/∂o₂₂·x₂₂"


def test_conv2d_of_two_channels() -> None:
    found = lines(derive(tg.conv2d, x=(2, 2, 2), weight=(1, 2, 2, 2), bias=(1,)))
    both = [f"x{c}{i}·w₁{c}{i}" for c in "₁₂" for i in ("₁₁", "₁₂", "₂₁", "₂₂")]
    assert found["o₁₁"] == " + ".join([*both, "b₁"])
    assert found["∂L/∂x₂₁₂"] == "∂L/∂o₁₁·w₁₂₁₂"
    assert found["∂L/∂w₁₂₁₂"] == "∂L/∂o₁₁·x₂₁₂"
    assert found["∂L/∂b₁"] == "∂L/∂o₁₁"


@pytest.mark.parametrize("static", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_the_tables_agree_with_numbers(static: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 3)), rng.standard_normal((2, 2))
    derivation = derive(tg.conv2d, x=(3, 3), weight=(2, 2), **static)
    expressions = derivation.sympy()
    tx, tw = (tg.Tensor(a[None, None], requires_grad=True) for a in (x, w))
    out = F.conv2d(tx, tw, **static)
    g = rng.standard_normal(out.shape[2:])
    out.backward(g[None, None])
    numbers = {
        f"{name}{i + 1}{j + 1}": a[i, j]
        for name, a in (("x", x), ("w", w), ("∂L/∂o", g))
        for i, j in np.ndindex(a.shape)
    }

    def put_in(a: Any) -> Any:
        return np.vectorize(lambda e: float(e.subs({s: numbers[s.name] for s in e.free_symbols})), otypes=[float])(a)

    np.testing.assert_allclose(put_in(expressions["o"]), out.data[0, 0])
    np.testing.assert_allclose(put_in(expressions["∂L/∂x"]), tx.grad.data[0, 0])
    np.testing.assert_allclose(put_in(expressions["∂L/∂w"]), tw.grad.data[0, 0])


def test_fully_connected_with_its_matrix_form() -> None:
    derivation = derive(np.matmul, x=(1, 3), w=(3, 2))
    assert "∂L/∂w = xᵀ @ g" in derivation.text()
    found = lines(derivation)
    assert found["o₁₂"] == "x₁₁·w₁₂ + x₁₂·w₂₂ + x₁₃·w₃₂"
    assert found["∂L/∂x₁₂"] == "∂L/∂o₁₁·w₂₁ + ∂L/∂o₁₂·w₂₂"
    assert found["∂L/∂w₃₁"] == "∂L/∂o₁₁·x₁₃"


def test_relu_is_a_case_distinction() -> None:
    found = lines(derive(F.relu, x=()))
    assert found["o"] == "max(x, 0)"
    assert found["∂L/∂x"] == "{ ∂L/∂o where x > 0; 0 otherwise }"


def test_average_pooling_shares_out_equally() -> None:
    found = lines(derive(F.avg_pool2d, x=(2, 4), kernel_size=2))
    assert found["∂L/∂x₁₂"] == "∂L/∂o₁₁/4"
    assert found["∂L/∂x₂₃"] == "∂L/∂o₁₂/4"


def test_max_pooling_routes_by_the_order_that_is_given() -> None:
    found = lines(derive(F.max_pool2d, x=(2, 4), kernel_size=2, order={"x": [[1, 5, 2, 0], [3, 4, 9, 1]]}))
    assert (found["o₁₁"], found["o₁₂"]) == ("x₁₂", "x₂₃")
    assert {k for k, v in found.items() if v == "∂L/∂o₁₁"} == {"∂L/∂x₁₂"}
    assert {k for k, v in found.items() if v == "∂L/∂o₁₂"} == {"∂L/∂x₂₃"}
    assert sum(v == "0" for v in found.values()) == 6
    with pytest.raises(ValueError, match=r'order of the symbols is not known.*derive\(\.\.\., order=\{"x": \[\['):
        derive(F.max_pool2d, x=(2, 4), kernel_size=2)


def test_cross_entropy_of_softmax_is_p_minus_y() -> None:
    found = lines(derive(F.cross_entropy, input=(1, 3), target=np.array([1])))
    assert found["∂L/∂i₁₁"] == "∂L/∂o·p₁₁"
    assert found["∂L/∂i₁₂"] == "∂L/∂o·(p₁₂ - 1)"
    assert found["p₁₁"] == "e^i₁₁/(e^i₁₁ + e^i₁₂ + e^i₁₃)"


def test_layer_norm() -> None:
    derivation = derive(F.layer_norm, x=(2,), normalized_shape=(2,), eps=0.0)
    x1, x2 = sorted(derivation.sympy()["o"][0].free_symbols, key=str)
    o1 = derivation.sympy()["o"][0]
    assert sympy.simplify(o1 - (x1 - x2) / sympy.sqrt((x1 - x2) ** 2)) == 0
    found = lines(derivation)
    assert found["o₁"] == "(x₁/2 - x₂/2)/r"
    assert found["∂L/∂x₁"] == "(∂L/∂o₁/2 - (∂L/∂o₁·o₁/2 + ∂L/∂o₂·o₂/2)·o₁ - ∂L/∂o₂/2)/r"
    assert found["r"] == "√((x₁/2 - x₂/2)²/2 + (x₂/2 - x₁/2)²/2)"


def test_each_row_of_layer_norm_has_a_root_of_its_own() -> None:
    found = lines(derive(F.layer_norm, x=(2, 2), normalized_shape=(2,)))
    assert found["o₁₂"] == "(x₁₂/2 - x₁₁/2)/r₁" and found["o₂₁"] == "(x₂₁/2 - x₂₂/2)/r₂"
    assert "x₁" in found["r₁"] and "x₂" not in found["r₁"].replace("x₁₂", "")


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (F.sigmoid, "∂L/∂o·o·(1 - o)"),
        (np.tanh, "∂L/∂o·(1 - o²)"),
        (np.exp, "∂L/∂o·o"),
        (np.sqrt, "∂L/∂o/(2·o)"),
        (lambda x: x / (x + 1), "∂L/∂o/(x + 1) - ∂L/∂o·o/(x + 1)"),
        (lambda x: 1 / x, "-∂L/∂o/x²"),  # a quotient is differentiated as such
        (np.linalg.norm, "{ 0 where o = 0; ∂L/∂o·x/o otherwise }"),
    ],
)
def test_the_output_goes_by_its_name_in_a_gradient(f: Any, gradient: str) -> None:
    assert lines(derive(f, x=()))["∂L/∂x"] == gradient


@pytest.mark.parametrize("f", [F.sigmoid, F.silu, F.softmax, F.layer_norm, F.normalize])
def test_what_is_abbreviated_means_the_same(f: Any) -> None:
    name, *others = inspect.signature(f).parameters
    static: Any = {n: a for n, a in {"normalized_shape": (2,), "axis": -1}.items() if n in others}
    shape: Any = {name: (2,)}
    groups = derive(f, **shape, **static).equations()
    where = dict(pair for pairs in (groups["o"], groups.get("where", [])) for pair in pairs)
    x, g = tg.Tensor([0.3, 1.1], requires_grad=True), np.array([0.7, -0.4])
    f(x, **static).backward(g)
    assert x.grad is not None
    for (_, e), expected in zip(groups[f"∂L/∂{name[0]}"], x.grad.data):
        for _ in range(3):
            e = e.subs(where)
        numbers = {s: (g if s.base.startswith("∂L") else x.data)[s.index] for s in e.free_symbols}
        assert float(e.subs(numbers)) == pytest.approx(expected)


def test_a_derivation_does_not_hang_on_the_one_before() -> None:
    derive(F.softmax, x=(3,))
    assert lines(derive(F.log_softmax, x=(2,)))["∂L/∂x₁"] == "∂L/∂o₁ - ∂L/∂o₁·p₁ - ∂L/∂o₂·p₁"


def test_a_shape_may_be_an_integer_or_a_list_where_no_other_is_a_tuple() -> None:
    assert derive(F.relu, x=3).text() == derive(F.relu, x=[3]).text() == derive(F.relu, x=(3,)).text()
    assert lines(derive(tg.conv2d, x=[3, 3], weight=[2, 2], stride=2))["∂L/∂x₁₂"] == "∂L/∂o₁₁·w₁₂"
    assert lines(derive(np.power, x=(), y=2))["∂L/∂x"] == "2·∂L/∂o·x"


def test_an_array_without_elements_has_no_formulas() -> None:
    assert derive(F.relu, x=(0,)).text().splitlines() == ["relu(x 0) → o 0", OPS["relu"].formula.splitlines()[0]]
    assert derive(F.relu, x=(0,)).latex() == ""


def test_any_composed_function() -> None:
    found = lines(derive(lambda x, y: np.sum(x**2 * y), x=(2,), y=(2,)))
    assert found["o"] == "x₁²·y₁ + x₂²·y₂"
    assert found["∂L/∂x₂"] == "2·∂L/∂o·x₂·y₂"


def test_in_a_notebook_it_is_mathematics() -> None:
    derivation = derive(tg.conv2d, x=(3, 3), weight=(2, 2))
    assert r"\frac{\partial L}{\partial x_{11}} &= \frac{\partial L}{\partial o_{11}} \, w_{11}" in derivation.latex()
    assert derivation._repr_markdown_().count("$$") == 6
    assert repr(derivation) == derivation.text()


def test_what_cannot_be_derived_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="give the shape of at least one array"):
        derive(F.relu)
    with pytest.raises(ValueError, match="order is given for z"):
        derive(F.relu, x=(2,), order={"z": [1, 2]})
    with pytest.raises(ValueError, match="does not depend"):
        derive(lambda x: 3.0, x=(2,))
    with pytest.raises(ValueError, match="channels"):
        derive(tg.conv2d, x=(2, 3, 3), weight=(1, 3, 2, 2))
