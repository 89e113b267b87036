"""Forwards and gradients by oneDNN, where it is installed: large arrays of float32, everything else passes on.

oneDNN is the library that PyTorch calls on processors. `pip install tinygrad-lite[fast]` brings it; one from conda,
Homebrew or the system serves too. It is loaded when the first large array comes, and leaves nothing behind.
"""

from . import arithmetic as arithmetic
from . import conv as conv
from . import elementwise as elementwise
from . import norm as norm
from . import pool as pool
from . import product as product
from . import softmax as softmax
