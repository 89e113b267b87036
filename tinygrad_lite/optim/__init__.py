"""Optimisers: how parameters follow their gradients downhill; and `lr_scheduler`, how their learning rates change."""

from . import lr_scheduler as lr_scheduler
from .lbfgs import *
from .optimizers import *
