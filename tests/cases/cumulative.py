import numpy as np

from tinygrad_lite.ops.cumulative import discounted_sum, logcumsumexp

from . import Case, rand
from .reduce import ZEROS

CASES = {
    "cumsum": [
        Case(np.cumsum, [rand(2, 3)], "all"),
        Case(np.cumsum, [rand()], "0-d"),
        Case(lambda x: np.cumsum(x, axis=-2), [rand(2, 3, 4)], "negative axis"),
        Case(lambda x: np.cumsum(x, axis=0), [rand(0, 3)], "size 0"),
    ],
    "cumprod": [
        Case(np.cumprod, [rand(2, 3)], "all"),
        Case(np.cumprod, [rand()], "0-d"),
        Case(lambda x: np.cumprod(x, axis=-2), [rand(2, 5, 3)], "negative axis"),
        Case(lambda x: np.cumprod(x, axis=0), [rand(0, 3)], "size 0"),
        Case(lambda x: np.cumprod(x, axis=1), [ZEROS], "zeros"),
    ],
    "discounted_sum": [
        Case(discounted_sum, [rand(2, 4), rand(2, 4, seed=1)]),
        Case(lambda x, d: discounted_sum(x, d, 0, True), [rand(4, 2), rand(4, 2, seed=1)], "reverse"),
        Case(discounted_sum, [rand(2, 1), rand(2, 1, seed=1)], "one"),
    ],
    "logcumsumexp": [
        Case(lambda x: logcumsumexp(x, -1), [rand(2, 4)]),
        Case(lambda x: logcumsumexp(x, 0), [rand(5, 2, low=-9, high=9)], "wide"),
    ],
}
