import numpy as np

from . import Case, rand


def _einsum(subscripts: str, *shapes: tuple[int, ...]) -> Case:
    inputs = [rand(*shape, seed=i) for i, shape in enumerate(shapes)]
    return Case(lambda *xs: np.einsum(subscripts, *xs), inputs, f"{subscripts}{shapes}")


CASES = {
    "einsum": [
        _einsum("ij,jk->ik", (2, 3), (3, 4)),
        _einsum("ij,jk", (2, 3), (3, 4)),
        _einsum("ij,kj->ki", (2, 3), (4, 3)),
        _einsum("bij,bjk->bik", (2, 3, 2), (2, 2, 4)),
        _einsum("bqhd,bkhd->bhqk", (2, 3, 2, 2), (2, 2, 2, 2)),
        _einsum("i,i", (3,), (3,)),
        _einsum("i,j->ij", (3,), (2,)),
        _einsum("ij,ij->i", (2, 3), (2, 3)),
        _einsum("ij,ij->", (2, 3), (2, 3)),
        _einsum("ii", (3, 3)),
        _einsum("ii->i", (3, 3)),
        _einsum("iii->i", (2, 2, 2)),
        _einsum("iij,jk->ik", (2, 2, 3), (3, 2)),
        _einsum("ii,jj->ij", (2, 2), (3, 3)),
        _einsum("ba", (2, 3)),
        _einsum("ij->", (2, 3)),
        _einsum("ij->j", (2, 3)),
        _einsum("ijk,j->i", (2, 3, 2), (3,)),
        _einsum("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
        _einsum("i,j,k->", (2,), (3,), (2,)),
        _einsum("i,i,i->i", (3,), (3,), (3,)),
        _einsum("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
        _einsum("...,...", (3,), (2, 1)),
        _einsum("i...->...i", (2, 3, 2)),
        _einsum("...ii->...i", (2, 3, 3)),
        _einsum("ij,j->i", (2, 3), (1,)),
        _einsum("ij,j->ij", (1, 3), (3,)),
        _einsum("i,", (3,), ()),
        _einsum(",->", (), ()),
        _einsum("ij,jk->ik", (2, 0), (0, 3)),
        _einsum("ij,jk->ik", (0, 2), (2, 3)),
        Case(lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), [rand(2, 3), rand(3, 2)], "axes"),
        Case(lambda x, y: np.einsum(x, [..., 1], y, [1, ...]), [rand(2, 3), rand(3)], "axes-ellipsis"),
        Case(lambda x: np.einsum("ij,jk->ik", x, x), [rand(3, 3)], "the-same-twice"),
    ],
}
