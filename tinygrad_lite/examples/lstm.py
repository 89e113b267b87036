"""Train an LSTM on the adding problem: the sum of two marked numbers, far apart in a long sequence.

Hochreiter and Schmidhuber, "Long short-term memory" (1997), experiment 4. Always answering 1 has a mean squared
error of 1/6; below 0.01 the problem counts as solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.examples import training


class Adder(nn.Module):
    """LSTM → linear on its last output: (N, T, 2) numbers and marks to (N,) sums."""

    def __init__(self, hidden: int, length: int) -> None:
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        # Gates that begin with memories of 1 to `length` steps learn this in a few hundred steps instead of thousands:
        # Tallec and Ollivier, "Can recurrent neural networks warp time?" (2018).
        forget = np.log(tg.random.generator.uniform(1, length, hidden))
        self.lstm.get_parameter("bias_ih_l0").data = np.concatenate((-forget, forget, np.zeros(2 * hidden)))
        nn.init.zeros_(self.lstm.get_parameter("bias_hh_l0"))

    def forward(self, x: Any) -> Any:
        outputs, _ = self.lstm(x)
        return self.out(outputs[:, -1])[:, 0]


class Adding(tg.data.Dataset):
    """As many examples as asked, new ones every time: x (T, 2) of numbers from 0 to 1 and two marks, y their sum."""

    def __init__(self, examples: int, length: int) -> None:
        self.examples, self.length = examples, length

    def __len__(self) -> int:
        return self.examples

    def batch(self, indices: Any) -> Any:
        rng, (n, half) = tg.random.generator, (len(indices), self.length // 2)
        numbers, marks = rng.random((n, self.length), np.float32), np.zeros((n, self.length), np.float32)
        marks[np.arange(n), rng.integers(half, size=n)] = 1
        marks[np.arange(n), rng.integers(half, self.length, size=n)] = 1
        return np.stack((numbers, marks), axis=2), np.sum(numbers * marks, axis=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, report, write; returns the exit status."""
    parser = training.parser("tinygrad_lite.examples.lstm", __doc__, epochs=15, batch_size=32, lr=0.01)
    parser.add_argument("--length", type=training.number(int, 2, "length of at least 2"), default=100, help="T")
    parser.add_argument("--hidden", type=training.POSITIVE, default=32, help="numbers in the LSTM's state")
    parser.add_argument("--steps", type=training.POSITIVE, default=100, help="batches in an epoch")
    options = training.parsed(parser, arguments)

    valid = tg.data.batches(*Adding(500, options.length).batch(range(500)), batch_size=500, shuffle=False)
    loader = tg.data.DataLoader(Adding(options.steps * options.batch_size, options.length), options.batch_size)
    model = Adder(options.hidden, options.length)
    optimizer = tg.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=0.0)

    def loss(x: Any, y: Any) -> Any:
        return tg.mse_loss(model(x), y)

    return training.fit(model, loss, loader, valid, options, optimizer, clip=1.0)


if __name__ == "__main__":
    raise SystemExit(main())
