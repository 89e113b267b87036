"""The tests of NumPy's kernels run without oneDNN, which would be asked first; its own run with it."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def by_numpy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    binding = sys.modules.get("tinygrad_lite.kernels.onednn.binding")
    if binding is not None and not request.module.__name__.partition("test_")[2].startswith("onednn"):
        monkeypatch.setattr(binding, "opened", lambda: None)
