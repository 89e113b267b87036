"""Learning rates that change while training: after each `optimizer.step()` (or each epoch) call `scheduler.step()`.

Names, arguments and numbers are PyTorch's. Schedulers may be chained: each multiplies what the others have set.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .optimizers import Optimizer

__all__ = [
    "LRScheduler", "LambdaLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "OneCycleLR", "SequentialLR", "ChainedScheduler",
    "ReduceLROnPlateau",
]  # fmt: skip


class _Stateful:
    """Public attributes that are numbers, strings or lists of them are the state, as `tg.save` takes it."""

    optimizer: Optimizer
    schedulers: Sequence[_Stateful] = ()  # inside this one

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: needs an optimiser, got a {type(optimizer).__name__}")
        self.optimizer = optimizer

    def state_dict(self) -> dict[str, Any]:
        """Where this scheduler stands, and its settings (functions aside). The optimiser saves the learning rate."""
        own = {name: list(a) if isinstance(a, list) else a for name, a in vars(self).items() if self._is_state(name, a)}
        return own | {f"{i}.{name}": a for i, s in enumerate(self.schedulers) for name, a in s.state_dict().items()}

    @staticmethod
    def _is_state(name: str, value: Any) -> bool:
        return name[0] != "_" and name != "schedulers" and isinstance(value, (int, float, str, list))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`.

        Raises:
            KeyError: a name is missing or unexpected.
        """
        own, given = self.state_dict().keys(), state_dict.keys()
        for what, names in (("missing", own - given), ("unexpected", given - own)):
            if names:
                raise KeyError(f"{type(self).__name__}.load_state_dict: {what} {', '.join(sorted(map(str, names)))}")
        for name, value in state_dict.items():
            if "." not in name:
                setattr(self, name, value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)
        for i, scheduler in enumerate(self.schedulers):
            prefix = f"{i}."
            inner = {name[len(prefix) :]: value for name, value in state_dict.items() if name.startswith(prefix)}
            scheduler.load_state_dict(inner)

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _check(
        self, name: str, value: Any, least: float = 0, most: float = math.inf, kind: Any = (int, float)
    ) -> None:
        if not isinstance(value, (kind, np.number)) or not least <= value <= most:
            limits = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
            what = "an integer" if kind is int else "a number"
            raise ValueError(f"{type(self).__name__}: {name} must be {what} {limits}, got {value!r}")


class LRScheduler(_Stateful):
    """What schedulers share. A subclass defines `factor`, or `rate`: the learning rate after `t` steps.

    `base_lrs` are the learning rates that the optimiser had before any scheduler.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        super().__init__(optimizer)
        self.base_lrs = [group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups]
        self.last_epoch = -1
        self.step()

    def factor(self, t: int) -> float:
        """What the first learning rate is multiplied by after t steps."""
        raise NotImplementedError(f"{type(self).__name__}: define factor(t), or rate(t, base)")

    def rate(self, t: int, base: float, group: int) -> float:
        """The learning rate of a group after t steps, if it began with `base`."""
        return base * self.factor(t)

    def step(self) -> None:
        """One step on."""
        self.last_epoch += 1
        for i, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs)):
            before = self.rate(self.last_epoch - 1, base, i) if self.last_epoch else base
            now, lr = self.rate(self.last_epoch, base, i), group["lr"]
            group["lr"] = now if lr == before or not before else lr * (now / before)  # the latter where others set it

    def restart(self) -> None:
        """Begin again, from the first learning rates."""
        self.last_epoch = -1
        for group, base in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = base
        self.step()


class LambdaLR(LRScheduler):
    """lr = base · lr_lambda(t); for several groups one function for all, or a list of one for each."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any) -> None:
        groups = len(optimizer.param_groups) if isinstance(optimizer, Optimizer) else 0
        functions = list(lr_lambda) if isinstance(lr_lambda, Sequence) else [lr_lambda] * groups
        if len(functions) != groups or not all(map(callable, functions)):
            raise ValueError(f"LambdaLR: lr_lambda must be a function, or {groups} of them, one for each group")
        self._functions = functions
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int) -> float:
        return base * float(self._functions[group](t))


class StepLR(LRScheduler):
    """The learning rate times gamma, every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self._check("step_size", step_size, 1, kind=int)
        self._check("gamma", gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return float(self.gamma ** (t // self.step_size))


class MultiStepLR(LRScheduler):
    """The learning rate times gamma, at each of the milestones."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        for milestone in milestones if isinstance(milestones, Sequence) else [milestones]:
            self._check("a milestone", milestone, kind=int)
        self._check("gamma", gamma)
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return float(self.gamma ** bisect_right(self.milestones, t))


class ConstantLR(LRScheduler):
    """The learning rate times `factor` for the first total_iters steps."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5) -> None:
        self._check("factor", factor, 0, 1)
        self._check("total_iters", total_iters, kind=int)
        self.share, self.total_iters = factor, total_iters
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.share if t < self.total_iters else 1.0


class LinearLR(LRScheduler):
    """A warm-up: from start_factor to end_factor times the learning rate, in equal steps over total_iters."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self._check("start_factor", start_factor, math.ulp(0), 1)
        self._check("end_factor", end_factor, 0, 1)
        self._check("total_iters", total_iters, 1, kind=int)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.start_factor + (self.end_factor - self.start_factor) * min(t, self.total_iters) / self.total_iters


class ExponentialLR(LRScheduler):
    """The learning rate times gamma, every step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self._check("gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return float(self.gamma**t)


class PolynomialLR(LRScheduler):
    """The learning rate times (1 - t / total_iters)^power, and 0 after total_iters."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self._check("total_iters", total_iters, 1, kind=int)
        self._check("power", power)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return float((1 - min(t, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """From the learning rate to eta_min and back along a cosine whose half period is T_max steps."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self._check("T_max", T_max, 1, kind=int)
        self._check("eta_min", eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the learning rate to eta_min along half a cosine of T_0 steps, again and again, each T_mult times longer.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        self._check("T_0", T_0, 1, kind=int)
        self._check("T_mult", T_mult, 1, kind=int)
        self._check("eta_min", eta_min)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int) -> float:
        length = self.T_0
        while t >= length:
            t, length = t - length, length * self.T_mult
            if self.T_mult == 1:
                t %= length
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / length)) / 2


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr over a share pct_start of all steps, then down to almost nothing.

    With cycle_momentum the momentum (or Adam's β₁) goes the other way, from max_momentum to base_momentum and back.
    Give total_steps, or epochs and steps_per_epoch. three_phase goes down as long as up, then on to the end. Smith and
    Topin, "Super-convergence" (2018).

    Raises:
        ValueError: a setting is out of its range; or, in `step`, all steps were made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        _Stateful.__init__(self, optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        self._check("total_steps", total_steps, 1, kind=int)
        self._check("pct_start", pct_start, 0, 1)
        for name, number in (("base_momentum", base_momentum), ("max_momentum", max_momentum)):
            self._check(name, number, 0, 1)
        for name, number in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            self._check(name, number, math.ulp(0))
        if not isinstance(anneal_strategy, str) or anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        groups = optimizer.param_groups
        most = list(max_lr) if isinstance(max_lr, Sequence) else [max_lr] * len(groups)
        if len(most) != len(groups):
            raise ValueError(f"OneCycleLR: max_lr must be a number, or {len(groups)} of them, one for each group")
        found = next((name for name in ("momentum", "betas") if name in groups[0]), "")
        for rate in most:
            self._check("max_lr", rate)
        self.momentum = found if cycle_momentum else ""
        if cycle_momentum and not self.momentum:
            raise ValueError(f"OneCycleLR: {type(optimizer).__name__} has no momentum: give cycle_momentum=False")
        self.total_steps, self.linear = total_steps, anneal_strategy == "linear"
        up, end = pct_start * total_steps - 1, total_steps - 1
        down = [(2 * pct_start * total_steps - 2, "least"), (end, "final")] if three_phase else [(end, "final")]
        self._phases = ((up, "most"), *down)  # when each ends, and where
        self._lrs = tuple(
            {"least": m / div_factor, "most": m, "final": m / div_factor / final_div_factor} for m in most
        )
        self._momenta = {"least": max_momentum, "most": base_momentum, "final": max_momentum}
        for group, lrs in zip(groups, self._lrs):
            group["initial_lr"] = group["lr"] = lrs["least"]
        super().__init__(optimizer)

    def _along(self, t: int, at: Mapping[str, float]) -> float:
        start, name = 0.0, "least"
        for end, to in self._phases:
            if t <= end or to == "final":
                share = (t - start) / (end - start) if end > start else 1.0
                share = share if self.linear else (1 - math.cos(math.pi * share)) / 2
                return at[name] + (at[to] - at[name]) * share
            start, name = end, to
        raise AssertionError

    def rate(self, t: int, base: float, group: int) -> float:
        return self._along(t, self._lrs[group])

    def step(self) -> None:
        """One step on.

        Raises:
            ValueError: all total_steps were made.
        """
        if self.last_epoch + 1 >= self.total_steps:
            raise ValueError(f"OneCycleLR: all {self.total_steps} steps were made: there is no learning rate beyond")
        super().step()
        for group in self.optimizer.param_groups if self.momentum else ():
            momentum = self._along(self.last_epoch, self._momenta)
            group[self.momentum] = (momentum, group["betas"][1]) if self.momentum == "betas" else momentum


def _same_optimizer(scheduler: _Stateful) -> None:
    if any(s.optimizer is not scheduler.optimizer for s in scheduler.schedulers):
        raise ValueError(f"{type(scheduler).__name__}: all schedulers must have the same optimiser")


class SequentialLR(_Stateful):
    """One scheduler after the other; at each of the milestones the next one begins, with the first learning rates.

    Raises:
        ValueError: the milestones don't rise or aren't one fewer than the schedulers, or one has another optimiser.
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        super().__init__(optimizer)
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(set(milestones)):
            raise ValueError("SequentialLR: the milestones must rise, and be one fewer than the schedulers")
        self.schedulers, self.milestones, self.last_epoch = list(schedulers), list(milestones), 0
        _same_optimizer(self)
        schedulers[0].restart()

    def step(self) -> None:
        """One step on."""
        self.last_epoch += 1
        at = bisect_right(self.milestones, self.last_epoch)
        scheduler: Any = self.schedulers[at]
        if at and self.milestones[at - 1] == self.last_epoch:
            scheduler.restart()
        else:
            scheduler.step()


class ChainedScheduler(_Stateful):
    """Several schedulers at once: their factors are multiplied."""

    def __init__(self, schedulers: Sequence[LRScheduler]) -> None:
        if not schedulers:
            raise ValueError("ChainedScheduler: needs at least one scheduler")
        super().__init__(schedulers[0].optimizer)
        self.schedulers = list(schedulers)
        _same_optimizer(self)

    def step(self) -> None:
        """One step on."""
        scheduler: Any
        for scheduler in self.schedulers:
            scheduler.step()


class ReduceLROnPlateau(_Stateful):
    """The learning rate times `factor` once a metric, as the validation loss, has not improved for `patience` steps.

        scheduler.step(validation_loss)

    It improves where it goes below (mode="max": above) the best so far by more than a share `threshold` of it
    (threshold_mode="abs": by more than threshold). After a reduction, `cooldown` steps don't count. Learning rates stay
    above min_lr, and a change below eps is not made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer)
        for name, number in (("threshold", threshold), ("eps", eps)):
            self._check(name, number)
        if not isinstance(factor, (int, float, np.number)) or not 0 <= factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be at least 0 and below 1, got {factor!r}")
        if str(mode) not in ("min", "max") or str(threshold_mode) not in ("rel", "abs"):
            said = f"got {mode!r} and {threshold_mode!r}"
            raise ValueError(f"ReduceLROnPlateau: mode must be 'min' or 'max', threshold_mode 'rel' or 'abs': {said}")
        self._check("patience", patience, kind=int)
        self._check("cooldown", cooldown, kind=int)
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ValueError(f"ReduceLROnPlateau: min_lr must be a number, or {groups} of them, one for each group")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.patience, self.threshold, self.cooldown, self.eps = factor, patience, threshold, cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def _improves(self, value: float) -> bool:
        if math.isinf(self.best):
            return value < self.best if self.mode == "min" else value > self.best
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1)
        return value < self.best - margin if self.mode == "min" else value > self.best + margin

    def step(self, metrics: Any) -> None:
        """One step on, which ended with this value."""
        value = float(metrics)
        self.last_epoch += 1
        if self._improves(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs):
                new = max(group["lr"] * self.factor, least)
                if group["lr"] - new > self.eps:
                    group["lr"] = new
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
