from tinygrad_lite.graph import identity

from . import Case, rand

CASES = {"identity": [Case(identity, [rand(2, 3)])]}
