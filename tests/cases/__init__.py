"""One case or more for every op in the table: its inputs, how it is called, and where it must not be checked.

Each file holds the cases of the ops file of the same name. `CASES` maps the op's name to its cases.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """`f(*inputs)` calls the op. `inputs` are float64 arrays, all of them checked; away from kinks and ties."""

    f: Callable[..., Any]
    inputs: Sequence[Any]
    label: str = ""


def rand(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> np.ndarray[Any, Any]:
    """Uniform in [low, high), the same at every call."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def ordered(x: np.ndarray[Any, Any], memory: Sequence[int]) -> np.ndarray[Any, Any]:
    """A copy of x whose axes lie in memory in that order, the outermost first."""
    return np.ascontiguousarray(x.transpose(memory)).transpose(np.argsort(memory))


def all_cases() -> dict[str, list[Case]]:
    cases: dict[str, list[Case]] = {}
    for module in pkgutil.iter_modules(__path__):
        for name, more in importlib.import_module(f"{__name__}.{module.name}").CASES.items():
            cases.setdefault(name, []).extend(more)
    return cases


def curved(f: Callable[..., Any]) -> Callable[..., Any]:
    """tanh ∘ f: a linear op alone has no second derivative to check."""
    return lambda *xs: np.tanh(f(*xs))
