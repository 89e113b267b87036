import numpy as np

from . import Case, rand

CASES = {
    "add": [Case(np.add, [rand(2, 3), rand(3)])],
    "subtract": [Case(np.subtract, [rand(2, 3), rand(2, 1)])],
    "negative": [Case(np.negative, [rand(2, 3)])],
    "multiply": [Case(np.multiply, [rand(2, 3), rand(3)])],
    "tanh": [Case(np.tanh, [rand(2, 3)])],
    "exp": [Case(np.exp, [rand(2, 3)])],
}
