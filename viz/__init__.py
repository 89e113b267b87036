"""Drawings: the graph of a computation and what its tensors hold, formulas of gradients, plots of training.

Inside are three rooms, each of which imports only those before it: `scene` (what is shown), `layout` (where) and
`render` (how). `drawing` puts them together.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .drawing import Drawing, Explorer, Player, draw
from .scene.explanation import Explanation, explain
from .watch import Watch

__all__ = [
    "Derivation", "Drawing", "Explanation", "Explorer", "Player", "Watch", "derive", "draw", "explain",
    "gradient_flow", "plot_history",
]  # fmt: skip

if TYPE_CHECKING:
    from .render.plots import gradient_flow, plot_history
    from .scene.derivation import Derivation, derive
else:
    _HOME = dict.fromkeys(("derive", "Derivation"), ".scene.derivation")  # needs sympy
    _HOME |= dict.fromkeys(("gradient_flow", "plot_history"), ".render.plots")  # needs matplotlib

    def __getattr__(name: str) -> Any:
        """Import what needs an optional package when it is first used."""
        if name in _HOME:
            return getattr(import_module(_HOME[name], __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
