"""NumPy's functions of each element, as rules call them: dispatch points, which a plug-in may run over threads.

Called on a Tensor, each is NumPy's function itself, which finds its op.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ..dispatch import ArrayCode, array_code
from ..values import Array


def _point(function: np.ufunc) -> ArrayCode[...]:
    return array_code(cast(Callable[..., Any], function))


exp, exp2, expm1 = _point(np.exp), _point(np.exp2), _point(np.expm1)
log, log2, log10, log1p = _point(np.log), _point(np.log2), _point(np.log10), _point(np.log1p)
logaddexp, logaddexp2 = _point(np.logaddexp), _point(np.logaddexp2)
sqrt, cbrt = _point(np.sqrt), _point(np.cbrt)
sin, cos, tan = _point(np.sin), _point(np.cos), _point(np.tan)
arcsin, arccos, arctan = _point(np.arcsin), _point(np.arccos), _point(np.arctan)
sinh, cosh, tanh = _point(np.sinh), _point(np.cosh), _point(np.tanh)
arcsinh, arccosh, arctanh = _point(np.arcsinh), _point(np.arccosh), _point(np.arctanh)


@array_code
def where(mask: Array, x: Array, y: Array) -> Array:
    """`np.where`: x where the mask holds, else y."""
    return np.where(mask, x, y)


@array_code
def keep(g: Array, mask: Array) -> Array:
    """g where the mask holds, else 0, whatever g is there (NaN too)."""
    return np.where(mask, g, 0)
