"""The graphs that the drawings are tested on, and short ways to draw them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from tinygrad_lite.viz import Drawing, draw
from tinygrad_lite.viz.scene.cards import Card, Scene

import tinygrad_lite as tg
from tinygrad_lite import Tensor, nn


def scalars() -> Tensor:
    """micrograd's scalar expression."""
    a, b = (Tensor(x, requires_grad=True, name=name) for x, name in ((-4.0, "a"), (2.0, "b")))
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + tg.relu(b + a)
    d = d + 3 * d + tg.relu(b - a)
    e = c - d
    f = e**2
    out: Tensor = f / 2.0 + 10.0 / f
    out.name = "g"
    return out


class ConvNet(nn.Module):
    def __init__(self) -> None:
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(128, 10)

    def forward(self, x: Any) -> Any:
        x = tg.max_pool2d(tg.relu(self.conv1(x)), 2)
        x = tg.avg_pool2d(tg.relu(self.conv2(x)), 2)
        return self.fc(x.reshape(len(x), -1))


def batch(n: int = 4) -> tuple[Tensor, Any]:
    images, labels = tg.data.digits()
    return Tensor(images[:n], name="images"), labels[:n]


def convnet() -> Tensor:
    """The digits conv net after one step."""
    tg.manual_seed(0)
    net = ConvNet()
    x, y = batch()
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    tg.cross_entropy(net(x), y).backward()
    optimizer.step()
    logits = net(x)
    logits.name = "logits"
    loss: Tensor = tg.cross_entropy(logits, y)
    loss.name = "loss"
    return loss


class Attention(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x: Any) -> Any:
        n, length, size = x.shape

        def split(y: Any) -> Any:
            return np.transpose(y.reshape(n, length, self.heads, -1), (0, 2, 1, 3))

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = tg.softmax(q @ np.swapaxes(k, -1, -2) / float(np.sqrt(size // self.heads)), axis=-1)
        return self.out(np.transpose(weights @ v, (0, 2, 1, 3)).reshape(n, length, size))


class Scale(nn.Module):
    def __init__(self, size: int) -> None:
        self.weight = Tensor(np.ones(size), requires_grad=True)

    def forward(self, x: Any) -> Any:
        return (x - x.mean(axis=-1, keepdims=True)) * self.weight


class Block(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        self.norm1, self.norm2 = Scale(size), Scale(size)
        self.attention = Attention(size, heads)
        self.up, self.down = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm1(x))
        return x + self.down(tg.relu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, layers: int, size: int = 16, heads: int = 4, words: int = 30) -> None:
        rng = np.random.default_rng(0)
        self.token = Tensor(rng.normal(size=(words, size)), requires_grad=True)
        self.position = Tensor(rng.normal(size=(12, size)), requires_grad=True)
        self.blocks = [Block(size, heads) for _ in range(layers)]
        self.head = nn.Linear(size, words)

    def forward(self, tokens: Any) -> Any:
        x = self.token[tokens] + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def transformer(layers: int = 12) -> Tensor:
    """A transformer of 12 layers: several hundred ops."""
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    logits = Transformer(layers)(rng.integers(0, 30, (2, 12)))
    loss: Tensor = tg.cross_entropy(logits.reshape(24, 30), rng.integers(0, 30, 24))
    loss.name = "loss"
    return loss


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Any) -> Any:
        return tg.relu(x + self.conv2(tg.relu(self.conv1(x))))


class ResidualNet(nn.Module):
    def __init__(self) -> None:
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.layer1, self.layer2 = Residual(4), Residual(4)
        self.head = nn.Linear(4, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.layer2(self.layer1(tg.relu(self.stem(x)))).mean(axis=(2, 3)))


def residual() -> Tensor:
    """A residual net."""
    tg.manual_seed(0)
    x, y = batch(3)
    loss: Tensor = tg.cross_entropy(ResidualNet()(x), y)
    loss.name = "loss"
    return loss


def nan() -> Tensor:
    """A graph with logarithms of negative numbers."""
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=(6, 8)), name="x")
    w = Tensor(rng.normal(size=(8, 5)), requires_grad=True, name="w")
    h = x @ w
    h.name = "h"
    with np.errstate(invalid="ignore"):
        logs = np.log(h)
    logs.name = "log h"
    loss: Tensor = logs.mean()
    loss.name = "loss"
    return loss


def chain(n: int) -> Tensor:
    """One op after another, n of them."""
    x: Any = Tensor(0.5, requires_grad=True, name="x")
    for _ in range(n):
        x = np.tanh(x)
    out: Tensor = x
    return out


def tangle(n: int) -> Tensor:
    """n ops without modules, each on two recent results."""
    rng = np.random.default_rng(0)
    made: list[Any] = [Tensor(rng.normal(size=(3, 3)), requires_grad=True, name=f"x{i}") for i in range(8)]
    while len(made) < n:
        i, j = (max(0, len(made) - 1 - int(rng.integers(0, k))) for k in (6, 12))
        made.append(np.tanh(made[i] + made[j]) if rng.random() < 0.5 else made[i] * made[j])
    out: Tensor = sum(made[-12:])
    return out


ALL = {"scalars": scalars, "convnet": convnet, "transformer": transformer, "residual": residual, "nan": nan}


@cache
def drawing(name: str, engine: str) -> Drawing:
    return draw(ALL[name](), engine=engine)


def card(scene: Scene, path: str) -> Card:
    """The card with this path."""
    return next(c for c in scene.cards() if c.path == path)


def variable(value: Any, name: str | None = None) -> Tensor:
    """A leaf that requires a gradient."""
    return Tensor(value, requires_grad=True, name=name)
