from tinygrad_lite.ops.norm import standardize

from . import Case, rand

CASES = {
    "standardize": [
        Case(lambda x: standardize(x, (1,), 1e-5), [rand(3, 5)], "last"),
        Case(lambda x: standardize(x, (0,), 1e-5), [rand(4, 3)], "first"),
        Case(lambda x: standardize(x, (0, 2, 3), 1e-2), [rand(2, 3, 2, 2)], "channels"),
        Case(lambda x: standardize(x, (2,), 1e-2), [rand(2, 3, 1)], "one-element"),
    ]
}
