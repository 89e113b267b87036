"""The process keeps freed memory for the next arrays, gives it back when asked, and all of it can be switched off."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels import memory

glibc = pytest.mark.skipif(memory._glibc() is None, reason="the C library isn't glibc")


def printed(code: str, tune: bool = True) -> list[int]:
    """The integers that a fresh Python prints."""
    environment = {**os.environ, "TINYGRAD_LITE_TUNE": str(int(tune)), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return [int(word) for word in run.stdout.split()]


FAULTS = """
import resource
import numpy as np
import tinygrad_lite as tg
x = tg.Tensor(np.ones((1000, 1000), np.float32), requires_grad=True)
def step():
    x.zero_grad()
    (x * x + x).sum().backward()
for _ in range(3): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


@glibc
def test_arrays_of_some_megabytes_are_used_again() -> None:
    (kept,), (given_back,) = printed(FAULTS), printed(FAULTS, tune=False)
    assert kept < 50  # pages that the system had to clear, a step
    assert given_back > 10 * kept


RESIDENT = """
import numpy as np
import tinygrad_lite as tg
def resident(): return int(open("/proc/self/statm").read().split()[1]) * 4096
arrays = [np.ones(1_000_000) for _ in range(20)]
last = [0] * 1000
del arrays
before = resident()
found = tg.empty_cache()
print(before, resident(), int(found))
"""


@glibc
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_empty_cache_gives_memory_back_to_the_system() -> None:
    before, after, found = printed(RESIDENT)
    assert found
    assert before - after > 100_000_000


def test_the_collector_is_made_rarer_only_where_python_s_own_setting_stands() -> None:
    show = "print(*gc.get_threshold())"
    own = printed(f"import gc; {show}", tune=False)
    ours = [10_000, 10, 0] if own == [2000, 10, 0] else [10_000, 0, 250]
    assert printed(f"import gc, tinygrad_lite; {show}") == ours
    assert printed(f"import gc; gc.set_threshold(123, 4, 5); import tinygrad_lite; {show}") == [123, 4, 5]
    assert printed(f"import gc, tinygrad_lite; {show}", tune=False) == own


@glibc
def test_keep_memory_says_that_it_was_done() -> None:
    assert tg.keep_memory(0)
    assert tg.keep_memory(1 << 40)  # more than the setting can hold
    assert tg.keep_memory()


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"keep_memory: .* at least 0, got -1"):
        tg.keep_memory(-1)


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not tg.keep_memory()
    assert not tg.empty_cache()
