"""The recorded graph as a drawing shows it: which tensors appear, and which module call made each of them.

Every op's result appears, and so does every leaf and every array passed to an op. Constants of one element don't: they
are written into the op's pill. Vertices are nested in groups, one group per module call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node, Op, backpropagate
from tinygrad_lite.mode import BACKWARD
from tinygrad_lite.nn import Module

from .labels import is_constant, parameter_name
from .names import content

SHARED = 3  # a parameter used this often is drawn once; elsewhere a small chip refers to it
Item: TypeAlias = "Vertex | Group"
VIEWS = {"transpose", "swapaxes", "moveaxis", "matrix_transpose", "reshape", "expand_dims", "broadcast_to"}


@dataclass(eq=False, slots=True)
class Vertex:
    """A tensor that appears in the drawing. `inputs` has one entry per use, so x + x lists x twice."""

    node: Node | None  # None for a bare array
    op: Op | None  # None for a leaf
    value: Any
    name: str
    inputs: list[Vertex] = field(default_factory=list)
    uses: list[Vertex] = field(default_factory=list)
    docks: list[Vertex] = field(default_factory=list)  # leaves that only this op uses: drawn beside it
    docked: bool = False
    views: dict[int, Node] = field(default_factory=dict)  # inputs seen through an op, by place: weightᵀ in x @ weightᵀ
    group: Group = field(init=False)
    repeat: tuple[Group, int] | None = None  # set by folding.py: the repeated pattern, and which turn of it
    shown_as: Vertex | None = None  # set by folding.py: its counterpart in the turn that is shown

    def vertices(self) -> Iterator[Vertex]:
        yield self


class Group:
    """One module call: the attribute's name, the module's class, and the vertices and groups made inside.

    Or what a backward pass with create_graph made, or a pattern of items that repeats.
    """

    __slots__ = (
        "group", "module", "name", "kind", "path", "items", "turns", "calls", "collapsed", "repeat", "opened",
    )  # fmt: skip

    def __init__(self, group: Group | None, module: Module | None, name: str = "", kind: str = "") -> None:
        self.group = group  # the enclosing one
        self.module = module
        self.name = name
        self.kind = kind
        self.path: str = ".".join(filter(None, (group.path if group else "", name)))
        self.items: list[Item] = []
        self.turns: list[list[Item]] = []  # all turns of a repeated pattern; `items` are those that are shown
        self.calls: tuple[int, ...] = ()  # of a module called several times: which call this is, and of how many
        self.collapsed = False
        self.opened = False  # requested by name: never collapsed
        self.repeat: tuple[Group, int] | None = None

    @property
    def times(self) -> int:
        """How many turns this group stands for."""
        return max(1, len(self.turns))

    def vertices(self) -> Iterator[Vertex]:
        """All vertices that are shown inside, at any depth."""
        return leaves_of(self.items, False)

    def everything(self) -> Iterator[Vertex]:
        """All vertices inside, those of turns that are not shown too."""
        return leaves_of([self], True)

    def groups(self) -> Iterator[Group]:
        """This group and all groups inside, outer before inner."""
        stack = [self]
        while stack:
            group = stack.pop()
            yield group
            stack.extend(item for item in reversed(group.items) if isinstance(item, Group))


def leaves_of(items: Sequence[Item], hidden: bool) -> Iterator[Vertex]:
    """The vertices in these items, and with `hidden` those of turns that are not shown."""
    stack = list(reversed(items))
    inside: set[int] = set()
    while stack:
        item = stack.pop()
        if isinstance(item, Vertex):
            yield item
        elif hidden and item.turns and id(item) not in inside:  # its last turn may be the group itself
            inside.add(id(item))
            stack.extend(x for turn in reversed(item.turns) for x in reversed(turn))
        else:
            stack.extend(reversed(item.items))


class RecordedGraph:
    """The vertices of a graph in the order in which they were computed, nested in their groups."""

    def __init__(self, roots: Iterable[Node], names: dict[Any, str]) -> None:
        self.roots = list(roots)
        self.given = names
        self.modules: list[Module] = []  # the outermost ones, in call order
        self.module_names: dict[int, dict[int, str]] = {}  # id of a module -> id of what it holds -> its dotted name
        self.vertices: dict[Any, Vertex] = {}
        self.root = Group(None, None)
        self._groups: dict[int, Group] = {}
        self._collect()
        self._in_order_of_time()
        self._name_leaves()
        self._hide_views()
        self._dock()
        self._place()
        self._count_calls()
        self._simplify()
        self._sort()

    # ------------------------------------------------------------------------------------------------- the vertices

    def _collect(self) -> None:
        """All vertices, each after its inputs; without recursion."""
        known = self.vertices
        for root in self.roots:
            stack = [root]
            while stack:
                node = stack[-1]
                if node in known:
                    stack.pop()
                    continue
                waiting = [a for a in node.args if isinstance(a, Node) and a not in known and not is_constant(a)]
                if waiting:
                    stack.extend(reversed(waiting))
                else:
                    stack.pop()
                    self._add(node)

    def _add(self, node: Node) -> None:
        vertex = Vertex(node, node.op, node.value, node.name or self.given.get(node, ""))
        for place, (a, value) in enumerate(zip(node.args, node.values)):
            if isinstance(a, Node):
                source = self.vertices.get(a)
                if source is None:
                    continue
                if a.op is None:
                    source.value = value  # a leaf may have been rebound since: show what the op saw
            elif isinstance(a, np.ndarray) and a.size > 1:
                source = self.vertices.get(id(a))
                if source is None:
                    name = (self.given and self.given.get(content(value))) or parameter_name(node, place)
                    source = self.vertices[id(a)] = Vertex(None, None, value, name)
            else:
                continue
            vertex.inputs.append(source)
            source.uses.append(vertex)
        self.vertices[node] = vertex

    def _in_order_of_time(self) -> None:
        """Order vertices as they were computed, so that a loop reads turn by turn; leaves before their first use."""
        computed = [item for item in self.vertices.items() if item[1].op is not None]
        keys = {vertex: key for key, vertex in self.vertices.items()}
        ordered: dict[Any, Vertex] = {}
        for key, vertex in sorted(computed, key=lambda item: item[0].age):
            ordered.update((keys[x], x) for x in vertex.inputs if x.op is None)
            ordered[key] = vertex
        self.vertices = ordered | self.vertices

    def _name_leaves(self) -> None:
        """Name parameters by their path in the outermost modules whose calls made this graph."""
        seen = None
        for vertex in self.vertices.values():
            outer = vertex.node.scope if vertex.node is not None else None
            if outer is None or outer is seen:
                continue
            seen = outer
            while outer[0] is not None and outer[0][1] is not BACKWARD:
                outer = outer[0]
            if outer[1] is not BACKWARD and id(outer[1]) not in self.module_names:
                self.modules.append(outer[1])
                self._names_in(outer[1])
        for vertex in self.vertices.values():
            if vertex.op is None:
                paths = (self.module_names[id(m)][id(vertex.node)] for m in self.modules if self._holds(m, vertex))
                vertex.name = next(paths, vertex.name)

    def _names_in(self, module: Module) -> dict[int, str]:
        names = self.module_names.get(id(module))
        if names is None:
            names = {id(m): name for name, m in module.named_modules()}
            names.update((id(t), name) for name, t in module.named_tensors())
            self.module_names[id(module)] = names
        return names

    def _holds(self, module: Module, vertex: Vertex) -> bool:
        return vertex.node is not None and id(vertex.node) in self.module_names[id(module)]

    def is_parameter(self, vertex: Vertex) -> bool:
        """Whether a module holds this leaf."""
        return any(self._holds(module, vertex) for module in self.modules)

    def _hide_views(self) -> None:
        """Where a leaf only goes through one rearrangement into one op, draw the leaf itself: weight, not weightᵀ."""
        roots = set(self.roots)
        for vertex in list(self.vertices.values()):
            if vertex.op is None or vertex.op.name not in VIEWS:
                continue
            if len(vertex.inputs) == len(vertex.uses) == 1 and vertex.node not in roots:
                leaf, use = vertex.inputs[0], vertex.uses[0]
                place = use.inputs.index(vertex)
                if leaf.op is None and (len(leaf.uses) == 1 or is_shared(leaf)) and len(use.inputs) > 1:
                    use.views[place] = vertex.node  # type: ignore[assignment]
                    use.inputs[place] = leaf
                    leaf.uses[leaf.uses.index(vertex)] = use
                    del self.vertices[vertex.node]

    def _dock(self) -> None:
        """Dock leaves to the only op that uses them, except one if it has no other input: the data runs straight."""
        for vertex in self.vertices.values():
            single = [x for x in vertex.inputs if x.op is None and len(x.uses) == 1]
            if not single:
                continue
            if len(single) == len(vertex.inputs):
                seen = {vertex.inputs[place] for place in vertex.views}
                single.remove(next((x for x in single if not self.is_parameter(x) and x not in seen), single[0]))
            vertex.docks = single
            for x in single:
                x.docked = True

    # --------------------------------------------------------------------------------------------------- the groups

    def _place(self) -> None:
        """Put each vertex into a group: op results where they were made, parameters where they are used."""
        for vertex in self.vertices.values():
            if vertex.node is not None and vertex.op is not None:
                vertex.group = self._group(vertex.node.scope)
        for vertex in self.vertices.values():
            if vertex.op is None:
                groups = [use.group for use in vertex.uses]
                inside = groups and (vertex.docked or self.is_parameter(vertex))
                vertex.group = innermost_around(groups) if inside else self.root
            if not vertex.docked:
                vertex.group.items.append(vertex)

    def _group(self, scope: Any) -> Group:
        if scope is None:
            return self.root
        group = self._groups.get(id(scope))
        if group is None:
            outer, module = scope
            around = self._group(outer)
            if module is BACKWARD:
                group = Group(around, None, BACKWARD)
            else:
                name = "" if around.module is None else self._names_in(around.module).get(id(module), "")
                group = Group(around, module, name, type(module).__name__)
            self._groups[id(scope)] = group
            around.items.append(group)
        return group

    def _count_calls(self) -> None:
        """Number the calls of each module that was called several times."""
        calls: dict[tuple[int, str], list[Group]] = {}
        for group in self._groups.values():
            if group.module is not None:
                calls.setdefault((id(group.module), group.path), []).append(group)
        for groups in calls.values():
            for i, group in enumerate(groups, 1):
                around = group.group
                if len(groups) > 1 and (around is None or len(around.calls) < 2 or around.calls[1] < len(groups)):
                    group.calls = (i, len(groups))

    def _simplify(self) -> None:
        """Dissolve a group around one op without parameters, and one around everything: they say nothing new."""
        for group in reversed(list(self.root.groups())):
            alone = group.items[0] if len(group.items) == 1 else None
            if isinstance(alone, Vertex) and not alone.docks and group.module is not None:
                self._dissolve(group)
        groups = [item for item in self.root.items if isinstance(item, Group)]
        if len(groups) == 1 and groups[0].module and any(isinstance(item, Group) for item in groups[0].items):
            self._dissolve(groups[0])

    def _dissolve(self, group: Group) -> None:
        around = group.group
        assert around is not None
        place = around.items.index(group)
        around.items[place : place + 1] = group.items
        for item in group.items:
            item.group = around

    def users(self, item: Item) -> set[Item]:
        """The items that use what this one computed, at its own level or further out."""
        return {at_one_level(item, use)[1] for x in item.vertices() for use in x.uses if item not in lineage(use)}

    # ---------------------------------------------------------------------------------------------------- the order

    def _sort(self) -> None:
        """Order the items of each group so that each comes after those it depends on."""
        needs: dict[Item, list[Item]] = {}
        for vertex in self.vertices.values():
            if not vertex.docked:
                for x in vertex.inputs:
                    if not x.docked:
                        source, target = at_one_level(x, vertex)
                        needs.setdefault(target, []).append(source)
        self.needs = needs
        for group in self.root.groups():
            done: dict[Item, None] = {}
            opened = set()
            stack: list[Item] = list(reversed(group.items))
            while stack:
                item = stack[-1]
                waiting = [] if item in opened else [x for x in needs.get(item, ()) if x not in done]
                opened.add(item)
                if waiting:
                    stack.extend(reversed(waiting))
                else:
                    done[stack.pop()] = None
            group.items = list(done)


def is_shared(leaf: Vertex) -> bool:
    """Whether a leaf is used so often that edges from it to all its uses would hide the graph."""
    wanted = leaf.node is not None and leaf.node.requires_grad
    return leaf.op is None and np.ndim(leaf.value) > 0 and len(leaf.uses) >= (SHARED if wanted else 3 * SHARED)


def lineage(item: Item) -> list[Item]:
    """The groups around an item, outermost first, then the item itself."""
    line = [item]
    while (around := line[-1].group) is not None:
        line.append(around)
    return line[::-1]


def depth(group: Group) -> int:
    """How many groups are around this one."""
    return len(lineage(group)) - 1


def innermost_around(groups: list[Group]) -> Group:
    """The innermost group around all of these."""
    found: list[Any] = lineage(groups[0])
    for group in groups[1:]:
        found = [a for a, b in zip(found, lineage(group)) if a is b]
    innermost: Group = found[-1]
    return innermost


def at_one_level(a: Item, b: Item) -> tuple[Item, Item]:
    """The items around a and around b (or a and b themselves) that are in the same group."""
    if a.group is b.group:
        return a, b
    return next((x, y) for x, y in zip(lineage(a), lineage(b)) if x is not y)


def walk_back(roots: Sequence[Node]) -> Iterator[tuple[Node, Any]]:
    """∂root/∂node for every node behind each scalar root, in the order of `.backward()`.

    A node behind several roots comes once for each; the sum over them is ∂L/∂node, where L is the sum of the roots.
    """
    for root in roots:
        if root.requires_grad and np.size(root.value) == 1:
            yield from backpropagate(root, np.ones_like(root.value)[()])
