"""What a library costs before it does anything: the time of its import, its size on disk; and its peak memory."""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .worker import Worker


def footprint(libraries: list[str], threads: int, rounds: int) -> dict[str, dict[str, Any]]:
    """For each package: seconds to import beyond Python's start (median of rounds), bytes on disk, peak memory."""
    libraries = [name for name in libraries if importlib.util.find_spec(name)]  # "numpy_alone" is a setting
    found: dict[str, dict[str, Any]] = {name: {"import": [], "disk": disk(name)} for name in ["numpy", *libraries]}
    for name in found:
        started(f"import {name}")  # compiles it, once
    for _ in range(rounds):
        start = started("pass")
        for name, entry in found.items():
            entry["import"].append(started(f"import {name}") - start)
    for entry in found.values():
        entry["import"] = statistics.median(entry["import"])
    for name in libraries:
        worker = Worker(name, threads)
        before = worker.ask("peak")
        value = worker.ask("value", "LeNet-5, batch 256")
        if not isinstance(value, Exception):
            worker.ask("time", 1.0, False)
            found[name].update(peak=worker.ask("peak"), peak_before=before)
        worker.close()
    return found


def started(code: str) -> float:
    """Seconds that a fresh Python takes for `code`."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as installed: compiled
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return time.perf_counter() - start


def disk(name: str) -> int:
    """Bytes of the installed package, without caches."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    files = Path(spec.origin).parent.rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc")
