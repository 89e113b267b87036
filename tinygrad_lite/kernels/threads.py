"""Independent pieces of work on a few threads: NumPy releases the interpreter lock in ufuncs, copies and products.

Dispatch and join take about 50 µs (25 even with spinning instead of sleeping: both sides wait for the lock), so a
second thread pays from about 200 µs of work on: softmax of 640×1000 takes 0.52 ms with two threads, 0.93 with one. A
single ufunc gets there with 6 MB: np.exp of 4,000,000 float32 takes 1.1 ms instead of 2.0. An operator hardly ever
does, since memory is the limit: a · b takes 0.75 of the time from 8 MB on, but Σ a·b + c with its gradients 0.8 to 1.1.
So operators stay in one thread; kernels that work in blocks call `each`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import copy_context
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

from . import thresholds

Item = TypeVar("Item")


def _default() -> int:
    """OMP_NUM_THREADS (its first number), or else the cores that this process may use."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if first.isdecimal() and int(first) > 0:
        return int(first)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Pool:
    """Threads that wait for jobs. They start when first needed, and end with the process."""

    def __init__(self, threads: int) -> None:
        self.threads = threads  # that work together, the caller's among them
        self.helpers = 0  # started so far
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.busy = threading.Lock()  # held while a caller has the pool
        self.last = -thresholds.SECONDS_AWAKE  # when it was last given a job

    def help(self, job: Callable[[], None], times: int) -> None:
        """Have that many helpers do `job` at once: at most `threads` - 1."""
        self.last = time.monotonic()
        while self.helpers < times:
            self.helpers += 1
            threading.Thread(target=self._work, name=f"tinygrad_lite-{self.helpers}", daemon=True).start()
        for _ in range(times):
            self.jobs.put(job)

    def _work(self) -> None:
        while True:
            self.jobs.get()()


_pool = _Pool(_default())


def _after_fork() -> None:
    """Threads don't survive a fork: the child starts its own."""
    global _pool
    _pool = _Pool(_pool.threads)
    if one_blas_thread.inside:
        set_num_threads(_pool.threads)
    one_blas_thread.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_num_threads() -> int:
    """How many threads work on one operation, the caller's included."""
    return _pool.threads


def set_num_threads(n: int) -> None:
    """Use `n` threads for one operation, both in the kernels and in NumPy's BLAS (if it is OpenBLAS).

    The default is OMP_NUM_THREADS, or else the number of cores that this process may use.

    Raises:
        ValueError: `n` isn't a positive integer.
    """
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"set_num_threads: needs a positive integer, got {n!r}")
    _pool.threads = n
    _openblas()[1](1 if _quiet else n)


_quiet = False  # whether the BLAS has one thread, for good


def quiet_blas(quiet: bool) -> None:
    """One thread for the BLAS from now on; or again as many as `get_num_threads` says.

    Its threads spin for a while after their work, and so do those of oneDNN: each would hold up the other. Large
    products of float64 are shared out over the threads here.
    """
    global _quiet
    _quiet = quiet
    _openblas()[1](1 if quiet else _pool.threads)


def awake() -> bool:
    """Whether our threads worked a moment ago: then those of the BLAS should sleep."""
    return _quiet or time.monotonic() - _pool.last < thresholds.SECONDS_AWAKE


def split(n: int, least: int = 1) -> list[slice]:
    """range(n) in equal parts, one for each thread, none smaller than `least` (unless n is)."""
    parts = max(1, min(_pool.threads, n // max(1, least)))
    return [slice(i * n // parts, (i + 1) * n // parts) for i in range(parts)]


def shared(n: int, products: int) -> list[slice]:
    """range(n) in one part for each thread, or in fewer parts if each would have too few of so many products."""
    return split(n, max(1, -(-thresholds.PRODUCTS_FOR_A_SECOND_THREAD * n // max(1, products))))


def pieces(part: slice, most: int) -> list[slice]:
    """A part in pieces of nearly equal length, at most `most` each (1, if that is less)."""
    n = part.stop - part.start
    count = -(-n // max(1, most))
    return [slice(part.start + i * n // count, part.start + (i + 1) * n // count) for i in range(count)]


def each(f: Callable[[Item], Any], items: Iterable[Item]) -> None:
    """f(item) for every item, in any order, on the threads; the BLAS uses one thread meanwhile.

    Returns when all are done. An exception in one of them is raised here, and items not yet begun are skipped. A call
    inside `f`, or while another thread is in here, runs its items one after the other. A single item leaves the BLAS
    its threads, unless ours are awake.
    """
    items = list(items)
    pool = _pool
    helpers = min(pool.threads, len(items)) - 1
    if not helpers and not awake():
        for item in items:
            f(item)
        return
    if helpers < 1 or not pool.busy.acquire(blocking=False):
        with one_blas_thread:
            for item in items:
                f(item)
        return
    rest = iter(items)
    errors: list[BaseException] = []
    done: SimpleQueue[None] = SimpleQueue()
    contexts = [copy_context() for _ in range(helpers)]  # np.errstate holds in the helpers too

    def work() -> None:
        try:
            for item in rest:
                f(item)
        except BaseException as error:
            errors.append(error)
            for _ in rest:
                pass

    def job() -> None:
        contexts.pop().run(work)
        done.put(None)

    try:
        with one_blas_thread:
            pool.help(job, helpers)
            work()
            for _ in range(helpers):
                done.get()
    finally:
        pool.busy.release()
    if errors:
        raise errors[0]


@functools.cache
def openblas_function(name: str) -> Any:
    """A function of the OpenBLAS that NumPy came with, by its name after `openblas_`; None if NumPy's is another."""
    folder = Path(np.__file__).parent
    for path in [*folder.parent.glob("numpy.libs/*openblas*"), *folder.glob(".dylibs/*openblas*")]:
        library = ctypes.CDLL(str(path))  # the one that NumPy has loaded
        for form in ("scipy_openblas_{}64_", "openblas_{}64_", "openblas_{}"):
            if hasattr(library, form.format(name)):
                return getattr(library, form.format(name))
    return None


def _openblas() -> tuple[Callable[[], int], Callable[[int], Any]]:
    """OpenBLAS's functions that get and set its number of threads; that do nothing where NumPy has another BLAS."""
    return openblas_function("get_num_threads") or (lambda: 1), openblas_function("set_num_threads") or (lambda n: None)


class _OneBlasThread:
    """`with one_blas_thread:` the BLAS works in the calling thread alone, as long as anyone is inside.

    Products computed in several threads at once would wait for each other if each used the BLAS's own threads. And
    these spin for about 0.1 s after their last work, which costs the pool a core: a residual net took 270 ms a step
    beside them, and 150 ms without.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.before = 1

    def __enter__(self) -> None:
        get, put = _openblas()
        with self.lock:
            if not self.inside:
                self.before = get()
                put(1)
            self.inside += 1

    def __exit__(self, *exception: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                _openblas()[1](self.before)


one_blas_thread = _OneBlasThread()
