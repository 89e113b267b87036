"""The rules, one noun a file. Importing this package fills the table of ops."""

from . import activation as activation
from . import conv as conv
from . import einsum as einsum
from . import elementwise as elementwise
from . import indexing as indexing
from . import linalg as linalg
from . import linear as linear
from . import loss as loss
from . import pool as pool
from . import product as product
from . import reduce as reduce
from . import shape as shape
from . import special as special
