"""The sentences a user reads when something is wrong: which op, what it saw, what to do."""

from __future__ import annotations

import functools
import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from types import MappingProxyType
from typing import Any, NoReturn, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")
NO_KEYWORDS: Mapping[str, Any] = MappingProxyType({})

# What a function raises again under its own name.
NAMED = (ValueError, TypeError, IndexError, AttributeError, ArithmeticError, MemoryError)
# How NumPy says that an array of another library hasn't its function.
UNKNOWN = re.compile(
    r"operand type\(s\) all returned NotImplemented .*?<ufunc '([\w.]+).*?'>, '(\w+)'|"
    r"no implementation found for '(.*?)' on"
)
# The kinds that NumPy raises and that can be raised again with a message of ours, the most special first.
_KINDS = (
    np.exceptions.AxisError, np.linalg.LinAlgError, FloatingPointError, IndexError, ValueError, TypeError, MemoryError,
)  # fmt: skip


def describe(a: Any) -> str:
    """What an argument looks like in a sentence: `shape (2, 3) float32`, `'same'`, `3`."""
    if isinstance(getattr(a, "shape", None), tuple) and hasattr(a, "dtype"):  # np.float32 has both, of another kind
        return f"shape {tuple(a.shape)} {a.dtype}"
    if isinstance(a, (list, tuple)) and any(hasattr(item, "shape") for item in a):
        return f"[{', '.join(map(describe, a))}]"
    text = repr(a)
    return text if len(text) <= 40 else f"a {type(a).__name__}"


def numpy_name(function: Any) -> str:
    """What a user calls a function of NumPy or SciPy: np.linalg.eig, np.less.outer, scipy.special.expit."""
    if isinstance(owner := getattr(function, "__self__", None), np.ufunc):
        return f"{numpy_name(owner)}.{function.__name__}"
    name, module = function.__name__, getattr(function, "__module__", None)
    if module is None:  # SciPy's ufuncs do not tell, nor NumPy's before 2.2
        homes = map(sys.modules.get, ("scipy.special", "scipy.special._ufuncs"))
        module = "scipy.special" if any(getattr(home, name, None) is function for home in homes) else "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{name.lstrip('_')}"


def check_size(shape: Sequence[int], x: Any) -> None:
    """Refuse a result that a setting, not its input, makes huge: above a GiB and a thousand times the input."""
    size = math.prod(map(int, shape)) * np.result_type(x).itemsize
    if size > max(1 << 30, 1000 * math.prod(np.shape(x)) * np.result_type(x).itemsize):
        raise ValueError(f"the result would have shape {tuple(shape)} and take {size / (1 << 30):,.1f} GiB")


def not_lazy(name: str, *arrays: Any) -> None:
    """Refuse arrays that aren't computed yet, where the function needs them whole: Dask would compute them here."""
    if any(hasattr(a, "__dask_graph__") for a in arrays):
        raise TypeError(f"{name}: Dask has no {name} that waits: compute the array before (x.compute())")


def named(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, its errors raised again as sentences that begin with its name (of a constructor, its class's)."""
    name = function.__name__.lstrip("_")

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except NAMED as error:
            own = type(args[0]).__name__ if name == "init__" else name
            raise_named(error, own, inspect.signature(function).parameters, args, kwargs)

    return call


def raise_named(
    error: Exception,
    name: str,
    parameters: Mapping[str, Parameter],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] = NO_KEYWORDS,
) -> NoReturn:
    """Raise `error` as a sentence that begins with `name`, of an op or a function, and says what was wrong."""
    new = _sentence(error, name, parameters, args, kwargs)
    try:
        raise new from (error.__cause__ if new is error else error)
    finally:
        del error, new  # else a cycle: the error has a traceback, that this frame, and it the error


def _sentence(
    error: Exception, name: str, parameters: Mapping[str, Parameter], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Exception:
    """Where an argument is not what its annotation asks for, an error that says so.

    Else one that says what `error` says, after the name, with all that the function saw. A function that calls another
    puts its name before the other's. `error` itself, where it begins with the name already.
    """
    said = re.sub(r"^[\w.<>]+\(\) ", "", _told(error)).lstrip("_")
    ours = said.startswith(f"{name}: ")
    names = [key for key, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        names += names[-1:] * (len(args) - len(names))
    given = [(key, a) for key, a in (*zip(names, args), *kwargs.items()) if key != "self"]
    for key, a in given:
        kinds = str(parameters[key].annotation).split(" | ") if key in parameters else []
        wanted = _wanted(kinds, a) if kinds[:1] == ["Array"] or not ours else ""
        if wanted:
            return _named(error, f"{name}: {key} must be {wanted}, got {describe(a)}")
    if ours:
        return error
    seen = ", ".join(f"{key}: {describe(a)}" if key else describe(a) for key, a in given)
    return _named(error, f"{name}: {said}", f" (saw {seen})" if seen else "")


def _told(error: Exception) -> str:
    """What an error says, and if it is that another library hasn't a function of NumPy's, in words."""
    said = str(getattr(error, "said", error)).strip()
    lacking = UNKNOWN.match(said)
    if not lacking:
        return said
    function = ".".join(filter(None, lacking.groups())).replace("numpy", "np").replace(".__call__", "")
    return f"the arrays' library has no {function} for them: compute it on NumPy's (t.numpy())"


def _wanted(kinds: Sequence[str], a: Any) -> str:
    """What an argument must be, in words, if it is something else. An annotation not among KINDS asks for nothing."""
    if any(kind not in KINDS or KINDS[kind][1](a) for kind in kinds):
        return ""
    return " or ".join(dict.fromkeys(KINDS[kind][0] for kind in kinds))


def _is_numbers(a: Any) -> bool:
    """Whether `a` is an array of real numbers, or can be made one."""
    if not hasattr(a, "dtype"):
        if not isinstance(a, (int, float, list, tuple)):
            return False
        try:
            a = np.asarray(a)
        except (ValueError, TypeError):
            return False
    kind = getattr(a.dtype, "kind", "f")  # PyTorch's and polars' dtypes have none
    return kind in "biuf" or kind == "O" and all(hasattr(x, "__mul__") for x in np.ravel(a)[:1])


def _is_integer(a: Any) -> bool:
    return hasattr(a, "__index__") and not isinstance(a, np.ndarray)


def _is_integers(a: Any) -> bool:
    return _is_integer(a) or isinstance(a, (tuple, list)) and all(map(_is_integer, a))


def _is_number(a: Any) -> bool:
    return isinstance(a, (int, float, np.number)) and not isinstance(a, np.complexfloating)


# An annotation -> in words, and whether an argument is that.
KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "Array": ("an array or Tensor of real numbers", _is_numbers),
    "int": ("an integer", _is_integer),
    "Ints": ("an integer or a tuple of integers", _is_integers),
    "Axis": ("an integer, a tuple of integers or None", lambda a: a is None or _is_integers(a)),
    "Sequence[int]": ("integers", lambda a: not _is_integer(a) and _is_integers(a)),
    "float": ("a number", _is_number),
    "bool": ("True or False", lambda a: isinstance(a, (bool, np.bool_))),
    "str": ("a text", lambda a: isinstance(a, str)),
    "None": ("None", lambda a: a is None),
}


def raise_in_gradient(error: Exception, node: Any, x: Any) -> NoReturn:
    """Raise the `error` of a closure as a sentence that begins with the op and the input whose gradient it is."""
    new = error
    if not hasattr(error, "said"):
        names = [*node.op.parameters]
        place = next(i for i, a in enumerate(node.args) if a is x)
        new = _named(error, f"{node.op.name}: ∂L/∂{names[min(place, len(names) - 1)]}: {_told(error)}")
    try:
        raise new from (error.__cause__ if new is error else error)
    finally:
        del error, new  # as above


def _named(error: Exception, said: str, seen: str = "") -> Exception:
    """An error of the same kind that says this; `said` is what a calling function repeats."""
    kind = next((kind for kind in _KINDS if isinstance(error, kind)), TypeError)
    result: Exception = kind(said + seen)
    result.said = said  # type: ignore[attr-defined]
    return result
