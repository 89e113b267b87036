import numpy as np

from . import Case, rand

CASES = {
    "reshape": [Case(lambda x: np.reshape(x, (3, 2)), [rand(2, 3)])],
    "broadcast_to": [Case(lambda x: np.broadcast_to(x, (4, 2, 3)), [rand(2, 1)])],
    "expand_dims": [Case(lambda x: np.expand_dims(x, (0, -1)), [rand(2, 3)])],
    "transpose": [Case(lambda x: np.transpose(x, (1, -1, 0)), [rand(2, 3, 4)])],
    "swapaxes": [Case(lambda x: np.swapaxes(x, 0, -1), [rand(2, 3, 4)])],
    "astype": [Case(lambda x: x.astype(x.dtype), [rand(2, 3)])],
}
