"""BLAS threads of several test processes on one machine only wait for each other: set before NumPy is imported."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pytest  # noqa: E402

from tinygrad_lite.random import manual_seed  # noqa: E402


@pytest.fixture(autouse=True)
def the_same_weights() -> None:
    """Each test draws what it drew last time: among nets of a few units, some have no relu that is on."""
    manual_seed(0)
