"""Pieces of work over threads: each is done once, errors arrive, and forks, exits and nesting are harmless."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.kernels import threads, thresholds
from tinygrad_lite.kernels.threads import each, one_blas_thread, pieces, split


@pytest.fixture(autouse=True)
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads, for the BLAS too: it has one for good in a process that has used oneDNN."""
    monkeypatch.setattr(threads, "_quiet", False)
    before = tg.get_num_threads()
    tg.set_num_threads(3)
    yield
    tg.set_num_threads(before)


def printed(code: str, **environment: str) -> str:
    """What a fresh Python prints."""
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 1000])
def test_every_item_is_done_once(n: int) -> None:
    done: list[int] = []
    each(done.append, range(n))
    assert sorted(done) == list(range(n))


@pytest.mark.parametrize(
    ("n", "least", "parts"), [(0, 1, 1), (0, 0, 1), (1, 1, 1), (2, 1, 2), (100, 1, 3), (100, 40, 2), (100, 101, 1)]
)
def test_split_covers_the_range_in_equal_parts(n: int, least: int, parts: int) -> None:
    slices = split(n, least)
    assert len(slices) == parts
    assert [i for s in slices for i in range(n)[s]] == list(range(n))
    sizes = [s.stop - s.start for s in slices]
    assert max(sizes) - min(sizes) <= 1
    assert parts == 1 or min(sizes) >= least


@pytest.mark.parametrize("most", [0, 1, 4, 7, 10, 11])
def test_pieces_cover_a_part_and_are_as_equal_as_can_be(most: int) -> None:
    found = pieces(slice(3, 13), most)
    lengths = [piece.stop - piece.start for piece in found]
    assert [i for piece in found for i in range(piece.start, piece.stop)] == list(range(3, 13))
    assert max(lengths) <= max(1, most) and max(lengths) - min(lengths) <= 1
    assert len(found) == -(-10 // max(1, most))
    assert pieces(slice(3, 3), most) == []


def test_arrays_come_out_as_with_one_thread() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 300, 300))
    out = np.empty_like(a)
    each(lambda rows: np.matmul(a[rows], b, out=out[rows]), split(300))
    np.testing.assert_allclose(out, a @ b, rtol=1e-12, atol=1e-12)  # sums of 300 products, some nearly 0


def test_several_threads_take_part() -> None:
    names = set()
    meeting = threading.Barrier(3, timeout=20)  # passed only when three are there at once

    def meet(_: int) -> None:
        meeting.wait()
        names.add(threading.current_thread().name)

    each(meet, range(3))
    assert len(names) == 3


def test_an_error_arrives_and_the_pool_goes_on() -> None:
    begun: list[int] = []

    def fail(i: int) -> None:
        begun.append(i)
        if i == 5:
            raise KeyError("five")
        time.sleep(0.001)

    with pytest.raises(KeyError, match="five"):
        each(fail, range(1000))
    assert len(begun) < 1000
    done: list[int] = []
    each(done.append, range(10))
    assert len(done) == 10


def test_each_may_be_nested_and_called_by_many_threads() -> None:
    done: list[tuple[int, int, int]] = []

    def outer(k: int) -> None:
        each(lambda i: each(lambda j: done.append((k, i, j)), range(5)), range(5))

    callers = [threading.Thread(target=outer, args=(k,)) for k in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=20)
    assert len(set(done)) == len(done) == 125


def openblas() -> Any:
    """Its functions, which must be found where NumPy itself says that it was built with OpenBLAS."""
    if "openblas" not in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]:
        pytest.skip("NumPy's BLAS isn't OpenBLAS")
    assert threads.openblas_function("get_num_threads") is not None
    return threads._openblas()


def test_the_blas_has_one_thread_meanwhile_and_its_own_number_after() -> None:
    blas = openblas()
    seen: set[Any] = set()
    each(lambda _: seen.add(blas[0]()), range(10))
    assert seen == {1}
    assert blas[0]() == 3


def test_one_blas_thread_holds_until_the_last_one_is_out() -> None:
    blas = openblas()
    first, second = threading.Event(), threading.Event()

    def other() -> None:
        with one_blas_thread:
            first.set()
            second.wait(20)

    thread = threading.Thread(target=other)
    with one_blas_thread:
        thread.start()
        assert first.wait(20)
    assert blas[0]() == 1
    second.set()
    thread.join(20)
    assert blas[0]() == 3


@pytest.mark.parametrize("shapes", [((300, 200), (200, 100)), ((64, 500), (500, 700)), ((5, 80, 90), (90, 110))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_and_their_gradients_come_out_as_with_one_thread(
    shapes: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "SECONDS_AWAKE", 60.0)
    monkeypatch.setattr(thresholds, "PRODUCTS_FOR_A_SECOND_THREAD", 1)
    rng = np.random.default_rng(0)
    x, w = (tg.Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype) for shape in shapes)
    each(lambda item: None, range(3))
    assert threads.awake()  # so that the product is shared out over them
    out = x @ w
    out.sum().backward()
    assert out.dtype == x.grad.dtype == w.grad.dtype == dtype
    tolerance = 1e-4 if dtype is np.float32 else 1e-11
    np.testing.assert_allclose(out.data, x.data @ w.data, rtol=tolerance, atol=tolerance * 10)
    g = np.ones(out.shape, dtype)
    np.testing.assert_allclose(x.grad.data, g @ w.data.T, rtol=tolerance, atol=tolerance * 10)
    flat = x.data.reshape(-1, x.shape[-1]).T @ g.reshape(-1, g.shape[-1])
    np.testing.assert_allclose(w.grad.data, flat, rtol=tolerance, atol=tolerance * 10)


def test_errstate_holds_in_every_thread() -> None:
    meeting = threading.Barrier(3, timeout=20)

    def overflow(_: int) -> None:
        meeting.wait()
        np.exp(np.full(10, 1e4))

    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("error")
        each(overflow, range(3))


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None])
def test_a_number_that_is_none_is_refused(n: Any) -> None:
    with pytest.raises(ValueError, match="set_num_threads: needs a positive integer, got"):
        tg.set_num_threads(n)


@pytest.mark.parametrize(("variable", "expected"), [("1", "1"), ("5", "5"), ("4,2", "4")])
def test_omp_num_threads_is_honoured(variable: str, expected: str) -> None:
    assert printed("import tinygrad_lite as tg; print(tg.get_num_threads())", OMP_NUM_THREADS=variable) == expected


def test_by_default_the_cores_that_the_process_may_use() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert printed("import tinygrad_lite as tg; print(tg.get_num_threads())", OMP_NUM_THREADS="") == str(cores)


USE = """
import tinygrad_lite as tg
from tinygrad_lite.kernels.threads import each
tg.set_num_threads(3)
done = []
each(done.append, range(100))
"""


def test_the_process_ends_by_itself() -> None:
    assert printed(USE + "print(len(done))") == "100"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_starts_threads_of_its_own() -> None:
    code = """
import os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
child = os.fork()
if not child:
    meeting = threading.Barrier(3, timeout=20)
    each(lambda _: meeting.wait(), range(3))
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert printed(USE + code) == "7"
