"""draw() and what it returns."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite import Tensor
from tinygrad_lite.graph import Node
from tinygrad_lite.nn import Module

from . import dot, html, svg, text
from . import engine as engines
from .card import face
from .labels import printable, shortened
from .layout import Layout, blocks
from .player import Player
from .scene import Scene, build

DIRECTIONS = ("auto", "LR", "TB")
THEMES = ("auto", "light", "dark")


def draw(
    what: Any,
    *example_inputs: Any,
    grads: bool = True,
    values: bool = True,
    depth: int | str | None = None,
    direction: str = "auto",
    theme: str = "auto",
    engine: str = "auto",
    max_nodes: int = 150,
) -> Drawing:
    """Draw the graph that a tensor came out of: every tensor as a card that shows what it holds, and its gradient.

    Args:
        what: a tensor, several (a list, tuple or dict), or a module, which is then called once (in eval mode, so that
            nothing of it changes) with `example_inputs`.
        grads: show ∂L/∂tensor, where L is the tensor drawn (the sum of those that are scalars). It is computed for the
            drawing; every `.grad` stays as it is. A tensor of several elements has none by itself.
        values: show what tensors hold; False shows shapes alone.
        depth: how many levels of modules to open, or the name of the module to open; the others become one card each.
        direction: "LR" from left to right, "TB" from top to bottom; "auto" is LR where it is at most 980 px wide.
        theme: "light", "dark", or "auto": what the reader's system (or notebook) prefers.
        engine: "dot", "graphviz-pure" (from pip), "layered" (built in), or "auto": the first of them that is there, and
            "layered" beyond 500 cards. One that is missing, fails or takes more than 10 s gives way to "layered".
        max_nodes: with more tensors, what repeats is drawn once ("×12"), then modules collapse, the deepest first.

    Returns:
        A Drawing: it shows itself in a notebook; `.save("graph.svg")`; `print` it for a text tree.

    Raises:
        TypeError: `what` holds no tensor.
        ValueError: an option that there isn't.
    """
    for name, value, known in (
        ("direction", direction, DIRECTIONS),
        ("theme", theme, THEMES),
        ("engine", engine, engines.ENGINES),
    ):
        if value not in known:
            raise ValueError(f"draw: {name}={value!r}; it can be {', '.join(map(repr, known))}")
    if max_nodes < 1:
        raise ValueError(f"draw: max_nodes={max_nodes}; it must be at least 1")
    names: dict[Node, str] = {}
    title = ""
    if isinstance(what, Module):
        title = type(what).__name__
        what, names = run(what, example_inputs)
    elif example_inputs:
        raise TypeError(
            f"draw: example inputs are for a module; {type(what).__name__} is none. Pass several tensors as a list"
        )
    roots = list(dict.fromkeys(tensors(what)))
    if not roots:
        raise TypeError(f"draw: needs a Tensor, a list of them, or a module with its inputs; got {type(what).__name__}")
    return Drawing(build(roots, names, title, values, grads, depth, max_nodes), values, direction, theme, engine)


def run(module: Module, inputs: tuple[Any, ...]) -> tuple[Any, dict[Node, str]]:
    """The module's output, and names for its inputs: those of forward's parameters."""
    code = getattr(type(module).forward, "__code__", None)
    parameters = code.co_varnames[1 : code.co_argcount] if code else ()
    names: dict[Node, str] = {}
    given = []
    for i, x in enumerate(inputs):
        if isinstance(x, (np.ndarray, list)):
            x = Tensor(x)
        if isinstance(x, Node) and x.name is None and i < len(parameters):
            names[x] = parameters[i]
        given.append(x)
    training = [(m, m.training) for _, m in module.named_modules()]
    module.eval()
    try:
        return module(*given), names
    finally:
        for m, was in training:
            m.training = was


def tensors(what: Any) -> Iterable[Node]:
    if isinstance(what, Node):
        yield what
    elif isinstance(what, Mapping):
        for item in what.values():
            yield from tensors(item)
    elif isinstance(what, (list, tuple)):
        for item in what:
            yield from tensors(item)


class Drawing:
    """A drawing of a graph. It shows itself in a notebook; `print(drawing)` is a text tree for a terminal."""

    def __init__(self, scene: Scene, values: bool, direction: str, theme: str, engine: str) -> None:
        self.scene = scene
        self.theme = theme
        self.values = values
        self._direction = direction
        self._engine = engine
        self.faces = {card: face(card, values) for card in scene.cards()}

    @cached_property
    def layout(self) -> Layout:
        """Where everything stands, and which engine put it there."""
        return engines.lay_out(self.scene, self.faces, self._direction, self._engine)

    def svg(self, theme: str | None = None, uid: str = "") -> str:
        """The picture as SVG."""
        return svg.render(self.scene, self.faces, self.layout, theme or self.theme, uid)

    def html(self) -> str:
        """A whole page: the picture, with tooltips."""
        uid = html.unique()
        return html.page(self.svg(uid=uid), uid, self.description)

    @property
    def description(self) -> str:
        """One line that says what is drawn."""
        return ": ".join(filter(None, (printable(shortened(self.scene.title, 60)), self.scene.subtitle)))

    @property
    def digraph(self) -> Any:
        """The graph as the graphviz package's own object, to go on from there."""
        return dot.digraph(self.scene, blocks(self.scene, self.faces, self.layout.direction), self.layout.direction)

    @property
    def source(self) -> str:
        """The graph in Graphviz's language, DOT."""
        return str(self.digraph.source)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing as its ending says: .svg, .html, .gv (or .dot), .txt, and .png or .pdf with a converter.

        Returns:
            The path.

        Raises:
            ValueError: an ending that there isn't.
            RuntimeError: .png or .pdf, and there is nothing here that converts SVG to it.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending in (".png", ".pdf"):
            path.write_bytes(converted(self.svg("light" if self.theme == "auto" else None), ending[1:]))
            return path
        writers: dict[str, Callable[[], str]] = {
            ".svg": self.svg,
            ".html": self.html,
            ".gv": lambda: self.source,
            ".dot": lambda: self.source,
            ".txt": lambda: f"{self}\n",
        }
        if ending not in writers:
            raise ValueError(
                f"save: cannot write {ending or 'without an ending'}; endings are .svg .html .gv .dot .txt .png .pdf"
            )
        path.write_text(writers[ending](), encoding="utf-8")
        return path

    def play(self) -> Player:
        """The drawing, to be gone through step by step: forward, then backward, one closure at a time."""
        return Player(self)

    def __str__(self) -> str:
        return text.tree(self.scene, self.values)

    def __repr__(self) -> str:
        return f"<Drawing {self.description}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        uid = html.unique()
        picture = self.svg(uid=uid)
        return {
            "text/html": html.fragment(picture, uid, self.description),
            "image/svg+xml": picture,
            "text/plain": str(self),
        }


def converted(picture: str, kind: str) -> bytes:
    """The SVG as PNG (two pixels for one) or PDF."""
    picture = picture.replace(svg.FITTED, "", 1)  # there is no page, and cairosvg takes a height of "auto" for 0
    if command := shutil.which("rsvg-convert"):
        zoom = ["--zoom", "2"] if kind == "png" else []
        done = subprocess.run(
            [command, *zoom, "--unlimited", "--format", kind], input=picture.encode(), capture_output=True, check=True
        )
        return done.stdout
    try:
        import cairosvg
    except (ImportError, OSError):  # OSError: the package is there, the cairo library isn't
        raise RuntimeError(
            f"save: .{kind} needs something that converts SVG: `pip install cairosvg`, or rsvg-convert on the PATH "
            "(Debian: apt install librsvg2-bin). .svg, .html and .gv need nothing."
        ) from None
    convert = cairosvg.svg2png if kind == "png" else cairosvg.svg2pdf
    return bytes(convert(bytestring=picture.encode(), scale=2 if kind == "png" else 1))
