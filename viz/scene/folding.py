"""Folding: makes a graph small enough to look at.

First, a pattern that repeats is drawn once ("block ×12", showing the last). Then groups collapse into one card each,
deepest first. Where there are no groups, ops of about the same depth share a card. Consecutive items can always be
merged: nothing outside them both depends on one and is needed by another.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from .recorded import Group, Item, RecordedGraph, Vertex, depth, lineage

BINS = 16  # cards for a graph without modules or repeats
PERIOD = 64  # items in the longest pattern that is searched for
MOST = 2000  # cards in the largest drawing


def fold(graph: RecordedGraph, levels: int | str | None, most: int) -> None:
    """Fold until at most `most` tensors are drawn.

    `levels` opens that many levels of modules, or the module of that name; the others collapse.
    """
    root = graph.root
    if levels is not None:
        collapse_to(root, levels)
    elif card_count(root) <= most:
        return
    fold_repeats(graph, levels is not None)
    for deepest in range(max(map(depth, root.groups())), 0, -1):
        if card_count(root) <= most:
            return
        for group in list(root.groups()):
            if depth(group) == deepest and not group.opened:
                group.collapsed = True
    if card_count(root) > most:
        gather(graph, most)


def card_count(group: Group) -> int:
    """How many cards would be drawn for a group."""
    count, stack = 0, [group]
    while stack:
        for item in stack.pop().items:
            if isinstance(item, Group) and not item.collapsed:
                stack.append(item)
            else:
                count += 1 + (len(item.docks) if isinstance(item, Vertex) else 0)
    return count


def collapse_to(root: Group, levels: int | str) -> None:
    groups = [group for group in root.groups() if group is not root]
    if isinstance(levels, str):
        asked = [g for g in groups if g.path == levels]
        if not asked:
            known = ", ".join(sorted({repr(g.path) for g in groups if g.path})[:20]) or "none (no module was called)"
            raise ValueError(f"draw: depth={levels!r} matches no module of this graph; its modules are {known}")
        for group in asked:
            around: Group | None = group
            while around is not None:
                around.opened, around = True, around.group
            for inner in group.groups():
                inner.opened = True
        for group in groups:
            group.collapsed = not group.opened
    else:
        for group in groups:
            group.collapsed = depth(group) > levels


# ---------------------------------------------------------------------------------------------------- what repeats


def fold_repeats(graph: RecordedGraph, groups_only: bool) -> None:
    """Where a pattern of items repeats, keep its last turn and count the turns."""
    ids: dict[Any, int] = {}
    contents: dict[Group, list[int]] = {}  # a number per item; identical items share it
    for group in reversed(list(graph.root.groups())):  # inner before outer
        places = {item: i for i, item in enumerate(group.items)}
        contents[group] = content = []
        uses = Counter(x for item in group.items for x in graph.needs.get(item, ()))
        for i, item in enumerate(group.items):
            # Where each input comes from: how many items back, or, if many use it, which item.
            sources = tuple(
                [-places[x] if is_shared(x, uses) else i - places[x] for x in graph.needs.get(item, ()) if x in places]
            )
            if isinstance(item, Group):
                key: Any = (item.kind, item.opened, tuple(contents[item]), tuple(sorted(set(sources))))
            else:
                key = (look(item), tuple(map(look, item.docks)), sources)
            content.append(ids.setdefault(key, len(ids)))
    stack = [graph.root]
    while stack:
        group = stack.pop()
        fold_runs(graph, group, np.array(contents.get(group, [])), groups_only)
        stack.extend(item for item in group.items if isinstance(item, Group) and not item.collapsed)


def is_shared(item: Item, uses: Counter[Item]) -> bool:
    return uses[item] > (3 if isinstance(item, Group) or item.op is not None else 1)


def look(vertex: Vertex) -> Any:
    """What two vertices must share to count as identical."""
    return vertex.op and vertex.op.name, np.shape(vertex.value), getattr(vertex.value, "dtype", None)


def fold_runs(graph: RecordedGraph, group: Group, signatures: np.ndarray[Any, Any], groups_only: bool) -> None:
    items = group.items
    if not len(signatures):
        return
    free = np.ones(len(items), bool)
    chosen = []
    for start, period, times in sorted(runs(signatures), key=lambda run: (-run[1] * (run[2] - 1), run[1])):
        span = slice(start, start + period * times)
        if not free[span].all():
            continue
        if not is_chain_or_fan(graph, items[start : start + period], items[start + period : start + 2 * period]):
            continue
        is_group = period == 1 and isinstance(items[start], Group)
        if is_group or (not groups_only and (times > 2 or period > 2)):
            free[span] = False
            chosen.append((start, period, times))
    folded: list[Item] = []
    position = 0
    for start, period, times in sorted(chosen):
        folded += items[position:start]
        position = start + period * times
        folded.append(repeated(group, [items[i : i + period] for i in range(start, position, period)]))
    group.items = folded + items[position:]


def is_chain_or_fan(graph: RecordedGraph, turn: list[Item], following: list[Item]) -> bool:
    """Whether the next turn builds on this one, or the same items use both (as with the heads of an attention)."""
    if any(x in turn for item in following for x in graph.needs.get(item, ())):
        return True
    users, others = ({u for item in items for u in graph.users(item)} - {*items} for items in (turn, following))
    return users == others


def runs(signatures: np.ndarray[Any, Any]) -> list[tuple[int, int, int]]:
    """(start, period, times) of every stretch in which a pattern repeats."""
    found = []
    for period in range(1, min(PERIOD, len(signatures) // 2) + 1):
        same = np.concatenate([[False], signatures[:-period] == signatures[period:], [False]])
        edges = np.flatnonzero(same[1:] != same[:-1])
        for start, stop in zip(edges[::2], edges[1::2]):
            times = int(stop - start) // period + 1
            if times > 1:  # what is left over comes first, since the first turn of a loop is the one that differs
                found.append((int(start + (stop - start) % period), period, times))
    return found


def repeated(around: Group, turns: list[list[Item]]) -> Group:
    """One group for all turns of a pattern. It shows the last turn, which stands for the others."""
    last = turns[-1]
    if len(last) == 1 and isinstance(last[0], Group):
        group = last[0]
        group.name = name_of_run([turn[0].name for turn in turns])
    else:
        group = Group(around, None)
        group.items = last
        for item in (item for turn in turns for item in turn):
            item.group = group
    group.turns = turns
    group.calls = ()
    for i, turn in enumerate(turns):
        for item, counterpart in zip(turn, last):
            item.repeat = (group, i)
            if item is not counterpart:
                for hidden, shown in zip(item.vertices(), counterpart.vertices()):
                    hidden.shown_as = shown
                    for dock, other in zip(hidden.docks, shown.docks):
                        dock.shown_as = other
    return group


def name_of_run(names: list[str]) -> str:
    """blocks.0, blocks.1, …, blocks.11 -> blocks.0…11"""
    first, last = names[0], names[-1]
    stem = re.fullmatch(r"(.*?)\d+", first)
    if stem and last.startswith(stem[1]) and last != first:
        return f"{first}…{last[len(stem[1]) :]}"
    return first if first == last else f"{first} … {last}"


# ------------------------------------------------------------------------------------------- what is still too large


def gather(graph: RecordedGraph, most: int) -> None:
    """Merge items of about the same depth (how many ops come before them) into one card, except the last few.

    A leaf that several of these cards use stays a card of its own, or goes into one for all such leaves.
    """
    root = graph.root
    needs: dict[Item, set[Item]] = {}
    for item, sources in graph.needs.items():
        target = outermost(item)
        needs.setdefault(target, set()).update(x for x in map(outermost, sources) if x is not target)
    uses: dict[Item, list[Item]] = {}
    for target, found in needs.items():
        for x in found:
            uses.setdefault(x, []).append(target)
    depths: dict[Item, int] = {}
    leaves = [item for item in root.items if isinstance(item, Vertex) and item.op is None]
    computed = [item for item in root.items if item not in set(leaves)]
    for item in computed:
        depths[item] = max((depths[x] + 1 for x in needs.get(item, ()) if x in depths), default=0)
    for item in reversed(computed):  # an item without inputs goes with what uses it
        if item in uses and not any(x in depths for x in needs.get(item, ())):
            depths[item] = max(depths[item], min(depths[x] for x in uses[item]) - 1)
    kept: list[Item] = sorted(computed, key=depths.__getitem__)[-min(BINS // 2, most // 2) :]
    last = depths[kept[0]] if kept else -1  # keep all items of a depth or none
    kept = [item for item in computed if depths[item] > last]
    if len(kept) > most // 2:
        kept, last = [], max(depths.values())
    size = max(1, -(-(last + 1) // min(BINS, max(1, most // 2))))
    bins: dict[int, list[Item]] = {}
    for item in computed:
        if depths[item] <= last:
            bins.setdefault(depths[item] // size, []).append(item)
    shared: list[Vertex] = []
    for leaf in leaves:
        used_in = {depths[x] // size if depths[x] <= last else x for x in uses.get(leaf, ())}
        only = next(iter(used_in)) if len(used_in) == 1 else None
        if isinstance(only, int):
            bins[only].insert(0, leaf)
        else:
            shared.append(leaf)
    if len(shared) + len(bins) + len(kept) > most:
        alike: dict[bool, list[Item]] = {}
        for leaf in shared:
            alike.setdefault(leaf.node is not None and leaf.node.requires_grad, []).append(leaf)
        alone = [merged(root, items) for items in alike.values()]
    else:
        alone = [*shared]
    root.items = [*alone, *(merged(root, items) for _, items in sorted(bins.items())), *kept]


def merged(root: Group, items: list[Item]) -> Item:
    """One card for all these items."""
    if len(items) == 1:
        return items[0]
    card = Group(root, None)
    card.items, card.collapsed = items, True
    for item in items:
        item.group = card
    return card


def outermost(item: Item) -> Item:
    """The item of the root group that this one is shown in."""
    line = lineage(item)[1]
    return line.repeat[0] if line.repeat is not None and line.repeat[0].group is line.group else line
