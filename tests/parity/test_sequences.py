"""Recurrent layers and parts of transformers have PyTorch's state and numbers; so have nn.init and clipping."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def repeatable() -> None:
    tg.manual_seed(0)
    torch.manual_seed(0)


def made(name: str, *args: Any, **settings: Any) -> tuple[Any, Any]:
    """Our layer and PyTorch's, in float64, with one state."""
    ours, theirs = getattr(nn, name)(*args, **settings).to(np.float64), getattr(torch.nn, name)(*args, **settings)
    return ours, alike(ours, theirs)


def alike(ours: Any, theirs: Any) -> Any:
    theirs = theirs.double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.tensor(np.array(a)) for k, a in ours.state_dict().items()})
    return theirs


def parts(out: Any) -> Iterator[Any]:
    """The tensors in nested tuples."""
    if isinstance(out, tuple):
        for part in out:
            yield from parts(part)
    elif out is not None:
        yield out


def compare(ours: Any, theirs: Any, inputs: list[Any], second: bool = True, **masks: Any) -> None:
    """Values, first and second gradients. `inputs` are arrays, and tuples of them."""
    x = [tuple(tg.Tensor(p, requires_grad=True) for p in parts(a)) for a in inputs]
    y = [tuple(torch.tensor(p, requires_grad=True) for p in parts(a)) for a in inputs]
    give = [[part if isinstance(a, tuple) else part[0] for part, a in zip(z, inputs)] for z in (x, y)]
    given = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in masks.items()}
    out = list(parts(ours(*give[0], **masks)))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the other has no second derivative
        expected = list(parts(theirs(*give[1], **given)))
    assert len(out) == len(expected)
    for a, b in zip(out, expected):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-9, atol=1e-11)
    of: list[Any] = [*parts(tuple(x)), *ours.parameters()]
    by = [*parts(tuple(y)), *theirs.parameters()]
    ours.zero_grad()
    sum((a * a * a).sum() for a in out).backward(create_graph=True)
    first = torch.autograd.grad(sum((b * b * b).sum() for b in expected), by, create_graph=second, allow_unused=True)
    found = [t.grad for t in of]
    for a, b in zip(found, first):
        got, wanted = 0 if a is None else a.data, 0 if b is None else b.detach().numpy()
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-9)
    if not second:
        return
    for t in of:
        t.grad = None
    sum((a * a).sum() for a in found if a is not None).backward()
    expected = torch.autograd.grad(sum((b * b).sum() for b in first if b is not None), by, allow_unused=True)
    for t, b in zip(of, expected):
        got, wanted = 0 if t.grad is None else t.grad.data, 0 if b is None else b.numpy()
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)


def rand(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bias": False},
        {"num_layers": 2},
        {"bidirectional": True},
        {"num_layers": 2, "bidirectional": True, "batch_first": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("begun", [True, False])
def test_recurrent_layers(name: str, settings: dict[str, Any], batched: bool, begun: bool) -> None:
    ours, theirs = made(name, 3, 4, **settings)
    x = rand(*((2, 5, 3) if settings.get("batch_first") else (5, 2, 3))) if batched else rand(5, 3)
    ends = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))
    states = [rand(ends, 2, 4, seed=i) if batched else rand(ends, 4, seed=i) for i in (1, 2)]
    inputs = [x, tuple(states) if name == "LSTM" else states[0]] if begun else [x]
    compare(ours, theirs, inputs)


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("begun", [True, False])
def test_an_lstm_with_a_projection(batched: bool, begun: bool) -> None:
    settings = {"proj_size": 2, "num_layers": 2, "bidirectional": True, "batch_first": True}
    ours, theirs = made("LSTM", 3, 4, **settings)
    lead = (4, 2) if batched else (4,)
    inputs = [rand(2, 5, 3) if batched else rand(5, 3)]
    compare(ours, theirs, [*inputs, (rand(*lead, 2), rand(*lead, 4))] if begun else inputs)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_each_example_of_a_packed_batch_ends_at_its_length(name: str, batch_first: bool) -> None:
    ours, theirs = made(name, 3, 4, num_layers=2, bidirectional=True, batch_first=batch_first)
    x, lengths = rand(6, 3, 3), np.array([3, 6, 1])
    x = x.swapaxes(0, 1).copy() if batch_first else x

    def run(layer: Any, rnn: Any, x: Any, lengths: Any) -> Any:
        packed = rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
        out, last = layer(packed)
        return *rnn.pad_packed_sequence(out, batch_first, padding_value=0.5, total_length=7), last

    def our(x: Any) -> Any:
        out, sizes, last = run(ours, nn.utils.rnn, x, lengths)
        assert np.array_equal(sizes, lengths)
        return out, last

    def their(x: Any) -> Any:
        out, _, last = run(theirs, torch.nn.utils.rnn, x, torch.tensor(lengths))
        return out, last

    our.parameters, our.zero_grad, their.parameters = ours.parameters, ours.zero_grad, theirs.parameters  # type: ignore[attr-defined]
    compare(our, their, [x], second=False)


def test_sequences_are_padded_alike() -> None:
    given = [rand(n, 2) for n in (3, 1, 4)]
    ours, theirs, tensors = nn.utils.rnn, torch.nn.utils.rnn, [torch.tensor(a) for a in given]
    for settings in ({}, {"batch_first": True, "padding_value": 7.0}, {"padding_side": "left"}):
        expected = theirs.pad_sequence(tensors, **settings).numpy()
        np.testing.assert_array_equal(ours.pad_sequence(given, **settings), expected)
    for a, b in zip(ours.unpad_sequence(ours.pad_sequence(given), np.array([3, 1, 4])), given, strict=True):
        np.testing.assert_array_equal(a, b)
    padded, lengths = ours.pad_packed_sequence(ours.pack_sequence(given), batch_first=True)
    np.testing.assert_array_equal(padded, theirs.pad_sequence(tensors, batch_first=True).numpy())
    assert lengths.tolist() == [3, 1, 4]
    with pytest.raises(ValueError, match=r"pack_padded_sequence: lengths must be 2 integers from 1 to 5, got \[0, 6\]"):
        ours.pack_padded_sequence(rand(5, 2, 1), [0, 6])
    with pytest.raises(ValueError, match="pad_packed_sequence: total_length=3 is less than the longest, 4"):
        ours.pad_packed_sequence(ours.pack_sequence(given), total_length=3)


@pytest.mark.parametrize("settings", [{}, {"batch_first": True, "norm_first": True, "activation": "gelu"}], ids=str)
def test_a_whole_transformer(settings: dict[str, Any]) -> None:
    ours, theirs = made("Transformer", 4, 2, 2, 1, 6, **settings)
    ours.eval(), theirs.eval()
    src, tgt = (rand(2, n, 4) if settings else rand(n, 2, 4) for n in (5, 3))
    mask = nn.Transformer.generate_square_subsequent_mask(3, np.float64)
    np.testing.assert_array_equal(mask, torch.nn.Transformer.generate_square_subsequent_mask(3).numpy())
    compare(ours, theirs, [src, tgt], second=False, tgt_mask=mask)
    weights = [p for p in nn.Transformer(16, 2, 1, 1, 16).parameters() if p.ndim > 1]
    for w in weights:
        assert np.abs(w.data).max() <= math.sqrt(6 / sum(w.shape))


def test_a_recurrent_net_of_relus() -> None:
    compare(*made("RNN", 3, 4, nonlinearity="relu"), [rand(5, 2, 3)])
    compare(*made("RNNCell", 3, 4, nonlinearity="relu"), [rand(2, 3)])


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_cells(name: str, bias: bool) -> None:
    ours, theirs = made(name, 3, 4, bias=bias)
    compare(ours, theirs, [rand(2, 3)])
    compare(ours, theirs, [rand(3)])
    states = rand(2, 4, seed=1), rand(2, 4, seed=2)
    compare(ours, theirs, [rand(2, 3), states if name == "LSTMCell" else states[0]])


def test_dropout_between_layers_is_off_after_eval_and_on_in_training() -> None:
    ours, theirs = made("GRU", 3, 4, num_layers=2, dropout=0.5)
    x = rand(5, 2, 3)
    assert not np.array_equal(ours(x)[0].data, ours(x)[0].data)
    compare(ours.eval(), theirs.eval(), [x])


CAUSAL = np.triu(np.ones((4, 4), bool), 1)
PADDING = np.array([[False, False, True, True], [False, False, False, True]])


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(
    ("settings", "masks"),
    [
        ({}, {}),
        ({"bias": False}, {"average_attn_weights": False}),
        ({}, {"need_weights": False}),
        ({}, {"attn_mask": CAUSAL}),
        ({}, {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False}),
        ({}, {"attn_mask": rand(4, 4, seed=5)}),
        ({}, {"attn_mask": rand(4, 4, 4, seed=5)}),
        ({}, {"key_padding_mask": PADDING}),
        ({}, {"key_padding_mask": PADDING, "attn_mask": CAUSAL}),
    ],
    ids=lambda v: ",".join(v),
)
def test_attention(settings: dict[str, Any], masks: dict[str, Any], batch_first: bool) -> None:
    ours, theirs = made("MultiheadAttention", 6, 2, batch_first=batch_first, **settings)
    shape = (2, 4, 6) if batch_first else (4, 2, 6)
    compare(ours, theirs, [rand(*shape, seed=i) for i in range(3)], **masks)


def test_attention_to_keys_and_values_of_other_sizes() -> None:
    ours, theirs = made("MultiheadAttention", 6, 3, kdim=5, vdim=4)
    compare(ours, theirs, [rand(3, 2, 6), rand(7, 2, 5), rand(7, 2, 4)])
    compare(*made("MultiheadAttention", 6, 3), [rand(3, 6), rand(7, 6), rand(7, 6, seed=1)])


@pytest.mark.parametrize("settings", [{}, {"norm_first": True, "activation": "gelu"}, {"bias": False}], ids=str)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_transformers(settings: dict[str, Any]) -> None:
    settings = {"dim_feedforward": 8, "dropout": 0.0, **settings}
    ours, theirs = made("TransformerEncoderLayer", 6, 2, **settings)
    compare(ours, theirs, [rand(4, 2, 6)], src_mask=CAUSAL, src_key_padding_mask=PADDING)
    ours, theirs = nn.TransformerEncoder(ours, 2), torch.nn.TransformerEncoder(theirs, 2)
    compare(ours, alike(ours, theirs), [rand(4, 2, 6)], mask=CAUSAL)
    ours, theirs = made("TransformerDecoderLayer", 6, 2, **settings)
    compare(ours, theirs, [rand(4, 2, 6), rand(3, 2, 6)], tgt_mask=CAUSAL, tgt_key_padding_mask=PADDING)
    norms = nn.LayerNorm(6).to(np.float64), torch.nn.LayerNorm(6)
    ours, theirs = nn.TransformerDecoder(ours, 2, norms[0]), torch.nn.TransformerDecoder(theirs, 2, norms[1])
    compare(ours, alike(ours, theirs), [rand(4, 2, 6), rand(3, 2, 6)], tgt_mask=CAUSAL)
    ours, theirs = made("Transformer", 6, 2, 1, 1, **settings)
    causal: dict[str, Any] = {"tgt_mask": CAUSAL, "tgt_is_causal": True}
    causal |= {"src_mask": CAUSAL[:3, :3], "src_is_causal": True}
    compare(ours, theirs, [rand(3, 2, 6), rand(4, 2, 6)], **causal)


# ------------------------------------------------------------------------------------------------------- nn.init

DRAWN: list[tuple[str, dict[str, Any]]] = [
    ("uniform_", {"a": -1.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 2.0}),
    ("trunc_normal_", {"std": 2.0, "a": -1.0, "b": 3.0}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {"a": 2.0}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("orthogonal_", {"gain": 3.0}),
    ("sparse_", {"sparsity": 0.3, "std": 2.0}),
]


@pytest.mark.parametrize(("name", "settings"), DRAWN, ids=[name for name, _ in DRAWN])
def test_initial_weights_are_distributed_alike(name: str, settings: dict[str, Any]) -> None:
    ours, theirs = tg.Tensor(np.zeros((300, 200), np.float32)), torch.zeros(300, 200)
    assert getattr(nn.init, name)(ours, **settings) is ours and ours.dtype == np.float32
    getattr(torch.nn.init, name)(theirs, **settings)
    shares = np.linspace(0.02, 0.98, 41)
    a, b = np.quantile(ours.data, shares), np.quantile(theirs.numpy(), shares)
    np.testing.assert_allclose(a, b, atol=0.04 * np.std(theirs.numpy()) + 1e-7)


def test_initial_weights_that_are_not_drawn_are_equal() -> None:
    for name, shape, args in (
        ("constant_", (2, 3), (0.3,)), ("ones_", (2, 3), ()), ("zeros_", (2, 3), ()), ("eye_", (2, 3), ()),
        ("dirac_", (4, 2, 3, 3), ()), ("dirac_", (4, 2, 3), (2,)), ("dirac_", (2, 3, 2, 2, 2), ()),
    ):  # fmt: skip
        ours, theirs = tg.Tensor(np.full(shape, 7.0)), torch.full(shape, 7.0)
        getattr(nn.init, name)(ours, *args), getattr(torch.nn.init, name)(theirs, *args)
        np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-6)
    for name in ("linear", "sigmoid", "conv2d", "conv_transpose3d", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


@pytest.mark.parametrize(
    ("name", "args"),
    [("Linear", (40, 300)), ("Conv2d", (8, 300, 3)), ("LSTM", (20, 90)), ("GRUCell", (20, 90)), ("Embedding", (50, 40)),
     ("MultiheadAttention", (40, 4)), ("Bilinear", (10, 12, 300)), ("ConvTranspose1d", (16, 300, 5))],
)  # fmt: skip
def test_layers_start_alike(name: str, args: Any) -> None:
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    for (key, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters()):
        wanted = b.detach().numpy()
        assert abs(np.mean(a.data)) < 0.2 * np.std(wanted) + 1e-9, key
        np.testing.assert_allclose(np.std(a.data), np.std(wanted), rtol=0.25, atol=1e-9)
        np.testing.assert_allclose(np.max(np.abs(a.data)), np.max(np.abs(wanted)), rtol=0.4, atol=1e-9)


# -------------------------------------------------------------------------------------------------------- nn.utils


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_gradients_are_clipped_alike(norm_type: float, max_norm: float) -> None:
    grads = [rand(3, 4), rand(5), rand()]
    ours = [tg.Tensor(np.zeros(np.shape(g)), requires_grad=True) for g in grads]
    theirs = [torch.zeros(np.shape(g), dtype=torch.float64, requires_grad=True) for g in grads]
    for p, q, g in zip(ours, theirs, grads):
        p.grad, q.grad = tg.Tensor(g), torch.tensor(g)
    norm = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item(), rel=1e-12)
    for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12)
    nn.utils.clip_grad_value_(ours, 0.01)
    torch.nn.utils.clip_grad_value_(theirs, 0.01)
    for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12)
