"""Random programs: a palette of lines, programs made of them, and the smallest program that still fails.

A program is Python text: a function of leaves and constants, one call a line, that returns whatever no other line uses.
The same text runs on arrays, on Tensors and, where it has the functions, on another library's.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

# a, b, c stand for floating variables, i for a constant of integers, k for an axis, n for a small integer. A line whose
# shapes don't fit is drawn again, so none has to say what it needs. What needs a domain makes itself one.
ELEMENTWISE = """
np.negative(a)  np.square(a)  np.absolute(a)  np.reciprocal(a**2 + 0.5)  np.sqrt(a**2 + 0.5)  np.cbrt(a**2 + 0.5)
np.exp(a)  np.exp2(a)  np.expm1(a)  np.log(a**2 + 0.5)  np.log2(a**2 + 0.5)  np.log10(a**2 + 0.5)  np.log1p(a**2)
np.sin(a)  np.cos(a)  np.tan(np.tanh(a))  np.arcsin(0.9 * np.sin(a))  np.arccos(0.9 * np.sin(a))  np.arctan(a)
np.sinh(a)  np.cosh(a)  np.tanh(a)  np.arcsinh(a)  np.arccosh(a**2 + 1.5)  np.arctanh(0.9 * np.sin(a))  np.sinc(a)
np.deg2rad(a)  np.rad2deg(0.01 * a)  np.sign(a)  np.floor(a)  np.ceil(a)  np.trunc(a)  np.rint(a)  np.round(a, n)
np.fix(a)  np.fabs(a)  np.positive(a)  np.nan_to_num(a)  np.clip(a, -1, 0.5)  np.clip(a, b, None)  a + b  a - b  a * b
a / (b**2 + 0.5)  a // (b**2 + 0.5)  a % (b**2 + 0.5)  a**n  a**-n  (a**2 + 0.5)**b  n**a  a + 1  2 * a  1 - a
1 / (a**2 + 1)  -a  +a  abs(a)  a * i  a + i  i - a  a ** (i % 4)  a * a  a - a  np.divide(a, np.exp(b))
np.float_power(a**2 + 0.5, b)  np.fmod(a, b**2 + 0.5)  np.remainder(a, b**2 + 0.5)  np.floor_divide(a, b**2 + 0.5)
np.divmod(a, b**2 + 0.5)[1]  np.maximum(a, b)  np.minimum(a, b)  np.maximum(a, 0)  np.fmax(a, b)  np.fmin(a, b)
np.hypot(a, b + 2)  np.arctan2(a, b**2 + 0.5)  np.logaddexp(a, b)  np.logaddexp2(a, b)  np.heaviside(a, b)
np.copysign(a, b + 0.12)  np.where(a > 0, a, b)  np.where(a > b, a * b, c)  np.where(i > 0, a, 0)
np.select([a > 1, a < 0], [a, b], c)  np.choose(i % 2, [a, b])  a * (b > 0)  np.add(a, b)  np.multiply(a, b)
np.subtract(a, b)  np.real(a)  np.copy(a)  a.astype(np.float64)  a.clip(-0.5, None)  a.round(1)  a.copy()  a.conj()
"""
REDUCING = """
np.sum(a)  np.sum(a, axis=k)  np.sum(a, axis=k, keepdims=True)  np.mean(a)  np.mean(a, axis=k)  np.prod(a, axis=k)
np.max(a, axis=k)  np.min(a, axis=k)  np.max(a)  np.var(a, axis=k)  np.std(np.stack([a, a + 2, b]), axis=0)
np.var(a, ddof=1)  np.ptp(a, axis=k)  np.median(a, axis=k)  np.quantile(a, 0.3, axis=k)  np.percentile(a, 60, axis=k)
np.nansum(a, axis=k)  np.nanmean(a, axis=k)  np.nanmax(a, axis=k)  np.average(a, axis=k, weights=np.exp(a))
np.cumsum(a, axis=k)  np.cumprod(a, axis=k)  np.cumulative_sum(a, axis=k)  np.diff(a, axis=k)  np.gradient(a, axis=k)
np.trapezoid(a, axis=k)  np.sort(a, axis=k)  np.partition(a, 1)[..., 1]  np.linalg.norm(a)  np.linalg.norm(a, axis=k)
np.linalg.vector_norm(a, ord=3)  np.trace(a)  a.sum()  a.mean(k)  a.max(k)  a.sum(k, keepdims=True)  a.cumsum(k)
np.stack([a, -a, a + 2]).std()  a.prod()  np.sum(a, axis=k, where=b > 0)  np.mean(a, axis=k, dtype=np.float64)
np.ediff1d(a)  np.cov(a)  0.9 * np.corrcoef(a + np.sin(i))  np.interp(a, [-1, 0, 2], [1, 3, -1])  np.convolve(a, b)
np.correlate(a, b)  np.add.reduce(a)  np.add.accumulate(a)  np.add.outer(a, b)  np.maximum.reduce(a)
np.multiply.outer(a, b)
"""
SHAPING = """
a.T  a.mT  a[0]  a[-1]  a[..., 0]  a[::-1]  a[1:]  a[:-1]  a[..., ::2]  a[None]  a[..., None]  a[[0, 0, -1]]
a[a > 0.03]  a[i % 2]  a[..., [0, -1, 0]]  a[:, 0]  a[:, None]  a[0, ...]  a[[0], [-1]]  a[i > 0]  a[1:1]  a[()]
np.ravel(a)  np.reshape(a, -1)  a.reshape(-1, 1)  np.transpose(a)  np.swapaxes(a, 0, -1)  np.moveaxis(a, 0, -1)
np.expand_dims(a, k)  np.squeeze(a)  np.flip(a)  np.flip(a, k)  np.roll(a, n)  np.roll(a, -n, axis=k)  np.rot90(a)
np.broadcast_to(a, (2, *np.shape(a)))  np.atleast_2d(a)  np.atleast_1d(a)  np.tile(a, n)  np.repeat(a, n)
np.repeat(a, n, axis=k)  np.concatenate([a, b])  np.concatenate([a, b, a], axis=k)  np.stack([a, b])
np.stack([a, a], axis=-1)  np.hstack([a, b])  np.vstack([a, b])  np.column_stack([a, b])  np.append(a, b)
np.block([[a], [b]])  np.split(a, 2)[n - 1]  np.array_split(a, 2)[0]  np.unstack(a)[0]  np.pad(a, n)
np.pad(a, 1, mode="edge")  np.pad(a, 1, mode="reflect")  np.pad(a, 1, mode="wrap")  np.take(a, [0, -1])
np.take(a, i % 2)  np.take_along_axis(a, np.argsort(a, axis=-1), axis=-1)  np.diag(a)  np.diagonal(a)  np.tril(a)
np.triu(a, 1)  np.compress([True, False], a, axis=k)  np.extract(a > 0.03, a)  np.delete(a, 0)
np.insert(a, 0, b[..., 0])  np.lib.stride_tricks.sliding_window_view(a, 2, -1)  np.resize(a, (2, 3))
np.meshgrid(a, b)[0]  np.broadcast_arrays(a, b)[0]  np.fliplr(a)  a.ravel()  a.flatten()  a.reshape((1, -1))
a.transpose()  a.swapaxes(0, -1)  a.repeat(2)  a.take([0, 0])  a.squeeze()  a.diagonal()
"""
PRODUCTS = """
a @ b  a @ a.mT  a.mT @ a  np.matmul(a, b)  np.dot(a, b)  np.inner(a, b)  np.outer(a, b)  np.vdot(a, b)
np.vecdot(a, b)  np.tensordot(a, b, 1)  np.tensordot(a, b, 0)  np.kron(a, b)
np.cross(a[..., :3] * np.ones(3), b[..., :3] * np.ones(3))  np.einsum("i,i->i", a, b)  np.einsum("ij,jk->ik", a, b)
np.einsum("ij->ji", a)  np.einsum("...i,...i->...", a, b)  np.einsum("ij,kj->ik", a, a)  a.dot(b)  np.polyval(a, b)
np.linalg.inv(a @ a.mT + 2 * np.eye(a.shape[-2]))  np.linalg.det(a @ a.mT + 2 * np.eye(a.shape[-2]))
np.linalg.slogdet(a @ a.mT + 2 * np.eye(a.shape[-2]))[1]  np.linalg.cholesky(a @ a.mT + 2 * np.eye(a.shape[-2]))
np.linalg.solve(a @ a.mT + 2 * np.eye(a.shape[-2]), a)  np.linalg.eigvalsh(a @ a.mT + np.diag(np.arange(a.shape[-2])))
np.linalg.svdvals(a @ a.mT + np.diag(np.arange(1, a.shape[-2] + 1)))  np.linalg.pinv(a)
np.linalg.matrix_power(a @ a.mT, n)  np.linalg.qr(a.mT @ a + np.eye(a.shape[-1]))[1]  np.linalg.multi_dot([a, a.T, a])
np.linalg.norm(a, "fro")
"""
FUNCTIONAL = """
tg.relu(a)  tg.relu6(a)  tg.leaky_relu(a)  tg.elu(a)  tg.selu(a)  tg.celu(a)  tg.gelu(a)  tg.gelu(a, "tanh")
tg.silu(a)  tg.mish(a)  tg.softplus(a)  tg.softsign(a)  tg.hardtanh(a)  tg.hardsigmoid(a)  tg.hardswish(a)
tg.sigmoid(a)  tg.logsigmoid(a)  F.tanh(a)  tg.tanhshrink(a)  tg.softshrink(a)  tg.hardshrink(a)
tg.threshold(a, 0.1, 0.7)  tg.softmax(a, -1)  tg.log_softmax(a, -1)  tg.softmin(a, -1)  tg.softmax(a, 0)
tg.logsumexp(a, -1)  tg.logsumexp(a, 0, keepdims=True)  tg.logcumsumexp(a, -1)  tg.cummax(a, -1)[0]
tg.cummin(a, 0)[0]  tg.glu(a)  tg.erf(a)  tg.erfc(a)  tg.ndtr(a)  tg.lgamma(a**2 + 0.5)  tg.digamma(a**2 + 0.5)
tg.erfinv(0.9 * np.sin(a))  tg.log_ndtr(a)  tg.entr(a**2 + 0.5)  tg.i0e(a)  tg.xlogy(a, b**2 + 0.5)
tg.normalize(a + 2, axis=-1)  tg.layer_norm(a, a.shape[-1:])  tg.rms_norm(a, a.shape[-1:], eps=1e-5)
tg.mse_loss(a, b)  tg.l1_loss(a, b)  tg.smooth_l1_loss(a, b)  tg.huber_loss(a, b)  tg.mse_loss(a, b, reduction="none")
tg.binary_cross_entropy(tg.sigmoid(a), tg.sigmoid(b))  tg.binary_cross_entropy_with_logits(a, tg.sigmoid(b))
tg.cross_entropy(a, np.zeros(len(a), int))  tg.cross_entropy(a, tg.softmax(b, -1))
tg.kl_div(tg.log_softmax(a, -1), tg.softmax(b, -1), "sum")  tg.poisson_nll_loss(a, np.exp(b))
tg.gaussian_nll_loss(a, b, b**2 + 0.5)  tg.soft_margin_loss(a, np.sign(b))  tg.cosine_similarity(a + 2, b, axis=-1)
tg.pairwise_distance(a, b)  tg.linear(a, b)  tg.linear(a, a)  tg.prelu(a, b.reshape(-1)[:1])
tg.conv1d(a[None, None, :], b[None, None, :2])  tg.conv2d(a[None, None, ...], b[None, None, :2, :2], padding=1)
tg.conv2d(a[None, None, ...], a[None, None, ...], padding="same")  tg.conv1d(a[None, ...], a[None, :, :2], stride=2)
tg.conv_transpose1d(a[None, None, :], b[None, None, :])
tg.conv_transpose2d(a[None, None, ...], b[None, None, ...], stride=2)  tg.max_pool1d(a[None, ...], 2)
tg.avg_pool1d(a[None, ...], 2)  tg.max_pool2d(a[None, ...], 2, 1, 1)  tg.avg_pool2d(a[None, ...], 2, 1)
tg.lp_pool1d(a[None, ...], 2, 2)  tg.adaptive_avg_pool1d(a[None, ...], 2)  tg.adaptive_max_pool2d(a[None, ...], 1)
tg.interpolate(a[None, None, ...], scale_factor=2, mode="linear")  tg.interpolate(a[None, None, ...], size=3)
tg.unfold(a[None, None, ...], 2)  tg.batch_norm(a, None, None, training=True)  tg.group_norm(a, 1)
tg.scaled_dot_product_attention(a, a, b)  tg.gather(a, -1, np.argsort(a, -1))  tg.index_select(a, 0, [0, 0])
tg.masked_fill(a, a > 0.5, 0.1)  tg.scatter_add(a, 0, np.zeros(np.shape(a), int), a * b)  tg.embedding([0, 0], a)
F.pad(a, (1, 1))  tg.pixel_shuffle(np.tile(a, (1, 4, 1, 1)), 2)  tg.local_response_norm(a, 2)  tg.bilinear(a, a, b)
"""


def lines(text: str) -> list[str]:
    """The templates of a palette: two spaces or a line's end stand between them."""
    return [t for t in re.split(r"  +|\n", text) if t]


SHARES = [0.3, 0.15, 0.25, 0.1, 0.2]
PALETTE = [lines(text) for text in (ELEMENTWISE, REDUCING, SHAPING, PRODUCTS, FUNCTIONAL)]
SHAPES: list[tuple[int, ...]] = [
    (), (1,), (3,), (4,), (2, 3), (3, 3), (3, 1), (1, 4), (4, 2), (2, 3, 4), (2, 1, 3), (0,), (0, 3), (2, 0), (1, 1, 1),
]  # fmt: skip
NAMESPACE = {"np": np, "tg": tg, "F": F}
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Line:
    name: str
    text: str

    @property
    def uses(self) -> set[str]:
        return names(self.text)


def names(text: str) -> set[str]:
    """The variables in a line: x are leaves, c constants, v results."""
    return set(re.findall(r"\b[xcv]\d+\b", text))


@dataclass(frozen=True)
class Program:
    """Leaves (`x0`, …; floating), constants (`c0`, …; integers) and lines; what no line uses is returned."""

    arrays: Arrays
    lines: tuple[Line, ...]
    returned: tuple[str, ...]

    @property
    def leaves(self) -> list[str]:
        return [name for name in self.arrays if name.startswith("x")]

    @property
    def code(self) -> str:
        head = f"def program({', '.join(self.arrays)}):"
        body = [f"    {line.name} = {line.text}" for line in self.lines]
        return "\n".join([head, *body, f"    return {', '.join(self.returned)},"])

    def compiled(self, **namespace: Any) -> Callable[..., tuple[Any, ...]]:
        scope: dict[str, Any] = {**NAMESPACE, **namespace}
        exec(self.code, scope)
        return scope["program"]  # type: ignore[no-any-return]

    def script(self) -> str:
        """A file that runs: arrays, function, tensors, backward."""
        made = [f"{name} = np.array({a.tolist()!r}, np.{a.dtype}){_of(a)}" for name, a in self.arrays.items()]
        wrapped = [f"{name} = tg.Tensor({name}, requires_grad=True)" for name in self.leaves]
        head = "import numpy as np\nimport tinygrad_lite as tg\nimport tinygrad_lite.nn.functional as F"
        call = f"sum(np.sum(out) for out in program({', '.join(self.arrays)})).backward()"
        return "\n".join(
            [head, "", self.code, "", *made, *wrapped, call, f"print({', '.join(self.leaves)}, sep='\\n')"]
        )


def _of(a: Any) -> str:
    return "" if a.size else f".reshape{a.shape}"


def generate(seed: int, palette: Sequence[Sequence[str]] = PALETTE) -> Program:
    """The program of this seed. It runs on arrays of float64, with finite and moderate values."""
    rng = np.random.default_rng([seed, 0x70726F67])
    length = 60 if seed % 20 == 0 else int(rng.integers(2, 16))
    dtypes = [np.float64, np.float32, np.float16] if rng.random() < 0.5 else [np.float64]
    arrays: Arrays = {}
    for i in range(int(rng.integers(1, 4))):
        shape = SHAPES[rng.integers(len(SHAPES))]
        arrays[f"x{i}"] = np.asarray(rng.uniform(-2, 2, shape).round(3).astype(dtypes[rng.integers(len(dtypes))]))
    for i in range(2):
        shape = SHAPES[rng.integers(len(SHAPES))]
        kind = [np.int64, np.int32, np.int8][rng.integers(3)]
        arrays[f"c{i}"] = np.asarray(rng.integers(-3, 4, shape).astype(kind))
    values: Arrays = doubled(arrays)
    chosen: list[Line] = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the mean of nothing
        for _ in range(40 * length):
            if len(chosen) == length:
                break
            line = _line(rng, values, f"v{len(chosen)}", palette)
            try:
                value = eval(line.text, NAMESPACE, values)
            except Exception:
                continue
            if _usable(value):
                chosen.append(line)
                values[line.name] = value
    used = set().union(*(line.uses for line in chosen))
    sinks = [line.name for line in chosen if line.name not in used and values[line.name].dtype.kind == "f"]
    return Program(arrays, tuple(chosen), tuple(sinks) or (next(iter(arrays)),))


def doubled(arrays: Arrays, dtype: Any = np.float64) -> Arrays:
    """The same arrays, the floating ones in that dtype."""
    return {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in arrays.items()}


def _line(rng: np.random.Generator, values: Arrays, name: str, palette: Sequence[Sequence[str]]) -> Line:
    kind = palette[rng.choice(len(palette), p=SHARES if palette is PALETTE else None)]
    template = kind[int(rng.integers(len(kind)))]
    floats = [n for n, v in values.items() if v.dtype.kind == "f"]
    recent = floats[-4:]  # so that programs are deep; the others make shared subexpressions

    def chosen(match: re.Match[str]) -> str:
        letter = match[0]
        if letter == "k":
            return str([0, -1, 1, None][rng.integers(4)])
        if letter == "n":
            return str(rng.integers(1, 4))
        if letter == "i":
            return f"c{rng.integers(2)}"
        return _ if letter in picked and (_ := picked[letter]) else picked.setdefault(letter, pick())

    def pick() -> str:
        some = recent if rng.random() < 0.6 else floats
        return some[rng.integers(len(some))]

    picked: dict[str, str] = {}
    return Line(name, re.sub(r"(?<![\w.\"'>,])\b[abcikn]\b(?!\w*[\"'>])", chosen, template))


def _usable(value: Any) -> bool:
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fi" or value.size > 200:
        return False
    return bool(np.all(np.isfinite(value))) and float(np.max(np.abs(value), initial=0)) < 50


# ---------------------------------------------------------------------------------------------------------- shrinking


def shrink(program: Program, fails: Callable[[Program], bool]) -> Program:
    """A smaller program that fails too: fewer results, fewer lines, float64, fewer elements."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(program):
            if fails(candidate):
                program, smaller = candidate, True
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    if len(program.returned) > 1:
        for name in program.returned:
            yield _pruned(replace(program, returned=(name,)))
    for line in reversed(program.lines):
        for other in sorted(line.uses):
            yield _pruned(_renamed(program, line, other))
    for name, a in program.arrays.items():
        if a.dtype.kind == "f" and a.dtype != np.float64:
            yield replace(program, arrays={**program.arrays, name: a.astype(np.float64)})
        for axis, n in enumerate(a.shape):
            if n > 1:
                yield replace(program, arrays={**program.arrays, name: a.take(range(n - 1), axis)})


def _renamed(program: Program, line: Line, other: str) -> Program:
    """The program without a line: what used its result uses one of its inputs."""

    def swap(text: str) -> str:
        return re.sub(rf"\b{line.name}\b", other, text)

    rest = tuple(Line(kept.name, swap(kept.text)) for kept in program.lines if kept is not line)
    return replace(program, lines=rest, returned=tuple(swap(name) for name in program.returned))


def _pruned(program: Program) -> Program:
    """The program without lines and arrays that nothing uses."""
    live, kept = set(program.returned), []
    for line in reversed(program.lines):
        if line.name in live:
            kept.append(line)
            live |= line.uses
    arrays = {name: a for name, a in program.arrays.items() if name in live}
    return replace(program, arrays=arrays, lines=tuple(reversed(kept)))


def palette_size(programs: Sequence[Program]) -> int:
    """How many functions and operators the programs call."""
    called = {
        call for p in programs for line in p.lines for call in re.findall(r"(?:np|tg|F)[\w.]+|\.\w+\(", line.text)
    }
    return len(called)
