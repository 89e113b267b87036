"""The graph as it is drawn: which tensors are parts of the picture, and which module made each of them.

Every op's result is a part, and so is every leaf and every array given to an op. Constants with one element are none:
they stand in the op's pill. Parts lie in groups, one for each call of a module, nested as the calls were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.nn import Module

Item: TypeAlias = "Part | Group"
VIEWS = {"transpose", "swapaxes", "moveaxis", "matrix_transpose", "reshape", "expand_dims", "broadcast_to"}


class Part:
    """A tensor in the picture. `inputs` has one entry for each place it was used in, so twice x for x + x."""

    __slots__ = (
        "node",
        "value",
        "name",
        "is_op",
        "inputs",
        "uses",
        "docks",
        "docked",
        "view",
        "group",
        "repeat",
        "shown_as",
    )

    def __init__(self, node: Node | None, value: Any, name: str, is_op: bool) -> None:
        self.node = node
        self.value = value
        self.name = name
        self.is_op = is_op
        self.inputs: list[Part] = []
        self.uses: list[Part] = []
        self.docks: list[Part] = []  # leaves that only this op uses: they stand beside it
        self.docked = False
        self.view: Node | None = None  # the op through which a docked leaf is seen: weightᵀ in x @ weightᵀ
        self.group: Group
        self.repeat: tuple[Group, int] | None = None  # see fold.py
        self.shown_as: Part | None = None


class Group:
    """One call of a module: its attribute's name, its class, and the parts and groups that were made inside."""

    __slots__ = ("group", "module", "name", "kind", "path", "items", "times", "collapsed", "repeat", "opened")

    def __init__(self, group: Group | None, module: Module | None, name: str = "", kind: str = "") -> None:
        self.group = group  # the one around it
        self.module = module
        self.name = name
        self.kind = kind
        self.path: str = ".".join(filter(None, (group.path if group else "", name)))
        self.items: list[Item] = []
        self.times = 1  # how many alike stand for one another here
        self.collapsed = False
        self.opened = False  # asked for by name: never collapsed
        self.repeat: tuple[Group, int] | None = None

    def parts(self) -> Iterator[Part]:
        """Every part inside, at any depth."""
        stack: list[Item] = [*reversed(self.items)]
        while stack:
            item = stack.pop()
            if isinstance(item, Group):
                stack.extend(reversed(item.items))
            else:
                yield item

    def counted(self) -> Iterator[tuple[Part, int]]:
        """Every part inside, with how many it stands for."""
        stack: list[tuple[Item, int]] = [(item, 1) for item in reversed(self.items)]
        while stack:
            item, times = stack.pop()
            if isinstance(item, Group):
                stack.extend((inner, times * item.times) for inner in reversed(item.items))
            else:
                yield item, times

    def groups(self) -> Iterator[Group]:
        """This group and every group inside, outer before inner."""
        stack = [self]
        while stack:
            group = stack.pop()
            yield group
            stack.extend(item for item in reversed(group.items) if isinstance(item, Group))


class Graph:
    """The parts of a graph in the order in which they were computed, in their groups."""

    def __init__(self, roots: Iterable[Node], names: dict[Node, str]) -> None:
        self.roots = list(roots)
        self.given = names
        self.modules: list[Module] = []  # the outermost, in the order in which they were called
        self.module_names: dict[int, dict[int, str]] = {}  # id of a module -> id of what it holds -> its dotted name
        self.parts: dict[Any, Part] = {}
        self.root = Group(None, None)
        self._groups: dict[int, Group] = {}
        self._collect()
        self._name_leaves()
        self._view()
        self._dock()
        self._place()
        self._simplify()
        self._sort()

    # ------------------------------------------------------------------------------------------------ the parts

    def _collect(self) -> None:
        """All parts, each after its inputs; without recursion."""
        parts = self.parts
        for root in self.roots:
            stack = [root]
            while stack:
                node = stack[-1]
                if node in parts:
                    stack.pop()
                    continue
                waiting = [a for a in node.args if isinstance(a, Node) and a not in parts and not is_constant(a)]
                if waiting:
                    stack.extend(reversed(waiting))
                else:
                    stack.pop()
                    self._add(node)

    def _add(self, node: Node) -> None:
        part = Part(node, node.value, self.given.get(node) or node.name or "", node.op is not None)
        if node.op is not None:
            for i, a in enumerate(node.args):
                if isinstance(a, Node):
                    source = self.parts.get(a)
                    if source is None:
                        continue
                    if a.op is None:
                        source.value = node.values[i]  # a leaf may have been rebound since: what the op saw
                elif isinstance(a, np.ndarray) and a.size > 1:
                    source = self.parts.get(id(a))
                    if source is None:
                        source = self.parts[id(a)] = Part(None, node.values[i], parameter_name(node, i), False)
                else:
                    continue
                part.inputs.append(source)
                source.uses.append(part)
        self.parts[node] = part

    def _name_leaves(self) -> None:
        """Module paths for parameters, from the outermost modules whose calls made this graph."""
        seen = None
        for part in self.parts.values():
            outer = part.node.scope if part.node is not None else None
            if outer is None or outer is seen:
                continue
            seen = outer
            while outer[0] is not None:
                outer = outer[0]
            if id(outer[1]) not in self.module_names:
                self.modules.append(outer[1])
                self._names_in(outer[1])
        for part in self.parts.values():
            if not part.is_op:
                paths = (self.module_names[id(m)][id(part.node)] for m in self.modules if self._holds(m, part))
                part.name = next(paths, part.name)

    def _names_in(self, module: Module) -> dict[int, str]:
        names = self.module_names.get(id(module))
        if names is None:
            names = {id(m): name for name, m in module.named_modules()}
            names.update((id(t), name) for name, t in module.named_tensors())
            self.module_names[id(module)] = names
        return names

    def _holds(self, module: Module, part: Part) -> bool:
        return part.node is not None and id(part.node) in self.module_names[id(module)]

    def is_parameter(self, part: Part) -> bool:
        """Whether a module holds this leaf."""
        return any(self._holds(module, part) for module in self.modules)

    def _view(self) -> None:
        """A leaf that only goes through one rearrangement to one op is that op's own input: weight, not weightᵀ."""
        roots = set(self.roots)
        for part in list(self.parts.values()):
            if part.node is None or part.node.op is None or part.node.op.name not in VIEWS:
                continue
            if len(part.inputs) == len(part.uses) == 1 and part.node not in roots:
                leaf, use = part.inputs[0], part.uses[0]
                if not leaf.is_op and leaf.view is None and len(leaf.uses) == 1 and len(use.inputs) > 1:
                    leaf.view, leaf.uses = part.node, [use]
                    use.inputs[use.inputs.index(part)] = leaf
                    del self.parts[part.node]

    def _dock(self) -> None:
        """Leaves that one op alone uses stand beside it (all but one, if it has no other input): data runs straight."""
        for part in self.parts.values():
            single = [x for x in part.inputs if not x.is_op and len(x.uses) == 1]
            if not single:
                continue
            if len(single) == len(part.inputs):
                single.remove(next((x for x in single if not self.is_parameter(x) and x.view is None), single[0]))
            part.docks = single
            for x in single:
                x.docked = True

    # ----------------------------------------------------------------------------------------------- the groups

    def _place(self) -> None:
        for part in self.parts.values():
            if part.is_op:
                part.group = self._group(part.node.scope)  # type: ignore[union-attr]
        for part in self.parts.values():
            if not part.is_op:
                groups = [use.group for use in part.uses]
                part.group = common(groups) if groups and (part.docked or self.is_parameter(part)) else self.root
            if not part.docked:
                part.group.items.append(part)

    def _group(self, scope: Any) -> Group:
        if scope is None:
            return self.root
        group = self._groups.get(id(scope))
        if group is None:
            outer, module = scope
            name = "" if outer is None else self._names_in(outer[1]).get(id(module), "")
            group = Group(self._group(outer), module, name, type(module).__name__)
            self._groups[id(scope)] = group
            group.group.items.append(group)  # type: ignore[union-attr]
        return group

    def _simplify(self) -> None:
        """A box around one op without parameters says nothing that the op doesn't, nor does one around all."""
        for group in reversed(list(self.root.groups())):
            alone = group.items[0] if len(group.items) == 1 else None
            if isinstance(alone, Part) and not alone.docks and group is not self.root:
                self._dissolve(group)
        groups = [item for item in self.root.items if isinstance(item, Group)]
        if len(groups) == 1 and any(isinstance(item, Group) for item in groups[0].items):
            self._dissolve(groups[0])

    def _dissolve(self, group: Group) -> None:
        around = group.group
        assert around is not None
        place = around.items.index(group)
        around.items[place : place + 1] = group.items
        for item in group.items:
            item.group = around

    def users(self, item: Item) -> set[Item]:
        """What uses what this item computed: items of its level, or of those around it."""
        parts = item.parts() if isinstance(item, Group) else (item,)
        return {at_one_level(item, use)[1] for part in parts for use in part.uses if item not in lineage(use)}

    # ------------------------------------------------------------------------------------------------ the order

    def _sort(self) -> None:
        """The items of each group, every one after those it depends on."""
        needs: dict[Item, list[Item]] = {}
        for part in self.parts.values():
            if not part.docked:
                for x in part.inputs:
                    if not x.docked:
                        source, target = at_one_level(x, part)
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


def is_constant(node: Node) -> bool:
    """A leaf that stands in the pill of its op: one element, no name, no gradient."""
    return node.op is None and not node.requires_grad and node.name is None and np.size(node.value) == 1


def parameter_name(node: Node, place: int) -> str:
    """What an op calls its argument at this place."""
    assert node.op is not None
    names = list(node.op.parameters)
    return names[min(place, len(names) - 1)]


def depth(group: Group) -> int:
    around, n = group.group, 0
    while around is not None:
        around, n = around.group, n + 1
    return n


def common(groups: list[Group]) -> Group:
    """The innermost group around all of these."""
    found = groups[0]
    for other in groups[1:]:
        while found is not other:
            if depth(found) >= depth(other):
                found = found.group  # type: ignore[assignment]
            else:
                other = other.group  # type: ignore[assignment]
    return found


def at_one_level(a: Item, b: Item) -> tuple[Item, Item]:
    """The items around a and around b (or they themselves) that lie in one group."""
    if a.group is b.group:
        return a, b
    above_a, above_b = lineage(a), lineage(b)
    i = 0
    while above_a[i] is above_b[i]:
        i += 1
    return above_a[i], above_b[i]


def lineage(item: Item) -> list[Item]:
    """From the outermost group around an item down to the item."""
    line = [item]
    while (around := line[-1].group) is not None:
        line.append(around)
    return line[::-1]
