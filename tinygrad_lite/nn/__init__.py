"""Models: modules with parameters, the layers, and `functional` (`F`), the functions that they call."""

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
