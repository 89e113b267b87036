"""What this process computes with."""

from __future__ import annotations

import ctypes
import sys

import numpy as np

from . import threads


def show_config() -> None:
    """Print what runs here: NumPy, its BLAS and that one's code for this processor, oneDNN, and the threads."""
    dnn = sys.modules.get(f"{__package__}.onednn.loading")
    rows = {
        "NumPy": np.__version__,
        "BLAS": blas(),
        "oneDNN": dnn.status() if dnn else "left out (TINYGRAD_LITE_FAST=0)",
        "threads": str(threads.get_num_threads()),
    }
    for name, value in rows.items():
        print(f"{name:8}{value}")


def blas() -> str:
    """NumPy's BLAS with its version, and for OpenBLAS the processor that its code is for."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()
    core = threads.openblas_function("get_corename")
    if core is None:
        return name
    core.restype = ctypes.c_char_p
    return f"{name}, {core().decode()}"
