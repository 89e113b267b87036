"""BLAS threads of several test processes on one machine only wait for each other: set before NumPy is imported."""

import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pytest  # noqa: E402

from tinygrad_lite.random import manual_seed  # noqa: E402

# Without the plug-ins (TINYGRAD_LITE_PLAIN=1, or deleted) there is nothing in tests/kernels to test.
collect_ignore = [] if "tinygrad_lite.kernels" in sys.modules else ["kernels"]


@pytest.fixture(autouse=True)
def the_same_weights() -> None:
    """Each test draws what it drew last time: among nets of a few units, some have no relu that is on."""
    manual_seed(0)
