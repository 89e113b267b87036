"""to_onnx: what onnxruntime computes with the file is what the model computes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn
from tinygrad_lite.graph import OPS

from .cases import Case, all_cases

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from tinygrad_lite.onnx.rules import RULES  # noqa: E402

runtime.set_default_logger_severity(4)
OPTIONS = runtime.SessionOptions()
OPTIONS.intra_op_num_threads = 1  # a thread is not worth its start here
Array = Any
RNG = np.random.default_rng(0)
CASES = {name: cases for name, cases in all_cases().items() if name in RULES}
EVERY = [
    pytest.param(name, case, id=f"{name}-{case.label or i}")
    for name in sorted(CASES)
    for i, case in enumerate(CASES[name])
]
# What onnxruntime has in float32 alone. The model is right, its checker says, but nothing here runs it.
FLOAT32_ALONE = {
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "conv", "conv1d", "conv2d", "conv3d", "conv_input", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "convolve", "cosh", "det", "elu", "erf", "erfc", "fold", "gelu", "hardswish", "leaky_relu", "logaddexp",
    "logaddexp2", "logistic_nll", "mish", "ndtr", "sinh", "softplus", "softsign", "tan",
}  # fmt: skip


def floats(*shape: int, dtype: Any = np.float32) -> Array:
    return RNG.normal(size=shape).astype(dtype)


def run(proto: Any, *inputs: Array) -> dict[str, Array]:
    session = runtime.InferenceSession(proto.SerializeToString(), OPTIONS)
    names = [x.name for x in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(zip([x.name for x in proto.graph.input], inputs)))))


def operators(proto: Any) -> list[str]:
    """Those of the graph, but for the names given to outputs and the batch's length."""
    return [node.op_type for node in proto.graph.node if node.op_type not in ("Identity", "Shape")]


# --------------------------------------------------------------------------------------------------------- every op


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "case"), EVERY)
def test_every_case_of_every_op(name: str, case: Case, dtype: Any) -> None:
    inputs = tuple(np.asarray(x, dtype) for x in case.inputs)
    proto = tg.to_onnx(case.f, inputs, batch_axis=None)
    if dtype == np.float64 and name in FLOAT32_ALONE:
        assert proto.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
        return
    right = case.f(*[tg.Tensor(x, requires_grad=True) for x in inputs]).data
    (found,) = run(proto, *inputs).values()
    assert found.shape == right.shape and found.dtype == right.dtype
    rtol, atol = (1e-5, 1e-6) if dtype == np.float32 else (1e-9, 1e-12)
    np.testing.assert_allclose(found, right, rtol, atol)


def test_the_table_covers_most_ops() -> None:
    built_in = {name for name, op in OPS.items() if op.rule.__module__.startswith("tinygrad_lite.")}
    assert len(built_in & RULES.keys()) >= 130
    assert set(RULES) - built_in == {
        "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isinf", "isfinite",
        "invert", "bitwise_and", "bitwise_or", "bitwise_xor", "logical_and", "logical_or", "logical_xor", "logical_not",
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------- whole nets


class GPT(nn.Module):
    """Tokens (N, T) to scores (N, T, words)."""

    def __init__(self, words: int = 50, width: int = 32, length: int = 16) -> None:
        self.token, self.place = nn.Embedding(words, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, activation="gelu", batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width))
        self.head = nn.Linear(width, words)

    def forward(self, tokens: Any) -> Any:
        n = np.shape(tokens)[1]
        causal = np.triu(np.full((n, n), -np.inf, np.float32), 1)
        return self.head(self.body(self.token(tokens) + self.place(np.arange(n)), causal))


class Reader(nn.Module):
    """The last output and the state of an LSTM, by names."""

    def __init__(self, **options: Any) -> None:
        self.lstm = nn.LSTM(8, 16, batch_first=True, **options)

    def forward(self, x: Any) -> Any:
        y, (h, c) = self.lstm(x)
        return {"last": y[:, -1], "state": (h, c)}


class Masked(nn.Module):
    """Tokens where 0 is padding, which counts for nothing."""

    def __init__(self) -> None:
        self.token = nn.Embedding(1000, 6, padding_idx=0)
        self.slope = nn.PReLU()

    def forward(self, tokens: Any) -> Any:
        there = (tokens != 0)[..., None]
        return np.sum(np.where(there, self.slope(self.token(tokens)), 0), axis=1)


class Two(nn.Module):
    def __init__(self) -> None:
        self.a, self.b = nn.Linear(4, 5), nn.Bilinear(5, 3, 2)

    def forward(self, left: Any, right: Any) -> Any:
        z = np.tanh(self.a(left))
        return self.b(z, right), np.concatenate([z, right], axis=1)


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def normalized() -> nn.Module:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(8, 8, 3, stride=2), nn.GroupNorm(2, 8), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 4), nn.BatchNorm1d(4),
    )  # fmt: skip
    for _ in range(3):
        net(floats(16, 3, 16, 16))  # its running statistics are some
    return net


def autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ELU(), nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1),
        nn.Sigmoid(), nn.Upsample(scale_factor=2, mode="bilinear"), nn.InstanceNorm2d(2),
    )  # fmt: skip


def mlp(dtype: Any = np.float32) -> nn.Module:
    return nn.Sequential(
        nn.Linear(20, 64, dtype=dtype), nn.Tanh(), nn.Dropout(0.5), nn.LayerNorm(64, dtype=dtype),
        nn.Linear(64, 3, dtype=dtype), nn.Softmax(-1),
    )  # fmt: skip


def tokens(n: int, high: int = 50, length: int = 16) -> Array:
    return RNG.integers(0, high, (n, length))


NETS: dict[str, tuple[Callable[[], Any], Callable[[int], tuple[Array, ...]]]] = {
    "LeNet": (lenet, lambda n: (floats(n, 1, 28, 28),)),
    "MLP": (mlp, lambda n: (floats(n, 20),)),
    "MLP in float64": (lambda: mlp(np.float64), lambda n: (floats(n, 20, dtype=np.float64),)),
    "batch norm": (normalized, lambda n: (floats(n, 3, 16, 16),)),
    "autoencoder": (autoencoder, lambda n: (floats(n, 2, 8, 8),)),
    "GPT": (GPT, lambda n: (tokens(n),)),
    "GPT, int32": (GPT, lambda n: (tokens(n).astype(np.int32),)),
    "GPT, frozen": (lambda: GPT().requires_grad_(False), lambda n: (tokens(n),)),
    "LSTM": (Reader, lambda n: (floats(n, 7, 8),)),
    "LSTM of two layers, both ways": (lambda: Reader(num_layers=2, bidirectional=True), lambda n: (floats(n, 5, 8),)),
    "GRU": (lambda: nn.GRU(8, 16, batch_first=True), lambda n: (floats(n, 5, 8),)),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
        lambda n: (floats(n, 5, 16),),
    ),
    "padding": (Masked, lambda n: (tokens(n, 3, 5) * 333,)),
    "two inputs": (Two, lambda n: (floats(n, 4), floats(n, 3))),
    "loss": (lambda: F.cross_entropy, lambda n: (floats(n, 5), RNG.integers(0, 5, n))),
    "batch statistics": (lambda: lambda x: F.batch_norm(x, None, None, training=True), lambda n: (floats(n + 1, 4),)),
    "sizes of the batch": (
        lambda: lambda x: np.pad(np.reshape(x, (len(x) * 3, 2)), ((0, len(x)), (1, 1))) + np.zeros_like(x[0, 0]),
        lambda n: (floats(n, 6),),
    ),
    "each with each": (lambda: lambda x: F.softmax(x @ x.T), lambda n: (floats(n, 6),)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_nets_at_any_batch(name: str) -> None:
    tg.manual_seed(0)
    make, data = NETS[name]
    model = make()
    proto = tg.to_onnx(model, data(2))
    if isinstance(model, nn.Module):
        model.eval()
    for n in (1, 2, 7, 64):
        inputs = data(n)
        found, right = run(proto, *inputs), model(*map(tg.Tensor, inputs))
        right = (
            {"last": right["last"], "0": right["state"][0], "1": right["state"][1]}
            if isinstance(right, dict)
            else right
        )
        flat = [*right.values()] if isinstance(right, dict) else right if isinstance(right, tuple) else (right,)
        flat = [t for t in flat if t is not None]
        for y, t in zip(found.values(), flat, strict=True):
            assert y.shape == t.shape and y.dtype == t.dtype
            np.testing.assert_allclose(y, t.data, rtol=1e-5, atol=1e-5)


def test_another_batch_axis() -> None:
    lstm = nn.LSTM(3, 4)
    proto = tg.to_onnx(lstm, floats(5, 2, 3), batch_axis=1)
    for n in (1, 6):
        x = floats(5, n, 3)
        y, (h, c) = lstm(x)
        for found, right in zip(run(proto, x).values(), (y, h, c), strict=True):
            np.testing.assert_allclose(found, right.data, atol=1e-6)


# --------------------------------------------------------------------------------------------------- what it looks like


def test_names_shapes_and_constants() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    proto = tg.to_onnx(net, floats(1, 1, 4, 4))
    shape = [d.dim_param or d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    assert (proto.graph.input[0].name, shape) == ("x", ["N", 1, 4, 4])
    shape = [d.dim_param or d.dim_value for d in proto.graph.output[0].type.tensor_type.shape.dim]
    assert (proto.graph.output[0].name, shape) == ("output", ["N", 3])
    assert operators(proto) == ["Conv", "Relu", "Reshape", "MatMul", "Add"]
    weights = {w.name: onnx.numpy_helper.to_array(w) for w in proto.graph.initializer}
    for name in ("0.weight", "0.bias", "3.bias"):
        assert np.array_equal(weights[name], net.state_dict()[name])
    assert np.array_equal(weights["3.weight/transpose"], net.state_dict()["3.weight"].T)
    (flat,) = (w for name, w in weights.items() if name.startswith("constant"))
    assert flat.tolist() == [-1, 8], "a batch of any length"
    assert [node.doc_string for node in proto.graph.node if node.op_type == "Relu"] == ["relu in 1 (ReLU)"]
    assert proto.opset_import[0].version == 20


def test_outputs_are_named() -> None:
    proto = tg.to_onnx(lambda x: {"x": x, "both": (np.sin(x), [np.cos(x), None])}, floats(2, 3))
    assert [x.name for x in proto.graph.output] == ["x_out", "both.0", "both.1.0"]
    x = floats(4, 3)
    found = run(proto, x)
    assert np.array_equal(found["x_out"], x)
    np.testing.assert_allclose(found["both.1.0"], np.cos(x), rtol=1e-6)
    assert [x.name for x in tg.to_onnx(np.exp, floats(2)).graph.input] == ["x"]
    assert [x.name for x in tg.to_onnx(lambda *a: a[0] + a[1], (floats(2), floats(2))).graph.input] == ["x0", "x1"]


def test_an_input_without_the_batch() -> None:
    proto = tg.to_onnx(lambda x, w: x @ w, (floats(2, 3), floats(3, 4)))
    x, w = floats(9, 3), floats(3, 4)
    np.testing.assert_allclose(run(proto, x, w)["output"], x @ w, rtol=1e-5, atol=1e-6)
    with pytest.raises(Exception, match=r"Got: 2 Expected: 3"):
        run(proto, x, floats(2, 4))


def test_the_model_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4)).requires_grad_(False)
    net[1].eval()
    before = {name: a.copy() for name, a in net.state_dict().items()}
    tg.manual_seed(7)
    drawn = tg.random.generator.random()
    tg.manual_seed(7)
    tg.to_onnx(net, floats(2, 3))
    tg.to_onnx(GPT().requires_grad_(False), tokens(2))
    assert [m.training for m in net.modules()] == [True, True, False, True]
    assert all(not t.requires_grad for _, t in net.named_tensors())
    assert all(np.array_equal(a, before[name]) for name, a in net.state_dict().items())
    tg.manual_seed(7)
    assert drawn == tg.random.generator.random()


def test_inside_no_grad_and_from_tensors(tmp_path: Path) -> None:
    with tg.no_grad():
        proto = tg.to_onnx(np.sin, tg.Tensor(floats(2, 3)), tmp_path / "sin.onnx")
    assert onnx.load(tmp_path / "sin.onnx") == proto
    assert operators(proto) == ["Sin"]


def test_without_kernels_it_is_the_same_file() -> None:
    code = (
        "import numpy as np, tinygrad_lite as tg, sys; tg.manual_seed(0); nn = tg.nn; "
        "net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.PReLU(), nn.GELU(), nn.Flatten(), nn.Softmax(-1)); "
        "sys.stdout.buffer.write(tg.to_onnx(net, np.ones((2, 1, 5, 5), np.float32)).SerializeToString())"
    )
    files = [
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"TINYGRAD_LITE_PLAIN": p}, stdout=-1, check=True)
        for p in "01"
    ]
    assert files[0].stdout == files[1].stdout != b""


# --------------------------------------------------------------------------------------------------- what is refused

OUTSIDE = "computed from the input outside the graph"


def branch(x: Any) -> Any:
    return np.exp(x) if np.sum(x) > 0 else np.sin(x)


def loop(x: Any) -> Any:
    for _ in range(len(x)):
        x = np.sin(x)
    return x


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: F.dropout(x, 0.5, True), f"multiply takes numbers that were {OUTSIDE}"),
        (lambda x: x / len(x), "divide takes numbers"),
        (lambda x: x + np.arange(len(x))[:, None], "add takes numbers"),
        (lambda x: x - np.max(x.detach()), "subtract takes numbers"),
        (lambda x: x * float(x[0, 0]), "multiply takes numbers"),
        (lambda x: x * (x.data > 0).astype(np.float32), "multiply takes numbers"),
        (lambda x: x * np.where(x.data > -1e9, 1, np.float32(2)), "multiply takes numbers"),
        (lambda x: np.sort(x, 1), "take takes numbers"),
        (lambda x: x[np.arange(len(x)), 1], "getitem takes numbers"),
        (lambda x: x * np.argmax(x), "multiply takes numbers"),
        (lambda x: np.argmax(x, 1), "the output takes numbers"),
        (branch, "gave another graph from (exp|sin) on"),
        (loop, "gave another graph from the output on"),
        (lambda x: np.sum(x, axis=len(x) % 2), "sum takes numbers"),
        (lambda x: tg.leaky_relu(x, len(x) / 10), "gave another graph from leaky_relu on"),
        (lambda x: x[: len(x) // 2], "getitem takes numbers"),
        (lambda x: x * np.float32(len(x)), "multiply takes numbers"),
        (lambda x: x * np.full((1, 3), len(x), np.float32), "multiply takes numbers"),
        (lambda x: np.reshape(x, -1)[len(x) % 2], "getitem takes numbers"),
    ],
)
def test_numbers_of_the_example_are_never_kept(f: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^to_onnx: .*{said}"):
        tg.to_onnx(f, floats(2, 3))


@pytest.mark.parametrize(
    ("f", "kinds"),
    [
        (lambda x: x * (x > 0), ["Greater", "Cast", "Mul"]),
        (lambda x: x * (np.swapaxes(x, 0, 1).T > -1e9), ["Transpose", "Transpose", "Greater", "Cast", "Mul"]),
        (lambda x: np.where((x > 0) & ~(x <= 1), x, 0), ["Greater", "LessOrEqual", "Not", "And", "Where"]),
        (lambda x: np.where(np.isfinite(x), x, 0), ["IsNaN", "IsInf", "Or", "Not", "Where"]),
        (lambda x: np.sum(x, axis=1, where=np.sin(x) != 0), ["Sin", "Equal", "Not", "Where", "ReduceSum"]),
        (lambda x: np.nanmean(x, axis=1), None),
        (lambda x: x - x.detach() * 2, ["Mul", "Sub"]),
        (tg.hardshrink, None),
        (nn.PReLU(), None),
    ],
)
def test_comparisons_and_detached_numbers_are_exported(f: Any, kinds: list[str] | None) -> None:
    proto = tg.to_onnx(f, floats(2, 3))
    x = floats(5, 3)
    x[0, 0] = 0
    np.testing.assert_allclose(run(proto, x)["output"], f(tg.Tensor(x, requires_grad=True)).data, rtol=1e-6)
    assert kinds is None or operators(proto) == kinds


def test_arithmetic_on_integers_is_exported() -> None:
    words = tg.Tensor(floats(20, 3), requires_grad=True)
    proto = tg.to_onnx(lambda t: words[t[:, 1:] + 1] - words[t[:, :-1]], tokens(2, 19, 4))
    t = tokens(7, 19, 4)
    found, table = run(proto, t)["output"], words.data
    np.testing.assert_allclose(found, table[t[:, 1:] + 1] - table[t[:, :-1]], rtol=1e-6)


def test_no_counterpart() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    net.forward = lambda x: np.linalg.inv(x)  # type: ignore[method-assign]
    with pytest.raises(NotImplementedError, match=r"^to_onnx: inv in Sequential has no counterpart in ONNX$"):
        tg.to_onnx(net, np.eye(3), batch_axis=None)
    with pytest.raises(
        NotImplementedError, match=r"^to_onnx: pad can't be exported as it was called: its constant_val"
    ):
        tg.to_onnx(lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), floats(2, 3))
    with pytest.raises(NotImplementedError, match=r"^to_onnx: getitem can't be .*: its index holds a single boolean$"):
        tg.to_onnx(lambda x: x[np.True_], floats(2, 3))
    with pytest.raises(NotImplementedError, match=r"^to_onnx: getitem can't be exported as it was called: an input of"):
        tg.to_onnx(lambda x, mask: x[mask], (floats(4, 3), np.ones(4, bool)), batch_axis=None)


def test_bad_examples() -> None:
    with pytest.raises(ValueError, match=r"^to_onnx: the example has no axis 0 for the batch: got shape \(\) float64"):
        tg.to_onnx(np.sin, 1.0)
    with pytest.raises(
        ValueError, match=r"no axis 2 for the batch: got shape \(2, 3\) float32; or give batch_axis=None"
    ):
        tg.to_onnx(np.sin, floats(2, 3), batch_axis=2)
    with pytest.raises(
        ValueError, match=r"^to_onnx: the model can't take random numbers of shape \(3, 3\): glu: x needs"
    ):
        tg.to_onnx(lambda x: F.glu(x, 0), floats(2, 3))
    with pytest.raises(ValueError, match="got an empty tuple"):
        tg.to_onnx(np.sin, ())
    with pytest.raises(TypeError, match=r"^to_onnx: the example must be an array of numbers, or a tuple of them: got"):
        tg.to_onnx(np.sin, "digits")
    with pytest.raises(ValueError, match=r"^to_onnx: the example's integers are all 0"):
        tg.to_onnx(GPT(), np.zeros((2, 3), int))


def test_onnx_is_not_imported_before_it_is_called() -> None:
    code = "import sys, tinygrad_lite as tg; tg.to_onnx; assert 'onnx' not in sys.modules; sys.modules['onnx'] = None\n"
    code += "try: tg.to_onnx(abs, [1.0])\nexcept ModuleNotFoundError as e: print(e)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "to_onnx: needs the onnx package, which is not installed: pip install 'tinygrad-lite[onnx]'"
