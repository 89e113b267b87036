"""PNG and PDF files."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Drawing, draw

from .examples import convnet


@pytest.fixture(scope="module")
def net() -> Drawing:
    return draw(convnet(), engine="layered")


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_a_png_is_the_picture_at_twice_its_size_in_its_theme(net: Drawing, theme: str, tmp_path: Path) -> None:
    pytest.importorskip("typst")
    image: Any = pytest.importorskip("matplotlib.image")
    drawing = Drawing(net.scene, True, "auto", theme, "layered")
    data = drawing.save(tmp_path / "graph.png").read_bytes()
    pixels = np.asarray(image.imread(io.BytesIO(data)))[..., :3]
    assert pixels.shape[1] == pytest.approx(2 * net.layout.width, rel=0.1)
    assert (pixels.mean() < 0.3) == (theme == "dark")
    pill = (0x5C, 0xB8, 0xF2) if theme == "dark" else (0, 0x67, 0xA8)
    assert (abs(pixels * 255 - pill).max(-1) < 4).sum() > 5000
    assert (pixels[..., 0] - pixels[..., 2] > 0.5).sum() > 5000, "the orange of heat maps"


def test_a_pdf_holds_text(net: Drawing, tmp_path: Path) -> None:
    pytest.importorskip("typst")
    data = net.save(tmp_path / "graph.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert b"/Font" in data and 10_000 < len(data) < 500_000


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_without_typst_it_is_refused_in_a_sentence(
    net: Drawing, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(RuntimeError, match=rf"\.{ending} needs typst: pip install typst"):
        net.save(tmp_path / f"graph.{ending}")
    assert not (tmp_path / f"graph.{ending}").exists()
