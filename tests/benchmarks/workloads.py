"""What is measured: each workload once, for every library, with arrays drawn from a fixed seed.

`F` is a library's functions, see `libraries`. A workload is of one of four kinds: `vjp`, the value and the gradients of
all inputs; `forward`, the value alone, recorded; `train`, one step of an optimiser; `hvp`, a Hessian-vector product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .libraries import Array, Library, Step


@dataclass
class Workload:
    """`f(F, *inputs, *constants)` with its arrays, which `data()` makes: inputs (with gradients) and constants."""

    f: Callable[..., Any]
    data: Callable[[], tuple[list[Array], list[Any]]]
    kind: str = "vjp"
    optimizer: str = ""
    seeded: bool = False  # the value is an array, and a gradient for it is given

    def prepare(self, library: Library) -> Step:
        """The function to be timed."""
        inputs, constants = self.data()
        if self.kind == "train":
            return library.train(self.f, inputs, constants, self.optimizer)
        if self.kind == "hvp":
            return library.hvp(self.f, inputs, constants, [draw(*a.shape, seed=7) for a in inputs])
        if self.kind == "forward":
            return library.forward(self.f, inputs, constants)
        seed = None
        if self.seeded:
            value = library.arrays(library.forward(self.f, inputs, constants)())[0]
            seed = draw(*value.shape, seed=7)
        return library.vjp(self.f, inputs, constants, seed)


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    """Normally distributed float32."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32) * np.float32(scale)


def weights(*shapes: tuple[int, ...]) -> list[Array]:
    """Weights and biases: normal with a standard deviation of 1/√(fan in), biases near 0."""
    return [draw(*s, seed=i, scale=1 / math.sqrt(math.prod(s[1:])) if s[1:] else 0.1) for i, s in enumerate(shapes)]


def labels(n: int, classes: int) -> Array:
    return np.random.default_rng(1).integers(0, classes, n)


# ------------------------------------------------------------------------------------------------------------ scalars


def chain(F: Any, x: Any, n: int) -> Any:
    y = x
    for _ in range(n // 4):
        y = y * x
        y = y + x
        y = y * x
        y = y + 0.1
    return y


def scalar_mlp(F: Any, *rest: Any) -> Any:
    """micrograd's demo: 2-16-16-1, hinge loss on 100 points and weight decay, one neuron at a time."""
    *parameters, points, sides = rest
    loss: Any = 0.0
    for point, side in zip(points, sides):
        x, p = point, iter(parameters)
        for layer in (16, 16, 1):
            ws = [([next(p) for _ in x], next(p)) for _ in range(layer)]
            x = [sum((w * v for w, v in zip(row, x)), b) for row, b in ws]
            if layer > 1:
                x = [F.relu(v) for v in x]
        loss = loss + F.relu(x[0] * -side + 1)
    return loss * (1 / len(points)) + sum(p * p for p in parameters) * 1e-4


def scalar_mlp_data() -> tuple[list[Array], list[Any]]:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (100, 2))
    sides = np.where(points[:, 0] ** 2 > points[:, 1], 1.0, -1.0).tolist()
    return [np.float64(v) for v in rng.uniform(-1, 1, 3 * 16 + 17 * 16 + 17)], [points.tolist(), sides]


# ------------------------------------------------------------------------------------------------------------- arrays


def multiply_add(F: Any, a: Any, b: Any, c: Any) -> Any:
    return F.sum(a * b + c)


def mlp(F: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any, x: Any, y: Any) -> Any:
    h = F.relu(F.linear(x, w1, b1))
    h = F.relu(F.linear(h, w2, b2))
    return F.cross_entropy(F.linear(h, w3, b3), y)


def mlp_data() -> tuple[list[Array], list[Any]]:
    return weights((256, 784), (256,), (128, 256), (128,), (10, 128), (10,)), [draw(64, 784), labels(64, 10)]


def lenet(F: Any, *rest: Any) -> Any:
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5, x, y = rest
    h = F.max_pool2d(F.relu(F.conv2d(x, w1, b1, 1, 2)), 2, 2)
    h = F.max_pool2d(F.relu(F.conv2d(h, w2, b2)), 2, 2)
    h = F.reshape(h, (x.shape[0], 400))
    h = F.relu(F.linear(h, w3, b3))
    h = F.relu(F.linear(h, w4, b4))
    return F.cross_entropy(F.linear(h, w5, b5), y)


def lenet_data(batch: int) -> tuple[list[Array], list[Any]]:
    shapes = (6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 400), (120,), (84, 120), (84,), (10, 84), (10,)
    return weights(*shapes), [draw(batch, 1, 28, 28), labels(batch, 10)]


# N, C, H, O, kernel, padding, stride, groups
CONVOLUTIONS = [
    (64, 3, 32, 32, 3, 1, 1, 1),
    (64, 32, 16, 64, 3, 1, 1, 1),
    (32, 64, 32, 64, 3, 1, 1, 1),
    (1, 64, 56, 64, 3, 1, 1, 1),
    (16, 64, 28, 128, 3, 1, 2, 1),
    (16, 128, 14, 128, 1, 0, 1, 1),
    (16, 64, 28, 64, 3, 1, 1, 64),
]


def conv_name(n: int, c: int, h: int, o: int, k: int, stride: int, groups: int) -> str:
    name = f"conv2d {n}×{c}×{h}×{h} → {o}, {k}×{k}"
    return name + (f"/{stride}" if stride > 1 else "") + (", depthwise" if groups > 1 else "")


def conv_of(stride: int, padding: int, groups: int) -> Callable[..., Any]:
    return lambda F, x, w: F.conv2d(x, w, None, stride, padding, 1, groups)


def conv(n: int, c: int, h: int, o: int, k: int, padding: int, stride: int, groups: int = 1) -> dict[str, Workload]:
    f, name = conv_of(stride, padding, groups), conv_name(n, c, h, o, k, stride, groups)

    def data() -> tuple[list[Array], list[Any]]:
        return [draw(n, c, h, h), *weights((o, c // groups, k, k))], []

    return {f"{name}, forward": Workload(f, data, "forward"), name: Workload(f, data, seeded=True)}


def pool(kind: str, size: int, padding: int) -> Workload:
    def f(F: Any, x: Any) -> Any:
        return F.max_pool2d(x, size, 2, padding) if kind == "max" else F.avg_pool2d(x, size, 2)

    return Workload(f, lambda: ([draw(64, 32, 32, 32)], []), seeded=True)


def transformer(F: Any, *rest: Any) -> Any:
    """A pre-norm block: causal attention of 4 heads, then two layers with gelu between."""
    g1, b1, wi, bi, wo, bo, g2, b2, w1, c1, w2, c2, x = rest
    n, t, d = x.shape
    h = F.reshape(F.linear(F.layer_norm(x, (d,), g1, b1), wi, bi), (n, t, 3, 4, d // 4))
    h = F.transpose(h, (2, 0, 3, 1, 4))
    h = F.attention(h[0], h[1], h[2])
    h = F.reshape(F.transpose(h, (0, 2, 1, 3)), (n, t, d))
    x = x + F.linear(h, wo, bo)
    h = F.gelu(F.linear(F.layer_norm(x, (d,), g2, b2), w1, c1))
    x = x + F.linear(h, w2, c2)
    return F.mean(x * x)


def transformer_data(d: int = 128) -> tuple[list[Array], list[Any]]:
    shapes = (d,), (d,), (3 * d, d), (3 * d,), (d, d), (d,), (d,), (d,), (4 * d, d), (4 * d,), (d, 4 * d), (d,)
    return weights(*shapes), [draw(8, 64, d)]


def residual(F: Any, *rest: Any) -> Any:
    """Eight convolutions with batch_norm: a stem, three blocks of two, and one with a stride of 2."""
    *parameters, x, y = rest
    p = iter(parameters)

    def conv(x: Any, stride: int, padding: int = 1) -> Any:
        return F.batch_norm(F.conv2d(x, next(p), None, stride, padding), None, None, next(p), next(p), True)

    x = F.relu(conv(x, 1))
    for _ in range(3):
        x = F.relu(x + conv(F.relu(conv(x, 1)), 1))
    x = F.relu(conv(x, 2))
    return F.cross_entropy(F.linear(F.mean(x, (2, 3)), next(p), next(p)), y)


def residual_data() -> tuple[list[Array], list[Any]]:
    shapes: list[tuple[int, ...]] = []
    for c, o in [(3, 32)] + 6 * [(32, 32)] + [(32, 64)]:
        shapes += [(o, c, 3, 3), (o,), (o,)]
    return weights(*shapes, (10, 64), (10,)), [draw(32, 3, 32, 32), labels(32, 10)]


def lstm(F: Any, w: Any, u: Any, b: Any, x: Any) -> Any:
    """Hochreiter and Schmidhuber's cell over the steps of x (steps, N, D)."""
    n, d = x.shape[1], u.shape[1]
    h = c = F.zeros((n, d))
    for t in range(x.shape[0]):
        gates = F.linear(x[t], w, b) + F.linear(h, u)
        i, f, o = (F.sigmoid(gates[:, k * d : (k + 1) * d]) for k in range(3))
        c = f * c + i * F.tanh(gates[:, 3 * d :])
        h = o * F.tanh(c)
    return F.mean(h * h)


def tokens() -> Array:
    return np.random.default_rng(2).integers(0, 1000, (32, 64))


def elementwise(f: Callable[..., Any]) -> Workload:
    return Workload(f, lambda: ([draw(64, 1000)], []), seeded=True)


def times_array(name: str, f: Callable[..., Any], result: tuple[int, ...], *shapes: Any) -> dict[str, Workload]:
    """Σ f(x, …) · a, where a is an array of the user's own in C order."""

    def product(F: Any, *rest: Any) -> Any:
        return F.sum(f(F, *rest[:-1]) * rest[-1])

    def data() -> tuple[list[Array], list[Any]]:
        return [draw(*shape, seed=i) for i, shape in enumerate(shapes)], [draw(*result, seed=7)]

    return {f"{name}, times an array": Workload(product, data)}


def scalar_chain(n: int) -> Workload:
    return Workload(lambda F, x: chain(F, x, n), lambda: ([np.float64(0.5)], []))


def lenet_step(batch: int) -> Workload:
    return Workload(lenet, lambda: lenet_data(batch), "train", "SGD")


def sizes(*shape: int) -> Workload:
    return Workload(multiply_add, lambda: ([draw(*shape, seed=i) for i in range(3)], []))


def as_written() -> dict[str, Workload]:
    """Activations, norms, convolutions and pools as users write them: the result times an array of their own."""
    rows: dict[str, Workload] = {}
    functions = {
        "relu": lambda F, x: F.relu(x), "exp": lambda F, x: F.exp(x), "tanh": lambda F, x: F.tanh(x),
        "gelu": lambda F, x: F.gelu(x), "softmax": lambda F, x: F.softmax(x, -1),
    }  # fmt: skip
    for name, f in functions.items():
        for n in (64, 4096):
            rows |= times_array(f"{name}, {n}×1000", f, (n, 1000), (n, 1000))
    rows |= times_array(
        "layer_norm, 4096×1000", lambda F, x, w, b: F.layer_norm(x, (1000,), w, b), (4096, 1000), (4096, 1000), (1000,),
        (1000,),
    )  # fmt: skip
    for n, c, h, o, k, padding, stride, groups in CONVOLUTIONS:
        places = (h + 2 * padding - k) // stride + 1
        rows |= times_array(
            conv_name(n, c, h, o, k, stride, groups), conv_of(stride, padding, groups), (n, o, places, places),
            (n, c, h, h), (o, c // groups, k, k),
        )  # fmt: skip
    rows |= times_array("max_pool2d 2×2/2", lambda F, x: F.max_pool2d(x, 2, 2, 0), (64, 32, 16, 16), (64, 32, 32, 32))
    rows |= times_array("max_pool2d 3×3/2", lambda F, x: F.max_pool2d(x, 3, 2, 1), (64, 32, 16, 16), (64, 32, 32, 32))
    rows |= times_array("avg_pool2d 2×2/2", lambda F, x: F.avg_pool2d(x, 2, 2), (64, 32, 16, 16), (64, 32, 32, 32))
    images = (32, 32, 32, 32), (32, 32, 32, 32), (32,), (32,)
    rows |= times_array("batch_norm", lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True), *images)
    rows |= times_array("group_norm", lambda F, x, w, b: F.group_norm(x, 8, w, b), *images)
    return rows


WORKLOADS: dict[str, Workload] = {
    "scalar chain, 1,000 ops": scalar_chain(1_000),
    "scalar chain, 100,000 ops": scalar_chain(100_000),
    "scalar MLP 2-16-16-1, 100 points": Workload(scalar_mlp, scalar_mlp_data),
    "Σ a·b + c, ()": sizes(),
    "Σ a·b + c, 10": sizes(10),
    "Σ a·b + c, 100×100": sizes(100, 100),
    "Σ a·b + c, 1000×1000": sizes(1000, 1000),
    "exp, 64×1000": elementwise(lambda F, x: F.exp(x)),
    "tanh, 64×1000": elementwise(lambda F, x: F.tanh(x)),
    "relu, 64×1000": elementwise(lambda F, x: F.relu(x)),
    "gelu, 64×1000": elementwise(lambda F, x: F.gelu(x)),
    "softmax, 64×1000": elementwise(lambda F, x: F.softmax(x, -1)),
    "layer_norm, 64×1000": Workload(
        lambda F, x, w, b: F.layer_norm(x, (1000,), w, b),
        lambda: ([draw(64, 1000), *weights((1000,), (1000,))], []),
        seeded=True,
    ),
    "cross_entropy, 64×1000": Workload(
        lambda F, x, y: F.cross_entropy(x, y), lambda: ([draw(64, 1000)], [labels(64, 1000)])
    ),
    "MLP 784-256-128-10, SGD": Workload(mlp, mlp_data, "train", "SGD"),
    "MLP 784-256-128-10, Adam": Workload(mlp, mlp_data, "train", "Adam"),
    "LeNet-5, batch 1": lenet_step(1),
    "LeNet-5, batch 64": lenet_step(64),
    "LeNet-5, batch 256": lenet_step(256),
    **{name: workload for shape in CONVOLUTIONS for name, workload in conv(*shape).items()},
    "max_pool2d 2×2/2": pool("max", 2, 0),
    "max_pool2d 3×3/2": pool("max", 3, 1),
    "avg_pool2d 2×2/2": pool("avg", 2, 0),
    "transformer block": Workload(transformer, transformer_data),
    "residual net": Workload(residual, residual_data),
    "LSTM, 32 steps of 16×64": Workload(
        lstm, lambda: (weights((256, 64), (256, 64), (256,)), [draw(32, 16, 64)])
    ),
    "embedding, 2,048 tokens of 128": Workload(
        lambda F, w, i: F.embedding(i, w), lambda: ([draw(1000, 128)], [tokens()]), seeded=True
    ),
    "cross_entropy, 4096×1000": Workload(
        lambda F, x, y: F.cross_entropy(x, y), lambda: ([draw(4096, 1000)], [labels(4096, 1000)])
    ),
    "Hessian-vector product, MLP": Workload(mlp, mlp_data, "hvp"),
    **as_written(),
}

# Cost against size: a workload for each size, and how many units of work it does.
CURVES: dict[str, dict[int, Workload]] = {
    "scalar chain, ops": {n: scalar_chain(n) for n in (1_000, 10_000, 100_000, 1_000_000)},
    "LeNet-5, images": {n: lenet_step(n) for n in (1, 4, 16, 64, 256, 1024)},
    "conv2d 3×3 on 16×C×28×28, C² of": {
        c * c: conv(16, c, 28, c, 3, 1, 1)[f"conv2d 16×{c}×28×28 → {c}, 3×3"] for c in (4, 16, 64, 128)
    },
}
