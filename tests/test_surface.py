"""NumPy's whole public surface, applied to Tensors: a tensor with a graph, a plain result, or our sentence.

Every function of np, np.linalg, np.fft, np.emath and np.lib.stride_tricks, every ufunc with its methods, and every
method of ndarray is called with whatever of the arguments below NumPy accepts, and with each keyword that it accepts:
some 5,000 calls. Then with Tensors in place of all floating arrays, and of each one alone, inside a function that is
being differentiated. What comes out is one of

- a tensor of NumPy's value, shape and dtype, with a graph along which the gradient is that of central differences;
- NumPy's own plain result, from a function that has no derivative (the list `PLAIN`), or that reads no numbers;
- an error that begins with the function's name or names the Tensor, and so says what to do instead.

Never: a foreign error, a result whose graph is cut, a wrong number.
"""

from __future__ import annotations

import inspect
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.graph import OPS, TABLE
from tinygrad_lite.mode import using
from tinygrad_lite.tensor import PLAIN, NumberTaken

from .differences import central, dot

Function = Callable[..., Any]

# ---------------------------------------------------------------------------------------------------- what is called

MODULES = {
    "np": np,
    "np.linalg": np.linalg,
    "np.fft": np.fft,
    "np.emath": np.emath,
    "np.lib.stride_tricks": np.lib.stride_tricks,
}
# Files, dates, dtypes, settings, text, matrices: what has no place for an array of numbers, or gives none.
APART = """
test info empty empty_like bmat load loadtxt genfromtxt fromfile fromregex fromstring frombuffer memmap save
savez savez_compressed savetxt show_config show_runtime get_include getbufsize setbufsize geterr seterr
geterrcall seterrcall errstate get_printoptions set_printoptions printoptions busday_count busday_offset
is_busday busdaycalendar datetime_as_string datetime_data dtype finfo iinfo isdtype issubdtype mintypecode
promote_types typename format_float_positional format_float_scientific base_repr binary_repr ndindex
nested_iters frompyfunc fromfunction
"""
# What these read of a Tensor (in that place) has no derivative; or they are the ways to ask for numbers.
WITHOUT = {"np.compress": 0, "np.extract": 0, "np.full_like": 0, "np.unwrap": 1}
ASKED = {"ndarray.item", "ndarray.tolist"}

rng = np.random.default_rng(0)
V, W = rng.uniform(0.2, 0.9, (2, 4))
M, N = rng.uniform(0.2, 0.9, (2, 3, 4))
S = M[:, :3] @ M[:, :3].T + np.diag([1.0, 2.0, 3.0])
CUBE = rng.uniform(0.2, 0.9, (2, 3, 4))
X, Y = np.float64(0.4), np.float64(0.7)
INDEX = np.array([2, 0, 1])
MASK = np.array([True, False, True, True])

# In this order; of those that NumPy accepts the first three are used.
CANDIDATES: list[tuple[Any, ...]] = [
    (M,), (V,), (S,), (CUBE,), (M + 1,), (X,),
    (M, N), (V, W), (S, S), (M, V), (X, Y), (M + 1, N), (S, V[:3]), (V[:3], W[:3]),
    (M, 1), (M, (4, 3)), (V, INDEX), (M, INDEX), (M, 0, 1), (V, 2, 1), (M, 2), (INDEX, V), (M > 0.5, M), (M, M > 0.5),
    ([M, N],), ([V, W],), ([S, S],), ((M, N), 0), (M, INDEX, 0), (M, (3, 3), (0, 1)), (V, V, W), (M, N, M),
    (V, 0.2, 0.8), (X, Y, 5), (V, MASK), (MASK, V), (MASK, V, W), (1, M),
]  # fmt: skip
# Calls that the list above can't find, by the function's name.
MORE: dict[str, list[tuple[Any, ...]]] = {
    "apply_along_axis": [(np.sum, 0, M), (lambda x: x * x, 1, M)],
    "apply_over_axes": [(np.sum, M, [0, 1])],
    "array": [(X,), ([[X, 0], [Y, 1]],)],
    "astype": [(M, np.float32), (V, np.float64), (X, np.float32)],
    "average": [(M, 0, M[:, 0])],
    "bincount": [(INDEX, V[:3])],
    "block": [([[M, N], [N, M]],)],
    "choose": [(INDEX % 2, [V[:3], W[:3]])],
    "clip": [(M, 0.3, X), (M, V, W + 0.5)],
    "compress": [([True, False, True], M, 0)],
    "copyto": [(np.zeros(4), V)],
    "einsum": [("ij->j", M), ("ij,kj->ik", M, N), ("ii", S), ("...j,j", M, V)],
    "extract": [(M > 0.5, M)],
    "fill_diagonal": [(np.zeros((3, 3)), X), (S, 1.0)],
    "fromiter": [(V, float)],
    "full": [(3, X), (3, V[:3]), ((2, 2), X)],
    "full_like": [(M, X), (np.zeros((3, 4)), V)],
    "gradient": [(M, 0.5), (V, np.cumsum(W))],
    "insert": [(V, 1, X), (M, [0, 1], V, 0), (M, 1, N[:, 0], 1)],
    "interp": [(V, [0.0, 0.5, 1.0], [1.0, 3.0, 2.0]), (V, np.sort(W), W), (X, np.sort(W), V)],
    "linspace": [(X, Y, 5), (0, Y, 3), (V, W, 3)],
    "matrix_power": [(S, 3), (S, -1)],
    "multi_dot": [([S, M, N.T],)],
    "pad": [(M, 1), (M, ((1, 0), (0, 2)))],
    "partition": [(V, 1)],
    "piecewise": [(V, [V < 0.5, V >= 0.5], [lambda x: x**2, 0.5])],
    "place": [(np.zeros(4), MASK, V), (V.copy(), MASK, [1.0])],
    "polyfit": [(V, W, 2)],
    "put": [(np.zeros(4), [0, 1], V), (V.copy(), [0], [1.0])],
    "put_along_axis": [
        (np.zeros((3, 4)), np.zeros((3, 1), int), M[:, :1], 1),
        (M.copy(), np.zeros((3, 1), int), 1.0, 1),
    ],
    "putmask": [(np.zeros(4), MASK, V), (V.copy(), MASK, [1.0])],
    "quantile": [(M, 0.3), (M, [0.2, 0.7]), (M, 0.3, 0), (M, X)],
    "select": [([V > 0.7, V < 0.3], [V, W], 0.5)],
    "take_along_axis": [(M, np.argsort(M, 1), 1)],
    "unravel_index": [(3, (2, 2))],
    "vectorize": [(lambda x: x,)],
    "where": [(M > 0.5, M, N), (M > 0.5, M, 0.0), (V,)],
}

ON = """
keepdims stable bias sparse increasing retstep full cov hermitian upper invert assume_unique return_index return_inverse
return_counts equal_nan density include_initial overwrite_input returned strict unique sort optimize
"""
OFF = "rowvar endpoint compute_uv full_matrices"
ONCE = "correction ddof stat_length n edge_order offset k ndmin shift axis1 axis2 axisa source destination num M N"
LOW = "initial constant_values end_values prepend append left right fill_value min a_min"
HIGH = "max a_max posinf neginf nan period discont dx base"
COUNTS = np.array([1, 2, 3, 4])
KEYWORDS: dict[str, list[Any]] = {
    **{name: [True] for name in ON.split()},
    **{name: [False] for name in OFF.split()},
    **{name: [1, 2, -1] for name in ONCE.split()},
    **{name: [0.3, X] for name in LOW.split()},
    **{name: [0.6, X] for name in HIGH.split()},
    "subok": [True, False],
    "copy": [True, False],
    "axis": [0, -1, None, (0, 1)],
    "dtype": [np.float32, np.float64, int],
    "where": [MASK],
    "condition": [MASK],
    "casting": ["unsafe"],
    "order": ["C", "F"],
    "kind": ["stable", "mergesort"],
    "sorter": [np.argsort(V)],
    "method": ["lower", "linear", "median_unbiased"],
    "mode": ["edge", "reflect", "wrap", "same", "valid", "clip", "constant", "mean", "linear_ramp", "maximum"],
    "weights": [W, COUNTS],
    "aweights": [W, 1.0 * COUNTS],
    "fweights": [COUNTS],
    "side": ["right"],
    "y": [N, W],
    "x": [W],
    "indexing": ["ij"],
    "rcond": [1e-3],
    "rtol": [1e-3],
    "UPLO": ["U"],
    "ord": [1, 2, np.inf, "fro", "nuc"],
    "norm": ["ortho"],
    "shape": [(2, 2)],
    "s": [(2, 2)],
    "axes": [(0, 1)],
    "bins": [3],
    "range": [(0.0, 1.0)],
    "trim": ["f"],
    "repeats": [2],
    "window_shape": [2],
    "device": ["cpu"],
}
UFUNC_KEYWORDS = ["out", "where", "casting", "order", "dtype", "subok"]
METHOD_KEYWORDS = {
    "reduce": "axis dtype out keepdims initial where",
    "accumulate": "axis dtype out",
    "reduceat": "axis dtype out",
}

Call = tuple[str, Function, tuple[Any, ...], dict[str, Any]]


def functions() -> Iterator[tuple[str, Function]]:
    for prefix, module in MODULES.items():
        for name in sorted(dir(module)):
            function = getattr(module, name)
            if name.startswith("_") or not callable(function) or name in APART.split():
                continue
            if not isinstance(function, type) or issubclass(function, np.floating):
                yield f"{prefix}.{name}", function


def calls() -> Iterator[Call]:
    """Every call that NumPy accepts: functions, ufuncs' methods, ndarray's methods, each with each keyword."""
    for name, function in functions():
        yield from accepted(name, function, keywords_of(function))
        if isinstance(function, np.ufunc) and function.nout == 1:
            for method in ("reduce", "accumulate", "outer", "reduceat", "at"):
                bound = getattr(function, method)
                yield from accepted(f"{name}.{method}", bound, METHOD_KEYWORDS.get(method, "").split())
    for name in sorted(dir(np.ndarray)):
        if (
            not name.startswith("_")
            and callable(getattr(np.ndarray, name))
            and name not in ("tofile", "dump", "getfield", "setfield")
        ):
            yield from accepted(f"ndarray.{name}", method_called(name), keywords_of(getattr(np, name, None)))


def method_called(name: str) -> Function:
    def call(a: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(a, name)(*args, **kwargs)

    call.__name__ = name
    return call


def keywords_of(function: Any) -> list[str]:
    if isinstance(function, np.ufunc):
        return UFUNC_KEYWORDS
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ["dtype", "copy", "order", "axis", "out", "mode"] if function is not None else []


def accepted(name: str, function: Function, keywords: list[str]) -> Iterator[Call]:
    last = name.split(".")[-1]
    found = list(itertools.islice((args for args in MORE.get(last, []) + CANDIDATES if runs(function, args, {})), 3))
    for args in found:
        yield name, function, args, {}
        result = function(*copied(args))
        for keyword in keywords:
            if keyword == "where" and isinstance(function, np.ufunc) and function in PLAIN:
                continue  # the rest of the result is whatever was in memory
            values = KEYWORDS.get(keyword, [])
            if keyword == "out" and isinstance(result, np.ndarray):
                values = [np.empty_like(result)]
            if keyword == "mean" and last in ("var", "std", "nanvar", "nanstd"):
                values = [np.mean(args[0], keepdims=True), np.mean(args[0])]
            for value in values:
                if runs(function, args, {keyword: value}):
                    yield name, function, args, {keyword: value}


def runs(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """NumPy accepts it, and the result is of finite numbers, where it is of numbers."""
    try:
        result = function(*copied(args), **copied(kwargs))
    except Exception:
        return False
    return all(np.all(np.isfinite(a)) for a in parts(result) if np.asarray(a).dtype.kind == "f")


def copied(tree: Any) -> Any:
    """The arguments again, for functions that write into them."""
    return changed(tree, lambda a: a.copy() if isinstance(a, np.ndarray) else a)


def changed(tree: Any, change: Function) -> Any:
    if isinstance(tree, dict):
        return {key: changed(value, change) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(changed(item, change) for item in tree)
    return change(tree)


def parts(result: Any) -> list[Any]:
    """A result's arrays: of a tuple or list each."""
    return [a for item in result for a in parts(item)] if isinstance(result, (tuple, list)) else [result]


# --------------------------------------------------------------------------------------------------- what comes out


class Foreign(Exception):
    pass


def outcome(call: Call, chosen: set[int] | None) -> str:
    """Which of the three it is, with Tensors for the floating arrays number `chosen` (all by default), or Foreign."""
    name, function, args, kwargs = call
    expected = function(*copied(args), **copied(kwargs))
    out = kwargs.get("out")
    tensors: list[tg.Tensor] = []
    seen = itertools.count()

    def tensor(a: Any) -> Any:
        if not is_floating(a) or a is out or chosen is not None and next(seen) not in chosen:
            return a.copy() if isinstance(a, np.ndarray) else a
        tensors.append(tg.Tensor(a, requires_grad=True))
        return tensors[-1]

    given, more = changed(args, tensor), changed(kwargs, tensor)
    try:
        with using(tracing=True):
            result = function(*given, **more)
    except Exception as raised:
        # NumPy hides the reason where it writes a number into an array; tg.grad and the like show it.
        error = raised.__cause__ if isinstance(raised.__cause__, NumberTaken) else raised
        if is_ours(error, name, function):
            return "refused"
        raise Foreign(f"{type(error).__name__}: {error}") from error
    found = parts(result)
    if expected is None:  # NumPy wrote into an array: here, the result is a new one
        if len(found) == 1 and isinstance(found[0], tg.Tensor) and found[0].requires_grad:
            return "tensor"
        raise Foreign(f"gave {result!r}: an array was changed, and the graph is cut")
    right = parts(expected)
    if len(found) != len(right):
        raise Foreign(f"gave {len(found)} results, NumPy gives {len(right)}")
    for a, b in zip(found, right):
        value = np.asarray(a.data if isinstance(a, tg.Tensor) else a)
        b = np.asarray(b, int if type(a) is int else None)  # a rank, which NumPy gives as an int32
        if value.shape != b.shape or value.dtype != b.dtype:
            raise Foreign(f"gave {value.shape} {value.dtype}, NumPy gives {b.shape} {b.dtype}")
        if b.dtype.kind in "bif" and not np.allclose(
            value, b, rtol=1e-5 if b.dtype == np.float32 else 1e-9, atol=1e-12
        ):
            raise Foreign(f"gave {value.tolist()}, NumPy gives {b.tolist()}")
    if not any(isinstance(a, tg.Tensor) for a in found):
        if function in PLAIN or chosen == {WITHOUT.get(name)} or name in ASKED:
            return "plain"
        if all(np.asarray(a).dtype.kind != "f" for a in found):
            return "plain"  # integers and truth values have no derivative
        raise Foreign(f"gave plain {type(result).__name__}: the graph is cut")
    for a in found:
        if isinstance(a, tg.Tensor) and a.dtype.kind == "f" and not a.requires_grad:
            raise Foreign("gave a tensor without a graph")
    check_gradient(function, given, more, tensors, found)
    return "tensor"


def check_gradient(function: Function, args: Any, kwargs: Any, tensors: list[tg.Tensor], found: list[Any]) -> None:
    """Along a random direction, the gradient of Σ u · out against central differences, where the result is float64."""
    graphs = {i: a for i, a in enumerate(found) if isinstance(a, tg.Tensor) and a.requires_grad}
    if not graphs or any(a.dtype != np.float64 for a in graphs.values()):
        return
    draw = np.random.default_rng(1)
    u = {i: draw.uniform(0.5, 1, a.shape) for i, a in graphs.items()}
    v = [symmetric(draw.standard_normal(t.shape), t.data) for t in tensors]
    sum((np.sum(a * u[i]) for i, a in graphs.items()), start=tg.Tensor(0.0)).backward()

    def along(h: float) -> float:
        moved = {id(t): t.data + h * d for t, d in zip(tensors, v)}
        put = lambda a: moved.get(id(a), a)
        result = parts(function(*changed(args, put), **changed(kwargs, put)))
        return float(sum(np.sum(result[i] * u[i]) for i in graphs))

    slope = central(along)
    got = dot([np.zeros(t.shape) if t.grad is None else t.grad for t in tensors], v)
    if not slope.near(got):
        raise Foreign(f"the gradient along v is {got}, central differences give {slope.value}")


def symmetric(v: Any, x: Any) -> Any:
    """A direction in which a symmetric matrix stays one: some functions read a triangle alone."""
    return v + v.T if np.ndim(x) == 2 and x.shape[0] == x.shape[1] and np.array_equal(x, x.T) else v


def is_floating(a: Any) -> bool:
    return isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind == "f"


NAMES = {*OPS, *(f.__name__ for f in TABLE if callable(f)), *(f.__name__ for f in TABLE.values())}


def is_ours(error: Exception, name: str, function: Any) -> bool:
    """Whether an error says which function it was, or what to do with the Tensor."""
    text = str(error)
    if not isinstance(error, (TypeError, ValueError, IndexError, AttributeError, RuntimeError, BufferError)):
        return False
    first = re.match(r"((?:np\.)?[\w.]+)\b[^:]*: .", text)
    if first is not None:
        word = first[1].split(".")[-1].strip("_")
        if word in NAMES or word in (name.split(".")[-1], name.split(".")[-2], "Tensor", "float", "int"):
            return True
    return bool(
        re.search(r"\b[Tt]ensor\b", text) and re.search(r"\b(use|write|give|make|detach|np\.\w+)\b", text, re.I)
    )


def variants(call: Call) -> list[set[int] | None]:
    """Tensors for all floating arrays, and for each alone."""
    n = 0

    def count(a: Any) -> Any:
        nonlocal n
        n += is_floating(a)
        return a

    changed(call[2], count)
    changed({key: value for key, value in call[3].items() if key != "out"}, count)
    return [] if n == 0 else [None] if n == 1 else [None, *({i} for i in range(n))]


def shown(call: Call, chosen: set[int] | None) -> str:
    name, _, args, kwargs = call
    seen = itertools.count()

    def word(a: Any) -> Any:
        if is_floating(a) and a is not kwargs.get("out"):
            return f"{'T' if chosen is None or next(seen) in chosen else 'a'}{np.shape(a)}"
        return f"{a.dtype}{a.shape}" if isinstance(a, np.ndarray) else getattr(a, "__name__", a)

    said = [str(changed(a, word)) for a in args] + [f"{key}={changed(a, word)}" for key, a in kwargs.items()]
    return f"{name}({', '.join(said)})".replace("'", "")


def survey() -> tuple[Counter[str], list[str]]:
    """How many calls came out in each way, and a line for each that came out in none."""
    counts: Counter[str] = Counter()
    wrong = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for call in calls():
            for chosen in variants(call):
                try:
                    counts[outcome(call, chosen)] += 1
                except Foreign as foreign:
                    wrong.append(f"{shown(call, chosen)}: {foreign}")
    return counts, wrong


def test_all_of_numpy() -> None:
    counts, wrong = survey()
    assert not wrong, "\n".join([f"{len(wrong)} of {sum(counts.values()) + len(wrong)} calls:", *wrong])
    assert counts["tensor"] >= 2_000 and counts["plain"] >= 200, counts
