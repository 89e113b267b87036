"""Drawings: the graph of a computation, what its tensors hold, and how training went."""

from .drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
