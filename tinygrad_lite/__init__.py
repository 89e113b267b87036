"""Backprop you can read: a minimal scalar-and-tensor autograd engine on NumPy."""

from . import ops as ops
from .calculus import checkpoint, elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .check import gradcheck
from .graph import no_grad, op
from .tensor import Tensor

__all__ = [
    "Tensor",
    "checkpoint",
    "elementwise_grad",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "no_grad",
    "op",
    "value_and_grad",
    "vjp",
]
