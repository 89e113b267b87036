"""PNG and PDF files."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import pytest
from tinygrad_lite.viz import Drawing, draw

from .examples import convnet


@pytest.fixture(scope="module")
def net() -> Drawing:
    return draw(convnet(), engine="layered")


def importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except (ImportError, OSError):  # OSError: a library beneath it is missing
        return False
    return True


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_png_and_pdf_where_something_converts(net: Drawing, ending: str, tmp_path: Path) -> None:
    if not (shutil.which("rsvg-convert") or importable("cairosvg")):
        with pytest.raises(RuntimeError, match="needs an SVG converter"):
            net.save(tmp_path / f"graph.{ending}")
        return
    data = net.save(tmp_path / f"graph.{ending}").read_bytes()
    assert data.startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[ending])
    assert len(data) > 10_000


def test_png_without_a_converter_is_refused_in_a_sentence(
    net: Drawing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(RuntimeError, match="pip install cairosvg"):
        net.save(tmp_path / "graph.png")
    assert not (tmp_path / "graph.png").exists()
