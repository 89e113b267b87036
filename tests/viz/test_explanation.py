"""explain lists what backprop visits, in order, and writes out the chain rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import explain

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F


def neuron() -> dict[str, Any]:
    t: dict[str, Any] = {n: tg.Tensor(v, True, name=n) for n, v in {"a": 2.0, "b": -3.0, "c": 10.0, "f": -0.2}.items()}
    t["e"] = t["a"] * t["b"]
    t["d"] = t["e"] + t["c"]
    t["L"] = np.tanh(t["d"] * t["f"])
    for name in ("e", "d", "L"):
        t[name].name = name
    return t


def test_the_rows_are_the_walk() -> None:
    t = neuron()
    rows = explain(t["L"]).rows()
    assert [row[1] for row in rows][:4] == ["L", "multiply", "d", "e"]
    assert {row[1] for row in rows[4:]} == {"a", "b", "c", "f"}
    assert rows[1][2:4] == ("multiply", "scalar, scalar → scalar")
    assert "∂L/∂x = g · y" in rows[1][7]
    assert all(x.grad is None for x in t.values())


def test_the_norms_are_those_of_the_gradients() -> None:
    x = tg.Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="x")
    loss = np.sum(np.tanh(x))
    step = explain(loss).steps[-1]
    loss.backward()
    assert step.name == "x"
    assert step.norm == pytest.approx(np.linalg.norm(x.grad.data))
    assert step.bytes == 48


def test_the_chain_rule_with_numbers() -> None:
    t = neuron()
    text = explain(t["L"], t["a"]).text()
    slope = 1 - np.tanh(4 * -0.2) ** 2
    assert f"∂L/∂a = {slope * -0.2 * -3:.4g}" in text
    assert f"∂L/∂multiply · ∂multiply/∂d · ∂d/∂e · ∂e/∂a = {slope:.4g} · −0.2 · 1 · −3 = {slope * 0.6:.4g}" in text
    assert " c " not in text


def test_where_paths_meet_they_add_up() -> None:
    a, b = tg.Tensor(2.0, True, name="a"), tg.Tensor(-3.0, True, name="b")
    y = a * a + a * b
    y.name = "y"
    lines = explain(y, a).chain_rule.splitlines()
    assert lines[0] == "∂y/∂a = 1, the sum over 3 paths"
    assert sorted(line.split(" = ")[-1] for line in lines[1:]) == ["2", "2", "−3"]


def test_a_tensor_by_itself_is_1() -> None:
    y = tg.Tensor(2.0, True, name="x") ** 2
    y.name = "y"
    assert explain(y, y).chain_rule == "∂y/∂y = 1"


def test_paths_beyond_count_are_counted_and_not_walked() -> None:
    x = tg.Tensor(1.0, True, name="x")
    y = x
    for _ in range(60):
        y = y + y
    lines = explain(y, x).chain_rule.splitlines()
    assert lines[0].endswith(f"the sum over {2**60:,} paths")
    assert lines[-1] == f"  … and {2**60 - 8:,} more"


def test_modules_name_their_parameters() -> None:
    class Net(tg.nn.Module):
        def __init__(self) -> None:
            self.hidden = tg.nn.Linear(3, 4)
            self.out = tg.nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return self.out(F.relu(self.hidden(x)))

    net = Net()
    names = [row[1] for row in explain(np.sum(net(np.ones((1, 3), np.float32)))).rows()]
    assert {"hidden.weight", "hidden.bias", "out.weight", "out.bias"} <= set(names)
    assert len(names) == len(set(names))


def test_a_notebook_gets_a_table_in_which_names_are_text() -> None:
    x = tg.Tensor(1.0, True, name="<b>&")
    shown = explain(x * 2, x)._repr_html_()
    assert "<table>" in shown
    assert "&lt;b&gt;&amp;" in shown
    assert "<b>" not in shown


def test_what_cannot_be_explained_is_refused() -> None:
    x = tg.Tensor([1.0, 2.0], True)
    with pytest.raises(RuntimeError, match="no graph"):
        explain(tg.Tensor(1.0))
    with pytest.raises(RuntimeError, match="only a scalar"):
        explain(x * 2)
    assert explain(x * 2, grad=np.ones(2)).steps
    with pytest.raises(ValueError, match=r"^explain: grad has shape \(3,\)"):
        explain(x * 2, grad=np.ones(3))
    with pytest.raises(TypeError, match="explain: needs a Tensor, not a ndarray"):
        explain(np.ones(3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="explain: needs a Tensor, not a list"):
        explain(np.sum(x), [1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no path leads"):
        explain(np.sum(x), tg.Tensor(1.0, True))
