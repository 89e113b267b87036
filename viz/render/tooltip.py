"""What the tooltip of a card says: how its tensor was computed, the rule, its shape, its numbers."""

from __future__ import annotations

import numpy as np

from ..scene.cards import Card
from ..scene.formatting import bad_text, drawable, norm, number, shape_text
from ..scene.labels import call_text, equations


def facts(card: Card) -> list[str]:
    """The lines of the tooltip below the name."""
    said = []
    if card.role == "module":
        said.append(card.note + (f", {card.times:,} times; the last one is shown" if card.times > 1 else ""))
    elif card.node is not None and card.op is not None:
        said += [call_text(card.node), *equations(card.op)]
        if card.times > 1:
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
        said.append(f"‖gradient‖ {number(norm(gradient))}")
        if bad := bad_text(gradient):
            said.append(f"gradient: {bad} of {gradient.size:,}")
    return said
