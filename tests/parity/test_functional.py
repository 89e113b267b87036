"""torch.nn.functional's functions give PyTorch's numbers: values, first and second gradients, at every calling form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

torch = pytest.importorskip("torch")

Floats = np.ndarray[Any, Any]


def rand(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Floats:
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape)


def positive(*shape: int, seed: int = 0) -> Floats:
    return rand(*shape, seed=seed, low=0.1, high=2)


def probabilities(*shape: int, seed: int = 0, axis: int = 1) -> Floats:
    p = positive(*shape, seed=seed)
    p /= p.sum(axis, keepdims=True)
    return p


def integers(end: int, *shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng([seed, *shape]).integers(0, end, shape)


class Constant:
    """A floating argument of which no gradient is asked."""

    def __init__(self, value: Floats) -> None:
        self.value = value


SIGNS = np.array([1.0, -1, 1, 1, -1])
SAMPLES: list[Any] = []


def sample(name: str, *args: Any, second: bool = True, rough: bool = False, label: str = "", **kwargs: Any) -> None:
    """One call, of ours and of torch's.

    `second=False` where PyTorch has no second derivative, or one that isn't (elu's at 0, mish's at 800: NaN).
    `rough=True` where PyTorch rounds a constant to float32 even in float64 (1/6 in hardsigmoid).
    """
    form = ",".join([*(f"{np.shape(getattr(a, 'value', a))}" for a in args), *(f"{k}={v}" for k, v in kwargs.items())])
    SAMPLES.append(pytest.param(name, args, kwargs, second, rough, id=f"{name}-{label or form}"[:90]))


SHAPES = [(), (0,), (1,), (3, 4), (2, 3, 4)]
ELEMENTWISE = """relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh hardsigmoid
hardswish sigmoid logsigmoid tanh tanhshrink softshrink hardshrink erf erfc"""
for name in ELEMENTWISE.split():
    for shape in SHAPES:
        rough = name == "hardsigmoid"
        sample(name, rand(*shape, low=-7, high=7), second=not rough, rough=rough)
CORNERS = np.array([-3.0, -1, -0.5, 0, 0.5, 1, 3, 6])
WITH_CORNERS = (
    """relu leaky_relu hardtanh relu6 hardsigmoid softshrink hardshrink elu selu celu softplus softsign mish"""
)
for name in WITH_CORNERS.split():
    rough = name == "hardsigmoid"
    sample(name, CORNERS, label="corners", second=not rough and "elu" not in name, rough=rough)
FAR = np.array([-1000.0, -800, -100, -40, -21, 19.9, 21, 40, 100, 800, 1000])
SATURATING = """sigmoid logsigmoid softplus silu mish gelu tanh erf erfc elu selu softsign"""
for name in SATURATING.split():
    sample(name, FAR, label="far", second=name != "mish")
sample("leaky_relu", rand(3, 4), 0.3)
sample("leaky_relu", rand(3, 4), negative_slope=-0.3)
sample("elu", rand(3, 4), alpha=0.4)
sample("celu", rand(3, 4), alpha=0.4, rough=True)
sample("gelu", rand(3, 4, low=-6, high=6), approximate="tanh")
sample("softplus", rand(3, 4), beta=3, threshold=2)
sample("hardtanh", rand(3, 4), -0.3, 0.7)
sample("softshrink", rand(3, 4), 0.3)
sample("hardshrink", rand(3, 4), 0.3)
sample("threshold", rand(3, 4), 0.1, 20)
sample("prelu", rand(2, 3, 4), rand(3))
sample("prelu", rand(2, 3, 4), rand(1))
sample("prelu", rand(5), rand(1))
sample("prelu", rand(2, 3), rand(3))
for shape, axis in [((4,), 0), ((3, 4), 1), ((3, 4), 0), ((2, 4, 6), -2)]:
    sample("glu", rand(*shape[:axis], 6, *shape[axis:][1:]), axis=axis)
for name in ("softmax", "softmin", "log_softmax"):
    for shape, axis in [
        ((), 0),
        ((4,), 0),
        ((3, 4), 1),
        ((3, 4), 0),
        ((2, 3, 4), -2),
        ((3, 1), 1),
        ((0, 3), 1),
        ((3, 0), 1),
    ]:
        sample(name, rand(*shape), axis=axis)
    sample(name, 1000 * rand(3, 4), axis=1, label="large")
for shape, axes in [((4,), 0), ((3, 4), 1), ((3, 4), -2), ((2, 3, 4), (0, 2)), ((3, 1), 1), ((0, 3), 1), ((3, 0), 1)]:
    sample("logsumexp", rand(*shape), axis=axes)
    sample("logsumexp", rand(*shape), axis=axes, keepdims=True)
sample("logsumexp", 1000 * rand(3, 4), axis=1, label="large")
sample("logsumexp", np.array([[0, -np.inf, 1.0]]), axis=1, label="inf", second=False)
for name in ("lgamma", "digamma"):
    sample(name, positive(3, 4))
    sample(name, rand(3, 4, low=-2.9, high=-2.1))
sample("polygamma", 1, positive(3, 4))
sample("polygamma", 2, positive(3, 4))
for name in ("cummax", "cummin", "logcumsumexp"):
    for shape, axis in [((4,), 0), ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((3, 1), 1), ((0, 3), 1)]:
        sample(name, rand(*shape), axis=axis)
sample("cummax", np.array([1.0, 3, 3, 2, 3]), axis=0, label="ties")
sample("cummin", np.array([2.0, 1, 1, 2, 1]), axis=0, label="ties")

sample("linear", rand(5, 3), rand(4, 3))
sample("linear", rand(5, 3), rand(4, 3), rand(4))
sample("linear", rand(2, 5, 3), rand(4, 3), bias=rand(4))
sample("linear", rand(3), rand(4, 3), rand(4))
sample("linear", rand(5, 3), rand(3))
sample("linear", rand(0, 3), rand(4, 3), rand(4))
sample("bilinear", rand(5, 3), rand(5, 4), rand(2, 3, 4))
sample("bilinear", rand(2, 5, 3), rand(2, 5, 4), rand(2, 3, 4), rand(2))
sample("embedding", integers(5, 2, 3), rand(5, 4))
sample("embedding", integers(5, 7), rand(5, 4), padding_idx=2)
sample("embedding", integers(5, 7), rand(5, 4), padding_idx=-1)
sample("embedding", integers(5, 0), rand(5, 4))
sample("one_hot", integers(5, 2, 3), 6)
sample("one_hot", integers(5, 4))
sample("dropout", rand(3, 4), 0.0)
sample("dropout", rand(3, 4), 0.5, False)
sample("dropout", rand(3, 4), 1.0)

for shape, normalized in [
    ((3, 5), (5,)),
    ((2, 3, 4), (3, 4)),
    ((2, 3, 4), (4,)),
    ((5,), (5,)),
    ((3, 1), (1,)),
    ((0, 4), (4,)),
]:
    sample("layer_norm", rand(*shape), normalized)
    sample("layer_norm", rand(*shape), normalized, rand(*normalized), rand(*normalized, seed=1), eps=1e-2)
    sample("layer_norm", rand(*shape), normalized, weight=rand(*normalized), eps=1e-3)
    sample("rms_norm", rand(*shape), normalized)
    sample("rms_norm", rand(*shape), normalized, rand(*normalized), eps=1e-2)
for shape in [(4, 3), (4, 3, 2), (2, 3, 4, 5), (2, 3, 2, 2, 2)]:
    running = Constant(rand(3)), Constant(positive(3))
    sample("batch_norm", rand(*shape), None, None, rand(3), rand(3, seed=1), True)
    sample("batch_norm", rand(*shape), *running, rand(3), rand(3, seed=1), False)
    sample("batch_norm", rand(*shape), *running, training=True, momentum=0.3, eps=1e-3)
    sample("batch_norm", rand(*shape), *running)
    if len(shape) > 2:
        sample("instance_norm", rand(*shape))
        sample("instance_norm", rand(*shape), *running, rand(3), rand(3, seed=1), momentum=0.2)
        sample("instance_norm", rand(*shape), *running, rand(3), rand(3, seed=1), use_input_stats=False)
for shape, groups in [((2, 6), 2), ((2, 6, 4), 3), ((2, 6, 2, 3), 6), ((2, 6, 2, 3), 1)]:
    sample("group_norm", rand(*shape), groups)
    sample("group_norm", rand(*shape), groups, rand(6), rand(6, seed=1), eps=1e-2)
for shape, size in [((2, 6, 4), 3), ((2, 6, 4), 2), ((2, 5, 2, 2), 5), ((2, 3, 4), 1)]:
    sample("local_response_norm", rand(*shape), size)
    sample("local_response_norm", rand(*shape), size, alpha=0.5, beta=0.6, k=2.0)
for p in (1.0, 2.0, 3.0):
    for axis in (0, 1, -1):
        sample("normalize", rand(3, 4), p=p, axis=axis)
sample("normalize", rand(2, 3, 4))
sample("normalize", np.zeros((2, 3)), label="zero", second=False)
sample("cosine_similarity", rand(3, 4), rand(3, 4, seed=1))
sample("cosine_similarity", rand(3, 4), rand(3, 4, seed=1), axis=0)
sample("cosine_similarity", rand(2, 3, 4), rand(1, 3, 4), axis=-1)
sample("cosine_similarity", rand(4), rand(4, seed=1), axis=0)
for p in (1.0, 2.0, 3.0):
    sample("pairwise_distance", rand(3, 4), rand(3, 4, seed=1), p=p)
sample("pairwise_distance", rand(3, 4), rand(3, 4, seed=1), keepdims=True)
sample("pairwise_distance", rand(4), rand(4, seed=1), eps=1e-3)
sample("pairwise_distance", rand(3, 4), rand(3, 4), label="equal")

for reduction in ("mean", "sum", "none"):
    r: Any = {"reduction": reduction}
    for shape in [(), (0,), (1,), (3, 4), (2, 3, 4)]:
        x, y = rand(*shape), rand(*shape, seed=1)
        sample("mse_loss", x, y, **r)
        sample("l1_loss", x, y, **r)
        sample("smooth_l1_loss", x, y, **r)
        sample("smooth_l1_loss", x, y, beta=0.3, **r)
        sample("huber_loss", x, y, **r)
        sample("huber_loss", x, y, delta=0.3, **r)
        sample("binary_cross_entropy", probabilities(*shape, 2, axis=-1), Constant(rand(*shape, 2, low=0, high=1)), **r)
        sample("binary_cross_entropy_with_logits", x, rand(*shape, low=0, high=1), **r)
        sample("soft_margin_loss", x, Constant(np.sign(y)), **r)
        sample("hinge_embedding_loss", x, Constant(np.sign(y)), margin=0.7, **r)
        sample("poisson_nll_loss", x, Constant(np.round(3 * positive(*shape))), **r)
    sample("smooth_l1_loss", rand(3), rand(3, seed=1), beta=0.0, **r)
    sample(
        "binary_cross_entropy",
        np.array([0.0, 1, 0, 1]),
        Constant(np.array([0.0, 0, 1, 1])),
        second=False,
        rough=True,
        label=f"ends-{reduction}",
        **r,
    )
    sample("binary_cross_entropy", probabilities(3, 4), Constant(probabilities(3, 4)), Constant(positive(4)), **r)
    sample("binary_cross_entropy_with_logits", rand(3, 4), rand(3, 4, low=0, high=1), Constant(positive(3, 1)), **r)
    sample(
        "binary_cross_entropy_with_logits",
        rand(3, 4),
        Constant(rand(3, 4, low=0, high=1)),
        pos_weight=Constant(positive(4)),
        **r,
    )
    sample(
        "binary_cross_entropy_with_logits", FAR, Constant(np.linspace(0, 1, len(FAR))), label=f"far-{reduction}", **r
    )
    sample("poisson_nll_loss", positive(3, 4), Constant(np.round(3 * positive(3, 4))), log_input=False, full=True, **r)
    sample("poisson_nll_loss", rand(3, 4), Constant(np.round(3 * positive(3, 4))), full=True, **r)
    for var in [(3, 4), (3, 1), (3,)]:
        sample("gaussian_nll_loss", rand(3, 4), rand(3, 4, seed=1), positive(*var), **r)
    sample("gaussian_nll_loss", rand(3, 4), rand(3, 4, seed=1), positive(3, 4), full=True, eps=0.5, **r)
    sample("kl_div", np.log(probabilities(3, 4)), probabilities(3, 4, seed=1), **r)
    sample("kl_div", np.log(probabilities(3, 4)), np.log(probabilities(3, 4, seed=1)), log_target=True, **r)
    sample("margin_ranking_loss", rand(5), rand(5, seed=1), Constant(SIGNS), **r)
    sample("margin_ranking_loss", rand(5), rand(5, seed=1), Constant(SIGNS), margin=0.5, **r)
    for swap in (False, True):
        sample("triplet_margin_loss", rand(3, 4), rand(3, 4, seed=1), rand(3, 4, seed=2), swap=swap, margin=2.0, **r)
        sample("triplet_margin_loss", rand(3, 4), rand(3, 4, seed=1), rand(3, 4, seed=2), p=3.0, swap=swap, **r)
    sample("cosine_embedding_loss", rand(5, 3), rand(5, 3, seed=1), Constant(SIGNS), **r)
    sample("cosine_embedding_loss", rand(5, 3), rand(5, 3, seed=1), Constant(SIGNS), margin=0.3, **r)
    for shape, target in [
        ((5, 3), (5,)),
        ((3,), ()),
        ((2, 3, 4), (2, 4)),
        ((2, 3, 4, 5), (2, 4, 5)),
        ((1, 3), (1,)),
        ((0, 3), (0,)),
        ((4, 1), (4,)),
    ]:
        c = shape[0] if len(shape) == 1 else shape[1]
        x, t = rand(*shape), integers(c, *target)
        w = Constant(positive(c))
        sample("cross_entropy", x, t, **r)
        sample("cross_entropy", x, t, w, **r)
        sample("cross_entropy", x, t, ignore_index=1, **r)
        sample("cross_entropy", x, t, label_smoothing=0.2, **r)
        sample("cross_entropy", x, t, w, ignore_index=0, label_smoothing=0.2, **r)
        logs = x - np.log(np.exp(x).sum(0 if len(shape) == 1 else 1, keepdims=True))
        sample("nll_loss", logs, t, **r)
        sample("nll_loss", logs, t, w, ignore_index=1, **r)
        q = probabilities(*shape, axis=0 if len(shape) == 1 else 1)
        sample("cross_entropy", x, q, **r)
        sample("cross_entropy", x, q, w, label_smoothing=0.3, **r)
    sample("cross_entropy", 1000 * rand(4, 3), integers(3, 4), label=f"large-{reduction}", **r)
sample("kl_div", np.log(probabilities(3, 4)), probabilities(3, 4, seed=1), reduction="batchmean")
sample("kl_div", rand(3), Constant(np.array([0.0, 0.4, 0.6])), label="zero")

q, k, v = rand(2, 3, 4, 5), rand(2, 3, 6, 5, seed=1), rand(2, 3, 6, 2, seed=2)
mask = rand(4, 6) > 0
sample("scaled_dot_product_attention", q, k, v)
sample("scaled_dot_product_attention", q, k, v, scale=0.7)
sample("scaled_dot_product_attention", q, k, v, is_causal=True)
sample("scaled_dot_product_attention", q, k, v, attn_mask=mask, label="mask")
sample("scaled_dot_product_attention", q, k, v, attn_mask=rand(3, 4, 6), label="bias")
sample("scaled_dot_product_attention", q, k, v, attn_mask=Constant(np.where(mask, 0, -np.inf)), label="inf-mask")
sample(
    "scaled_dot_product_attention", q, k, v, attn_mask=mask & (np.arange(4) != 2)[:, None], label="nothing-to-attend-to"
)
sample("scaled_dot_product_attention", rand(4, 5), rand(6, 5), rand(6, 3))


def converted(a: Any, dtype: str, leaves: list[Any], make: Callable[[Floats, bool], Any]) -> Any:
    constant = isinstance(a, Constant)
    a = a.value if constant else a
    if not isinstance(a, (np.ndarray, np.generic)):
        return a
    a = np.asarray(a)
    floating = a.dtype.kind == "f"
    t = make(a.astype(dtype) if floating else a, floating and not constant)
    if floating and not constant:
        leaves.append(t)
    return t


def torch_leaf(a: Floats, requires_grad: bool) -> Any:
    return torch.tensor(a, requires_grad=requires_grad)


def torch_function(name: str) -> Any:
    return (
        getattr(torch, name)
        if hasattr(torch, name) and name in TENSOR_FUNCTIONS
        else getattr(torch.nn.functional, name)
    )


TENSOR_FUNCTIONS = {"erf", "erfc", "lgamma", "digamma", "polygamma", "logsumexp", "cummax", "cummin", "logcumsumexp"}
NAMES = {"axis": "dim", "keepdims": "keepdim"}


def outputs(out: Any) -> list[Any]:
    return list(out) if isinstance(out, tuple) else [out]


def array(a: Any) -> Floats:
    return np.asarray(
        a.detach().numpy(force=True) if isinstance(a, torch.Tensor) else a.data if isinstance(a, tg.Tensor) else a
    )


def close(got: Any, expected: Any, tolerance: float, what: str) -> None:
    got, expected = array(got), array(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, PyTorch's {expected.shape}"
    # Where the terms of a sum cancel, what is left of float32's rounding is as large as for the largest elements.
    scale = max(1, np.abs(expected).max(initial=0, where=np.isfinite(expected))) if expected.dtype == np.float32 else 1
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance / 10 * scale, err_msg=what)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "args", "kwargs", "second", "rough"), SAMPLES)
def test_gives_pytorchs_numbers(name: str, args: Any, kwargs: Any, second: bool, rough: bool, dtype: str) -> None:
    tolerance = 2e-4 if dtype == "float32" else 1e-7 if rough else 1e-9
    ours: list[Any] = []
    theirs: list[Any] = []
    mine = outputs(
        getattr(F, name)(
            *[converted(a, dtype, ours, tg.Tensor) for a in args],
            **{k: converted(a, dtype, ours, tg.Tensor) for k, a in kwargs.items()},
        )
    )
    reference = outputs(
        torch_function(name)(
            *[converted(a, dtype, theirs, torch_leaf) for a in args],
            **{NAMES.get(k, k): converted(a, dtype, theirs, torch_leaf) for k, a in kwargs.items()},
        )
    )
    for a, b in zip(mine, reference, strict=True):
        close(a, b, tolerance, "value")
    if not ours:
        return
    assert mine[0].dtype == dtype
    seed = rand(*mine[0].shape, seed=9).astype(dtype)
    first = torch.autograd.grad(reference[0], theirs, torch.tensor(seed), create_graph=True, allow_unused=True)
    mine[0].backward(seed, create_graph=True)
    gradients = [x.grad for x in ours]
    for i, (a, b) in enumerate(zip(gradients, first)):
        close(
            np.zeros(ours[i].shape) if a is None else a,
            torch.zeros(ours[i].shape) if b is None else b,
            tolerance,
            f"gradient {i}",
        )
        assert a is None or a.dtype == dtype
    if not second or dtype == "float32" or not any(b is not None and b.requires_grad for b in first):
        return
    directions = [rand(*x.shape, seed=7) for x in ours]
    slope = sum((b * torch.tensor(d)).sum() for b, d in zip(first, directions) if b is not None)
    expected = torch.autograd.grad(slope, theirs, allow_unused=True)
    total: Any = tg.Tensor(0.0)
    for a, d in zip(gradients, directions):
        total = total if a is None else total + np.sum(a * d)
    for x in ours:
        x.zero_grad()
    if total.requires_grad:
        total.backward()
    for i, (x, b) in enumerate(zip(ours, expected)):
        close(
            np.zeros(x.shape) if x.grad is None else x.grad,
            torch.zeros(x.shape) if b is None else b,
            tolerance,
            f"second gradient {i}",
        )


def test_running_statistics_follow_pytorchs() -> None:
    x = rand(4, 3, 5)
    for name in ("batch_norm", "instance_norm"):
        mean, var = rand(3), positive(3)
        tensors, arrays = (tg.Tensor(mean), tg.Tensor(var)), (mean.copy(), var.copy())
        reference = torch.tensor(mean), torch.tensor(var)
        extra = (None, None, True, 0.3)
        getattr(torch.nn.functional, name)(torch.tensor(x), *reference, *extra)
        for running in (tensors, arrays):
            getattr(F, name)(tg.Tensor(x), *running, *extra)
            for got, expected in zip(running, reference):
                close(got, expected, 1e-9, name)
