"""The player in headless Chromium: slider, keys, reduced motion, without scripts."""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Player, draw
from tinygrad_lite.viz.render import html, stepper

from tinygrad_lite import Tensor

from .browser import ask, needs_chromium, screenshot
from .examples import ALL, convnet, scalars, transformer, variable

FIND = """
const $ = s => document.querySelector(s), all = (s, at) => [...(at || document).querySelectorAll(s)];
const slider = $("input[type=range]"), say = $(".say"), cards = all(".c[data-n]");
const press = (key, at = document.activeElement, ctrlKey = false) =>
  at.dispatchEvent(new KeyboardEvent("keydown", {key, ctrlKey, bubbles: true, cancelable: true}));
const each = what => [...Array(+slider.max + 1).keys()].map(i => { slide(i); return what(i); });
const slide = n => { slider.value = n; slider.dispatchEvent(new Event("input")); };
const visible = e => e && getComputedStyle(e).visibility === "visible";
const nth = e => all(".e").filter(o => o.dataset.s === e.dataset.s && o.dataset.t === e.dataset.t).indexOf(e);
const state = () => ({
  at: +slider.value, told: say.innerText, aloud: slider.ariaValueText,
  values: cards.filter(c => !c.classList.contains("wait")).map(c => +c.dataset.n).sort((a, b) => a - b),
  gradients: cards.filter(c => visible(c.querySelector(".g,.d"))).map(c => +c.dataset.n).sort((a, b) => a - b),
  ring: cards.filter(c => c.classList.contains("on")).map(c => +c.dataset.n),
  edges: all(".e.on").map(e => [+e.dataset.s, +e.dataset.t, nth(e)]),
});
"""


@cache
def player(name: str, engine: str = "layered") -> Player:
    return draw(ALL[name](), engine=engine).play()


# ---------------------------------------------------------------------------------------------- without a browser


def test_the_code_is_under_25_kb() -> None:
    """All code on the page, including that of the tooltips; only the steps' texts grow with the graph."""
    code = (html.SCRIPT, html.ROOM, html.FRAMES, stepper.SCRIPT, stepper.STYLE)
    assert sum(len(part.encode()) for part in code) < 25_000
    page = player("convnet").html()
    assert all(part in page for part in (html.SCRIPT, stepper.SCRIPT))


def test_it_needs_nothing_from_elsewhere() -> None:
    page = player("convnet").html()
    svg = re.search(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert svg
    whole = page + base64.b64decode(svg[1]).decode()
    links = set(re.findall(r"""(?:src|href)=["'](?!data:)[^"']*|https?://[^\s"'<>)\\]+""", whole)) - {
        "http://www.w3.org/2000/svg"
    }
    assert links == set()


def test_saved_as_html_or_svg_and_as_nothing_else(tmp_path: Path) -> None:
    path = player("scalars").save(tmp_path / "steps.html")
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert player("scalars").save(tmp_path / "steps.svg").read_text(encoding="utf-8").startswith("<svg")
    with pytest.raises(ValueError, match=r"cannot write this player as \.png; endings are \.html \.svg"):
        player("scalars").save(tmp_path / "steps.png")


def test_what_a_notebook_gets() -> None:
    shown = player("scalars")._repr_mimebundle_()
    assert set(shown) == {"text/html", "image/svg+xml", "text/plain"}
    static = re.sub(r"<script>.*?</script>", "", shown["text/html"], flags=re.S)
    assert re.fullmatch(
        r'<div[^>]*><img alt="[^"]*" style="[^"]*" src="data:image/svg\+xml;base64,[^"]*"></div>', static
    )
    assert "forward 1/25" in shown["text/plain"]


# -------------------------------------------------------------------------------------------------- in a browser


@needs_chromium
def test_every_state_of_the_conv_net(tmp_path: Path) -> None:
    """Every state shows what has been computed so far, and nothing else."""
    these = player("convnet")
    found = ask(
        these.html(),
        FIND + "return each(state);",
        tmp_path,
    )
    assert len(found) == len(these.steps) > 25
    values: set[int] = set()
    gradients: set[int] = set()
    for i, (state, step) in enumerate(zip(found, these.steps)):
        values |= {card.key for card in step.appears}
        gradients |= {card.key for card, _ in step.arrives}
        assert state["at"] == i
        assert state["values"] == sorted(values)
        assert state["gradients"] == sorted(gradients)
        assert state["ring"] == ([step.ring.key] if step.ring else [])
        assert sorted(map(tuple, state["edges"])) == sorted((s.key, t.key, n) for s, t, n in step.edges)
        assert all(text in state["told"] for text in (step.title, step.note, *step.rule))
        assert all(cell in state["told"] for row in step.rows for cell in row)
        assert step.title in state["aloud"]
    first, last = found[0], found[-1]
    assert first["gradients"] == [] and first["ring"] == []
    assert len(last["values"]) == len(these.drawing.scene.cards())


@needs_chromium
def test_running_sums_on_the_cards(tmp_path: Path) -> None:
    these = player("scalars")
    (a,) = [card for card in these.drawing.scene.cards() if card.name == "a"]
    script = f"return each(() => $('.c[data-n=\"{a.key}\"] .d').textContent);"
    shown = ask(these.html(), FIND + script, tmp_path)
    sums = [(i, float(g)) for i, step in enumerate(these.steps) for card, g in step.arrives if card is a]
    assert len({x for _, x in sums}) > 3
    for i, x in sums:
        assert float(shown[i].replace("−", "-").removeprefix("∂ ")) == pytest.approx(x, rel=1e-3, abs=1e-9)


@needs_chromium
def test_running_sums_of_tensors_are_pictures(tmp_path: Path) -> None:
    w = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="w")
    these = draw((w * np.tanh(w)).sum(), engine="layered").play()
    script = "return each(() => $('.parameter image.g').getAttribute('href'));"
    shown = ask(these.html(), FIND + script, tmp_path)
    n = len(these.steps)
    assert shown[n - 3] != shown[n - 2], "the first contribution looks different from the sum"
    assert shown[n - 2] == shown[n - 1], "the sum is what the drawing shows"


@needs_chromium
def test_arrow_keys_home_end_and_space(tmp_path: Path) -> None:
    script = """
    const seen = [], log = () => seen.push(+slider.value), last = +slider.max;
    slider.focus();
    for (const key of ["Left", "Right", "Right", "Left"]) { press("Arrow" + key); log(); }
    for (const key of ["End", "ArrowRight", "Home"]) { press(key); log(); }
    const [go] = all(".bar button");
    press(" "); const playing = go.textContent; press(" "); const still = go.textContent;
    press("ArrowRight", cards[0]); log();
    slider.blur(); press("ArrowRight", document.body); log();
    slider.focus(); press("ArrowRight", slider, true); log();
    return {seen, last, playing, still};
    """
    found = ask(player("scalars").html(), FIND + script, tmp_path)
    last = found["last"]
    assert found["seen"] == [0, 1, 2, 1, last, last, 0, 1, 2, 2]
    assert "Pause" in found["playing"] and "Play" in found["still"]


@needs_chromium
def test_playing_goes_to_the_end_and_stops_and_starts_over(tmp_path: Path) -> None:
    clock = "<script>var tick; setInterval = f => { tick = f; return 1; }; clearInterval = () => { tick = 0; }</script>"
    script = """
    const [go, back, forward] = all(".bar button"), seen = [];
    go.click();
    while (tick && seen.length < 200) { tick(); seen.push(+slider.value); }
    const ended = go.textContent;
    go.click(); const again = +slider.value;
    forward.click(); const stopped = tick;
    forward.click(); back.click();
    return {seen, ended, again, stopped, now: +slider.value, max: +slider.max};
    """
    found = ask(clock + player("scalars").html(), FIND + script, tmp_path)
    assert found["seen"] == list(range(1, found["max"] + 1))
    assert "Play" in found["ended"]
    assert (found["again"], found["stopped"], found["now"]) == (0, 0, 1)


@needs_chromium
def test_for_keyboards_and_screen_readers(tmp_path: Path) -> None:
    script = """
    const root = $(".tp"), controls = all("button, input", root);
    return {
      reached: controls.every(c => { c.focus(); return document.activeElement === c && c.tabIndex === 0; }),
      named: controls.every(c => (c.ariaLabel || c.textContent).trim()),
      group: root.getAttribute("role") + " " + root.ariaLabel,
      live: say.getAttribute("aria-live"), aloud: slider.getAttribute("aria-valuetext"),
      cards: cards.every(c => c.getAttribute("aria-label")), ours: root.getAttribute("data-lm-suppress-shortcuts"),
    };
    """
    found = ask(player("scalars").html(), FIND + script, tmp_path)
    assert found["reached"] and found["named"] and found["cards"]
    assert found["group"] == "group Step by step"
    assert found["live"] == "polite"
    assert "The inputs are given" in found["aloud"]
    assert found["ours"] == "true"


@needs_chromium
@pytest.mark.parametrize("calm", [False, True])
def test_reduced_motion_is_respected(calm: bool, tmp_path: Path) -> None:
    script = """
    slide(slider.max - 1);
    return [getComputedStyle($(".e.on path")).animationName, getComputedStyle($(".view")).scrollBehavior];
    """
    flags = ["--force-prefers-reduced-motion"] if calm else []
    found = ask(player("scalars").html(), FIND + script, tmp_path, *flags)
    assert found == (["none", "auto"] if calm else ["flow", "smooth"])


@needs_chromium
@pytest.mark.parametrize("size", [(1300, 800), (800, 700), (420, 800)])
@pytest.mark.parametrize("name", ["convnet", "scalars", "transformer"])
def test_what_fires_is_in_view_and_the_panel_holds_what_it_says(
    name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    script = """
    const wrong = [], box = e => e.getBoundingClientRect();
    const meets = (a, b) => a.top < b.bottom - 20 && a.bottom > b.top + 20 && a.left < b.right && a.right > b.left;
    each(i => {
      const on = $(".c.on");
      if (on && !meets(box(on), box($(".view")))) wrong.push([i, "out of view"]);
      if (document.documentElement.scrollWidth > innerWidth + 1) wrong.push([i, "the page is too wide"]);
      if (innerWidth > 500 && say.scrollWidth > say.clientWidth) wrong.push([i, "too narrow", say.innerText]);
    });
    return wrong;
    """
    assert ask(player(name).html(), FIND + script, tmp_path, "--force-prefers-reduced-motion", size=size) == []


@needs_chromium
def test_the_drawing_stands_still_below_its_panel(tmp_path: Path) -> None:
    a = Tensor(2.0, requires_grad=True, name="a")
    these = draw(np.tanh(a * a) + a, engine="layered", direction="LR").play()
    assert len(set(ask(these.html(), FIND + "return each(() => $('.view').offsetTop);", tmp_path))) == 1


PURPLE, PINK, BLUE = (0x70, 0x30, 0xA8), (0xC2, 0x18, 0x5B), (0, 0x67, 0xA8)


def count(pixels: Any, colour: tuple[int, int, int]) -> int:
    return int((abs(pixels * 255 - np.array(colour)).max(axis=-1) < 3).sum())


@needs_chromium
def test_screenshots_of_the_first_a_middle_and_the_last_state(tmp_path: Path) -> None:
    pixels: dict[str, Any] = {}
    for state in ("0", "Math.round(slider.max * 0.7)", "slider.max"):
        page = tmp_path / f"{len(pixels)}.html"
        go = f"<script>addEventListener('load', () => {{ {FIND} slide({state}); }});</script>"
        page.write_text(player("convnet").html() + go, encoding="utf-8")
        pixels[state] = screenshot(page, "--force-prefers-reduced-motion", size=(1240, 860))
    first, middle, last = pixels.values()
    assert count(first, PINK) == 0 and count(first, BLUE) > 500
    assert count(middle, PINK) > 2000, "the ring, the slider and the button"
    assert count(middle, PURPLE) > 300, "the edge, and the card that a gradient comes to"
    assert 1000 < count(last, PINK) < count(middle, PINK), "nothing is ringed at the end"


@needs_chromium
def test_dark(tmp_path: Path) -> None:
    page = player("scalars").save(tmp_path / "steps.html")
    light, dark = screenshot(page, size=(1000, 700)), screenshot(page, dark=True, size=(1000, 700))
    assert light.mean() > 0.85
    assert dark.mean() < 0.2


@needs_chromium
def test_with_scripts_off_it_is_the_drawing(tmp_path: Path) -> None:
    these = player("scalars")
    page = these.save(tmp_path / "steps.html")
    (tmp_path / "alone.svg").write_text(these.svg(), encoding="utf-8")
    alone = tmp_path / "alone.html"
    image = "<img style='max-width:100%' src='alone.svg'>"
    alone.write_text(f"<html><head><style>{html.STYLE}</style></head><body>{image}", encoding="utf-8")
    calm, size = "--force-prefers-reduced-motion", (800, 700)
    off = screenshot(page, calm, scripts=False, size=size)
    assert np.array_equal(off, screenshot(alone, calm, size=size))
    assert off.std() > 0.05, "not a blank page"


def test_a_long_player_is_no_animation() -> None:
    text = player("transformer").html()
    assert len(player("transformer").steps) > 80 and "@keyframes" not in seen(text)
    assert "@keyframes" in seen(player("scalars").html())


def seen(page: str) -> str:
    """The picture that a page shows without scripts."""
    found = re.search(r'svg\+xml;base64,([^"]*)"', page)
    assert found
    return base64.b64decode(found[1]).decode()


@needs_chromium
def test_a_click_on_a_cell_tells_its_story(tmp_path: Path) -> None:
    """The same as the steps of `element=`, for every cell; a second click goes back to all elements."""
    rng = np.random.default_rng(0)
    x, w = (variable(rng.normal(size=shape), name) for shape, name in (((2, 3), "x"), ((3, 2), "w")))
    drawing = draw(np.mean(np.tanh(x @ w) ** 2), engine="layered")
    script = """
    const click = (map, r, c, rows, cols) => {
      const at = map.getBoundingClientRect();
      map.dispatchEvent(new MouseEvent("click", {bubbles: true,
        clientX: at.left + (c + .5) / cols * at.width, clientY: at.top + (r + .5) / rows * at.height}));
    };
    const heard = () => each(() => say.querySelector("pre")?.textContent ?? "");
    const card = cards.find(c => c.textContent.includes("w")), map = card.querySelector("image.v"), found = [heard()];
    for (let r = 0; r < 3; r++) for (let c = 0; c < 2; c++) {
      click(map, r, c, 3, 2);
      found.push([heard(), all(".cell").length]);
    }
    click(map, 2, 1, 3, 2);
    found.push(heard(), all(".cell").length);
    return found;
    """
    first, *chosen, last, marks = ask(drawing.play().html(), FIND + script, tmp_path)
    for (said, marked), at in zip(chosen, np.ndindex(3, 2), strict=True):
        assert said == ["\n".join(step.lines) for step in drawing.play(element=(w, at)).steps]
        assert marked == 2, "in the value and in the gradient"
    assert first == last != chosen[0][0] and marks == 0


@pytest.mark.parametrize("shape, told", [((10, 10), 200), ((10, 11), 0), ((1, 1, 5, 4), 40), ((2, 1, 5, 4), 0)])
def test_small_graphs_have_stories(shape: tuple[int, ...], told: int) -> None:
    """Two tensors of this shape: each cell must be one element, and there are 200 at most."""
    drawing = draw(np.sum(np.tanh(variable(np.ones(shape)))))
    assert len(drawing.play().stories) == told
    assert drawing.play(quiz=True).stories == {}, "it would tell the answers"


@needs_chromium
def test_no_name_becomes_markup_or_script(tmp_path: Path) -> None:
    evil = "</title></script><script>window.hit=1</script><!--<img src=x onerror=window.hit=1>\"'&]]>\u2028\\"
    x = Tensor(2.0, requires_grad=True, name=evil)
    y = x * Tensor(np.ones(2), name=evil) * x
    y.name = evil
    script = (
        FIND
        + """
    each(() => 0);
    return [window.hit || 0, all("img").length, say.children.length > 0];
    """
    )
    page = draw(y.sum()).play().html()
    assert page.count("<script") == page.count("</script") == 1
    assert ask(page, script, tmp_path) == [0, 0, True]


@needs_chromium
def test_a_notebook_through_nbconvert(tmp_path: Path) -> None:
    """Run a notebook and export it: two players on one page, each with its own slider; without scripts, two images."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    nbconvert = pytest.importorskip("nbconvert")
    pytest.importorskip("ipykernel")
    code = "import tinygrad_lite as tg\na = tg.Tensor(2.0, requires_grad=True)\np = tg.viz.draw(a * a + 1).play()\np"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("p")])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    page, _ = nbconvert.HTMLExporter(embed_images=True).from_notebook_node(book)
    page = re.sub(r"<script[^>]*src=[^>]*></script>", "", page)  # MathJax and require.js, from elsewhere
    script = (
        FIND
        + """
    const [a, b] = all("input[type=range]");
    a.value = 3; a.dispatchEvent(new Event("input"));
    press("ArrowRight", document.body);
    const told = new Set(all(".say").map(s => s.innerText));
    return [a.value, b.value, all(".c.on").length, all(".tp svg").length, told.size];
    """
    )
    assert ask(page, script, tmp_path) == ["3", "0", 1, 2, 2]
    bare = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert ask(bare, "return document.querySelectorAll('.tinygrad-lite > img').length", tmp_path) == 2


@needs_chromium
@pytest.mark.parametrize("make", [transformer, convnet, scalars])
@pytest.mark.parametrize(
    "how", [{"max_nodes": 8}, {"depth": 0}, {"values": False}, {"grads": False}, {"direction": "LR"}]
)
def test_every_kind_of_drawing_can_be_stepped_through(make: Any, how: dict[str, Any], tmp_path: Path) -> None:
    these = draw(make(), engine="layered", **how).play()
    script = "return each(state).pop();"
    found = ask(these.html(), FIND + script, tmp_path)
    assert found["at"] == len(these.steps) - 1
    assert len(found["values"]) == len(these.drawing.scene.cards())
