"""Two plots with matplotlib: how training went, and how large the gradient is from layer to layer."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lite import Tensor

from ..scene.formatting import norm, printable, shape_text, shortened
from ..scene.recorded import RecordedGraph, walk_back

try:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter
except ImportError:
    raise ImportError("viz: plots need matplotlib: pip install matplotlib") from None

BLUE, ORANGE, AMBER, PURPLE, MAGENTA, GREY = "#0067a8", "#de6000", "#c77700", "#7030a8", "#e000b8", "#5b6472"
COLOURS = (BLUE, ORANGE, PURPLE, "#008254", "#b0367f", GREY)
MOST_LABELS = 40


class Plot(Figure):
    """A matplotlib figure that shows itself in a notebook; `.savefig(path)` writes it."""

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png", dpi=120)
        return out.getvalue()


def plot_history(history: Mapping[str, Sequence[float]] | Iterable[Mapping[str, float]]) -> Plot:
    """Plot each quantity by epoch, with those of one kind ("loss", "test loss") in one panel.

    Args:
        history: {"loss": [2.3, 0.4, …], "test accuracy": [0.91, 0.95, …]}, or an iterable with a dict per epoch.

    Returns:
        The figure. A quantity whose name ends in "accuracy" is in percent.

    Raises:
        ValueError: `history` holds no values.
    """
    if not isinstance(history, Mapping):
        epochs = list(history)
        history = {
            name: [epoch.get(name, np.nan) for epoch in epochs] for name in dict.fromkeys(n for e in epochs for n in e)
        }
    panels: dict[str, dict[str, Sequence[float]]] = {}
    for name, values in history.items():
        panels.setdefault(name.replace("_", " ").split()[-1] if name.strip() else "", {})[name] = values
    if not any(len(values) for values in history.values()):
        raise ValueError("plot_history: needs at least one value, as in {'loss': [2.3, 0.4]}")
    figure = Plot(figsize=(4.6 * len(panels), 3.4), layout="constrained")
    for i, (kind, curves) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), i + 1)
        for j, (name, values) in enumerate(curves.items()):
            label = f"{name.replace('_', ' ')}: {last_value(values, kind)}"
            (line,) = axes.plot(range(1, len(values) + 1), values, color=COLOURS[(i + j) % len(COLOURS)], label=label)
            if len(values) <= 40:
                line.set(marker="o", markersize=3.5)
        axes.set(xlabel="epoch", title=kind)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if kind == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        without_box(axes)
        axes.legend(frameon=False)
    return figure


def last_value(values: Sequence[float], kind: str) -> str:
    if not len(values):
        return "–"
    return f"{values[-1]:.2%}" if kind == "accuracy" else f"{values[-1]:.4g}"


def gradient_flow(loss: Tensor) -> Plot:
    """Plot the norm of the gradient from layer to layer on a log scale: shows vanishing and exploding gradients.

    A bar shows ‖∂L/∂w‖ for each parameter, a line ‖∂L/∂out‖ for its layer's output. A triangle at the bottom marks a
    norm of 0 or ten decades below the largest; a cross at the top marks NaN or infinity. Every `.grad` stays as it is.

    Args:
        loss: a scalar with a graph.

    Raises:
        ValueError: `loss` has no graph, or has more than one element.
    """
    if not isinstance(loss, Tensor) or loss.op is None or loss.size != 1:
        raise ValueError("gradient_flow: needs a scalar with a graph, such as a loss")
    norms = {node: norm(g) for node, g in walk_back([loss])}
    layers: list[tuple[str, float, float]] = []
    for vertex in RecordedGraph([loss], {}).vertices.values():
        for x in vertex.inputs:
            if vertex.node in norms and x.node in norms and x.op is None:
                name = printable(shortened(x.name, 28)) or shape_text(np.shape(x.value))
                layers.append((name, norms[x.node], norms[vertex.node]))
    figure = Plot(figsize=(min(14.0, max(5.0, 1.5 + 0.42 * len(layers))), 4.2), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(layers))
    weights, outs = np.array([w for _, w, _ in layers]), np.array([o for _, _, o in layers])
    good = [x for x in (*weights, *outs) if np.isfinite(x) and x > 0]
    low, high = (max(min(good) / 3, max(good) * 1e-10), max(good) * 3) if good else (0.1, 10.0)
    axes.set_yscale("log")
    seen = np.where(np.isfinite(weights) & (weights > low), weights, low)
    axes.bar(places, seen - low, bottom=low, width=0.7, color=AMBER, alpha=0.85, label="‖∂L/∂parameter‖")
    line = np.where(np.isfinite(outs) & (outs > low), outs, np.nan)
    axes.plot(places, line, color=PURPLE, marker="o", markersize=4, label="‖∂L/∂output‖ of its layer")
    for values in (weights, outs):
        for which, y, look, colour, label in (
            (values <= low, low * 1.2, "v", GREY, "0, or nearly"),
            (~np.isfinite(values), high / 1.3, "x", MAGENTA, "NaN or Inf"),
        ):  # fmt: skip
            if which.any():
                new = label not in axes.get_legend_handles_labels()[1]
                axes.plot(places[which], np.full(which.sum(), y), look, color=colour, label=label if new else None)
    step = max(1, -(-len(layers) // MOST_LABELS))
    turned: dict[str, Any] = {"rotation": 60, "ha": "right"} if len(layers) > 4 else {}
    axes.set_xticks(places[::step], [name for name, _, _ in layers][::step], fontsize=8, **turned)
    axes.set(ylim=(low, high), xlim=(-1, len(layers)), xlabel="from the input to the loss")
    axes.set_title("gradient flow", loc="left")
    without_box(axes)
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0)
    return figure


def without_box(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
