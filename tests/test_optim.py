"""Optimisers against their formulas, written out for one number at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import optim

Step = Callable[[float, float], float]  # p, g -> the new p


def sgd(lr: float, momentum: float = 0, weight_decay: float = 0, nesterov: bool = False) -> Step:
    v = None

    def step(p: float, g: float) -> float:
        nonlocal v
        g = g + weight_decay * p
        v = g if v is None else momentum * v + g
        return p - lr * (g + momentum * v if nesterov else v if momentum else g)

    return step


def adam(
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0,
    decoupled: bool = False,
) -> Step:
    m = v = 0.0
    t = 0
    b1, b2 = betas

    def step(p: float, g: float) -> float:
        nonlocal m, v, t
        t += 1
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        return p - lr * (m / (1 - b1 ** t)) / (math.sqrt(v / (1 - b2 ** t)) + eps)

    return step


def adamw(lr: float, weight_decay: float = 0.01, **more: Any) -> Step:
    return adam(lr, weight_decay=weight_decay, decoupled=True, **more)


CASES: list[tuple[Any, Any, dict[str, Any]]] = [
    (optim.SGD, sgd, {"lr": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.3}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.Adam, adam, {"lr": 0.01}),
    (optim.Adam, adam, {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.2}),
    (optim.AdamW, adamw, {"lr": 0.1}),
    (optim.AdamW, adamw, {"lr": 0.1, "weight_decay": 0.5, "eps": 1e-3}),
]
IDS = [f"{kind.__name__}-{'-'.join(settings)}" for kind, _, settings in CASES]
START = np.random.default_rng(0).standard_normal((2, 3))


def run(kind: Any, settings: Any, dtype: Any = np.float64, steps: int = 7) -> Iterator[tg.Tensor]:
    """The parameter after each step on Σ (p² + sin 3p), whose slope is 2p + 3 cos 3p."""
    p = tg.Tensor(START, requires_grad=True, dtype=dtype)
    optimizer = kind([p], **settings)
    for _ in range(steps):
        p.grad = tg.Tensor(2 * p.data + 3 * np.cos(3 * p.data))
        optimizer.step()
        yield p


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_each_step_is_the_formula(kind: Any, formula: Any, settings: Any) -> None:
    expected, rules = START.copy(), {index: formula(**settings) for index in np.ndindex(START.shape)}
    for p in run(kind, settings):
        for index, rule in rules.items():
            expected[index] = rule(expected[index], 2 * expected[index] + 3 * math.cos(3 * expected[index]))
        np.testing.assert_allclose(p.data, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_float32_stays_float32(kind: Any, formula: Any, settings: Any) -> None:
    for p, exact in zip(run(kind, settings, np.float32), run(kind, settings)):
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.data, exact.data, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_pytorch_agrees(kind: Any, formula: Any, settings: Any) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(START, requires_grad=True)
    optimizer = getattr(torch.optim, kind.__name__)([theirs], **settings)
    for p in run(kind, settings):
        theirs.grad = 2 * theirs.detach() + 3 * torch.cos(3 * theirs.detach())
        optimizer.step()
        np.testing.assert_allclose(p.data, theirs.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_a_step_rebinds_so_an_old_graph_stays_right(kind: Any, formula: Any, settings: Any) -> None:
    p = tg.Tensor([1.0, 2.0], requires_grad=True)
    optimizer = kind([p], **settings)
    old, loss = p.data, (p * p).sum()
    for _ in range(3):
        p.grad = None
        loss.backward()
        assert p.grad is not None
        assert np.array_equal(p.grad.data, [2, 4])  # 2p at the p that the graph was made with
        optimizer.step()
    assert np.array_equal(old, [1, 2])
    assert not p.data.flags.writeable
    assert not np.array_equal(p.data, old)


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
@pytest.mark.parametrize("value", [3.0, np.zeros((0, 2))], ids=["scalar", "empty"])
def test_scalars_and_empty_arrays(kind: Any, formula: Any, settings: Any, value: Any) -> None:
    p = tg.Tensor(value, requires_grad=True)
    optimizer, rule, expected = kind([p], **settings), formula(**settings), 3.0
    for _ in range(3):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
        expected = rule(expected, 2 * expected)
    assert p.shape == np.shape(value)
    np.testing.assert_allclose(p.data, np.full(p.shape, expected))


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_a_saved_state_goes_on_to_the_last_bit(kind: Any, formula: Any, settings: Any) -> None:
    def steps(p: tg.Tensor, optimizer: optim.Optimizer, n: int) -> None:
        for _ in range(n):
            p.grad = tg.Tensor(np.sin(p.data))
            optimizer.step()

    for start in (START, START[0, 0]):
        p = tg.Tensor(start, requires_grad=True)
        first = kind([p], **settings)
        steps(p, first, 3)
        state, q = first.state_dict(), tg.Tensor(p.data, requires_grad=True)
        steps(p, first, 3)
        second = kind([q], lr=9.0)
        second.load_state_dict(state)
        steps(q, second, 3)
        assert np.array_equal(p.data, q.data)


def test_a_state_can_be_written_to_a_file(tmp_path: Any) -> None:
    p = tg.Tensor(START, requires_grad=True)
    a, b = optim.Adam([p], lr=0.5), optim.Adam([p])
    p.grad = tg.Tensor(START)
    a.step()
    tg.save(a.state_dict(), tmp_path / "optimizer.npz")
    b.load_state_dict(tg.load(tmp_path / "optimizer.npz"))
    assert b.lr == 0.5
    assert a.state_dict().keys() == b.state_dict().keys() >= {"steps.0", "mean.0", "square.0"}
    assert all(np.array_equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def test_a_parameter_without_gradient_is_left_alone() -> None:
    p, q = (tg.Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = optim.AdamW([p, q], weight_decay=0.5)
    p.grad = tg.Tensor([1.0])
    optimizer.step()
    assert p.data != 1 and q.data == 1
    assert "mean.1" not in optimizer.state_dict()


def test_a_parameter_given_twice_is_updated_once() -> None:
    p = tg.Tensor([1.0], requires_grad=True)
    p.grad = tg.Tensor([1.0])
    optim.SGD([p, p], lr=0.25).step()
    assert p.data == 0.75


def test_the_learning_rate_may_change() -> None:
    p = tg.Tensor([1.0], requires_grad=True, dtype=np.float32)
    optimizer = optim.SGD([p], lr=1.0)
    optimizer.lr = np.float64(0.25)
    p.grad = tg.Tensor([1.0])  # float64, as a gradient set by hand may be
    optimizer.step()
    assert p.data == 0.75 and p.dtype == np.float32
    with pytest.raises(ValueError, match="SGD: lr must be a finite number of at least 0, got -1"):
        optimizer.lr = -1


P = tg.Tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: optim.SGD([P], lr=-0.1), ValueError, "SGD: lr must be a finite number of at least 0, got -0.1"),
        (lambda: optim.SGD([P], lr=math.nan), ValueError, "lr must be a finite"),
        (lambda: optim.SGD([P], lr=math.inf), ValueError, "lr must be a finite"),
        (lambda: optim.SGD([P], momentum=1), ValueError, "momentum must be at least 0 and below 1, got 1"),
        (lambda: optim.SGD([P], weight_decay=-1), ValueError, "weight_decay must be"),
        (lambda: optim.SGD([P], nesterov=True), ValueError, "nesterov needs a momentum"),
        (lambda: optim.Adam([P], betas=(1, 0.9)), ValueError, r"Adam: betas\[0\] must be"),
        (lambda: optim.Adam([P], betas=(0.9, 1.5)), ValueError, r"betas\[1\] must be"),
        (lambda: optim.AdamW([P], eps=-1), ValueError, "AdamW: eps must be"),
        (lambda: optim.SGD([]), ValueError, "no parameters were given"),
        (lambda: optim.SGD([P * 2]), ValueError, "parameter 0 is the result of multiply"),
        (lambda: optim.SGD([P, tg.Tensor([1])]), ValueError, "parameter 1 is of dtype int64"),
        (lambda: optim.SGD([np.ones(3)]), TypeError, "parameter 0 is a ndarray, not a Tensor"),  # type: ignore[list-item]
    ],
)
def test_what_cannot_be_is_refused(make: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        (optim.SGD, (tg.nn.ReLU(), 1), r"SGD: needs tensors, not a ReLU; as in model.parameters\(\)"),
        (optim.SGD, (tg.nn.Linear(1, 1).named_parameters(),), "SGD: parameter 0 is a tuple, not a Tensor; as in model"),
        (optim.SGD, ([P], "0.1"), "SGD: lr must be a finite number of at least 0, got '0.1'"),
        (optim.SGD, ([P], np.ones(2)), "SGD: lr must be a finite number of at least 0, got array"),
        (optim.Adam, ([P], 0.1, 0.9), r"Adam: betas must be two numbers, as \(0.9, 0.999\), got 0.9"),
        (optim.AdamW, ([P], 0.1, (0.9,)), "AdamW: betas must be two numbers"),
    ],
)
def test_what_is_of_another_kind_is_refused(kind: Any, arguments: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        kind(*arguments)


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_a_gradient_set_by_hand_may_be_an_array_and_is_left_alone(kind: Any, formula: Any, settings: Any) -> None:
    p, q = (tg.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    ours, theirs = kind([p], **settings), kind([q], **settings)
    for _ in range(3):
        p.grad, q.grad = mine, _ = np.array([0.5, -1.0]), tg.Tensor([0.5, -1.0])
        ours.step()
        theirs.step()
        assert np.array_equal(mine, [0.5, -1])
    assert np.array_equal(p.data, q.data)
    with pytest.raises(ValueError, match=r"but its grad \(3,\)"):
        p.grad = np.ones(3)
        ours.step()


def test_a_gradient_of_another_shape_is_refused() -> None:
    p = tg.Tensor([1.0, 2.0], requires_grad=True)
    p.grad = tg.Tensor(1.0)
    with pytest.raises(ValueError, match=r"SGD: parameter 0 has shape \(2,\), but its grad \(\)"):
        optim.SGD([p]).step()


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ({}, KeyError, "missing lr"),
        ({"mean.1": START}, KeyError, "unexpected mean.1; there are 1 parameters"),
        ({"other.0": START}, KeyError, "unexpected other.0"),
        ({"mean.0": np.ones(3)}, ValueError, r"mean.0 has shape \(3,\), needs \(2, 3\)"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state: Any, error: Any, said: str) -> None:
    optimizer = optim.Adam([tg.Tensor(START, requires_grad=True)])
    with pytest.raises(error, match=said):
        optimizer.load_state_dict({**optimizer.state_dict(), **state} if state else {})


def test_an_optimiser_of_one_s_own() -> None:
    class SignDescent(optim.Optimizer):
        def update(self, p: Any, g: Any, slot: Any) -> Any:
            return p - self.lr * np.sign(g)

    p = tg.Tensor([1.0, -1.0], requires_grad=True)
    (3 * p * p).sum().backward()
    SignDescent([p], lr=0.5).step()
    assert np.array_equal(p.data, [0.5, -0.5])
    with pytest.raises(NotImplementedError, match=r"Optimizer: define update\(p, g, slot\)"):
        optim.Optimizer([p], lr=1.0).step()
