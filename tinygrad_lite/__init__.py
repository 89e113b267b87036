"""Backprop you can read: a minimal scalar-and-tensor autograd engine on NumPy."""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from . import data as data
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
from .mode import no_grad as no_grad
from .nn.functional import *
from .random import manual_seed as manual_seed
from .replay import replay as replay
from .tensor import Tensor as Tensor
from .tensor import from_dlpack as from_dlpack

del pad  # noqa: F821  # F.pad: the name is NumPy's, and np.pad is another function

__version__ = "0.1.0"

# The plug-ins, for speed alone: left out or deleted, all else works as before.
if os.environ.get("TINYGRAD_LITE_PLAIN", "0") == "0":
    for _name in ("kernels", "fast"):
        if find_spec(f"{__name__}.{_name}") is not None:
            import_module(f"{__name__}.{_name}")

if TYPE_CHECKING:
    from . import distributed as distributed
    from . import viz as viz
    from .kernels import empty_cache as empty_cache
    from .kernels import get_num_threads as get_num_threads
    from .kernels import keep_memory as keep_memory
    from .kernels import set_num_threads as set_num_threads
    from .kernels import show_config as show_config
    from .onnx import to_onnx as to_onnx
    from .symbolic import symbols as symbols
else:
    _KERNELS = ("empty_cache", "get_num_threads", "keep_memory", "set_num_threads", "show_config")

    def __dir__() -> list[str]:
        kernels = _KERNELS if f"{__name__}.kernels" in sys.modules else ()
        return sorted({*globals(), "distributed", "symbols", "to_onnx", "viz", *kernels})

    def __getattr__(name: str) -> Any:
        """`tg.viz`, `tg.distributed` and the like are imported when first asked for: the core does without them."""
        if name in ("distributed", "viz"):
            return import_module(f".{name}", __name__)
        if name == "symbols":
            return import_module(".symbolic", __name__).symbols
        if name == "to_onnx":
            return import_module(".onnx", __name__).to_onnx
        if name in _KERNELS:
            if f"{__name__}.kernels" in sys.modules:
                return getattr(sys.modules[f"{__name__}.kernels"], name)
            raise AttributeError(f"tg.{name} belongs to the kernels, and this process runs without them")
        numpys = f": use np.{name}" if hasattr(sys.modules["numpy"], name) else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{numpys}")
