"""Random programs that PyTorch can run too: values and first and second derivatives are PyTorch's, ties apart.

100 here, 2,000 with `-m long`. The text of a program is ours; `NumPy` below gives PyTorch's functions NumPy's names.
"""

from __future__ import annotations

import functools
import types
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

from ..programs import Program, doubled, generate, lines

torch: Any = pytest.importorskip("torch")
torch.set_num_threads(1)

PALETTE = [
    lines(
        """
        np.negative(a)  np.square(a)  np.absolute(a)  np.reciprocal(a**2 + 0.5)  np.sqrt(a**2 + 0.5)  np.exp(a)
        np.exp2(a)  np.expm1(a)  np.log(a**2 + 0.5)  np.log2(a**2 + 0.5)  np.log10(a**2 + 0.5)  np.log1p(a**2)
        np.sin(a)  np.cos(a)  np.tan(np.tanh(a))  np.arcsin(0.9 * np.sin(a))  np.arccos(0.9 * np.sin(a))
        np.arctan(a)  np.sinh(a)  np.cosh(a)  np.tanh(a)  np.arcsinh(a)  np.arccosh(a**2 + 1.5)
        np.arctanh(0.9 * np.sin(a))  np.sign(a + 0.12)  np.floor(a + 0.12)  np.ceil(a + 0.12)  np.trunc(a)  a + b
        a - b  a * b  a / (b**2 + 0.5)  a**n  (a**2 + 0.5)**b  a + 1  2 * a  1 - a  -a  abs(a)  a * i
        np.maximum(a, b)  np.minimum(a, b)  np.hypot(a, b**2 + 2)  np.arctan2(a, b**2 + 0.5)  np.logaddexp(a, b)
        np.where(a > b, a * b, b)
        """
    ),
    lines(
        """
        np.sum(a)  np.sum(a, k)  np.mean(a, k)  np.prod(a, k)  np.cumsum(a[None], 0)  np.cumprod(a[None], -1)
        np.diff(a, 1, k)  a.T  a[0]  a[-1]  a[..., 0]  a[1:]  a[..., ::2]  a[None]  a[..., None]  a[[0, 0, -1]]
        a[a > 0.03]  a[:, 0]  np.reshape(a, (-1,))  np.swapaxes(a, 0, -1)  np.broadcast_to(a, (2, *a.shape))
        np.concatenate([a, b])  np.stack([a, b])  np.tile(a, (n,))  np.tril(a)  np.triu(a, 1)  np.diagonal(a)
        np.squeeze(a)  a @ b  np.outer(a, b)  np.kron(a, b)  np.einsum("ij,kj->ik", a, a)
        np.einsum("...i,...i->...", a, b)  np.linalg.inv(a @ a.mT + 2 * np.eye(a.shape[-2]))
        np.linalg.det(a @ a.mT + 2 * np.eye(a.shape[-2]))  np.linalg.cholesky(a @ a.mT + 2 * np.eye(a.shape[-2]))
        """
    ),
    lines(
        """
        F.relu(a)  F.leaky_relu(a)  F.elu(a)  F.selu(a)  F.gelu(a)  F.silu(a)  F.mish(a)  F.softplus(a)
        F.softsign(a)  F.hardtanh(a)  F.sigmoid(a)  F.logsigmoid(a)  F.tanhshrink(a)  F.softmax(a, -1)
        F.log_softmax(a, 0)  F.softmin(a, -1)  F.glu(a)  F.normalize(a + 2)  F.layer_norm(a, a.shape[-1:])
        F.mse_loss(a, a * b)  F.l1_loss(a, a + b)  F.smooth_l1_loss(a, a * b)  F.huber_loss(a, a * b)
        F.binary_cross_entropy_with_logits(a, F.sigmoid(a))
        F.kl_div(F.log_softmax(a, -1), F.softmax(a, -1), reduction="sum")  F.linear(a, b)  F.linear(a, a)
        F.conv1d(a[None, None], b[None, None, :2])  F.conv2d(a[None, None], b[None, None], padding=1)
        F.conv_transpose2d(a[None, None], b[None, None], stride=2)  F.max_pool1d(a[None], 2)
        F.avg_pool2d(a[None], 2, 1)  F.max_pool2d(a[None], 2, 1, 1)  F.adaptive_avg_pool1d(a[None], 2)
        F.unfold(a[None, None], 2)  F.pad(a, (1, 1))  F.interpolate(a[None, None], scale_factor=2, mode="nearest")
        F.group_norm(a, 1)  F.scaled_dot_product_attention(a, a, b)
        """
    ),
]


def numpy_s_names() -> types.SimpleNamespace:
    """PyTorch's functions under the names that NumPy has for them."""
    same = """
    negative square absolute reciprocal sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh
    cosh tanh arcsinh arccosh arctanh sign floor ceil trunc maximum minimum hypot arctan2 logaddexp where mean prod sum
    cumsum cumprod diff reshape swapaxes broadcast_to concatenate stack tile tril triu diagonal squeeze outer kron
    einsum
    """
    names = {name: getattr(torch, name) for name in same.split()}
    return types.SimpleNamespace(**names, eye=functools.partial(torch.eye, dtype=torch.float64), linalg=torch.linalg)


def derivatives(program: Program, torch_s: bool) -> list[Any]:
    """The results, the gradient of Σ out, and the gradient of Σ gradient²."""
    arrays = doubled(program.arrays)
    if torch_s:
        run = program.compiled(np=numpy_s_names(), F=torch.nn.functional)
        given = {name: torch.tensor(a, requires_grad=name in program.leaves) for name, a in arrays.items()}
        leaves = [given[name] for name in program.leaves]
        outs = [out for out in run(**given) if out.requires_grad]
        if not outs:
            return []
        first = torch.autograd.grad(sum(out.sum() for out in outs), leaves, create_graph=True, materialize_grads=True)
        total = sum((g**2).sum() for g in first)
        second = torch.autograd.grad(total, leaves, materialize_grads=True) if total.requires_grad else []
        return [a.detach().numpy() for a in (*outs, *first, *second)]
    xs = tuple(arrays[name] for name in program.leaves)
    run = program.compiled()

    def put(*leaves: Any) -> tuple[Any, ...]:
        return run(**{**arrays, **dict(zip(program.leaves, leaves))})

    outs = [out for out in put(*(tg.Tensor(x, requires_grad=True) for x in xs)) if isinstance(out, tg.Tensor)]
    outs = [out for out in outs if out.requires_grad]
    if not outs:
        return []
    each = range(len(xs))

    def loss(*leaves: Any) -> Any:
        return sum(np.sum(out) for out in put(*leaves))

    def penalty(*leaves: Any) -> Any:
        return sum(np.sum(g**2) for g in tg.grad(loss, each)(*leaves))

    return [*(out.data for out in outs), *tg.grad(loss, each)(*xs), *tg.grad(penalty, each)(*xs)]


def check(seed: int) -> bool:
    """Whether PyTorch could run the program; an assertion where it gives something else."""
    program = generate(seed, PALETTE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = derivatives(program, torch_s=True)
        except (TypeError, RuntimeError, IndexError, ValueError):
            return False
        found = derivatives(program, torch_s=False)
    size = max((float(np.max(np.abs(a), initial=0)) for a in expected), default=0.0)
    for a, b in zip(found, expected):
        assert np.shape(a) == np.shape(b), program.script()
        assert np.allclose(a, b, rtol=1e-6, atol=1e-9 * max(size, 1), equal_nan=True), f"{a}\n{b}\n{program.script()}"
    return True


def test_programs() -> None:
    assert sum(map(check, range(100))) >= 50


@pytest.mark.long
def test_many_programs() -> None:
    assert sum(map(check, range(1_000, 3_000))) >= 1_000
