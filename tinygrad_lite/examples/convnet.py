"""Train a conv net on handwritten digits: the bundled ones, or LeNet-5 on the IDX files of MNIST or Fashion-MNIST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.examples import training


class ConvNet(nn.Module):
    """conv2d → relu → max-pool → conv2d → relu → avg-pool → linear: (N, 1, 8, 8) images to (N, 10) scores.

    The max-pool has stride 1, so that the second convolution sees 7×7 positions instead of 4×4: worth half a percent.
    """

    def __init__(self) -> None:
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.out = nn.Linear(32 * 3 * 3, 10)

    def forward(self, x: Any) -> Any:
        x = tg.max_pool2d(tg.relu(self.conv1(x)), 2, stride=1)
        x = tg.avg_pool2d(tg.relu(self.conv2(x)), 2)
        return self.out(x.reshape(-1, 32 * 3 * 3))


class LeNet5(nn.Module):
    """LeNet-5 with relu and max-pools: (N, 1, 28, 28) images to (N, 10) scores.

    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).
    """

    def __init__(self) -> None:
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(16 * 5 * 5, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Any) -> Any:
        x = tg.max_pool2d(tg.relu(self.conv1(x)), 2)
        x = tg.max_pool2d(tg.relu(self.conv2(x)), 2)
        x = tg.relu(self.fc1(x.reshape(-1, 16 * 5 * 5)))
        return self.fc3(tg.relu(self.fc2(x)))


def main(arguments: Sequence[str] | None = None, module: str = "tinygrad_lite.examples.convnet") -> int:
    """Train, report, write; returns the exit status."""
    parser = training.parser(module, __doc__, epochs=15, batch_size=64, lr=0.01)
    parser.add_argument("--data", metavar="FOLDER", help="of IDX files; without it, the bundled digits")
    options = training.parsed(parser, arguments)

    parts = tg.data.mnist(options.data) if options.data else tg.data.split(*tg.data.digits(), seed=options.seed)
    (x, y), (x_test, y_test) = parts
    mean, deviation = np.mean(x), np.std(x)
    train = tg.data.TensorDataset((x - mean) / deviation, y)
    test = tg.data.TensorDataset((x_test - mean) / deviation, y_test)
    loader = tg.data.DataLoader(train, options.batch_size, shuffle=True)
    model = LeNet5() if options.data else ConvNet()
    optimizer = tg.optim.AdamW(model.parameters(), lr=options.lr)
    print(f"{model}\n{len(train)} digits to learn from, {len(test)} held out to test on")

    def loss(x: Any, y: Any) -> Any:
        # Label smoothing spreads a tenth of each label over all digits, so the training loss never falls below 0.50.
        return tg.cross_entropy(model(x), y, label_smoothing=0.1 if model.training else 0.0)

    def accuracy() -> dict[str, float]:
        counts = confusion(model, test)
        return {"validation accuracy": float(np.trace(counts) / np.sum(counts))}

    valid = tg.data.DataLoader(test, 500)
    status = training.fit(model, loss, loader, valid, options, optimizer, measure=accuracy)
    print(hardest(confusion(model, test)))
    return status


def confusion(model: nn.Module, test: tg.data.TensorDataset) -> Any:
    """counts[i, j]: how many images of the digit i the model reads as j, (10, 10)."""
    with tg.no_grad():
        read = np.concatenate([np.argmax(model(x), axis=1) for x, _ in tg.data.DataLoader(test, 500)])
    return np.bincount(10 * test.tensors[1] + read, minlength=100).reshape(10, 10)


def hardest(counts: Any, most: int = 3) -> str:
    """The digits that were most often misread, and what they were mistaken for."""
    of, right = np.sum(counts, axis=1), np.diag(counts)
    digits = [i for i in np.argsort(right / np.maximum(of, 1), kind="stable")[:most] if right[i] < of[i]]
    if not digits:
        return "No digit of the test was misread."
    lines = ["The digits that were hardest to read:"]
    for i in digits:
        taken = [f"{j} ({counts[i, j]}×)" for j in np.argsort(-counts[i], kind="stable") if j != i and counts[i, j]]
        lines.append(f"  {i}: {right[i]} of {of[i]} right ({right[i] / of[i]:.1%}), taken for {', '.join(taken)}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
