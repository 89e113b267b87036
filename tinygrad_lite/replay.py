"""replay: the recorded graph once more, with other values in its leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import errors
from .calculus import Tree, flatten
from .graph import Node, as_it_was
from .mode import BACKWARD, using
from .tensor import Tensor


def replay(outputs: Tree, values: Mapping[Any, Any]) -> Tree:
    """Compute `outputs` again from their graph, as if some of its tensors had held other values.

        loss = np.sum(np.tanh(x @ w))
        tg.replay(loss, {w: w.data + 0.1})

    The ops run again in the order in which they ran, those alone that depend on a tensor in `values`. The results have
    graphs of their own, back to the given tensors and to the other leaves: call `.backward()` on them. What was plain
    NumPy stays as it was recorded: an index, a mask that a comparison gave, a Python branch, drawn random numbers, and
    what was computed from constants. So a graph made by a backward pass cannot be replayed: replay the loss.

    Args:
        outputs: a Tensor, or Tensors in nested tuples, lists and dicts.
        values: for each tensor to change (a leaf, or a result in the middle), an array, a number, or a Tensor. An
            array requires a gradient where the tensor did; a number takes the tensor's dtype.

    Returns:
        Tensors in the form of `outputs`.

    Raises:
        TypeError: a key or an output is not a Tensor.
        ValueError: a key is not in the graph, a backward pass made a part that would run again, or the op itself
            refuses the new value (its shape, say).
    """
    outs, build = flatten(outputs)
    for what, tensors in (("output", outs), ("key of values", values)):
        for t in tensors:
            if not isinstance(t, Tensor):
                raise TypeError(f"replay: each {what} must be a Tensor, got {errors.describe(t)}")
    new: dict[Node, Any] = {t: as_given(t, value) for t, value in values.items()}
    nodes = computed(outs, new)
    if missing := new.keys() - {*outs, *(a for node in nodes for a in node.args if isinstance(a, Node))}:
        name = next(iter(missing)).name or errors.describe(next(iter(missing)))
        raise ValueError(f"replay: {name} is not in the graph of the outputs: nothing there was computed from it")
    for node in nodes:
        if any(a in new for a in node.args if isinstance(a, Node)):
            assert node.op is not None
            if in_backward(node.scope):
                said = "was made by a backward pass, which holds masks of the old values"
                raise ValueError(f"replay: a result of {node.op.name} {said}: replay the loss, then differentiate it")
            args = [again(a, value, new) if isinstance(a, Node) else a for a, value in zip(node.args, node.values)]
            with using(scope=node.scope):
                new[node] = node.op.apply(*args, **node.kwargs)
            if isinstance(new[node], Node):
                new[node].name = node.name
    return build([new.get(out, out) for out in outs])


def as_given(t: Tensor, value: Any) -> Tensor:
    """A value as a tensor that stands for `t`."""
    if isinstance(value, Tensor):
        return value
    dtype = None if hasattr(value, "dtype") else t.dtype
    return Tensor(value, requires_grad=t.requires_grad, dtype=dtype, name=t.name)


def computed(outs: list[Any], known: Mapping[Node, Any]) -> list[Node]:
    """The nodes that ops made on the way to `outs`, the oldest first; not further back than what is known."""
    found: set[Node] = set()
    stack = list(outs)
    while stack:
        node = stack.pop()
        if node.op is not None and node not in known and node not in found:
            found.add(node)
            stack.extend(a for a in node.args if isinstance(a, Node))
    return sorted(found, key=lambda node: node.age)


def again(a: Node, value: Any, new: Mapping[Node, Any]) -> Any:
    """An argument of an op: its new value, or what the op saw then, even if the leaf was rebound since."""
    if a in new:
        return new[a]
    return a if a.value is value or a.op is not None else as_it_was(a, value)


def in_backward(scope: Any) -> bool:
    while scope is not None:
        scope, module = scope
        if module is BACKWARD:
            return True
    return False
