"""There is one source of random numbers; it starts anew with a seed, and costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tinygrad_lite as tg
from tinygrad_lite import random


def test_a_seed_starts_the_source_anew() -> None:
    tg.manual_seed(3)
    first = random.generator.random(5).tolist()
    assert random.generator.random(5).tolist() != first
    tg.manual_seed(3)
    assert random.generator.random(5).tolist() == first


def test_the_source_stays_the_same_object() -> None:
    before = random.generator
    tg.manual_seed(1)
    assert random.generator is before


def test_other_names_are_unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'generators'"):
        random.generators  # noqa: B018


def test_importing_the_library_loads_nothing_heavy_beside_numpy() -> None:
    code = "import numpy, sys; before = set(sys.modules); import tinygrad_lite; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    heavy = {
        "numpy.random",
        "importlib.resources",
        "multiprocessing",
        "matplotlib",
        "graphviz",
        "scipy",
        "sympy",
        "torch",
    }
    assert "tinygrad_lite.graph" in loaded
    assert not loaded & heavy
