"""What each op is in ONNX: `RULES`, at the end. A rule is NumPy code on Values, which note ONNX's operators down."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.lib.stride_tricks import sliding_window_view

from ..ops.conv import sliding, spreading
from ..ops.einsum import read, spell
from ..ops.indexing import detached, parts
from ..ops.pool import how_many, pooling
from ..ops.windows import Windows, per_axis, slide, view
from ..values import Array

Shape = tuple[int, ...]

END = np.iinfo(np.int64).max  # of a slice that goes on to the end

# ------------------------------------------------------------------------------------ operators, values and constants


class Emitted(NamedTuple):
    """An operator of the ONNX graph, and which op of ours needs it."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]
    owner: str


class Constant(NamedTuple):
    array: Array
    owner: str
    sizes_of: str  # which operator takes these integers for sizes: they may grow with the batch


@dataclass
class Sketch:
    """The ONNX graph of one recording."""

    steps: list[Emitted] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    owner: str = ""  # the op that is being exported, and the module that called it

    def constant(self, a: Array, name: str | None = None, sizes_of: str = "") -> Value:
        """A constant of this name, or of a new one."""
        if name is None or name in self.constants:
            name = f"{name or 'constant'}/{len(self.constants)}"
        self.constants[name] = Constant(a, self.owner, sizes_of)
        return Value(self, name, a.dtype, a.shape, a)


@dataclass(frozen=True, eq=False)
class Value(NDArrayOperatorsMixin):
    """A tensor of the ONNX graph, with its shape in this recording; `array` is what a constant holds."""

    sketch: Sketch
    name: str
    dtype: Any
    shape: Shape
    array: Any = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """So NumPy's functions and operators on Values are the rules of these ops."""
        return RULES[ufunc.__name__](*inputs)

    def like(self, a: Any) -> Value:
        """A constant beside this value: a number in its dtype, an array in its own."""
        return self.sketch.constant(np.asarray(a, None if hasattr(a, "dtype") else self.dtype))


BY_ELEMENT = {
    "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mod", "Where",
    "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal",
}  # fmt: skip
ONE_DTYPE = BY_ELEMENT | {"MatMul", "Einsum", "Concat", "Conv", "ConvTranspose", "LayerNormalization"}
TRUE_OR_FALSE = {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "IsNaN", "IsInf"}
OF_SIZES = {"Reshape", "Expand", "Slice", "Pad"}


def emit(kind: str, *inputs: Any, shape: Shape | None = None, **attributes: Any) -> Value:
    """What the operator gives. Numbers, arrays and lists of integers among its inputs become constants.

    ONNX wants inputs of one dtype where NumPy promotes. `shape` is given where it isn't the first input's, nor, by
    element, that of all inputs together.
    """
    known = [x for x in inputs if isinstance(x, Value)]
    first = next((x for x in known if not is_boolean(x)), known[0])
    sketch, dtype = first.sketch, first.dtype

    def noted(x: Any) -> Value:
        if isinstance(x, list):
            return sketch.constant(np.array(x, np.int64), sizes_of=kind if kind in OF_SIZES else "")
        return x if isinstance(x, Value) else first.like(x)

    values = [noted(x) for x in inputs]
    if kind in ONE_DTYPE:
        kept = kind == "Where"
        dtype = np.result_type(*[x.dtype if isinstance(x, Value) else x for x in inputs[kept:]])
        values[kept:] = [cast(x, dtype) for x in values[kept:]]
    if shape is None:
        shape = np.broadcast_shapes(*[x.shape for x in values]) if kind in BY_ELEMENT else first.shape
    output = f"/{sketch.owner.split()[0]}/{len(sketch.steps)}"
    sketch.steps.append(Emitted(kind, tuple([x.name for x in values]), output, attributes, sketch.owner))
    return Value(sketch, output, np.dtype(bool) if kind in TRUE_OR_FALSE else attributes.get("to", dtype), shape)


def is_boolean(a: Any) -> bool:
    return getattr(a, "dtype", None) == np.dtype(bool)


def cast(x: Value, dtype: Any) -> Value:
    if x.dtype == dtype:
        return x
    return emit("Cast", x, to=np.dtype(dtype)) if x.array is None else x.like(x.array.astype(dtype))


class Operators:
    """ONNX's operators by name: ox.Relu(x), ox.Softmax(x, axis=1)."""

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        return lambda *inputs, **attributes: emit(kind, *inputs, **attributes)


ox = Operators()


class Refused(Exception):
    """Why an op can't be exported as it was called."""


# ------------------------------------------------------------------------- ops that take more than an operator or two

# Each takes its op's own arguments: Values for those that have a gradient, the others as the user gave them.


def reduced(kind: str, x: Any, axis: Any, keepdims: bool = False) -> Any:
    axes = normalize_axis_tuple(range(x.ndim) if axis is None or not x.ndim else axis, x.ndim)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes)
    return emit(kind, x, [*axes], keepdims=int(keepdims), shape=shape) if axes else x


def reduction(kind: str, nothing: float, together: str) -> Callable[..., Any]:
    """sum, prod, max or min: `nothing` stands where a mask leaves out, `initial` counts as one more element."""

    def rule(x: Any, axis: Any, *more: Any) -> Any:
        *_, keepdims, initial, where = more
        y = reduced(kind, x if where is True else ox.Where(where, x, nothing), axis, keepdims)
        return y if initial is None else emit(together, y, initial)

    return rule


def mean(x: Any, axis: Any, dtype: Any, out: None, keepdims: bool, where: Any) -> Any:
    if where is True:
        return reduced("ReduceMean", x, axis, keepdims)
    return reduced("ReduceSum", ox.Where(where, x, 0.0), axis, keepdims) / counted(x, axis, keepdims, where)


def counted(x: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    """How many elements come together: a sum of ones, since the batch may be among them."""
    ones = ox.Where(ox.IsNaN(x), x.like(1.0), 1.0)
    return reduced("ReduceSum", ones if where is True else ox.Where(where, ones, 0.0), axis, keepdims)


def var(x: Any, axis: Any, dtype: Any, out: None, ddof: float, keepdims: bool, where: Any) -> Any:
    d = x - mean(x, axis, dtype, out, True, where)
    if not ddof:
        return mean(d * d, axis, dtype, out, keepdims, where)
    d = d if where is True else ox.Where(where, d, 0.0)
    return reduced("ReduceSum", d * d, axis, keepdims) / (counted(x, axis, keepdims, where) - float(ddof))


def norm(x: Any, p: float, axis: Any, keepdims: bool) -> Any:
    if p == 2 and x.ndim:
        return reduced("ReduceL2", x, axis, keepdims)
    return reduced("ReduceSum", abs(x) ** p, axis, keepdims) ** (1 / p)


def standardize(x: Any, weight: Any, bias: Any, axis: Shape, eps: float) -> Any:
    if axis == tuple(range(axis[0], x.ndim)) and weight.shape == bias.shape == x.shape[axis[0] :]:
        return ox.LayerNormalization(x, weight, bias, axis=axis[0], epsilon=float(eps))
    d = x - reduced("ReduceMean", x, axis, True)
    return d / np.sqrt(reduced("ReduceMean", d * d, axis, True) + eps) * weight + bias


def is_negative(y: Any) -> Any:
    """Also where y is -0."""
    return (y < 0) | (1 / y < 0)


def arctan2(y: Any, x: Any) -> Any:
    turn = ox.Where(x < 0, ox.Where(is_negative(y), y.like(-math.pi), math.pi), 0.0)
    return ox.Where((x == 0) & (y == 0), 0.0, np.arctan(y / x) + turn)


def or_other(kind: str) -> Callable[[Any, Any], Any]:
    """fmax and fmin: the other one where one is NaN."""
    return lambda x, y: ox.Where(ox.IsNaN(x), y, ox.Where(ox.IsNaN(y), x, emit(kind, x, y)))


def clip(x: Any, low: Any, high: Any) -> Any:
    x = x if low is None else ox.Max(x, low)
    return x if high is None else ox.Min(x, high)


def nan_to_num(x: Any, copy: bool, nan: Any, posinf: Any, neginf: Any) -> Any:
    y, most = ox.Where(ox.IsNaN(x), float(nan), x), float(np.finfo(x.dtype).max)
    y = ox.Where(ox.IsInf(x, detect_negative=0), most if posinf is None else posinf, y)
    return ox.Where(ox.IsInf(x, detect_positive=0), -most if neginf is None else neginf, y)


def softmax_cross_entropy(x: Any, target: Any, axis: int) -> Any:
    """As the op has it: a target that is no class picks nothing."""
    classes = np.arange(x.shape[axis]).reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    target = cast(target, np.int64) if isinstance(target, Value) else x.like(np.asarray(target, np.int64))
    picked = ox.Where(expand_dims(target, axis) == classes, x, 0.0)
    return reduced("ReduceLogSumExp", x, axis) - reduced("ReduceSum", picked, axis)


# ...................................................................................................... other places


def reshape(x: Any, shape: Any, order: str = "C") -> Any:
    shape = np.reshape(np.broadcast_to(0, x.shape), shape).shape
    if order == "C":
        how = {"allowzero": 1} if 0 in shape else {}  # else a 0 would stand for the input's size
        return ox.Reshape(x, [*shape], shape=shape, **how)
    return transpose(reshape(transpose(x), shape[::-1]))


def transpose(x: Any, axes: Any = None) -> Any:
    axes = range(x.ndim)[::-1] if axes is None else normalize_axis_tuple(axes, x.ndim)
    return x if x.ndim < 2 else ox.Transpose(x, perm=[*axes], shape=tuple(x.shape[i] for i in axes))


def moveaxis(x: Any, source: int, destination: int) -> Any:
    axes = [i for i in range(x.ndim) if i != source % x.ndim]
    axes.insert(destination % x.ndim, source % x.ndim)
    return transpose(x, axes)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    axes = [*range(x.ndim)]
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, axes)


def squeeze(x: Any, axis: Any) -> Any:
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else [*normalize_axis_tuple(axis, x.ndim)]
    return ox.Squeeze(x, axes) if axes else x


def expand_dims(x: Any, axis: Any) -> Any:
    shape = np.expand_dims(np.broadcast_to(0, x.shape), axis).shape
    return ox.Unsqueeze(x, [*normalize_axis_tuple(axis, len(shape))], shape=shape) if axis != () else x


def broadcast_to(x: Any, shape: Any) -> Any:
    shape = np.broadcast_to(0, shape).shape
    return ox.Expand(x, [*shape], shape=shape)


def sliced(x: Any, slices: dict[int, slice]) -> Any:
    """x with these slices along these axes."""
    cut = {i: s for i, s in slices.items() if s not in (slice(None), slice(None, None, 1))}
    steps = [1 if s.step is None else int(s.step) for s in cut.values()]
    starts = [(0 if k > 0 else END) if s.start is None else int(s.start) for k, s in zip(steps, cut.values())]
    stops = [(END if k > 0 else -END) if s.stop is None else int(s.stop) for k, s in zip(steps, cut.values())]
    shape = tuple(len(range(n)[slices.get(i, slice(None))]) for i, n in enumerate(x.shape))
    return ox.Slice(x, starts, stops, [*cut], steps, shape=shape) if cut else x


def along(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return sliced(x, {axis % x.ndim: slice(start, stop)})


def flip(x: Any, axis: Any) -> Any:
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    return sliced(x, {i: slice(None, None, -1) for i in axes})


def roll(x: Any, shift: Any, axis: Any) -> Any:
    if axis is None:
        return reshape(roll(reshape(x, -1), shift, 0), x.shape)
    shifts, axes = np.broadcast_arrays(shift, normalize_axis_tuple(axis, x.ndim, allow_duplicate=True))
    for k, i in zip(shifts.tolist(), axes.tolist()):
        k %= max(x.shape[i], 1)
        x = ox.Concat(along(x, i, -k, None), along(x, i, None, -k), axis=i, shape=x.shape) if k else x
    return x


def pad(x: Any, widths: Any, value: Any) -> Any:
    if np.ndim(value):
        raise Refused("its constant_values differ from end to end")
    before, after = np.asarray(widths).T.tolist()
    shape = tuple(map(sum, zip(x.shape, before, after)))
    return ox.Pad(x, [*before, *after], value, shape=shape)


def gather(x: Any, places: Any, axis: int) -> Any:
    places = places if isinstance(places, Value) else x.like(np.asarray(places, np.int64))
    axis %= x.ndim
    return ox.Gather(x, places, axis=axis, shape=(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]))


def getitem(x: Any, index: Any) -> Any:
    """Slices by Slice, integers by Gather; arrays along several axes by Gather from these axes as one."""
    entries: list[Any] = []
    for part in parts(index):
        part = np.asarray(part) if isinstance(part, (bool, list, np.bool_, np.ndarray)) else part
        if is_boolean(part) and not part.ndim:
            raise Refused("its index holds a single boolean")
        entries += part.nonzero() if isinstance(part, np.ndarray) and is_boolean(part) else [part]
    at = next((i for i, e in enumerate(entries) if e is Ellipsis), len(entries))
    missing = x.ndim - sum(e is not None and e is not Ellipsis for e in entries)
    entries[at : at + 1] = [slice(None)] * missing
    x = expand_dims(x, tuple(i for i, e in enumerate(entries) if e is None))
    x = sliced(x, {i: e for i, e in enumerate(entries) if isinstance(e, slice)})
    places = {i: e for i, e in enumerate(entries) if e is not None and not isinstance(e, slice)}
    if any(isinstance(e, Value) and (is_boolean(e) or len(places) > 1) for e in places.values()):
        raise Refused("an input of the model is its mask, or indexes beside other integers")
    if len(places) < 2 or not any(map(np.ndim, places.values())):
        for i, e in reversed(places.items()):
            x = gather(x, e, i)
        return x
    axes = [*places]
    if axes != [*range(axes[0], axes[-1] + 1)]:  # what they choose comes first
        x = transpose(x, (*axes, *[i for i in range(x.ndim) if i not in axes]))
        axes = [*range(len(axes))]
    before, sizes, after = x.shape[: axes[0]], x.shape[axes[0] : axes[-1] + 1], x.shape[axes[-1] + 1 :]
    counted = [np.where(np.less(e, 0), e + n, e) for e, n in zip(places.values(), sizes)]
    joined = reshape(x, (*before, math.prod(sizes), *after))
    return gather(joined, np.ravel_multi_index(tuple(np.broadcast_arrays(*counted)), sizes), axes[0])


def take(a: Any, indices: Any, axis: Any, *, mode: str) -> Any:
    if axis is None or not a.ndim:
        a, axis = reshape(a, -1), 0
    if mode != "raise":
        if isinstance(indices, Value):
            raise Refused(f"an input of the model indexes, with mode={mode!r}")
        n = a.shape[axis]
        indices = np.clip(indices, 0, n - 1) if mode == "clip" else np.asarray(indices) % n
    return gather(a, indices, axis)


def numbered(shape: Shape) -> Array:
    """Each element's place in the flattened array."""
    return np.arange(math.prod(shape)).reshape(shape)


def put(x: Any, values: Any, places: Array, shape: Shape, reduction: str = "none") -> Any:
    """The flattened x with values at these places, in this shape."""
    places = places.ravel().astype(np.int64)
    return reshape(ox.ScatterElements(reshape(x, -1), places, reshape(values, -1), axis=0, reduction=reduction), shape)


def add_at(x: Any, index: Any, shape: Shape) -> Any:
    return put(x.like(np.zeros(shape, x.dtype)), x, numbered(shape)[detached(index)], shape, "add")


def setitem(x: Any, values: Any, index: Any) -> Any:
    places = numbered(x.shape)[detached(index)]
    return put(x, broadcast_to(cast(values, x.dtype), places.shape), places, x.shape)


def windows_along(x: Any, window_shape: Any, axis: Any) -> Any:
    sizes = window_shape if isinstance(window_shape, tuple) else (window_shape,)
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    for i, size in zip(axes, sizes):
        x = moveaxis(gather(x, sliding_window_view(np.arange(x.shape[i]), size), i), i + 1, -1)
    return x


def up_to_each(kind: str, nothing: float) -> Callable[..., Any]:
    """Each element together with all before it along an axis: the rows of a triangle, reduced."""

    def rule(x: Any, axis: Any, *_: Any) -> Any:
        x, axis = (x, axis) if x.ndim and axis is not None else (reshape(x, -1), 0)
        rows = moveaxis(x, axis, -1)
        triangle = ox.Where(np.tri(rows.shape[-1], dtype=bool), expand_dims(rows, -2), nothing)
        return moveaxis(reduced(kind, triangle, -1), -1, axis)

    return rule


def triangle(lower: bool) -> Callable[[Any, int], Any]:
    """tril or triu; of a vector, of the square that repeats it."""

    def rule(m: Any, k: int) -> Any:
        rows, columns = (m.shape * 2)[-2:]
        return ox.Where(np.tri(rows, columns, k if lower else k - 1, dtype=bool) == lower, m, 0.0)

    return rule


def cross(a: Any, b: Any) -> Any:
    (a1, a2), (b1, b2) = ([gather(v, np.roll(range(3), -k), -1) for k in (1, 2)] for v in (a, b))
    return a1 * b2 - a2 * b1


def einsum(*operands: Any, optimize: Any) -> Any:
    subscripts, places = read(operands)
    arrays = [operands[i] for i in places]
    inputs, output = spell(subscripts, tuple(map(np.ndim, arrays)))
    return ox.Einsum(*arrays, equation=f"{','.join(inputs)}->{output}")


# .......................................................................................................... windows


def batched(x: Any, n: int, f: Callable[[Any], Any]) -> Any:
    """f of an x (N, C, *size), also for (C, *size)."""
    return f(x) if x.ndim == n + 2 else ox.Squeeze(f(expand_dims(x, 0)), [0])


def settings(w: Windows) -> dict[str, Any]:
    after = [p - b - n for p, b, n in zip(w.padded, w.padding, w.size)]
    window = {"kernel_shape": [*w.kernel], "strides": [*w.stride], "dilations": [*w.dilation]}
    return window | {"pads": [*w.padding, *after]}


def conv(x: Any, w: Any, windows: Windows, groups: int, *bias: Any) -> Any:
    how = settings(windows) | {"group": groups}
    return batched(x, len(windows.size), lambda x: ox.Conv(x, w, *bias, **how))


def conv_input(g: Any, w: Any, windows: Windows, groups: int, *bias: Any) -> Any:
    """The adjoint of conv: `pads` cut its output, `output_padding` lengthens it."""
    full = ((p - 1) * s + span for p, s, span in zip(windows.places, windows.stride, windows.span))
    after = [f - b - n for f, b, n in zip(full, windows.padding, windows.size)]
    how = settings(windows) | {"pads": [*windows.padding, *[max(a, 0) for a in after]]}
    how |= {"group": groups, "output_padding": [max(-a, 0) for a in after]}
    return batched(g, len(windows.size), lambda g: ox.ConvTranspose(g, w, *bias, **how))


def conv_nd(n: int) -> Callable[..., Any]:
    return lambda x, w, b, *how: conv(x, w, sliding(n, x, w, b, *how), how[-1], *[b] * (b is not None))


def conv_transpose_nd(n: int) -> Callable[..., Any]:
    return lambda x, w, b, *how: conv_input(x, w, spreading(n, x, w, b, *how), how[3], *[b] * (b is not None))


def unfold(x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    w = slide(x.shape[-2:], per_axis(kernel_size, 2, "kernel_size", 1), stride, padding, dilation)
    around = [(b, p - b - n) for b, n, p in zip(w.padding, w.size, w.padded)]
    places = view(numbered(w.padded), replace(w, size=w.padded, padding=(0, 0))).reshape(-1, math.prod(w.kernel)).T
    lead = x.shape[:-2]
    flat = reshape(pad(x, [(0, 0)] * len(lead) + around, 0.0), (*lead, math.prod(w.padded)))
    return reshape(gather(flat, places, -1), (*lead[:-1], lead[-1] * len(places), places.shape[1]))


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    size, kernel = per_axis(output_size, 2, "output_size", 1), per_axis(kernel_size, 2, "kernel_size", 1)
    w = slide(size, kernel, stride, padding, dilation)
    how = {"strides": [*w.stride], "dilations": [*w.dilation], "pads": [*w.padding, *w.padding]}
    return batched(x, 1, lambda x: ox.Col2Im(x, [*size], [*kernel], **how))


def max_pool(n: int) -> Callable[..., Any]:
    return lambda x, *how: batched(x, n, lambda y: ox.MaxPool(y, **settings(pooling(n, x, *how))))


def avg_pool(n: int) -> Callable[..., Any]:
    """AveragePool divides by the whole window, or by what the input has of it; ours can do more."""

    def rule(x: Any, size: Any, stride: Any, padding: Any, ceil: bool, count_pad: bool, divisor: Any = None) -> Any:
        w = pooling(n, x, size, stride, padding, 1, ceil)
        y = batched(x, n, lambda x: ox.AveragePool(x, count_include_pad=1, **settings(w)))
        share = np.asarray(math.prod(w.kernel) / how_many(x, w, count_pad, divisor), x.dtype)
        return y if np.all(share == 1) else replace(y, shape=(*x.shape[:-n], *w.places)) * share

    return rule


def convolve(x: Any, w: Any) -> Any:
    more = w.shape[0] - 1
    return ox.Squeeze(ox.Conv(expand_dims(x, (0, 1)), expand_dims(flip(w, 0), (0, 1)), pads=[more, more]), [0, 1])


# --------------------------------------------------------------------------------------------------- the table of ops

# Ops, and NumPy's comparisons, that mean the same with the same inputs.
SAME = {
    "identity": "Identity", "positive": "Identity", "negative": "Neg", "absolute": "Abs", "reciprocal": "Reciprocal",
    "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin",
    "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "arcsinh": "Asinh",
    "arccosh": "Acosh", "arctanh": "Atanh", "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "erf": "Erf",
    "relu": "Relu", "sigmoid": "Sigmoid", "hardswish": "HardSwish", "mish": "Mish", "softsign": "Softsign",
    "det": "Det", "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow",
    "maximum": "Max", "minimum": "Min", "matmul": "MatMul", "where": "Where",
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "equal": "Equal", "bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor", "invert": "Not",
    "logical_and": "And", "logical_or": "Or", "logical_xor": "Xor", "logical_not": "Not", "isnan": "IsNaN",
    "isinf": "IsInf",
}  # fmt: skip

RULES: dict[str, Callable[..., Any]] = {name: getattr(ox, kind) for name, kind in SAME.items()} | {
    "not_equal": lambda x, y: ~(x == y),
    "isfinite": lambda x: ~(ox.IsNaN(x) | ox.IsInf(x)),
    "square": lambda x: x * x,
    "cbrt": lambda x: np.sign(x) * abs(x) ** (1 / 3),
    "exp2": lambda x: np.exp(x * math.log(2)),
    "expm1": lambda x: np.exp(x) - 1,
    "log2": lambda x: np.log(x) / math.log(2),
    "log10": lambda x: np.log(x) / math.log(10),
    "log1p": lambda x: np.log(x + 1),
    "logaddexp": lambda x, y: np.maximum(x, y) + ox.Softplus(-abs(x - y)),
    "logaddexp2": lambda x, y: np.maximum(x, y) + ox.Softplus(-abs(x - y) * math.log(2)) / math.log(2),
    "hypot": lambda x, y: np.sqrt(x * x + y * y),
    "sinc": lambda x: ox.Where(x == 0, 1.0, np.sin(x * math.pi) / (x * math.pi)),
    "deg2rad": lambda x: x * (math.pi / 180),
    "rad2deg": lambda x: x * (180 / math.pi),
    "fmax": or_other("Max"),
    "fmin": or_other("Min"),
    "trunc": lambda x: np.sign(x) * np.floor(abs(x)),
    "round": lambda x, decimals: ox.Round(x * 10.0**decimals) / 10.0**decimals,
    "floor_divide": lambda x, y: np.floor(x / y),
    "remainder": lambda x, y: x - y * np.floor(x / y),
    "fmod": lambda x, y: ox.Mod(x, y, fmod=1),
    "heaviside": lambda x, h: ox.Where(x < 0, 0.0, ox.Where(x > 0, 1.0, h)),
    "copysign": lambda x, y: abs(x) * ox.Where(is_negative(y), x.like(-1.0), 1.0),
    "erfc": lambda x: 1 - ox.Erf(x),
    "ndtr": lambda x: (ox.Erf(x * math.sqrt(0.5)) + 1) * 0.5,
    "logit": lambda x: np.log(x / (1 - x)),
    "xlogy": lambda x, y: x * np.log(ox.Where(x == 0, 1.0, y)),
    "entr": lambda x: ox.Where(x < 0, -math.inf, -x * np.log(ox.Where(x > 0, x, 1.0))),
    "leaky_relu": lambda x, slope: ox.LeakyRelu(x, alpha=float(slope)),
    "hardtanh": clip,
    "softplus": lambda x, beta, threshold: ox.Where(x * beta > threshold, x, ox.Softplus(x * beta) / beta),
    "silu": lambda x: x * ox.Sigmoid(x),
    "gelu": lambda x, approximate: ox.Gelu(x, approximate=approximate),
    "elu": lambda x, alpha: ox.Elu(x, alpha=float(alpha)),
    "softmax": lambda x, axis: ox.Softmax(x, axis=axis) if x.ndim else ox.Exp(x - x),
    "log_softmax": lambda x, axis: ox.LogSoftmax(x, axis=axis) if x.ndim else x - x,
    "logsumexp": lambda x, axis, keepdims: reduced("ReduceLogSumExp", x, axis, keepdims),
    "huber": lambda d, delta: (c := clip(d, -delta, delta)) * (d - c * 0.5),
    "bernoulli_nll": lambda p, y: -y * ox.Max(np.log(p), -100.0) - (1 - y) * ox.Max(np.log(1 - p), -100.0),
    "logistic_nll": lambda x, y: y * ox.Softplus(-x) + (1 - y) * ox.Softplus(x),
    "scale": lambda x, weight, bias: x * weight + bias,
    "sum": reduction("ReduceSum", 0.0, "Add"),
    "prod": reduction("ReduceProd", 1.0, "Mul"),
    "max": reduction("ReduceMax", -math.inf, "Max"),
    "min": reduction("ReduceMin", math.inf, "Min"),
    "std": lambda *arguments, **options: np.sqrt(var(*arguments, **options)),
    "cumsum": lambda x, axis, *_: ox.CumSum(x if x.ndim and axis is not None else reshape(x, -1), np.int64(axis or 0)),
    "cumprod": up_to_each("ReduceProd", 1.0),
    "logcumsumexp": lambda x, axis: up_to_each("ReduceLogSumExp", -math.inf)(x, axis) if x.ndim else x,
    "diff": lambda x, axis: along(x, axis, 1, None) - along(x, axis, None, -1),
    "astype": cast,
    "concatenate": lambda *arrays, axis: ox.Concat(*arrays, axis=axis),
    "tril": triangle(lower=True),
    "triu": triangle(lower=False),
    "sliding_window_view": windows_along,
}

# Ops whose rule has their name, and ops of one, two and three axes.
for rule in (
    add_at, arctan2, broadcast_to, clip, conv, conv_input, convolve, cross, einsum, expand_dims, flip, fold, getitem,
    mean, nan_to_num, norm, pad, reshape, roll, setitem, softmax_cross_entropy, squeeze, standardize, swapaxes, take,
    transpose, unfold, var,
):  # fmt: skip
    RULES[rule.__name__] = rule
for name, of in {
    "conv": conv_nd,
    "conv_transpose": conv_transpose_nd,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
}.items():
    RULES |= {f"{name}{n}d": of(n) for n in (1, 2, 3)}
