"""Array code for speed, each function registered for a plain one of the book. No autograd in it.

Importing this package registers them all. It also sets how this process keeps memory (see memory.py).
"""

import os

from . import activation as activation
from . import adam as adam
from . import conv as conv
from . import cumulative as cumulative
from . import elementwise as elementwise
from . import erf as erf
from . import indexing as indexing
from . import loss as loss
from . import mask as mask
from . import norm as norm
from . import one_order as one_order
from . import padding as padding
from . import pool as pool
from . import product as product
from . import reduce as reduce
from . import softmax as softmax
from . import total as total
from .config import show_config as show_config
from .memory import empty_cache as empty_cache
from .memory import keep_memory as keep_memory
from .threads import get_num_threads as get_num_threads
from .threads import set_num_threads as set_num_threads

# oneDNN last, so that it is asked first. TINYGRAD_LITE_FAST=0 leaves it out.
if os.environ.get("TINYGRAD_LITE_FAST", "1") != "0":
    from . import onednn as onednn
