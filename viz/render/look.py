"""What the page needs to show a card large: its numbers, and which elements belong together."""

from __future__ import annotations

import base64
import zlib
from math import isqrt, prod
from typing import Any

import numpy as np

from ..scene.cards import Card, Scene
from ..scene.reach import Axis, reaches
from .heatmap import pool
from .html import squeezed
from .stepper import as_json

SCRIPT, UNPACK = squeezed("look.js"), squeezed("numbers.js")
NUMBERS, MOST, LEAST = 60_000, 4096, 64  # numbers in one page, and of one tensor


def script(scene: Scene, uid: str) -> str:
    """The script that shows a card of the drawing `uid` large when it is clicked on."""
    cards = [c for c in scene.cards() if c.of is None and np.asarray(c.value).dtype.kind in "fiub" and np.size(c.value)]
    most = max(LEAST, min(MOST, NUMBERS // max(1, sum(1 + (c.gradient is not None) for c in cards))))
    kept: list[tuple[Any, ...]] = []
    shown: dict[Card, tuple[int, ...]] = {}
    numbers: list[Any] = []
    for card in cards:
        sizes, blocks = cut(card.shape, most)
        parts = [packed(a, sizes, blocks) for a in (card.value, card.gradient) if a is not None]
        numbers += [part for part, _ in parts]
        kept.append((card.key, card.shape, sizes, blocks, *(scale for _, scale in parts)))
        shown[card] = tuple(min(n, m * b) for n, m, b in zip(card.shape, sizes, blocks))
    patterns: dict[str, int] = {}
    exact = {card for card, entry in zip(shown, kept) if max(entry[3], default=1) == 1}
    found = []
    for r in reaches(scene, shown):
        axes = [patterns.setdefault(as_json(brief(axis)), len(patterns)) for axis in r.axes]
        flows = r.flows[tuple(map(slice, shown[r.input]))]
        bits = base64.b64encode(np.packbits(flows).tobytes()).decode() if r.input in exact and not flows.all() else ""
        found.append((r.input.key, r.output.key, int(r.forward), axes, bits))
    told = as_json(kept), f"[{','.join(patterns)}]", as_json(found), f'"{squashed(numbers)}"'
    return f'{SCRIPT}("{uid}-at",{UNPACK},{",".join(told)});'


def squashed(numbers: list[Any]) -> str:
    """Arrays of float16 as numbers.js reads them."""
    halves = np.concatenate([np.zeros(0, np.float16), *(x.ravel() for x in numbers)]).view(np.uint8).reshape(-1, 2)
    return base64.b64encode(zlib.compress(halves.T.tobytes(), 9)).decode()


def cut(shape: tuple[int, ...], most: int) -> tuple[list[int], list[int]]:
    """How many places along each axis are shown, and how many elements one stands for.

    First leading axes are cut off, then the last two are pooled.
    """
    sizes, blocks = list(shape), [1] * len(shape)
    for k in range(len(shape) - 2):
        sizes[k] = max(1, min(shape[k], most // prod(sizes[k + 1 :])))
    if prod(sizes) > most:
        h, w = (1, *shape)[-2:]
        high = min(h, isqrt(most))
        wide = min(w, most // high)
        high = min(h, most // wide)
        for k, n, m in ((-2, h, high), (-1, w, wide))[-len(shape) :]:
            blocks[k] = -(-n // m)
            sizes[k] = -(-n // blocks[k])
    return sizes, blocks


def packed(a: Any, sizes: list[int], blocks: list[int]) -> tuple[Any, float]:
    """Numbers in float16, and the factor that they have to be multiplied with."""
    a = np.asarray(a)[tuple(slice(n) for n in sizes[:-2])]
    a = a if a.dtype.kind == "f" else a.astype(np.float64)
    if max(blocks, default=1) > 1:
        h, w = (1, *a.shape)[-2:]
        a = pool(a.reshape(-1, 1, h, w), *((1, *sizes)[-2:]))
    a = a.astype(np.float64)
    finite = np.abs(a[np.isfinite(a)])
    scale = float(f"{finite.max(initial=0.0):.3g}") or 1.0
    return (a / scale).astype(np.float16), scale


def brief(axis: Axis) -> Any:
    """A pattern as look.js reads it: the number of an axis with the same places, one range, or a table of ranges."""
    on, table = axis
    spans = [span and span[: 2 if span[2] == 1 else 3] for span in table]
    if len(on) == 1 and spans == [(i, i) for i in range(len(spans))]:
        return on[0]
    return [on, spans]
