"""to_onnx: a forward pass is recorded, and each op becomes what `rules.py` says.

What one recording cannot tell is found by comparing three, of other numbers and other batch sizes. A size that grows
with the batch is computed from the batch. What was computed from the input outside the graph is refused, but for
comparisons, which are exported too.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import zip_longest
from typing import Any

import numpy as np

from .. import errors
from ..calculus import flatten
from ..graph import Node, Op
from ..mode import using
from ..nn.module import Module
from ..tensor import Tensor
from ..values import Array
from .rules import RULES, Constant, Emitted, Refused, Sketch, Value, cast, is_boolean

OPSET = 20  # the first with Gelu; onnxruntime 1.17 and later run it
IR_VERSION = 9  # of the file format at that time

OUTSIDE = (
    "takes numbers that were computed from the input outside the graph (an argmax, a drawn mask, the batch's size): "
    "the file would keep the example's. Compute them by ops that record, or make them an input"
)

# ---------------------------------------------------------------------------------------------------------- recording


class FromInput(np.ndarray[Any, Any]):
    """An array that was computed from the model's input; `made` tells how for a comparison, a copy or a part."""

    made: tuple[str, tuple[Any, ...]] | None = None

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        options = {k: tuple(map(plain, v)) if isinstance(v, tuple) else plain(v) for k, v in options.items()}
        out = getattr(ufunc, method)(*map(plain, inputs), **options)
        known = method == "__call__" and is_boolean(out) and ufunc.__name__ in RULES
        return marked(out, (ufunc.__name__, inputs) if known else None)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        out = super().__array_function__(function, types, args, kwargs)
        return plain(out) if function in (np.zeros_like, np.ones_like, np.full_like, np.empty_like) else marked(out)

    def __getitem__(self, index: Any) -> Any:
        return marked(super().__getitem__(index), ("getitem", (self, index)))

    def copy(self, order: Any = "C") -> Any:
        return marked(super().copy(order), ("identity", (self,)))


def plain(a: Any) -> Any:
    return np.asarray(a) if isinstance(a, FromInput) else a


def marked(a: Any, made: tuple[str, tuple[Any, ...]] | None = None) -> Any:
    if not isinstance(a, (np.ndarray, np.generic)):
        return a
    out = np.asarray(a).view(FromInput)
    out.made = made
    return out


class Log:
    """Marks the result of every op on a marked array: a kernel may have made it without."""

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {}  # by the id of their array

    def value(self, out: Node, op: Op, values: Sequence[Any]) -> None:
        if any(isinstance(a, FromInput) for a in flatten([*values])[0]):
            whole = out.op is None and len(values) == len(op.parameters)  # unrecorded: of integers, or detached
            out.value = marked(out.value, (op.name, tuple(values)) if whole else None)
            if out.op is not None:
                self.nodes[id(out.value)] = out

    def needed(self, outs: Iterable[Any]) -> list[Node]:
        """The nodes that outputs were made from, the oldest first, and the arrays that comparisons read."""
        found: set[Node] = set()
        stack = [*outs]
        while stack:
            a = stack.pop()
            if isinstance(a, FromInput):
                stack += [self.nodes[id(a)]] if id(a) in self.nodes else a.made[1] if a.made else ()
            elif isinstance(a, (tuple, list)):
                stack += a
            elif isinstance(a, Node) and a not in found:
                found.add(a)
                stack += [a.value] if a.op is None else [*a.args, *a.kwargs.values()]
        return sorted((a for a in found if a.op is not None), key=lambda node: node.age)


class Recording:
    """One forward pass, as a sketch."""

    def __init__(self, model: Any, inputs: dict[str, Array]) -> None:
        self.sketch = Sketch()
        leaves = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs.values()]
        for t in leaves:
            t.value = marked(t.value)
        watch = Log()
        with using(recording=True, watch=watch), np.errstate(all="ignore"):
            out = dict(outputs_of(model(*leaves)))
        self.integers = [t for t in leaves if t.dtype.kind in "iub"]
        self.values: dict[Node, Value] = {
            t: Value(self.sketch, name, t.dtype, t.shape) for t, name in zip(leaves, inputs)
        }
        self.by_array = {id(t.value): self.values[t] for t in leaves}
        whole = isinstance(model, Module)
        self.names = {t: name for name, t in model.named_tensors() if name not in inputs} if whole else {}
        self.paths = {id(m): path for path, m in model.named_modules()} if whole else {}
        for node in watch.needed(out.values()):
            self.values[node] = self.by_array[id(node.value)] = self.convert(node)
        self.sketch.owner = "the output"
        self.outputs = {name + "_out" * (name in inputs): self.of(t, np.float64) for name, t in out.items()}
        self.sketch.steps += [
            Emitted("Identity", (v.name,), name, {}, "the output") for name, v in self.outputs.items()
        ]

    def convert(self, node: Node) -> Value:
        """One op, by its rule; or its value, if it was made of weights alone."""
        op = node.op
        assert op is not None
        self.sketch.owner = op.name + self.where(node.scope)
        dtype, with_gradient = node.value.dtype, len(node.closures)
        args = [self.of(a, dtype if i < with_gradient else None) for i, a in enumerate(node.args)]
        if all(not isinstance(a, Value) or a.array is not None for a in flatten(args)[0]):
            named = [self.names[a] for a in node.args if isinstance(a, Node) and a in self.names]
            if len(named) == 1:
                self.names[node] = f"{named[0]}/{op.name}"
            return self.of_constant(node.value, self.names.get(node))
        if op.name not in RULES:
            raise NotImplementedError(f"to_onnx: {self.sketch.owner} has no counterpart in ONNX")
        bound = inspect.signature(op.rule).bind(*args, **{k: self.of(a) for k, a in node.kwargs.items()})
        bound.apply_defaults()
        return replace(cast(self.by_rule(op.name, *bound.args, **bound.kwargs), dtype), shape=np.shape(node.value))

    def by_rule(self, name: str, *args: Any, **kwargs: Any) -> Value:
        try:
            out: Value = RULES[name](*args, **kwargs)
        except Refused as why:
            raise NotImplementedError(
                f"to_onnx: {self.sketch.owner} can't be exported as it was called: {why}"
            ) from None
        return out

    def of(self, a: Any, dtype: Any = None) -> Any:
        """An argument as a rule takes it. With a dtype, which its number gets, it is to be a Value."""
        if isinstance(a, Node):
            if a not in self.values:
                self.values[a] = self.of_constant(a.value, self.names.get(a))
            return self.values[a]
        if type(a) is tuple:
            return tuple(map(self.of, a))
        if isinstance(a, FromInput):
            return self.of_constant(a)
        if isinstance(a, np.ndarray) and a.dtype.kind in "iub":  # np.asarray has taken integers out of their tensor
            for t in self.integers:
                if t.shape == a.shape and np.array_equal(t.value, a):
                    return self.values[t]
        numeric = dtype is not None and isinstance(a, (np.ndarray, np.generic, int, float))
        return self.of_constant(np.asarray(a, None if hasattr(a, "dtype") else dtype)) if numeric else a

    def of_constant(self, a: Any, name: str | None = None) -> Value:
        """An array; if it was made from the input, by what made it."""
        if not isinstance(a, FromInput):
            return self.sketch.constant(np.asarray(a), name)
        if id(a) not in self.by_array:
            if a.made is None:
                raise ValueError(f"to_onnx: {self.sketch.owner} {OUTSIDE}")
            made, inputs = a.made
            self.by_array[id(a)] = replace(self.by_rule(made, *map(self.of, inputs)), shape=a.shape)
        return self.by_array[id(a)]

    def where(self, scope: Any) -> str:
        """In which module, for a sentence: ` in layers.0 (ReLU)`."""
        if scope is None:
            return ""
        path, kind = self.paths.get(id(scope[1])), type(scope[1]).__name__
        return f" in {path} ({kind})" if path else f" in {kind}"


def outputs_of(out: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(name, tensor) for what a model returned: a dict's by their keys, a tuple's by numbers."""
    if isinstance(out, dict):
        for key, part in out.items():
            yield from outputs_of(part, f"{name}.{key}" if name else str(key))
    elif isinstance(out, (tuple, list)):
        for i, part in enumerate(out):
            yield from outputs_of(part, f"{name or 'output'}.{i}")
    elif out is not None:
        yield name or "output", out


def examples(arrays: Sequence[Array], axis: int | None) -> Iterator[list[Array]]:
    """The example, and two others of random numbers, by one and by three longer along the batch axis."""
    draw = np.random.default_rng(0)
    for more in (0, 1, 3):
        made = []
        for a in arrays:
            shape = [*a.shape]
            if axis is not None and a.ndim > axis and a.shape[axis] == arrays[0].shape[axis]:
                shape[axis] += more
            if a.dtype.kind == "f":
                far = np.max(np.abs(a), where=np.isfinite(a), initial=0) or 1
                made.append((draw.normal(size=shape) * far).astype(a.dtype) if more else a)
            else:
                least, most = int(np.min(a, initial=0)), int(np.max(a, initial=a.dtype == bool))
                if least == most and a.size:
                    raise ValueError("to_onnx: the example's integers are all 0: give one of those that come in use")
                made.append(draw.integers(least, most, shape, endpoint=True).astype(a.dtype))
        yield made


# ---------------------------------------------------------------------------------------------------------- comparing

Growth = tuple[int, int]  # k and c of a size k · N + c, for a batch of N


@dataclass
class Agreed:
    """What three recordings have in common, for a batch of any length."""

    batches: list[int]
    steps: list[Emitted] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def growth(self, shapes: Sequence[Sequence[int]]) -> list[Growth] | None:
        """How each size grows with the batch; None if one does in another way."""
        if len({*map(len, shapes)}) > 1:
            return None
        lines, (b, b1, b2) = [], self.batches
        for n, n1, n2 in zip(*shapes):
            k = (n1 - n) // (b1 - b or 1)
            if [n1, n2] != [n + k * (b1 - b), n + k * (b2 - b)]:
                return None
            lines.append((k, n - k * b))
        return lines

    def merge(self, sketches: Sequence[Sketch]) -> None:
        read: dict[str, None] = {}
        for steps in zip_longest(*[s.steps for s in sketches]):
            first = next(s for s in steps if s is not None)
            if any(s is None or s[:4] != first[:4] for s in steps):
                raise ValueError(
                    f"to_onnx: other numbers, or another batch, gave another graph from {first.owner} on: a Python "
                    "branch, a loop, an axis or a setting depends on the input or on the batch's size"
                )
            read |= dict.fromkeys(first.inputs)
        for name in read:
            if name in sketches[0].constants:
                self.settle(name, [s.constants[name] for s in sketches])
        self.steps += sketches[0].steps

    def settle(self, name: str, three: Sequence[Constant]) -> None:
        """A constant that all agree upon, or else the steps that make it for any batch."""
        first, arrays = three[0], [constant.array for constant in three]
        a, shapes = arrays[0], [b.shape for b in arrays]
        if all(b is a or (b.dtype == a.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")) for b in arrays):
            self.constants[name] = a
        elif first.sizes_of and (lines := self.growth([b.tolist() for b in arrays])):
            self.sizes(name, lines, first.sizes_of)
        else:
            lines = self.growth(shapes) or []
            row = a[tuple(slice(None, 1) if k else slice(None) for k, _ in lines)]  # of one example
            if not lines or not all(np.array_equal(np.broadcast_to(row, b.shape), b) for b in arrays):
                raise ValueError(f"to_onnx: {first.owner} {OUTSIDE}")
            self.constants[f"{name}/row"] = row
            self.sizes(f"{name}/shape", lines, "Expand")
            self.steps.append(Emitted("Expand", (f"{name}/row", f"{name}/shape"), name, {}, first.owner))

    def sizes(self, name: str, lines: list[Growth], kind: str) -> None:
        """A shape of which parts grow with the batch."""
        slopes, rest = np.array(lines, np.int64).T
        if kind == "Reshape" and np.count_nonzero(slopes) == 1 and np.all(rest[slopes == 0]):
            self.constants[name] = np.where(slopes, -1, rest)
            return
        self.constants |= {f"{name}/slope": slopes, f"{name}/rest": rest}
        self.steps.append(Emitted("Mul", ("/N", f"{name}/slope"), f"{name}/grown", {}, ""))
        self.steps.append(Emitted("Add", (f"{name}/grown", f"{name}/rest"), name, {}, ""))


def build(onnx: Any, agreed: Agreed, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """The protocol buffer, checked."""
    h = onnx.helper

    def described(name: str, three: Sequence[Any]) -> Any:
        """A name with its dtype and its shape, where N is the batch."""
        lines = agreed.growth([a.shape for a in three]) or [(0, n) for n in three[0].shape]
        shape = [c if not k else (f"{k}*N" if k > 1 else "N") + f"+{c}" * (c != 0) for k, c in lines]
        return h.make_tensor_value_info(name, h.np_dtype_to_tensor_dtype(np.dtype(three[0].dtype)), shape)

    nodes = []
    for kind, read, made, attributes, owner in agreed.steps:
        how = {k: h.np_dtype_to_tensor_dtype(v) if k == "to" else v for k, v in attributes.items()}
        nodes.append(h.make_node(kind, read, [made], name=made, doc_string=owner, **how))
    described_inputs, described_outputs = ([described(*item) for item in d.items()] for d in (inputs, outputs))
    constants = [onnx.numpy_helper.from_array(np.asarray(a, order="C"), name) for name, a in agreed.constants.items()]
    graph = h.make_graph(nodes, "tinygrad_lite", described_inputs, described_outputs, constants)
    opsets = [h.make_opsetid("", OPSET)]
    proto = h.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tinygrad_lite")
    onnx.checker.check_model(proto, full_check=True)
    return proto


def input_names(model: Any, n: int) -> list[str]:
    """The names of the model's first n parameters; or x, or x0, x1, ...."""
    try:
        parameters = [*inspect.signature(model.forward if isinstance(model, Module) else model).parameters.values()]
    except (TypeError, ValueError):  # a function of NumPy's
        parameters = []
    named = [p.name for p in parameters[:n] if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return named if len(named) == n else ["x"] if n == 1 else [f"x{i}" for i in range(n)]


@contextmanager
def in_use(model: Any, integers: bool) -> Iterator[None]:
    """A Module as after eval(). With integers alone as input, what it computes of frozen weights is recorded too."""
    modules = [*model.modules()] if isinstance(model, Module) else []
    training = [module.training for module in modules]
    buffers = model.buffers() if modules and integers else ()
    state = [t for t in buffers if t.op is None and t.dtype.kind == "f"]
    try:
        for module in modules:
            module.training = False
        for t in state:
            t.requires_grad = True
        yield
    finally:
        for module, was in zip(modules, training):
            module.training = was
        for t in state:
            t.requires_grad = False


def to_onnx(
    model: Callable[..., Any], example: Any, path: str | os.PathLike[str] | None = None, batch_axis: int | None = 0
) -> Any:
    """The model as an ONNX model for batches of any length, written to `path` where that is given.

        tg.to_onnx(net, np.zeros((1, 1, 28, 28), np.float32), "net.onnx")
        onnxruntime.InferenceSession("net.onnx").run(None, {"x": images})

    The model is run three times: on the example, and on random numbers in its place (integers from 0 to the example's
    largest). A Module is run as after `eval()`: dropout does nothing, batch norm takes its running statistics. What
    depends on no input is computed now and becomes a constant: positions, masks, every size but the batch's. NumPy's
    comparisons of the input are exported; a branch of Python, if all three runs take it, stays as it was taken.
    Parameters keep their names. float32 and float64 stay what they are; onnxruntime lacks some operators in float64.

    Args:
        model: a Module, or a function of tensors. It returns a tensor, or several in tuples, lists and dicts: the
            outputs are named `output`, or `output.0` and so on, or by a dict's keys.
        example: an array of what the model takes, or a tuple of them. Inputs have the names of the model's parameters.
        path: the file. An existing one is replaced.
        batch_axis: the axis of the first input that may have any length (1 for an LSTM's (T, N, C)), and of every other
            input that is as long there. With None all shapes stay the example's.

    Returns:
        An `onnx.ModelProto` of opset 20, which onnx's checker has accepted.

    Raises:
        NotImplementedError: an op has no counterpart in ONNX.
        ValueError: the model computes with its input outside the graph, or does other things for another batch.
        TypeError: the example isn't made of arrays of numbers.
        ModuleNotFoundError: the onnx package is missing.
    """
    try:
        onnx = import_module("onnx")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to_onnx: needs the onnx package, which is not installed: pip install 'tinygrad-lite[onnx]'"
        ) from error
    arrays = [
        np.asarray(a.value if isinstance(a, Node) else a) for a in (example if type(example) is tuple else (example,))
    ]
    for a in arrays:
        if a.dtype.kind not in "fiub":
            raise TypeError(
                f"to_onnx: the example must be an array of numbers, or a tuple of them: got {errors.describe(a)}"
            )
    if not arrays or batch_axis is not None and not 0 <= batch_axis < arrays[0].ndim:
        seen = errors.describe(arrays[0]) if arrays else "an empty tuple"
        raise ValueError(
            f"to_onnx: the example has no axis {batch_axis} for the batch: got {seen}; or give batch_axis=None"
        )
    names, three = input_names(model, len(arrays)), [*examples(arrays, batch_axis)]
    with in_use(model, all(a.dtype.kind != "f" for a in arrays)):
        recordings = [Recording(model, dict(zip(names, three[0])))]
        for one in three[1:]:
            try:
                recordings.append(Recording(model, dict(zip(names, one))))
            except errors.NAMED as error:
                if str(error).startswith("to_onnx: "):
                    raise
                shapes = ", ".join(str(a.shape) for a in one)
                raise ValueError(f"to_onnx: the model can't take random numbers of shape {shapes}: {error}") from error
    agreed = Agreed([0 if batch_axis is None else one[0].shape[batch_axis] for one in three])
    if batch_axis is not None:
        agreed.steps.append(Emitted("Shape", (names[0],), "/N", {"start": batch_axis, "end": batch_axis + 1}, ""))
    agreed.merge([r.sketch for r in recordings])
    outputs = {name: [r.outputs[name] for r in recordings] for name in recordings[0].outputs}
    proto = build(onnx, agreed, dict(zip(names, zip(*three))), outputs)
    if path is not None:
        onnx.save(proto, os.fspath(path))
    return proto
