from collections.abc import Callable
from typing import Any

import numpy as np

from . import Case, rand

Shape = tuple[int, ...]


def _products(f: Callable[..., Any], *pairs: tuple[Shape, Shape]) -> list[Case]:
    return [Case(f, [rand(*a), rand(*b, seed=1)], f"{a}@{b}") for a, b in pairs]


CASES = {
    "cross": [
        Case(np.cross, [rand(3), rand(3, seed=1)]),
        Case(np.cross, [rand(2, 3), rand(4, 1, 3)], "broadcast"),
        Case(lambda a, b: np.cross(a, b, axis=0), [rand(3, 2), rand(3, 2, seed=1)], "axis"),
    ],
    "matmul": _products(
        np.matmul,
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3,)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (4,)),
        ((3,), (2, 3, 4)),
        ((2, 3), (4, 3, 2)),
        ((4, 2, 3), (4, 3, 2)),
        ((2, 1, 2, 3), (4, 3, 2)),
        ((2, 5, 2, 3), (5, 3, 2)),
        ((2, 2, 3), (3, 1, 3, 2)),
        ((1, 2, 3), (4, 3, 1)),
        ((2, 0), (0, 3)),
        ((0, 2, 3), (3, 2)),
        ((2, 3, 0), (0, 2)),
        ((1, 1), (1, 1)),
    ),
}
