"""Train an MLP to tell two moons, or two spirals, apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.examples import training


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, report, write; returns the exit status."""
    parser = training.parser("tinygrad_lite.examples.mlp_moons", __doc__, epochs=20, batch_size=32, lr=0.01)
    parser.add_argument("--spirals", action="store_true", help="two spirals instead: harder")
    options = training.parsed(parser, arguments)

    points, labels = (tg.data.spirals if options.spirals else tg.data.moons)(2000, seed=options.seed)
    examples = tg.data.TensorDataset(points, labels)
    train, valid = tg.data.random_split(examples, [0.8, 0.2], generator=options.seed)
    loader = tg.data.DataLoader(train, options.batch_size, shuffle=True)
    model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = tg.optim.AdamW(model.parameters(), lr=options.lr)
    print(f"{model}\n{len(train)} points to learn from, {len(valid)} held out")

    def loss(x: Any, y: Any) -> Any:
        return tg.cross_entropy(model(x), y)

    def accuracy() -> dict[str, float]:
        x, y = valid[:]
        return {"validation accuracy": float(np.mean(np.argmax(model(x), axis=1) == y))}

    held_out = tg.data.DataLoader(valid, 1000)
    return training.fit(model, loss, loader, held_out, options, optimizer, measure=accuracy)


if __name__ == "__main__":
    raise SystemExit(main())
