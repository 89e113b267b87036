"""The one source of random numbers: initial weights, dropout and shuffling all draw from `generator`."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import describe

generator: np.random.Generator
_forks = 0


@functools.cache
def _made() -> np.random.Generator:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_count_fork, after_in_child=_reseed)
    return np.random.default_rng()


def _count_fork() -> None:
    global _forks
    _forks += 1


def _reseed() -> None:
    """Let a forked child draw other numbers than its parent and its siblings: by its number, so a seed repeats them."""
    state = _made().bit_generator.state["state"]
    manual_seed(np.random.SeedSequence([_forks, *state.values()]))


def __getattr__(name: str) -> np.random.Generator:
    """`generator` is made when it is first asked for: to import numpy.random takes as long as half of this library."""
    if name == "generator":
        return _made()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def manual_seed(seed: Any) -> None:
    """Restart the source of random numbers: with the same seed, what follows is the same to the last bit.

    A forked process goes on with numbers of its own, which depend on the seed and on how many forks came before.

    Args:
        seed: an integer of at least 0, or a NumPy SeedSequence.

    Raises:
        ValueError: `seed` is negative.
        TypeError: `seed` is no integer.
    """
    if not isinstance(seed, (int, np.integer, np.random.SeedSequence)):
        raise TypeError(f"manual_seed: the seed must be an integer of at least 0, got {seed!r}")
    if isinstance(seed, (int, np.integer)) and seed < 0:
        raise ValueError(f"manual_seed: the seed must be at least 0, got {seed}")
    _made().bit_generator.state = np.random.default_rng(seed).bit_generator.state


def get_state() -> dict[str, Any]:
    """Where the source of random numbers stands: numbers and strings by name, as `tg.save` takes them."""
    return dict(_made().bit_generator.state)


def set_state(state: Mapping[str, Any]) -> None:
    """Go on from a `get_state`: what follows is the same to the last bit.

    Raises:
        ValueError: `state` is something else.
    """
    try:
        _made().bit_generator.state = state
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise ValueError(f"set_state: needs what get_state() gave, got {describe(state)}") from error
