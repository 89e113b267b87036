from collections.abc import Callable
from typing import Any

import numpy as np

from . import Case, rand

MASK = np.array([[True, False, True], [True, True, False]])
ZEROS = np.array([[0.0, 2.0, 3.0], [0.0, -1.0, 0.0], [0.5, 1.5, 2.0]])  # no, one and two zeros in a row and in a column


def reduction(f: Callable[..., Any]) -> list[Case]:
    """The axes and shapes that every reduction has to manage."""

    def over(label: str, *shape: int, x: Any = None, **kwargs: Any) -> Case:
        return Case(lambda x: f(x, **kwargs), [rand(*shape) if x is None else x], label)

    return [
        over("all", 2, 3),
        over("0-d"),
        over("axis", 2, 3, axis=1),
        over("negative axis", 2, 3, 4, axis=-2),
        over("axes", 2, 3, 4, axis=(0, -1)),
        over("keepdims", 2, 3, axis=0, keepdims=True),
        over("axes keepdims", 2, 3, 4, axis=(2, 0), keepdims=True),
        over("size 1", 2, 1, axis=1),
        over("size 0", 3, 0, axis=0),
        over("Fortran order", x=np.asfortranarray(rand(3, 4)), axis=0),
        over("strided", x=rand(4, 6)[::-1, ::2], axis=1),
    ]


CASES = {
    "sum": [
        *reduction(np.sum),
        Case(lambda x: np.sum(x, axis=()), [rand(2, 3)], "no axes"),
        Case(lambda x: np.sum(x, axis=0), [rand(0, 3)], "of nothing"),
        Case(lambda x: np.sum(x, axis=1, where=MASK), [rand(2, 3)], "where"),
        Case(lambda x: np.sum(x, initial=2), [rand(2, 3)], "initial"),
    ],
    "mean": [
        *reduction(np.mean),
        Case(lambda x: np.mean(x, axis=()), [rand(2, 3)], "no axes"),
        Case(lambda x: np.mean(x, axis=1, where=MASK), [rand(2, 3)], "where"),
    ],
    "prod": [
        *reduction(np.prod),
        Case(lambda x: np.prod(x, axis=0), [ZEROS], "zeros down"),
        Case(lambda x: np.prod(x, axis=1), [ZEROS], "zeros across"),
        Case(np.prod, [np.array([2.0, 0.0, 3.0, -1.0, 0.5, 0.7, 1.1])], "one zero of seven"),
        Case(lambda x: np.prod(x, axis=0), [rand(0, 3)], "of nothing"),
        Case(lambda x: np.prod(x, axis=1, where=MASK, initial=3), [rand(2, 3)], "where, initial"),
    ],
    "var": [
        *reduction(np.var),
        Case(lambda x: np.var(x, axis=1, ddof=1), [rand(2, 3)], "ddof"),
        Case(lambda x: np.var(x, axis=1, where=MASK), [rand(2, 3)], "where"),
    ],
    "std": [
        *[case for case in reduction(np.std) if case.label not in ("0-d", "size 1")],  # a kink: √ at 0
        Case(lambda x: np.std(x, axis=1, ddof=1), [rand(2, 3)], "ddof"),
        Case(lambda x: np.std(x, axis=1, where=MASK), [rand(2, 3)], "where"),
    ],
    "max": [
        *reduction(np.max),
        Case(lambda x: np.max(x, axis=1, where=MASK, initial=0.2), [rand(2, 3)], "where, initial"),
    ],
    "min": [
        *reduction(np.min),
        Case(lambda x: np.min(x, axis=1, where=MASK, initial=0.2), [rand(2, 3)], "where, initial"),
    ],
}
