"""Where oneDNN's library is, loading it, and its threads."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import threads

NAMES = {"win32": ("dnnl.dll",), "darwin": ("libdnnl.3.dylib", "libdnnl.dylib")}
SPINS = "10000"  # by default libgomp has 300,000
RUNTIMES = {1: "one thread", 2: "OpenMP"}  # others take no number of threads from us
INSTRUCTION_SETS = {
    0x1: "SSE4.1", 0x3: "AVX", 0x7: "AVX2", 0xF: "AVX2 with VNNI", 0x1F: "AVX2 with VNNI 2", 0x27: "AVX-512",
    0x67: "AVX-512 with VNNI", 0xE7: "AVX-512 with BF16", 0x1EF: "AVX-512 with FP16", 0xFEF: "AVX-512 with AMX",
    0x1FEF: "AVX-512 with AMX FP16",
}  # fmt: skip


class CVersion(ctypes.Structure):
    """dnnl_version_t."""

    _fields_ = [
        ("major", ctypes.c_int), ("minor", ctypes.c_int), ("patch", ctypes.c_int), ("hash", ctypes.c_char_p),
        ("cpu_runtime", ctypes.c_uint), ("gpu_runtime", ctypes.c_uint),
    ]  # fmt: skip


@functools.cache
def found() -> Path | None:
    """The library's file, or None: looked for where pip, conda, Homebrew and Linux distributions put it."""
    files = (folder / name for folder in _folders() for name in NAMES.get(sys.platform, ("libdnnl.so.3",)))
    return next((file for file in files if file.is_file()), None)


def _folders() -> Iterator[Path]:
    for entry in sys.path:
        if entry.endswith("site-packages"):
            yield Path(entry).parents[1]  # of a virtual environment, or of the user
    prefix = Path(sys.prefix)
    yield from (prefix / "lib", prefix / "Library" / "bin")
    for variable in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        yield from map(Path, filter(None, os.environ.get(variable, "").split(os.pathsep)))
    machine = "aarch64" if os.name == "posix" and os.uname().machine == "aarch64" else "x86_64"
    yield from map(
        Path, ("/opt/homebrew/lib", "/usr/local/lib", f"/usr/lib/{machine}-linux-gnu", "/usr/lib64", "/usr/lib")
    )


class Library:
    """The loaded library. Raises OSError where it cannot be used, and says why."""

    def __init__(self) -> None:
        path = found()
        if path is None:
            raise OSError("oneDNN's library was not found")
        self.path = str(path)
        # Through `calls` other Python threads run meanwhile; functions that take less time than the hand-over go
        # through `short`, which keeps the interpreter's lock.
        with brief_spinning():
            self.calls, self.short = ctypes.CDLL(self.path), ctypes.PyDLL(self.path)
        self.calls.dnnl_version.restype = ctypes.POINTER(CVersion)
        version = self.calls.dnnl_version().contents
        self.version = f"{version.major}.{version.minor}.{version.patch}"
        if version.major != 3:
            raise OSError(f"oneDNN {self.version}: this library speaks to version 3")
        if version.cpu_runtime not in RUNTIMES:
            raise OSError(f"oneDNN {self.version} was built without OpenMP: its threads cannot be set")
        self.runtime = RUNTIMES[version.cpu_runtime]
        isa = self.calls.dnnl_get_effective_cpu_isa()
        self.instruction_set = INSTRUCTION_SETS.get(isa, hex(isa))
        self.set_threads: Callable[[int], Any] = getattr(self.calls, "omp_set_num_threads", lambda n: None)
        self.engine = ctypes.c_void_p()
        if self.calls.dnnl_engine_create(ctypes.byref(self.engine), 1, ctypes.c_size_t(0)):
            raise OSError(f"oneDNN {self.version} has no engine for this processor")


@contextmanager
def brief_spinning() -> Iterator[None]:
    """OpenMP's threads, loaded within, spin for some 0.5 ms when they wait, then sleep; not for some 7 ms.

    On an idle machine both take as long. Where other processes want the cores too, a thread may spin on the very core
    that the other one waits for: a pooling of 1 ms then took 17 to 20 ms, and so takes 2 to 5. Who has set OpenMP's
    own variables for this keeps them.
    """
    ours = "GOMP_SPINCOUNT" not in os.environ and "OMP_WAIT_POLICY" not in os.environ
    if ours:
        os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        yield
    finally:
        if ours:
            del os.environ["GOMP_SPINCOUNT"]


_lock = threading.Lock()
_library: Library | None = None
_refused: str | None = None  # why not


def opened() -> Library | None:
    """The library, loaded at the first call; None where there is none that can be used."""
    global _library, _refused
    if _library is None and _refused is None:
        with _lock:
            if _library is None and _refused is None:
                try:
                    _library = Library()
                except (OSError, AttributeError) as error:
                    _refused = str(error)
                else:
                    threads.quiet_blas(True)
    return _library


def status() -> str:
    """In a few words, for show_config()."""
    if os.environ.get("TINYGRAD_LITE_FAST", "1") == "0":
        return "left out (TINYGRAD_LITE_FAST=0)"
    it = opened()
    return f"{it.version}, {it.instruction_set}, {it.runtime} ({it.path})" if it else f"not used: {_refused}"


def _after_fork() -> None:
    """OpenMP's threads don't survive a fork, and it would wait for them: a child computes with NumPy."""
    global _library, _refused, _lock
    _lock = threading.Lock()
    if _library is not None:
        _library, _refused = None, "this process was forked from one that used it"
        threads.quiet_blas(False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
