"""A NumPy array behind CuPy's manners, so that code can be made ready for a GPU where there is none.

What it has of CuPy's: the names and parameters of functions (`fake_cupy.txt`); NumPy's arrays are refused as operands;
nothing is converted to NumPy but by `.get()`; a result without axes is an array, too; arrays have no `setflags`, and
their methods and ufuncs lack NumPy's `where`, `initial` and `casting`. It counts launches (calls that compute a new
array or write into one) and synchronisations (calls that wait for a number).

What it doesn't have: CuPy's speed, its rounding, and its functions' own faults.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TEXT = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
SIGNATURES = {
    name: inspect.signature(eval(f"lambda {parameters}: 0"))
    for name, parameters in re.findall(r"^(numpy[\w.]*)\((.*)\)$", TEXT, re.MULTILINE)
}
UFUNCS = set(TEXT[TEXT.rindex(")") + 1 :].split())

COUNTS: Counter[str] = Counter()  # launches and synchronisations since the last clear()

HOST = {"shape", "ndim", "size", "result_type", "can_cast", "common_type", "iscomplexobj", "isrealobj"}
UPLOAD = {"asarray", "asanyarray", "array", "take", "take_along_axis", "put_along_axis", "repeat"}  # NumPy's are copied
WAIT = {"nonzero", "flatnonzero", "argwhere", "unique", "extract", "allclose", "array_equal"}  # shapes known afterwards


def count(kind: str) -> None:
    COUNTS[kind] += 1


def wrapped(x: Any, *inputs: Any) -> Any:
    """NumPy's result as CuPy has it; a launch, unless it is a view of an input."""
    if isinstance(x, (np.ndarray, np.generic)):
        if not any(isinstance(a, np.ndarray) and np.may_share_memory(x, a) for a in inputs):
            count("launches")
        return ndarray(x)
    if isinstance(x, (tuple, list)):
        parts = [wrapped(a, *inputs) for a in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def bare(a: Any, where: str, upload: bool = False) -> Any:
    """The NumPy array inside. NumPy's own is refused, but where CuPy copies it to the device."""
    if isinstance(a, ndarray):
        return a.inner
    if isinstance(a, np.ndarray) and not upload:
        raise TypeError(f"Unsupported type {np.ndarray} in {where}")
    return type(a)([bare(item, where, upload) for item in a]) if type(a) in (list, tuple) else a


def within(a: Any) -> list[Any]:
    return [b for item in a for b in within(item)] if isinstance(a, (list, tuple)) else [a]


class ndarray:
    """CuPy's array. `inner` is the NumPy array that stands for the device's memory."""

    __array_priority__ = 100
    __hash__: Any = None

    def __init__(self, inner: Any) -> None:
        self.inner = np.asarray(inner)

    def get(self) -> np.ndarray[Any, Any]:
        count("synchronisations")
        return self.inner.copy()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    # --------------------------------------------------------------------------------------------------- protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        name = ufunc.__name__
        if name not in UFUNCS or method not in ("__call__", "outer", "at", "reduce", "accumulate"):
            return NotImplemented
        if method == "accumulate" and name not in ("add", "multiply"):
            return NotImplemented
        if kwargs.keys() - {"dtype", "axis", "keepdims"}:
            raise TypeError(f"Wrong arguments {kwargs.keys()} for {name}")
        scalars = (ndarray, np.ndarray, np.generic, bool, int, float, complex)
        if not all(isinstance(x, scalars) for x in inputs if not (method == "at" and x is inputs[1])):
            return NotImplemented
        arrays = [bare(x, name, upload=method == "at" and i == 1) for i, x in enumerate(inputs)]
        if out is None:
            return wrapped(getattr(ufunc, method)(*arrays, **kwargs))
        count("launches")
        getattr(ufunc, method)(*arrays, out=bare(out[0], name), **kwargs)
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        signature = SIGNATURES.get(f"{function.__module__}.{name}")
        if signature is None or not all(issubclass(kind, (ndarray, np.ndarray)) for kind in types):
            return NotImplemented
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"cupy.{name}: {error}") from None
        arrays = [bare(a, name, name in UPLOAD) for a in args]
        named = {key: bare(a, name, name in UPLOAD) for key, a in kwargs.items()}
        out = function(*arrays, **named)
        if name in HOST:
            return out
        if name in WAIT:
            count("synchronisations")
        on_device = [a.inner for a in within([*args, *kwargs.values()]) if isinstance(a, ndarray)]
        return wrapped(out, *on_device) if function is not np.copyto else out

    # ------------------------------------------------------------------------------------------- attributes, elements

    @property
    def flags(self) -> Any:
        known = {name: getattr(self.inner.flags, name.lower()) for name in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA")}
        attributes = {name.lower(): value for name, value in known.items()}
        return type("Flags", (), {"__getitem__": lambda _, key: known[key], **attributes})()

    def __len__(self) -> int:
        return len(self.inner)

    def __iter__(self) -> Any:
        if not self.inner.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        index = bare(index, "indexing", upload=True)
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, np.ndarray) and part.dtype == bool for part in parts):
            count("synchronisations")  # how many are true?
        return wrapped(self.inner[index], self.inner)

    def __setitem__(self, index: Any, value: Any) -> None:
        index = bare(index, "indexing", upload=True)
        given = bare(value, "__setitem__")
        here = self.inner[index]
        if not (isinstance(given, np.ndarray) and np.shares_memory(here, given)):  # a[i] += b has written already
            count("launches")
            self.inner[index] = given

    def __repr__(self) -> str:
        return f"fake_cupy.{self.inner!r}"


def attribute(name: str) -> Any:
    return property(lambda self: getattr(self.inner, name))


def view(name: str) -> Any:
    return property(lambda self: ndarray(getattr(self.inner, name)))


def method(name: str) -> Callable[..., Any]:
    def call(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        if kwargs.keys() & {"where", "initial", "casting"}:
            raise TypeError(f"ndarray.{name}: unexpected keyword argument in {kwargs}")
        arrays = [bare(a, name, name in UPLOAD) for a in args]
        if name in WAIT:
            count("synchronisations")
        out = getattr(self.inner, name)(*arrays, **{key: bare(a, name) for key, a in kwargs.items()})
        return wrapped(out, *([] if name in ("copy", "astype") else [self.inner]))

    call.__name__ = name
    return call


def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: ndarray, *args: Any) -> Any:
        count("synchronisations")
        return function(self.inner, *args)

    return call


def unary(ufunc: np.ufunc) -> Callable[[ndarray], Any]:
    return lambda self: ufunc(self)


def binary(ufunc: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    def operation(self: ndarray, other: Any) -> Any:
        deferred = getattr(type(other), "__array_ufunc__", ufunc) is None
        return NotImplemented if deferred or isinstance(other, (list, tuple)) else ufunc(self, other)

    return operation, lambda self, other: ufunc(other, self), lambda self, other: ufunc(self, other, out=self)


for _name in ("shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides"):
    setattr(ndarray, _name, attribute(_name))
for _name in ("T", "mT", "real", "imag"):
    setattr(ndarray, _name, view(_name))
METHODS = """
all any argmax argmin argpartition argsort astype choose clip compress conj copy cumprod cumsum diagonal dot fill
flatten max mean min nonzero partition prod put ravel repeat reshape round searchsorted sort squeeze std sum swapaxes
take trace transpose var view
"""
for _name in METHODS.split():
    setattr(ndarray, _name, method(_name))
WAITING: dict[str, Callable[..., Any]] = {
    "item": np.ndarray.item, "tolist": np.ndarray.tolist, "__bool__": bool, "__int__": int, "__float__": float,
    "__index__": operator.index,
}  # fmt: skip
UNARY: dict[str, Any] = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
BINARY: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}  # fmt: skip
COMPARING: dict[str, Any] = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
for _name, _function in WAITING.items():
    setattr(ndarray, _name, waiting(_function))
for _name, _function in UNARY.items():
    setattr(ndarray, f"__{_name}__", unary(_function))
for _name, _function in COMPARING.items():
    setattr(ndarray, f"__{_name}__", binary(_function)[0])
for _name, _function in BINARY.items():
    for _prefix, _operation in zip(("", "r", "i"), binary(_function)):
        setattr(ndarray, f"__{_prefix}{_name}__", _operation)
del _name, _function, _prefix, _operation


def asarray(a: Any) -> ndarray:
    """`cupy.asarray`: to the device."""
    return a if isinstance(a, ndarray) else ndarray(np.array(a))


def asnumpy(a: Any) -> Any:
    """`cupy.asnumpy`: from the device."""
    return a.get() if isinstance(a, ndarray) else np.asarray(a)
