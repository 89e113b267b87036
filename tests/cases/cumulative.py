from tinygrad_lite.ops.cumulative import discounted_sum, logcumsumexp

from . import Case, rand

CASES = {
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
