"""Every option of each pool, in one, two and three axes."""

from typing import Any

import numpy as np

import tinygrad_lite.ops.pool as F
from tinygrad_lite.ops.windows import slide

from . import Case, rand


def pool(f: Any, shape: tuple[int, ...], *args: Any, **options: Any) -> Case:
    return Case(lambda x: f(x, *args, **options), [rand(*shape)], f"{shape}, {args}, {options}")


WINDOWS = slide((5, 4), (3, 2), (2, 1), (1, 0), (1, 2))
PLACE = np.random.default_rng(0).integers(0, 6, (2, *WINDOWS.places))

CASES = {
    "pick": [Case(lambda x: F.pick(x, PLACE, WINDOWS), [rand(2, 5, 4)])],
    "put": [Case(lambda g: F.put(g, PLACE, WINDOWS), [rand(2, *WINDOWS.places)])],
    "window_sum": [Case(lambda x: F.window_sum(x, WINDOWS), [rand(2, 5, 4)])],
    "window_spread": [Case(lambda g: F.window_spread(g, WINDOWS), [rand(2, *WINDOWS.places)])],
    "max_pool1d": [
        pool(F.max_pool1d, (2, 3, 6), 2),
        pool(F.max_pool1d, (3, 7), 3, stride=2, padding=1, ceil_mode=True),
    ],
    "max_pool2d": [
        pool(F.max_pool2d, (2, 3, 4, 6), 2),
        pool(F.max_pool2d, (3, 5, 5), 2),
        pool(F.max_pool2d, (0, 3, 4, 4), 2),
        pool(F.max_pool2d, (1, 1, 3, 3), 3),
        pool(F.max_pool2d, (2, 2, 6, 7), (3, 2), stride=(1, 2)),
        pool(F.max_pool2d, (2, 2, 6, 7), 3, stride=2, padding=1),
        pool(F.max_pool2d, (2, 2, 6, 7), (2, 3), stride=2, padding=(1, 0), dilation=(3, 2)),
        pool(F.max_pool2d, (2, 2, 6, 7), 2, stride=3, ceil_mode=True),
        pool(F.max_pool2d, (2, 2, 6, 5), 3, stride=2, padding=1, ceil_mode=True),
    ],
    "max_pool3d": [
        pool(F.max_pool3d, (1, 2, 4, 4, 2), 2),
        pool(F.max_pool3d, (1, 2, 3, 4, 3), (2, 3, 2), stride=(1, 2, 1), padding=1),
    ],
    "avg_pool1d": [
        pool(F.avg_pool1d, (2, 3, 6), 2),
        pool(F.avg_pool1d, (3, 7), 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    ],
    "avg_pool2d": [
        pool(F.avg_pool2d, (2, 3, 4, 6), 2),
        pool(F.avg_pool2d, (3, 5, 5), 2),
        pool(F.avg_pool2d, (0, 3, 4, 4), 2),
        pool(F.avg_pool2d, (2, 2, 6, 7), (3, 2), stride=(1, 2)),
        pool(F.avg_pool2d, (2, 2, 6, 7), 3, stride=2, padding=1),
        pool(F.avg_pool2d, (2, 2, 6, 7), 3, stride=2, padding=1, count_include_pad=False),
        pool(F.avg_pool2d, (2, 2, 6, 7), 2, stride=3, ceil_mode=True),
        pool(F.avg_pool2d, (2, 2, 6, 5), 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        pool(F.avg_pool2d, (2, 2, 6, 7), 3, stride=2, padding=1, ceil_mode=True, divisor_override=2),
    ],
    "avg_pool3d": [
        pool(F.avg_pool3d, (1, 2, 4, 4, 2), 2),
        pool(F.avg_pool3d, (1, 2, 3, 4, 3), (2, 3, 2), stride=(1, 2, 1), padding=1, count_include_pad=False),
    ],
}
