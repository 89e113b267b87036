"""Arrays of symbols. The same rules that compute with numbers compute with these, and give formulas.

A `SymbolArray` is a NumPy array of sympy expressions. It supports NumPy's protocols, so the rules do not know of it. A
comparison gives a case distinction, 1 where it holds and 0 elsewhere; if the symbols have an order, it gives True or
False. Needs sympy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .ops.special import ERF, ERFC
from .tensor import Tensor
from .typography import SUBSCRIPT

try:
    import sympy as sympy
except ImportError as error:
    raise ImportError("arrays of symbols need sympy: pip install sympy (or tinygrad-lite[sympy])") from error


class Symbol(sympy.Symbol):  # type: ignore[misc]
    """A real symbol with an index (x₁₂) and, optionally, a number that gives its place in the order."""

    __slots__ = ("base", "index", "order")
    name: str
    base: str
    index: tuple[int, ...]
    order: float | None

    def __new__(cls, base: str, index: tuple[int, ...] = (), order: float | None = None) -> Symbol:
        digits = [str(i + 1) for i in index]  # from 1, as on paper
        made: Symbol = sympy.Symbol.__xnew__(
            cls, base + ("," if any(len(d) > 1 for d in digits) else "").join(digits), real=True
        )
        made.base, made.index, made.order = base, index, order
        return made

    def _hashable_content(self) -> Any:
        return (*super()._hashable_content(), self.index, () if self.order is None else (self.order,))  # sympy sorts it

    def __getnewargs_ex__(self) -> Any:
        return (self.base, self.index, self.order), {}

    @property
    def subscript(self) -> str:
        """The index, counted from 1, with commas if any number has two digits."""
        return self.name[len(self.base) :]

    def _sympystr(self, printer: Any) -> str:
        return self.base + self.subscript.translate(SUBSCRIPT)

    _pretty = None

    def _latex(self, printer: Any, **_: Any) -> str:
        if self.base.startswith("∂L/∂"):
            return rf"\frac{{\partial L}}{{\partial {_latex_name(self.base[4:], self.subscript)}}}"
        return _latex_name(self.base, self.subscript)


def _latex_name(base: str, subscript: str) -> str:
    name = base if len(base) == 1 else rf"\mathrm{{{base}}}"
    return name.replace("_", r"\_") + (f"_{{{subscript}}}" if subscript else "")


class SymbolArray(np.ndarray[Any, Any]):
    """An array of sympy expressions. A 0-d one stays an array."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented  # the Tensor handles it: Tensors hold symbols, not the other way round
        plain = [np.asarray(x, object) if isinstance(x, SymbolArray) else _counted(x) for x in inputs]
        into = kwargs.pop("out", None)
        kwargs.pop("casting", None), kwargs.pop("dtype", None), kwargs.pop("subok", None)
        function = _functions().get(ufunc)
        if function is None:
            result = getattr(ufunc, method)(*plain, **kwargs)
        elif method == "__call__":
            result = np.frompyfunc(function, ufunc.nin, 1)(*plain)
        else:
            result = _reduce(function, plain[0], **kwargs)
        if into is not None:
            into[0][...] = result
        return symbolic(result)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        own = _OWN.get(function)
        if own is not None:
            return symbolic(own(*args, **kwargs))
        return symbolic(super().__array_function__(function, (np.ndarray,), args, kwargs))

    def __getitem__(self, index: Any) -> Any:
        return symbolic(super().__getitem__(index))

    def __repr__(self) -> str:
        return repr(np.asarray(self)).replace(", dtype=object", "")

    def __str__(self) -> str:
        return str(np.asarray(self))

    def __bool__(self) -> bool:
        return bool(self.item())

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Symbols stay symbols."""
        return self


def symbolic(a: Any) -> Any:
    """Turn objects into a SymbolArray. Plain numbers, booleans and indices stay as they are."""
    if isinstance(a, (sympy.Basic, sympy.MatrixBase)):
        return _boxed(a)
    if isinstance(a, np.ndarray) and a.dtype == object:
        values = a.ravel().tolist()
        if values and all(isinstance(v, (bool, np.bool_)) for v in values):
            return np.array(values, bool).reshape(a.shape)
        return a.view(SymbolArray)
    return a


def _counted(a: Any) -> Any:
    """Booleans as 1 and 0: sympy does no arithmetic on booleans."""
    return np.asarray(a).astype(int) if np.asarray(a).dtype == bool else a


def _boxed(expression: Any) -> SymbolArray:
    box = np.empty((), object)
    box[()] = expression
    return box.view(SymbolArray)


def array(name: str, shape: tuple[int, ...], order: Any = None) -> SymbolArray:
    """The array name₁₁, name₁₂, …. `order` holds one number per symbol and sorts them."""
    numbers = None if order is None else np.asarray(order, float)
    if numbers is not None and numbers.shape != tuple(shape):
        raise ValueError(f"symbols: {name} has shape {tuple(shape)}, but its order has shape {numbers.shape}")
    a = np.empty(shape, object)
    for index in np.ndindex(*shape):
        a[index] = Symbol(name, index, None if numbers is None else float(numbers[index]))
    return a.view(SymbolArray)


def symbols(name: str, shape: int | tuple[int, ...] = (), order: Any = None) -> Tensor:
    """A tensor of symbols that requires a gradient. `.backward()` on a result computed from it gives formulas.

    Args:
        name: the array's name. Its elements are name₁₁, name₁₂, …, counted from 1.
        shape: the array's shape.
        order: an array of numbers of that shape, which sorts the symbols. It decides max, argmax and comparisons.

    Raises:
        ImportError: sympy is not installed.
    """
    sizes = (shape,) if isinstance(shape, int) else shape
    return Tensor(array(name, sizes, order), requires_grad=True, name=name)


# ----------------------------------------------------------------------------------------------- functions on symbols


def _number(expression: Any) -> float | None:
    """The expression's place in the order, or None if one of its symbols has none."""
    expression = sympy.sympify(expression)
    places = {s: getattr(s, "order", None) for s in expression.free_symbols}
    if any(place is None for place in places.values()):
        return None
    return float(expression.subs(places))


def _compared(relation: Any, compare: Callable[[float, float], bool]) -> Callable[[Any, Any], Any]:
    def function(x: Any, y: Any) -> Any:
        a, b = _number(x), _number(y)
        if a is not None and b is not None:
            return bool(compare(a, b))
        holds = relation(x, y)
        if holds in (sympy.true, sympy.false):
            return bool(holds)
        return sympy.Piecewise((1, holds), (0, True))

    return function


def _extreme(symbolically: Any, choose: Callable[[float, float], bool]) -> Callable[[Any, Any], Any]:
    def function(x: Any, y: Any) -> Any:
        a, b = _number(x), _number(y)
        if a is not None and b is not None:
            return x if choose(a, b) else y
        return symbolically(x, y)

    return function


@functools.cache
def _functions() -> dict[np.ufunc, Callable[..., Any]]:
    """The sympy function for each NumPy ufunc. NumPy itself does + - · / ** @ on objects."""
    s = sympy
    one = {
        "exp": s.exp, "log": s.log, "sqrt": s.sqrt, "cbrt": s.cbrt, "sin": s.sin, "cos": s.cos, "tan": s.tan,
        "arcsin": s.asin, "arccos": s.acos, "arctan": s.atan, "sinh": s.sinh, "cosh": s.cosh, "tanh": s.tanh,
        "arcsinh": s.asinh, "arccosh": s.acosh, "arctanh": s.atanh, "absolute": s.Abs, "fabs": s.Abs, "sign": s.sign,
        "floor": s.floor, "ceil": s.ceiling, "arctan2": s.atan2, "exp2": lambda x: 2**x,
        "expm1": lambda x: s.exp(x) - 1, "log1p": lambda x: s.log(1 + x), "log2": lambda x: s.log(x, 2),
        "log10": lambda x: s.log(x, 10), "square": lambda x: x**2, "reciprocal": lambda x: 1 / x,
        "hypot": lambda x, y: s.sqrt(x**2 + y**2), "logaddexp": lambda x, y: s.log(s.exp(x) + s.exp(y)),
        "deg2rad": lambda x: x * s.pi / 180, "rad2deg": lambda x: x * 180 / s.pi, "isfinite": lambda x: True,
        "isnan": lambda x: False, "isinf": lambda x: x in (s.oo, -s.oo),
        "maximum": _extreme(s.Max, lambda a, b: a >= b), "fmax": _extreme(s.Max, lambda a, b: a >= b),
        "minimum": _extreme(s.Min, lambda a, b: a <= b), "fmin": _extreme(s.Min, lambda a, b: a <= b),
        "greater": _compared(s.Gt, lambda a, b: a > b), "greater_equal": _compared(s.Ge, lambda a, b: a >= b),
        "less": _compared(s.Lt, lambda a, b: a < b), "less_equal": _compared(s.Le, lambda a, b: a <= b),
        "equal": _compared(s.Eq, lambda a, b: a == b), "not_equal": _compared(s.Ne, lambda a, b: a != b),
        "logical_and": lambda x, y: x * y, "bitwise_and": lambda x, y: x * y, "logical_not": lambda x: 1 - x,
        "invert": lambda x: 1 - x, "logical_or": lambda x, y: x + y - x * y, "bitwise_or": lambda x, y: x + y - x * y,
    }  # fmt: skip
    return {ERF: s.erf, ERFC: s.erfc} | {getattr(np, name): function for name, function in one.items()}


def _reduce(function: Callable[..., Any], a: Any, axis: Any = 0, keepdims: bool = False, **_: Any) -> Any:
    axes = tuple(range(a.ndim)) if axis is None else tuple(i % a.ndim for i in np.atleast_1d(axis))
    kept = [i for i in range(a.ndim) if i not in axes]
    rows = np.transpose(a, (*kept, *axes)).reshape(*(a.shape[i] for i in kept), -1)
    out = np.empty(rows.shape[:-1], object)
    for index in np.ndindex(*out.shape):
        out[index] = functools.reduce(function, rows[index])
    return symbolic(out.reshape([1 if i in axes else n for i, n in enumerate(a.shape)]) if keepdims else out)


def _where(condition: Any, x: Any, y: Any) -> Any:
    def choose(c: Any, a: Any, b: Any) -> Any:
        if isinstance(c, (bool, np.bool_, int, sympy.Integer)):
            return a if c else b
        holds = c.args[0][1] if isinstance(c, sympy.Piecewise) else sympy.Ne(c, 0)
        return sympy.Piecewise((a, holds), (b, True))

    return np.frompyfunc(choose, 3, 1)(np.asarray(condition), np.asarray(x, object), np.asarray(y, object))


def _argument(better: Callable[[float, float], bool]) -> Callable[..., Any]:
    """argmax or argmin by the symbols' order. The first wins a tie."""

    def function(a: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
        numbers = np.empty(np.shape(a), float)
        for index, value in np.ndenumerate(np.asarray(a, object)):
            number = _number(value)
            if number is None:
                raise ValueError(
                    "the order of the symbols is not known, and the result depends on it: give one with "
                    'derive(..., order={"x": [[...]]}) or symbols(..., order=[[...]])'
                )
            numbers[index] = number
        return np.argmax(numbers if better(1, 0) else -numbers, axis=axis, keepdims=keepdims)

    return function


_OWN: dict[Callable[..., Any], Callable[..., Any]] = {
    np.where: _where,
    np.argmax: _argument(lambda a, b: a > b),
    np.argmin: _argument(lambda a, b: a < b),
    np.clip: lambda a, low=None, high=None: (
        np.minimum(np.maximum(a, low) if low is not None else a, high) if high is not None else np.maximum(a, low)
    ),
}
