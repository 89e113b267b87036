"""The animated SVG: runs without scripts, inside an image, and stands still where readers ask for that."""

from __future__ import annotations

import re
import xml.dom.minidom
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Player, draw

from .browser import needs_chromium, screenshot
from .examples import ALL, variable

PURPLE = (0x70, 0x30, 0xA8)


def product() -> Player:
    w = variable(np.array([[1.0, -2.0], [0.5, 1.5]]), "w")
    return draw(np.sum(np.tanh(w) ** 2), engine="layered").play()


def frozen(player: Player, seconds: float) -> str:
    """The animation, stopped at a time."""
    text = player.svg()
    uid = re.search(r'id="(\w+)"', text)
    assert uid
    still = f"#{uid[1]} *{{animation-delay:-{seconds}s!important;animation-play-state:paused!important}}"
    return text.replace("</style>", f"{still}</style>", 1)


@pytest.mark.parametrize("name", list(ALL))
def test_it_is_well_formed_and_needs_nothing_else(name: str) -> None:
    player = draw(ALL[name](), engine="layered").play()
    text = player.svg()
    xml.dom.minidom.parseString(text)
    assert "<script" not in text
    assert set(re.findall(r"https?://[^\"' )]+", text)) == {"http://www.w3.org/2000/svg"}
    assert text.count('<g class="told') == len(player.steps)
    assert all(f'class="told s{i}' in text for i in range(len(player.steps)))


def test_it_is_small() -> None:
    assert len(product().svg().encode()) < 30_000


@needs_chromium
def test_it_runs_inside_an_image_and_stands_still_when_asked_to(tmp_path: Path) -> None:
    player = product()
    total = 1.7 * len(player.steps)

    def seen(name: str, text: str, *flags: str) -> Any:
        (tmp_path / f"{name}.svg").write_text(text, encoding="utf-8")
        page = tmp_path / f"{name}.html"
        page.write_text(f'<html><head></head><body><img src="{name}.svg">', encoding="utf-8")
        return screenshot(page, *flags, size=(900, 500))

    start, end = seen("start", frozen(player, 0.5)), seen("end", frozen(player, total - 0.5))
    still = seen("still", player.svg(), "--force-prefers-reduced-motion")

    def purple(picture: Any) -> int:
        return int((abs(picture * 255 - np.array(PURPLE)).max(axis=-1) < 12).sum())

    assert purple(start) < purple(end), "gradients come with time"
    assert abs(end - still).mean() < 0.003, "without motion it is the finished picture"
    assert abs(start - end).mean() > 0.004
