"""Backprop you can read: a minimal scalar-and-tensor autograd engine on NumPy."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import data as data
from . import fast as _fast  # noqa: F401
from . import nn as nn
from . import ops as ops
from . import optim as optim
from .calculus import checkpoint as checkpoint
from .calculus import elementwise_grad as elementwise_grad
from .calculus import grad as grad
from .calculus import hessian as hessian
from .calculus import hvp as hvp
from .calculus import jacobian as jacobian
from .calculus import jvp as jvp
from .calculus import value_and_grad as value_and_grad
from .calculus import vjp as vjp
from .check import detect_anomaly as detect_anomaly
from .check import gradcheck as gradcheck
from .graph import op as op
from .io import load as load
from .io import save as save
from .kernels.memory import empty_cache as empty_cache
from .kernels.memory import keep_memory as keep_memory
from .kernels.threads import get_num_threads as get_num_threads
from .kernels.threads import set_num_threads as set_num_threads
from .mode import no_grad as no_grad
from .nn.functional import *
from .random import manual_seed as manual_seed
from .tensor import Tensor as Tensor

for _plugin in ("activation", "elementwise", "erf", "mask", "optim", "softmax"):
    import_module(f".kernels.{_plugin}", __name__)
del pad  # noqa: F821  # F.pad: the name is NumPy's, and np.pad is another function

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import viz as viz
    from .symbolic import symbols as symbols
else:

    def __getattr__(name: str) -> Any:
        """`tg.viz` and `tg.symbols` are imported when they are first asked for: the core does without them."""
        if name == "viz":
            return import_module(".viz", __name__)
        if name == "symbols":
            return import_module(".symbolic", __name__).symbols
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
