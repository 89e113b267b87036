"""The rules, one noun a file. Importing this package fills the table of ops."""

from . import elementwise as elementwise
from . import indexing as indexing
from . import linalg as linalg
from . import reduce as reduce
from . import shape as shape
