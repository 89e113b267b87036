"""Models: modules with parameters, the layers, and `functional` (`F`), the functions that they call."""

from .. import errors
from . import functional as functional
from . import init as init
from . import utils as utils
from .containers import *
from .layers import *
from .module import Module as Module
from .normalization import *
from .recurrent import *
from .stateless import *
from .stateless import Function as _Function
from .transformer import *

# A layer names the errors of its constructor, as an op does its own. One made from a function does so already.
for _layer in {cls for layer in globals().values() if isinstance(layer, type) for cls in layer.__mro__}:
    if _layer.__module__.startswith(__name__) and "__init__" in vars(_layer) and not issubclass(_layer, _Function):
        setattr(_layer, "__init__", errors.named(vars(_layer)["__init__"]))  # noqa: B010
