"""Models: modules with parameters, the layers, and `functional` (`F`), the functions that they call."""

from .. import errors as _errors
from . import functional as functional
from . import init as init
from . import rnn as _rnn
from . import utils as utils
from .containers import *
from .layer import Layer as _Layer
from .layer import configured as _configured
from .layers import *
from .module import Module as Module
from .normalization import *
from .recurrent import *
from .stateless import *
from .stateless import Function as _Function
from .transformer import *

# A layer names the errors of its constructor, as an op does its own. One made from a function does so already.
for _class in {cls for layer in globals().values() if isinstance(layer, type) for cls in layer.__mro__}:
    if _class.__module__.startswith(__name__) and "__init__" in vars(_class) and not issubclass(_class, _Function):
        _named = _configured if issubclass(_class, _Layer) else _errors.named
        setattr(_class, "__init__", _named(vars(_class)["__init__"]))  # noqa: B010

for _module in (init, utils, _rnn):
    for _name in _module.__all__:
        if not isinstance(getattr(_module, _name), type):
            setattr(_module, _name, _errors.named(getattr(_module, _name)))
