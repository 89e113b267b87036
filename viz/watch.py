"""Watch: a training run as a page: curves, the drawing at any step, histograms of what flows through each layer."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_lite import Tensor
from tinygrad_lite.nn import Module
from tinygrad_lite.replay import computed

from .drawing import Drawing, OnPage, draw
from .render import look
from .render.html import squeezed, unique
from .render.stepper import as_json
from .scene.formatting import is_finite

SCRIPT = squeezed("watch.js")
SAMPLES, POINTS = 40, 1000  # the most that are kept; then every second one goes, and new ones come half as often
REST = 100  # times as long as a refresh took pass before the next one
CELLS, BINS, SAMPLE = 100, 24, 1024  # numbers in a picture, bars of a histogram, elements that it is made of


class Watch(OnPage):
    """Follows a training run. Call it with the loss after each `backward()`.

        watch = viz.Watch(model)
        display(watch)  # in a notebook: it follows along, and stays as it was at the end
        for x, y in batches:
            loss = tg.cross_entropy(model(x), y)
            loss.backward()
            watch(loss)
            optimizer.step()
        watch.save("training.html")

    Every `every` steps it keeps small pictures and histograms of each tensor in the loss's graph, and of the gradients
    of the parameters: at most 40 times, so memory is bounded, and the graph of one step alone is kept. A notebook shows
    what is new after the cell, and during it so rarely that this takes a hundredth of the time.

    Args:
        model: whose training it is.
        every: how many steps lie between two samples; twice as many whenever 40 are full.
        options: those of `draw`, for the drawing.
    """

    def __init__(self, model: Module, every: int = 20, **options: Any) -> None:
        if every < 1:
            raise ValueError(f"Watch: every={every}; it must be at least 1")
        self.model, self.every, self.options = model, every, options
        self.step, self.spacing = 0, 1
        self.curves: dict[str, list[float]] = {}
        self.samples: list[tuple[int, list[Any]]] = []
        self._drawing: Drawing | None = None
        self._shown = ""  # the id of what a notebook shows, once it does
        self._next = 0.0  # when that may change again
        self._seen = -1  # the step that it shows

    def __call__(self, loss: Tensor, **more: float) -> None:
        """Note one step: the loss, and any other number by its name.

        Raises:
            ValueError: the loss is not a scalar with a graph.
        """
        if not isinstance(loss, Tensor) or loss.op is None or loss.size != 1:
            raise ValueError("Watch: needs a scalar with a graph, such as a loss")
        if self.step % self.spacing == 0:
            for name, x in {"loss": loss.item(), **more}.items():
                curve = self.curves.setdefault(name, [float("nan")] * (self.step // self.spacing))
                curve.append(float(x))
            if len(self.curves["loss"]) >= POINTS:
                self.curves = {name: curve[::2] for name, curve in self.curves.items()}
                self.spacing *= 2
        if self.step % self.every == 0:
            self.sample(loss)
        self.step += 1
        if self._shown and time.monotonic() > self._next:
            self.refresh()

    def sample(self, loss: Tensor) -> None:
        """Keep what the tensors behind this loss hold, unless its graph has another form than the one drawn."""
        nodes = computed([loss], {})
        held = [node.value for node in nodes]
        parameters = list(self.model.parameters())
        held += [x for p in parameters for x in (p.data, None if p.grad is None else p.grad.data)]
        if self._drawing is None:
            self._drawing = first(loss, self.options)
            keys = {card.node: card.key for card in self._drawing.scene.cards() if card.of is None}
            self.keys = [keys.get(node, 0) for node in nodes]
            self.keys += [keys.get(p, 0) * sign for p in parameters for sign in (1, -1)]  # −: its gradient
        if len(held) == len(self.keys):
            self.samples.append((self.step, [small(x) if key else None for x, key in zip(held, self.keys)]))
        if len(self.samples) >= SAMPLES:
            self.samples = self.samples[::2]
            self.every *= 2

    @property
    def drawing(self) -> Drawing:  # type: ignore[override]
        if self._drawing is None:
            raise ValueError("Watch: call it with a loss first")
        return self._drawing

    def _ipython_display_(self) -> None:
        """Show it, to be changed while it trains: what every notebook can do, and keeps in its file."""
        show = import_module("IPython.display").display
        show(self._repr_mimebundle_(), raw=True, display_id=(shown := self._shown or unique()))
        self._seen = self.step
        if not self._shown:
            self._shown = shown
            import_module("IPython").get_ipython().events.register("post_run_cell", self.refresh)

    def refresh(self, _: Any = None) -> None:
        """Show the last step in the notebook, wherever the run is shown."""
        if self._seen == self.step:
            return
        start, self._seen = time.monotonic(), self.step
        import_module("IPython.display").update_display(self._repr_mimebundle_(), raw=True, display_id=self._shown)
        end = time.monotonic()
        self._next = end + REST * (end - start)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        waits = {"text/html": "<i>No step yet.</i>", "text/plain": str(self)}
        return waits if self._drawing is None else super()._repr_mimebundle_()

    def script(self, uid: str) -> str:
        shapes: dict[int, tuple[int, ...]] = {}
        numbers, told = [], []
        for step, held in self.samples:
            row: list[Any] = []
            for key, kept in zip(self.keys, held):
                if kept is not None:
                    picture, some = kept
                    part, scale = look.packed(picture, list(picture.shape), [1] * picture.ndim)
                    shapes[key] = part.shape
                    numbers.append(part)
                    row.append((key, scale, *histogram(some)))
            told.append((step, row))
        curves = {name: [x if is_finite(x) else None for x in curve] for name, curve in self.curves.items()}
        parts = as_json(shapes), as_json(told), as_json(curves), str(self.spacing), f'"{look.squashed(numbers)}"'
        return f'{SCRIPT}("{uid}-at","{self._shown}",{look.UNPACK},{",".join(parts)});'

    def __repr__(self) -> str:
        return f"<Watch {self}>"

    def __str__(self) -> str:
        last = ", ".join(f"{name} {curve[-1]:.4g}" for name, curve in self.curves.items() if curve)
        return ": ".join(filter(None, (f"{self.step} steps", last)))


def first(loss: Tensor, options: dict[str, Any]) -> Drawing:
    """The drawing that all samples are shown in: here are no other variables that could give names."""
    return draw(loss, grads=False, **options)


def small(a: Any) -> tuple[Any, Any] | None:
    """A picture's elements of an array, and a sample for a histogram: copies. None if it holds no numbers.

    This runs during training, and takes a few µs; all else waits until the page is made.
    """
    a = np.asarray(a)
    if a.dtype.kind not in "fiu" or not a.size:
        return None
    sizes, blocks = look.cut(a.shape, CELLS)
    picture = a[tuple(slice(0, n * b, b) for n, b in zip(sizes, blocks))]
    some = a[:: max(1, a.size // SAMPLE)].ravel() if a.ndim else a.ravel()  # of a large one a part, before any copy
    return np.array(picture), np.array(some[:: -(-some.size // SAMPLE) | 1])


def histogram(some: Any) -> tuple[float, float, list[int]]:
    """The ends and the counts; no counts if all elements are equal."""
    some = some[np.isfinite(some)]
    low, high = float(some.min(initial=np.inf)), float(some.max(initial=-np.inf))
    if not low < high:
        return 0.0, 0.0, []
    place = (some.astype(float) - low) / (high - low) * BINS  # np.histogram refuses ends that are close together
    counts = np.bincount(np.minimum(place.astype(int), BINS - 1), minlength=BINS)
    return float(f"{low:.3g}"), float(f"{high:.3g}"), counts.tolist()
