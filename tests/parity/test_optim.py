"""Optimisers over 50 steps, schedulers over 100: PyTorch's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import optim
from tinygrad_lite.optim import lr_scheduler

torch = pytest.importorskip("torch")

START = np.random.default_rng(0).standard_normal((3, 4))
OPTIMISERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {"lr": 0.03, "amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.03, "maximize": True}),
    ("AdamW", {"lr": 0.03, "amsgrad": True, "betas": (0.8, 0.9)}),
    ("Adamax", {"lr": 0.05}),
    ("Adamax", {"lr": 0.05, "weight_decay": 0.2, "betas": (0.7, 0.8), "eps": 1e-3}),
    ("NAdam", {"lr": 0.05}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.8, "centered": True, "weight_decay": 0.1, "eps": 1e-4}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 10, "weight_decay": 0.1, "maximize": True}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.3, "beta2_decay": -0.5, "eps": (1e-4, 0.1), "d": 1.5, "weight_decay": 0.1}),
    ("Adafactor", {"maximize": True}),
    ("Muon", {}),
    ("Muon", {"lr": 0.1, "momentum": 0.8, "nesterov": False, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0}),
    ("Muon", {"lr": 0.1, "ns_coefficients": (2.0, -1.5, 0.5), "ns_steps": 7}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.4, 1.5), "step_sizes": (1e-3, 0.3)}),
]
IDS = [f"{name}-{'-'.join(settings)}" for name, settings in OPTIMISERS]


@pytest.fixture
def doubles() -> Iterator[None]:
    """Else PyTorch keeps what it counts in float32."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize(("name", "settings"), OPTIMISERS, ids=IDS)
@pytest.mark.parametrize("start", [START, START.T, START[0], np.stack([START, START])], ids=lambda a: str(a.shape))
def test_an_optimiser_takes_the_same_steps(
    name: str, settings: dict[str, Any], start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "Muon":
        if start.ndim != 2:
            pytest.skip("for matrices alone")
        monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)  # PyTorch rounds to 8 bits here: not now
    ours, theirs = tg.Tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    our_optimiser = getattr(optim, name)([ours], **settings)
    their_optimiser = getattr(torch.optim, name)([theirs], **settings)
    for _ in range(50):
        ours.grad = tg.Tensor(2 * ours.data + 3 * np.cos(3 * ours.data))
        theirs.grad = 2 * theirs.detach() + 3 * torch.cos(3 * theirs.detach())
        our_optimiser.step()
        their_optimiser.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted({name for name, _ in OPTIMISERS}))
def test_defaults_are_the_same(name: str) -> None:
    ours = getattr(optim, name)([tg.Tensor([[1.0]], requires_grad=True)]).defaults
    theirs = getattr(torch.optim, name)([torch.tensor([[1.0]], requires_grad=True)]).defaults
    assert ours == {setting: theirs.get(setting, False) for setting in ours}  # Muon has no maximize there


SEARCHES: list[dict[str, Any]] = [
    {"lr": 0.1},
    {"lr": 0.05, "max_iter": 3, "history_size": 2},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "lr": 3.0, "max_iter": 2, "history_size": 3},
    {"line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 7, "tolerance_change": 1e-6, "tolerance_grad": 1e-5},
]


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("settings", SEARCHES, ids=lambda settings: "-".join(settings))
@pytest.mark.parametrize("valley", [False, True])
def test_lbfgs_takes_the_same_steps_with_as_many_calls(settings: dict[str, Any], valley: bool) -> None:
    """On a convex function of two parameters, or in Rosenbrock's valley: there, without a search, a digit decides."""
    if valley and "line_search_fn" not in settings:
        pytest.skip("grows a difference in the last digit a million times")

    def run(module: Any, tensor: Any, exp: Any) -> Any:
        x, y = (tensor(a, requires_grad=True) for a in ([-1.2, 0.7], [[1.0], [2.0]]))
        optimizer, calls = module.LBFGS([x, y], **settings), 0

        def closure() -> Any:
            nonlocal calls
            calls += 1
            optimizer.zero_grad()
            z = y.reshape(2)
            loss = (100 * (z - x * x) ** 2 + (1 - x) ** 2) * 0.01 if valley else exp(z) + x**4 + (x + 2 * z) ** 2
            loss = loss.sum()
            loss.backward()
            return loss

        for _ in range(50):
            yield float(optimizer.step(closure).detach()), calls, *(np.array(a.detach().numpy()) for a in (x, y))

    for ours, theirs in zip(run(optim, tg.Tensor, np.exp), run(torch.optim, torch.tensor, torch.exp)):
        assert ours[1] == theirs[1]
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_lbfgs_has_the_same_defaults() -> None:
    ours = optim.LBFGS([tg.Tensor(1.0, requires_grad=True)]).defaults
    theirs = torch.optim.LBFGS([torch.tensor(1.0, requires_grad=True)]).defaults
    assert ours == theirs | {"max_eval": None}  # None is max_iter * 5 // 4, as there


Make = Callable[[Any, Any], Any]  # the module of schedulers and the optimiser -> the scheduler
SCHEDULERS: dict[str, Make] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda t: 0.95**t),
    "LambdaLR of two": lambda s, o: s.LambdaLR(o, [lambda t: 0.95**t, lambda t: 1 / (t + 1)]),
    "StepLR": lambda s, o: s.StepLR(o, 7, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [30, 5, 60], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.2, 9),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.01, 0.8, 20),
    "LinearLR by default": lambda s, o: s.LinearLR(o),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 80, 1.5),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 30, 0.001),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 8, 2, 0.001),
    "CosineAnnealingWarmRestarts alike": lambda s, o: s.CosineAnnealingWarmRestarts(o, 8),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, 101),
    "OneCycleLR of two": lambda s, o: s.OneCycleLR(o, [0.5, 0.2], epochs=20, steps_per_epoch=6, pct_start=0.4),
    "OneCycleLR in three": lambda s, o: s.OneCycleLR(o, 0.5, 120, three_phase=True, anneal_strategy="linear"),
    "OneCycleLR otherwise": lambda s, o: s.OneCycleLR(o, 0.5, 110, div_factor=5.0, cycle_momentum=False),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.4, 7),
    "CyclicLR of two": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.4, 0.3], 7, 3, "triangular2", base_momentum=0.5),
    "CyclicLR exp": lambda s, o: s.CyclicLR(o, 0.01, 0.4, 6, 9, "exp_range", gamma=0.95, max_momentum=[0.99, 0.95]),
    "CyclicLR by function": lambda s, o: s.CyclicLR(o, 0.01, 0.4, 6, scale_fn=lambda c: 1 / c),
    "CyclicLR by steps": lambda s, o: s.CyclicLR(
        o, 0.01, 0.4, 6, scale_fn=lambda t: 0.9**t, scale_mode="iterations", cycle_momentum=False
    ),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda t: 0.97 if t % 3 else 1.02),
    "MultiplicativeLR of two": lambda s, o: s.MultiplicativeLR(o, [lambda t: 0.97, lambda t: 1 - 1 / (t + 1)]),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 90)], [10]
    ),
    "SequentialLR of three": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.9), s.StepLR(o, 5)], [20, 50]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.1, total_iters=9), s.ExponentialLR(o, 0.97)]),
}


def optimisers(name: str = "AdamW") -> tuple[Any, Any]:
    """Ours and PyTorch's, with two groups."""
    ours, theirs = (
        getattr(module, name)([{"params": [tensor()], "lr": 0.1}, {"params": [tensor()]}], lr=0.05)
        for module, tensor in (
            (optim, lambda: tg.Tensor(1.0, requires_grad=True)),
            (torch.optim, lambda: torch.tensor(1.0, requires_grad=True)),
        )
    )
    return ours, theirs


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_sets_the_same_rates(name: str) -> None:
    ours, theirs = optimisers("AdamW")
    our_scheduler = SCHEDULERS[name](lr_scheduler, ours)
    their_scheduler = SCHEDULERS[name](torch.optim.lr_scheduler, theirs)
    for _ in range(100):
        for a, b in zip(ours.param_groups, theirs.param_groups):
            np.testing.assert_allclose(a["lr"], b["lr"], rtol=1e-9, atol=1e-15)
            np.testing.assert_allclose(a["betas"], b["betas"], rtol=1e-9)
        our_scheduler.step()
        their_scheduler.step()


CHAINS: dict[str, Any] = {
    "steps": lambda m, o: [m.StepLR(o, 10, 0.5), m.LinearLR(o, 0.1, total_iters=30), m.CosineAnnealingLR(o, 150)],
    "floors": lambda m, o: [m.CosineAnnealingLR(o, 60, 0.003), m.ExponentialLR(o, 0.98), m.PolynomialLR(o, 120)],
    "factors": lambda m, o: [m.MultiStepLR(o, [9, 40]), m.MultiplicativeLR(o, lambda t: 0.99), m.ConstantLR(o, 0.5, 7)],
    "set": lambda m, o: [m.StepLR(o, 10, 0.5), m.LambdaLR(o, lambda t: 0.99**t), m.LinearLR(o, 0.2, total_iters=50)],
    "restarts": lambda m, o: [m.ExponentialLR(o, 0.9), m.CosineAnnealingWarmRestarts(o, 20)],
    "cycles": lambda m, o: [m.CyclicLR(o, 0.01, 0.2, 9, cycle_momentum=False), m.ExponentialLR(o, 0.9)],
    "cycle": lambda m, o: [m.ExponentialLR(o, 0.9), m.OneCycleLR(o, 0.3, 110, cycle_momentum=False)],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
def test_schedulers_one_after_another_on_one_optimiser_give_the_same(make: Any) -> None:
    ours, theirs = optimisers("SGD")
    chains = [
        make(m, o)
        for m, o in ((lr_scheduler, ours), (torch.optim.lr_scheduler, theirs))
    ]
    for _ in range(100):
        for schedulers in chains:
            for scheduler in schedulers:
                scheduler.step()
        a, b = [[group["lr"] for group in o.param_groups] for o in (ours, theirs)]
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"patience": 3, "cooldown": 4, "factor": 0.5, "min_lr": 0.01},
        {"mode": "max", "threshold": 0.1, "threshold_mode": "abs", "patience": 1, "min_lr": [0.01, 1e-9]},
    ],
)
def test_a_plateau_lowers_the_rate_at_the_same_time(settings: dict[str, Any]) -> None:
    ours, theirs = optimisers("SGD")
    plateaus = [
        m.ReduceLROnPlateau(o, **settings) for m, o in ((lr_scheduler, ours), (torch.optim.lr_scheduler, theirs))
    ]
    for loss in 1 / np.arange(1, 101) + np.random.default_rng(0).uniform(0, 0.2, 100):
        for scheduler in plateaus:
            scheduler.step(loss)
        assert [g["lr"] for g in ours.param_groups] == pytest.approx([g["lr"] for g in theirs.param_groups], rel=1e-12)
