"""The one source of random numbers: initial weights, dropout and shuffling all draw from `generator`."""

from __future__ import annotations

import functools

import numpy as np

from .errors import named

generator: np.random.Generator


@functools.cache
def _made() -> np.random.Generator:
    return np.random.default_rng()


def __getattr__(name: str) -> np.random.Generator:
    """`generator` is made when it is first asked for: to import numpy.random takes as long as half of this library."""
    if name == "generator":
        return _made()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@named
def manual_seed(seed: int) -> None:
    """Start the source of random numbers anew: with the same seed, what follows is the same to the last bit.

    Raises:
        ValueError, TypeError: `seed` is negative, or no integer.
    """
    _made().bit_generator.state = np.random.default_rng(seed).bit_generator.state
