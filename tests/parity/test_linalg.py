"""Products, np.linalg and sequences give PyTorch's numbers: values, first and second gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

torch: Any = pytest.importorskip("torch")
NP: Any = np
LA, TL = NP.linalg, torch.linalg
Floats = np.ndarray[Any, Any]


def rand(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, shape)


def symmetric(x: Any) -> Any:
    return (x + x.mT) / 2


def positive(x: Any) -> Any:
    n = x.shape[-1]
    return x @ x.mT + n * (np.eye(n, dtype=x.dtype) if isinstance(x, tg.Tensor) else torch.eye(n, dtype=x.dtype))


SQUARE = rand(3, 3) + 2 * np.eye(3)
STACK = rand(2, 3, 3) + 2 * np.eye(3)
SUBSCRIPTS: list[tuple[str, list[Floats]]] = [
    ("ij,jk->ik", [rand(2, 3), rand(3, 4)]),
    ("ij,jk", [rand(2, 3), rand(3, 4)]),
    ("bij,bjk->bik", [rand(2, 2, 3), rand(2, 3, 4)]),
    ("bqhd,bkhd->bhqk", [rand(2, 3, 2, 4), rand(2, 5, 2, 4)]),
    ("...ij,...jk->...ik", [rand(2, 2, 3), rand(3, 4)]),
    ("i,j->ij", [rand(3), rand(2)]),
    ("ii", [rand(3, 3)]),
    ("ii->i", [rand(3, 3)]),
    ("iij->j", [rand(2, 2, 3)]),
    ("ij->ji", [rand(2, 3)]),
    ("ij->", [rand(2, 3)]),
    ("ij,ij->i", [rand(2, 3), rand(2, 3, seed=1)]),
    ("bi,oij,bj->bo", [rand(2, 3), rand(4, 3, 2), rand(2, 2)]),
    ("ij,jk,kl->il", [rand(2, 0), rand(0, 3), rand(3, 2)]),
]
SAMPLES: list[tuple[str, Any, Any, list[Floats]]] = [
    *(
        (f"matmul {a.shape} {b.shape}", NP.matmul, torch.matmul, [a, b])
        for a, b in [
            (rand(3), rand(3, seed=1)),
            (rand(3), rand(3, 4)),
            (rand(2, 3), rand(3)),
            (rand(2, 3), rand(3, 4)),
            (rand(5, 2, 3), rand(3, 4)),
            (rand(5, 2, 3), rand(3)),
            (rand(3), rand(5, 3, 4)),
            (rand(2, 1, 2, 3), rand(4, 3, 2)),
            (rand(1, 1), rand(1, 1, seed=1)),
            (rand(2, 0), rand(0, 3)),
            (rand(0, 2, 3), rand(3, 4)),
        ]
    ),
    *((f"einsum {s}", lambda *xs, s=s: NP.einsum(s, *xs), lambda *xs, s=s: torch.einsum(s, *xs), xs)
      for s, xs in SUBSCRIPTS),
    ("dot", NP.dot, torch.dot, [rand(4), rand(4, seed=1)]),
    ("vdot", NP.vdot, torch.vdot, [rand(4), rand(4, seed=1)]),
    ("inner", NP.inner, torch.inner, [rand(2, 3), rand(4, 3)]),
    ("outer", NP.outer, torch.outer, [rand(2), rand(3)]),
    ("vecdot", NP.vecdot, TL.vecdot, [rand(2, 3), rand(3)]),
    ("tensordot", lambda a, b: NP.tensordot(a, b, ([0, 2], [1, 0])),
     lambda a, b: torch.tensordot(a, b, ([0, 2], [1, 0])), [rand(2, 3, 4), rand(4, 2, 3)]),
    ("kron", NP.kron, torch.kron, [rand(2, 3), rand(4, 1)]),
    ("kron of unequal ranks", NP.kron, torch.kron, [rand(2), rand(2, 2, 3)]),
    ("cross", NP.cross, TL.cross, [rand(2, 3), rand(2, 3, seed=1)]),
    ("trace", NP.trace, torch.trace, [rand(3, 3)]),
    *((f"matrix_power {n}", lambda x, n=n: LA.matrix_power(x, n), lambda x, n=n: TL.matrix_power(x, n), [STACK])
      for n in (1, 2, 5, -2)),
    ("multi_dot", lambda *xs: LA.multi_dot(xs), lambda *xs: TL.multi_dot(xs), [rand(3), rand(3, 2), rand(2, 4)]),
    *((f"{name} {x.shape}", getattr(LA, name), getattr(TL, name), [x])
      for name in ("inv", "det") for x in (SQUARE, STACK, rand(1, 1), rand(0, 2, 2))),
    ("slogdet", lambda x: LA.slogdet(x)[1], lambda x: TL.slogdet(x)[1], [-STACK]),
    *((f"pinv {x.shape}", LA.pinv, TL.pinv, [x]) for x in (SQUARE, rand(4, 2), rand(2, 4), rand(2, 4, 3))),
    *((f"solve {a.shape} {b.shape}", LA.solve, TL.solve, [a, b])
      for a, b in [(SQUARE, rand(3)), (SQUARE, rand(3, 2)), (STACK, rand(2, 3, 2)), (SQUARE, rand(2, 3, 1))]),
    ("cholesky", lambda x: LA.cholesky(positive(x)), lambda x: TL.cholesky(positive(x)), [rand(2, 3, 3)]),
    ("cholesky upper", lambda x: LA.cholesky(positive(x), upper=True),
     lambda x: TL.cholesky(positive(x), upper=True), [rand(3, 3)]),
    ("qr q", lambda x: LA.qr(x)[0] ** 2, lambda x: TL.qr(x)[0] ** 2, [rand(4, 3)]),
    ("qr r", lambda x: LA.qr(x)[1] ** 2, lambda x: TL.qr(x)[1] ** 2, [rand(2, 4, 3)]),
    ("qr wide", lambda x: LA.qr(x)[1] ** 2, lambda x: TL.qr(x)[1] ** 2, [rand(2, 4)]),
    ("eigvalsh", lambda x: LA.eigvalsh(symmetric(x)), lambda x: TL.eigvalsh(symmetric(x)), [rand(2, 3, 3)]),
    ("eigh", lambda x: LA.eigh(symmetric(x))[1] ** 2, lambda x: TL.eigh(symmetric(x))[1] ** 2, [rand(3, 3)]),
    *((f"svd values {x.shape}", lambda x: LA.svd(x, compute_uv=False), TL.svdvals, [x])
      for x in (rand(3, 3), rand(4, 2), rand(2, 2, 4))),
    *((f"svd {i} {x.shape}", lambda x, i=i: LA.svd(x, False)[i] ** 2, lambda x, i=i: TL.svd(x, False)[i] ** 2, [x])
      for i in (0, 2) for x in (rand(3, 3), rand(4, 2), rand(2, 2, 4))),
    *((f"norm {o}", lambda x, o=o: LA.norm(x, o, -1), lambda x, o=o: TL.vector_norm(x, o, -1), [rand(2, 4)])
      for o in (1, 2, 3, -1, np.inf, -np.inf)),
    *((f"matrix norm {o}", lambda x, o=o: LA.norm(x, o, (0, -1), True),
       lambda x, o=o: TL.matrix_norm(x, o, (0, -1), True), [rand(3, 2, 4)])
      for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    ("norm at 0", LA.norm, TL.norm, [np.zeros(3)]),
    ("lstsq", lambda a, b: LA.lstsq(a, b)[0], lambda a, b: TL.lstsq(a, b).solution, [rand(4, 2), rand(4, 3)]),
    ("cond", LA.cond, TL.cond, [SQUARE]),
    ("diff", lambda x: NP.diff(x, 2, 0), lambda x: torch.diff(x, 2, 0), [rand(4, 2)]),
    ("gradient", lambda x: NP.gradient(x, 0.5)[1], lambda x: torch.gradient(x, spacing=0.5)[1], [rand(3, 4)]),
    ("trapezoid", lambda y, x: NP.trapezoid(y, x), lambda y, x: torch.trapezoid(y, x), [rand(2, 4), rand(4)]),
]  # fmt: skip


def close(got: Any, expected: Any, tolerance: float, what: str) -> None:
    got = np.asarray(getattr(got, "data", got))
    np.testing.assert_allclose(got, expected.detach().numpy(force=True), rtol=tolerance, atol=tolerance, err_msg=what)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("ours", "theirs", "arrays"), [pytest.param(f, t, xs, id=name) for name, f, t, xs in SAMPLES])
def test_gives_pytorchs_numbers(ours: Any, theirs: Any, arrays: list[Floats], dtype: str) -> None:
    tolerance = 1e-9 if dtype == "float64" else 1e-3
    xs = [tg.Tensor(x, requires_grad=True, dtype=dtype) for x in arrays]
    ts = [torch.tensor(x.astype(dtype), requires_grad=True) for x in arrays]
    out, reference = ours(*xs), theirs(*ts)
    close(out, reference, tolerance, "value")
    seed = rand(*out.shape, seed=9).astype(dtype)
    out.backward(seed, create_graph=True)
    first = torch.autograd.grad(reference, ts, torch.tensor(seed), create_graph=True)
    gradients = [x.grad for x in xs]
    for i, (a, b) in enumerate(zip(gradients, first)):
        close(a, b, tolerance, f"gradient {i}")
        assert a.dtype == dtype
    if dtype == "float32" or not any(b.requires_grad for b in first) or not arrays[0].any():
        return
    directions = [rand(*x.shape, seed=7) for x in xs]
    total: Any = sum((np.sum(a * d) for a, d in zip(gradients, directions)), start=tg.Tensor(0.0))
    slope = sum((b * torch.tensor(d)).sum() for b, d in zip(first, directions))
    for x in xs:
        x.zero_grad()
    if total.requires_grad:
        total.backward()
    for i, (x, b) in enumerate(zip(xs, torch.autograd.grad(slope, ts, allow_unused=True))):
        close(
            np.zeros(x.shape) if x.grad is None else x.grad,
            torch.zeros(x.shape) if b is None else b,
            1e-7,
            f"second {i}",
        )
