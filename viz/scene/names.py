"""The names that the user's own variables have where a drawing is made."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.nn import Module

MOST = 200  # items of a list or dict that are looked at
SAMPLE = 4096  # elements
OURS = {"In", "Out"}  # IPython's own variables


def content(a: Any) -> Hashable:
    """What an array has in common with the copy that an op keeps. Of a large one, a sample stands for the whole."""
    flat = a.ravel()
    return a.shape, a.dtype.str, flat[:: -(-flat.size // SAMPLE) | 1].tobytes()


def names_in(*scopes: Mapping[str, Any]) -> dict[Any, str]:
    """The names of tensors, and of arrays by their `content`, in the variables of a function and around it.

    A variable's own name comes before a place in a list (`layers[0]`) and an attribute of a module (`cell.state`).
    """
    found: dict[Any, str] = {}
    for scope in scopes:
        mine = {name: x for name, x in scope.items() if not name.startswith("_") and name not in OURS}
        for name, x in mine.items():
            add(found, name, x)
        for name, x in mine.items():
            for part, item in parts(name, x):
                add(found, part, item)
    return found


def add(found: dict[Any, str], name: str, x: Any) -> None:
    if isinstance(x, Node):
        found.setdefault(x, name)
    elif isinstance(x, np.ndarray) and x.size > 1 and x.dtype != object:
        key = content(x)
        found[key] = name if found.get(key, name) == name else ""  # of two equal arrays neither is meant for sure


def parts(name: str, x: Any) -> Iterator[tuple[str, Any]]:
    """What is in a list, tuple or dict, and what a module keeps as attributes."""
    if isinstance(x, (list, tuple)) and len(x) <= MOST:
        yield from ((f"{name}[{i}]", item) for i, item in enumerate(x))
    elif isinstance(x, dict) and len(x) <= MOST:
        yield from ((f"{name}.{key}", item) for key, item in x.items())
    elif isinstance(x, Module):
        for path, module in x.named_modules("" if name == "self" else name):
            yield from ((f"{path}.{key}" if path else key, item) for key, item in vars(module).items())
