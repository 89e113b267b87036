"""What a rule makes is made in the library of its input: the same code runs on CuPy's arrays, here on a stand-in."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn, optim

from . import fake_cupy as cupy
from . import gpu
from .cases import Case, all_cases
from .gpu import GPT, lenet
from .test_ops_readme import HEAD
from .test_refusals import VALID

CASES = all_cases()
# CuPy has no Bessel functions of any order, and no ζ under the name of SciPy's ufunc.
LACKING = {"bessel_i", "bessel_ie", "i0", "lgamma", "digamma", "polygamma"}


def to_second_order(case: Case, put: Callable[[Any], Any]) -> list[Any]:
    """The value, the gradients of Σ tanh of it, and the gradients of their squares."""
    xs = [tg.Tensor(put(np.asarray(x, np.float64)), requires_grad=True) for x in case.inputs]
    out = case.f(*xs)
    first = [g for g in tg.grad(lambda *xs: np.sum(np.tanh(case.f(*xs))), range(len(xs)))(*xs) if g is not None]
    found = [out.data, *(g.data for g in first)]
    np.sum(np.tanh(out)).backward(create_graph=True)
    energy = sum((np.sum(x.grad * x.grad) for x in xs if x.grad is not None), start=0.0)
    for x in xs:
        x.zero_grad()
    if isinstance(energy, tg.Tensor) and energy.requires_grad:
        energy.backward()
    return found + [x.grad.data for x in xs if x.grad is not None]


@pytest.mark.parametrize("name", sorted(CASES.keys() - LACKING))
def test_an_op_to_second_order_is_numpys_and_stays_on_the_device(name: str) -> None:
    for case in CASES[name]:
        expected, found = to_second_order(case, np.array), to_second_order(case, cupy.asarray)
        assert len(found) == len(expected)
        for a, b in zip(found, expected):
            assert isinstance(a, cupy.ndarray), f"a {type(a)} came out"
            np.testing.assert_allclose(a.inner, b, rtol=1e-9, atol=1e-12)


def test_the_page_says_how_many_ops_do() -> None:
    assert CASES.keys() > LACKING
    said = f"{len(CASES) - len(LACKING)} of the {len(CASES)} ops"
    assert any(said in part for part in HEAD.split("\n- ") if part.startswith("**CuPy's**"))


@pytest.mark.parametrize("name", sorted(LACKING))
def test_what_cupy_lacks_is_said(name: str) -> None:
    with pytest.raises(TypeError, match=r"^\w+: .*the arrays' library has no [\w.]+ for them"):
        for case in CASES[name]:
            to_second_order(case, cupy.asarray)


# ----------------------------------------------------------------------------------------------------------- training

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(8, 1, 28, 28)).astype(np.float32)
CLASSES = RNG.integers(0, 10, 8)
WORDS = RNG.integers(0, 20, (4, 12))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Dropout(0.2), nn.Linear(32, 10)
    )


def classified(model: nn.Module, x: Any, y: Any) -> Any:
    return F.cross_entropy(model(tg.Tensor(x)), y)


def predicted(model: nn.Module, words: Any, _: Any) -> Any:
    scores = model(words)
    return F.cross_entropy(scores[:, :-1].reshape(-1, 20), np.reshape(words[:, 1:], (-1,)))


LOOPS: dict[str, tuple[Any, Any, Any, Any]] = {
    "mlp": (mlp, classified, IMAGES, CLASSES),
    "lenet": (lenet, classified, IMAGES, CLASSES),
    "gpt": (GPT, predicted, WORDS, CLASSES),
}


def trained(
    make: Any, loss_of: Any, x: Any, y: Any, put: Callable[[Any], Any], optimizer: Any
) -> tuple[Any, list[Any]]:
    """The model after three steps, and its losses."""
    tg.manual_seed(0)
    model = make().to(put(np.empty(0)))
    step, losses = optimizer(model.parameters()), []
    for _ in range(3):
        loss = loss_of(model, put(x), put(y))
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return model, losses


@pytest.mark.parametrize("optimizer", [lambda p: optim.SGD(p, 0.1, momentum=0.9), optim.AdamW], ids=["SGD", "AdamW"])
@pytest.mark.parametrize("name", LOOPS)
def test_three_steps_are_numpys(name: str, optimizer: Any) -> None:
    _, expected = trained(*LOOPS[name], np.asarray, optimizer)
    model, losses = trained(*LOOPS[name], cupy.asarray, optimizer)
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    assert len(set(losses)) == 3
    assert all(isinstance(t.data, cupy.ndarray) for t in model.parameters())
    assert all(isinstance(t.data, cupy.ndarray) for t in model.buffers())


def test_a_lenet_step_launches_little_and_waits_for_nothing() -> None:
    model = lenet().to(cupy.asarray(0.0))
    x, y = cupy.asarray(IMAGES), cupy.asarray(CLASSES)
    step = optim.SGD(model.parameters(), 0.1)
    for _ in range(2):
        cupy.COUNTS.clear()
        loss = classified(model, x, y)
        step.zero_grad()
        loss.backward()
        step.step()
    assert cupy.COUNTS["launches"] <= 140
    assert cupy.COUNTS["synchronisations"] == 0


# --------------------------------------------------------------------------------------------- to the device and back


def test_to_an_arrays_library_and_back() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    before = model.state_dict()
    assert model.to(cupy.asarray(0.0)) is model
    assert all(isinstance(a, cupy.ndarray) for a in model.state_dict().values())
    assert {name: a.dtype for name, a in model.state_dict().items()} == {name: a.dtype for name, a in before.items()}
    assert model.to(tg.Tensor(cupy.asarray(0.0))) is model
    model.to(np.empty(0))
    for name, a in model.state_dict().items():
        assert isinstance(a, (np.ndarray, np.generic))
        np.testing.assert_array_equal(a, before[name])
    with pytest.raises(TypeError, match="to: needs a floating dtype"):
        model.to(np.int64)


def test_load_state_dict_keeps_each_tensors_library() -> None:
    here, there = nn.Linear(3, 2), nn.Linear(3, 2).to(cupy.asarray(0.0))
    there.load_state_dict(here.state_dict())
    assert isinstance(there.weight.data, cupy.ndarray)
    np.testing.assert_array_equal(there.weight.data.inner, here.weight.data)
    here.load_state_dict(nn.Linear(3, 2).to(cupy.asarray(0.0)).state_dict())
    assert isinstance(here.weight.data, np.ndarray)


def test_weights_on_the_device_are_saved_and_loaded(tmp_path: Any) -> None:
    model = nn.Linear(3, 2).to(cupy.asarray(0.0))
    tg.save(model.state_dict(), tmp_path / "weights.npz")
    np.testing.assert_array_equal(tg.load(tmp_path / "weights.npz")["weight"], model.weight.data.inner)


def test_an_optimizer_goes_on_on_the_device() -> None:
    def stepped(model: Any, step: Any, put: Any) -> Any:
        loss = np.sum(model(tg.Tensor(put(np.ones((4, 3), np.float32)))) ** 2)
        step.zero_grad()
        loss.backward()
        step.step()
        return tg.Tensor(model.weight.data).numpy()

    here = nn.Linear(3, 2)
    there = nn.Linear(3, 2).to(cupy.asarray(0.0))
    there.load_state_dict(here.state_dict())
    ours, theirs = optim.Adam(here.parameters()), optim.Adam(there.parameters())
    stepped(here, ours, np.asarray)
    theirs.load_state_dict(ours.state_dict())
    there.load_state_dict(here.state_dict())
    np.testing.assert_allclose(stepped(there, theirs, cupy.asarray), stepped(here, ours, np.asarray), rtol=1e-6)


def test_an_array_is_copied_on_entry() -> None:
    a = cupy.asarray(np.ones(3))
    t = tg.Tensor(a, requires_grad=True)
    mask = cupy.asarray(np.array([1.0, 0.0, 1.0]))
    loss = np.sum(t * mask * mask)
    a[...] = 5.0
    mask[...] = 7.0
    assert loss.item() == 2.0
    np.testing.assert_array_equal(t.numpy(), 1)
    loss.backward()
    np.testing.assert_array_equal(t.grad.numpy(), [1, 0, 1])


def test_numpy_asks_for_a_copy_from_the_device() -> None:
    t = tg.Tensor(cupy.asarray(np.arange(3.0)))
    assert isinstance(t.numpy(), np.ndarray)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(t)


def test_numpy_arrays_beside_a_tensor_go_to_the_device() -> None:
    t = tg.Tensor(cupy.asarray(np.arange(3.0)), requires_grad=True)
    for out in (t * np.arange(3), np.arange(3) + t, np.where(np.arange(3) > 1, t, 0), t[np.array([2, 0])], t[[1, 1]]):
        assert isinstance(out.data, cupy.ndarray)
        out.backward(np.ones(out.shape))
        assert isinstance(t.grad.data, cupy.ndarray)


DERIVATIVES: dict[str, Callable[[Any], Any]] = {
    "grad": lambda v: tg.grad(energy)(v),
    "hvp": lambda v: tg.hvp(energy, (v,), (v,)),
    "jvp": lambda v: tg.jvp(energy, (v,), (v,))[1],
    "vjp": lambda v: tg.vjp(np.sin, v)[1](v),
    "hessian": lambda v: tg.hessian(energy)(v),
    "jacobian": lambda v: tg.jacobian(np.sin)(v),
    "checkpoint": lambda v: tg.grad(tg.checkpoint(energy))(v),
}


def energy(x: Any) -> Any:
    return np.sum(np.sin(x) ** 2 * x)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_of_functions_stay_on_the_device(name: str) -> None:
    v = np.linspace(0.1, 0.9, 3)
    found, expected = DERIVATIVES[name](cupy.asarray(v)), DERIVATIVES[name](v)
    found = found.data if isinstance(found, tg.Tensor) else found
    assert isinstance(found, cupy.ndarray)
    np.testing.assert_allclose(found.inner, expected, rtol=1e-9)


def on_device(a: Any) -> Any:
    if not isinstance(a, np.ndarray):
        return a
    return tg.Tensor(cupy.asarray(a), requires_grad=True) if a.dtype.kind == "f" else cupy.asarray(a)


SPECIAL = {"digamma", "i0", "i0e", "i1", "i1e", "polygamma"}  # as LACKING


@pytest.mark.parametrize("name", sorted(VALID.keys() - SPECIAL))
def test_a_public_function_is_numpys_and_stays_on_the_device(name: str) -> None:
    tg.manual_seed(0)
    expected = getattr(F, name)(*VALID[name])
    tg.manual_seed(0)
    found = getattr(F, name)(*map(on_device, VALID[name]))
    expected, found = (out if isinstance(out, tuple) else (out,) for out in (expected, found))
    for a, b in zip(found, expected, strict=True):
        a = a.data if isinstance(a, tg.Tensor) else a
        assert isinstance(a, cupy.ndarray)
        np.testing.assert_allclose(a.inner, b, rtol=1e-7, atol=1e-10)
    if isinstance(found[0], tg.Tensor) and found[0].requires_grad:
        np.sum(found[0]).backward()


@pytest.mark.parametrize("make", [lambda: nn.LSTM(4, 3), lambda: nn.GRU(4, 3), lambda: nn.MultiheadAttention(4, 2)])
def test_layers_of_sequences_on_the_device(make: Callable[[], Any]) -> None:
    layer = make().to(cupy.asarray(0.0))
    x = tg.Tensor(cupy.asarray(RNG.normal(size=(2, 5, 4)).astype(np.float32)))
    mask = {"attn_mask": cupy.asarray(np.tri(2, dtype=bool).T == 0)}
    out = layer(x, x, x, **mask) if isinstance(layer, nn.MultiheadAttention) else layer(x)
    np.sum(out[0]).backward()
    assert all(isinstance(p.grad.data, cupy.ndarray) for p in layer.parameters())


def test_clipping_on_the_device() -> None:
    model = nn.Linear(3, 2).to(cupy.asarray(0.0))
    np.sum(model(tg.Tensor(cupy.asarray(np.ones((4, 3)))))).backward()
    before = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    after = nn.utils.get_total_norm([p.grad for p in model.parameters()])
    assert before > 1 and math.isclose(after, 1, rel_tol=1e-4)


def test_the_stand_in_refuses_what_cupy_refuses() -> None:
    a: Any = cupy.asarray(np.ones(3))
    for wrong in (
        lambda: np.asarray(a), lambda: a + np.ones(3), lambda: np.concatenate([a, np.ones(3)]), lambda: a.setflags(),
        lambda: np.sum(a, where=a > 0), lambda: np.add(a, 1, where=a > 0), lambda: np.maximum.accumulate(a),
        lambda: np.quantile(a, 0.5, weights=a), lambda: np.linalg.multi_dot([a, a]), lambda: np.insert(a, 0, 1.0),
    ):  # fmt: skip
        with pytest.raises((TypeError, AttributeError)), warnings.catch_warnings():
            wrong()


def test_the_script_for_a_gpu_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "SECONDS_FOR_OPS", 0.5)
    monkeypatch.setattr(gpu, "SECONDS_FOR_A_MODEL", 0.0)
    gpu.main(["--stand-in"])
    said = capsys.readouterr().out
    assert "time was up" in said
    assert all(f"\n{name}" in said for name in gpu.MODELS)
