"""Every option of each convolution, in one, two and three axes."""

from typing import Any

import tinygrad_lite.ops.conv as F
from tinygrad_lite.ops.windows import slide

from . import Case, rand


def conv(n: int, x: tuple[int, ...], w: tuple[int, ...], bias: bool = True, **options: Any) -> Case:
    f = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[n]
    return Case(lambda *inputs: f(*inputs, **options), [rand(*x), rand(*w)] + [rand(w[0])] * bias, str(options or x))


def transpose(n: int, x: tuple[int, ...], w: tuple[int, ...], bias: bool = True, **options: Any) -> Case:
    f = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}[n]
    outputs = w[1] * options.get("groups", 1)
    return Case(lambda *inputs: f(*inputs, **options), [rand(*x), rand(*w)] + [rand(outputs)] * bias, str(options or x))


WINDOWS = slide((5, 4), (2, 3), (2, 1), (1, 0), (1, 1))

CASES = {
    "conv": [Case(lambda x, w: F.conv(x, w, WINDOWS, 2), [rand(2, 4, 5, 4), rand(6, 2, 2, 3)])],
    "conv_input": [Case(lambda g, w: F.conv_input(g, w, WINDOWS, 2), [rand(2, 6, *WINDOWS.places), rand(6, 2, 2, 3)])],
    "conv_weight": [
        Case(lambda x, g: F.conv_weight(x, g, WINDOWS, 2), [rand(2, 4, 5, 4), rand(2, 6, *WINDOWS.places)])
    ],
    "conv1d": [
        conv(1, (2, 3, 7), (4, 3, 3)),
        conv(1, (3, 7), (4, 3, 3), stride=2),
        conv(1, (2, 4, 7), (4, 2, 2), stride=2, padding=1, dilation=2, groups=2),
        conv(1, (1, 2, 5), (2, 2, 4), padding="same"),
    ],
    "conv2d": [
        conv(2, (2, 3, 5, 4), (4, 3, 2, 3)),
        conv(2, (2, 3, 5, 4), (4, 3, 2, 3), bias=False),
        conv(2, (3, 5, 4), (4, 3, 2, 3), padding=1),
        conv(2, (1, 2, 3, 3), (1, 2, 1, 1)),
        conv(2, (1, 1, 3, 3), (1, 1, 3, 3)),
        conv(2, (0, 2, 3, 3), (3, 2, 2, 2)),
        conv(2, (2, 2, 6, 5), (3, 2, 3, 2), stride=2),
        conv(2, (2, 2, 6, 5), (3, 2, 1, 2), stride=(3, 2)),
        conv(2, (2, 2, 4, 5), (3, 2, 3, 2), padding=(2, 1)),
        conv(2, (2, 2, 4, 5), (3, 2, 2, 3), padding="same"),
        conv(2, (2, 2, 4, 5), (3, 2, 2, 3), padding="valid"),
        conv(2, (2, 2, 6, 7), (3, 2, 2, 3), dilation=(3, 2)),
        conv(2, (2, 4, 4, 4), (6, 2, 2, 2), groups=2),
        conv(2, (2, 3, 5, 5), (3, 1, 3, 3), padding=1, groups=3),
        conv(2, (2, 3, 5, 5), (6, 1, 3, 2), stride=2, padding=1, groups=3),
        conv(2, (2, 4, 7, 6), (2, 2, 2, 2), stride=(2, 3), padding=(1, 2), dilation=(2, 1), groups=2),
    ],
    "conv3d": [
        conv(3, (2, 2, 3, 4, 3), (3, 2, 2, 2, 2)),
        conv(3, (2, 2, 3, 4, 3), (4, 1, 2, 1, 2), stride=(1, 2, 2), padding=1, dilation=(2, 1, 1), groups=2),
    ],
    "conv_transpose1d": [
        transpose(1, (2, 3, 4), (3, 2, 3)),
        transpose(1, (3, 4), (3, 2, 3), stride=2, padding=1, output_padding=1, dilation=2),
    ],
    "conv_transpose2d": [
        transpose(2, (2, 3, 3, 2), (3, 2, 2, 3)),
        transpose(2, (3, 3, 2), (3, 2, 2, 3), bias=False),
        transpose(2, (2, 3, 3, 2), (3, 2, 2, 3), stride=(3, 2), output_padding=(2, 1)),
        transpose(2, (2, 4, 3, 3), (4, 2, 2, 3), stride=2, padding=(1, 2), output_padding=1, groups=2, dilation=(1, 2)),
        transpose(2, (2, 3, 3, 3), (3, 1, 3, 3), padding=1, groups=3),
    ],
    "conv_transpose3d": [transpose(3, (1, 2, 2, 3, 2), (2, 1, 2, 2, 1), stride=(1, 2, 2), padding=(1, 0, 0), groups=2)],
    "unfold": [
        Case(lambda x: F.unfold(x, (2, 3)), [rand(2, 2, 4, 5)]),
        Case(lambda x: F.unfold(x, 2, dilation=2, padding=(1, 0), stride=(2, 1)), [rand(3, 4, 5)]),
    ],
    "fold": [
        Case(lambda x: F.fold(x, (4, 5), (2, 3)), [rand(2, 12, 9)]),
        Case(lambda x: F.fold(x, (4, 5), 2, dilation=2, padding=(1, 0), stride=(2, 1)), [rand(8, 6)]),
    ],
}
