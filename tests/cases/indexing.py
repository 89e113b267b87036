import numpy as np

from tinygrad_lite.ops.indexing import add_at, overlap_add, setitem

from . import Case, curved, rand

X = rand(3, 4)
REPEATED = np.array([[2, 0, 2], [1, 1, -1]])

CASES = {
    "getitem": [
        Case(curved(lambda x: x[1:, ::-2]), [X], "slices"),
        Case(curved(lambda x: x[-1, None, ..., 2]), [X], "integers and new axes"),
        Case(curved(lambda x: x[X > 0]), [X], "mask"),
        Case(curved(lambda x: x[REPEATED]), [X], "repeated integers"),
        Case(curved(lambda x: x[REPEATED, [3, 3, 0]]), [X], "two arrays"),
        Case(curved(lambda x: x[REPEATED[0], :, 1:]), [rand(3, 2, 2)], "mixed"),
        Case(curved(lambda x: x[1:, REPEATED]), [X], "slice and array"),
        Case(curved(lambda x: x[0, :, REPEATED]), [rand(2, 2, 3)], "array axes first"),
        Case(curved(lambda x: x[[]]), [X], "nothing"),
        Case(curved(lambda x: x[()]), [rand()], "0-d"),
    ],
    "take": [
        Case(curved(lambda x: np.take(x, REPEATED)), [X], "flattened"),
        Case(curved(lambda x: np.take(x, REPEATED, axis=-1)), [X], "last axis"),
        Case(curved(lambda x: np.take(x, [7, -5], axis=0, mode="wrap")), [X], "wrapped"),
        Case(curved(lambda x: np.take(x, 1, axis=0)), [X], "one"),
    ],
    "add_at": [
        Case(curved(lambda x: add_at(x, (slice(1, None), 0), (3, 4))), [rand(2)], "slices"),
        Case(curved(lambda x: add_at(x, REPEATED, (3, 2))), [rand(2, 3, 2)], "repeated integers"),
    ],
    "setitem": [
        Case(curved(lambda x, y: setitem(x, y, (slice(1, None), 0))), [X, rand(2)], "slices"),
        Case(curved(lambda x, y: setitem(x, y, X > 0)), [X, rand()], "one value in a mask"),
        Case(curved(lambda x, y: setitem(x, y, REPEATED)), [rand(3, 2), rand(2, 3, 2)], "the last value stays"),
    ],
    "sliding_window_view": [
        Case(curved(lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=-1)), [rand(2, 4)], "one axis"),
        Case(curved(lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3))), [rand(3, 4)], "all axes"),
        Case(curved(lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), (0, 0))), [rand(4)], "an axis twice"),
    ],
    "overlap_add": [
        Case(curved(lambda x: overlap_add(x, (1,))), [rand(2, 3, 2)], "one axis"),
        Case(curved(lambda x: overlap_add(x, (0, 1))), [rand(2, 2, 2, 3)], "two axes"),
    ],
}
