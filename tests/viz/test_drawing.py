"""draw() and its Drawing: files, notebook output, names with any characters, time."""

from __future__ import annotations

import random
import re
import shutil
import string
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Drawing, draw, drawing

from tinygrad_lite import Tensor, nn

from .examples import ConvNet, batch, card, chain, convnet, nan, residual, scalars, tangle, transformer, variable

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def net() -> Drawing:
    return draw(convnet(), engine="layered")


# ------------------------------------------------------------------------------------------------- what is drawn


def test_draw_a_module_with_its_inputs() -> None:
    net = ConvNet()
    x, _ = batch(2)
    drawing = draw(net, x.data)
    assert drawing.scene.title == "ConvNet"
    assert card(drawing.scene, "x").role == "input"
    assert net.training


def test_drawing_a_module_changes_nothing_in_it() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            self.weight = variable(np.ones(3))
            self.calls = 0

        def forward(self, x: Any) -> Any:
            if self.training:
                self.calls += 1
            return x * self.weight

    net = Noisy()
    draw(net, np.ones(3))
    assert (net.calls, net.training) == (0, True)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(TypeError, match="needs a Tensor"):
        draw([1, 2])
    with pytest.raises(TypeError, match="example inputs are for a module"):
        draw(variable(1.0), variable(2.0))
    options: tuple[Any, ...] = ({"direction": "up"}, {"theme": "pink"}, {"engine": "neato"}, {"max_nodes": 0})
    for option in options:
        with pytest.raises(ValueError, match="draw: "):
            draw(variable(1.0), **option)
    with pytest.raises(ValueError, match=r"no module of this graph; its modules are .*'conv1'"):
        draw(convnet(), depth="conv9")


# ------------------------------------------------------------------------------------------------------------ files


def test_svg_is_well_formed_and_small(net: Drawing, tmp_path: Path) -> None:
    path = net.save(tmp_path / "graph.svg")
    ET.parse(path)
    assert path.stat().st_size < 60_000


def test_svg_needs_nothing_from_elsewhere(net: Drawing) -> None:
    text = net.svg()
    assert "<script" not in text
    assert set(re.findall(r'(?:href|src)="(.{10})', text)) == {"data:image"}
    assert "url(" not in text


def test_svg_of_one_drawing_is_always_the_same() -> None:
    assert draw(scalars(), engine="layered").svg() == draw(scalars(), engine="layered").svg()


def test_html_gv_and_text(net: Drawing, tmp_path: Path) -> None:
    html = net.save(tmp_path / "graph.html").read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert "http" not in re.sub(r"data:image/svg\+xml;base64,[^\"]*", "", html).replace(
        "http://www.w3.org/2000/svg", ""
    )
    assert net.save(tmp_path / "graph.gv").read_text() == net.source
    assert net.save(str(tmp_path / "graph.txt")).read_text() == f"{net}\n"


def test_an_unknown_ending_is_refused(net: Drawing, tmp_path: Path) -> None:
    for name in ("graph.jpg", "graph"):
        with pytest.raises(ValueError, match=r"endings are \.svg"):
            net.save(tmp_path / name)


# --------------------------------------------------------------------------------------------------------- notebooks


def test_in_a_notebook(net: Drawing) -> None:
    bundle = net._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    ET.fromstring(bundle["image/svg+xml"])
    assert '<img alt="ConvNet: ' in bundle["text/html"]
    ids = [re.search(r'id="(tg\w+)-at"', net._repr_mimebundle_()["text/html"]) for _ in range(2)]
    assert ids[0] and ids[1] and ids[0][1] != ids[1][1], "shown twice on a page, both must work"


def test_the_script_is_small() -> None:
    html = draw(scalars(), engine="layered").html()
    assert len(re.sub(r"data:image/svg\+xml;base64,[^\"]*", "", html)) < 20_000


# ------------------------------------------------------------------------------------------------------ DOT and text


def test_values_and_gradients_can_be_left_out() -> None:
    loss = convnet()
    assert 'class="v"' not in draw(loss, values=False, engine="layered").svg()
    no_gradients = draw(loss, grads=False, engine="layered")
    assert 'class="g"' not in no_gradients.svg()
    assert "∂" not in str(no_gradients)


# ------------------------------------------------------------------------------------------------------------- names

NASTY = [
    "<script>alert(1)</script>", "a & b", "\"'`", "]]>", "--><!--", "&lt;", "{a|b}", "\\N\\G",
    "\x00\x01\x1b[31m\x7f", "\ud800", "\ufffe\uffff",
    "x" * 10_000, "🦊" * 300, "two\nlines\r\n\tand more", "", " ", "‮right to left", "日本語" * 40,
    "%s {} {0}", "</style>", "c1",
]  # fmt: skip


def random_names(seed: int, n: int) -> list[str]:
    rng = random.Random(seed)
    alphabet = string.printable + "<>&\"'\\{}|]\x00\x0b\x1b\x85\u2028\ud83d\udc00\ufffe🦊é日" * 3
    return ["".join(rng.choices(alphabet, k=rng.randrange(0, 60))) for _ in range(n)]


@pytest.mark.parametrize("i", range(len(NASTY) + 40))
def test_whatever_a_name_holds_it_stays_text(i: int) -> None:
    name = (NASTY + random_names(0, 40))[i]

    class Holder(nn.Module):
        def __init__(self) -> None:
            self.inner = {name: nn.Linear(2, 2)}

        def forward(self, x: Any) -> Any:
            return self.inner[name](x)

    Holder.__name__ = name.encode(errors="replace").decode().replace("\x00", "")  # what Python accepts as a class name
    x = Tensor(np.ones((2, 2)), name=name)
    y = np.tanh(Holder()(x)) * Tensor(2.0, requires_grad=True, name=name)
    y.name = name
    picture = draw(y.sum(), engine="layered")
    root = ET.fromstring(picture.svg().encode())
    known = {"svg", "style", "rect", "text", "tspan", "g", "path", "image", "title"}
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= known
    assert not [k for e in root.iter() for k in e.attrib if k.startswith("on")]
    html = picture.html().encode()
    assert html.count(b"<script") == 1
    assert html.count(b"<img") == 1
    str(picture).encode()
    assert "\x1b" not in str(picture)
    if shutil.which("dot"):
        done = subprocess.run(["dot", "-Tplain"], input=picture.source.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


# -------------------------------------------------------------------------------------------------------------- time


def seconds(f: Callable[[], Any]) -> float:
    """Processor time, so that other work on the machine doesn't count."""
    start = time.process_time()
    f()
    return time.process_time() - start


@pytest.mark.parametrize(
    ("make", "options", "most"),
    [
        (convnet, {}, 1.0),
        (lambda: tangle(1000), {"max_nodes": 2000}, 2.0),
        (lambda: tangle(10_000), {}, 2.0),
        (lambda: transformer(12), {}, 2.0),
        (lambda: chain(100_000), {}, 2.0),
    ],
    ids=["conv net", "1,000 unfolded", "10,000 folded", "transformer", "chain of 100,000"],
)
def test_time(make: Callable[[], Tensor], options: dict[str, Any], most: float) -> None:
    """The limit is twice the target, since machines differ; anything worse than linear takes far longer."""
    loss = make()
    assert seconds(lambda: draw(loss, engine="layered", **options).svg()) < 2 * most


def test_a_thousand_are_unfolded_when_asked_for() -> None:
    assert len(draw(tangle(1000), max_nodes=2000).scene.cards()) >= 1000


def test_more_than_two_thousand_are_never_drawn() -> None:
    assert len(draw(tangle(5000), max_nodes=10**6, engine="layered").scene.cards()) <= 2000


# -------------------------------------------------------------------------------------------------- what is imported


def test_the_core_imports_none_of_this() -> None:
    some = ("tinygrad_lite.viz", "graphviz", "matplotlib", "sympy")
    code = f"import sys, tinygrad_lite; print([m for m in sys.modules if m.startswith({some})])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_drawing_needs_no_matplotlib() -> None:
    code = "import sys; sys.modules['matplotlib'] = None\n"
    code += "import tinygrad_lite as tg; print(tg.viz.draw(tg.Tensor(1.0, name='a')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.startswith(
        "a  1 tensor\n"
    )


def test_all_examples_draw_in_every_way() -> None:
    for make in (nan, residual, scalars):
        for direction in ("LR", "TB"):
            for theme in ("light", "dark", "auto"):
                ET.fromstring(draw(make(), direction=direction, theme=theme, engine="layered").svg())
    assert drawing.THEMES == ("auto", "light", "dark")
