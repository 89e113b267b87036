"""Optimisers: how parameters follow their gradients downhill.

`p.data` is rebound to a new array and never written into, so that graphs made before the step stay right.
Learning rates may change at any time (`optimizer.lr = ...`); a parameter without a gradient is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .dispatch import array_code
from .tensor import Tensor, as_value
from .values import Array


class Optimizer:
    """What optimisers share. A subclass gives its settings to `__init__` and says in `update` how an array changes."""

    remembered: tuple[str, ...] = ()  # the names in a parameter's slot

    def __init__(self, parameters: Iterable[Tensor], **settings: float | bool) -> None:
        if not isinstance(parameters, Iterable):
            raise TypeError(f"{self._name}: needs tensors, not a {type(parameters).__name__}; as in model.parameters()")
        parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        if not parameters:
            raise ValueError(f"{self._name}: no parameters were given; a generator gives its items only once")
        for i, p in enumerate(parameters):
            if not isinstance(p, Tensor):
                kind = type(p).__name__
                raise TypeError(f"{self._name}: parameter {i} is a {kind}, not a Tensor; as in model.parameters()")
            if p.op is not None or p.dtype.kind not in "fO":
                what = f"the result of {p.op.name}" if p.op is not None else f"of dtype {p.dtype}"
                raise ValueError(f"{self._name}: parameter {i} is {what}; only a floating leaf can be updated")
        self.parameters = list(dict.fromkeys(parameters))  # each once
        self.settings = settings
        self.slots: list[dict[str, Any]] = [{} for _ in self.parameters]  # what is remembered for each parameter

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def lr(self) -> float:
        """The learning rate."""
        return float(self.settings["lr"])

    @lr.setter
    def lr(self, lr: float) -> None:
        self.settings["lr"] = self._checked("lr", lr)

    def _checked(self, name: str, value: float, below: float = math.inf) -> float:
        """`value` as a Python number (which leaves float32 arrays float32), refused outside [0, below)."""
        wanted = "a finite number of at least 0" if below == math.inf else f"at least 0 and below {below:g}"
        message = f"{self._name}: {name} must be {wanted}, got {value!r}"
        try:
            fits = bool(0 <= value < below)
        except (TypeError, ValueError):
            raise TypeError(message) from None
        if not fits:
            raise ValueError(message)
        return float(value)

    def update(self, p: Array, g: Array, slot: dict[str, Any]) -> Array:
        """The new array of a parameter that is `p` and has the gradient `g`. `slot` keeps what is to be remembered."""
        raise NotImplementedError(f"{self._name}: define update(p, g, slot)")

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises:
            ValueError: a gradient that was set by hand hasn't its parameter's shape.
        """
        for i, (p, slot) in enumerate(zip(self.parameters, self.slots)):
            if p.grad is None:
                continue
            g = as_value(p.grad)  # an array will do: p.grad = np.clip(p.grad.data, -1, 1)
            if g.shape != p.shape:
                raise ValueError(f"{self._name}: parameter {i} has shape {p.shape}, but its grad {g.shape}")
            new = self.update(p.data, g, slot)
            if new.dtype != p.dtype:
                new = new.astype(p.dtype)
            if isinstance(new, np.ndarray):
                new.setflags(write=False)
            p.value = new  # nobody else has it, so it need not be copied

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters:
            p.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """A copy of the settings and of all that is remembered, by name: `velocity.0` is the first parameter's."""
        slots = {f"{name}.{i}": np.copy(v) for i, slot in enumerate(self.slots) for name, v in slot.items()}
        return {**self.settings, **slots}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict` of the same kind of optimiser over the same parameters.

        Raises:
            KeyError: a setting is missing, or a name fits neither a setting nor a parameter.
            ValueError: an array hasn't its parameter's shape.
        """
        missing = [name for name in self.settings if name not in state]
        if missing:
            raise KeyError(f"{self._name}.load_state_dict: missing {', '.join(missing)}")
        slots: list[dict[str, Any]] = [{} for _ in self.parameters]
        for key in state.keys() - self.settings.keys():
            name, _, i = key.rpartition(".")
            if not (name in self.remembered and i.isdecimal() and int(i) < len(slots)):
                raise KeyError(f"{self._name}.load_state_dict: unexpected {key}; there are {len(slots)} parameters")
            value, shape = np.array(state[key]), self.parameters[int(i)].shape
            if value.shape not in ((), shape):
                raise ValueError(f"{self._name}.load_state_dict: {key} has shape {value.shape}, needs {shape}")
            slots[int(i)][name] = value
        self.settings = {name: type(own)(state[name]) for name, own in self.settings.items()}
        self.slots = slots


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p - lr · g.

    With `weight_decay` λ, g ← g + λ · p first. With `momentum` μ, a velocity v ← μ · v + g (g itself at the first step)
    takes g's place, or g + μ · v where `nesterov`. Sutskever et al., "On the importance of initialization and momentum
    in deep learning" (2013), in PyTorch's form: the learning rate is not part of v.

    Args:
        parameters: tensors, e.g. `model.parameters()`.
        lr, momentum, weight_decay: of at least 0; momentum below 1.
        nesterov: needs momentum.

    Raises:
        ValueError: a value is out of its range, or there are no parameters.
        TypeError: a value is no number, or a parameter no tensor.
    """

    remembered = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=self._checked("lr", lr),
            momentum=self._checked("momentum", momentum, 1),
            weight_decay=self._checked("weight_decay", weight_decay),
            nesterov=bool(nesterov),
        )
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs a momentum, e.g. momentum=0.9")

    def update(self, p: Array, g: Array, slot: dict[str, Any]) -> Array:
        momentum, decay = self.settings["momentum"], self.settings["weight_decay"]
        if decay:
            g = g + decay * p
        if momentum:
            v = slot.get("velocity")
            if v is None:
                v = g.copy()
            else:
                v *= momentum
                v += g
            slot["velocity"] = v
            g = g + momentum * v if self.settings["nesterov"] else v
        new = g * -self.lr
        new += p
        return new


class Adam(Optimizer):
    """m ← β₁ · m + (1 - β₁) · g and v ← β₂ · v + (1 - β₂) · g², then p ← p - lr · m̂ / (√v̂ + eps).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo that both start at 0; t counts the steps of each parameter. With
    `weight_decay` λ, g ← g + λ · p first. Kingma and Ba, "Adam: a method for stochastic optimization" (2015),
    algorithm 1.

    Args:
        parameters: tensors, e.g. `model.parameters()`.
        lr, eps, weight_decay: of at least 0.
        betas: (β₁, β₂), each of at least 0 and below 1.

    Raises:
        ValueError: a value is out of its range, or there are no parameters.
        TypeError: a value is no number, or a parameter no tensor.
    """

    remembered = ("steps", "mean", "square")
    decoupled = False  # whether weight decay goes past the means

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        try:
            beta1, beta2 = betas
        except (TypeError, ValueError):
            raise TypeError(f"{self._name}: betas must be two numbers, as (0.9, 0.999), got {betas!r}") from None
        super().__init__(
            parameters,
            lr=self._checked("lr", lr),
            beta1=self._checked("betas[0]", beta1, 1),
            beta2=self._checked("betas[1]", beta2, 1),
            eps=self._checked("eps", eps),
            weight_decay=self._checked("weight_decay", weight_decay),
        )

    def update(self, p: Array, g: Array, slot: dict[str, Any]) -> Array:
        slot["steps"] = int(slot.get("steps", 0)) + 1
        if "mean" not in slot:
            slot["mean"], slot["square"] = np.zeros_like(g), np.zeros_like(g)
        beta1, beta2, decay = self.settings["beta1"], self.settings["beta2"], self.settings["weight_decay"]
        if decay and self.decoupled:
            p = p * (1 - self.lr * decay)
        elif decay:
            g = g + decay * p
        scale = math.sqrt(1 - beta2 ** slot["steps"])  # v̂ = v / scale²
        rate = self.lr * scale / (1 - beta1 ** slot["steps"])
        new, slot["mean"], slot["square"] = adam_step(
            p, g, slot["mean"], slot["square"], beta1, beta2, rate, self.settings["eps"] * scale
        )
        return new


@array_code
def adam_step(
    p: Array, g: Array, mean: Array, square: Array, beta1: float, beta2: float, rate: float, eps: float
) -> tuple[Array, Array, Array]:
    """The new p, mean and square. The two means belong to the optimiser: a plug-in may write into them."""
    mean = beta1 * mean + (1 - beta1) * g
    square = beta2 * square + (1 - beta2) * g * g
    return p - rate * mean / (np.sqrt(square) + eps), mean, square


class AdamW(Adam):
    """Adam, but weight decay shrinks p itself: p ← (1 - lr · λ) · p - lr · m̂ / (√v̂ + eps).

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2. Arguments as for `Adam`.
    """

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)
