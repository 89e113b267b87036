"""Optimisers: how parameters follow their gradients downhill.

`p.data` is rebound to a new array and never written into, so that graphs made before the step stay right.
A setting may change at any time (`optimizer.lr = ...`); a parameter without a gradient is left alone.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import Any, ClassVar, Literal

import numpy as np

from ..dispatch import array_code
from ..settings import Below1, Configured, Count, Least1, NotAbove0, Number, plain
from ..tensor import Tensor, as_value, settle
from ..values import Array, beside, in_order_of, lazy, on_host

__all__ = [
    "Optimizer", "SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Adafactor",
    "Muon", "Rprop", "ASGD", "adam_step",
]  # fmt: skip

Params = Iterable[Tensor | Mapping[str, Any] | tuple[str, Tensor]]
MAXIMIZE: tuple[Parameter, ...] = (Parameter("maximize", Parameter.KEYWORD_ONLY, default=False, annotation="bool"),)


class Optimizer(Configured):
    """What optimisers share. A subclass says in `update` how an array changes; its settings are update's arguments.

        class SignDescent(optim.Optimizer):
            def update(self, p, g, slot, lr=0.01):
                return p - lr * np.sign(g)

    `params` are tensors, e.g. `model.parameters()`, or (name, tensor) pairs, e.g. `model.named_parameters()`, or groups
    of either with settings of their own: `[{"params": model.body.parameters()}, {"params": model.head.parameters(),
    "lr": 0.1}]`. Each group is a dict in `param_groups`. Setting an attribute (`optimizer.lr = 0.1`) sets it in all
    groups; reading one gives the first group's. Every optimiser has the setting `maximize`, to climb instead.

    Raises:
        ValueError: a setting is out of its range, or there are no parameters.
        TypeError: a setting is of another kind, or a parameter no tensor.
    """

    function, first, subject = "update", 4, "params"
    more = MAXIMIZE
    remembered: ClassVar[tuple[str, ...]] = ()  # the names in a parameter's slot

    def __init__(self, params: Params, *settings: Any, **named: Any) -> None:
        if not isinstance(params, Iterable):
            raise TypeError(f"{self._name}: needs tensors, not a {type(params).__name__}; as in model.parameters()")
        given: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        if not given:
            raise ValueError(f"{self._name}: no parameters were given: are all frozen, or was the generator consumed?")
        self.defaults = self.bound(params, *settings, **named)
        self.param_groups: list[dict[str, Any]] = []
        self.state: defaultdict[Tensor, Slot] = defaultdict(Slot)
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
        names = [pair[0] for pair in tensors if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)]
        if names:
            if len(names) != len(tensors):
                raise ValueError(f"{self._name}: give names for all parameters of a group, or for none")
            tensors = [p for _, p in tensors]
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
        settings = self.defaults | {name: self.checked(name, value) for name, value in own.items()}
        group = {"params": list(dict.fromkeys(tensors)), **settings}  # each once
        self.check(group)
        self.param_groups.append(group | ({"param_names": list(dict.fromkeys(names))} if names else {}))

    def __repr__(self) -> str:
        groups = ({name: g[name] for name in self.parameters_of} for g in self.param_groups)
        lines = [", ".join(f"{name}={value}" for name, value in group.items()) for group in groups]
        return f"{self._name}({'; '.join(dict.fromkeys(lines))})"

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters of all groups."""
        return [p for group in self.param_groups for p in group["params"]]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["param_groups"][0][name]
        except (KeyError, IndexError):
            settings = ", ".join(self.__dict__.get("defaults", ()))
            raise AttributeError(f"{self._name} has no setting {name!r}; it has {settings}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.__dict__.get("defaults", ()):
            return super().__setattr__(name, value)
        value = self.checked(name, value)
        for group in self.param_groups:
            self.check(group | {name: value})
        for group in self.param_groups:
            group[name] = value
        self.defaults[name] = value

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that don't go together, or not with a group's "params"."""

    def fits(self, name: str, shape: tuple[int, ...], p: Tensor) -> bool:
        """Whether what is remembered for `p` under this name may have this shape."""
        return shape in ((), p.shape)

    def update(self, p: Array, g: Array, slot: Slot, *settings: Any, **named: Any) -> Array:
        """The new array of a parameter that is `p` and has the gradient `g`. `slot` keeps what is to be remembered."""
        raise NotImplementedError(f"{self._name}: define update(p, g, slot, ...)")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; returns what `closure`, called first where given, returns.

        Gradients of Dask arrays are computed here, all at once, so that parameters are NumPy's as before.

        Raises:
            ValueError: a gradient that was set by hand hasn't its parameter's shape.
        """
        loss = None if closure is None else closure()
        settle(p.grad for p in self.parameters if isinstance(p.grad, Tensor) and not lazy(p.value))
        numbers = itertools.count()
        for group in self.param_groups:
            settings = {name: group[name] for name in self.parameters_of if name != "maximize"}
            for p, number in zip(group["params"], numbers):
                if p.grad is not None and p.size:
                    g = self._gradient(p, number)
                    # In the parameter's memory order: products round alike after a state is saved and loaded.
                    g = in_order_of(-g if group["maximize"] else g, p.data)
                    self._set(p, self.update(p.data, g, self.state[p], **settings))
        return loss

    def _gradient(self, p: Tensor, number: int) -> Array:
        g = as_value(p.grad)  # an array will do: p.grad = np.clip(p.grad.data, -1, 1)
        if g.shape != p.shape:
            raise ValueError(f"{self._name}: parameter {number} has shape {p.shape}, but its grad {g.shape}")
        return g

    @staticmethod
    def _set(p: Tensor, new: Array) -> None:
        if new.dtype != p.dtype:
            new = new.astype(p.dtype)
        new = in_order_of(new, p.value)  # as it would be once loaded, or products would round in another way
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
        state = {key: self.param_groups[i][name] for (i, name), key in self._keys().items()}
        for i, p in enumerate(self.parameters):
            state |= {f"{name}.{i}": np.copy(a, order="K") for name, a in self.state.get(p, {}).items()}
        return state

    def _keys(self) -> dict[tuple[int, str], str]:
        """(group, setting) to its name in the state."""
        groups = range(len(self.param_groups))
        return {(i, name): (f"group{i}." if i else "") + name for i in groups for name in self.parameters_of}

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
        names = self._keys()
        missing = [key for key in names.values() if key not in state_dict]
        if missing:
            raise KeyError(f"{said}: missing {', '.join(missing)}")
        settings = {at: self.checked(at[1], plain(state_dict[key])) for at, key in names.items()}
        state: defaultdict[Tensor, Slot] = defaultdict(Slot)
        for key in state_dict.keys() - set(names.values()):
            name, _, i = str(key).rpartition(".")
            if not (name in self.remembered and i.isdecimal() and int(i) < len(parameters)):
                raise KeyError(f"{said}: unexpected {key}; there are {len(parameters)} parameters")
            p, value = parameters[int(i)], np.array(on_host(state_dict[key]))
            if not self.fits(name, value.shape, p):
                raise ValueError(f"{said}: {key} has shape {value.shape}, needs {p.shape}")
            if value.dtype.kind not in "biuf":
                raise TypeError(f"{said}: {key} must be numbers, got dtype {value.dtype}")
            stays = p.dtype == np.float16 and value.dtype == np.float32
            if value.dtype.kind == p.dtype.kind == "f" and not stays:
                value = value.astype(p.dtype)  # float32 beside a parameter that half() made float16 stays what it was
            value = in_order_of(value, p.data) if value.shape == p.shape else value
            state[p][name] = beside(value, p.data) if value.shape else value
        for (at, name), setting in settings.items():
            self.param_groups[at][name] = setting
        self.state = state


class Slot(dict[str, Any]):
    """What is remembered for one parameter; a name that isn't there yet is 0."""

    def __missing__(self, name: str) -> Any:
        return 0

    def count(self) -> int:
        """The number of this step."""
        self["steps"] = int(self["steps"]) + 1
        return int(self["steps"])

    def mean(self, name: str, new: Array, beta: float, times: Any = 1) -> Array:
        """The running mean of new · times: β · mean + (1 - β) · new · times, in an order that float16 holds longest."""
        self[name] = beta * self[name] + (1 - beta) * new * times
        return self[name]


def decayed(p: Array, g: Array, weight_decay: float, lr: float = 0.0, decoupled: bool = False) -> tuple[Array, Array]:
    """p and g with weight decay: g + λ · p for g, or `decoupled` from g, (1 - lr · λ) · p for p."""
    if not weight_decay:
        return p, g
    return (p * (1 - lr * weight_decay), g) if decoupled else (p, g + weight_decay * p)


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p - lr · g.

    With `weight_decay` λ, g ← g + λ · p first. With `momentum` μ, a velocity v ← μ · v + (1 - dampening) · g (g itself
    at the first step) takes g's place, or g + μ · v where `nesterov`, which needs momentum and no dampening. Sutskever
    et al., "On the importance of initialization and momentum in deep learning" (2013), in PyTorch's form: the learning
    rate is not part of v.
    """

    remembered = ("velocity",)

    def check(self, settings: Mapping[str, Any]) -> None:
        if settings["nesterov"] and (not settings["momentum"] or settings["dampening"]):
            raise ValueError("SGD: nesterov needs a momentum, e.g. momentum=0.9, and no dampening")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-3, momentum: Below1 = 0.0, dampening: Number = 0.0,
        weight_decay: Number = 0.0, nesterov: bool = False,
    ) -> Array:  # fmt: skip
        _, g = decayed(p, g, weight_decay)
        if momentum:
            v = slot.get("velocity")
            if v is None:
                v = g.copy(order="K")
            else:
                v *= momentum
                v += (1 - dampening) * g if dampening else g
            slot["velocity"] = v
            g = g + momentum * v if nesterov else v
        new = g * -lr
        new += p
        return new


class Adam(Optimizer):
    """m ← β₁ · m + (1 - β₁) · g and v ← β₂ · v + (1 - β₂) · g², then p ← p - lr · m̂ / (√v̂ + eps).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo that both start at 0; t counts the steps of each parameter. With
    `weight_decay` λ, g ← g + λ · p first, or with decoupled_weight_decay p ← (1 - lr · λ) · p. Kingma and Ba, "Adam: a
    method for stochastic optimization" (2015), algorithm 1. `amsgrad` takes the largest v so far for v: Reddi et al.,
    "On the convergence of Adam" (2018). In float16 an eps of 1e-8 is 0, and small gradients give 0 / 0, as in PyTorch:
    give eps=1e-4.
    """

    remembered = ("steps", "mean", "square", "largest")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-3, betas: tuple[Below1, Below1] = (0.9, 0.999),
        eps: Number = 1e-8, weight_decay: Number = 0.0, amsgrad: bool = False, *, decoupled_weight_decay: bool = False,
    ) -> Array:  # fmt: skip
        (beta1, beta2), t = betas, slot.count()
        if "mean" not in slot:
            slot["mean"], slot["square"] = np.zeros_like(g), np.zeros_like(g)
        p, g = decayed(p, g, weight_decay, lr, decoupled_weight_decay)
        scale = math.sqrt(1 - beta2**t)  # v̂ = v / scale²
        rate, eps = lr * scale / (1 - beta1**t), eps * scale
        if not amsgrad:
            new, slot["mean"], slot["square"] = adam_step(p, g, slot["mean"], slot["square"], beta1, beta2, rate, eps)
            return new
        mean = slot.mean("mean", g, beta1)
        slot["largest"] = np.maximum(slot["largest"], slot.mean("square", g, beta2, g))
        return p - rate * mean / (np.sqrt(slot["largest"]) + eps)


@array_code
def adam_step(
    p: Array, g: Array, mean: Array, square: Array, beta1: float, beta2: float, rate: float, eps: float
) -> tuple[Array, Array, Array]:
    """The new p, mean and square. The two means belong to the optimiser: a plug-in may write into them."""
    mean = beta1 * mean + (1 - beta1) * g
    square = beta2 * square + (1 - beta2) * g * g
    return p - rate * mean / (np.sqrt(square) + eps), mean, square


class AdamW(Adam, weight_decay=0.01, decoupled_weight_decay=True):
    """Adam, but weight decay shrinks p itself: p ← (1 - lr · λ) · p - lr · m̂ / (√v̂ + eps).

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.
    """


class Adamax(Optimizer):
    """Adam with the largest |g| for √v̂: u ← max(β₂ · u, |g| + eps), p ← p - lr · m̂ / u.

    Kingma and Ba (2015), algorithm 2.
    """

    remembered = ("steps", "mean", "largest")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 2e-3, betas: tuple[Below1, Below1] = (0.9, 0.999),
        eps: Number = 1e-8, weight_decay: Number = 0.0,
    ) -> Array:  # fmt: skip
        (beta1, beta2), t = betas, slot.count()
        _, g = decayed(p, g, weight_decay)
        slot["largest"] = np.maximum(beta2 * slot["largest"], np.absolute(g) + eps)
        return p - lr / (1 - beta1**t) * slot.mean("mean", g, beta1) / slot["largest"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose share μₜ = β₁ · (1 - ½ · 0.96^(t · momentum_decay)) grows with t.

    Dozat, "Incorporating Nesterov momentum into Adam" (2016). decoupled_weight_decay shrinks p itself, as in `AdamW`.
    """

    remembered = ("steps", "product", "mean", "square")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 2e-3, betas: tuple[Below1, Below1] = (0.9, 0.999),
        eps: Number = 1e-8, weight_decay: Number = 0.0, momentum_decay: Number = 4e-3,
        decoupled_weight_decay: bool = False,
    ) -> Array:  # fmt: skip
        (beta1, beta2), t = betas, slot.count()
        p, g = decayed(p, g, weight_decay, lr, decoupled_weight_decay)
        now, ahead = (beta1 * (1 - 0.5 * 0.96 ** (n * momentum_decay)) for n in (t, t + 1))
        product = slot["product"] = float(slot.get("product", 1.0)) * now
        mean, square = slot.mean("mean", g, beta1), slot.mean("square", g, beta2, g)
        mixed = (1 - now) / (1 - product) * g + ahead / (1 - product * ahead) * mean
        return p - lr * mixed / (np.sqrt(square / (1 - beta2**t)) + eps)


class RAdam(Optimizer):
    """Adam that divides by √v̂ only once v̂ is known well enough, and warms up to it.

    Liu et al., "On the variance of the adaptive learning rate and beyond" (2020). decoupled_weight_decay shrinks p
    itself, as in `AdamW`.
    """

    remembered = ("steps", "mean", "square")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-3, betas: tuple[Below1, Below1] = (0.9, 0.999),
        eps: Number = 1e-8, weight_decay: Number = 0.0, decoupled_weight_decay: bool = False,
    ) -> Array:  # fmt: skip
        (beta1, beta2), t = betas, slot.count()
        p, g = decayed(p, g, weight_decay, lr, decoupled_weight_decay)
        step, square = lr / (1 - beta1**t) * slot.mean("mean", g, beta1), slot.mean("square", g, beta2, g)
        left = 1 - beta2**t
        most = 2 / (1 - beta2) - 1
        length = most - 2 * t * beta2**t / left  # of the average behind v̂
        if length > 5:
            rectified = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)
            step = step * math.sqrt(left * rectified) / (np.sqrt(square) + eps)
        return p - step


class RMSprop(Optimizer):
    """v ← α · v + (1 - α) · g², then p ← p - lr · g / (√v + eps). Hinton's lecture 6e (2012).

    `centered` takes v - m² for v, where m is the running mean of g: Graves, "Generating sequences with recurrent neural
    networks" (2013). With `momentum` μ, a velocity u ← μ · u + g / (√v + eps) is followed.
    """

    remembered = ("mean", "square", "velocity")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-2, alpha: Number = 0.99, eps: Number = 1e-8,
        weight_decay: Number = 0.0, momentum: Below1 = 0.0, centered: bool = False,
    ) -> Array:  # fmt: skip
        _, g = decayed(p, g, weight_decay)
        v = slot.mean("square", g, alpha, g)
        if centered:
            v = v - slot.mean("mean", g, alpha) ** 2
        step = g / (np.sqrt(v) + eps)
        if momentum:
            step = slot["velocity"] = momentum * slot["velocity"] + step
        return p - lr * step


class Adagrad(Optimizer):
    """s ← s + g², then p ← p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps), s from initial_accumulator_value on.

    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization" (2011).
    """

    remembered = ("steps", "sum")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-2, lr_decay: Number = 0.0, weight_decay: Number = 0.0,
        initial_accumulator_value: Number = 0.0, eps: Number = 1e-10,
    ) -> Array:  # fmt: skip
        t, (_, g) = slot.count(), decayed(p, g, weight_decay)
        slot["sum"] = slot.get("sum", initial_accumulator_value) + g * g
        return p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(slot["sum"]) + eps)


class Adadelta(Optimizer):
    """v ← ρ · v + (1 - ρ) · g², d = √(u + eps) / √(v + eps) · g, u ← ρ · u + (1 - ρ) · d², then p ← p - lr · d.

    Zeiler, "ADADELTA: an adaptive learning rate method" (2012).
    """

    remembered = ("square", "moved")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1.0, rho: Below1 = 0.9, eps: Number = 1e-6,
        weight_decay: Number = 0.0,
    ) -> Array:  # fmt: skip
        _, g = decayed(p, g, weight_decay)
        d = np.sqrt(slot["moved"] + eps) / np.sqrt(slot.mean("square", g, rho, g) + eps) * g
        slot.mean("moved", d, rho, d)
        return p - lr * d


class Adafactor(Optimizer):
    """Adam's square root of v from one number for each row and each column, so that a matrix needs little memory.

    The means of g² over each row, r, and over each column, c, are followed with β₂ = 1 - t^beta2_decay; then v =
    r · c / mean r (of a vector, the running mean of g² itself), d = g / max(√v, eps₁), and p ← p - α · d / max(1,
    rms d / d₀), with α = max(eps₂, rms p) · min(lr, 1 / √t). Shazeer and Stern, "Adafactor: adaptive
    learning rates with sublinear memory cost" (2018). By default eps₁ is the dtype's; d₀ is the setting `d`.
    """

    remembered = ("steps", "rows", "columns", "square")

    def fits(self, name: str, shape: tuple[int, ...], p: Tensor) -> bool:
        whole = {"rows": (*p.shape[:-1], 1), "columns": (*p.shape[:-2], 1, *p.shape[-1:])}
        return shape == whole[name] if name in whole else super().fits(name, shape, p)

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-2, beta2_decay: NotAbove0 = -0.8,
        eps: tuple[Number | None, Number] = (None, 1e-3), d: Least1 = 1.0, weight_decay: Number = 0.0,
    ) -> Array:  # fmt: skip
        t, square = slot.count(), g * g
        beta2, least = 1 - t**beta2_decay, float(np.finfo(g.dtype).eps) if eps[0] is None else eps[0]
        rate = max(eps[1], _rms(p)) * min(lr, t**-0.5)
        p, _ = decayed(p, g, weight_decay, lr, True)
        if g.ndim > 1:
            rows = slot.mean("rows", np.mean(square, axis=-1, keepdims=True), beta2)
            columns = slot.mean("columns", np.mean(square, axis=-2, keepdims=True), beta2)
            v = rows @ columns / np.maximum(np.mean(rows, axis=-2, keepdims=True), least)
        else:
            v = slot.mean("square", square, beta2)
        step = g / np.sqrt(np.maximum(v, least * least))
        return p - rate / max(1.0, _rms(step) / d) * step


def _rms(x: Array) -> float:
    """√ mean x²."""
    return math.sqrt(np.mean(x * x)) if np.size(x) else 0.0


class Muon(Optimizer):
    """Momentum whose matrix is made nearly orthogonal: p ← (1 - lr · λ) · p - lr · √max(1, rows / columns) · UVᵀ.

    m ← μ · m + (1 - μ) · g, or g + μ · (m - g) where `nesterov`, is divided by its norm; then ns_steps times
    x ← a · x + (b · xxᵀ + c · (xxᵀ)²) · x (Newton and Schulz) bring its singular values near 1. With adjust_lr_fn=
    "match_rms_adamw" the learning rate is times 0.2 · √max(rows, columns). For matrices alone, as of linear layers.
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024). All is computed in p's own dtype.
    """

    remembered = ("mean",)

    def check(self, settings: Mapping[str, Any]) -> None:
        for p in settings.get("params", ()):
            if p.ndim != 2:
                raise ValueError(f"Muon: needs matrices, but a parameter has shape {p.shape}: use AdamW for the others")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-3, weight_decay: Number = 0.1, momentum: Below1 = 0.95,
        nesterov: bool = True, ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: Number = 1e-7, ns_steps: Count = 5, adjust_lr_fn: Literal["original", "match_rms_adamw"] | None = None,
    ) -> Array:  # fmt: skip
        (a, b, c), mean = ns_coefficients, slot.mean("mean", g, momentum)
        x = g + momentum * (mean - g) if nesterov else mean
        rows, columns = x.shape
        x = x.T if rows > columns else x
        x = x / max(float(np.linalg.norm(x)), eps)
        for _ in range(ns_steps):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        like_adamw = adjust_lr_fn == "match_rms_adamw"
        ratio = 0.2 * math.sqrt(max(rows, columns)) if like_adamw else math.sqrt(max(1, rows / columns))
        return p * (1 - lr * weight_decay) - lr * ratio * (x.T if rows > columns else x)


class Rprop(Optimizer):
    """Every number has a step of its own, and only the gradient's sign counts: p ← p - sign g · step.

    A step grows by etas[1] while the sign stays, within step_sizes; where it turned it shrinks by etas[0], and p stays.
    For gradients of whole data sets, not of batches. Riedmiller and Braun, "A direct adaptive method for faster
    backpropagation learning: the RPROP algorithm" (1993). Steps start at `lr`.
    """

    remembered = ("before", "size")

    def check(self, settings: Mapping[str, Any]) -> None:
        if not 0 < settings["etas"][0] < 1 < settings["etas"][1]:
            raise ValueError(f"Rprop: etas must lie below 1 and above 1, as (0.5, 1.2), got {settings['etas']}")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-2, etas: tuple[Number, Number] = (0.5, 1.2),
        step_sizes: tuple[Number, Number] = (1e-6, 50.0),
    ) -> Array:  # fmt: skip
        turned = np.sign(g * slot["before"])
        factor = np.where(turned > 0, etas[1], np.where(turned < 0, etas[0], 1)).astype(g.dtype)
        slot["size"] = np.clip(slot.get("size", np.full_like(g, lr)) * factor, *step_sizes)
        g = slot["before"] = np.where(turned < 0, 0, g)
        return p - np.sign(g) * slot["size"]


class ASGD(Optimizer):
    """p ← (1 - lambd · η) · p - η · g with η = lr / (1 + lambd · lr · t)^alpha, and the average of p from step t0 on.

    The average is in `state[p]["average"]`. Polyak and Juditsky, "Acceleration of stochastic approximation by
    averaging" (1992).
    """

    remembered = ("steps", "eta", "average")

    def update(
        self, p: Array, g: Array, slot: Slot, lr: Number = 1e-2, lambd: Number = 1e-4, alpha: float = 0.75,
        t0: Number = 1e6, weight_decay: Number = 0.0,
    ) -> Array:  # fmt: skip
        t, eta, (_, g) = slot.count(), float(slot.get("eta", lr)), decayed(p, g, weight_decay)
        new = p * (1 - lambd * eta) - eta * g
        slot["average"] = slot["average"] + (new - slot["average"]) / max(1.0, t - 1 - t0)
        slot["eta"] = lr / (1 + lambd * lr * t) ** alpha
        return new
