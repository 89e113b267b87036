"""Convolution, pooling and resampling give PyTorch's numbers: values, first and second gradients, at every option."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from . import test_functional as functional
from .test_functional import rand

SAMPLES: list[Any] = []


def sample(name: str, *args: Any, second: bool = True, **kwargs: Any) -> None:
    form = ",".join([*(str(getattr(a, "shape", a)) for a in args), *(f"{k}={v}" for k, v in kwargs.items())])
    SAMPLES.append(pytest.param(name, args, kwargs, second, id=f"{name}-{form}"[:120]))


SIZES = {1: (7,), 2: (7, 6), 3: (5, 6, 5)}
KERNELS = {1: (3,), 2: (3, 2), 3: (2, 3, 2)}
MODES_AT = {2: ("bilinear", "nearest", "bicubic"), 3: ("bilinear", "nearest")}
OPTIONS = list(itertools.product((1, 2), (0, 1), (1, 2), (1, 2)))  # stride, padding, dilation, groups

for n in (1, 2, 3):
    size, kernel = SIZES[n], KERNELS[n]
    for stride, padding, dilation, groups in OPTIONS:
        x, w, b = rand(2, 4, *size), rand(6, 4 // groups, *kernel), rand(6)
        sample(f"conv{n}d", x, w, b, stride, padding, dilation, groups)
        more = max(stride, dilation) - 1
        sample(f"conv_transpose{n}d", x, rand(4, 3, *kernel), rand(3 * groups), stride, padding, more, groups, dilation)
    sample(f"conv{n}d", rand(4, *size), rand(6, 4, *kernel))
    sample(f"conv{n}d", rand(1, 3, *size), rand(6, 1, *kernel), groups=3, padding="same")
    sample(f"conv{n}d", rand(2, 3, *size), rand(3, 3, *kernel), padding="valid")
    sample(f"conv_transpose{n}d", rand(4, *size), rand(4, 2, *kernel))
    sample(f"max_pool{n}d", rand(2, 3, *size), 2)
    sample(f"max_pool{n}d", rand(3, *size), 2, 1)
    for stride, padding, dilation, ceil_mode in itertools.product((1, 2, 3), (0, 1), (1, 2), (False, True)):
        sample(f"max_pool{n}d", rand(2, 3, *size), 2, stride, padding, dilation, ceil_mode=ceil_mode)
    for step, padding, ceil_mode, count in itertools.product((None, 2, 3), (0, 1), (False, True), (False, True)):
        sample(f"avg_pool{n}d", rand(2, 3, *size), 2, step, padding, ceil_mode, count)
    if n > 1:
        sample(f"avg_pool{n}d", rand(2, 3, *size), 3, 2, 1, divisor_override=5)
    for output in (1, 2, 3, 5, 8, *([(2, None)] if n == 2 else [])):
        sample(f"adaptive_avg_pool{n}d", rand(2, 3, *size), output)
        sample(f"adaptive_max_pool{n}d", rand(2, 3, *size), output)
    for p in (1.0, 2.0, 3.5):
        sample(f"lp_pool{n}d", rand(2, 3, *size, low=0.1), p, 2, 3, ceil_mode=True)

for n, out in ((2, (4, 3)), (3, (3, 4, 2))):
    for align in (False, True):
        sample("affine_grid", rand(2, n, n + 1), (2, 3, *out), align)
        for mode, padding_mode in itertools.product(MODES_AT[n], ("zeros", "border", "reflection")):
            points = rand(2, *out, n, low=-2.5, high=2.5)
            sample("grid_sample", rand(2, 3, *SIZES[n]), points, mode, padding_mode, align, second=False)
sample("channel_shuffle", rand(2, 6, 3, 4), 3)

sample("conv2d", rand(0, 3, 5, 5), rand(4, 3, 3, 3))
sample("conv2d", rand(2, 2, 6, 5), rand(3, 2, 1, 1), None, (3, 2), (0, 1))
sample("unfold", rand(2, 3, 5, 6), (2, 3))
sample("unfold", rand(3, 5, 6), 2, 2, 1, (2, 1))
sample("fold", rand(2, 18, 16), (5, 6), (2, 3))
sample("pixel_shuffle", rand(2, 8, 3, 4), 2)
sample("pixel_unshuffle", rand(2, 3, 6, 4), 2)
MODES = {
    1: ("nearest", "nearest-exact", "linear", "area"),
    2: ("nearest", "bilinear", "bicubic"),
    3: ("nearest", "trilinear"),
}
for n, modes in MODES.items():
    for mode in modes:
        for corners in (None, True) if "linear" in mode or "cubic" in mode else (None,):
            for new in (1, 3, 7, 8):
                sample("interpolate", rand(2, 3, *SIZES[n]), new, mode=mode, align_corners=corners)
            if mode != "area":
                for factor in (2, 0.6, 1.7):
                    sample("interpolate", rand(2, 3, *SIZES[n]), None, factor, mode=mode, align_corners=corners)


@pytest.mark.filterwarnings("ignore:Using padding=.same.:UserWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "args", "kwargs", "second"), SAMPLES)
def test_gives_pytorchs_numbers(name: str, args: Any, kwargs: Any, second: bool, dtype: str) -> None:
    functional.test_gives_pytorchs_numbers(name, args, kwargs, second, False, dtype)
