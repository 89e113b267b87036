"""The rules, one noun a file. Importing this package fills the table of ops."""

from . import activation as activation
from . import attention as attention
from . import conv as conv
from . import cumulative as cumulative
from . import distance as distance
from . import einsum as einsum
from . import elementwise as elementwise
from . import indexing as indexing
from . import linalg as linalg
from . import linear as linear
from . import loss as loss
from . import mapping as mapping
from . import nan as nan
from . import norm as norm
from . import order as order
from . import padding as padding
from . import polynomial as polynomial
from . import pool as pool
from . import product as product
from . import ranges as ranges
from . import reduce as reduce
from . import resample as resample
from . import sequence as sequence
from . import shape as shape
from . import special as special
