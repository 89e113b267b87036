"""Modules: what is inside, state by name, scopes, and the layers against plain NumPy."""

from __future__ import annotations

import copy
import gc
import math
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.mode import MODE


class Net(nn.Module):
    """One of everything that an attribute may hold."""

    def __init__(self) -> None:
        self.first = nn.Linear(3, 4)
        self.layers: list[Any] = [nn.Linear(4, 4), nn.ReLU()]
        self.heads: dict[str, Any] = {"a": nn.Linear(4, 2), "b": (nn.Linear(4, 1),)}
        self.scale = tg.Tensor(2.0, requires_grad=True)
        self.frozen = tg.Tensor([1.0, 2.0])
        self.note = "no tensor"

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        for layer in self.layers:
            x = layer(x)
        return self.heads["a"](x) * self.scale + self.heads["b"][0](x) * self.frozen


NAMES = [
    "scale", "frozen", "first.weight", "first.bias", "layers.0.weight", "layers.0.bias",
    "heads.a.weight", "heads.a.bias", "heads.b.0.weight", "heads.b.0.bias",
]  # fmt: skip


BATCH_NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def test_the_state_is_every_leaf_in_attributes_lists_tuples_and_dicts() -> None:
    assert [name for name, _ in Net().named_tensors()] == NAMES
    assert list(Net().state_dict()) == NAMES


def test_a_frozen_tensor_is_no_parameter_but_keeps_its_place_in_the_state() -> None:
    net = Net()
    net.first.weight.requires_grad_(False)
    names = [name for name, _ in net.named_parameters()]
    assert names == [n for n in NAMES if n not in ("frozen", "first.weight")]
    assert list(net.state_dict()) == NAMES
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]


def test_a_shared_parameter_counts_once() -> None:
    net = Net()
    net.layers[0].weight = net.heads["twin"] = net.layers[0].weight
    assert len(list(net.parameters())) == len({id(p) for p in net.parameters()}) == 9


def test_a_module_that_holds_itself_is_walked_once() -> None:
    net = Net()
    net.me = net  # type: ignore[attr-defined]
    assert list(net.state_dict()) == NAMES
    assert "me: Net()" in repr(net)


def test_results_kept_on_a_module_are_not_its_state() -> None:
    net = Net()
    net.last = net(tg.Tensor(np.ones((1, 3))))  # type: ignore[attr-defined]
    assert list(net.state_dict()) == NAMES


class Recorder(nn.Module):
    """Keeps what passed through it, and counts the calls in a tensor of its state."""

    def __init__(self) -> None:
        self.inner = nn.BatchNorm1d(2)
        self.calls = tg.Tensor(0)
        self.seen: list[Any] = []

    def forward(self, x: Any) -> Any:
        self.calls = self.calls + 1
        self.seen.append(x)
        self.last = self.inner(x)
        return self.last


def test_what_forward_keeps_is_no_state_with_a_graph_or_without() -> None:
    model, x = Recorder(), tg.Tensor(np.ones((3, 2), np.float32))
    names = ["calls", "inner.weight", "inner.bias", "inner.running_mean", "inner.running_var"]
    names.append("inner.num_batches_tracked")
    before = model.state_dict()
    assert list(before) == names
    model(x)
    assert list(model.state_dict()) == names
    with tg.no_grad():
        model(x)
    state = copy.deepcopy(model).state_dict()
    assert list(state) == names
    assert state["calls"] == 2 and not np.array_equal(state["inner.running_mean"], before["inner.running_mean"])
    model.load_state_dict(before)
    assert model.calls.item() == 0 and np.array_equal(model.state_dict()["inner.running_mean"], [0, 0])


def test_a_frozen_parameter_stays_in_the_state_after_calls_and_a_new_layer_joins_it() -> None:
    net, x = Net(), np.ones((1, 3), np.float32)
    net(x)
    net.scale.requires_grad_(False)
    assert list(net.state_dict()) == NAMES
    net.layers.append(nn.BatchNorm1d(4))
    net.shift = tg.Tensor(1.0, requires_grad=True)  # type: ignore[attr-defined]
    joined = ["shift", *(f"layers.2.{n}" for n in BATCH_NORM)]
    assert sorted(net.state_dict()) == sorted([*NAMES, *joined])


def test_named_modules_have_dotted_names() -> None:
    names = [name for name, _ in Net().named_modules("net")]
    assert names == ["net", "net.first", "net.layers.0", "net.layers.1", "net.heads.a", "net.heads.b.0"]


# ------------------------------------------------------------------------------------------------------------- state


def test_a_loaded_state_gives_the_same_results() -> None:
    a, b = Net(), Net()
    x = np.ones((2, 3), np.float32)
    assert not np.array_equal(a(x).data, b(x).data)
    b.load_state_dict(a.state_dict())
    assert np.array_equal(a(x).data, b(x).data)


def test_a_state_is_a_snapshot_that_training_leaves_alone() -> None:
    net = Net()
    before = net.state_dict()
    kept = {name: np.copy(a) for name, a in before.items()}
    net(np.ones((2, 3), np.float32)).sum().backward()
    tg.optim.SGD(net.parameters(), lr=1.0).step()
    assert not np.array_equal(net.heads["a"].weight.data, kept["heads.a.weight"])
    for name, a in before.items():
        assert np.array_equal(a, kept[name])


def test_a_loaded_state_belongs_to_the_module_and_keeps_its_dtype() -> None:
    layer = nn.Linear(2, 2)
    weight = np.ones((2, 2))
    layer.load_state_dict({"weight": weight, "bias": [0, 1]})
    weight[:] = 7
    assert layer.weight.dtype == np.float32 and layer.weight.requires_grad
    assert np.array_equal(layer.weight.data, np.ones((2, 2)))
    assert layer.bias is not None and np.array_equal(layer.bias.data, [0, 1])


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda s: s.pop("bias"), KeyError, "missing bias"),
        (lambda s: s.update(extra=1), KeyError, "unexpected extra"),
        (lambda s: s.update(weight=np.ones((3, 2))), ValueError, r"weight has \(3, 2\), needs \(2, 3\)"),
        (lambda s: s.update(bias=s["bias"] + 1j), TypeError, "bias has complex64, needs float32"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_changed(change: Any, error: Any, said: str) -> None:
    layer = nn.Linear(3, 2)
    before = layer.state_dict()
    state = {name: a + 1 for name, a in before.items()}
    change(state)
    with pytest.raises(error, match=f"load_state_dict: Linear: .*{said}"):
        layer.load_state_dict(state)
    assert all(np.array_equal(a, before[name]) for name, a in layer.state_dict().items())


# ------------------------------------------------------------------------------------------------------------- modes


def test_train_and_eval_reach_every_module() -> None:
    net = Net()
    assert net.training and net.heads["b"][0].training
    assert net.eval() is net
    assert not any(module.training for _, module in net.named_modules())
    net.train()
    assert all(module.training for _, module in net.named_modules())


def test_zero_grad_forgets_every_gradient() -> None:
    net = Net()
    net(np.ones((2, 3), np.float32)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_a_module_without_forward_says_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match="Module: define forward"):
        nn.Module()(1)


# ------------------------------------------------------------------------------------------------------------ scopes


def test_nodes_know_the_modules_that_made_them() -> None:
    inner = nn.ReLU()
    outer = nn.Sequential(inner)
    x = tg.Tensor([1.0, -1.0], requires_grad=True)
    assert outer(x).scope == ((None, outer), inner)
    assert (x + 1).scope is None
    assert inner(x).scope is not inner(x).scope  # each call is a scope of its own


def test_a_scope_ends_with_an_exception() -> None:
    with pytest.raises(ValueError, match="linear"):
        nn.Sequential(nn.Linear(3, 4))(np.ones((1, 5)))
    assert MODE.get().scope is None


def test_a_graph_with_scopes_is_freed_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        loss = net(tg.Tensor(np.ones((2, 3)))).sum()
        loss.backward()
        gone = [weakref.ref(loss), weakref.ref(loss.args[0]), weakref.ref(net)]
        del loss, net
        assert [ref() for ref in gone] == [None, None, None]
    finally:
        gc.enable()


# -------------------------------------------------------------------------------------------------------------- repr


def test_the_repr_is_a_tree_with_parameter_counts() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)),
        nn.ConvTranspose2d(8, 4, (2, 3), stride=2, groups=2, bias=False),
        nn.BatchNorm2d(4),
        nn.LayerNorm((4, 5), eps=1e-6),
        nn.Embedding(3, 4, padding_idx=0),
        nn.Dropout(0.1),
        nn.Linear(1000, 10),
    )
    assert repr(net) == "\n".join(
        [
            "Sequential()  10,246 parameters",
            "  0: Conv2d(1, 8, 3×3, padding=1)  80 parameters",
            "  1: Sequential()",
            "    0: ReLU()",
            "    1: MaxPool2d(kernel_size=2)",
            "  2: ConvTranspose2d(8, 4, 2×3, stride=2, groups=2, bias=False)  96 parameters",
            "  3: BatchNorm2d(4)  8 parameters",
            "  4: LayerNorm(4×5, eps=1e-06)  40 parameters",
            "  5: Embedding(3, 4, padding_idx=0)  12 parameters",
            "  6: Dropout(p=0.1)",
            "  7: Linear(1000, 10)  10,010 parameters",
        ]
    )


# ----------------------------------------------------------------------------------------------------------- layers


def test_the_same_seed_gives_the_same_weights() -> None:
    def weights(seed: int) -> Any:
        tg.manual_seed(seed)
        return nn.Linear(3, 4).weight.data

    assert np.array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Linear(50, 40), 50),
        (nn.Conv2d(8, 32, (3, 5)), 8 * 15),
        (nn.Conv2d(8, 32, 3, groups=4), 2 * 9),
        (nn.ConvTranspose2d(32, 8, 3), 8 * 9),  # as PyTorch has it: the second axis of the weight
    ],
)
def test_weights_start_uniform_within_one_over_the_root_of_fan_in(layer: Any, fan_in: int) -> None:
    bound = 1 / math.sqrt(fan_in)
    w = layer.weight.data
    assert w.dtype == np.float32 and layer.bias.dtype == np.float32
    assert np.abs(w).max() <= bound and np.abs(layer.bias.data).max() <= bound
    assert np.abs(w).max() > 0.95 * bound
    assert np.std(w) == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_layers_in_float64() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, dtype=np.float64), nn.Flatten(), nn.Linear(18, 2, dtype=np.float64))
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    assert net(np.ones((1, 1, 5, 5))).dtype == np.float64


def test_linear_is_x_times_the_weight_turned_plus_the_bias() -> None:
    layer = nn.Linear(3, 2)
    x = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    assert layer.bias is not None
    expected = np.einsum("abi,oi->abo", x, layer.weight.data) + layer.bias.data
    np.testing.assert_allclose(layer(tg.Tensor(x)).data, expected, rtol=1e-5)
    assert nn.Linear(3, 2, bias=False).state_dict().keys() == {"weight"}


X = np.random.default_rng(0).standard_normal((2, 4, 9, 9)).astype(np.float32)
OPTIONS: dict[str, Any] = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}


@pytest.mark.parametrize(
    ("layer", "function", "settings", "shape"),
    [
        (nn.Conv1d(4, 6, 3, **OPTIONS), tg.conv1d, OPTIONS, (2, 6, 4)),
        (nn.Conv2d(4, 6, 3, **OPTIONS), tg.conv2d, OPTIONS, (2, 6, 4, 4)),
        (nn.Conv3d(4, 6, 3, **OPTIONS), tg.conv3d, OPTIONS, (2, 6, 4, 4, 4)),
        (nn.ConvTranspose1d(4, 6, 3, output_padding=1, **OPTIONS), tg.conv_transpose1d, OPTIONS, (2, 6, 20)),
        (nn.ConvTranspose2d(4, 6, 3, output_padding=1, **OPTIONS), tg.conv_transpose2d, OPTIONS, (2, 6, 20, 20)),
        (nn.ConvTranspose3d(4, 6, 3, output_padding=1, **OPTIONS), tg.conv_transpose3d, OPTIONS, (2, 6, 20, 20, 20)),
    ],
)
def test_convolutions_pass_on_what_they_were_given(layer: Any, function: Any, settings: Any, shape: Any) -> None:
    x = np.ones((2, 4, *(9,) * layer.axes), np.float32)
    if "output_padding" in layer.settings:
        settings = {**settings, "output_padding": 1}
    out = layer(x)
    assert out.shape == shape
    assert np.array_equal(out.data, function(x, layer.weight, layer.bias, **settings).data)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.MaxPool2d(3, 2, 1, 1, False, True), tg.max_pool2d(X, 3, 2, 1, 1, True)),
        (nn.AvgPool2d(3, 2, 1, True, False), tg.avg_pool2d(X, 3, 2, 1, True, False)),
        (nn.ReLU(), np.maximum(X, 0)),
        (nn.LeakyReLU(0.2), np.where(X > 0, X, np.float32(0.2) * X)),
        (nn.GELU(), tg.gelu(X)),
        (nn.GELU("tanh"), tg.gelu(X, "tanh")),
        (nn.SiLU(), tg.silu(X)),
        (nn.Dropout(0.5).eval(), X),
        (nn.Tanh(), np.tanh(X)),
        (nn.Sigmoid(), tg.sigmoid(X)),
        (nn.Softmax(1), tg.softmax(X, 1)),
        (nn.Flatten(), X.reshape(2, -1)),
        (nn.Flatten(0), X.reshape(-1)),
        (nn.Flatten(1, 2), X.reshape(2, 36, 9)),
        (nn.Flatten(-2), X.reshape(2, 4, 81)),
    ],
    ids=lambda v: repr(v) if isinstance(v, nn.Module) else "",
)
def test_layers_without_weights(layer: Any, expected: Any) -> None:
    assert np.array_equal(layer(tg.Tensor(X)).data, expected)
    assert not layer.state_dict()


def test_dropout_drops_in_training_alone() -> None:
    tg.manual_seed(0)
    layer, x = nn.Dropout(0.25), np.ones((100, 100))
    out = layer(tg.Tensor(x)).data
    assert set(np.unique(out)) == {0, 1 / 0.75}
    assert np.mean(out == 0) == pytest.approx(0.25, abs=0.02)
    assert np.array_equal(layer.eval()(tg.Tensor(x)).data, x)
    with pytest.raises(ValueError, match=r"Dropout: p must be a probability, got 1\.5"):
        nn.Dropout(1.5)


def test_an_embedding_looks_rows_up_and_its_padding_gets_no_gradient() -> None:
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert np.array_equal(layer.weight.data[4], np.zeros(3)) and np.all(layer.weight.data[:4] != 0)
    out = layer(np.array([[0, 4], [0, 2]]))
    assert np.array_equal(out.data, layer.weight.data[[[0, 4], [0, 2]]])
    out.sum().backward()
    assert layer.weight.grad is not None
    assert np.array_equal(layer.weight.grad.data, np.array([2, 0, 1, 0, 0])[:, None] * np.ones(3))
    with pytest.raises(ValueError, match="padding_idx=5 is none of the 5 rows"):
        nn.Embedding(5, 3, padding_idx=5)


@pytest.mark.parametrize(("layer", "shape"), [(nn.BatchNorm1d(4), (6, 4)), (nn.BatchNorm2d(4), (3, 4, 2, 5))])
def test_batch_norm_learns_in_training_and_then_stays(layer: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * 3 + 1
    axes = (0, *range(2, len(shape)))
    out = layer(tg.Tensor(x)).data
    np.testing.assert_allclose(out.mean(axis=axes), np.zeros(4), atol=1e-6)
    np.testing.assert_allclose(out.std(axis=axes), np.ones(4), rtol=1e-4)
    np.testing.assert_allclose(layer.running_mean.data, 0.1 * x.mean(axis=axes), rtol=1e-4)
    np.testing.assert_allclose(layer.running_var.data, 0.9 + 0.1 * x.var(axis=axes, ddof=1), rtol=1e-4)
    assert layer.running_mean.dtype == layer.running_var.dtype == np.float32

    state = layer.eval().state_dict()
    assert list(state) == BATCH_NORM and state["num_batches_tracked"] == 1
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    along = (1, 4, *[1] * (len(shape) - 2))
    mean, var = (state[name].reshape(along) for name in ("running_mean", "running_var"))
    np.testing.assert_allclose(layer(tg.Tensor(x)).data, (x - mean) / np.sqrt(var + 1e-5), rtol=1e-4, atol=1e-6)
    assert all(np.array_equal(a, state[name]) for name, a in layer.state_dict().items())


def test_batch_norm_refuses_another_number_of_axes() -> None:
    with pytest.raises(ValueError, match=r"BatchNorm2d: x has shape \(2, 4\), but 4 axes are needed"):
        nn.BatchNorm2d(4)(np.ones((2, 4)))
    with pytest.raises(ValueError, match="but 2 or 3 axes are needed"):
        nn.BatchNorm1d(4)(np.ones((2, 4, 1, 1)))
    assert list(nn.BatchNorm3d(4, affine=False).state_dict()) == BATCH_NORM[2:]


def test_layer_norm_is_over_the_last_axes() -> None:
    layer = nn.LayerNorm((4, 5))
    out = layer(tg.Tensor(np.random.default_rng(0).standard_normal((3, 2, 4, 5)).astype(np.float32))).data
    np.testing.assert_allclose(out.mean(axis=(2, 3)), np.zeros((3, 2)), atol=1e-6)
    np.testing.assert_allclose(out.std(axis=(2, 3)), np.ones((3, 2)), rtol=1e-4)
    assert nn.LayerNorm(5, bias=False).state_dict().keys() == {"weight"}


def test_an_empty_batch_passes() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 5))
    assert net(np.ones((0, 1, 8, 8), np.float32)).shape == (0, 5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nn.Linear(0, 2), "Linear: in_features must be a positive integer, got 0"),
        (lambda: nn.Linear(2, 2.5), "Linear: out_features must be a positive integer, got 2.5"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: groups=2 must divide both in_channels=3 and out_channels=4"),
        (lambda: nn.Conv2d(3, 4, 0), "Conv2d: kernel_size must be"),
        (lambda: nn.ConvTranspose1d(3, 4, (1, 2, 3)), "ConvTranspose1d: kernel_size must be"),
    ],
)
def test_layers_refuse_sizes_that_cannot_be(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_sequential_is_its_modules_in_order() -> None:
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    x = np.ones((1, 2), np.float32)
    assert np.array_equal(net(x).data, c(b(a(x))).data)
    assert list(net) == [a, b, c] and len(net) == 3 and net[-1] is c
    assert list(net[:2]) == [a, b]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert nn.Sequential()(x) is x
    with pytest.raises(TypeError, match="item '1' is a builtin_function_or_method"):
        nn.Sequential(a, max)  # type: ignore[arg-type]


def test_pytorch_loads_the_same_state_and_agrees() -> None:
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(36, 5)
    )
    theirs.load_state_dict({name: torch.tensor(np.array(a)) for name, a in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((3, 1, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-4, atol=1e-6)
