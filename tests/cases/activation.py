from tinygrad_lite.ops import activation as F

from . import Case, rand

WIDE = rand(3, 5, low=-4, high=4, seed=1)
CASES = {
    "relu": [Case(F.relu, [rand(2, 3)])],
    "leaky_relu": [Case(lambda x: F.leaky_relu(x, 0.2), [rand(2, 3)])],
    "hardtanh": [Case(lambda x: F.hardtanh(x, -2, 3), [WIDE])],
    "hardswish": [Case(F.hardswish, [WIDE])],
    "mish": [Case(F.mish, [WIDE])],
    "softsign": [Case(F.softsign, [WIDE])],
    "sigmoid": [Case(F.sigmoid, [WIDE])],
    "softplus": [Case(F.softplus, [WIDE]), Case(lambda x: F.softplus(x, 2, 3), [WIDE], "threshold")],
    "silu": [Case(F.silu, [WIDE])],
    "gelu": [Case(F.gelu, [WIDE]), Case(lambda x: F.gelu(x, "tanh"), [WIDE], "tanh")],
    "elu": [Case(lambda x: F.elu(x, 0.7), [WIDE])],
    "softmax": [Case(F.softmax, [rand(2, 3)]), Case(lambda x: F.softmax(x, 0), [rand(4, 2, 3)], "axis0")],
    "log_softmax": [Case(F.log_softmax, [rand(2, 3)]), Case(lambda x: F.log_softmax(x, 0), [rand(4, 2, 3)], "axis0")],
    "logsumexp": [
        Case(F.logsumexp, [rand(2, 3)]),
        Case(lambda x: F.logsumexp(x, (0, -1), keepdims=True), [rand(4, 2, 3)], "axes"),
        Case(lambda x: F.logsumexp(x, 1), [rand(4, 2, 3)], "axis1"),
    ],
}
