"""There is one source of random numbers; it starts anew with a seed, and costs nothing until it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_children_draw_numbers_of_their_own_which_a_seed_repeats() -> None:
    code = """
import os, numpy as np, tinygrad_lite as tg
tg.manual_seed(3)
first = tg.dropout(np.ones(40)).tolist()
def child():
    reader, writer = os.pipe()
    if not os.fork():
        os.write(writer, repr(tg.dropout(np.ones(40)).tolist()).encode())
        os._exit(0)
    os.wait()
    return eval(os.read(reader, 10_000))
print(repr([child(), child(), tg.dropout(np.ones(40)).tolist()]))
"""
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in "12"]
    one, two, parent = eval(runs[0].stdout)
    assert one != two != parent != one
    assert runs[0].stdout == runs[1].stdout  # a seed repeats the children's, too
    tg.manual_seed(3)
    tg.dropout(np.ones(40))
    assert tg.dropout(np.ones(40)).tolist() == parent  # and no fork changes the parent's


@pytest.mark.parametrize(
    ("seed", "error", "said"),
    [(-1, ValueError, "must be at least 0, got -1"), ("a", TypeError, "must be an integer of at least 0, got 'a'")],
)
def test_a_seed_that_is_none_is_named(seed: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=f"^manual_seed: the seed {said}"):
        tg.manual_seed(seed)


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


def test_a_state_that_is_set_repeats_what_followed_it() -> None:
    tg.manual_seed(3)
    tg.random.generator.standard_normal(3)
    state = tg.random.get_state()
    first = tg.random.generator.standard_normal(5)
    assert not np.array_equal(tg.random.generator.standard_normal(5), first)
    tg.random.set_state(state)
    assert np.array_equal(tg.random.generator.standard_normal(5), first)


@pytest.mark.parametrize("state", [None, {}, {"bit_generator": "PCG64", "state": {"state": -1}}, "PCG64", 3])
def test_a_state_of_another_kind_is_refused_and_nothing_changes(state: Any) -> None:
    before = tg.random.get_state()
    with pytest.raises(ValueError, match=r"set_state: needs what get_state\(\) gave"):
        tg.random.set_state(state)
    assert tg.random.get_state() == before
