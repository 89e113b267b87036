"""How this process keeps memory: freed arrays are reused, and the garbage collector leaves long graphs alone.

Importing this library changes two settings of the process; `TINYGRAD_LITE_TUNE=0` in the environment leaves both.

**The C allocator** (glibc only; nothing is done elsewhere). NumPy asks it for a new array for every result. At first it
takes each array of 128 KiB or more from the system and gives it back when it is freed, and the system clears every page
again: Σ a·b + c with its gradients took 10.6 ms at 1000×1000, and takes 2.2 ms without. glibc raises that limit itself
over time, to the largest array that it saw freed, at most 32 MiB. `keep_memory` sets it there at once, and says how
much free memory may wait at the end of the heap. Peak memory did not rise (LeNet-5, a residual net, a transformer
block). Larger arrays still go back at once, and `empty_cache()` gives back the rest.

**Python's collector** looks for cycles after every 700 new objects. A graph has 2 to 6 objects for each scalar op, has
no cycles, and lives until backward, so each search goes through it in vain: in a graph of 100,000 scalar ops that takes
half as long as everything else. If Python's own setting is in place, the search becomes rarer: after 10,000 objects.
Every second one also goes through what the one before left, while that is still in the cache (at every eleventh,
through 110,000 objects, it took 57 of 247 ms of a step of an MLP in scalars), and all old objects are searched after
5,000,000 objects instead of 85,000. The price: a cycle that outlived two searches waits for that one to be freed.
`gc.set_threshold` changes it at any time; a program that leaves many cycles of its own may want
`gc.set_threshold(700, 10, 10)` back.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_START = 128 * 1024  # what glibc begins with, for both
_LARGEST = 32 * 1024 * 1024  # the most that glibc's own adaptation comes to


def _glibc() -> Any:
    """The C library where it is glibc, or else None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt") else None


def keep_memory(limit: int = 1 << 30) -> bool:
    """Let the process keep up to `limit` bytes of freed memory for the next arrays (1 GiB by default, as on import).

    It sets glibc's M_TRIM_THRESHOLD to `limit` and M_MMAP_THRESHOLD to 32 MiB (or `limit`, if less), for the whole
    process. 0 sets what glibc begins with, 128 KiB for both, without its own adaptation.

    Returns:
        Whether it was done; False where the C library isn't glibc, which is left as it is.

    Raises:
        ValueError: `limit` is negative.
    """
    if limit < 0:
        raise ValueError(f"keep_memory: limit must be a number of bytes, at least 0, got {limit}")
    libc = _glibc()
    if libc is None:
        return False
    limit = max(_START, min(limit, 2**31 - 1))
    return bool(libc.mallopt(_M_MMAP_THRESHOLD, min(limit, _LARGEST)) and libc.mallopt(_M_TRIM_THRESHOLD, limit))


def empty_cache() -> bool:
    """Give all freed memory that the process kept back to the system.

    Returns:
        Whether there was any; False too where the C library isn't glibc, which keeps what it likes.
    """
    libc = _glibc()
    return libc is not None and bool(libc.malloc_trim(ctypes.c_size_t(0)))


if os.environ.get("TINYGRAD_LITE_TUNE", "1") != "0":
    keep_memory()
    if gc.get_threshold() in ((700, 10, 10), (2000, 10, 10)):  # Python 3.11, 3.12 and 3.13
        gc.set_threshold(10_000, 0, 250)
    elif gc.get_threshold() == (2000, 10, 0):  # 3.14 searches a part of what is old each time
        gc.set_threshold(10_000, 10, 0)
