import numpy as np

from tinygrad_lite.ops.sequence import convolve

from . import Case, rand

CASES = {
    "diff": [
        Case(np.diff, [rand(4)]),
        Case(lambda x: np.diff(x, axis=0), [rand(3, 2)], "axis 0"),
        Case(lambda x: np.diff(x, 2, axis=-2), [rand(2, 4, 2)], "twice"),
        Case(lambda x: np.diff(x, prepend=0, append=x[..., :1]), [rand(2, 3)], "prepend, append"),
        Case(np.diff, [rand(2, 1)], "of one"),
        Case(lambda x: np.ediff1d(x, to_begin=x[0], to_end=[1.0, 2.0]), [rand(2, 3)], "ediff1d"),
    ],
    "convolve": [
        Case(convolve, [rand(4), rand(3, seed=1)]),
        Case(convolve, [rand(2), rand(4, seed=1)], "longer second"),
        Case(convolve, [rand(1), rand(1, seed=1)], "of one"),
        *(
            Case(lambda x, w, f=f, mode=mode: f(x, w, mode), [rand(n), rand(m, seed=1)], f"{f.__name__}-{mode}-{n}-{m}")
            for f in (np.convolve, np.correlate)
            for mode in ("full", "same", "valid")
            for n, m in ((5, 2), (3, 4))
        ),
    ],
    "unwrap": [
        Case(np.unwrap, [4 * rand(3, 5)]),
        Case(lambda p: np.unwrap(p, axis=0, period=3.0), [4 * rand(4, 2)], "axis 0"),
    ],
}
