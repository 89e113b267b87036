"""Learning rates that change while training: after each `optimizer.step()` (or each epoch) call `scheduler.step()`.

Names, arguments and numbers are PyTorch's. Schedulers may be chained: each multiplies what the others have set, but for
those that say that they set the learning rate themselves.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..settings import Above0, Below1, Configured, Count, Number, Part, Positive, Share, plain
from .optimizers import Optimizer

__all__ = [
    "LRScheduler", "LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR",
    "PolynomialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR", "SequentialLR",
    "ChainedScheduler", "ReduceLROnPlateau",
]  # fmt: skip


class _Scheduler(Configured):
    """Settings are attributes. Public attributes that are numbers, texts or lists of numbers are the state."""

    function, first, subject = "setup", 1, "optimizer"
    each: ClassVar[tuple[str, ...]] = ()  # settings that may be a list, of one for each group
    schedulers: Sequence[_Scheduler] = ()  # inside this one

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the settings

    def __init__(self, optimizer: Optimizer, *settings: Any, **named: Any) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: needs an optimiser, got a {type(optimizer).__name__}")
        self.optimizer = optimizer
        bound = self.bound(optimizer, *settings, **named)
        for name, value in bound.items():
            setattr(self, name, value)
        self.setup(**bound)

    def setup(self, *settings: Any, **named: Any) -> None:
        """What the constructor does with its settings, which are attributes already."""

    def checked(self, name: str, value: Any) -> Any:
        """A setting's value, or with one for each group a list of them."""
        if name not in self.each:
            return super().checked(name, value)
        groups = len(self.optimizer.param_groups)
        values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
        if len(values) != groups:
            raise ValueError(f"{type(self).__name__}: {name} needs one value, or {groups}: one for each group")
        return list(map(super().checked, [name] * groups, values))

    def state_dict(self) -> dict[str, Any]:
        """Where this scheduler stands, and its settings (functions aside). The optimiser saves the learning rate."""
        own = {name: list(a) if isinstance(a, list) else a for name, a in vars(self).items() if _is_state(name, a)}
        return own | {f"{i}.{name}": a for i, s in enumerate(self.schedulers) for name, a in s.state_dict().items()}

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
            *places, last = name.split(".")
            scheduler: _Scheduler = self
            for place in places:
                scheduler = scheduler.schedulers[int(place)]
            setattr(scheduler, last, plain(value))

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]


def _is_state(name: str, value: Any) -> bool:
    numbers = isinstance(value, list) and all(isinstance(x, (int, float)) for x in value)
    return name[0] != "_" and name != "schedulers" and (numbers or isinstance(value, (int, float, str)))


class LRScheduler(_Scheduler):
    """What schedulers share. A subclass defines `rate`, the learning rate after t steps; its settings are rate's.

        class HalfLife(LRScheduler):
            def rate(self, base, t, steps=10):
                return base * 0.5 ** (t / steps)

    `base_lrs` are the learning rates that the optimiser had before any scheduler.
    """

    function, first = "rate", 3
    chained = True  # whether it multiplies what others have set

    def setup(self, *settings: Any, **named: Any) -> None:
        """Keep the first learning rates, and set those of step 0."""
        self.base_lrs = [group.setdefault("initial_lr", group["lr"]) for group in self.optimizer.param_groups]
        self.last_epoch = -1
        self.step()

    def rate(self, base: float, t: int, *settings: Any, **named: Any) -> float:
        """The learning rate of a group after t steps, if it began with `base`."""
        raise NotImplementedError(f"{type(self).__name__}: define rate(base, t, ...)")

    def _at(self, t: int, group: int) -> float:
        settings = {name: getattr(self, name) for name in self.parameters_of}
        own = {name: settings[name][group] for name in self.each}
        return float(self.rate(self.base_lrs[group], t, **settings | own))

    def _next(self, lr: float, group: int) -> float:
        """The learning rate now, after `lr`."""
        now = self._at(self.last_epoch, group)
        if not self.chained:
            return now
        before = self._at(self.last_epoch - 1, group) if self.last_epoch else self.base_lrs[group]
        least = getattr(self, "eta_min", 0.0)
        if lr == before:
            return now
        if before == least:
            return lr + now - before
        return least + (lr - least) * ((now - least) / (before - least))

    def step(self) -> None:
        """One step on."""
        self.last_epoch += 1
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self._next(group["lr"], i)

    def restart(self) -> None:
        """Begin again, from the first learning rates."""
        self.last_epoch = -1
        for group, base in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = base
        self.step()


class LambdaLR(LRScheduler):
    """lr = base · lr_lambda(t), whatever others set; one function for all groups, or a list of one for each."""

    each, chained = ("lr_lambda",), False

    def rate(self, base: float, t: int, lr_lambda: Callable[[int], float]) -> float:
        return base * lr_lambda(t)


class MultiplicativeLR(LRScheduler):
    """The learning rate times lr_lambda(t), at every step t; one function for all groups, or a list of one for each."""

    each = ("lr_lambda",)

    def rate(self, base: float, t: int, lr_lambda: Callable[[int], float]) -> float:
        return lr_lambda(t)

    def _next(self, lr: float, group: int) -> float:
        return lr * self._at(self.last_epoch, group) if self.last_epoch else lr


class StepLR(LRScheduler):
    """The learning rate times gamma, every step_size steps."""

    def rate(self, base: float, t: int, step_size: Positive, gamma: Number = 0.1) -> float:
        return base * gamma ** (t // step_size)


class MultiStepLR(LRScheduler):
    """The learning rate times gamma, at each of the milestones."""

    def rate(self, base: float, t: int, milestones: list[Count], gamma: Number = 0.1) -> float:
        return base * gamma ** bisect_right(sorted(milestones), t)


class ConstantLR(LRScheduler):
    """The learning rate times `factor` for the first total_iters steps."""

    def rate(self, base: float, t: int, factor: Share = 1.0 / 3, total_iters: Count = 5) -> float:
        return base * (factor if t < total_iters else 1.0)


class LinearLR(LRScheduler):
    """A warm-up: from start_factor to end_factor times the learning rate, in equal steps over total_iters."""

    def rate(
        self, base: float, t: int, start_factor: Part = 1.0 / 3, end_factor: Share = 1.0, total_iters: Positive = 5
    ) -> float:
        return base * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters)


class ExponentialLR(LRScheduler):
    """The learning rate times gamma, every step."""

    def rate(self, base: float, t: int, gamma: Number) -> float:
        return base * gamma**t


class PolynomialLR(LRScheduler):
    """The learning rate times (1 - t / total_iters)^power, and 0 after total_iters."""

    def rate(self, base: float, t: int, total_iters: Positive = 5, power: Number = 1.0) -> float:
        return float(base * (1 - min(t, total_iters) / total_iters) ** power)


def _cosine(high: float, low: float, share: float) -> float:
    """From `high` to `low` along half a cosine."""
    return low + (high - low) * (1 + math.cos(math.pi * share)) / 2


class CosineAnnealingLR(LRScheduler):
    """From the learning rate to eta_min and back along a cosine whose half period is T_max steps."""

    def rate(self, base: float, t: int, T_max: Positive, eta_min: Number = 0.0) -> float:
        return _cosine(base, eta_min, t / T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the learning rate to eta_min along half a cosine of T_0 steps, again and again, each T_mult times longer.

    Whatever others set. Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).
    """

    chained = False

    def rate(self, base: float, t: int, T_0: Positive, T_mult: Positive = 1, eta_min: Number = 0.0) -> float:
        length = T_0
        if T_mult == 1:
            t %= length
        while t >= length:
            t, length = t - length, length * T_mult
        return _cosine(base, eta_min, t / length)


class _Cycle(LRScheduler):
    """Learning rates up and down, whatever others set; and, with cycle_momentum, the momentum down and up."""

    function, first, chained = "setup", 1, False

    def _begin(self, lrs: list[float]) -> None:
        """From these learning rates; with a momentum, which may be Adam's β₁."""
        groups = self.optimizer.param_groups
        found = next((name for name in ("momentum", "betas") if name in groups[0]), "")
        self.momentum = found if self.cycle_momentum else ""
        if self.cycle_momentum and not found:
            kind = type(self.optimizer).__name__
            raise ValueError(f"{type(self).__name__}: {kind} has no momentum: give cycle_momentum=False")
        for group, lr in zip(groups, lrs):
            group["initial_lr"] = group["lr"] = lr
        super().setup()

    def step(self) -> None:
        """One step on."""
        super().step()
        for i, group in enumerate(self.optimizer.param_groups if self.momentum else ()):
            momentum = self._momentum(i)
            group[self.momentum] = (momentum, group["betas"][1]) if self.momentum == "betas" else momentum


class CyclicLR(_Cycle):
    """From base_lr to max_lr in step_size_up equal steps and back in step_size_down (by default as many), for ever.

    mode="triangular2" halves the height from cycle to cycle, "exp_range" makes it gamma^t; scale_fn, of the cycle's
    number from 1 on or with scale_mode="iterations" of t, takes their place. With cycle_momentum the momentum (or
    Adam's β₁) goes from max_momentum to base_momentum and back. Smith, "Cyclical learning rates for training neural
    networks" (2017).
    """

    each = ("base_lr", "max_lr", "base_momentum", "max_momentum")

    def setup(
        self, base_lr: Number, max_lr: Number, step_size_up: Positive = 2000, step_size_down: Positive | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular", gamma: Number = 1.0,
        scale_fn: Callable[[float], float] | None = None, scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True, base_momentum: Share = 0.8, max_momentum: Share = 0.9,
    ) -> None:  # fmt: skip
        self._begin(self.base_lr)

    def _height(self, t: int) -> Any:
        up, down = self.step_size_up, self.step_size_down or self.step_size_up
        cycle, place = divmod(t, up + down)
        height = place / up if place <= up else (up + down - place) / down
        if self.scale_fn is not None:
            return height * self.scale_fn(cycle + 1 if self.scale_mode == "cycle" else t)
        return height * {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**t}[self.mode]

    def _at(self, t: int, group: int) -> float:
        return float(self.base_lr[group] + (self.max_lr[group] - self.base_lr[group]) * self._height(t))

    def _momentum(self, group: int) -> float:
        low, high = self.base_momentum[group], self.max_momentum[group]
        return float(high - (high - low) * self._height(self.last_epoch))


class OneCycleLR(_Cycle):
    """Up from max_lr / div_factor to max_lr over a share pct_start of all steps, then down to almost nothing.

    With cycle_momentum the momentum (or Adam's β₁) goes the other way, from max_momentum to base_momentum and back.
    Give total_steps, or epochs and steps_per_epoch: of as many batches, the last one has the last rate, which then
    stays. three_phase goes down as long as up, then on to the end. Smith and Topin, "Super-convergence" (2018).

    Raises:
        ValueError: a setting is out of its range; or, in `step`, all steps were made.
    """

    each = ("max_lr", "base_momentum", "max_momentum")

    def setup(
        self, max_lr: Number, total_steps: Positive | None = None, epochs: Positive | None = None,
        steps_per_epoch: Positive | None = None, pct_start: Share = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos", cycle_momentum: bool = True, base_momentum: Share = 0.85,
        max_momentum: Share = 0.95, div_factor: Above0 = 25.0, final_div_factor: Above0 = 1e4,
        three_phase: bool = False,
    ) -> None:  # fmt: skip
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        self.total_steps = total_steps
        middle = [(2 * pct_start * total_steps - 2, 0)] if three_phase else []
        self._turns = [(0, 0), (pct_start * total_steps - 1, 1), *middle, (total_steps - 1, 2)]  # when, and where to
        self._lrs = [(m / div_factor, m, m / div_factor / final_div_factor) for m in self.max_lr]
        self._begin([first for first, _, _ in self._lrs])

    def _along(self, t: int, places: tuple[float, float, float]) -> float:
        """Where on the way along these three places."""
        t = min(t, self.total_steps - 1)
        for (start, a), (end, b) in pairwise(self._turns):  # noqa: B007
            if t <= end:
                break
        share = (t - start) / (end - start) if end > start else 1.0
        if self.anneal_strategy == "linear":
            return places[a] + (places[b] - places[a]) * share
        return _cosine(places[a], places[b], share)

    def _at(self, t: int, group: int) -> float:
        return self._along(t, self._lrs[group])

    def _momentum(self, group: int) -> float:
        low, high = self.base_momentum[group], self.max_momentum[group]
        return self._along(self.last_epoch, (high, low, high))

    def step(self) -> None:
        """One step on.

        Raises:
            ValueError: all total_steps were made.
        """
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"OneCycleLR: all {self.total_steps} steps were made: there is no learning rate beyond")
        super().step()


def _same_optimizer(scheduler: _Scheduler) -> None:
    if any(s.optimizer is not scheduler.optimizer for s in scheduler.schedulers):
        raise ValueError(f"{type(scheduler).__name__}: all schedulers must have the same optimiser")


class SequentialLR(_Scheduler):
    """One scheduler after the other; at each of the milestones the next one begins, with the first learning rates.

    Raises:
        ValueError: the milestones don't rise or aren't one fewer than the schedulers, or one has another optimiser.
    """

    def setup(self, schedulers: Sequence[LRScheduler], milestones: list[Count]) -> None:
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(set(milestones)):
            raise ValueError("SequentialLR: the milestones must rise, and be one fewer than the schedulers")
        self.schedulers, self.milestones, self.last_epoch = list(schedulers), milestones, 0
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


class ChainedScheduler(_Scheduler):
    """Several schedulers at once: their factors are multiplied."""

    subject = "schedulers"

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


class ReduceLROnPlateau(_Scheduler):
    """The learning rate times `factor` once a metric, as the validation loss, has not improved for `patience` steps.

        scheduler.step(validation_loss)

    It improves where it goes below (mode="max": above) the best so far by more than a share `threshold` of it
    (threshold_mode="abs": by more than threshold). After a reduction, `cooldown` steps don't count. Learning rates stay
    above min_lr, and a change below eps is not made.
    """

    each = ("min_lr",)

    def setup(
        self, mode: Literal["min", "max"] = "min", factor: Below1 = 0.1, patience: Count = 10, threshold: Number = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel", cooldown: Count = 0, min_lr: Number = 0.0, eps: Number = 1e-8,
    ) -> None:  # fmt: skip
        self._sign = 1 if mode == "min" else -1
        self.best = self._sign * math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """One step on, which ended with this value."""
        value = float(metrics)
        self.last_epoch += 1
        margin = self.threshold * (self.best if self.threshold_mode == "rel" else 1)
        margin = margin if math.isfinite(margin) else 0
        if self._sign * value < self._sign * self.best - margin:
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lr):
                new = max(group["lr"] * self.factor, least)
                if group["lr"] - new > self.eps:
                    group["lr"] = new
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
