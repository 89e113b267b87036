"""Data to learn from: sets, splits, and loaders that cut them into batches."""

from .loader import *
from .sets import *
