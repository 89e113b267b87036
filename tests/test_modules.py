"""Modules: what is inside, silent mistakes that get a sentence, containers, layers made from functions."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.nn import module as modules
from tinygrad_lite.nn import stateless

X = np.random.default_rng(0).standard_normal((2, 4, 9, 9)).astype(np.float32)


class Net(nn.Module):
    def __init__(self) -> None:
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x))


# ------------------------------------------------------------------------------------------------- what is inside


def test_everything_inside_has_pytorchs_names() -> None:
    net = Net()
    assert [name for name, _ in net.named_children()] == ["body", "head"]
    assert list(net.children()) == [net.body, net.head]
    assert list(net.modules()) == [net, net.body, net.body[0], net.body[1], net.head]
    assert [name for name, _ in net.named_buffers()] == [
        "body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked",
    ]  # fmt: skip
    assert list(net.buffers()) == [t for _, t in net.named_buffers()]
    assert net.get_submodule("body.1") is net.body[1] and net.get_submodule("") is net
    assert net.get_parameter("head.bias") is net.head.bias
    assert net.get_buffer("body.1.running_var") is dict(net.named_buffers())["body.1.running_var"]
    for method, target in (("get_submodule", "tail"), ("get_parameter", "head.w"), ("get_buffer", "head.bias")):
        with pytest.raises(AttributeError, match=f"^{method}: Net has no '{target}'; it has body"):
            getattr(net, method)(target)


def test_apply_calls_a_function_on_the_innermost_first() -> None:
    net, seen = Net(), list[Any]()
    assert net.apply(seen.append) is net
    assert seen == [net.body[0], net.body[1], net.body, net.head, net]


def test_parameters_are_frozen_and_unfrozen_and_buffers_stay_buffers() -> None:
    net = Net()
    names = [name for name, _ in net.named_parameters()]
    assert net.requires_grad_(False) is net and list(net.parameters()) == []
    assert [name for name, _ in net.requires_grad_().named_parameters()] == names
    net(np.ones((2, 3), np.float32))
    net.head.weight.requires_grad_(False)  # by itself, as one does for fine-tuning
    assert [name for name, _ in net.requires_grad_().named_parameters()] == names


def test_a_buffer_may_be_registered_at_any_time_and_kept_out_of_the_state() -> None:
    net = nn.ReLU()
    net(X)
    net.register_buffer("mean", np.zeros(2))
    net.register_buffer("mask", np.tri(3, dtype=bool), persistent=False)
    net.register_buffer("later", None)
    assert isinstance(net.mean, tg.Tensor) and net.mask.dtype == bool  # type: ignore[attr-defined]
    assert list(net.state_dict()) == ["mean"]
    assert net.later is None  # type: ignore[attr-defined]


def test_a_model_goes_to_another_dtype_with_its_optimiser() -> None:
    net = Net()
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    assert net.to(np.float64) is net
    assert {t.dtype for t in net.parameters()} == {np.dtype(np.float64)}
    assert net.get_buffer("body.1.num_batches_tracked").dtype == np.int64
    before = net.head.weight.data
    (net(np.arange(6.0).reshape(2, 3)) ** 2).sum().backward()
    optimizer.step()
    assert not np.array_equal(net.head.weight.data, before)
    for other in (np.int64, "cuda", None, 3):
        with pytest.raises(TypeError, match=r"Net\.to: needs a floating dtype, as np.float64, or an array .*, got "):
            net.to(other)


# --------------------------------------------------------------------------------------------- silent mistakes


def test_hooks_see_and_replace_what_goes_in_and_what_comes_out() -> None:
    layer, seen = nn.Identity(), []
    layer.register_forward_pre_hook(lambda module, args: seen.append(("in", module, args)))
    doubled = layer.register_forward_pre_hook(lambda module, args: args[0] * 2)  # alone, for a tuple of one
    added = layer.register_forward_hook(lambda module, args, out: out + args[0])
    layer.register_forward_hook(lambda module, args, out: seen.append(("out", args, out)), prepend=True)
    assert layer(3) == 12
    assert seen == [("in", layer, (3,)), ("out", (6,), 6)]
    with added:
        assert layer(3) == 12
    assert layer(3) == 6
    for handle in (doubled, doubled, added):
        handle.remove()
    assert layer(3) == 3


def test_hooks_see_keywords_where_they_ask_for_them() -> None:
    class Scale(nn.Module):
        def forward(self, x: Any, scale: float = 1) -> Any:
            return x * scale

    layer, calls = Scale(), []
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"scale": kwargs["scale"] + 1}), with_kwargs=True)
    layer.register_forward_pre_hook(lambda m, args, kwargs: calls.append(kwargs), with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, out: (args, kwargs, out), with_kwargs=True)
    assert layer(5, scale=2) == ((5,), {"scale": 3}, 15)
    assert calls == [{"scale": 3}]


def test_a_copy_has_the_hooks_of_its_own_and_a_hooks_ops_lie_in_the_modules_scope() -> None:
    layer = nn.Linear(2, 2)
    handle = layer.register_forward_hook(lambda module, args, out: np.exp(out))
    again = copy.deepcopy(layer)
    out = layer(np.ones((1, 2)))
    handle.remove()
    assert np.array_equal(again(np.ones((1, 2))).data, out.data) and list(layer.state_dict()) == ["weight", "bias"]
    assert out.scope[1] is layer and out.op.name == "exp"
    assert np.array_equal(np.exp(layer(np.ones((1, 2))).data), out.data)


def test_dtypes_by_name() -> None:
    layer: Any = nn.BatchNorm1d(3)
    for cast, dtype in ((layer.double, np.float64), (layer.half, np.float16), (layer.float, np.float32)):
        assert cast() is layer and layer.running_mean.dtype == layer.weight.dtype == dtype
        assert layer.num_batches_tracked.dtype == np.int64


def test_a_weight_that_is_a_result_is_refused() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            self.w = tg.Tensor(np.ones((3, 2)), requires_grad=True) * 0.01

        def forward(self, x: Any) -> Any:
            return x @ self.w

    said = "Scaled: w is the result of multiply, not a leaf, so it would be neither trained nor saved: compute its"
    for use in (lambda m: m(np.ones((1, 3))), lambda m: list(m.named_parameters()), lambda m: m.state_dict()):
        with pytest.raises(ValueError, match=said):
            use(Scaled())
    with tg.no_grad():
        assert list(Scaled().state_dict()) == ["w"]  # a constant: saved


def test_a_buffer_that_forward_sets_to_a_result_stays_in_the_state() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            self.mean = tg.Tensor(np.zeros(2))
            self.kept = [tg.Tensor(np.zeros(2))]

        def forward(self, x: Any) -> Any:
            self.mean = 0.5 * self.mean + 0.5 * np.mean(x, axis=0)
            self.kept[0] = self.mean * 2
            return x - self.mean

    net, x = Mean(), tg.Tensor([[2.0, 4.0]], requires_grad=True)
    net(x)
    state = net.state_dict()
    assert list(state) == ["mean", "kept.0"] and np.array_equal(state["mean"], [1, 2])
    assert list(net.parameters()) == []
    net(x)
    net.load_state_dict(state)
    assert np.array_equal(net.mean.data, [1, 2]) and np.array_equal(net.kept[0].data, [2, 4])
    assert net.mean.op is None and list(net.state_dict()) == ["mean", "kept.0"]


class Memory(nn.Module):
    def __init__(self, detached: bool) -> None:
        self.cell, self.h, self.detached = nn.RNNCell(2, 3), tg.Tensor(np.zeros((1, 3), np.float32)), detached

    def forward(self, x: Any) -> Any:
        out = self.cell(x, self.h)
        self.h = out.detach() if self.detached else out
        return out


def test_a_state_that_is_kept_with_its_graph_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "KEPT_CALLS", 4)
    with pytest.warns(UserWarning, match="Memory: the graph of h goes back through 4 calls, so memory grows") as seen:
        net = Memory(detached=False)
        for _ in range(20):
            net(np.ones((1, 2), np.float32))
    assert len(seen) == 1 and seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detached, last = Memory(detached=True), nn.Sequential(nn.Linear(2, 2))
        for _ in range(20):
            detached(np.ones((1, 2), np.float32))
            last.kept = last(np.ones((1, 2), np.float32))  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------------------- the state


def test_what_does_not_match_is_returned_without_strict_and_the_rest_is_set() -> None:
    net, state = Net(), Net().state_dict()
    state["extra"] = state.pop("head.bias")
    assert net.load_state_dict(state, strict=False) == (["head.bias"], ["extra"])
    assert np.array_equal(net.head.weight.data, state["head.weight"])
    keys = net.load_state_dict(net.state_dict())
    assert keys.missing_keys == keys.unexpected_keys == []


def test_a_tied_weight_is_set_by_either_of_its_names() -> None:
    net = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    net[1].weight = net[0].weight
    assert list(net.state_dict()) == ["0.weight"]
    new = np.full((3, 3), 2.0)
    for state in ({"0.weight": new}, {"1.weight": new + 1}, {"0.weight": new, "1.weight": new}):
        net.load_state_dict(state)
        assert np.array_equal(net[1].weight.data, next(iter(state.values())))


def test_a_state_is_loaded_in_the_tensors_memory_order() -> None:
    layer = nn.Linear(3, 2)
    layer.weight.data = np.asfortranarray(layer.weight.data)
    new = np.arange(6.0).reshape(2, 3)
    layer.load_state_dict({"weight": new, "bias": np.zeros(2)})
    assert layer.weight.data.flags.f_contiguous and np.array_equal(layer.weight.data, new)


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        (None, TypeError, "needs arrays by name, as state_dict.. gives, not a NoneType"),
        ([("weight", 1)], TypeError, "needs arrays by name"),
        ({"weight": "1", "bias": [0, 1]}, TypeError, "weight must be an array of numbers, got a str"),
        ({"weight": [[1], [1, 2]], "bias": [0, 1]}, TypeError, "weight must be an array of numbers, got a list"),
        ({"weight": None, "bias": [0, 1]}, TypeError, "weight must be an array of numbers, got a NoneType"),
    ],
)
def test_a_state_that_is_none_is_refused(state: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=f"^load_state_dict: Linear: {said}"):
        nn.Linear(3, 2).load_state_dict(state)


def test_pytorchs_tensors_are_loaded_as_they_are() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 3))
    ours = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.LSTM(4, 3))
    ours.load_state_dict(theirs.state_dict())
    for name, a in theirs.state_dict().items():
        assert np.array_equal(ours.state_dict()[name], a.numpy())


class Small(nn.Module):
    """Convolution, norm, recurrence, dropout: what rounds differently in another memory order."""

    def __init__(self) -> None:
        self.conv, self.norm = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.lstm, self.out = nn.LSTM(8, 5), nn.Linear(5, 3)

    def forward(self, x: Any) -> Any:
        x = tg.dropout(tg.relu(self.norm(self.conv(x))), 0.2, self.training)
        return self.out(self.lstm(np.mean(x, axis=1))[0][:, -1])


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "NAdam"])
def test_training_goes_on_from_files_to_the_last_bit(suffix: str, kind: str, tmp_path: Path) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((24, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 24)

    def made() -> tuple[Any, Any, Any]:
        tg.manual_seed(0)
        net = Small()
        settings = {"momentum": 0.9} if kind == "SGD" else {}
        optimizer = getattr(tg.optim, kind)(net.parameters(), lr=0.01, **settings)
        return net, optimizer, tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)

    def train(net: Any, optimizer: Any, scheduler: Any, epochs: range) -> None:
        for epoch in epochs:
            tg.manual_seed(epoch)
            for a, b in tg.data.batches(x, y, batch_size=8, seed=epoch):
                loss = tg.cross_entropy(net(a), b)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            scheduler.step()

    whole, first, second = made(), made(), made()
    train(*whole, range(8))
    train(*first, range(4))
    for i, part in enumerate(first):
        tg.save(part.state_dict(), tmp_path / f"{i}{suffix}")
        second[i].load_state_dict(tg.load(tmp_path / f"{i}{suffix}"))
    train(*second, range(4, 8))
    for name, a in whole[0].state_dict().items():
        assert np.array_equal(a, second[0].state_dict()[name]), name
    assert whole[1].lr == second[1].lr


# ----------------------------------------------------------------------------------------------------- containers


def test_a_sequential_is_a_list() -> None:
    a, b, c, d = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), nn.Tanh()
    net = nn.Sequential(a)
    assert net.append(c) is net and net.insert(1, b) is net and net.extend([d]) is net
    assert list(net) == [a, b, c, d] and [name for name, _ in net.named_children()] == ["0", "1", "2", "3"]
    assert net.pop(1) is b and list(net) == [a, c, d]
    net[1] = b
    del net[0]
    assert list(net) == [b, d] and list(net + [a]) == [b, d, a] and isinstance(net + [a], nn.Sequential)
    net += nn.Sequential(c)
    assert list(net) == [b, d, c]
    for use, error, said in (
        (lambda: net[5], IndexError, "Sequential: list index out of range: 5 of 3 items"),
        (lambda: net["0"], TypeError, "Sequential: list indices must be integers .* '0' of 3 items"),
        (lambda: net.append(3), TypeError, "Sequential: needs modules, but item '3' is a int"),
    ):
        with pytest.raises(error, match=said):
            use()


def test_a_sequential_of_a_dict_has_its_names() -> None:
    net = nn.Sequential({"hidden": nn.Linear(2, 3), "act": nn.ReLU(), "out": nn.Linear(3, 1)})
    assert list(net.state_dict()) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert list(net[:2].state_dict()) == ["hidden.weight", "hidden.bias"]
    assert net.hidden is net[0]  # type: ignore[attr-defined]
    for name in ("a.b", "forward", "training", "", 3):
        with pytest.raises(KeyError, match="can't be a name"):
            nn.Sequential({name: nn.ReLU()})  # type: ignore[dict-item]


def test_lists_and_dicts_of_modules_and_parameters() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            self.layers = nn.ModuleList([nn.Linear(2, 2, bias=False)]).append(nn.ReLU())
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1, bias=False)})
            self.scales = nn.ParameterList([tg.Tensor(1.0, requires_grad=True)])
            self.shifts = nn.ParameterDict({"b": tg.Tensor(2.0, requires_grad=True)})

    holder = Holder()
    assert list(holder.state_dict()) == ["layers.0.weight", "heads.a.weight", "scales.0", "shifts.b"]
    assert len(holder.layers) == 2 and "a" in holder.heads and list(holder.heads.keys()) == ["a"]
    holder.heads["c"] = nn.ReLU()
    assert list(holder.heads) == ["a", "c"]
    del holder.heads["a"]
    assert len(holder.heads) == 1 and hash(holder.heads) and holder.heads != nn.ModuleDict({"c": holder.heads["c"]})
    for use, error, said in (
        (lambda: holder.heads["x"], KeyError, "ModuleDict: there is no 'x'; there is c"),
        (lambda: holder.heads.update(x=3), TypeError, "ModuleDict: needs modules, but item 'x' is a int"),
        (lambda: holder.scales.append(3.0), TypeError, "ParameterList: needs tensors, but item '1' is a float"),
        (lambda: nn.ModuleList([3]), TypeError, "ModuleList: needs modules, but item '0' is a int"),  # type: ignore[list-item]
    ):
        with pytest.raises(error, match=said):
            use()


# ------------------------------------------------------------------------------------- layers made from functions

MADE = [getattr(nn, name) for name in vars(stateless)["__all__"]]


@pytest.mark.parametrize("layer", MADE, ids=lambda layer: layer.__name__)
def test_a_made_layer_has_its_functions_docstring_and_arguments(layer: Any) -> None:
    parameters = list(inspect.signature(layer.function).parameters.values())
    expected = [p for p in parameters[layer.inputs :] if p.name not in ("training", *layer.fixed)]
    if layer.function.__name__.startswith("max_pool"):  # PyTorch's layers have the last two in the other order
        expected[-2:] = expected[:-3:-1]
    assert list(inspect.signature(layer).parameters.values()) == expected
    assert layer.__doc__.startswith(f"`{layer.function.__name__}` as a layer") and len(layer.__doc__) > 30
    assert layer.__module__ == "tinygrad_lite.nn.stateless" and getattr(nn, layer.__name__) is layer
    with pytest.raises(TypeError, match=rf"^{layer.__name__}: .*'inplace'; it takes "):
        layer(**{p.name: 1 for p in inspect.signature(layer).parameters.values()}, inplace=True)


def test_a_made_layer_is_a_class_like_others() -> None:
    layer = nn.MaxPool2d(2, padding=1)
    assert isinstance(layer, nn.MaxPool2d) and layer.kernel_size == 2
    for twin in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(twin) is nn.MaxPool2d and repr(twin) == "MaxPool2d(kernel_size=2, padding=1)"
        assert np.array_equal(twin(X), layer(X))
    layer.kernel_size = 3
    assert np.array_equal(layer(X), tg.max_pool2d(X, 3, padding=1))
    with pytest.raises(TypeError, match=r"MaxPool2d: missing a required argument: 'kernel_size'; it takes kernel_"):
        nn.MaxPool2d()

    class Double(nn.LeakyReLU):  # type: ignore[misc, valid-type]
        def __init__(self, slope: float) -> None:
            super().__init__(2 * slope)

    assert list(inspect.signature(Double).parameters) == ["slope"]
    assert np.allclose(Double(0.1)(np.array([-1.0])), -0.2)


def test_weights_of_a_loss_are_part_of_its_state() -> None:
    loss = nn.CrossEntropyLoss(weight=np.array([1.0, 2.0]), reduction="sum")
    assert list(loss.state_dict()) == ["weight"] and list(loss.parameters()) == []
    assert repr(loss) == "CrossEntropyLoss(weight=shape (2,) float64, reduction='sum')"
    logits, target = np.array([[1.0, 2.0], [0.5, 0.1]]), np.array([0, 1])
    assert loss(logits, target) == tg.cross_entropy(logits, target, np.array([1.0, 2.0]), reduction="sum")


# ------------------------------------------------------------------------------------------------------ batch norm


def test_without_momentum_the_running_statistics_are_the_mean_of_all_batches() -> None:
    layer, batches = nn.BatchNorm1d(3, momentum=None), np.random.default_rng(0).standard_normal((5, 8, 3))
    for x in batches:
        layer(x)
    mean, var = batches.mean(axis=(0, 1)), batches.var(axis=1, ddof=1).mean(axis=0)
    np.testing.assert_allclose(layer.get_buffer("running_mean").data, mean, rtol=1e-5)
    np.testing.assert_allclose(layer.get_buffer("running_var").data, var, rtol=1e-5)
    assert layer.get_buffer("num_batches_tracked").item() == 5


def test_without_running_statistics_each_batch_is_normalised_by_its_own() -> None:
    layer = nn.BatchNorm1d(3, affine=False, track_running_stats=False).eval()
    out = layer(np.random.default_rng(0).standard_normal((50, 3)))
    np.testing.assert_allclose(out.mean(axis=0), np.zeros(3), atol=1e-12)
    assert layer.state_dict() == {}


# ------------------------------------------------------------------------------------------------------- messages


OTHER: Any = "other"


@pytest.mark.parametrize(
    ("use", "error", "said"),
    [
        (lambda: nn.LSTM(3, 0), ValueError, "LSTM: hidden_size must be a positive integer, got 0"),
        (lambda: nn.GRU(3, 4, dropout=2), ValueError, "GRU: dropout must be a probability, got 2"),
        (lambda: nn.LSTM(3, 4, 2, False, 0.5), TypeError, "LSTM: batch_first must be True or False, got 0.5"),  # type: ignore[arg-type]
        (lambda: nn.Linear(3, 4, np.float64), TypeError, "Linear: bias must be True or False, got <class"),  # type: ignore[arg-type]
        (lambda: nn.RNN(3, 4, nonlinearity=OTHER), ValueError, "RNN: nonlinearity must be 'tanh' or 'relu'"),
        (lambda: nn.RNN(3, 4)(np.ones((5, 2, 4))), ValueError, r"RNN: x has shape \(5, 2, 4\).*input_size=3 along"),
        (lambda: nn.GRUCell(3, 4)(np.ones((2, 3)), np.ones((2, 3))), ValueError, "GRUCell: hx needs 1 state of"),
        (lambda: nn.LSTM(3, 4)(np.ones((5, 2, 3)), np.ones((1, 2, 4))), ValueError, "LSTM: hx needs 2 state"),
        (lambda: nn.MultiheadAttention(6, 4), ValueError, "MultiheadAttention: num_heads=4 must divide embed_dim=6"),
        (lambda: nn.AlphaDropout(1.5), ValueError, "AlphaDropout: p must be a probability, got 1.5"),
        (lambda: nn.Dropout2d(0.5)(np.ones(3)), ValueError, r"dropout2d: x must have 4 axes \(N, C, then 2 spatial\)"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "LSTM: proj_size must be below hidden_size=4, got 4"),
        (lambda: nn.EmbeddingBag(3, 4, mode=OTHER), ValueError, "EmbeddingBag: mode must be 'sum' or 'mean' or 'max'"),
        (lambda: nn.EmbeddingBag(3, 4, padding_idx=3), ValueError, "EmbeddingBag: padding_idx=3 is none of the 3 rows"),
        (lambda: nn.Softmax2d()(np.ones(3)), ValueError, r"softmax2d: x must be \(N, C, H, W\) or"),
        (lambda: nn.Transformer(6, 4), ValueError, "MultiheadAttention: num_heads=4 must divide embed_dim=6"),
        (lambda: nn.Transformer(9, 3, 1, 1, 8)(X[0], X[0], tgt_is_causal=True), ValueError, "is_causal is a hint"),
        (lambda: nn.TransformerEncoderLayer(9, 3, 8)(X[0], is_causal=True), ValueError, "is_causal is a hint about"),
        (lambda: nn.LSTM(6, 4)(np.ones((0, 2, 6))), ValueError, "LSTM: a sequence needs a step at least, got none"),
        (lambda: nn.utils.rnn.pad_sequence([]), ValueError, "pad_sequence: there are no sequences"),
        (lambda: nn.utils.rnn.pad_sequence([X], padding_side=OTHER), ValueError, "padding_side must be 'left' or 'ri"),
        (lambda: nn.utils.rnn.pack_padded_sequence(np.ones((3, 0)), []), ValueError, r"no sequences .* \(3, 0\)"),
        (lambda: nn.ReLU().register_forward_hook(OTHER), TypeError, "a hook must be a function, got 'other'"),
        (lambda: nn.Linear(3), TypeError, "Linear: missing .*'out_features'; it takes in_features"),  # type: ignore[call-arg]
        (lambda: nn.GroupNorm(2, 3), ValueError, "GroupNorm: num_groups=2 must divide num_channels=3"),
        (lambda: nn.GroupNorm(2, 4)(np.ones((1, 6))), ValueError, r"GroupNorm: x has shape \(1, 6\), but"),
        (lambda: nn.LayerNorm(0), ValueError, "LayerNorm: normalized_shape must be one or more positive"),
        (lambda: nn.Conv2d(1, 1, 3, padding_mode=OTHER), ValueError, "Conv2d: padding_mode must be 'zeros' or 're"),
        (lambda: nn.Linear(True, 2), ValueError, "Linear: in_features must be a positive integer, got True"),
        (lambda: nn.Dropout("0.5"), TypeError, "Dropout: p must be a probability, got '0.5'"),  # type: ignore[arg-type]
        (lambda: nn.Embedding.from_pretrained(np.ones(3)), ValueError, r"from_pretrained: needs \(rows, width\), got"),
        (lambda: nn.Flatten(2, 1)(X), ValueError, "start_axis=2 comes after end_axis=1"),
        (lambda: nn.Unflatten(1, (3, 2))(X), ValueError, "its axis 1 can't have the sizes"),
        (lambda: nn.ZeroPad2d((1, 2))(X), ValueError, "padding must be an integer or 4 of them"),
        (lambda: nn.init.xavier_normal_(tg.Tensor([1.0])), ValueError, r"xavier_normal_: needs .* shape \(1,\)"),
        (lambda: nn.init.calculate_gain("swish"), ValueError, "calculate_gain: unknown nonlinearity 'swish'"),
        (lambda: nn.init.kaiming_normal_(tg.Tensor(X), mode="in"), ValueError, "mode must be 'fan_in' or 'fan_out'"),
        (lambda: nn.init.trunc_normal_(tg.Tensor(X), a=90, b=91), ValueError, "too little to draw from"),
        (lambda: nn.utils.clip_grad_norm_([3], 1.0), TypeError, "clip_grad_norm_: needs tensors, not a int"),  # type: ignore[list-item]
        (lambda: nn.utils.vector_to_parameters(np.ones(3), [tg.Tensor(1.0)]), ValueError, "needs a vector of 1 "),
    ],
)
def test_what_cannot_be_is_named(use: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        use()


def test_an_embedding_of_given_rows_is_frozen() -> None:
    rows = np.arange(6.0).reshape(3, 2)
    layer = nn.Embedding.from_pretrained(rows)
    assert np.array_equal(layer(np.array([2, 0])).data, rows[[2, 0]]) and list(layer.parameters()) == []
    assert len(list(nn.Embedding.from_pretrained(rows, freeze=False).parameters())) == 1
    assert nn.Embedding.from_pretrained(rows, True, 1).padding_idx == 1
    bag = nn.EmbeddingBag.from_pretrained(rows, mode="max")
    assert np.array_equal(bag(np.array([[0, 2], [1, 0]])).data, rows[[2, 1]])


def test_parameters_make_a_vector_through_which_gradients_flow_and_are_set_by_one() -> None:
    net = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(net.parameters())
    (vector * np.arange(8)).sum().backward()
    assert np.array_equal(net.get_parameter("bias").grad.data, [6, 7])
    nn.utils.vector_to_parameters(np.arange(8.0), net.parameters())
    assert np.array_equal(net.weight.data, np.arange(6.0).reshape(2, 3))


def test_a_norm_of_gradients_that_is_not_finite_can_be_an_error() -> None:
    p = tg.Tensor([1.0], requires_grad=True)
    p.grad = tg.Tensor([np.nan])
    with pytest.raises(RuntimeError, match="clip_grad_norm_: the gradients' norm is nan"):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    p.grad = np.array([3.0])
    assert nn.utils.clip_grad_norm_([p], 1.0) == 3 and np.isclose(p.grad.data, 1)


def test_inside_checkpoint_a_batch_is_counted_once() -> None:
    x = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
    states = []
    for wrap in (lambda f: f, tg.checkpoint):
        tg.manual_seed(0)
        layer: Any = nn.BatchNorm1d(3)
        net = nn.Sequential(nn.Linear(3, 3), layer)
        wrap(net)(tg.Tensor(x, requires_grad=True)).sum().backward()
        states.append(layer.state_dict())
    assert states[0]["num_batches_tracked"] == states[1]["num_batches_tracked"] == 1
    assert all(np.array_equal(a, states[1][name]) for name, a in states[0].items())


def test_an_empty_batch_is_not_counted() -> None:
    layer: Any = nn.BatchNorm1d(3)
    layer(np.ones((0, 3), np.float32))
    assert np.array_equal(layer.state_dict()["running_mean"], np.zeros(3))
    assert layer.state_dict()["num_batches_tracked"] == 0
