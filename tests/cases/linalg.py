import numpy as np

from . import Case, rand

CASES = {"matmul": [Case(np.matmul, [rand(2, 3), rand(3, 4)])]}
