"""Padding as torch.nn.functional counts it: from the last axis on. NumPy's way is np.pad, in shape.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..values import Array

__all__ = ["pad"]

MODES: dict[str, Any] = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """x with a frame around its last axes: out = x inside, `value` or x's own elements in the frame.

    Args:
        x: of any shape.
        pad: (before, after) for the last axis, then for the one before it, and so on. Negative ones take
            elements away.
        mode: "constant", or "reflect" (without repeating the edge), "replicate" (the edge) or "circular".
        value: of a constant frame; 0 by default.

    Raises:
        ValueError: an unknown mode, a `value` with a mode other than "constant", or `pad` doesn't fit x's axes.
    """
    shape = np.shape(x)
    widths = [(pad[i], pad[i + 1]) for i in range(0, len(pad) - 1, 2)][::-1]
    if len(pad) % 2 or len(widths) > len(shape):
        raise ValueError(f"{tuple(pad)} must be pairs, one for each of x's last axes; x has {len(shape)} axes")
    if mode not in MODES:
        raise ValueError(f"there is no mode {mode!r}; there is {', '.join(map(repr, MODES))}")
    if mode != "constant" and value is not None:
        raise ValueError(f"value={value} is for mode='constant'; mode {mode!r} takes the frame from x")
    axes = [(0, 0)] * (len(shape) - len(widths)) + widths
    if any(before < 0 or after < 0 for before, after in axes):
        x = x[tuple(slice(max(-before, 0), n - max(-after, 0)) for (before, after), n in zip(axes, shape))]
        axes = [(max(before, 0), max(after, 0)) for before, after in axes]
    frame: dict[str, Any] = {"constant_values": 0 if value is None else value} if mode == "constant" else {}
    return np.pad(x, axes, mode=MODES[mode], **frame)
