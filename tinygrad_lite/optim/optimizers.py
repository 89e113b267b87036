"""Optimisers: how parameters follow their gradients downhill.

`p.data` is rebound to a new array and never written into, so that graphs made before the step stay right.
A setting may change at any time (`optimizer.lr = ...`); a parameter without a gradient is left alone.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from ..dispatch import array_code
from ..tensor import Tensor, as_value, settle
from ..values import Array, beside, in_order_of, lazy, on_host

__all__ = [
    "Optimizer", "SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Rprop",
    "adam_step",
]  # fmt: skip

Params = Iterable[Tensor | Mapping[str, Any]]
Pair = tuple[float, float]
Slot = dict[str, Any]  # what is remembered for one parameter


class Optimizer:
    """What optimisers share. A subclass gives its settings to `__init__` and says in `update` how an array changes.

    `params` are tensors, e.g. `model.parameters()`, or groups of them with settings of their own:
    `[{"params": model.body.parameters()}, {"params": model.head.parameters(), "lr": 0.1}]`. Each group is a dict in
    `param_groups`. Setting an attribute (`optimizer.lr = 0.1`) sets it in all groups; reading one gives the first
    group's, and inside `update` that of the group being updated.
    """

    remembered: ClassVar[tuple[str, ...]] = ()  # the names in a parameter's slot
    below: ClassVar[dict[str, float]] = {"momentum": 1, "betas": 1, "rho": 1}  # settings with an upper limit

    def __init__(self, params: Params, **defaults: Any) -> None:
        if not isinstance(params, Iterable):
            raise TypeError(f"{self._name}: needs tensors, not a {type(params).__name__}; as in model.parameters()")
        given: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        if not given:
            raise ValueError(f"{self._name}: no parameters were given: was the generator already consumed?")
        self.defaults = {name: self._checked(name, value) for name, value in defaults.items()}
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, Slot] = {}
        self._settings: dict[str, Any] = {}  # of the first group, or in step() of the one that is being updated
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Optimise more parameters: {"params": tensors, and settings that differ from the optimiser's}.

        Raises:
            ValueError: a parameter is no floating leaf, or is in another group, or a setting is out of its range.
            TypeError: a parameter is no tensor.
        """
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise TypeError(f'{self._name}: a group must be a dict with "params", got {param_group!r}')
        tensors = param_group["params"]
        tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
        known = set(self.parameters)
        for i, p in enumerate(tensors, len(known)):
            if not isinstance(p, Tensor):
                kind = type(p).__name__
                raise TypeError(f"{self._name}: parameter {i} is a {kind}, not a Tensor; as in model.parameters()")
            if p.op is not None or p.dtype.kind not in "fO":
                what = f"the result of {p.op.name}" if p.op is not None else f"of dtype {p.dtype}"
                raise ValueError(f"{self._name}: parameter {i} is {what}; only a floating leaf can be updated")
            if p in known:
                raise ValueError(f"{self._name}: parameter {i} is in another group already")
        own = {name: value for name, value in param_group.items() if name != "params"}
        for name in own.keys() - self.defaults.keys():
            raise ValueError(f"{self._name}: unknown setting {name!r} in a group; there are {', '.join(self.defaults)}")
        settings = self.defaults | {name: self._checked(name, value) for name, value in own.items()}
        self.check(settings)
        self.param_groups.append({"params": list(dict.fromkeys(tensors)), **settings})  # each once
        self._settings = self.param_groups[0]

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters of all groups."""
        return [p for group in self.param_groups for p in group["params"]]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_settings"][name]
        except KeyError:
            settings = ", ".join(self.__dict__.get("defaults", ()))
            raise AttributeError(f"{self._name} has no setting {name!r}; it has {settings}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__.get("defaults", ()):
            return super().__setattr__(name, value)
        value = self._checked(name, value)
        for group in self.param_groups:
            self.check(group | {name: value})
        for group in self.param_groups:
            group[name] = value
        self.defaults[name] = value

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that don't go together."""

    def _checked(self, name: str, value: Any) -> Any:
        """A setting as a Python number (which leaves float32 arrays float32), a pair of them, or a bool."""
        usual = inspect.signature(type(self)).parameters.get(name)
        kind = type(usual.default) if usual is not None else type(value)
        if kind is bool:
            if not isinstance(value, (int, float, np.bool_)):
                raise TypeError(f"{self._name}: {name} must be True or False, got {value!r}")
            return bool(value)
        if kind is not tuple:
            return self._number(name, value, self.below.get(name, math.inf))
        try:
            first, second = value
        except (TypeError, ValueError):
            pair = (0.9, 0.999) if usual is None else usual.default
            raise TypeError(f"{self._name}: {name} must be two numbers, as {pair}, got {value!r}") from None
        limit = self.below.get(name, math.inf)
        return self._number(f"{name}[0]", first, limit), self._number(f"{name}[1]", second, limit)

    def _number(self, name: str, value: Any, below: float) -> float:
        wanted = "a finite number of at least 0" if below == math.inf else f"at least 0 and below {below:g}"
        message = f"{self._name}: {name} must be {wanted}, got {value!r}"
        try:
            fits = bool(0 <= value < below)
        except (TypeError, ValueError):
            raise TypeError(message) from None
        if not fits:
            raise ValueError(message)
        return float(value)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        """The new array of a parameter that is `p` and has the gradient `g`. `slot` keeps what is to be remembered."""
        raise NotImplementedError(f"{self._name}: define update(p, g, slot)")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what `closure`, called first where given, returns.

        Gradients of Dask arrays are computed here, all at once, so that parameters are NumPy's as before.

        Raises:
            ValueError: a gradient that was set by hand hasn't its parameter's shape.
        """
        loss = None if closure is None else closure()
        settle(p.grad for p in self.parameters if isinstance(p.grad, Tensor) and not lazy(p.value))
        number = 0
        try:
            for group in self.param_groups:
                self._settings = group
                for p in group["params"]:
                    if p.grad is not None:
                        self._update(p, number)
                    number += 1
        finally:
            self._settings = self.param_groups[0]
        return loss

    def _update(self, p: Tensor, number: int) -> None:
        g = as_value(p.grad)  # an array will do: p.grad = np.clip(p.grad.data, -1, 1)
        if g.shape != p.shape:
            raise ValueError(f"{self._name}: parameter {number} has shape {p.shape}, but its grad {g.shape}")
        if self._settings.get("maximize"):
            g = -g
        # In the parameter's memory order, which it so keeps: products round alike after a state is saved and loaded.
        new = self.update(p.data, in_order_of(g, p.data), self.state.setdefault(p, {}))
        if new.dtype != p.dtype:
            new = new.astype(p.dtype)
        if isinstance(new, np.ndarray):
            new.setflags(write=False)
        p.value = new  # nobody else has it, so it need not be copied

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters:
            p.zero_grad()

    # ------------------------------------------------------------------------------------------------ the state

    def state_dict(self) -> dict[str, Any]:
        """A copy of the settings and of all that is remembered, by name, as `tg.save` takes it.

        `lr` is the first group's, `group1.lr` that of the one after it; `velocity.0` is the first parameter's.
        """
        settings = {
            (f"group{i}." if i else "") + name: group[name]
            for i, group in enumerate(self.param_groups)
            for name in self.defaults
        }
        slots = {
            f"{name}.{i}": np.copy(v, order="K")
            for i, p in enumerate(self.parameters)
            for name, v in self.state.get(p, {}).items()
        }
        return {**settings, **slots}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of the same kind of optimiser over the same parameters, maybe of other dtypes.

        Raises:
            KeyError: a setting is missing, or a name fits neither a setting nor a parameter.
            ValueError: an array hasn't its parameter's shape, or a setting is out of its range.
            TypeError: `state_dict` is no mapping, or a value no number.
        """
        said = f"{self._name}.load_state_dict"
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"{said}: needs what state_dict() gives, not a {type(state_dict).__name__}")
        parameters = self.parameters
        groups = range(len(self.param_groups))
        names = {(i, name): (f"group{i}." if i else "") + name for i in groups for name in self.defaults}
        missing = [key for key in names.values() if key not in state_dict]
        if missing:
            raise KeyError(f"{said}: missing {', '.join(missing)}")
        settings = {at: self._checked(at[1], _plain(state_dict[key])) for at, key in names.items()}
        state: dict[Tensor, Slot] = {}
        for key in state_dict.keys() - set(names.values()):
            name, _, i = str(key).rpartition(".")
            if not (name in self.remembered and i.isdecimal() and int(i) < len(parameters)):
                raise KeyError(f"{said}: unexpected {key}; there are {len(parameters)} parameters")
            p, value = parameters[int(i)], np.array(on_host(state_dict[key]))
            if value.shape not in ((), p.shape):
                raise ValueError(f"{said}: {key} has shape {value.shape}, needs {p.shape}")
            if value.dtype.kind not in "biuf":
                raise TypeError(f"{said}: {key} must be numbers, got dtype {value.dtype}")
            if value.dtype.kind == "f" and value.dtype != p.dtype and p.dtype.kind == "f":
                value = value.astype(p.dtype)
            state.setdefault(p, {})[name] = beside(in_order_of(value, p.data), p.data) if value.shape else value
        for (at, name), setting in settings.items():
            self.param_groups[at][name] = setting
        self.state = state


def _plain(value: Any) -> Any:
    """A setting that a file gave as an array."""
    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    return tuple(value) if isinstance(value, list) else value


def _decayed(p: Array, g: Array, weight_decay: float) -> Array:
    return g + weight_decay * p if weight_decay else g


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p - lr · g.

    With `weight_decay` λ, g ← g + λ · p first. With `momentum` μ, a velocity v ← μ · v + (1 - dampening) · g (g itself
    at the first step) takes g's place, or g + μ · v where `nesterov`. Sutskever et al., "On the importance of
    initialization and momentum in deep learning" (2013), in PyTorch's form: the learning rate is not part of v.

    Args:
        params: tensors, e.g. `model.parameters()`, or groups of them (see `Optimizer`).
        lr, momentum, dampening, weight_decay: of at least 0; momentum below 1.
        nesterov: needs momentum, and no dampening.
        maximize: climb instead.

    Raises:
        ValueError: a value is out of its range, or there are no parameters.
        TypeError: a value is no number, or a parameter no tensor.
    """

    remembered = ("velocity",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, **settings, nesterov=nesterov, maximize=maximize)

    def check(self, settings: Mapping[str, Any]) -> None:
        if settings["nesterov"] and (not settings["momentum"] or settings["dampening"]):
            raise ValueError("SGD: nesterov needs a momentum, e.g. momentum=0.9, and no dampening")

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        g, momentum = _decayed(p, g, self.weight_decay), self.momentum
        if momentum:
            v = slot.get("velocity")
            if v is None:
                v = g.copy(order="K")
            else:
                v *= momentum
                v += (1 - self.dampening) * g if self.dampening else g
            slot["velocity"] = v
            g = g + momentum * v if self.nesterov else v
        new = g * -self.lr
        new += p
        return new


class Adam(Optimizer):
    """m ← β₁ · m + (1 - β₁) · g and v ← β₂ · v + (1 - β₂) · g², then p ← p - lr · m̂ / (√v̂ + eps).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo that both start at 0; t counts the steps of each parameter. With
    `weight_decay` λ, g ← g + λ · p first. Kingma and Ba, "Adam: a method for stochastic optimization" (2015),
    algorithm 1. `amsgrad` takes the largest v so far for v: Reddi et al., "On the convergence of Adam" (2018).

    Args:
        params: tensors, e.g. `model.parameters()`, or groups of them (see `Optimizer`).
        lr, eps, weight_decay: of at least 0.
        betas: (β₁, β₂), each of at least 0 and below 1.
        maximize: climb instead.

    Raises:
        ValueError: a value is out of its range, or there are no parameters.
        TypeError: a value is no number, or a parameter no tensor.
    """

    remembered = ("steps", "mean", "square", "largest")
    decoupled = False  # whether weight decay goes past the means

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, **settings, amsgrad=amsgrad, maximize=maximize)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        (beta1, beta2), decay, lr = self.betas, self.weight_decay, self.lr
        t = slot["steps"] = int(slot.get("steps", 0)) + 1
        if "mean" not in slot:
            slot["mean"], slot["square"] = np.zeros_like(g), np.zeros_like(g)
        if decay and self.decoupled:
            p = p * (1 - lr * decay)
        elif decay:
            g = g + decay * p
        scale = math.sqrt(1 - beta2**t)  # v̂ = v / scale²
        rate, eps = lr * scale / (1 - beta1**t), self.eps * scale
        if not self.amsgrad:
            new, slot["mean"], slot["square"] = adam_step(p, g, slot["mean"], slot["square"], beta1, beta2, rate, eps)
            return new
        _means(slot, g, beta1, beta2)
        slot["largest"] = np.maximum(slot.get("largest", 0), slot["square"])
        return p - rate * slot["mean"] / (np.sqrt(slot["largest"]) + eps)


@array_code
def adam_step(
    p: Array, g: Array, mean: Array, square: Array, beta1: float, beta2: float, rate: float, eps: float
) -> tuple[Array, Array, Array]:
    """The new p, mean and square. The two means belong to the optimiser: a plug-in may write into them."""
    mean = beta1 * mean + (1 - beta1) * g
    square = beta2 * square + (1 - beta2) * g * g
    return p - rate * mean / (np.sqrt(square) + eps), mean, square


def _means(slot: Slot, g: Array, beta1: float, beta2: float) -> None:
    """The running means of g and g²."""
    slot["mean"] = beta1 * slot.get("mean", 0) + (1 - beta1) * g
    slot["square"] = beta2 * slot.get("square", 0) + (1 - beta2) * g * g


class AdamW(Adam):
    """Adam, but weight decay shrinks p itself: p ← (1 - lr · λ) · p - lr · m̂ / (√v̂ + eps).

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2. Arguments as for `Adam`.
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class Adamax(Optimizer):
    """Adam with the largest |g| for √v̂: u ← max(β₂ · u, |g| + eps), p ← p - lr · m̂ / u.

    Kingma and Ba (2015), algorithm 2. Arguments as for `Adam`.
    """

    remembered = ("steps", "mean", "largest")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        (beta1, beta2), g = self.betas, _decayed(p, g, self.weight_decay)
        t = slot["steps"] = int(slot.get("steps", 0)) + 1
        slot["mean"] = beta1 * slot.get("mean", 0) + (1 - beta1) * g
        slot["largest"] = np.maximum(beta2 * slot.get("largest", 0), np.absolute(g) + self.eps)
        return p - self.lr / (1 - beta1**t) * slot["mean"] / slot["largest"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose share μₜ = β₁ · (1 - ½ · 0.96^(t · momentum_decay)) grows with t.

    Dozat, "Incorporating Nesterov momentum into Adam" (2016). decoupled_weight_decay shrinks p itself, as in `AdamW`;
    the other arguments are as for `Adam`.
    """

    remembered = ("steps", "product", "mean", "square")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        decay = {"momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, **settings, **decay)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        (beta1, beta2), lr = self.betas, self.lr
        if self.decoupled_weight_decay:
            p = p * (1 - lr * self.weight_decay)
        else:
            g = _decayed(p, g, self.weight_decay)
        t = slot["steps"] = int(slot.get("steps", 0)) + 1
        now, ahead = (beta1 * (1 - 0.5 * 0.96 ** (n * self.momentum_decay)) for n in (t, t + 1))
        product = slot["product"] = float(slot.get("product", 1.0)) * now
        _means(slot, g, beta1, beta2)
        mixed = (1 - now) / (1 - product) * g + ahead / (1 - product * ahead) * slot["mean"]
        return p - lr * mixed / (np.sqrt(slot["square"] / (1 - beta2**t)) + self.eps)


class RAdam(Optimizer):
    """Adam that divides by √v̂ only once v̂ is known well enough, and warms up to it.

    Liu et al., "On the variance of the adaptive learning rate and beyond" (2020). decoupled_weight_decay shrinks p
    itself, as in `AdamW`; the other arguments are as for `Adam`.
    """

    remembered = ("steps", "mean", "square")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, **settings, decoupled_weight_decay=decoupled_weight_decay, maximize=maximize)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        (beta1, beta2), lr = self.betas, self.lr
        if self.decoupled_weight_decay:
            p = p * (1 - lr * self.weight_decay)
        else:
            g = _decayed(p, g, self.weight_decay)
        t = slot["steps"] = int(slot.get("steps", 0)) + 1
        _means(slot, g, beta1, beta2)
        left = 1 - beta2**t
        most = 2 / (1 - beta2) - 1
        length = most - 2 * t * beta2**t / left  # of the average behind v̂
        step = lr / (1 - beta1**t) * slot["mean"]
        if length > 5:
            rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            step = step * math.sqrt(left * rectified) / (np.sqrt(slot["square"]) + self.eps)
        return p - step


class RMSprop(Optimizer):
    """v ← α · v + (1 - α) · g², then p ← p - lr · g / (√v + eps). Hinton's lecture 6e (2012).

    `centered` takes v - m² for v, where m is the running mean of g: Graves, "Generating sequences with recurrent neural
    networks" (2013). With `momentum` μ, a velocity u ← μ · u + g / (√v + eps) is followed.

    Args:
        params: tensors, e.g. `model.parameters()`, or groups of them (see `Optimizer`).
        lr, alpha, eps, weight_decay, momentum: of at least 0; momentum below 1.
        maximize: climb instead.

    Raises:
        ValueError: a value is out of its range, or there are no parameters.
        TypeError: a value is no number, or a parameter no tensor.
    """

    remembered = ("mean", "square", "velocity")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, **settings, centered=centered, maximize=maximize)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        g, alpha = _decayed(p, g, self.weight_decay), self.alpha
        v = slot["square"] = alpha * slot.get("square", 0) + (1 - alpha) * g * g
        if self.centered:
            m = slot["mean"] = alpha * slot.get("mean", 0) + (1 - alpha) * g
            v = v - m * m
        step = g / (np.sqrt(v) + self.eps)
        if self.momentum:
            step = slot["velocity"] = self.momentum * slot.get("velocity", 0) + step
        return p - self.lr * step


class Adagrad(Optimizer):
    """s ← s + g², then p ← p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps), s from initial_accumulator_value on.

    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization" (2011).
    Arguments of at least 0, and as for `Adam`.
    """

    remembered = ("steps", "sum")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        start = {"initial_accumulator_value": initial_accumulator_value}
        super().__init__(params, **settings, **start, maximize=maximize)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        g = _decayed(p, g, self.weight_decay)
        t = slot["steps"] = int(slot.get("steps", 0)) + 1
        slot["sum"] = slot.get("sum", self.initial_accumulator_value) + g * g
        return p - self.lr / (1 + (t - 1) * self.lr_decay) * g / (np.sqrt(slot["sum"]) + self.eps)


class Adadelta(Optimizer):
    """v ← ρ · v + (1 - ρ) · g², d = √(u + eps) / √(v + eps) · g, u ← ρ · u + (1 - ρ) · d², then p ← p - lr · d.

    Zeiler, "ADADELTA: an adaptive learning rate method" (2012). Arguments as for `Adam`; ρ below 1.
    """

    remembered = ("square", "moved")

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        g, rho, eps = _decayed(p, g, self.weight_decay), self.rho, self.eps
        v = slot["square"] = rho * slot.get("square", 0) + (1 - rho) * g * g
        moved = slot.get("moved", 0)
        d = np.sqrt(moved + eps) / np.sqrt(v + eps) * g
        slot["moved"] = rho * moved + (1 - rho) * d * d
        return p - self.lr * d


class Rprop(Optimizer):
    """Every number has a step of its own, and only the gradient's sign counts: p ← p - sign g · step.

    A step grows by etas[1] while the sign stays, within step_sizes; where it turned it shrinks by etas[0], and p stays.
    For gradients of whole data sets, not of batches. Riedmiller and Braun, "A direct adaptive method for faster
    backpropagation learning: the RPROP algorithm" (1993). Steps start at `lr`.
    """

    remembered = ("before", "size")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: Pair = (0.5, 1.2),
        step_sizes: Pair = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, etas=etas, step_sizes=step_sizes, maximize=maximize)

    def check(self, settings: Mapping[str, Any]) -> None:
        if not 0 < settings["etas"][0] < 1 < settings["etas"][1]:
            raise ValueError(f"Rprop: etas must lie below 1 and above 1, as (0.5, 1.2), got {settings['etas']}")

    def update(self, p: Array, g: Array, slot: Slot) -> Array:
        turned = np.sign(g * slot.get("before", 0))
        factor = np.where(turned > 0, self.etas[1], np.where(turned < 0, self.etas[0], 1)).astype(g.dtype)
        slot["size"] = np.clip(slot.get("size", np.full_like(g, self.lr)) * factor, *self.step_sizes)
        g = slot["before"] = np.where(turned < 0, 0, g)
        return p - np.sign(g) * slot["size"]
