"""The layers give PyTorch's numbers: state names, outputs in training and after eval(), first and second gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn

torch = pytest.importorskip("torch")

RENAMED = {"axis": "dim", "start_axis": "start_dim", "end_axis": "end_dim", "keepdims": "keepdim"}
CASES: list[Any] = []
RNG = np.random.default_rng(0)


def case(name: str, *inputs: Any, second: bool = True, **settings: Any) -> None:
    """A layer, and its inputs: a shape for random numbers, or an array."""
    said = ",".join(f"{k}={v}" for k, v in settings.items())
    shapes = "+".join("×".join(map(str, x)) if isinstance(x, tuple) else "array" for x in inputs)
    CASES.append(pytest.param(name, inputs, settings, second, id=f"{name}({said})-{shapes}"))


ACTIVATIONS = """ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Sigmoid LogSigmoid Hardswish Hardtanh Tanh Tanhshrink
Softplus Softsign Softshrink Hardshrink Identity"""
for name in ACTIVATIONS.split():
    case(name, (3, 4))
case("LeakyReLU", (3, 4), negative_slope=0.3)
case("ELU", (3, 4), alpha=0.7)
case("CELU", (3, 4), alpha=0.7)
case("GELU", (3, 4), approximate="tanh")
case("Hardtanh", (3, 4), min_val=-0.2, max_val=0.4)
case("Softplus", (3, 4), beta=2.0, threshold=1.0)
case("Softshrink", (3, 4), lambd=0.2)
case("Threshold", (3, 4), threshold=0.1, value=20.0)
case("PReLU", (2, 3, 4))
case("PReLU", (2, 3, 4), num_parameters=3, init=0.1)
case("GLU", (3, 4))
case("GLU", (4, 3), axis=0)
for name in ("Softmax", "Softmin", "LogSoftmax"):
    case(name, (3, 4), axis=1)
    case(name, (3, 4, 2), axis=0)

SPATIAL = {1: (2, 4, 9), 2: (2, 4, 9, 8), 3: (2, 4, 6, 5, 7)}
for n, shape in SPATIAL.items():
    case(f"MaxPool{n}d", shape, kernel_size=3)
    case(f"MaxPool{n}d", shape, kernel_size=3, stride=2, padding=1, ceil_mode=True)
    case(f"MaxPool{n}d", shape[1:], kernel_size=2, dilation=2, stride=1)
    case(f"AvgPool{n}d", shape, kernel_size=2)
    case(f"AvgPool{n}d", shape, kernel_size=3, stride=2, padding=1, count_include_pad=False)
    case(f"LPPool{n}d", shape, norm_type=2.0, kernel_size=2)
    case(f"AdaptiveAvgPool{n}d", shape, output_size=(3,) * n if n > 1 else 3)
    case(f"AdaptiveMaxPool{n}d", shape, output_size=(3,) * n if n > 1 else 3)
    for pad in ("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad"):
        case(f"{pad}{n}d", shape, padding=2)
        case(f"{pad}{n}d", shape, padding=(1, 2, 0, 1, 2, 2)[: 2 * n])
    case(f"ConstantPad{n}d", shape, padding=1, value=3.5)
    case(f"Conv{n}d", shape, in_channels=4, out_channels=6, kernel_size=3)
    case(f"Conv{n}d", shape, in_channels=4, out_channels=6, kernel_size=2, stride=2, padding=1, groups=2, bias=False)
    for mode in ("reflect", "replicate", "circular"):
        case(f"Conv{n}d", shape, in_channels=4, out_channels=2, kernel_size=3, padding=1, padding_mode=mode)
    case(f"Conv{n}d", shape, in_channels=4, out_channels=2, kernel_size=2, padding="same", padding_mode="reflect")
    case(f"ConvTranspose{n}d", shape, in_channels=4, out_channels=6, kernel_size=3)
    case(
        f"ConvTranspose{n}d", shape, in_channels=4, out_channels=6, kernel_size=3, stride=2, padding=1, groups=2,
        output_padding=1, dilation=2,
    )  # fmt: skip
    case(f"BatchNorm{n}d", shape, num_features=4)
    case(f"BatchNorm{n}d", shape, num_features=4, momentum=None, eps=1e-3)
    case(f"BatchNorm{n}d", shape, num_features=4, affine=False, track_running_stats=False)
    case(f"InstanceNorm{n}d", shape, num_features=4)
    case(f"InstanceNorm{n}d", shape, num_features=4, affine=True, track_running_stats=True, momentum=0.3)
    case(f"InstanceNorm{n}d", shape[1:], num_features=4)
case("BatchNorm1d", (5, 4), num_features=4)
case("AvgPool2d", (2, 4, 9, 8), kernel_size=(2, 3), divisor_override=5)

case("LayerNorm", (2, 3, 4), normalized_shape=4)
case("LayerNorm", (2, 3, 4), normalized_shape=(3, 4), bias=False, eps=1e-3)
case("LayerNorm", (2, 3, 4), normalized_shape=4, elementwise_affine=False)
case("RMSNorm", (2, 3, 4), normalized_shape=4)
case("RMSNorm", (2, 3, 4), normalized_shape=(3, 4), eps=1e-3, elementwise_affine=False)
case("GroupNorm", (2, 6, 5), num_groups=3, num_channels=6)
case("GroupNorm", (2, 6, 5, 2), num_groups=2, num_channels=6, affine=False)
case("LocalResponseNorm", (2, 6, 5), size=3, alpha=0.1)
case("Linear", (2, 3, 4), in_features=4, out_features=5)
case("Linear", (4,), in_features=4, out_features=5, bias=False)
case("Bilinear", (3, 4), (3, 5), in1_features=4, in2_features=5, out_features=2)
case("Embedding", RNG.integers(0, 5, (3, 2)), num_embeddings=5, embedding_dim=3)
case("Dropout", (3, 4), p=0.0)
case("Flatten", (2, 3, 4, 5))
case("Flatten", (2, 3, 4, 5), start_axis=0, end_axis=-2)
case("Unflatten", (2, 12, 3), axis=1, unflattened_size=(3, -1))
case("Fold", (2, 8, 12), output_size=(4, 5), kernel_size=2)
case("Unfold", (2, 3, 4, 5), kernel_size=2, padding=1)
case("PixelShuffle", (2, 8, 3, 4), upscale_factor=2)
case("PixelUnshuffle", (2, 2, 4, 6), downscale_factor=2)
case("Upsample", (2, 3, 4, 5), scale_factor=2.0)
case("Upsample", (2, 3, 4, 5), size=(7, 3), mode="bilinear", align_corners=True)
case("CosineSimilarity", (3, 4), (3, 4))
case("CosineSimilarity", (3, 4, 2), (3, 4, 2), axis=2, eps=1e-3)
case("PairwiseDistance", (3, 4), (3, 4))
case("PairwiseDistance", (3, 4), (3, 4), p=3.0, keepdims=True)

case("RReLU", (3, 4), lower=0.3, upper=0.3)
case("Softmax2d", (2, 3, 4, 5))
case("Softmax2d", (3, 4, 5))
case("ChannelShuffle", (2, 6, 4, 5), groups=3)
case("UpsamplingNearest2d", (2, 3, 4, 5), scale_factor=2)
case("UpsamplingBilinear2d", (2, 3, 4, 5), size=(7, 3))
for name in ("Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"):
    case(name, (2, 3, 4, 5), p=0.0)
case("Dropout1d", (2, 3, 4), p=0.0)
INDICES, PAIRS = RNG.integers(0, 5, 7), RNG.integers(0, 5, (3, 4))
case("Embedding", PAIRS, num_embeddings=5, embedding_dim=3, padding_idx=2)
case("Embedding", PAIRS, num_embeddings=5, embedding_dim=3, scale_grad_by_freq=True, padding_idx=-1, second=False)
case("Embedding", PAIRS, num_embeddings=5, embedding_dim=3, max_norm=1.0, second=False)
case("Embedding", PAIRS, num_embeddings=5, embedding_dim=3, max_norm=0.8, norm_type=1.0, second=False)
case("Embedding", PAIRS, num_embeddings=5, embedding_dim=3, max_norm=0.8, norm_type=math.inf, second=False)
for mode in ("sum", "mean", "max"):  # PyTorch has no second derivative
    bag: dict[str, Any] = {"num_embeddings": 5, "embedding_dim": 3, "mode": mode, "second": False}
    case("EmbeddingBag", PAIRS, **bag)
    case("EmbeddingBag", PAIRS, padding_idx=2, **bag)
    case("EmbeddingBag", INDICES, np.array([0, 2, 2, 5]), **bag)
    case("EmbeddingBag", INDICES, np.array([0, 3, 7]), include_last_offset=True, padding_idx=1, **bag)
case("EmbeddingBag", PAIRS, num_embeddings=5, embedding_dim=3, max_norm=1.0, second=False)

LABELS = np.array([[0, 2, -1, 1], [-1, 0, 0, 0], [3, 1, 0, 2]])
SIGNS, POSITIVE = np.array([1.0, -1, 1]), RNG.uniform(0.1, 0.9, (3, 4))
for reduction in ("mean", "sum", "none"):
    for name in ("L1Loss", "MSELoss", "HuberLoss", "SmoothL1Loss", "PoissonNLLLoss"):
        case(name, (3, 4), POSITIVE, reduction=reduction)
    case("CrossEntropyLoss", (3, 4), np.array([0, 3, 1]), reduction=reduction, label_smoothing=0.1)
    case("NLLLoss", (3, 4), np.array([0, 3, 1]), reduction=reduction)
    case("KLDivLoss", (3, 4), POSITIVE, reduction=reduction)
    case("BCEWithLogitsLoss", (3, 4), POSITIVE, reduction=reduction)
    case("MarginRankingLoss", (3,), (3,), SIGNS, margin=0.5, reduction=reduction)
    case("TripletMarginLoss", (3, 4), (3, 4), (3, 4), swap=True, reduction=reduction)
    for p in (1, 2):
        case("MultiMarginLoss", (3, 4), np.array([0, 3, 1]), p=p, margin=0.4, reduction=reduction, second=False)
    case("MultiLabelMarginLoss", (3, 4), LABELS, reduction=reduction, second=False)
    case("MultiLabelSoftMarginLoss", (3, 4), np.round(POSITIVE), reduction=reduction)
    case("TripletMarginWithDistanceLoss", (3, 4), (3, 4), (3, 4), swap=True, margin=0.7, reduction=reduction)
    case("CosineEmbeddingLoss", (3, 4), (3, 4), SIGNS, margin=0.1, reduction=reduction)
case("MultiMarginLoss", (3, 4), np.array([0, 3, 1]), weight=np.array([1.0, 2, 3, 4]), second=False)
case("MultiMarginLoss", (4,), np.array(2), second=False)
case("MultiLabelMarginLoss", (4,), np.array([2, 0, -1, 3]), second=False)
case("MultiLabelSoftMarginLoss", (3, 4), np.round(POSITIVE), weight=np.array([1.0, 2, 3, 4]))
case("CrossEntropyLoss", (3, 4), np.array([0, 3, 1]), weight=np.array([1.0, 2, 3, 4]))
case("CrossEntropyLoss", (3, 4), np.array([0, -1, 1]), ignore_index=-1)
case("HuberLoss", (3, 4), POSITIVE, delta=0.3)
case("SmoothL1Loss", (3, 4), POSITIVE, beta=0.3)
case("GaussianNLLLoss", (3, 4), POSITIVE, POSITIVE, full=True)
case("BCEWithLogitsLoss", (3, 4), POSITIVE, pos_weight=np.array([1.0, 2, 3, 4]))
case("SoftMarginLoss", (3,), SIGNS)
case("HingeEmbeddingLoss", (3,), SIGNS, margin=0.5)
case("KLDivLoss", (3, 4), POSITIVE, reduction="batchmean", log_target=True)


def made(name: str, settings: dict[str, Any]) -> tuple[Any, Any]:
    """Our layer and PyTorch's, in float64, with one state."""
    ours = getattr(nn, name)(**settings).to(np.float64)
    arrays = {RENAMED.get(k, k): torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    theirs = getattr(torch.nn, name)(**arrays).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.tensor(np.array(a)) for k, a in ours.state_dict().items()})
    return ours, theirs


def scalar(out: Any) -> Any:
    """One number of which all depends on."""
    return (out * out * out).sum()


@pytest.mark.parametrize(("name", "inputs", "settings", "second"), CASES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_layer_agrees(name: str, inputs: Any, settings: dict[str, Any], second: bool) -> None:
    ours, theirs = made(name, settings)
    given = [np.random.default_rng(i).standard_normal(x) if isinstance(x, tuple) else x for i, x in enumerate(inputs)]
    ways = [isinstance(x, tuple) for x in inputs]
    for training in (True, True, False):
        ours.train(training), theirs.train(training)
        x = [tg.Tensor(a, requires_grad=flows) if a.dtype.kind == "f" else a for a, flows in zip(given, ways)]
        y = [torch.tensor(a, requires_grad=flows) for a, flows in zip(given, ways)]
        out, expected = ours(*x), theirs(*y)
        np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-9, atol=1e-11)
        of: list[Any] = [t for t, flows in zip(x, ways) if flows] + list(ours.parameters())
        by = [t for t, flows in zip(y, ways) if flows] + list(theirs.parameters())
        first = torch.autograd.grad(scalar(expected), by, create_graph=second)
        scalar(out).backward(create_graph=True)
        found = [t.grad for t in of]
        for a, b in zip(found, first):
            np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-8, atol=1e-9)
        for t in of:
            t.grad = None
        if second and (loss := sum(scalar(b) for b in first)).requires_grad:
            expected_second = torch.autograd.grad(loss, by, allow_unused=True)
            sum(scalar(a) for a in found).backward()
            for t, b in zip(of, expected_second):
                wanted = np.zeros(t.shape) if b is None else b.numpy()
                got = np.zeros(t.shape) if t.grad is None else t.grad.data
                np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)
        for t in of:
            t.grad = None
        for key, a in theirs.state_dict().items():
            np.testing.assert_allclose(ours.state_dict()[key], a.numpy(), rtol=1e-10, atol=1e-12)


def test_a_transposed_convolution_reaches_the_output_size_that_is_asked_for() -> None:
    settings = {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 2, "padding": 1}
    ours, theirs = made("ConvTranspose2d", settings)
    x = np.random.default_rng(0).standard_normal((2, 2, 4, 5))
    for size in ((7, 9), (8, 9), (8, 10)):
        expected = theirs(torch.tensor(x), output_size=size).detach().numpy()
        np.testing.assert_allclose(ours(x, output_size=size).data, expected, rtol=1e-9)
    said = r"ConvTranspose2d: output_size \(9, 9\) is out of reach: the smallest is \(7, 9\)"
    with pytest.raises(ValueError, match=said):
        ours(x, output_size=(9, 9))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_pool_is_undone_where_its_maxima_were(n: int) -> None:
    x = np.random.default_rng(n).standard_normal((2, 3, 7, 6, 5)[: n + 2])
    for settings in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}):
        ours = getattr(nn, f"MaxPool{n}d")(**settings, return_indices=True), getattr(nn, f"MaxUnpool{n}d")(**settings)
        theirs = (
            getattr(torch.nn, f"MaxPool{n}d")(**settings, return_indices=True),
            getattr(torch.nn, f"MaxUnpool{n}d")(**settings),
        )
        a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        (pooled, indices), (expected, places) = ours[0](a), theirs[0](b)
        assert np.array_equal(indices, places.numpy()) and np.array_equal(pooled.data, expected.detach().numpy())
        size = x.shape[2:]
        out, wanted = ours[1](pooled, indices, output_size=size), theirs[1](expected, places, output_size=size)
        assert np.array_equal(out.data, wanted.detach().numpy())
        if settings == {"kernel_size": 2}:
            even = tuple(slice(2 * (k // 2)) for k in size)
            (pooled, indices), (expected, places) = ours[0](a.data[(..., *even)]), theirs[0](b[(..., *even)])
            assert np.array_equal(ours[1](pooled, indices), theirs[1](expected, places).detach().numpy())
    small = getattr(nn, f"AdaptiveMaxPool{n}d")(2, return_indices=True)(x)
    for got, wanted in zip(small, getattr(torch.nn, f"AdaptiveMaxPool{n}d")(2, return_indices=True)(torch.tensor(x))):
        assert np.array_equal(got, wanted.numpy())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("joined", [False, True])
def test_ctc_loss_agrees(reduction: str, zero_infinity: bool, joined: bool) -> None:
    """Gradients through log_softmax: PyTorch's of log_probs alone has p(class) added."""
    rng = np.random.default_rng(0)
    targets, sizes = rng.integers(1, 5, (4, 5)), np.array([3, 0, 5, 2])
    lengths = np.array([9, 6, 4 if zero_infinity else 12, 4])  # of the third, 4 steps are too few
    given = np.concatenate([t[:n] for t, n in zip(targets, sizes)]) if joined else targets
    x = rng.standard_normal((12, 4, 5))
    a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    settings: dict[str, Any] = {"reduction": reduction, "zero_infinity": zero_infinity}
    out = nn.CTCLoss(**settings)(tg.log_softmax(a, 2), given, lengths, sizes)
    logs = torch.log_softmax(b, 2)
    expected = torch.nn.CTCLoss(**settings)(logs, *(torch.tensor(t) for t in (given, lengths, sizes)))
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-10)
    out.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("settings", [{}, {"div_value": 2.0, "head_bias": True}], ids=str)
def test_an_adaptive_softmax_agrees(settings: dict[str, Any]) -> None:
    sizes = {"in_features": 16, "n_classes": 20, "cutoffs": [4, 9]}
    ours, theirs = made("AdaptiveLogSoftmaxWithLoss", sizes | settings)
    x, target = np.random.default_rng(0).standard_normal((7, 16)), np.array([0, 19, 4, 3, 9, 8, 1])
    a, b = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    (output, loss), (expected, wanted) = ours(a, target), theirs(b, torch.tensor(target))
    np.testing.assert_allclose(output.data, expected.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(loss.data, wanted.detach().numpy(), rtol=1e-10)
    loss.backward()
    wanted.backward()
    for p, q in zip([a, *ours.parameters()], [b, *theirs.parameters()]):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(ours.log_prob(a).data, theirs.log_prob(b).detach().numpy(), rtol=1e-10)
    assert np.array_equal(ours.predict(a), theirs.predict(b).numpy())
    np.testing.assert_allclose(ours(a.data[2], 4).output.data, expected.detach().numpy()[2], rtol=1e-10)
    np.testing.assert_allclose(np.exp(ours.log_prob(x).data).sum(axis=1), 1)
    with pytest.raises(IndexError, match="AdaptiveLogSoftmaxWithLoss: a target is none of the 20 classes"):
        ours(x[:1], [20])
    with pytest.raises(ValueError, match=r"cutoffs must rise from at least 1 to below n_classes=20, got \[4, 20\]"):
        nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 20])
