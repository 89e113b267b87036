"""Drawings: the graph of a computation, what its tensors hold, how its gradients are derived, and how training went."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .drawing import Drawing, draw
from .explanation import Explanation, explain
from .player import Player

__all__ = [
    "Derivation", "Drawing", "Explanation", "Player", "derive", "draw", "explain", "gradient_flow", "plot_history",
]  # fmt: skip

if TYPE_CHECKING:
    from .derivation import Derivation, derive
    from .history import gradient_flow, plot_history
else:
    _HOME = {"derive": "derivation", "Derivation": "derivation", "gradient_flow": "history", "plot_history": "history"}

    def __getattr__(name: str) -> Any:
        """What needs sympy or matplotlib is imported when it is first asked for."""
        if name in _HOME:
            return getattr(import_module(f".{_HOME[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
