import numpy as np

from . import Case, rand

CASES = {"sum": [Case(lambda x: np.sum(x, axis=1), [rand(2, 3)])]}
