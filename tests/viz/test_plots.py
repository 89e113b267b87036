"""Plots of training, and of the gradient's norm from layer to layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Tensor, viz

from .examples import chain, convnet, nan

pytest.importorskip("matplotlib")


def test_one_panel_for_each_kind_of_quantity() -> None:
    figure = viz.plot_history({"loss": [2.3, 0.5], "test loss": [2.4, 0.7], "test_accuracy": [0.2, 0.9]})
    loss, accuracy = figure.axes
    assert [line.get_label() for line in loss.lines] == ["loss: 0.5", "test loss: 0.7"]
    assert [line.get_label() for line in accuracy.lines] == ["test accuracy: 90.00%"]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), [1, 2])


def test_a_list_of_epochs_does_as_well() -> None:
    figure = viz.plot_history([{"loss": 2.0}, {"loss": 1.0, "accuracy": 0.5}])
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [2.0, 1.0])
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), [np.nan, 0.5])


@pytest.mark.parametrize("history", [{}, [], {"loss": []}])
def test_no_history_is_refused(history: Any) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        viz.plot_history(history)


def test_it_shows_itself_and_is_saved(tmp_path: Path) -> None:
    figure = viz.plot_history({"loss": [1.0]})
    assert figure._repr_png_().startswith(b"\x89PNG")
    figure.savefig(tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 1000


def test_gradient_flow_has_a_bar_for_every_parameter_in_order() -> None:
    loss = convnet()
    figure = viz.gradient_flow(loss)
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_xticklabels()] == [
        f"{m}.{p}" for m in ("conv1", "conv2", "fc") for p in ("weight", "bias")
    ]
    assert axes.get_yscale() == "log"
    bias = next(p for p in _leaves(loss) if p.shape == (10,))
    bias.zero_grad()
    loss.backward()
    top = axes.patches[-1].get_extents().transformed(axes.transData.inverted()).y1
    assert top == pytest.approx(np.linalg.norm(bias.grad.data))


def _leaves(loss: Tensor) -> list[Any]:
    found, stack = [], [loss]
    while stack:
        node = stack.pop()
        found += [node] if node.op is None else []
        stack.extend(node.parents())  # type: ignore[arg-type]
    return found


def test_vanished_exploded_and_broken_gradients_are_marked() -> None:
    x = Tensor(np.ones(3), requires_grad=True, name="x")
    y = Tensor(np.ones(3), requires_grad=True, name="y")
    with np.errstate(all="ignore"):
        labels = [line.get_label() for line in viz.gradient_flow((x * 0.0 + y * np.inf).sum()).axes[0].lines]
    assert "0, or nearly" in labels
    assert "NaN or Inf" in labels
    viz.gradient_flow(nan())
    viz.gradient_flow(chain(2000))


def test_gradient_flow_leaves_grad_alone() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    viz.gradient_flow((x * x).sum())
    assert x.grad is None


def test_gradient_flow_needs_a_scalar_with_a_graph() -> None:
    for wrong in (Tensor(1.0), Tensor(np.ones(2), requires_grad=True) * 2, 3.0):
        with pytest.raises(ValueError, match="needs a scalar"):
            viz.gradient_flow(wrong)  # type: ignore[arg-type]
