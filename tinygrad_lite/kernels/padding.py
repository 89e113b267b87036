"""np.pad with a constant frame, in half its time or less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops import shape as rules
from ..values import Array
from .memory_order import empty_as, put


@rules.pad_forward.register
def framed(x: Array, widths: Sequence[tuple[int, int]], value: Any = 0) -> Array:
    if type(x) is not np.ndarray or not x.ndim or np.ndim(value) or min(map(min, widths)) < 0:
        return NotImplemented
    out = empty_as(x, tuple([before + n + after for (before, after), n in zip(widths, x.shape)]))
    out.fill(value)
    put(out[tuple([slice(before, before + n) for (before, _), n in zip(widths, x.shape)])], x)
    return out
