"""The stepper: a drawing with a slider, and above it what each step computes. Self-contained HTML."""

from __future__ import annotations

import json
import os
import re
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import html
from .heatmap import GRADIENT, heatmap
from .labels import number_or_text
from .scene import Card
from .steps import Row, Step, steps

if TYPE_CHECKING:
    from .drawing import Drawing

SCRIPT = html.squeezed("player.js")
STYLE = re.sub(r"\s*([{},:;>])\s+|\s+(?=[{}>])", r"\1", files(__package__).joinpath("player.css").read_text("utf-8"))


class Player:
    """A drawing that is gone through forward, then backward. It shows itself in a notebook; `print` it in a terminal.

    Play, a slider and the arrow keys move it. Without scripts it is the drawing.
    """

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing

    @cached_property
    def steps(self) -> list[Step]:
        """What happens, step by step."""
        return steps(self.drawing.scene, self.drawing.values)

    def script(self, uid: str) -> str:
        """What makes the drawing `uid` a stepper. Texts are data: nothing in them becomes markup or script."""
        rules = {rule: i for i, rule in enumerate(dict.fromkeys(step.rule for step in self.steps))}
        tensors = {t: i for i, t in enumerate(dict.fromkeys(row[1:] for step in self.steps for row in step.rows))}
        told = [self.told(step, rules, tensors) for step in self.steps]
        wide = self.drawing.layout.direction == "LR"
        arguments = (f"{uid}-at", STYLE, wide, list(rules), list(tensors), told)
        return f"{SCRIPT}({','.join(map(as_data, arguments))})"

    def told(self, step: Step, rules: dict[tuple[str, ...], int], tensors: dict[Row, int]) -> dict[str, Any]:
        """A step as the script reads it."""
        said = {
            "p": step.phase,
            "c": step.count,
            "t": step.title,
            "k": step.ring.key if step.ring is not None else 0,
            "e": [(source.key, target.key, i) for source, target, i in step.edges],
            "v": [card.key for card in step.appears],
            "g": [(card.key, self.seen(card, sum)) for card, sum in step.arrives],
            "r": rules[step.rule],
            "f": step.fires,
            "l": step.lines,
            "w": [(row[0], tensors[row[1:]]) for row in step.rows],
            "n": step.note,
        }
        return {key: value for key, value in said.items() if value not in (0, "", [], ())}

    def seen(self, card: Card, gradient: Any) -> str:
        """A gradient that is not whole yet, as its card shows it; "" for one that is: the drawing has that."""
        if gradient is card.gradient or np.array_equal(gradient, card.gradient):
            return ""
        if card.is_scalar:
            return f"∂ {number_or_text(gradient)}"
        map = heatmap(gradient, GRADIENT)
        return map.uri if map is not None else ""

    def html(self) -> str:
        """A whole page."""
        uid = html.unique()
        return html.page(self.drawing.svg(uid=uid), uid, self.drawing.description, self.script(uid))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to an .html file, which needs nothing else.

        Returns:
            The path.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        if path.suffix.lower() != ".html":
            raise ValueError(f"save: a stepper is an .html file, not {path.suffix or 'one without an ending'}")
        path.write_text(self.html(), encoding="utf-8")
        return path

    def __str__(self) -> str:
        return "\n".join(line for step in self.steps for line in as_text(step))

    def __repr__(self) -> str:
        return f"<Player {self.drawing.description}: {len(self.steps)} steps>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        uid = html.unique()
        picture = self.drawing.svg(uid=uid)
        return {
            "text/html": html.fragment(picture, uid, self.drawing.description, self.script(uid)),
            "image/svg+xml": picture,
            "text/plain": str(self),
        }


def as_data(x: Any) -> str:
    """JSON that can stand in a script on any page: no "<" ends it."""
    text = json.dumps(x, ensure_ascii=False, separators=(",", ":"))
    return "".join(f"\\u{ord(c):04x}" if c in "<>&\u2028\u2029" else c for c in text)


def as_text(step: Step) -> list[str]:
    """A step for a terminal."""
    rule = f"    {step.rule[step.fires]}" if step.fires >= 0 else ""
    said = [*step.lines, *("  ".join(filter(None, row)) for row in step.rows), *filter(None, [step.note])]
    return [f"{step.phase} {step.count}".ljust(16) + step.title + rule, *(f"{'':16}{line}" for line in said)]
