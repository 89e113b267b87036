from tinygrad_lite.ops import special as F

from . import Case, rand

WIDE = rand(3, 5, low=-3, high=3)
POSITIVE = rand(3, 5, low=0.5, high=4)
CASES = {
    "erf": [Case(F.erf, [WIDE])],
    "erfc": [Case(F.erfc, [WIDE])],
    "ndtr": [Case(F.ndtr, [WIDE])],
    "lgamma": [Case(F.lgamma, [POSITIVE]), Case(F.lgamma, [rand(4, low=-1.9, high=-1.1)], "negative")],
    "digamma": [Case(F.digamma, [POSITIVE])],
    "polygamma": [Case(lambda x: F.polygamma(2, x), [POSITIVE])],
}
