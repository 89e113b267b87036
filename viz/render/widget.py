"""Sliders in a notebook with a kernel, as the widget that Jupyter, VS Code and Colab share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from .explorer import PANEL, STYLE
from .html import squeezed


class Sliders(anywidget.AnyWidget):
    """`now` comes from the browser; `shown` is the answer: the picture and what the panel says."""

    _esm = squeezed("widget.js").replace("PANEL", PANEL, 1)
    style = traitlets.Unicode(STYLE).tag(sync=True)
    sliders: Any = traitlets.List().tag(sync=True)  # (name, value at first)
    now: Any = traitlets.List().tag(sync=True)
    shown: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, sliders: list[tuple[str, float]], answer: Callable[[list[float]], dict[str, Any]]) -> None:
        now = [value for _, value in sliders]
        super().__init__(sliders=sliders, now=now, shown=answer(now) | {"n": 0})
        self.observe(lambda change: self.set_trait("shown", answer(change.new) | {"n": self.shown["n"] + 1}), "now")
