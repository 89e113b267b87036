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
from .transformer import *

# A layer names the errors of its constructor, as an op does its own.
for _name, _layer in [*globals().items()]:
    if isinstance(_layer, type) and issubclass(_layer, Module) and _layer is not Module:
        setattr(_layer, "__init__", errors.named(_layer.__init__, _name))  # noqa: B010
