"""Tensor: an array, its gradient, and NumPy's protocols. What an op does stands in ops/, looked up in the table."""

from __future__ import annotations

import copy
import functools
import inspect
import operator
import threading
from collections.abc import Callable, Iterable, Iterator
from math import prod
from typing import Any, ParamSpec, SupportsIndex
from weakref import WeakValueDictionary

import numpy as np

from . import errors
from .graph import NO_KEYWORDS, OPS, TABLE, Node, age, walk
from .mode import MODE, backward_scope
from .values import IMMUTABLE, Array, beside, foreign, frozen, lazy, on_host, set_writeable

P = ParamSpec("P")

# NumPy functions without a derivative: on a Tensor they give what they give on its array, as plain NumPy.
PLAIN: set[Callable[..., Any]] = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert,
    np.isnan, np.isinf, np.isfinite, np.isposinf, np.isneginf, np.signbit,
    np.isreal, np.iscomplex, np.isrealobj, np.iscomplexobj,
    np.shape, np.ndim, np.size, np.result_type, np.common_type, np.can_cast, np.min_scalar_type,
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort,
    np.any, np.all, np.count_nonzero, np.nonzero, np.flatnonzero, np.argwhere,
    np.allclose, np.isclose, np.array_equal, np.array_equiv, np.isin,
    np.searchsorted, np.digitize,
    np.linalg.matrix_rank, np.einsum_path, np.ix_,
    np.zeros_like, np.ones_like, np.empty_like,
    np.array2string, np.array_repr, np.array_str,
}  # fmt: skip

# NumPy functions that write into an array -> what to write instead.
WRITERS: dict[Callable[..., Any], str] = {
    np.copyto: "np.where, or np.broadcast_to(t, a.shape) for np.full_like(a, t)",
    np.put: "np.put_along_axis(tensor, …), which returns a new tensor, or np.where",
    np.place: "np.where",
    np.putmask: "np.where",
    np.fill_diagonal: "np.where(np.eye(n, dtype=bool), t, a)",
}

_ADDING = threading.Lock()  # threads that share a leaf add to its gradient in turns

# Methods of ufuncs that are functions of NumPy's under another name. By default they reduce the first axis alone.
UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum, (np.add, "accumulate"): np.cumsum,
    (np.multiply, "reduce"): np.prod, (np.multiply, "accumulate"): np.cumprod,
    (np.maximum, "reduce"): np.max, (np.minimum, "reduce"): np.min,
    (np.maximum, "accumulate"): np.maximum.accumulate, (np.minimum, "accumulate"): np.minimum.accumulate,
}  # fmt: skip


def as_value(data: Any, dtype: Any = None) -> Array:
    """`data` as a node may hold it: a read-only array or a NumPy scalar. Arrays of other libraries stay as they are."""
    if isinstance(data, Node):
        data = data.value
        if dtype is None or getattr(data, "dtype", None) == dtype:
            return data
    if data.__class__ is np.ndarray and data.ndim and data.dtype.kind == "f" and (dtype is None or data.dtype == dtype):
        return frozen(data)  # as below, at once
    given = _calculable(data)
    if not hasattr(data, "__array_function__") and not isinstance(data, np.generic):
        data = _array(data)
        if data.dtype == object and not all(hasattr(a, "__mul__") and not isinstance(a, TEXT) for a in data.ravel()):
            raise TypeError(f"Tensor: needs numbers, got {errors.describe(given)}")
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "USVmM":
        raise TypeError(f"Tensor: needs numbers, got {errors.describe(given)}")
    if dtype is not None and data.dtype != dtype:
        data = data.astype(dtype)
    return data[()] if isinstance(data, np.ndarray) and not data.ndim else frozen(data)


def operand(a: Any) -> Any:
    """The other operand, as `Tensor(a)` would hold it: a list becomes an array, or a tensor if it holds any."""
    if a.__class__ in IMMUTABLE or isinstance(a, (Node, np.generic)):
        return a
    if a.__class__ in SEQUENCES:
        items = [operand(item) for item in a]
        return TABLE[np.stack](items) if any(isinstance(item, Node) for item in items) else _array(a)
    if isinstance(a, np.ndarray):
        if a.dtype == object and any(isinstance(item, Node) for item in a.flat):
            return TABLE[np.reshape](TABLE[np.stack]([*a.flat]), a.shape)
        return _calculable(a)
    return converted(_calculable(a))


def converted(a: Any) -> Any:
    """An array that doesn't speak NumPy's protocols (PyTorch's, JAX's, a DataFrame) as NumPy's; all else as it is."""
    given = hasattr(a, "__array__") and not hasattr(a, "__array_function__") and not isinstance(a, (type, np.generic))
    return as_value(a) if given else a


def _array(data: Any) -> Any:
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(f"Tensor: needs nested lists of equal lengths, got {errors.describe(data)}") from error
    except (TypeError, RuntimeError) as error:  # a PyTorch tensor on a GPU, or with a graph
        kind = f"{type(data).__module__.split('.')[0]}.{type(data).__name__}"
        raise TypeError(f"Tensor: a {kind} can't be read as a NumPy array: {error}") from error


def _calculable(a: Any) -> Any:
    """An array, unless it is of a kind in which `*` or a missing element means something else."""
    if isinstance(a, (np.ma.MaskedArray, np.matrix)):
        raise TypeError(f"Tensor: a {type(a).__name__} calculates by rules of its own: give np.asarray of it")
    if hasattr(a, "todense"):
        raise TypeError(f"Tensor: a sparse {type(a).__name__} lacks elements that rules need: give .todense() of it")
    return a


SEQUENCES = {list, tuple}
TEXT = (str, bytes)
AS_THEY_ARE = {*IMMUTABLE, np.ndarray}  # and Tensor, below: classes of what a rule takes without a look


def implements(*numpy_functions: Callable[..., Any]) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Register a composite function for these NumPy functions. Its errors are named after it, as an op's are."""

    def enter(function: Callable[P, Any]) -> Callable[P, Any]:
        call = errors.named(function)
        TABLE.update(dict.fromkeys(numpy_functions, call))
        return call

    return enter


def public(function: Callable[P, Any]) -> Callable[P, Any]:
    """`function` as users call it: lists in the places of arrays, and arrays of any library, become what rules take.

    Its errors are named after it.
    """
    parameters = inspect.signature(function).parameters
    arrays = {name for name, p in parameters.items() if str(p.annotation).startswith("Array")}
    places = [i for i, name in enumerate(parameters) if name in arrays]

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        given: Any = args
        try:
            for a in args:
                if a.__class__ not in AS_THEY_ARE:
                    given = [operand(a) if i in places else converted(a) for i, a in enumerate(args)]
                    break
            if kwargs:
                kwargs.update({name: (operand if name in arrays else converted)(a) for name, a in kwargs.items()})
            return function(*given, **kwargs)
        except errors.NAMED as error:
            errors.raise_named(error, function.__name__, parameters, args, kwargs)

    return call


def method(function: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """A method that is NumPy's function of the same name, applied to the tensor."""

    def call(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return apply(function, (self, *args), kwargs)

    call.__name__ = name or function.__name__
    call.__doc__ = f"`np.{function.__name__}` of this tensor."
    return call


def method_of_op(name: str) -> Callable[..., Any]:
    """A method that is the op of the same name, applied to the tensor."""

    def call(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return OPS[name].apply(self, *args, **kwargs)

    call.__name__ = name
    call.__doc__ = f"`tg.{name}` of this tensor."
    return call


Operator = Callable[[Any, Any], Any]
OPERATORS: dict[str, tuple[str, Callable[..., Any]]] = {}  # a method's name -> its symbol and NumPy's function


def arithmetic(name: str, symbol: str, function: Callable[..., Any]) -> tuple[Operator, Operator, Operator]:
    """x + y, its reflection, and x += y, as three methods."""
    OPERATORS[name] = symbol, function

    def operation(x: Any, y: Any) -> Any:
        return TABLE[function](x, operand(y))

    def reflected(y: Any, x: Any) -> Any:
        return TABLE[function](operand(x), y)

    return operation, reflected, rebinding(operation, symbol)


def rebinding(operation: Operator, symbol: str) -> Operator:
    """`x += y` makes a new tensor and calls it x. That updates no parameter, so it is refused under no_grad."""

    def rebind(self: Tensor, other: Any) -> Any:
        if self.requires_grad and self.op is None and not MODE.get().recording:
            raise RuntimeError(
                f"{symbol}=: this would give the name to a new tensor and leave this one as it is: to update it, "
                "write w.data = w.data - lr * w.grad.data"
            )
        return operation(self, other)

    return rebind


def operate_with(binary: Callable[[Callable[..., Any]], tuple[Operator, Operator]]) -> None:
    """Let `binary`, which makes an operator and its reflection of NumPy's function, make the arithmetic of tensors."""
    for name, (symbol, function) in OPERATORS.items():
        operation, reflected = binary(function)
        setattr(Tensor, f"__{name}__", operation)
        setattr(Tensor, f"__r{name}__", reflected)
        setattr(Tensor, f"__i{name}__", rebinding(operation, symbol))


def plain(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator without a derivative: its result is plain NumPy."""

    def compute(self: Tensor, other: Any) -> Any:
        return operation(self.value, other.value if isinstance(other, Tensor) else other)

    return compute


class NumberTaken(TypeError):
    """A plain number was taken out of a tensor whose gradient is being computed."""


class Tensor(Node):
    """An array that remembers how it was made.

    Args:
        data: array, number, nested lists, another tensor, or an array of any library that speaks NumPy's protocols.
            A NumPy array is copied: arrays in a graph never change.
        requires_grad: whether `.backward()` is to give this tensor a gradient. Floating dtypes only.
        dtype: as in `np.array`; by default NumPy's own choice (float64 for Python floats).
        name: shown in drawings.

    Raises:
        TypeError: an integer, boolean or complex tensor is asked to require a gradient; `data` holds no numbers, or is
            a tensor that requires a gradient, whose graph would be cut: `detach()` it.
    """

    __slots__ = ()
    __array_priority__ = 1000.0
    __pandas_priority__ = 5000  # above a DataFrame's: series + t is t's to compute
    __hash__ = object.__hash__

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None, name: str | None = None) -> None:
        if isinstance(data, Node) and data.requires_grad:
            raise TypeError("Tensor: a new tensor of one that requires a gradient would cut its graph: detach() it")
        self._hold(as_value(data, dtype), name)
        if requires_grad:
            self.requires_grad_()

    def _hold(self, value: Array, name: str | None = None) -> None:
        """Be a leaf of this value."""
        self.value = value
        self.grad = self.op = self.scope = None
        self.name = name
        self.inputs = self.kept = ()
        self.kwargs = NO_KEYWORDS
        self.requires_grad = False
        self.age = age()

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether this tensor is to get a gradient, in place; returns it."""
        if self.op is not None:
            raise RuntimeError(
                f"requires_grad_: this tensor is the result of {self.op.name}, and only a leaf can start or stop "
                "requiring a gradient: detach() it, or use tg.no_grad()"
            )
        if requires_grad and self.dtype.kind not in "fO":
            raise TypeError(
                f"requires_grad: a tensor of dtype {self.dtype} has no gradient: make it floating, as np.float64"
            )
        self.requires_grad = requires_grad
        return self

    # ------------------------------------------------------------------------------------------------- the array

    @property
    def data(self) -> Array:
        """The array (read-only) or NumPy scalar. Setting it on a leaf rebinds it: earlier graphs keep the old one.

        So an update is `w.data = w.data - lr * w.grad.data`. What is set takes the tensor's own dtype.
        """
        return self.value

    @data.setter
    def data(self, data: Any) -> None:
        if self.op is not None:
            raise RuntimeError(f"data: this tensor is the result of {self.op.name}; only a leaf's data can be set")
        value = as_value(data)
        if value.dtype != self.dtype:
            if value.dtype.kind == "c" != self.dtype.kind:
                raise TypeError(f"data: this tensor of dtype {self.dtype} cannot hold complex numbers")
            value = as_value(value, self.dtype)
        if np.shape(value) != self.shape:
            raise ValueError(f"data: this tensor has shape {self.shape}, and cannot hold shape {np.shape(value)}")
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        return len(np.shape(self.value))

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return getattr(self.value, "dtype", np.dtype(object))

    @property
    def T(self) -> Any:
        return TABLE[np.transpose](self)

    @property
    def mT(self) -> Any:
        return TABLE[np.swapaxes](self, -1, -2)

    @property
    def real(self) -> Tensor:
        """The tensor itself, or of complex numbers the real parts."""
        return Tensor(self.value.real) if self.dtype.kind == "c" else self

    @property
    def itemsize(self) -> int:
        """How many bytes an element takes."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """How many bytes all elements take."""
        return self.size * self.itemsize

    def item(self, *index: Any) -> Any:
        """The single element as a Python number, or the one at `index`: an integer counts through all elements."""
        if self.size != 1 and not index:
            raise ValueError(f"item: needs a tensor of one element, this one has shape {self.shape}; give an index")
        value = on_host(self.value) if foreign(self.value) else self.value
        try:
            return value.item(*index) if hasattr(value, "item") else value
        except (ValueError, TypeError, IndexError) as error:
            errors.raise_named(error, "item", {}, index)

    def numpy(self) -> Array:
        """NumPy's array, without graph and gradient; read-only (`.copy()` it to write).

        Of another library's array, a copy: from a GPU, or computed where it is lazy.
        """
        return self.value if isinstance(self.value, np.ndarray) else on_host(self.value)

    def detach(self) -> Tensor:
        """The same value outside the graph: no gradient flows through it."""
        out = wrap(self.value)
        out.name = self.name
        return out

    def tolist(self) -> Any:
        return (on_host(self.value) if foreign(self.value) else self.value).tolist()

    # --------------------------------------------------------------------------------------------- the gradient

    def backward(self, grad: Any = None, create_graph: bool = False) -> None:
        """Add ∂self/∂leaf (times `grad`) to `.grad` of every leaf that requires a gradient.

        Args:
            grad: ∂L/∂self, of this tensor's shape; may be left out for a tensor of one element, where it is 1.
            create_graph: give the gradients a graph of their own, to be differentiated again. It leads back to the
                leaves that hold them: a cycle, which the garbage collector frees; `tg.grad` makes none.

        Raises:
            RuntimeError: this tensor has no graph, or has more than one element and `grad` is missing.
            ValueError: `grad` has another shape.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward: this tensor has no graph: make it from a Tensor(…, requires_grad=True), outside tg.no_grad()"
            )
        seed = self._seed(grad)
        if create_graph:
            seed = seed if isinstance(seed, Tensor) else Tensor(seed)
        elif isinstance(seed, Tensor):
            seed = seed.value
        elif seed is grad:
            seed = seed.view()  # the walk makes it read-only
        # All gradients first: if a rule fails, no leaf is left with half of them.
        with backward_scope(create_graph):
            found = [(node, g) for node, g in walk({self: seed}, create_graph) if node.op is None]
        with _ADDING:
            for leaf, g in found:
                if isinstance(grad, np.ndarray) and isinstance(g, np.ndarray) and np.may_share_memory(g, grad):
                    g = frozen(g)  # the caller may write to it later
                g = g if isinstance(g, Tensor) else wrap(g)
                leaf.grad = g if leaf.grad is None else leaf.grad + g

    def _seed(self, grad: Any) -> Any:
        if grad is None:
            if not isinstance(self.value, np.generic) and self.size != 1:
                raise RuntimeError(
                    f"backward: this tensor has shape {self.shape}, and only a scalar has a gradient by itself: "
                    "reduce it (.sum(), .mean()), or pass grad= of the same shape"
                )
            return one_like(self.value)
        dtype = self.dtype
        fits = isinstance(grad, Tensor) or grad.__class__ is np.ndarray and grad.dtype == dtype
        seed = grad if fits and not foreign(self.value) else as_value(beside(grad, self))
        shape = np.shape(seed.value if isinstance(seed, Tensor) else seed)
        if shape != self.shape:
            raise ValueError(
                f"backward: grad has shape {shape}, this tensor has shape {self.shape}; they must be equal"
            )
        return seed if getattr(seed, "dtype", dtype) == dtype else seed.astype(dtype)

    def zero_grad(self) -> None:
        """Forget the gradient (`.grad = None`)."""
        self.grad = None

    # ---------------------------------------------------------------------------------- operators, as NumPy has them

    __add__, __radd__, __iadd__ = arithmetic("add", "+", np.add)
    __sub__, __rsub__, __isub__ = arithmetic("sub", "-", np.subtract)
    __mul__, __rmul__, __imul__ = arithmetic("mul", "*", np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = arithmetic("truediv", "/", np.divide)
    __floordiv__, __rfloordiv__, __ifloordiv__ = arithmetic("floordiv", "//", np.floor_divide)
    __mod__, __rmod__, __imod__ = arithmetic("mod", "%", np.remainder)
    __pow__, __rpow__, __ipow__ = arithmetic("pow", "**", np.power)
    __matmul__, __rmatmul__, __imatmul__ = arithmetic("matmul", "@", np.matmul)
    __neg__ = method(np.negative)
    __pos__ = method(np.positive)
    __abs__ = method(np.absolute)
    __getitem__ = method(operator.getitem, "__getitem__")
    __eq__ = plain(operator.eq)
    __ne__ = plain(operator.ne)
    __lt__ = plain(operator.lt)
    __le__ = plain(operator.le)
    __gt__ = plain(operator.gt)
    __ge__ = plain(operator.ge)
    __and__ = __rand__ = plain(operator.and_)
    __or__ = __ror__ = plain(operator.or_)
    __xor__ = __rxor__ = plain(operator.xor)

    def __invert__(self) -> Any:
        return ~self.value

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("Tensor: an array in a graph never changes; make a new one with np.where or np.put_along_axis")

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a tensor without axes")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    def __bool__(self) -> bool:
        return bool(self.value)

    def _number(self, kind: str) -> Any:
        """The value of one element for Python; refused while its gradient is being computed, which it would cut."""
        mode = MODE.get()
        if mode.tracing and mode.recording and self.requires_grad:
            raise NumberTaken(
                f"{kind}: a plain number of a tensor inside a function that is being differentiated would cut its "
                "gradient. Write np.sqrt(t) for math.sqrt(t), np.stack or np.where for array[i] = t; where a number "
                "is meant, t.item()"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __index__(self) -> int:
        return operator.index(self.value)

    def __round__(self, digits: SupportsIndex = 0) -> Any:
        return TABLE[np.round](self, digits)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    # ------------------------------------------------------------------------------------------- ndarray's methods

    abs = method(np.absolute, "abs")
    all = method(np.all)
    any = method(np.any)
    argmax = method(np.argmax)
    argmin = method(np.argmin)
    argpartition = method(np.argpartition)
    argsort = method(np.argsort)
    ceil = method(np.ceil)
    choose = method(np.choose)
    clip = method(np.clip)
    conj = conjugate = method(np.conjugate)
    copy = method(np.copy)
    cos = method(np.cos)
    cosh = method(np.cosh)
    cumprod = method(np.cumprod)
    cumsum = method(np.cumsum)
    diagonal = method(np.diagonal)
    dot = method(np.dot)
    exp = method(np.exp)
    expm1 = method(np.expm1)
    flatten = method(np.ravel, "flatten")
    floor = method(np.floor)
    log = method(np.log)
    log10 = method(np.log10)
    log1p = method(np.log1p)
    log2 = method(np.log2)
    matmul = method(np.matmul)
    max = method(np.max, "max")
    maximum = method(np.maximum)
    mean = method(np.mean)
    min = method(np.min, "min")
    minimum = method(np.minimum)
    nonzero = method(np.nonzero)
    partition = method(np.partition)
    pow = method(np.power, "pow")
    prod = method(np.prod)
    ptp = method(np.ptp)
    ravel = method(np.ravel)
    reciprocal = method(np.reciprocal)
    repeat = method(np.repeat)
    round = method(np.round)
    searchsorted = method(np.searchsorted)
    sign = method(np.sign)
    sin = method(np.sin)
    sinh = method(np.sinh)
    sort = method(np.sort)  # unlike ndarray's it returns the result: an array in a graph never changes
    sqrt = method(np.sqrt)
    square = method(np.square)
    squeeze = method(np.squeeze)
    std = method(np.std)
    sum = method(np.sum)
    swapaxes = method(np.swapaxes)
    take = method(np.take)
    tan = method(np.tan)
    tanh = method(np.tanh)
    trace = method(np.trace)
    var = method(np.var)

    elu = method_of_op("elu")
    gelu = method_of_op("gelu")
    leaky_relu = method_of_op("leaky_relu")
    log_softmax = method_of_op("log_softmax")
    logsumexp = method_of_op("logsumexp")
    relu = method_of_op("relu")
    sigmoid = method_of_op("sigmoid")
    silu = method_of_op("silu")
    softmax = method_of_op("softmax")
    softplus = method_of_op("softplus")

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """This tensor in another dtype. `copy` changes nothing, as the array of a tensor never changes."""
        return TABLE[np.ndarray.astype](self, dtype)

    def compress(self, condition: Any, axis: int | None = None, **kwargs: Any) -> Any:
        """`np.compress` of this tensor: what stands where the condition holds."""
        return apply(np.compress, (condition, self, axis), kwargs)

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """`np.reshape`; the shape as one tuple or as several integers."""
        return TABLE[np.reshape](self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def transpose(self, *axes: Any) -> Any:
        """`np.transpose`; the axes as one tuple or as several integers, reversed when there are none."""
        return TABLE[np.transpose](self, axes[0] if len(axes) == 1 else axes or None)

    # ------------------------------------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            return apply(ufunc, tuple([operand(a) for a in inputs]), kwargs)
        function = UFUNC_METHODS.get((ufunc, method))
        if function is not None:
            return apply(function, inputs, {"axis": 0} | kwargs)
        if ufunc in PLAIN and method != "at":
            return _on_arrays(getattr(ufunc, method), inputs, kwargs)
        if method == "outer" and not kwargs:
            x, y = (operand(a) for a in inputs)
            return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y)
        raise TypeError(
            f"{errors.numpy_name(ufunc)}.{method}: no rule for a Tensor; use np.sum, np.cumsum and the like, or t.data"
        )

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if not args:  # np.sum(a=t): NumPy's names of its parameters need not be the rule's
            bound = inspect.signature(function).bind(**kwargs)
            args, kwargs = bound.args, bound.kwargs
        return apply(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self.requires_grad:
            raise TypeError(
                "this Tensor requires a gradient, and a NumPy array has none: use t.detach() where that is meant. "
                "To keep the gradient write np.stack([t, u]) for np.array([t, u]), np.block for nested lists, a @ t "
                "for a.dot(t), np.broadcast_to(t, shape) for np.full(shape, t), np.stack([t, u], 1) for np.c_[t, u]"
            )
        return np.array(self.value, dtype=dtype, copy=copy)

    # ------------------------------------------------------------------------------------------- other libraries

    def _for_others(self, protocol: str, error: type[Exception]) -> Any:
        """The array that another library is to read in place."""
        if self.requires_grad:
            raise error(f"{protocol}: this Tensor requires a gradient, which ends outside: give t.detach()")
        a = np.asarray(self.value) if isinstance(self.value, np.generic) else self.value
        if not hasattr(a, protocol):
            raise error(f"{protocol}: this Tensor holds a {type(a).__name__}, which can't be read in place")
        return a

    def __dlpack__(
        self, *, max_version: tuple[int, int] | None = None, copy: bool | None = None, **options: Any
    ) -> Any:
        """This tensor's array as a DLPack capsule: `torch.from_dlpack(t)`, `np.from_dlpack(t)`, `torch.as_tensor(t)`.

        The reader shares its memory, and must not write to it: arrays in a graph never change (PyTorch does not know
        arrays that are read-only). Readers of DLPack before 1.0, to which read-only can't be told, get a copy.

        Raises:
            BufferError: this tensor requires a gradient, or its dtype or library has no DLPack.
        """
        a = self._for_others("__dlpack__", BufferError)
        if isinstance(a, np.ndarray) and (max_version is None or max_version < (1, 0)) and copy is None:
            a, copy = a.copy(), True
        return a.__dlpack__(max_version=max_version, copy=copy, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Where the array is, as DLPack counts devices: (1, 0) is the processor, (2, i) the i-th CUDA GPU."""
        return self._for_others("__dlpack_device__", BufferError).__dlpack_device__()  # type: ignore[no-any-return]

    @property
    def __array_interface__(self) -> Any:
        """Absent: it would hand out an address, and a leaf may be rebound. Pillow asks for it."""
        raise AttributeError("__array_interface__: a Tensor has none: give np.asarray(t) of it")

    # --------------------------------------------------------------------------------------------------- the rest

    def __repr__(self) -> str:
        if isinstance(self.value, (np.ndarray, np.generic)):
            body = np.array2string(np.asarray(self.value), separator=", ", prefix="Tensor(")
        else:
            body = repr(self.value)  # an array of another library: not computed to be shown
        extra = [] if self.size or self.ndim == 1 else [f"shape={self.shape}"]
        if self.dtype not in (np.float64, np.int64, np.bool_):
            extra.append(f"dtype={self.dtype}")
        if self.name is not None:
            extra.append(f"name={self.name!r}")
        if self.op is not None:
            extra.append(f"op={self.op.name}")
        elif self.requires_grad:
            extra.append("requires_grad=True")
        return f"Tensor({', '.join([body, *extra])})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __copy__(self) -> Any:
        """A leaf of its own; the copy of a result is joined to the same graph."""
        return TABLE[np.positive](self) if self.requires_grad and self.op is not None else self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A leaf of its own, with its gradient. A result has a graph, and a copy of it would have none."""
        if self.requires_grad and self.op is not None:
            raise TypeError(
                f"deepcopy: this tensor is the result of {self.op.name}, and a copy would lose its graph: detach() it, "
                "or copy the leaves and compute it again"
            )
        out = wrap(self.value)
        out.name, out.requires_grad = self.name, self.requires_grad
        out.grad = copy.deepcopy(self.grad, memo)
        return out

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle has no graph: what was a leaf is one again, with its gradient; a result becomes a constant."""
        state = (None, {"grad": self.grad}) if self.grad is not None else None
        return Tensor, (self.value, self.requires_grad and self.op is None, None, self.name), state


class Absent:
    """An ndarray's attribute that a Tensor has not: asking for it raises a sentence."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Any, owner: Any) -> Any:
        raise AttributeError(
            f"{self.name}: a Tensor has none: its array never changes, and keeps its graph. Use t.data.{self.name} of "
            "the array alone, or np.where and np.put_along_axis, which make a new tensor"
        )


for _name in dir(np.ndarray):
    if not hasattr(Tensor, _name) and not _name.startswith("__"):
        setattr(Tensor, _name, Absent(_name))

AS_THEY_ARE.add(Tensor)


def one_like(value: Array) -> Array:
    """1 of its dtype and shape."""
    return type(value)(1) if isinstance(value, np.generic) else np.ones_like(value)


def wrap(value: Array) -> Tensor:
    """A Tensor around an array that nobody else will write to: made read-only, as is what it views; not copied."""
    base = value
    while isinstance(base, np.ndarray):
        set_writeable(base, False)
        base = base.base
    out = Tensor.__new__(Tensor)
    out._hold(value[()] if isinstance(value, np.ndarray) and not value.ndim else value)
    return out


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Tensor:
    """A Tensor of an array of another library that speaks DLPack (PyTorch, JAX, CuPy, TensorFlow, …), without a copy.

    It shares x's memory: do not write to x while a graph uses it, or give `copy=True`. On a GPU it is CuPy's array.

    Args:
        device, copy: as `np.from_dlpack` has them.

    Raises:
        TypeError: x doesn't speak DLPack, or holds no real numbers.
        BufferError: x can't be shared: it requires a gradient there, or is on a device that NumPy and CuPy can't reach.
        ModuleNotFoundError: x is on a GPU, and CuPy is missing.
    """
    if not hasattr(x, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: a {type(x).__name__} doesn't speak DLPack: use Tensor(x)")
    options: Any = {k: v for k, v in (("device", device), ("copy", copy)) if v is not None}
    if x.__dlpack_device__()[0] not in CUDA:
        return wrap(np.from_dlpack(x, **options))
    import cupy

    return wrap(cupy.from_dlpack(x, **options))


CUDA = (2, 13)  # DLPack's numbers of a GPU's own memory, and of memory that it shares with the processor


FOLLOWING: WeakValueDictionary[int, Tensor] = WeakValueDictionary()  # by id: running statistics of lazy batches


def settle(tensors: Iterable[Tensor]) -> None:
    """Compute the arrays of these tensors, and running statistics, where they are lazy: in one go through the data."""
    waiting = [t for t in (*tensors, *FOLLOWING.values()) if lazy(t.value)]
    if waiting:
        import dask.base

        compute: Any = dask.base.compute
        for t, value in zip(waiting, compute(*[t.value for t in waiting])):
            t.value = as_value(value)


def _unwrapped(a: Any) -> Any:
    if isinstance(a, Tensor):
        return a.value
    return type(a)([_unwrapped(item) for item in a]) if type(a) in SEQUENCES else a


def _on_arrays(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a function without a derivative gives for the arrays of tensors."""
    try:
        if not kwargs:
            return function(*map(_unwrapped, args))
        out = kwargs.get("out")
        if any(isinstance(o, Tensor) for o in (out if type(out) is tuple else (out,))):
            raise TypeError("out= is a Tensor, and an array in a graph never changes: give an array")
        return function(*map(_unwrapped, args), **{key: _unwrapped(a) for key, a in kwargs.items()})
    except (ValueError, TypeError, IndexError) as error:
        errors.raise_named(error, errors.numpy_name(function), {}, args)


def apply(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """NumPy's function where one of its arguments is a Tensor. A TypeError where the graph would be cut silently."""
    found = TABLE.get(function)
    if found is None and function in PLAIN:
        return _on_arrays(function, args, kwargs)
    if found is None:
        found = TABLE.get(errors.numpy_name(function))  # SciPy's functions are known by name
    if found is None:
        if function in WRITERS:
            raise TypeError(
                f"{errors.numpy_name(function)}: it would write a Tensor into an existing array, and the graph would "
                f"be cut: use {WRITERS[function]}"
            )
        raise TypeError(
            f"{errors.numpy_name(function)}: no rule for a Tensor. Write it with functions that have one, add a rule "
            "with @tg.op, or apply it to t.data, where no gradient is needed"
        )
    if kwargs:
        out = kwargs.pop("out", None)  # a ufunc's is a tuple
        if out is not None and not (isinstance(out, tuple) and all(o is None for o in out)):
            raise TypeError(
                f"{errors.numpy_name(function)}: a Tensor's result cannot be written into an existing array, the graph "
                "would be cut: write a = a + t, not a += t or out=a"
            )
        if kwargs and isinstance(function, np.ufunc):
            said = ", ".join(kwargs)
            name = errors.numpy_name(function)
            raise TypeError(f"{name}: {said}= is not supported on a Tensor; use np.where or .astype()")
    return found(*args, **kwargs)
