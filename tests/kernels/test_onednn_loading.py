"""oneDNN's library: when it is loaded, its threads, forks, exits, and what happens without it."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels import threads
from tinygrad_lite.kernels.onednn import binding, elementwise, loading

from . import onednn  # noqa: F401  # skips where there is no library
from .test_threads import printed

USE = """
import numpy as np, tinygrad_lite as tg
from tinygrad_lite.kernels.onednn import loading
x, w = np.ones((8, 16, 32, 32), np.float32), np.ones((16, 16, 3, 3), np.float32)
def once(): return float(tg.conv2d(x, w, padding=1).sum())
"""


def test_it_is_loaded_when_the_first_large_array_comes() -> None:
    code = USE + "small = tg.conv2d(x[:1, :, :4, :4], w); before = loading._library; once()\n"
    assert printed(code + "print(before, loading._library is not None)") == "None True"


def test_left_out() -> None:
    code = "import sys, tinygrad_lite as tg; print('tinygrad_lite.kernels.onednn' in sys.modules); tg.show_config()"
    lines = printed(code, TINYGRAD_LITE_FAST="0").splitlines()
    assert lines[0] == "False" and lines[3] == "oneDNN  left out (TINYGRAD_LITE_FAST=0)"


def test_without_the_library_nothing_changes_and_nothing_is_said() -> None:
    """`printed` checks that there is no error; warnings would be errors here."""
    code = USE + "import warnings; warnings.simplefilter('error'); loading.found = lambda: None; print(once())\n"
    lines = printed(code + "tg.show_config()").splitlines()
    assert float(lines[0]) == pytest.approx(8 * 16 * 16 * 94**2)
    assert "oneDNN  not used: oneDNN's library was not found" in lines


def test_a_library_of_another_version_is_not_used() -> None:
    code = USE + "loading.CVersion.major = 2; once(); print(loading.status())"
    assert "this library speaks to version 3" in printed(code)


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    tg.show_config()
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    it = loading.opened()
    assert it is not None
    assert rows["NumPy"] == np.__version__ and int(rows["threads"]) == tg.get_num_threads()
    assert rows["oneDNN"].startswith(f"{it.version}, {it.instruction_set}, ")
    assert rows["BLAS"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("number", ["1", "3"])
def test_a_forked_child_computes_with_numpy(number: str) -> None:
    """OpenMP's threads don't survive a fork: the child would wait for them."""
    code = """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
wanted = once()
child = os.fork()
if not child:
    os._exit(7 if once() == wanted and loading.opened() is None else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), once() == wanted)
"""
    assert printed(USE + code, OMP_NUM_THREADS=number) == "7 True"


def test_the_process_ends_by_itself_and_says_nothing() -> None:
    code = """
import threading
once()
one = threading.Thread(target=once); one.start(); one.join()
wait = threading.Event()
threading.Thread(target=lambda: (once(), wait.wait()), daemon=True).start()
once()
"""
    assert printed(USE + code + "print('done')", OMP_NUM_THREADS="2") == "done"


def test_several_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise.tanh, "least", 1)
    errors: list[Any] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(30):
            x = rng.normal(size=(4, 8, 16, 16)).astype(np.float32)
            w = rng.normal(size=(int(rng.integers(4, 9)), 8, 3, 3)).astype(np.float32)
            y = tg.conv2d(np.tanh(x), w)
            exact = tg.conv2d(np.tanh(x.astype(float)), w.astype(float))
            if not np.allclose(y, exact, rtol=1e-3, atol=1e-3):
                errors.append(np.abs(y - exact).max())

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert not errors


def test_threads_spin_briefly_unless_the_user_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    with loading.brief_spinning():
        assert os.environ["GOMP_SPINCOUNT"] == loading.SPINS
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    with loading.brief_spinning():
        assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    with loading.brief_spinning():
        assert os.environ["GOMP_SPINCOUNT"] == "7"
    assert os.environ["GOMP_SPINCOUNT"] == "7"


def test_one_number_of_threads_rules_all() -> None:
    before = tg.get_num_threads()
    try:
        for n in (1, 3):
            tg.set_num_threads(n)
            x = np.ones((8, 16, 32, 32), np.float32)
            tg.conv2d(x, np.ones((16, 16, 3, 3), np.float32))
            assert binding.attached().threads == n
            assert threads._openblas()[0]() == 1  # it would spin beside oneDNN's threads
    finally:
        tg.set_num_threads(before)


def test_calls_are_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elementwise.tanh, "least", 1)
    here = binding.prepare()
    here.call.cache_clear()
    for n in range(1, binding.CALLS + 10):
        elementwise.tanh(np.ones(n, np.float32))
    info = here.call.cache_info()
    assert info.currsize == binding.CALLS
    elementwise.tanh(np.ones(n, np.float32))
    assert here.call.cache_info().hits == info.hits + 1


def test_the_quick_way_to_an_address_is_right() -> None:
    for a in (np.empty(3), np.empty((4, 5), np.float32)[1:, ::2], np.empty((0, 3))):
        assert binding.address(a) == a.__array_interface__["data"][0]
