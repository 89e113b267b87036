"""Optimisers against their formulas, written out for one number at a time."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import optim
from tinygrad_lite.optim import lr_scheduler

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


P, Q = tg.Tensor([1.0], requires_grad=True), tg.Tensor([[1.0]], requires_grad=True)


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
        (lambda: optim.Rprop([P], etas=(1.5, 2)), ValueError, "Rprop: etas must lie below 1 and above 1"),
        (lambda: optim.Adafactor([P], beta2_decay=0.8), ValueError, "beta2_decay must be a finite number of at most 0"),
        (lambda: optim.Adafactor([P], d=0.5), ValueError, "d must be a finite number of at least 1, got 0.5"),
        (lambda: optim.Muon([P]), ValueError, r"Muon: needs matrices, but a parameter has shape \(1,\): use AdamW"),
        (lambda: optim.Muon([Q], adjust_lr_fn="most"), ValueError, "adjust_lr_fn must be 'original' or 'match_rms"),
        (lambda: optim.Muon([Q], ns_steps=-1), ValueError, "Muon: ns_steps must be an integer of at least 0, got -1"),
        (lambda: optim.LBFGS([{"params": [P]}, {"params": [Q]}]), ValueError, "LBFGS: all parameters must be in one"),
        (lambda: optim.LBFGS([P], line_search_fn="wolfe"), ValueError, "line_search_fn must be 'strong_wolfe', got"),
        (lambda: optim.SGD([("p", P), Q]), ValueError, "SGD: give names for all parameters of a group, or for none"),
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
        (optim.SGD, (tg.nn.Linear(1, 1).named_modules(),), "SGD: parameter 0 is a Linear, not a Tensor; as in model"),
        (optim.SGD, ([(P, P)],), "SGD: parameter 0 is a tuple, not a Tensor; as in model"),
        (optim.Adafactor, ([P], 0.1, -0.8, (0.1,)), r"Adafactor: eps must be 2 numbers, as \(None, 0.001\)"),
        (optim.Adam, ([P], 0.1, (0.9, "a")), r"Adam: betas\[1\] must be at least 0 and below 1, got 'a'"),
        (optim.Adam, ([P], 0.1, (0.9, 0.9), 0.1, 0.1, "yes"), "Adam: amsgrad must be True or False, got 'yes'"),
        (optim.Rprop, ([P], 0.1, 1, 2, 3), "Rprop: too many positional arguments; it takes params, lr=0.01, etas"),
        (optim.SGD, ([P], "0.1"), "SGD: lr must be a finite number of at least 0, got '0.1'"),
        (optim.SGD, ([P], np.ones(2)), "SGD: lr must be a finite number of at least 0, got array"),
        (optim.Adam, ([P], 0.1, 0.9), r"Adam: betas must be 2 numbers, as \(0.9, 0.999\), got 0.9"),
        (optim.AdamW, ([P], 0.1, (0.9,)), "AdamW: betas must be 2 numbers"),
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
        def update(self, p: Any, g: Any, slot: Any, lr: float = 0.1) -> Any:
            return p - lr * np.sign(g)

    p = tg.Tensor([1.0, -1.0], requires_grad=True)
    (3 * p * p).sum().backward()
    SignDescent([p], lr=0.5).step()
    assert np.array_equal(p.data, [0.5, -0.5])
    with pytest.raises(NotImplementedError, match=r"Optimizer: define update\(p, g, slot, ...\)"):
        optim.Optimizer([p]).step()
    with pytest.raises(TypeError, match=r"SignDescent: .*'rate'; it takes params, lr=0.1, maximize=False"):
        SignDescent([p], rate=0.5)
    with pytest.raises(TypeError, match="SignDescent: lr must be a finite number, got 'a'"):
        SignDescent([p], lr="a")


# --------------------------------------------------------------------------------------------- settings and groups


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_a_setting_that_is_set_later_takes_effect(kind: Any, formula: Any, settings: Any) -> None:
    p, q = (tg.Tensor(START, requires_grad=True) for _ in range(2))
    given, later = kind([p], **settings), kind([q], **{"lr": 0.7} | ({"momentum": 0.1} if kind is optim.SGD else {}))
    for name, value in given.defaults.items():
        setattr(later, name, value)
        assert getattr(later, name) == value
    for _ in range(3):
        p.grad = q.grad = tg.Tensor(np.sin(START))
        given.step(), later.step()
    assert np.array_equal(p.data, q.data)


def test_settings_that_are_set_later_are_checked_and_unknown_ones_named() -> None:
    optimizer = optim.SGD([P], momentum=0.9, nesterov=True)
    for name, value, said in (
        ("weight_decay", -1, "SGD: weight_decay must be a finite number of at least 0, got -1"),
        ("momentum", 0, "SGD: nesterov needs a momentum"),
        ("momentum", 1.5, "SGD: momentum must be at least 0 and below 1, got 1.5"),
    ):
        with pytest.raises(ValueError, match=said):
            setattr(optimizer, name, value)
    assert optimizer.momentum == 0.9 and optimizer.weight_decay == 0
    with pytest.raises(AttributeError, match="SGD has no setting 'beta'; it has lr, momentum, dampening"):
        optimizer.beta  # noqa: B018


def test_groups_have_settings_of_their_own() -> None:
    p, q, r = (tg.Tensor([1.0], requires_grad=True) for _ in range(3))
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5}], lr=0.25)
    optimizer.add_param_group({"params": [r], "weight_decay": 1.0})
    for t in (p, q, r):
        t.grad = tg.Tensor([1.0])
    optimizer.step()
    assert (p.data, q.data, r.data) == (0.75, 0.5, 0.5)
    assert optimizer.lr == 0.25 and [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5, 0.25]
    state = optimizer.state_dict()
    assert state["lr"] == 0.25 and state["group1.lr"] == 0.5 and state["group2.weight_decay"] == 1
    optimizer.lr = 2.0
    assert [group["lr"] for group in optimizer.param_groups] == [2, 2, 2]
    optimizer.load_state_dict(state)
    assert optimizer.state_dict() == state
    for group, error, said in (
        ({"params": [p]}, ValueError, "SGD: parameter 3 is in another group already"),
        ({"params": [tg.Tensor(1.0)], "lt": 1}, ValueError, "SGD: unknown setting 'lt' in a group; there are lr, mom"),
        ([p], TypeError, 'SGD: a group must be a dict with "params"'),
        ({"params": [tg.Tensor(1.0)], "lr": -1}, ValueError, "SGD: lr must be"),
    ):
        with pytest.raises(error, match=said):
            optimizer.add_param_group(group)  # type: ignore[arg-type]


def test_a_repr_shows_each_groups_settings() -> None:
    p, q, r = (tg.Tensor(1.0, requires_grad=True) for _ in range(3))
    groups: list[Any] = [{"params": [p]}, {"params": [q], "lr": 0.5}, {"params": [r], "lr": 0.5}]
    assert repr(optim.Adadelta(groups, lr=0.25)) == (
        "Adadelta(lr=0.25, rho=0.9, eps=1e-06, weight_decay=0.0, maximize=False; "
        "lr=0.5, rho=0.9, eps=1e-06, weight_decay=0.0, maximize=False)"
    )


def test_parameters_may_come_with_names() -> None:
    layer = tg.nn.Linear(2, 2)
    optimizer = optim.SGD([{"params": layer.named_parameters()}, {"params": [("other", P)], "lr": 0.5}])
    assert [group["param_names"] for group in optimizer.param_groups] == [["weight", "bias"], ["other"]]
    assert optimizer.parameters[:2] == [layer.weight, layer.bias]
    assert "param_names" not in optim.SGD(layer.parameters()).param_groups[0]
    optimizer.load_state_dict(optimizer.state_dict())


EVERY = [getattr(optim, name) for name in ("SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad")]
EVERY += [optim.Adadelta, optim.Adafactor, optim.Muon, optim.Rprop, optim.ASGD, optim.LBFGS]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_optimiser_goes_on_from_a_file_maybe_in_another_dtype(kind: Any, dtype: Any, tmp_path: Any) -> None:
    def steps(p: tg.Tensor, optimizer: optim.Optimizer) -> tg.Tensor:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = (p * p).sum() + np.sin(3 * p).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        return p

    more = {"max_iter": 2, "history_size": 3} if kind is optim.LBFGS else {"weight_decay": 0.1}
    more |= {"momentum": 0.9} if kind is optim.SGD else {}
    settings = {"lr": 0.03} | ({} if kind is optim.Rprop else more)
    p = tg.Tensor(START, requires_grad=True)
    first = kind([p], **settings)
    steps(p, first)
    tg.save(first.state_dict(), tmp_path / "state.npz")
    q = tg.Tensor(p.data, requires_grad=True, dtype=dtype)
    second = kind([q])
    second.load_state_dict(tg.load(tmp_path / "state.npz"))
    assert all(a.dtype == dtype for a in second.state[q].values() if np.ndim(a))
    old, loss = q.data, (q * q).sum()
    a, b = steps(p, first), steps(q, second)
    assert b.dtype == dtype and not b.data.flags.writeable
    np.testing.assert_allclose(b.data, a.data, rtol=1e-14 if dtype is np.float64 else 1e-4)
    b.grad = None
    loss.backward()
    assert np.array_equal(b.grad.data, 2 * old)  # an old graph stays right


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shape", [(), (0, 2), (3, 0)], ids=str)
def test_every_optimiser_takes_scalars_and_nothing(kind: Any, shape: Any) -> None:
    if kind is optim.Muon and not shape:
        pytest.skip("for matrices alone")
    p = tg.Tensor(np.ones(shape), requires_grad=True)
    optimizer = kind([p])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert p.shape == shape and np.all(np.abs(p.data) < 1)


def test_lbfgs_finds_a_minimum_and_says_what_it_needs() -> None:
    p = tg.Tensor([3.0, -2.0], requires_grad=True)
    q = tg.Tensor(1.0, requires_grad=True)  # no gradient ever
    optimizer = optim.LBFGS([p, q], line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((p - np.array([1.0, 2.0])) ** 4).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 16 + 256
    for _ in range(5):
        optimizer.step(closure)
    np.testing.assert_allclose(p.data, [1, 2], atol=0.02)
    assert q.data == 1
    with pytest.raises(TypeError, match="LBFGS: step needs a closure"):
        optimizer.step()
    with pytest.raises(ValueError, match=r"moves.0 has shape \(5, 4\), needs \(2,\)"):
        optimizer.load_state_dict(optimizer.state_dict() | {"moves.0": np.ones((5, 4))})


def test_a_signature_shows_the_settings() -> None:
    said = "(params, lr: 'Number' = 0.001, betas: 'tuple[Below1, Below1]' = (0.9, 0.999), eps: 'Number' = 1e-08, "
    assert str(inspect.signature(optim.AdamW)).startswith(said + "weight_decay: 'Number' = 0.01, amsgrad: 'bool'")


def test_inside_update_a_setting_is_its_groups() -> None:
    class Plain(optim.Optimizer):
        def update(self, p: Any, g: Any, slot: Any, lr: float = 0.1) -> Any:
            return p - lr * g

    p, q = (tg.Tensor([1.0], requires_grad=True) for _ in range(2))
    p.grad = q.grad = tg.Tensor([1.0])
    Plain([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.25).step()
    assert p.data == 0.75 and q.data == 0.5


@pytest.mark.parametrize(("kind", "formula", "settings"), CASES, ids=IDS)
def test_a_step_keeps_the_parameters_memory_order(kind: Any, formula: Any, settings: Any) -> None:
    p = tg.Tensor(START, requires_grad=True)
    optimizer = kind([p], **settings)
    for _ in range(2):
        p.grad = tg.Tensor(np.asfortranarray(START))
        optimizer.step()
        assert p.data.flags.c_contiguous
    state = {name: np.asfortranarray(a) if np.ndim(a) == 2 else a for name, a in optimizer.state_dict().items()}
    optimizer.load_state_dict(state)
    for slot in optimizer.state.get(p, {}).values():
        assert np.ndim(slot) == 0 or slot.flags.c_contiguous


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shape", [(2, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_optimiser_keeps_the_order_that_a_loaded_parameter_has(kind: Any, shape: Any, order: Any) -> None:
    p = tg.Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
    p.data = np.asarray(p.data, order=order)
    strides, optimizer = p.data.strides, kind([p])

    def closure() -> Any:
        p.grad = tg.Tensor(np.ascontiguousarray(p.data))
        return (p * p).sum()

    for _ in range(2):
        optimizer.step(closure)
        assert p.data.strides == strides


def test_a_state_is_loaded_across_dtypes() -> None:
    p, q = (tg.Tensor(START, requires_grad=True, dtype=dtype) for dtype in (np.float64, np.float32))
    a, b = optim.Adam([p]), optim.Adam([q])
    p.grad = tg.Tensor(START)
    a.step()
    b.load_state_dict(a.state_dict())
    assert b.state[q]["mean"].dtype == np.float32 and b.state[q]["steps"] == 1
    for state, error, said in (
        (None, TypeError, "Adam.load_state_dict: needs what state_dict.. gives, not a NoneType"),
        (a.state_dict() | {"lr": "x"}, TypeError, "Adam: lr must be"),
        (a.state_dict() | {"betas": 3}, TypeError, "Adam: betas must be 2 numbers"),
        (a.state_dict() | {"mean.0": "x"}, TypeError, "Adam.load_state_dict: mean.0 must be numbers, got dtype <U1"),
    ):
        with pytest.raises(error, match=said):
            b.load_state_dict(state)  # type: ignore[arg-type]


def test_a_model_made_float16_goes_on_from_a_state_as_without_one() -> None:
    runs = []
    for saved in (False, True):
        p = tg.Tensor(START, requires_grad=True, dtype=np.float32)
        optimizer = optim.Adam([p])
        for dtype in (np.float32, np.float16, np.float16):
            p = optimizer.parameters[0]
            p.value = p.data.astype(dtype)
            if saved:
                state, optimizer = optimizer.state_dict(), optim.Adam([p])
                optimizer.load_state_dict(state)
            p.grad = tg.Tensor((START / 1e3).astype(dtype))
            optimizer.step()
        assert p.dtype == np.float16 and optimizer.state[p]["square"].dtype == np.float32
        runs.append(p.data)
    assert np.array_equal(*runs) and np.all(np.isfinite(runs))


def test_a_closure_is_called_first_and_its_result_returned() -> None:
    p = tg.Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.25)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 1 and p.data == 0.5


# ------------------------------------------------------------------------------------------------------- schedules

SCHEDULES: dict[str, Any] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 3),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 7]),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.5, 20),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.5, 4, mode="triangular2"),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 1 - 1 / (t + 1)),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 2),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.ExponentialLR(o, 0.9)], [4]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o, 0.1, total_iters=4), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("stop", [0, 3, 6])
def test_a_schedule_goes_on_from_a_file(name: str, stop: int, tmp_path: Any) -> None:
    def made() -> tuple[Any, Any]:
        optimizer = optim.SGD([tg.Tensor([1.0], requires_grad=True)], lr=0.3, momentum=0.5)
        return optimizer, SCHEDULES[name](optimizer)

    def rates(optimizer: Any, scheduler: Any, n: int) -> list[Any]:
        seen = []
        for _ in range(n):
            scheduler.step(*[1.0] * (name == "ReduceLROnPlateau"))
            seen.append((optimizer.lr, optimizer.momentum))
        return seen

    whole = rates(*made(), 12)
    optimizer, scheduler = made()
    assert rates(optimizer, scheduler, stop) == whole[:stop]
    other, again = made()
    state = {k: a for k, a in scheduler.state_dict().items() if not isinstance(a, str)}
    tg.save(state, tmp_path / "s.npz")
    tg.save(optimizer.state_dict(), tmp_path / "o.npz")
    again.load_state_dict(scheduler.state_dict() | tg.load(tmp_path / "s.npz"))
    other.load_state_dict(tg.load(tmp_path / "o.npz"))
    assert rates(other, again, 12 - stop) == whole[stop:]


def test_a_rate_that_is_set_by_hand_is_scaled_on() -> None:
    optimizer = optim.SGD([P], lr=1.0)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.lr = 0.1
    scheduler.step()
    assert optimizer.lr == 0.05 and scheduler.get_last_lr() == [0.05]


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda o: lr_scheduler.StepLR(3, 1), TypeError, "StepLR: needs an optimiser, got a int"),  # type: ignore[arg-type]
        (lambda o: lr_scheduler.StepLR(o, 0), ValueError, "StepLR: step_size must be a positive integer, got 0"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 2.5), ValueError, "CosineAnnealingLR: T_max must be a positive"),
        (lambda o: lr_scheduler.LinearLR(o, 1.5), ValueError, "LinearLR: start_factor must be a number above 0 and"),
        (lambda o: lr_scheduler.ExponentialLR(o, "a"), TypeError, "ExponentialLR: gamma must be a finite number"),
        (lambda o: lr_scheduler.LambdaLR(o, [max, min]), ValueError, "LambdaLR: lr_lambda needs one value, or 1: one"),
        (lambda o: lr_scheduler.LambdaLR(o, 0.5), TypeError, "LambdaLR: lr_lambda must be a function, got 0.5"),
        (lambda o: lr_scheduler.StepLR(o), TypeError, "StepLR: missing .*'step_size'; it takes optimizer"),
        (lambda o: lr_scheduler.MultiStepLR(o, 3), TypeError, "MultiStepLR: milestones must be a list, got 3"),
        (lambda o: lr_scheduler.MultiStepLR(o, [3, -1]), ValueError, r"milestones\[1\] must be an integer"),
        (lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.2, mode="round"), ValueError, "CyclicLR: mode must be 'triangular'"),
        (lambda o: lr_scheduler.CyclicLR(o, 0.1, [0.2, 1]), ValueError, "CyclicLR: max_lr needs one value, or 1"),
        (lambda o: lr_scheduler.CyclicLR(optim.Rprop([P]), 0.1, 1), ValueError, "CyclicLR: Rprop has no momentum"),
        (lambda o: lr_scheduler.LRScheduler(o), NotImplementedError, r"LRScheduler: define rate\(base, t, ...\)"),
        (lambda o: lr_scheduler.ChainedScheduler([]), ValueError, "ChainedScheduler: needs at least one scheduler"),
        (lambda o: lr_scheduler.OneCycleLR(o, 0.1), ValueError, "OneCycleLR: give total_steps, or epochs and"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), ValueError, "SequentialLR: the milestones must rise"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "least"), ValueError, "ReduceLROnPlateau: mode must be 'min' or"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), ValueError, "factor must be at least 0 and below 1"),
        (lambda o: lr_scheduler.StepLR(o, 1).load_state_dict({}), KeyError, "StepLR.load_state_dict: missing base_lrs"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(make: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        make(optim.SGD([P]))


def test_a_schedule_of_one_s_own() -> None:
    class HalfLife(lr_scheduler.LRScheduler):
        def rate(self, base: float, t: int, steps: int = 10) -> float:
            return float(base * 0.5 ** (t / steps))

    optimizer = optim.SGD([P], lr=1.0)
    scheduler = HalfLife(optimizer, steps=2)
    for _ in range(2):
        scheduler.step()
    assert optimizer.lr == 0.5 and scheduler.state_dict() == {"steps": 2, "base_lrs": [1.0], "last_epoch": 2}


def test_a_cycle_that_is_over_is_over() -> None:
    optimizer = optim.SGD([P])
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, epochs=2, steps_per_epoch=3, anneal_strategy="linear")
    for _ in range(6):  # once after each batch
        optimizer.step()
        used = optimizer.lr
        scheduler.step()
    assert optimizer.lr == used == pytest.approx(0.1 / 25 / 1e4)
    with pytest.raises(ValueError, match="OneCycleLR: all 6 steps were made"):
        scheduler.step()
