"""Functions of one element at a time, and of pairs of elements: arithmetic, exp, sin, maximum, where."""

from __future__ import annotations

import numpy as np

from ..graph import Array, Rule, op


def same(g: Array) -> Array:
    """The closure of an input that is passed on as it is."""
    return g


@op(np.add)
def add(x: Array, y: Array) -> Rule:
    """out = x + y        ∂L/∂x = g        ∂L/∂y = g"""
    return x + y, (same, same)


@op(np.subtract)
def subtract(x: Array, y: Array) -> Rule:
    """out = x - y        ∂L/∂x = g        ∂L/∂y = -g"""
    return x - y, (same, lambda g: -g)


@op(np.negative)
def negative(x: Array) -> Rule:
    """out = -x        ∂L/∂x = -g"""
    return -x, (lambda g: -g,)


@op(np.multiply)
def multiply(x: Array, y: Array) -> Rule:
    """out = x · y        ∂L/∂x = g · y        ∂L/∂y = g · x"""
    return x * y, (lambda g: g * y, lambda g: g * x)


@op(np.tanh)
def tanh(x: Array) -> Rule:
    """out = tanh x        ∂L/∂x = g · (1 - tanh² x)"""
    y = np.tanh(x)
    return y, (lambda g: g * (1 - y * y),)


@op(np.exp)
def exp(x: Array) -> Rule:
    """out = eˣ        ∂L/∂x = g · eˣ"""
    y = np.exp(x)
    return y, (lambda g: g * y,)
