"""Frames close and open by a click: what is left keeps its order, and nothing is drawn over anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tinygrad_lite.viz import draw

from .browser import ask, needs_chromium
from .examples import convnet, residual, transformer
from .faults import FAULTS
from .test_room import FIND

pytestmark = needs_chromium

MORE = (
    FIND
    + """
const shown = s => all(s).filter(e => e.style.display !== "none");
const frame = name => all(".fr").find(g => g.textContent.replace(/^[▸▾] /, "").startsWith(name));
const title = g => g.querySelector("text"), click = e => e.dispatchEvent(new MouseEvent("click", {bubbles: true}));
const toggle = name => click(title(frame(name)));
"""
)


@pytest.mark.parametrize(
    ("make", "engine", "direction"),
    [
        (convnet, "layered", "auto"),
        (residual, "layered", "LR"),
        (residual, "auto", "TB"),
        (transformer, "layered", "auto"),
    ],
)
def test_with_any_frame_closed_the_picture_has_no_fault(make: Any, engine: str, direction: str, tmp_path: Path) -> None:
    script = (
        f"const check = () => {{ {FAULTS} }};"
        + """
    const found = [], names = all(".fr").map(g => g.textContent.slice(2));
    if (all(".tools button").some(b => b.textContent === "Open all")) press("Open all");
    const before = [width(), all(".c")[3].getAttribute("transform"), all(".e path")[4].getAttribute("d")];
    all(".fr").forEach(g => {
      if (g.style.display === "none") return;
      click(title(g));
      const n = shown(".c[data-n]").length;
      found.push(...check().map(f => g.textContent + ": " + f));
      if (n === all(".c[data-n]").length) found.push("hides nothing");
      if (!within(box(title(g)), box(g.querySelector("rect")))) found.push("the title juts out of " + g.textContent);
      click(title(g));
    });
    press("Close all");
    const small = [svg.viewBox.baseVal.width * svg.viewBox.baseVal.height, shown(".fr").length];
    found.push(...check());
    press("Open all");
    const after = [width(), all(".c")[3].getAttribute("transform"), all(".e path")[4].getAttribute("d")];
    return {found, names, before, after, small, size: svg.viewBox.baseVal.width * svg.viewBox.baseVal.height};
    """
    )
    drawing = draw(make(), engine=engine, direction=direction)
    told = ask(drawing.html(), MORE + script, tmp_path, size=(1280, 900))
    assert told["found"] == []
    assert told["before"][1:] == told["after"][1:], "what was closed and opened again is as before"
    assert told["before"][0] == pytest.approx(told["after"][0], abs=1)
    assert told["small"][0] < 0.8 * told["size"]
    assert all(not name.startswith("▸") for name in told["names"])


def test_arrows_go_to_the_closed_frame_and_from_it(tmp_path: Path) -> None:
    script = """
    if (all(".tools button").some(b => b.textContent === "Open all")) press("Open all");
    toggle("conv1");
    const g = frame("conv1"), r = box(g.querySelector("rect")), told = title(g).textContent;
    const ends = shown(".e").filter(e => {
      const inside = n => document.querySelector(`.c[data-n="${n}"]`).style.display === "none";
      return inside(e.dataset.s) || inside(e.dataset.t);
    }).map(e => {
      const shaft = e.querySelector("path"), m = shaft.getScreenCTM();
      const at = l => shaft.getPointAtLength(l).matrixTransform(m);
      return [at(0), at(shaft.getTotalLength())].some(p => Math.abs(p.x - (r.left + r.right) / 2) < 2
        && Math.min(Math.abs(p.y - r.top), Math.abs(p.y - r.bottom)) < 2);
    });
    click(g);
    return [ends, told, title(g).textContent, title(g).getAttribute("aria-expanded")];
    """
    found = ask(draw(convnet(), engine="layered", direction="TB").html(), MORE + script, tmp_path)
    assert found == [[True, True], "▸ conv1 Conv2d · 1 ops", "▾ conv1 Conv2d", "true"]


def test_a_transformer_of_twelve_layers_is_seen_whole_and_its_block_opens_by_a_click(tmp_path: Path) -> None:
    script = """
    const sign = title(frame("blocks")).textContent.slice(0, 1);
    const first = [sign, within(box(svg), box(view)), shown(".c[data-n]").length];
    const text = box(all(".name")[0]).height;
    toggle("blocks");
    return [...first, text, shown(".c[data-n]").length];
    """
    found = ask(draw(transformer(12), engine="layered").html(), MORE + script, tmp_path, size=(1280, 807))
    assert found[:2] == ["▸", True]
    assert found[3] > 9, "px: high enough to read"
    assert found[4] > found[2]


def test_the_keyboard_and_the_search_open_frames(tmp_path: Path) -> None:
    script = """
    press("Close all");
    const closed = shown(".c[data-n]").length;
    type("fc.weight");
    const hit = all(".c[data-n]").find(c => c.style.opacity === ""), there = hit.style.display;
    title(frame("fc")).dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
    return [closed < all(".c[data-n]").length, there, hit.style.display];
    """
    assert ask(draw(convnet(), engine="layered").html(), MORE + script, tmp_path) == [True, "", "none"]
