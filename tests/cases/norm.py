from tinygrad_lite.ops.norm import scale, standardize

from . import Case, rand

CASES = {
    "standardize": [
        Case(lambda x, w, b: standardize(x, w, b, (1,), 1e-5), [rand(3, 5), rand(5), rand(5, seed=1)], "last"),
        Case(lambda x, w, b: standardize(x, w, b, (0,), 1e-5), [rand(4, 3), rand(1, 3), rand(3, seed=1)], "first"),
        Case(
            lambda x, w, b: standardize(x, w, b, (0, 2, 3), 1e-2),
            [rand(2, 3, 2, 2), rand(1, 3, 1, 1), rand(1, 3, 1, 1, seed=1)],
            "channels",
        ),
        Case(lambda x: standardize(x, 1, 0, (2,), 1e-2), [rand(2, 3, 1)], "one-element"),
        Case(lambda x, w: standardize(x, w, 0, (1, 2), 1e-2), [rand(2, 3, 2), rand(3, 1)], "no-bias"),
    ],
    "scale": [
        Case(scale, [rand(4, 3), rand(3), rand(3, seed=1)]),
        Case(scale, [rand(2, 3, 2, 2), rand(1, 3, 1, 1), rand(1, 3, 1, 1, seed=1)], "channels"),
        Case(scale, [rand(2, 1), rand(2, 1), rand(2, 1, seed=1)], "same-shape"),
    ],
}
