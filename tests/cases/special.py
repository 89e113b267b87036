import numpy as np

from tinygrad_lite.ops import special as F

from . import Case, rand

WIDE = rand(3, 5, low=-3, high=3)
POSITIVE = rand(3, 5, low=0.5, high=4)
PART = rand(3, 5, low=-0.9, high=0.9)
CASES = {
    "erf": [Case(F.erf, [WIDE])],
    "erfc": [Case(F.erfc, [WIDE])],
    "ndtr": [Case(F.ndtr, [WIDE])],
    "erfinv": [Case(F.erfinv, [PART])],
    "erfcx": [Case(F.erfcx, [WIDE])],
    "ndtri": [Case(F.ndtri, [0.5 + PART / 2])],
    "log_ndtr": [Case(F.log_ndtr, [WIDE])],
    "logit": [Case(F.logit, [0.5 + PART / 2])],
    "xlogy": [Case(F.xlogy, [WIDE, POSITIVE]), Case(F.xlogy, [POSITIVE[0], POSITIVE], "broadcast")],
    "entr": [Case(F.entr, [POSITIVE])],
    "bessel_i": [Case(F.i1, [WIDE]), Case(lambda x: F.bessel_i(2, x), [WIDE], "2")],
    "bessel_ie": [Case(F.i0e, [WIDE]), Case(F.i1e, [WIDE], "1")],
    "i0": [Case(np.i0, [WIDE])],
    "lgamma": [
        Case(F.lgamma, [POSITIVE]),
        Case(F.lgamma, [rand(4, low=-1.9, high=-1.1)], "negative"),
        Case(F.lgamma, [rand(9, low=0.8, high=2.2)], "near its zeros"),
    ],
    "digamma": [Case(F.digamma, [POSITIVE])],
    "polygamma": [Case(lambda x: F.polygamma(2, x), [POSITIVE])],
}
