"""Array code for speed: each file registers its versions for the plain functions of the ops file of its name."""

from . import cumulative as cumulative
from . import indexing as indexing
from . import norm as norm
from . import product as product
from . import reduce as reduce
from . import total as total
