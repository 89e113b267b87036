import numpy as np

from tinygrad_lite.ops.shape import concatenate

from . import Case, curved, rand

CASES = {
    "squeeze": [Case(curved(np.squeeze), [rand(1, 3, 1)]), Case(curved(lambda x: np.squeeze(x, -1)), [rand(1, 3, 1)])],
    "flip": [Case(curved(np.flip), [rand(2, 3)]), Case(curved(lambda x: np.flip(x, -1)), [rand(2, 3)])],
    "concatenate": [
        Case(curved(lambda x, y, z: concatenate(x, y, z)), [rand(2, 3), rand(0, 3), rand(1, 3)]),
        Case(curved(lambda x, y: np.concatenate([x, y], axis=-1)), [rand(2, 3), rand(2, 1)]),
    ],
    "pad": [
        Case(curved(lambda x: np.pad(x, 1)), [rand(2, 3)]),
        Case(curved(lambda x: np.pad(x, ((0, 1), (2, 0)), constant_values=3)), [rand(2, 3)]),
    ],
    "reshape": [Case(lambda x: np.reshape(x, (3, 2)), [rand(2, 3)])],
    "broadcast_to": [Case(lambda x: np.broadcast_to(x, (4, 2, 3)), [rand(2, 1)])],
    "expand_dims": [Case(lambda x: np.expand_dims(x, (0, -1)), [rand(2, 3)])],
    "transpose": [Case(lambda x: np.transpose(x, (1, -1, 0)), [rand(2, 3, 4)])],
    "swapaxes": [Case(lambda x: np.swapaxes(x, 0, -1), [rand(2, 3, 4)])],
    "astype": [Case(lambda x: x.astype(x.dtype), [rand(2, 3)])],
    "roll": [Case(curved(lambda x: np.roll(x, (1, -2), (0, 1))), [rand(2, 3)])],
    "tril": [Case(curved(lambda x: np.tril(x, -1)), [rand(2, 3, 3)]), Case(curved(np.tril), [rand(3)], "vector")],
    "triu": [Case(curved(lambda x: np.triu(x, 1)), [rand(2, 3, 4)]), Case(curved(np.triu), [rand(3)], "vector")],
}
