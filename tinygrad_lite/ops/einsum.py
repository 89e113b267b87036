"""Sums of products in Einstein's notation: einsum, and what is written most shortly by it."""

from __future__ import annotations

import functools
import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import Closure, Rule, op
from ..tensor import implements
from ..values import Array, beside
from .product import contract


@op(np.einsum, linear=False)
def einsum(*operands: Any, optimize: Any = True) -> Rule:
    """out = Σ x · y · …        ∂L/∂x = Σ g · y · …, with x's letters in place of out's        ∂L/∂y = Σ g · x · …

    `np.einsum("ij,jk->ik", x, y)` or, with lists of axes after the operands, `np.einsum(x, [0, 1], y, [1, 2], [0, 2])`.
    The result may be left implicit, letters may be repeated, `...` stands for any further axes. They are summed where
    an explicit result has no `...`, which NumPy refuses. So the gradients of x @ y are einsum("ik,jk->ij", g, y) and
    einsum("ik,ij->jk", g, x). A letter that x has twice (a diagonal) has its gradient on that diagonal; a letter that
    x alone has was summed, and each of its elements gets the same.

    Two operands at a time are contracted, the cheapest pair first, by matrix products; `optimize` is taken as in NumPy
    and changes nothing.

    Raises:
        ValueError: the subscripts do not fit the operands, or two sizes of one letter differ and neither is 1.
    """
    subscripts, places = read(operands)
    arrays = [operands[i] for i in places]
    inputs, output = spell(subscripts, tuple([np.ndim(a) for a in arrays]))
    closures: list[Closure | None] = [None] * len(operands)
    for k, place in enumerate(places):
        closures[place] = functools.partial(_gradient, k, arrays, inputs, output)
    return contract(*arrays, inputs=inputs, output=output), tuple(closures)


def _gradient(k: int, arrays: list[Array], inputs: tuple[str, ...], output: str, g: Array) -> Array:
    """∂L/∂(operand k): the same sum of products with g in the place of operand k."""
    x, letters = arrays[k], inputs[k]
    factors, terms = [g, *arrays[:k], *arrays[k + 1 :]], [output, *inputs[:k], *inputs[k + 1 :]]
    fresh = (c for c in string.ascii_letters if c not in "".join(inputs))
    own = ""
    for c, n in zip(letters, np.shape(x)):
        if c in own:  # a diagonal: a second letter of its own, and δ between the two
            second = next(fresh)
            factors.append(beside(np.eye(n, dtype=np.int8), g))
            terms.append(c + second)
            c = second
        own += c
    shape = np.shape(x)
    kept = [c in "".join(terms) and n != 1 for c, n in zip(own, shape)]
    result = contract(*factors, inputs=tuple(terms), output="".join(c for c, keep in zip(own, kept) if keep))
    if np.shape(result) == shape:
        return result
    sizes = iter(np.shape(result))
    return np.broadcast_to(np.reshape(result, [next(sizes) if keep else 1 for keep in kept]), shape)


def read(operands: tuple[Any, ...]) -> tuple[str, list[int]]:
    """The subscripts as a string, and at which places the arrays stand."""
    if isinstance(operands[0], str):
        return operands[0], list(range(1, len(operands)))
    places = list(range(0, len(operands) - 1, 2))
    text = ",".join(_letters(operands[i + 1]) for i in places)
    return (text + "->" + _letters(operands[-1]) if len(operands) % 2 else text), places


def _letters(axes: Sequence[Any]) -> str:
    """A list of axes as a string: 0, 1, … are NumPy's A, B, …."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase
    return "".join("..." if axis is Ellipsis else alphabet[operator.index(axis)] for axis in axes)


@functools.lru_cache(1024)
def spell(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """A letter for each axis of each operand, and of the result: `...` and an implicit result spelt out."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"{subscripts!r} is for {len(terms)} operands, {len(ndims)} were given")
    named = [term.replace("...", "", 1) for term in terms]
    odd = set("".join(named) + output.replace("...", "", 1)) - set(string.ascii_letters)
    if odd:
        raise ValueError(f"{''.join(sorted(odd))!r} in {subscripts!r}: only letters, ',', '...' and '->' can be there")
    for i, (term, letters, ndim) in enumerate(zip(terms, named, ndims)):
        if len(letters) > ndim or (len(letters) < ndim and "..." not in term):
            raise ValueError(f"{term!r} has {len(letters)} letters, but its operand {i} has {ndim} axes")
    under = [ndim - len(letters) for letters, ndim in zip(named, ndims)]  # how many axes `...` stands for
    fresh = "".join(c for c in string.ascii_letters if c not in subscripts)[: max(under)]
    inputs = tuple(term.replace("...", fresh[len(fresh) - n :]) for term, n in zip(terms, under))
    if not arrow:
        every = "".join(named)
        return inputs, fresh + "".join(c for c in sorted(set(every)) if every.count(c) == 1)
    output = output.replace("...", fresh)
    for c in output:
        if output.count(c) > 1 or c not in "".join(inputs):
            raise ValueError(f"{c!r} in the result of {subscripts!r} must stand there once, and in an operand")
    return inputs, output


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """`np.tensordot`: the sum over pairs of axes, given as a number (a's last with b's first) or as two lists.

    Raises:
        ValueError: the axes of a pair differ in size.
    """
    if isinstance(axes, (int, np.integer)):
        if not 0 <= axes <= min(np.ndim(a), np.ndim(b)):
            raise ValueError(f"axes={axes}, but a has {np.ndim(a)} axes and b has {np.ndim(b)}")
        axes = range(np.ndim(a) - axes, np.ndim(a)), range(axes)
    axes_a, axes_b = ([axis] if isinstance(axis, (int, np.integer)) else axis for axis in axes)
    left = string.ascii_lowercase[: np.ndim(a)]
    right = list(string.ascii_uppercase[: np.ndim(b)])
    if len(axes_a) != len(axes_b):
        raise ValueError(f"axes has {len(axes_a)} axes of a but {len(axes_b)} of b; they must pair up")
    for i, j in zip(axes_a, axes_b):
        if np.shape(a)[i] != np.shape(b)[j]:
            raise ValueError(f"a's axis {i} ({np.shape(a)[i]}) must equal b's axis {j} ({np.shape(b)[j]})")
        right[j] = left[i]
    kept = [c for c in left if c not in right] + [c for c in right if c not in left]
    return np.einsum(f"{left},{''.join(right)}->{''.join(kept)}", a, b)
