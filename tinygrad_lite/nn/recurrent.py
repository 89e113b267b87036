"""Recurrent layers: RNN, LSTM and GRU, and one step of each as a cell. Names, arguments and state are PyTorch's."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..settings import Count, Depth, Positive, Probability
from ..values import Array, beside
from . import functional as F
from .layer import Layer, uniform
from .rnn import PackedSequence

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


class _Recurrent(Layer):
    """What layers and cells share: which step, of how many gates and states."""

    step: ClassVar[Any]
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    nonlinearity = "tanh"
    proj_size = 0
    text: ClassVar[str]

    def __init_subclass__(cls, of: str = "") -> None:
        cls.__doc__ = str(cls.__bases__[0].__doc__).format(of=of) if of else cls.__doc__

    def _weights(self, suffix: str, inputs: int, hidden: int, bias: bool, dtype: Any) -> None:
        """weight_ih, weight_hh, bias_ih, bias_hh, and of a projection weight_hr, uniform in ±1/√hidden_size."""
        rows, proj = self.gates * hidden, self.proj_size
        shapes: dict[str, Any] = {"weight_ih": (rows, inputs), "weight_hh": (rows, proj or hidden)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} | ({"weight_hr": (proj, hidden)} if proj else {})
        for name, shape in shapes.items():
            given = uniform(shape, hidden, dtype, name + suffix) if bias or name[0] == "w" else None
            setattr(self, name + suffix, given)

    def _step(self, x: Array, state: State, suffix: str) -> State:
        """One step, of x times its weight."""
        weight, bias = getattr(self, "weight_hh" + suffix), getattr(self, "bias_hh" + suffix)
        new: State = type(self).step(x, state, weight, bias, NONLINEARITIES[self.nonlinearity])
        return (F.linear(new[0], getattr(self, "weight_hr" + suffix)), *new[1:]) if self.proj_size else new

    def _in(self, x: Any, suffix: str) -> Any:
        return F.linear(x, getattr(self, "weight_ih" + suffix), getattr(self, "bias_ih" + suffix))

    def _start(self, hx: Any, lead: tuple[int, ...], x: Any) -> State:
        """The state to begin with: as given, or zeros."""
        shapes = [(*lead, n) for n in (self.proj_size or self.hidden_size, self.hidden_size)[: self.states]]
        if hx is None:
            return tuple(beside(np.zeros(shape, getattr(x, "dtype", None)), x) for shape in shapes)
        state = tuple(hx) if self.states > 1 else (hx,)
        if [np.shape(h) for h in state] != shapes:
            seen, wanted = (" and ".join(map(str, s)) for s in ([np.shape(h) for h in state], shapes))
            raise ValueError(f"{type(self).__name__}: hx needs {self.states} state of shape {wanted}, got {seen}")
        return state

    def _expect(self, x: Any, ranks: tuple[int, int]) -> None:
        if np.ndim(x) not in ranks or np.shape(x)[-1] != self.input_size:
            wanted = f"{ranks[1]} axes, or {ranks[0]} without N, and input_size={self.input_size} along the last"
            raise ValueError(f"{type(self).__name__}: x has shape {np.shape(x)}, but needs {wanted}")


class _Cell(_Recurrent):
    """One step of `{of}`: x (N, input_size) and the state before to the state after; the axis N may be missing.

    The state is h (N, hidden_size), of an LSTM (h, c); zeros by default. A state that is kept from batch to batch is to
    be detached, or its graph grows with every step.

    Raises:
        ValueError: a size is not a positive integer; on a call, shapes that don't fit.
    """

    def __init__(self, input_size: Positive, hidden_size: Positive, bias: bool = True, dtype: Any = np.float32) -> None:
        self._weights("", input_size, hidden_size, bias, dtype)

    def forward(self, x: Any, hx: Any = None) -> Any:
        self._expect(x, (1, 2))
        state = self._step(self._in(x, ""), self._start(hx, np.shape(x)[:-1], x), "")
        return state if self.states > 1 else state[0]


class RNNCell(_Cell, of="RNN"):
    step = staticmethod(rnn_step)

    def __init__(
        self, input_size: Positive, hidden_size: Positive, bias: bool = True,
        nonlinearity: Literal["tanh", "relu"] = "tanh", dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, dtype)


class LSTMCell(_Cell, of="LSTM"):
    step, gates, states = staticmethod(lstm_step), 4, 2


class GRUCell(_Cell, of="GRU"):
    step, gates = staticmethod(gru_step), 3


class _Layers(_Recurrent):
    """{of}

    x is (L, N, input_size), or (N, L, input_size) with batch_first, or (L, input_size) for one sequence. A call returns
    (the last layer's h after every step, the state after the last step): (L, N, D · hidden_size), ordered as x, and
    (D · num_layers, N, hidden_size), where D is 2 if `bidirectional`, else 1. A state (h, of an LSTM (h, c)) may be
    given to begin with; by default it is 0. One that is kept from batch to batch is to be detached, or its graph grows
    with every batch. Of an `nn.utils.rnn.PackedSequence` each example ends at its own length.

    `dropout` is the probability with which what goes from one layer to the next is dropped in training.

    Raises:
        ValueError: a size is not a positive integer, or dropout no probability; on a call, shapes that don't fit.
    """

    def __init__(
        self, input_size: Positive, hidden_size: Positive, num_layers: Depth = 1, bias: bool = True,
        batch_first: bool = False, dropout: Probability = 0.0, bidirectional: bool = False, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.bidirectional = bidirectional
        for i in range(num_layers):
            for suffix in self._suffixes(i):
                self._weights(suffix, input_size, hidden_size, bias, dtype)
            input_size = (self.proj_size or hidden_size) * (1 + bidirectional)

    def _suffixes(self, i: int) -> list[str]:
        return [f"_l{i}", f"_l{i}_reverse"] if self.bidirectional else [f"_l{i}"]

    def forward(self, x: Any, hx: Any = None) -> Any:
        x, lengths = x if isinstance(x, PackedSequence) else (x, None)
        self._expect(x, (2, 3))
        turned = self.batch_first and np.ndim(x) == 3 and lengths is None
        x = np.swapaxes(x, 0, 1) if turned else x
        if not np.shape(x)[0]:
            raise ValueError(f"{type(self).__name__}: a sequence needs a step at least, got none")
        state = self._start(hx, (self.num_layers * (1 + self.bidirectional), *np.shape(x)[1:-1]), x)
        ends: list[State] = []
        for i in range(self.num_layers):
            if i:
                x = F.dropout(x, self.dropout, self.training)
            ways = []
            for suffix in self._suffixes(i):
                outs, end = self._run(x, tuple(s[len(ends)] for s in state), suffix, lengths)
                ways.append(outs)
                ends.append(end)
            x = np.concatenate(ways, axis=-1) if len(ways) > 1 else ways[0]
        x = np.swapaxes(x, 0, 1) if turned else x
        last = tuple(np.stack([end[k] for end in ends]) for k in range(self.states))
        return x if lengths is None else PackedSequence(x, lengths), last if self.states > 1 else last[0]

    def _run(self, x: Array, state: State, suffix: str, lengths: Array | None) -> tuple[Array, State]:
        """One layer in one direction: h after every step, and the state after the last."""
        way = -1 if suffix.endswith("reverse") else 1
        x = self._in(x, suffix)  # of all steps at once
        outs = []
        for t in range(np.shape(x)[0])[::way]:
            new = self._step(x[t], state, suffix)
            if lengths is None:
                state = new
                outs.append(new[0])
            else:
                on = (t < lengths)[:, None]
                state = tuple(np.where(on, a, b) for a, b in zip(new, state))
                outs.append(np.where(on, new[0], 0))
        return np.stack(outs[::way]), state


class RNN(_Layers, of="h ← tanh(x @ weight_ihᵀ + bias_ih + h @ weight_hhᵀ + bias_hh), or relu for tanh."):
    step = staticmethod(rnn_step)

    def __init__(
        self, input_size: Positive, hidden_size: Positive, num_layers: Depth = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh", bias: bool = True, batch_first: bool = False,
        dropout: Probability = 0.0, bidirectional: bool = False, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)


class LSTM(_Layers, of=str(lstm_step.__doc__).strip() + "\n\n    With proj_size, h ← h @ weight_hrᵀ after each step."):
    step, gates, states = staticmethod(lstm_step), 4, 2

    def __init__(
        self, input_size: Positive, hidden_size: Positive, num_layers: Depth = 1, bias: bool = True,
        batch_first: bool = False, dropout: Probability = 0.0, bidirectional: bool = False, proj_size: Count = 0,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        if proj_size >= hidden_size:
            raise ValueError(f"proj_size must be below hidden_size={hidden_size}, got {proj_size}")
        self.proj_size = proj_size
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype)


class GRU(_Layers, of=str(gru_step.__doc__).strip()):
    step, gates = staticmethod(gru_step), 3
