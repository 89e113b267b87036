import numpy as np

from tinygrad_lite.ops.loss import bernoulli_nll, huber, logistic_nll, softmax_cross_entropy

from . import Case, rand

CASES = {
    "softmax_cross_entropy": [
        Case(lambda x: softmax_cross_entropy(x, np.array([0, 2])), [rand(2, 3)]),
        Case(lambda x: softmax_cross_entropy(x, np.array(2), 0), [rand(3)], "no-batch"),
        Case(lambda x: softmax_cross_entropy(x, np.array([[1, 0], [2, 2]])), [rand(2, 3, 2)], "pixels"),
    ],
    "huber": [Case(lambda d: huber(d, 0.4), [rand(3, 4)])],
    "logistic_nll": [Case(logistic_nll, [rand(2, 3, low=-3, high=3), rand(2, 3, low=0, high=1, seed=1)])],
    "bernoulli_nll": [Case(bernoulli_nll, [rand(2, 3, low=0.1, high=0.9), rand(2, 3, low=0, high=1, seed=1)])],
}
