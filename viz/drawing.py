"""draw(), and the Drawing and Player that it leads to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite import Tensor
from tinygrad_lite.graph import Node
from tinygrad_lite.nn import Module

from .layout import dot
from .layout.columns import PAGE
from .layout.docking import bundles
from .layout.engines import ENGINES, lay_out
from .layout.geometry import Layout
from .render import animation, explorer, html, look, stepper, svg
from .render.convert import converted
from .render.face import decades, face
from .render.tree import tree
from .scene.builder import build
from .scene.cards import Card, Frame, Scene
from .scene.formatting import number, number_or_text, printable, shortened
from .scene.names import names_in
from .scene.recorded import walk_back
from .scene.scalars import Program, program
from .scene.steps import steps
from .sliders import changed, difference, knobs

DIRECTIONS = ("auto", "LR", "TB")
THEMES = ("auto", "light", "dark")
MOST_MOVING = 80  # steps of a player that is an animation where scripts do not run
MOST_STORIES = 200  # elements that a click can choose


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
    """Draw the graph behind a tensor: a card for every tensor, with its values and its gradient.

    Args:
        what: a tensor, several (in a list, tuple or dict), or a module, which is called once with `example_inputs`
            (in eval mode, so that nothing in it changes).
        grads: show ∂L/∂tensor, where L is the drawn tensor (the sum of those that are scalar). It is computed for the
            drawing alone; every `.grad` stays as it is. A tensor with several elements has no gradient by itself.
        values: show what tensors hold; False shows shapes alone.
        depth: how many levels of modules to open, or the name of one module to open; the others become one card each.
        direction: "LR" from left to right, "TB" from top to bottom; "auto" is LR if that is at most 980 px wide.
        theme: "light", "dark", or "auto" to follow the reader's system or notebook.
        engine: "dot", "graphviz-pure" (from pip), "layered" (built in), or "auto": the first of these that is
            installed, but "layered" for more than 500 cards. "layered" also replaces an engine that fails or takes
            more than 10 s.
        max_nodes: with more tensors than this, patterns that repeat are drawn once ("×12"), then modules collapse,
            deepest first.

    Returns:
        A Drawing. It shows itself in a notebook; `.save("graph.svg")` writes it; `print` shows a text tree.

    Raises:
        TypeError: `what` holds no tensor.
        ValueError: unknown option.
    """
    for name, value, known in (
        ("direction", direction, DIRECTIONS),
        ("theme", theme, THEMES),
        ("engine", engine, ENGINES),
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
            f"draw: example inputs are for a module, not a {type(what).__name__}; pass several tensors as a list"
        )
    roots = {node: name for name, node in named_tensors("", what)}
    if not roots:
        raise TypeError(f"draw: needs a Tensor, a list of them, or a module with its inputs; got {type(what).__name__}")
    names |= {node: name for node, name in roots.items() if name and node.name is None}
    frame = sys._getframe(1)
    around = names_in(frame.f_locals, frame.f_globals)

    def scene(levels: int | str | None) -> Scene:
        return build(list(roots), around | names, title, values, grads, levels, max_nodes)

    return Drawing(scene(depth), values, direction, theme, engine, scene if depth is None else None)


def run(module: Module, inputs: tuple[Any, ...]) -> tuple[Any, dict[Node, str]]:
    """The module's output, and a name for each input: that of forward's parameter, and its key or place in it."""
    code = getattr(type(module).forward, "__code__", None)
    parameters = code.co_varnames[1 : code.co_argcount] if code else ()
    given = [as_tensors(x) for x in inputs]
    names = {node: name for name, node in named_tensors("", dict(zip(parameters, given))) if node.name is None}
    training = [(m, m.training) for _, m in module.named_modules()]
    module.eval()
    try:
        return module(*given), names
    finally:
        for m, was in training:
            m.training = was


def as_tensors(x: Any) -> Any:
    """`x` with a Tensor for each array in it, so that each has a card and a name; a list of numbers is an array."""
    if isinstance(x, np.ndarray) or isinstance(x, list) and not any(holds_arrays(item) for item in x):
        return Tensor(x)
    if isinstance(x, dict):
        return {key: as_tensors(item) for key, item in x.items()}
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(map(as_tensors, x))
    return x


def holds_arrays(x: Any) -> bool:
    if isinstance(x, (list, tuple, dict)):
        return any(map(holds_arrays, x.values() if isinstance(x, dict) else x))
    return isinstance(x, (Node, np.ndarray))


def named_tensors(path: str, what: Any) -> Iterator[tuple[str, Node]]:
    """All tensors in nested lists, tuples and dicts, named by keys and places: loss, parts[0], batch.left."""
    if isinstance(what, Node):
        yield path, what
    elif isinstance(what, Mapping):
        for key, item in what.items():
            yield from named_tensors(f"{path}.{key}" if path else str(key), item)
    elif isinstance(what, (list, tuple)):
        for i, item in enumerate(what):
            yield from named_tensors(f"{path}[{i}]" if path else "", item)


class OnPage:
    """What a drawing, a player and an explorer share: a page, files, and what a notebook shows."""

    drawing: Drawing
    whole = True  # all frames are open at first

    def script(self, uid: str) -> str:
        """The script that belongs to the drawing `uid` on its page."""
        raise NotImplementedError

    def still(self, uid: str) -> str:
        """The SVG that is seen where scripts don't run."""
        return self.drawing.svg(uid=uid)

    def parts(self) -> tuple[str, str, str, str, str, bool]:
        """What html.page and html.fragment put together."""
        uid, drawing = html.unique(), self.drawing
        return drawing.open_svg(uid), self.still(uid), uid, drawing.description, self.script(uid), self.whole

    def html(self) -> str:
        """A whole page, which needs nothing else."""
        return html.page(*self.parts())

    def writers(self) -> dict[str, Callable[[], str | bytes]]:
        """What makes a file with each ending."""
        return {".html": self.html}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file in the format of its ending.

        A drawing: .svg, .html, .gv (or .dot), .txt, and with typst installed .png and .pdf. A player: .html, or .svg,
        which plays by itself. An explorer of a graph of scalars: .html.

        Returns:
            The path.

        Raises:
            ValueError: unknown ending; an explorer of a graph that the page itself can't compute.
            RuntimeError: .png or .pdf, and typst is not installed.
        """
        path, writers = Path(path), self.writers()
        ending = path.suffix.lower()
        if ending not in writers:
            written = f"{type(self).__name__.lower()} as {ending or 'a file without an ending'}"
            raise ValueError(f"save: cannot write this {written}; endings are {' '.join(writers)}")
        made = writers[ending]()
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
        return path

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.drawing.description}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        parts = self.parts()
        return {"text/html": html.fragment(*parts), "image/svg+xml": parts[1], "text/plain": str(self)}


class Drawing(OnPage):
    """A drawing of a graph. Shows itself in a notebook; `print` it for a text tree."""

    whole = False

    def __init__(
        self, scene: Scene, values: bool, direction: str, theme: str, engine: str,
        folded: Callable[[int], Scene] | None = None,
    ) -> None:  # fmt: skip
        self.drawing = self
        self._folded = folded  # the same graph with so many levels of modules open
        self.scene = scene
        self.theme = theme
        self.values = values
        self._direction = direction
        self._engine = engine
        scale = decades(scene.cards())
        self.faces = {card: face(card, values, scale) for card in scene.cards()}

    @cached_property
    def layout(self) -> Layout:
        """The position of everything, and the engine that chose it."""
        return lay_out(self.scene, self.faces, self._direction, self._engine)

    @cached_property
    def legible(self) -> Drawing:
        """The drawing with as many levels of modules open as can be read at a glance, where no click can close one.

        A page's script does the same when it opens.
        """
        best, folded = self, self._folded
        for depth in range(nested(self.scene.frame)) if folded and not fits(self.layout) else ():
            assert folded is not None
            other = Drawing(folded(depth), self.values, self._direction, self.theme, self._engine)
            if best is not self and not fits(other.layout):
                break
            best = other
        return best

    def svg(self, theme: str | None = None, uid: str = "") -> str:
        """The picture as SVG. What would be too large to read has modules closed; `depth=…` says which are open."""
        return self.legible.open_svg(uid, theme)

    def open_svg(self, uid: str, theme: str | None = None) -> str:
        """The SVG with all frames open."""
        return svg.render(self.scene, self.faces, self.layout, theme or self.theme, uid)

    def script(self, uid: str) -> str:
        """The script that shows a card large; "" if the drawing shows no values."""
        return look.script(self.scene, uid) if self.values else ""

    @property
    def description(self) -> str:
        """One line that says what is drawn."""
        return ": ".join(filter(None, (printable(shortened(self.scene.title, 60)), self.scene.subtitle)))

    @property
    def digraph(self) -> Any:
        """The graph as an object of the graphviz package, for you to change."""
        return dot.digraph(self.scene, bundles(self.scene, self.faces, self.layout.direction), self.layout.direction)

    @property
    def source(self) -> str:
        """The graph in DOT, Graphviz's language."""
        return str(self.digraph.source)

    def writers(self) -> dict[str, Callable[[], str | bytes]]:
        paper = "light" if self.theme == "auto" else self.theme
        return {
            ".svg": self.svg, ".html": self.html, ".gv": lambda: self.source, ".dot": lambda: self.source,
            ".txt": lambda: f"{self}\n", ".png": lambda: converted(self.svg(paper), "png"),
            ".pdf": lambda: converted(self.svg(paper), "pdf"),
        }  # fmt: skip

    def play(self, quiz: bool = False, element: tuple[Tensor, Any] | None = None) -> Player:
        """The drawing step by step: forward, then backward, one closure at a time.

        Args:
            quiz: hide the gradient of a scalar until the reader has typed it, or asks to see it.
            element: a tensor and an index, `(x, (2, 7))`. Each step then tells that element's story in its own numbers:
                the sums that it went into, and the sum of its gradient. Where all vectors and matrices together have at
                most 200 elements, a click on a cell chooses one, too.

        Raises:
            ValueError: `element` is no element of a tensor with a card of its own.
        """
        chosen = None if element is None else (element[0], tuple(np.atleast_1d(element[1]).tolist()))
        return Player(self, quiz, chosen)

    def explore(self, elements: Mapping[Tensor, Any] | None = None) -> Explorer:
        """The drawing with sliders: values and gradients follow as you move one, and each slider has ∂ beside its
        central difference.

        Of a graph of scalars the page itself computes everything, in a notebook or saved, and each edge shows its
        local derivative. Of other graphs the notebook's kernel does, which needs anywidget.

        Args:
            elements: for leaves that are not scalar, an index of one element: `{w: (0, 2)}`. It gets a slider too.

        Raises:
            ValueError: nothing in the graph can have a slider.
        """
        return Explorer(self.beside_a_panel(), dict(elements or {}))

    def beside_a_panel(self) -> Drawing:
        """The same drawing, not wrapped: the panel stands beside it, and it scrolls to what matters."""
        direction = self._direction
        if direction == "auto":
            direction = "LR" if self.layout.direction == "LR" and not self.layout.wraps else "TB"
        return Drawing(self.scene, self.values, direction, self.theme, self._engine, self._folded)

    def __str__(self) -> str:
        return tree(self.scene, self.values)


def nested(frame: Frame) -> int:
    """How many frames lie within each other."""
    return max((1 + nested(box) for box in frame.boxes if isinstance(box, Frame)), default=0)


def fits(layout: Layout) -> bool:
    """Whether the whole can be read on a page."""
    return min(PAGE[0] / layout.width, PAGE[1] / layout.height) > html.LEGIBLE - 0.02


def has_stories(card: Card) -> bool:
    """Whether each cell of the card is one element: a vector, a matrix or a single image, of float numbers."""
    single = 1 < np.size(card.value) == np.prod((1, 1, *card.shape)[-2:])
    return single and card.of is None and card.role != "module" and np.asarray(card.value).dtype.kind == "f"


class Player(OnPage):
    """A drawing that one steps through, forward and then backward. Shows itself in a notebook; `print` it elsewhere.

    Controlled by a play button, a slider and the arrow keys. In a small graph a click on a cell chooses an element, and
    the steps tell its story. Where scripts don't run it is an animated image.
    """

    def __init__(
        self, drawing: Drawing, quiz: bool = False, element: tuple[Node, tuple[int, ...]] | None = None
    ) -> None:
        self.drawing = drawing.beside_a_panel()
        self.alone = drawing
        self.quiz = quiz
        self.steps = steps(drawing.scene, drawing.values, element)  # what happens in each of them

    def script(self, uid: str) -> str:
        """The script that makes a player of the drawing `uid`."""
        return stepper.script(self.steps, uid, self.drawing.layout.direction == "LR", self.quiz, self.stories)

    @cached_property
    def stories(self) -> stepper.Stories:
        """The steps of every element of a small graph: a click on a cell chooses one."""
        cards = [card for card in self.drawing.scene.cards() if has_stories(card)]
        if self.quiz or not self.drawing.values or sum(np.size(card.value) for card in cards) > MOST_STORIES:
            return {}
        return {
            (card, at): steps(self.drawing.scene, True, (card.node, at))
            for card in cards if card.node is not None for at in np.ndindex(*card.shape)
        }  # fmt: skip

    def svg(self, theme: str | None = None, uid: str = "") -> str:
        """The player as an animated SVG: it plays by itself, in a README and wherever an image can be."""
        drawing = self.alone  # its panel is below
        theme = theme or drawing.theme
        return animation.animated(drawing.scene, drawing.faces, drawing.layout, self.steps, theme, uid)

    def still(self, uid: str) -> str:
        """The animation, unless it would be too long to watch."""
        return self.svg(uid=uid) if len(self.steps) <= MOST_MOVING else super().still(uid)

    def writers(self) -> dict[str, Callable[[], str | bytes]]:
        return {".html": self.html, ".svg": self.svg}

    def __str__(self) -> str:
        return "\n".join(line for step in self.steps for line in stepper.as_text(step))

    def __repr__(self) -> str:
        return f"<Player {self.drawing.description}: {len(self.steps)} steps>"


class Explorer(OnPage):
    """A drawing with sliders. Shows itself in a notebook; of a graph of scalars, `.save("page.html")` writes it."""

    def __init__(self, drawing: Drawing, elements: dict[Tensor, Any]) -> None:
        self.drawing = drawing
        self.knobs = knobs(drawing.scene, elements)
        self.program: Program | None = None
        self.refused = "a chosen element of a tensor"
        if not elements:
            try:
                self.program = program(drawing.scene.roots)
            except TypeError as error:
                self.refused = str(error)

    def script(self, uid: str) -> str:
        """The script that makes an explorer of the drawing `uid`."""
        if self.program is None:
            raise ValueError(f"explore: a page by itself can't compute {self.refused}; show it in a notebook")
        wide = self.drawing.layout.direction == "LR"
        return explorer.script(self.drawing.scene, self.program, self.knobs, uid, wide)

    def answer(self, now: list[float]) -> dict[str, Any]:
        """The drawing's SVG for these numbers, what the end is, and for each slider ∂ and its central difference."""
        drawing, scene = self.drawing, self.drawing.scene
        new, nodes = scene.again(changed(self.knobs, now))
        gradients = dict(walk_back(new.roots))
        found = []
        for i, (_, node, index) in enumerate(self.knobs):
            g = gradients.get(nodes[node])
            by_difference = number(difference(scene, self.knobs, now, i))
            found.append(("—" if g is None else number(np.asarray(g)[index]), by_difference))
        end = " + ".join(number_or_text(root.value) for root in new.roots if np.size(root.value) == 1)
        redrawn = Drawing(new, drawing.values, drawing.layout.direction, drawing.theme, drawing._engine)
        return {"svg": redrawn.svg(uid=html.unique()), "line": f"L = {end}", "found": found}

    def __str__(self) -> str:
        return str(self.drawing)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if self.program is not None:
            return super()._repr_mimebundle_()
        shown = self.drawing._repr_mimebundle_()
        if find_spec("anywidget"):
            sliders = import_module(".render.widget", __package__)
            first = [(name, float(np.asarray(node.value)[index])) for name, node, index in self.knobs]
            shown |= sliders.Sliders(first, self.answer)._repr_mimebundle_()[0]
        return shown
