"""explain: what backprop visits, in its order, with each rule, what it passed on, and what it cost."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node, backpropagate
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.typography import SUBSCRIPT

from .graph import Graph
from .labels import number, shape_text

PATHS = 8  # so many chain rules are written out


@dataclass(frozen=True)
class Step:
    """One visit: a node, the gradient that arrived there, and what its own closures cost."""

    node: Node
    name: str
    gradient: Any
    seconds: float

    @property
    def norm(self) -> float:
        return float(np.linalg.norm(np.ravel(self.gradient)))

    @property
    def bytes(self) -> int:
        """Of the value that the graph keeps."""
        return int(getattr(self.node.value, "nbytes", 0))

    @property
    def formula(self) -> str:
        first = self.node.op.formula.split("\n\n")[0] if self.node.op is not None else ""
        return "    ".join(re.split(r"\s{2,}|\n", first))

    @property
    def shapes(self) -> str:
        sources = [shape_text(x.value.shape) for x in self.node.args if isinstance(x, Node)]
        return (
            f"{', '.join(sources)} → {shape_text(np.shape(self.node.value))}"
            if sources
            else shape_text(np.shape(self.node.value))
        )


def explain(loss: Tensor, of: Tensor | None = None, grad: Any = None) -> Explanation:
    """Walk back from `loss` once, and say what was done: a table in the order in which backprop visits.

    Nothing is stored: every `.grad` stays as it was.

    Args:
        loss: what `.backward()` would be called on.
        of: only the paths from `loss` to this tensor; where all on them are scalars, the chain rule is written out.
        grad: ∂L/∂loss, where loss has more than one element.

    Raises:
        RuntimeError: `loss` has no graph, or is no scalar and `grad` is missing.
        ValueError: no path leads to `of`, or `grad` has another shape than `loss`.
        TypeError: what is to be explained is no Tensor.
    """
    for x in (loss,) if of is None else (loss, of):
        if not isinstance(x, Tensor):
            raise TypeError(f"explain: needs a Tensor, not a {type(x).__name__}")
    seed = loss._seed(grad, "explain")
    names = _names(loss)
    steps = list(_steps(loss, seed.value if isinstance(seed, Tensor) else seed, names))
    if of is None:
        return Explanation(steps, "")
    on_path: set[Node] = {of}
    for step in reversed(steps):  # what something was made from comes after it in the walk
        if any(x in on_path for x in step.node.parents()):
            on_path.add(step.node)
    if loss not in on_path:
        raise ValueError("explain: no path leads from the first tensor to the second: it was not made from it")
    steps = [step for step in steps if step.node in on_path]
    scalars = all(np.size(step.node.value) == 1 for step in steps)
    return Explanation(steps, _chain_rule(loss, of, steps, names) if scalars else "")


def _steps(loss: Tensor, seed: Any, names: dict[Node, str]) -> Iterator[Step]:
    """Each visit of the walk, which runs a node's closures when it is asked for the next one."""
    if not loss.requires_grad:
        raise RuntimeError("explain: this tensor has no graph. Make it from a Tensor(..., requires_grad=True)")
    walk = backpropagate(loss, seed)
    visit = next(walk, None)
    while visit is not None:
        node, g = visit
        start = time.perf_counter()
        visit = next(walk, None)
        yield Step(node, names[node], g, time.perf_counter() - start if node.op is not None else 0.0)


def _names(loss: Tensor) -> dict[Node, str]:
    """Each node's name: its own, its parameter's path, or its op's with a number (tanh₂), each name once."""
    drawn = Graph([loss], {})
    names: dict[Node, str] = {}
    count: dict[str, int] = {}
    stack, seen = [loss], {loss}
    order: list[Node] = []
    while stack:
        node: Any = stack.pop()
        order.append(node)
        for x in node.parents():
            if x not in seen:
                seen.add(x)
                stack.append(x)
    for node in sorted(order, key=lambda node: node.age if node.op is not None else 0):
        part = drawn.parts.get(node)
        name = (part.name if part is not None else "") or node.name or (node.op.name if node.op is not None else "x")
        if part is not None and part.group.path and not name.startswith(f"{part.group.path}."):
            name = f"{part.group.path}.{name}"
        count[name] = count.get(name, 0) + 1
        names[node] = name + (str(count[name]).translate(SUBSCRIPT) if count[name] > 1 else "")
    return names


def _chain_rule(loss: Node, of: Node, steps: list[Step], names: dict[Node, str]) -> str:
    """Σ over the paths of the product of the derivatives along it, with the numbers put in."""
    on_path = {step.node for step in steps}
    ways = {loss: 1}  # to each node from the loss: steps come in the order of the walk, so all uses before
    for step in steps:
        for x in step.node.parents():
            if x in on_path:
                ways[x] = ways.get(x, 0) + ways[step.node]
    head = f"∂{names[loss]}/∂{names[of]} = {number(float(np.reshape(steps[-1].gradient, ())))}"
    if ways[of] > 1:
        head += f", the sum over {ways[of]:,} paths"
    if loss is of:
        return head
    lines = [head]
    for path in islice(_paths(loss, of, on_path), PATHS):
        product = float(np.prod([slope for _, _, slope in path]))
        symbols = " · ".join(f"∂{names[out]}/∂{names[x]}" for out, x, _ in path)
        numbers = " · ".join(number(slope) for _, _, slope in path)
        lines.append(f"  {symbols} = {numbers}" + (f" = {number(product)}" if len(path) > 1 else ""))
    if ways[of] > PATHS:
        lines.append(f"  … and {ways[of] - PATHS:,} more")
    return "\n".join(lines)


def _paths(loss: Node, of: Node, on_path: set[Node]) -> Iterator[list[tuple[Node, Node, float]]]:
    """Each way from `loss` to `of`, as (node, input, ∂node/∂input); a tensor used twice by one op gives two."""
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
    """The table of a walk back. It shows itself in a notebook; `print` it in a terminal."""

    HEAD = ("", "node", "op", "shapes", "‖∂L/∂node‖", "time", "memory", "rule")

    def __init__(self, steps: list[Step], chain_rule: str) -> None:
        self.steps = steps
        self.chain_rule = chain_rule

    def rows(self) -> list[tuple[str, ...]]:
        """The table's cells: one row a visit."""
        seconds = sum(step.seconds for step in self.steps) or 1.0
        size = sum(step.bytes for step in self.steps) or 1
        return [
            (
                str(i),
                step.name,
                step.node.op.name if step.node.op is not None else "leaf",
                step.shapes,
                number(step.norm),
                f"{step.seconds / seconds:.0%}" if step.node.op is not None else "",
                f"{step.bytes / size:.0%}",
                step.formula,
            )
            for i, step in enumerate(self.steps, 1)
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
