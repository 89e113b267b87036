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
for _name, _layer in [*globals().items()]:
    _is_layer = isinstance(_layer, type) and issubclass(_layer, Module) and not issubclass(_layer, _Function)
    if _is_layer and _layer is not Module:
        setattr(_layer, "__init__", errors.named(_layer.__init__, _name))  # noqa: B010
