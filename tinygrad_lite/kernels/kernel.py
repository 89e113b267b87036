"""Moves out as the kernels register themselves."""

from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from ..dispatch import array_code, forward

P = ParamSpec("P")


def kernel(plain: Callable[P, Any]) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    return (array_code if isinstance(plain, np.ufunc) else forward)(plain).register
