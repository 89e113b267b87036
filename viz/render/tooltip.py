"""What the tooltip of a card says: how its tensor was computed, the rule, its shape, its numbers."""

from __future__ import annotations

from ..scene.cards import Card
from ..scene.formatting import number, number_or_text, shape_text
from ..scene.labels import call_text, equations


def facts(card: Card) -> list[str]:
    """The lines of the tooltip below the name."""
    said = []
    if card.of is not None:
        return ["the same tensor again: its card with values stands where it is used first"]
    if card.role == "module":
        said.append(card.note + (f", {card.times:,} times; the last one is shown" if card.times > 1 else ""))
    elif card.node is not None and card.op is not None:
        said += [call_text(card.node), *equations(card.op)]
        if card.times > 1:
            said.append(f"{card.times:,} times; the last one is shown")
    dtype = getattr(card.value, "dtype", type(card.value).__name__)
    said.append(f"shape {shape_text(card.shape)}   {dtype}")
    if (known := card.statistics) is not None:
        if known.size == 1:
            said.append(f"value {number_or_text(card.value)}")
        elif known.finite:
            said.append(f"min {number(known.low)}   mean {number(known.mean)}   max {number(known.high)}")
        if known.bad:
            said.append(f"value: {known.bad_text} of {known.size:,}")
        if known.masked:
            said.append(f"{known.masked:,} of {known.size:,} masked (−∞)")
    if (gradient := card.gradient_statistics) is not None:
        said.append(f"‖gradient‖ {number(gradient.norm)}")
        if gradient.bad:
            said.append(f"gradient: {gradient.bad_text} of {gradient.size:,}")
    return said
