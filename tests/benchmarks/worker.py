"""A library in a process of its own: answers to compare, and times."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Worker:
    """The process of one library, as the main process sees it."""

    def __init__(self, library: str, threads: int) -> None:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))  # read as the libraries are loaded
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, library, threads), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, *question: Any, patience: float = 600.0) -> Any:
        """The answer, or an exception as the answer: what the library doesn't offer, or what went wrong."""
        self.pipe.send(question)
        if not self.pipe.poll(patience):
            return TimeoutError(f"no answer in {patience:.0f} s")
        try:
            return self.pipe.recv()
        except EOFError:
            return RuntimeError("the process ended")

    def close(self) -> None:
        self.process.terminate()
        self.process.join()


def serve(pipe: Connection, name: str, threads: int) -> None:
    """Answer until the other side closes: ("value", workload), then ("time", seconds, cpu) of the same workload, …"""
    from .libraries import LIBRARIES
    from .workloads import CURVES, WORKLOADS, Workload

    workloads: dict[Any, Workload] = {**WORKLOADS}
    workloads.update(((curve, n), workload) for curve, points in CURVES.items() for n, workload in points.items())
    library = LIBRARIES[name](threads)
    # Freed at once, so that glibc keeps blocks of up to that size from now on. A process in which nothing large was
    # freed yet pays page faults in every call: 4.7 in place of 0.26 ms for PyTorch's depthwise convolution.
    np.empty(31 << 20, np.uint8)
    step: Any = None
    while True:
        try:
            what, *rest = pipe.recv()
        except EOFError:
            return
        try:
            if what == "value":
                step = None
                gc.collect()
                step = workloads[rest[0]].prepare(library)
                answer: Any = library.arrays(step())
            elif what == "time":
                answer = timed(step, *rest)
            elif what == "peak":
                answer = peak_memory()
            else:
                answer = describe(name)
        except Exception as error:
            answer = RuntimeError(f"{type(error).__name__}: {error}")  # any other might not go through the pipe
        pipe.send(answer)


def timed(step: Any, seconds: float, cpu: bool) -> float:
    """The median time of one call in s, over samples that last about `seconds` together.

    By the clock on the wall, or with `cpu` by what this process had of the processor, all its threads together.
    """
    gc.collect()
    clock = time.process_time if cpu else time.perf_counter
    start = clock()
    step()
    once = clock() - start
    calls = max(1, int(0.001 / once))  # in a sample, so that the clock's own cost doesn't show
    samples: list[float] = []
    end = clock() + seconds
    while not samples or clock() < end:
        start = clock()
        for _ in range(calls):
            step()
        samples.append((clock() - start) / calls)
    return statistics.median(samples)


def peak_memory() -> int | None:
    """The most memory that this process ever held, in bytes; None where the system doesn't say (Linux does)."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        return None


def describe(name: str) -> dict[str, Any]:
    """The version of the library, and the BLAS beneath NumPy."""
    import importlib.metadata

    from .libraries import LIBRARIES

    package = LIBRARIES[name].package or name
    found: dict[str, Any] = {"version": importlib.metadata.version(package.replace("_", "-"))}
    if "tinygrad_lite.kernels.onednn.loading" in sys.modules:
        found["oneDNN"] = sys.modules["tinygrad_lite.kernels.onednn.loading"].status().partition(" (")[0]  # its path
    try:
        from threadpoolctl import threadpool_info

        found["pools"] = [
            {k: pool.get(k) for k in ("user_api", "internal_api", "version", "architecture", "num_threads")}
            for pool in threadpool_info()
        ]
    except ImportError:
        pass
    return found
