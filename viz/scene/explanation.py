"""explain: the table of a backward pass, with each rule, what it passed on and what it cost."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node, backpropagate
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.typography import SUBSCRIPT

from .formatting import norm, number, shape_text
from .labels import equations
from .recorded import RecordedGraph

PATHS = 8  # how many chain rules are written out


@dataclass(frozen=True)
class Visit:
    """One node of the walk: the gradient that arrived there, and the time its closures took."""

    node: Node
    name: str
    gradient: Any
    seconds: float

    @property
    def norm(self) -> float:
        return norm(self.gradient)

    @property
    def bytes(self) -> int:
        """The size of the value that the graph keeps."""
        return int(getattr(self.node.value, "nbytes", 0))

    @property
    def formula(self) -> str:
        return "    ".join(equations(self.node.op)) if self.node.op is not None else ""

    @property
    def shapes(self) -> str:
        sources = ", ".join(shape_text(np.shape(x.value)) for x in self.node.args if isinstance(x, Node))
        return (f"{sources} → " if sources else "") + shape_text(np.shape(self.node.value))


def explain(loss: Tensor, of: Tensor | None = None, grad: Any = None) -> Explanation:
    """Walk back from `loss` once and report every visit, in the order in which backprop makes them.

    Nothing is stored: every `.grad` stays as it is.

    Args:
        loss: the tensor on which `.backward()` would be called.
        of: report only the paths from `loss` to this tensor. If everything on them is scalar, the chain rule is
            written out.
        grad: ∂L/∂loss, of the shape of `loss`; needed if `loss` has more than one element.

    Raises:
        RuntimeError: `loss` has no graph, or has more than one element and `grad` is missing.
        ValueError: no path leads to `of`, or `grad` has another shape than `loss`.
        TypeError: `loss` or `of` is not a Tensor.
    """
    for x in (loss,) if of is None else (loss, of):
        if not isinstance(x, Tensor):
            raise TypeError(f"explain: needs a Tensor, not a {type(x).__name__}")
    walked = list(timed(loss, seed_of(loss, grad)))
    names = names_of(loss, [node for node, _, _ in walked])
    visits = [Visit(node, names[node], g, seconds) for node, g, seconds in walked]
    if of is None:
        return Explanation(visits, "")
    on_path: set[Node] = {of}
    for visit in reversed(visits):  # inputs come after what was made from them
        if any(x in on_path for x in visit.node.parents()):
            on_path.add(visit.node)
    if loss not in on_path:
        raise ValueError("explain: no path leads from the first tensor to the second: it was not made from it")
    visits = [visit for visit in visits if visit.node in on_path]
    scalars = all(np.size(visit.node.value) == 1 for visit in visits)
    return Explanation(visits, chain_rule(loss, of, visits, names) if scalars else "")


def seed_of(loss: Tensor, grad: Any) -> Any:
    """∂L/∂loss, in the dtype of `loss`."""
    if not loss.requires_grad:
        raise RuntimeError("explain: this tensor has no graph. Make it from a Tensor(..., requires_grad=True)")
    if grad is None:
        if loss.size != 1:
            raise RuntimeError(
                f"explain: this tensor has shape {loss.shape}, and only a scalar has a gradient by itself: "
                "reduce it (.sum(), .mean()), or pass grad= of the same shape"
            )
        return np.ones_like(loss.value)[()]
    seed = Tensor(grad.value if isinstance(grad, Tensor) else grad, dtype=loss.dtype)
    if seed.shape != loss.shape:
        raise ValueError(f"explain: grad has shape {seed.shape} but the tensor has shape {loss.shape}")
    return seed.value


def timed(loss: Tensor, seed: Any) -> Iterator[tuple[Node, Any, float]]:
    """Each node of the walk, its gradient, and the seconds that its closures took."""
    walk = backpropagate(loss, seed)
    visit = next(walk, None)
    while visit is not None:
        node, g = visit
        start = time.perf_counter()
        visit = next(walk, None)  # runs the closures of this node
        yield node, g, time.perf_counter() - start if node.op is not None else 0.0


def names_of(loss: Tensor, nodes: list[Node]) -> dict[Node, str]:
    """A distinct name for each node: its own, its parameter's path, or its op's; repeated ones are numbered (tanh₂)."""
    vertices = RecordedGraph([loss], {}).vertices
    names: dict[Node, str] = {}
    count: dict[str, int] = {}
    for node in sorted(nodes, key=lambda node: node.age if node.op is not None else 0):
        vertex = vertices.get(node)
        known = vertex.name if vertex is not None else ""
        name = known or node.name or (node.op.name if node.op is not None else "x")
        if vertex is not None and vertex.group.path and not name.startswith(f"{vertex.group.path}."):
            name = f"{vertex.group.path}.{name}"
        count[name] = count.get(name, 0) + 1
        names[node] = name + (str(count[name]).translate(SUBSCRIPT) if count[name] > 1 else "")
    return names


def chain_rule(loss: Node, of: Node, visits: list[Visit], names: dict[Node, str]) -> str:
    """The chain rule with numbers: a sum over paths, each the product of the derivatives along it."""
    on_path = {visit.node for visit in visits}
    ways = {loss: 1}  # from the loss to each node: the walk visits a node after all its uses
    for visit in visits:
        for x in visit.node.parents():
            if x in on_path:
                ways[x] = ways.get(x, 0) + ways[visit.node]
    head = f"∂{names[loss]}/∂{names[of]} = {number(float(np.reshape(visits[-1].gradient, ())))}"
    if ways[of] > 1:
        head += f", the sum over {ways[of]:,} paths"
    if loss is of:
        return head
    lines = [head]
    for path in islice(paths(loss, of, on_path), PATHS):
        product = float(np.prod([slope for _, _, slope in path]))
        symbols = " · ".join(f"∂{names[out]}/∂{names[x]}" for out, x, _ in path)
        numbers = " · ".join(number(slope) for _, _, slope in path)
        lines.append(f"  {symbols} = {numbers}" + (f" = {number(product)}" if len(path) > 1 else ""))
    if ways[of] > PATHS:
        lines.append(f"  … and {ways[of] - PATHS:,} more")
    return "\n".join(lines)


def paths(loss: Node, of: Node, on_path: set[Node]) -> Iterator[list[tuple[Node, Node, float]]]:
    """Each path from `loss` to `of` as (node, input, ∂node/∂input); a tensor used twice by one op gives two."""
    stack: list[tuple[Node, list[tuple[Node, Node, float]]]] = [(loss, [])]
    while stack:
        node, path = stack.pop()
        if node is of:
            yield path
            continue
        for x, closure in zip(node.args, node.closures):
            if closure is not None and x in on_path:
                slope = float(np.reshape(closure(np.ones_like(node.value)[()]), ()))
                stack.append((x, [*path, (node, x, slope)]))


class Explanation:
    """The table of a backward pass. Shows itself in a notebook; `print` it in a terminal."""

    HEAD = ("", "node", "op", "shapes", "‖∂L/∂node‖", "time", "memory", "rule")

    def __init__(self, steps: list[Visit], chain_rule: str) -> None:
        self.steps = steps
        self.chain_rule = chain_rule

    def rows(self) -> list[tuple[str, ...]]:
        """The table's cells, one row per visit."""
        seconds = sum(visit.seconds for visit in self.steps) or 1.0
        size = sum(visit.bytes for visit in self.steps) or 1
        return [
            (
                str(i),
                visit.name,
                visit.node.op.name if visit.node.op is not None else "leaf",
                visit.shapes,
                number(visit.norm),
                f"{visit.seconds / seconds:.0%}" if visit.node.op is not None else "",
                f"{visit.bytes / size:.0%}",
                visit.formula,
            )
            for i, visit in enumerate(self.steps, 1)
        ]

    def text(self) -> str:
        rows = [self.HEAD, *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEAD) - 1)]
        table = "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0])).rstrip() for row in rows)
        return "\n\n".join(filter(None, (table, self.chain_rule)))

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag} style='text-align:left'>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(line(row, "td") for row in self.rows())
        rule = f"<pre>{html.escape(self.chain_rule)}</pre>" if self.chain_rule else ""
        return f"<table><thead>{line(self.HEAD, 'th')}</thead><tbody>{body}</tbody></table>{rule}"

    def __repr__(self) -> str:
        return self.text()
