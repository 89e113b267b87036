"""The sentences a user reads when something is wrong: which op, what it saw, what to do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from inspect import Parameter
from typing import Any, NoReturn

import numpy as np

# The kinds that NumPy raises and that can be raised again with a message of ours, the most special first.
_KINDS = (np.exceptions.AxisError, np.linalg.LinAlgError, IndexError, ValueError, TypeError)


def describe(a: Any) -> str:
    """What an argument looks like in a sentence: `shape (2, 3) float32`, `'same'`, `3`."""
    if hasattr(a, "shape") and hasattr(a, "dtype"):
        return f"shape {tuple(a.shape)} {a.dtype}"
    if isinstance(a, (list, tuple)) and any(hasattr(item, "shape") for item in a):
        return f"[{', '.join(map(describe, a))}]"
    text = repr(a)
    return text if len(text) <= 40 else f"a {type(a).__name__}"


def numpy_name(function: Any) -> str:
    """What a user calls a function of NumPy or SciPy: np.linalg.eig, scipy.special.expit."""
    name, module = function.__name__, getattr(function, "__module__", None)
    if module is None:  # SciPy's ufuncs do not tell, nor NumPy's before 2.2
        homes = map(sys.modules.get, ("scipy.special", "scipy.special._ufuncs"))
        module = "scipy.special" if any(getattr(home, name, None) is function for home in homes) else "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{name.lstrip('_')}"


def raise_named(error: Exception, op: str, parameters: Mapping[str, Parameter], args: tuple[Any, ...]) -> NoReturn:
    """Raise `error` as a sentence that begins with the op and ends with what it saw. The innermost op names it."""
    if getattr(error, "op", None):
        raise error
    names = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    names += [names[-1]] * (len(args) - len(names)) if names else [""] * len(args)
    seen = ", ".join(f"{name}: {describe(a)}" for name, a in zip(names, args))
    message = str(error).strip().lstrip("_").removeprefix(f"{op}() ")
    if not message.startswith(f"{op}: "):
        message = f"{op}: {message}" + (f" (saw {seen})" if seen else "")
    raise _named(error, op, message) from error


def raise_in_gradient(error: Exception, node: Any, x: Any) -> NoReturn:
    """Raise the `error` of a closure as a sentence that begins with the op and the input whose gradient it is."""
    if getattr(error, "op", None):
        raise error
    names = [*node.op.parameters]
    place = next(i for i, a in enumerate(node.args) if a is x)
    message = f"{node.op.name}: ∂L/∂{names[min(place, len(names) - 1)]}: {error}"
    raise _named(error, node.op.name, message) from error


def _named(error: Exception, op: str, message: str) -> Exception:
    kind = next(kind for kind in _KINDS if isinstance(error, kind))
    result: Exception = kind(message)
    result.op = op  # type: ignore[attr-defined]
    return result
