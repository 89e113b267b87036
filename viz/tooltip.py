"""What the tooltip of a card says: how it was computed, the rule, its shape, its numbers."""

from __future__ import annotations

import numpy as np

from .heatmap import drawable
from .labels import bad_text, call_text, number, shape_text
from .scene import Card


def facts(card: Card) -> list[str]:
    """What the tooltip says below the name, a line each."""
    said = []
    if card.role == "module":
        said.append(card.note + (f", {card.times:,} times; the last one is shown" if card.times > 1 else ""))
    elif card.node is not None and card.node.op is not None:
        said.append(call_text(card.node))
        said += formula(card)
    if card.role == "op" and card.times > 1:
        said.append(f"{card.times:,} times; the last one is shown")
    dtype = getattr(card.value, "dtype", type(card.value).__name__)
    said.append(f"shape {shape_text(card.shape)}   {dtype}")
    numbers = drawable(card.value)
    if numbers is not None and numbers.size:
        finite = numbers[np.isfinite(numbers)]
        if numbers.size == 1:
            said.append(f"value {number(numbers.reshape(()).item())}")
        elif finite.size:
            said.append(f"min {number(finite.min())}   mean {number(finite.mean())}   max {number(finite.max())}")
        if bad := bad_text(numbers):
            said.append(f"value: {bad} of {numbers.size:,}")
    if card.gradient is not None and (gradient := drawable(card.gradient)) is not None:
        said.append(f"‖gradient‖ {number(float(np.sqrt(np.sum(gradient * gradient))))}")
        if bad := bad_text(gradient):
            said.append(f"gradient: {bad} of {gradient.size:,}")
    return said


def formula(card: Card) -> list[str]:
    """The rule as its docstring has it, an equation a line."""
    if card.role != "op" or card.node is None or card.node.op is None:
        return []
    first = card.node.op.formula.split("\n\n")[0]
    return [line.strip() for part in first.split("\n") for line in part.split("   ") if line.strip()]
