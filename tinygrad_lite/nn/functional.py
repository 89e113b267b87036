"""torch.nn.functional's functions by its names, argument order, keywords and defaults, with `axis` for `dim`.

    import tinygrad_lite.nn.functional as F

They take tensors, plain arrays, lists and numbers alike; without a tensor they return plain arrays.

Left out are the arguments that PyTorch itself deprecates (size_average and reduce; softmax without an axis takes the
last here), `inplace`, since arrays in a graph never change, and embedding's sparse.
"""

from types import FunctionType as _FunctionType

from ..ops.activation import *
from ..ops.attention import *
from ..ops.conv import *
from ..ops.ctc import *
from ..ops.cumulative import *
from ..ops.distance import *
from ..ops.indexing import *
from ..ops.linear import *
from ..ops.loss import *
from ..ops.norm import *
from ..ops.order import *
from ..ops.padding import *
from ..ops.pool import *
from ..ops.resample import *
from ..ops.sampling import *
from ..ops.special import *
from ..tensor import public as _public

for _name, _function in [*globals().items()]:
    if isinstance(_function, _FunctionType) and _function.__module__.startswith("tinygrad_lite.ops."):
        globals()[_name] = _public(_function)
        globals()[_name].__module__ = __name__  # where pickle finds it
