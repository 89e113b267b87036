"""Recurrent layers: RNN, LSTM and GRU, and one step of each as a cell. Names, arguments and state are PyTorch's."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..values import Array, beside
from . import functional as F
from .layers import flags, positive, probability, uniform
from .module import Module
from .stateless import settings_of

__all__ = ["RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"]

State = tuple[Array, ...]  # h, and for an LSTM c: each (N, hidden_size)
NONLINEARITIES = {"tanh": F.tanh, "relu": F.relu}


def rnn_step(x: Array, state: State, w: Array, b: Array | None, act: Any) -> State:
    """h ← act(x + h @ wᵀ + b), where x is the input times its weight already."""
    return (act(x + F.linear(state[0], w, b)),)


def lstm_step(x: Array, state: State, w: Array, b: Array | None, act: Any) -> State:
    """c ← σ(f) · c + σ(i) · tanh(g), then h ← σ(o) · tanh c, with i, f, g, o the quarters of x + h @ wᵀ + b.

    Hochreiter and Schmidhuber, "Long short-term memory" (1997), with the forget gate of Gers et al. (2000).
    """
    i, f, g, o = np.split(x + F.linear(state[0], w, b), 4, axis=-1)
    c = F.sigmoid(f) * state[1] + F.sigmoid(i) * np.tanh(g)
    return F.sigmoid(o) * np.tanh(c), c


def gru_step(x: Array, state: State, w: Array, b: Array | None, act: Any) -> State:
    """h ← z · h + (1 - z) · n, with r, z the sigmoids of x + h @ wᵀ + b and n = tanh(xₙ + r · (h @ wₙᵀ + bₙ)).

    Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014).
    """
    (h,) = state
    xr, xz, xn = np.split(x, 3, axis=-1)
    hr, hz, hn = np.split(F.linear(h, w, b), 3, axis=-1)
    z = F.sigmoid(xz + hz)
    return (z * h + (1 - z) * np.tanh(xn + F.sigmoid(xr + hr) * hn),)


class _Recurrent(Module):
    """What layers and cells share: which step, of how many gates and states."""

    step: ClassVar[Any]
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def _weights(self, suffix: str, inputs: int, hidden: int, bias: bool, dtype: Any) -> None:
        """weight_ih, weight_hh, bias_ih, bias_hh, uniform in ±1/√hidden_size."""
        rows = self.gates * hidden
        shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}
        for name, shape in shapes.items():
            given = uniform(shape, hidden, dtype, name + suffix) if bias or name[0] == "w" else None
            setattr(self, name + suffix, given)

    def _of(self, name: str) -> Any:
        return getattr(self, name)

    def _start(self, hx: Any, shape: tuple[int, ...], x: Any) -> State:
        """The state to begin with: as given, or zeros."""
        name = type(self).__name__
        if hx is None:
            return (beside(np.zeros(shape, getattr(x, "dtype", None)), x),) * self.states
        state = tuple(hx) if self.states > 1 else (hx,)
        if len(state) != self.states or any(np.shape(h) != shape for h in state):
            seen = " and ".join(str(np.shape(h)) for h in state)
            raise ValueError(f"{name}: hx needs {self.states} state of shape {shape}, got {seen}")
        return state

    def _expect(self, x: Any, ranks: tuple[int, int], size: int) -> None:
        if np.ndim(x) not in ranks or np.shape(x)[-1] != size:
            last = "without the axis N" if ranks[0] < ranks[1] else ""
            raise ValueError(
                f"{type(self).__name__}: x has shape {np.shape(x)}, but {ranks[1]} axes, or {ranks[0]} {last}, are "
                f"needed, and input_size={size} along the last"
            )


class _Cell(_Recurrent):
    """One step of `{layer}`: x (N, input_size) and the state before to the state after; the axis N may be missing.

    The state is h (N, hidden_size), of an LSTM (h, c); zeros by default. A state that is kept from batch to batch is to
    be detached, or its graph grows with every step.

    Raises:
        ValueError: a size is not a positive integer; on a call, shapes that don't fit.
    """

    nonlinearity = "tanh"

    def __init_subclass__(cls, layer: str = "") -> None:
        cls.__doc__ = str(_Cell.__doc__).format(layer=layer)

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, dtype: Any = np.float32) -> None:
        positive(self, input_size=input_size, hidden_size=hidden_size)
        flags(self, bias=bias)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self._weights("", input_size, hidden_size, bias, dtype)

    def forward(self, x: Any, hx: Any = None) -> Any:
        self._expect(x, (1, 2), self.input_size)
        state = self._start(hx, (*np.shape(x)[:-1], self.hidden_size), x)
        x = F.linear(x, self._of("weight_ih"), self._of("bias_ih"))
        act = NONLINEARITIES[self.nonlinearity]
        state = type(self).step(x, state, self._of("weight_hh"), self._of("bias_hh"), act)
        return state if self.states > 1 else state[0]

    def extra_repr(self) -> str:
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *settings_of(self, {"bias": self.bias})])


class RNNCell(_Cell, layer="RNN"):
    step = staticmethod(rnn_step)

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", dtype: Any = np.float32
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype)
        self.nonlinearity = _nonlinearity(self, nonlinearity)


class LSTMCell(_Cell, layer="LSTM"):
    step, gates, states = staticmethod(lstm_step), 4, 2


class GRUCell(_Cell, layer="GRU"):
    step, gates = staticmethod(gru_step), 3


def _nonlinearity(layer: Module, name: Any) -> str:
    if str(name) not in NONLINEARITIES:
        raise ValueError(f"{type(layer).__name__}: nonlinearity must be 'tanh' or 'relu', got {name!r}")
    return str(name)


class _Layer(_Recurrent):
    """{first}

    x is (L, N, input_size), or (N, L, input_size) with batch_first, or (L, input_size) for one sequence. A call returns
    (the last layer's h after every step, the state after the last step): (L, N, D · hidden_size), ordered as x, and
    (D · num_layers, N, hidden_size), where D is 2 if `bidirectional`, else 1. A state (h, of an LSTM (h, c)) may be
    given to begin with; by default it is 0. One that is kept from batch to batch is to be detached, or its graph grows
    with every batch.

    `dropout` is the probability with which what goes from one layer to the next is dropped in training.

    Raises:
        ValueError: a size is not a positive integer, or dropout no probability; on a call, shapes that don't fit.
    """

    nonlinearity = "tanh"

    def __init_subclass__(cls, first: str = "") -> None:
        cls.__doc__ = str(_Layer.__doc__).format(first=first)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        positive(self, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if num_layers > 1000:
            raise ValueError(f"num_layers must be at most 1000, got {num_layers}")
        flags(self, bias=bias, batch_first=batch_first, bidirectional=bidirectional)
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, probability(self, dropout), bidirectional
        for i in range(num_layers):
            for suffix in self._suffixes(i):
                inputs = input_size if i == 0 else hidden_size * (1 + bidirectional)
                self._weights(suffix, inputs, hidden_size, bias, dtype)

    def _suffixes(self, i: int) -> list[str]:
        return [f"_l{i}", f"_l{i}_reverse"] if self.bidirectional else [f"_l{i}"]

    def forward(self, x: Any, hx: Any = None) -> Any:
        self._expect(x, (2, 3), self.input_size)
        batched = np.ndim(x) == 3
        x = np.swapaxes(x, 0, 1) if batched and self.batch_first else x if batched else np.expand_dims(x, 1)
        shape = (self.num_layers * (1 + self.bidirectional), np.shape(x)[1], self.hidden_size)
        state = self._start(hx, shape if batched else (shape[0], shape[2]), x)
        state = state if batched else tuple(np.expand_dims(s, 1) for s in state)
        ends: list[State] = []
        for i in range(self.num_layers):
            if i:
                x = F.dropout(x, self.dropout, self.training)
            ways = []
            for suffix in self._suffixes(i):
                outs, end = self._run(x, tuple(s[len(ends)] for s in state), suffix)
                ways.append(outs)
                ends.append(end)
            x = np.concatenate(ways, axis=-1) if len(ways) > 1 else ways[0]
        last = tuple(np.stack([end[k] for end in ends]) for k in range(self.states))
        if not batched:
            x, last = np.squeeze(x, 1), tuple(np.squeeze(s, 1) for s in last)
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        return x, last if self.states > 1 else last[0]

    def _run(self, x: Array, state: State, suffix: str) -> tuple[Array, State]:
        """One layer in one direction: h after every step, and the state after the last."""
        back = suffix.endswith("reverse")
        x = F.linear(x, self._of("weight_ih" + suffix), self._of("bias_ih" + suffix))  # of all steps at once
        w, b, act = self._of("weight_hh" + suffix), self._of("bias_hh" + suffix), NONLINEARITIES[self.nonlinearity]
        outs = []
        for t in range(np.shape(x)[0])[:: -1 if back else 1]:
            state = type(self).step(x[t], state, w, b, act)
            outs.append(state[0])
        return np.stack(outs[:: -1 if back else 1]), state

    def extra_repr(self) -> str:
        names = ("num_layers", "bias", "batch_first", "dropout", "bidirectional")
        settings = settings_of(self, {name: getattr(self, name) for name in names})
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *settings])


class RNN(_Layer, first="h ← tanh(x @ weight_ihᵀ + bias_ih + h @ weight_hhᵀ + bias_hh), or relu for tanh."):
    step = staticmethod(rnn_step)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)
        self.nonlinearity = _nonlinearity(self, nonlinearity)


class LSTM(_Layer, first=str(lstm_step.__doc__).strip()):
    step, gates, states = staticmethod(lstm_step), 4, 2


class GRU(_Layer, first=str(gru_step.__doc__).strip()):
    step, gates = staticmethod(gru_step), 3
