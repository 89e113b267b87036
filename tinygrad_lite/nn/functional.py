"""torch.nn.functional's functions by its names, argument order, keywords and defaults, with `axis` for `dim`.

    import tinygrad_lite.nn.functional as F

They take tensors and plain arrays alike; on plain arrays they return plain arrays.

Left out are the arguments that PyTorch itself deprecates (size_average and reduce; softmax without an axis takes the
last here), `inplace`, since arrays in a graph never change, and embedding's max_norm, scale_grad_by_freq and sparse.
"""

import types

from .. import errors
from ..ops.activation import *
from ..ops.attention import *
from ..ops.conv import *
from ..ops.cumulative import *
from ..ops.distance import *
from ..ops.indexing import *
from ..ops.linear import *
from ..ops.loss import *
from ..ops.norm import *
from ..ops.padding import *
from ..ops.pool import *
from ..ops.resample import *
from ..ops.special import *

# A function composed of ops names its errors as an op does.
for _name, _function in [*globals().items()]:
    if isinstance(_function, types.FunctionType) and not hasattr(_function, "op"):
        globals()[_name] = errors.named(_function)
del errors, types
