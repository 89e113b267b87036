"""The one source of random numbers: initial weights, dropout and shuffling all draw from `generator`."""

from __future__ import annotations

import numpy as np

generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Start the source of random numbers anew: with the same seed, what follows is the same to the last bit.

    Raises:
        ValueError, TypeError: `seed` is negative, or no integer.
    """
    generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
