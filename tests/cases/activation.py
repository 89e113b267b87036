from tinygrad_lite.ops import activation as F

from . import Case, rand

CASES = {
    "relu": [Case(F.relu, [rand(2, 3)])],
    "sigmoid": [Case(F.sigmoid, [rand(2, 3, low=-4, high=4)])],
    "softmax": [Case(F.softmax, [rand(2, 3)]), Case(lambda x: F.softmax(x, 0), [rand(4, 2, 3)], "axis0")],
    "log_softmax": [Case(F.log_softmax, [rand(2, 3)]), Case(lambda x: F.log_softmax(x, 0), [rand(4, 2, 3)], "axis0")],
    "logsumexp": [
        Case(F.logsumexp, [rand(2, 3)]),
        Case(lambda x: F.logsumexp(x, (0, -1), keepdims=True), [rand(4, 2, 3)], "axes"),
        Case(lambda x: F.logsumexp(x, 1), [rand(4, 2, 3)], "axis1"),
    ],
}
