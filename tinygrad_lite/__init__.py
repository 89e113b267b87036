"""Backprop you can read: a minimal scalar-and-tensor autograd engine on NumPy."""

from . import ops as ops
from .check import gradcheck
from .graph import no_grad, op
from .tensor import Tensor

__all__ = ["Tensor", "gradcheck", "no_grad", "op"]
