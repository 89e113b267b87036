"""Every public function, given what it is not made for: it works, or refuses in a sentence of ours.

Each argument of each function of `tg` and `tg.nn.functional`, of each method of a Tensor and of each layer is replaced
by each of `WRONG`: None, text, ragged lists, objects, complex and negative numbers, sizes of 10⁹, other ranks, nothing
at all: some 24,000 calls. At least 95 of 100 refusals begin with the function's name (98 today); none is a hang (2 s of
processor time), a MemoryError, or anything but a TypeError, ValueError, IndexError or RuntimeError. A request for more
than a GiB is refused before memory is asked for.
"""

from __future__ import annotations

import inspect
import re
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn

Function = Callable[..., Any]
GIB = 1 << 30

rng = np.random.default_rng(0)
V = rng.uniform(0.1, 0.9, 4)
M, N = rng.uniform(0.1, 0.9, (2, 3, 4))
SIGNS = np.sign(M - 0.5)
CLASSES = np.array([0, 2, 1])
LINE, IMAGE, BOX = (rng.uniform(0.1, 0.9, (2, 4) + (6,) * n) for n in (1, 2, 3))
INDEX = np.array([[0, 1], [1, 0], [0, 1]])

OF_ONE = """
celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu sigmoid silu softplus
softshrink softsign tanh tanhshrink softmax log_softmax softmin logsumexp glu erf erfc erfcx erfinv ndtr ndtri log_ndtr
lgamma digamma entr i0 i0e i1 i1e logit dropout normalize alpha_dropout feature_alpha_dropout rrelu gumbel_softmax pdist
"""
OF_TWO = """
mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div poisson_nll_loss
cosine_similarity pairwise_distance linear xlogy xlog1py multilabel_soft_margin_loss
"""
# A valid call of each function: what is positional, in order. Arguments that are left out have a default.
VALID: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(OF_ONE.split(), (M,)),
    **dict.fromkeys(OF_TWO.split(), (M, N)),
    **{f"conv{n}d": (x, x[:, :, *(slice(2),) * n]) for n, x in ((1, LINE), (2, IMAGE), (3, BOX))},
    **{f"conv_transpose{n}d": (x, np.ones((4, 2) + (2,) * n)) for n, x in ((1, LINE), (2, IMAGE), (3, BOX))},
    **{f"{kind}_pool{n}d": (x, 2) for kind in ("avg", "max") for n, x in ((1, LINE), (2, IMAGE), (3, BOX))},
    **{f"lp_pool{n}d": (x, 2.0, 2) for n, x in ((1, LINE), (2, IMAGE), (3, BOX))},
    **{f"adaptive_{kind}_pool{n}d": (x, 2) for kind in ("avg", "max") for n, x in ((1, LINE), (2, IMAGE), (3, BOX))},
    **{f"max_unpool{n}d": (x, np.arange(x.size).reshape(x.shape) % 6, 1) for n, x in ((1, LINE), (2, IMAGE), (3, BOX))},
    **{f"dropout{n}d": (x,) for n, x in ((1, LINE), (2, IMAGE), (3, BOX))},
    "affine_grid": (np.ones((2, 2, 3)), (2, 1, 3, 3)),
    "batch_norm": (IMAGE, np.zeros(4), np.ones(4)),
    "bilinear": (M, N, np.ones((2, 4, 4))),
    "channel_shuffle": (IMAGE, 2),
    "ctc_loss": (IMAGE[0], CLASSES[None, :1] + np.ones((6, 1), int), np.full(6, 4), np.ones(6, int)),
    "cosine_embedding_loss": (M, N, SIGNS[:, 0]),
    "cross_entropy": (M, CLASSES),
    "cummax": (M, 0),
    "cummin": (M, 0),
    "embedding": (CLASSES, M),
    "embedding_bag": (INDEX, M),
    "fold": (np.ones((1, 4, 4)), (3, 3), 2),
    "gather": (M, 1, INDEX),
    "gaussian_nll_loss": (M, N, N),
    "grid_sample": (IMAGE, np.ones((2, 3, 3, 2))),
    "group_norm": (IMAGE, 2),
    "hinge_embedding_loss": (M, SIGNS),
    "index_add": (M, 0, CLASSES, N),
    "index_select": (M, 0, CLASSES),
    "instance_norm": (IMAGE,),
    "interpolate": (IMAGE, 3),
    "layer_norm": (M, (4,)),
    "local_response_norm": (IMAGE, 2),
    "logcumsumexp": (M, 0),
    "margin_ranking_loss": (M, N, SIGNS),
    "masked_fill": (M, M > 0.5, 0.0),
    "masked_select": (M, M > 0.5),
    "multi_margin_loss": (M, CLASSES),
    "multilabel_margin_loss": (M, np.array([[0, -1, 1, 2]] * 3)),
    "multinomial": (V, 2),
    "nll_loss": (M, CLASSES),
    "one_hot": (CLASSES, 4),
    "pad": (M, (1, 1)),
    "pixel_shuffle": (IMAGE, 2),
    "pixel_unshuffle": (IMAGE, 2),
    "polygamma": (1, M),
    "prelu": (M, V),
    "rms_norm": (M, (4,)),
    "scaled_dot_product_attention": (M, N, N),
    "scatter": (M, 1, INDEX, N[:, :2]),
    "scatter_add": (M, 1, INDEX, N[:, :2]),
    "soft_margin_loss": (M, SIGNS),
    "threshold": (M, 0.1, 0.5),
    "topk": (M, 2),
    "triplet_margin_loss": (M, N, N + 1),
    "triplet_margin_with_distance_loss": (M, N, N + 1),
    "unfold": (IMAGE, 2),
}


def total(x: Any) -> Any:
    return np.sum(x * x)


# Functions of functions, and of settings.
CALCULUS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(["grad", "value_and_grad", "elementwise_grad", "jacobian", "hessian", "checkpoint"], (total,)),
    **dict.fromkeys(["vjp", "gradcheck"], (total, M)),
    **dict.fromkeys(["jvp", "hvp"], (total, (M,), (N,))),
    "Tensor": (M,),
    "manual_seed": (0,),
}

OF_NOTHING = """
all any argmax argmin argsort clip copy cumprod cumsum flatten logsumexp max mean min prod ptp ravel round sort squeeze
std sum transpose var softmax log_softmax leaky_relu elu gelu softplus diagonal trace backward requires_grad_ item
"""
OPERATORS = "__add__ __sub__ __mul__ __truediv__ __floordiv__ __mod__ __pow__ __radd__ __rpow__"
# Of a Tensor M's methods, those that take arguments.
METHODS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(OF_NOTHING.split(), ()),
    "argpartition": (1,),
    "astype": (np.float32,),
    "choose": ([M, N],),
    "compress": ([True, False, True], 0),
    "dot": (M.T,),
    "matmul": (M.T,),
    "maximum": (N,),
    "minimum": (N,),
    "partition": (1,),
    "pow": (2,),
    "repeat": (2,),
    "reshape": ((4, 3),),
    "searchsorted": (0.5,),
    "swapaxes": (0, 1),
    "take": ([0, 1],),
    **dict.fromkeys(OPERATORS.split(), (N,)),
    "__matmul__": (M.T,),
    "__getitem__": (0,),
}


def layers() -> Iterator[tuple[str, Function, tuple[Any, ...]]]:
    """Every layer of nn that can be made with each of its sizes 4, and these arguments."""
    for name in dir(nn):
        layer = getattr(nn, name)
        if name.startswith("_") or not (isinstance(layer, type) and issubclass(layer, nn.Module)) or layer is nn.Module:
            continue
        args = tuple(4 for p in positional(layer) if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD)
        if runs(layer, *args):
            yield name, layer, args


def runs(function: Function, *args: Any) -> bool:
    try:
        function(*args)
    except Exception:
        return False
    return True


# Optimisers, and data.
OPTIMISERS = ("SGD", "Adam", "AdamW", "Rprop", "ASGD", "Adafactor", "Muon", "LBFGS")
OTHERS: dict[str, tuple[Function, tuple[Any, ...]]] = {
    **{name: (getattr(tg.optim, name), ([tg.Tensor(M, requires_grad=True)],)) for name in OPTIMISERS},
    "split": (tg.data.split, (M, V[:3])),
    "batches": (lambda *args, **kwargs: list(tg.data.batches(*args, **kwargs)), (M,)),
}

# What stands in an argument's place: a name for the report, and the thing.
WRONG: dict[str, Any] = {
    "None": None,
    "text": "abc",
    "ragged": [[1.0], [2.0, 3.0]],
    "objects": np.array([object(), object()]),
    "dict": {"a": 1},
    "function": len,
    "True": True,
    "complex": 1 + 2j,
    "complexes": np.ones((3, 4)) * 1j,
    "texts": np.array(["a", "b"]),
    "-1": -1,
    "-7": -7,
    "1.5": 1.5,
    "nan": float("nan"),
    "10**9": 10**9,
    "(10**6, 10**6, 10**6)": (10**6, 10**6, 10**6),
    "0-d": np.float64(2.0),
    "6-d": np.ones((1,) * 6),
    "other shape": np.ones((5, 7)),
    "empty": np.ones(0),
    "no rows": np.ones((0, 4)),
    "()": (),
    "integers": np.arange(12).reshape(3, 4),
    "-1 among integers": np.array([0, -1, 2]),
    "10**9 among integers": np.array([0, 10**9, 2]),
}

Call = tuple[str, Function, tuple[Any, ...], str, str]


def positional(function: Function) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]


def calls() -> Iterator[tuple[str, Function, tuple[Any, ...], dict[str, Any]]]:
    """A name for the report, the function, and its arguments with one of them wrong."""
    each = [(name, getattr(F, name), args) for name, args in VALID.items()]
    each += [(name, getattr(tg, name), args) for name, args in CALCULUS.items()]
    for name, function, args in each:
        given = positional(function)
        for i, parameter in enumerate(given):
            for word, wrong in WRONG.items():
                said = f"{name}({parameter.name}={word})"
                if i < len(args):
                    yield said, function, (*args[:i], wrong, *args[i + 1 :]), {}
                elif parameter.kind is not parameter.VAR_POSITIONAL:
                    yield said, function, args, {parameter.name: wrong}
    for name, layer, args in layers():
        for i, parameter in enumerate(positional(layer)):
            for word, wrong in WRONG.items():
                more = {} if i < len(args) else {parameter.name: wrong}
                yield f"{name}({parameter.name}={word})", layer, (*args[:i], wrong, *args[i + 1 :])[: len(args)], more
        made = layer(*args)
        if sum(p.default is p.empty for p in positional(made.forward)) == 1:
            for word, wrong in WRONG.items():
                yield f"{name}.forward({word})", made, (wrong,), {}
    for name, (function, args) in OTHERS.items():
        for parameter in positional(getattr(tg.data, name, function)):
            for word, wrong in WRONG.items():
                first = parameter.kind is parameter.VAR_POSITIONAL or parameter.name == "params"
                yield (
                    f"{name}({parameter.name}={word})",
                    function,
                    (wrong,) if first else args,
                    {} if first else {parameter.name: wrong},
                )
    for name, args in METHODS.items():
        bound = lambda *args, name=name, **kwargs: getattr(tg.Tensor(M, requires_grad=True), name)(*args, **kwargs)
        for word, wrong in WRONG.items():
            for i in range(max(1, len(args))):
                yield f"Tensor.{name}({i}: {word})", bound, (*args[:i], wrong, *args[i + 1 :]), {}


@contextmanager
def limits(seconds: float = 2.0, memory: int = 2 * GIB) -> Iterator[None]:
    """A call that hangs raises TimeoutError, one that takes more memory MemoryError. (POSIX.)"""
    import resource

    def stop(*_: Any) -> None:
        raise TimeoutError(f"still running after {seconds} s")

    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    previous = signal.signal(signal.SIGPROF, stop)
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, before[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
        resource.setrlimit(resource.RLIMIT_AS, before)


def survey(seconds: float = 2.0) -> tuple[Counter[str], list[str], list[str]]:
    """How many calls worked and were refused; the refusals that are not ours; the hangs and allocations."""
    counts: Counter[str] = Counter()
    foreign, fatal = [], []
    with warnings.catch_warnings(), np.errstate(all="ignore"), limits(seconds):
        warnings.simplefilter("ignore")
        for said, function, args, kwargs in calls():
            signal.setitimer(signal.ITIMER_PROF, seconds)
            try:
                function(*args, **kwargs)
            except (MemoryError, TimeoutError, RecursionError) as error:
                if isinstance(error, MemoryError) and said[0].isupper() and str(error).startswith(said.split("(")[0]):
                    counts["refused"] += 1  # a layer of a size that its user asked for
                else:
                    fatal.append(f"{said}: {type(error).__name__}: {error}")
            except Exception as error:
                name = re.sub(r"^Tensor\.|\.forward$", "", said.split("(")[0]).strip("_")
                if is_ours(error, name):
                    counts["refused"] += 1
                else:
                    foreign.append(f"{said}: {type(error).__name__}: {error}")
            else:
                counts["worked"] += 1
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    return counts, foreign, fatal


# Sentences that begin with another name: of the op that an operator is, of the function that another calls.
ALSO = {
    "truediv": "divide",
    "mod": "remainder",
    "pow": "power",
    "sub": "subtract",
    "mul": "multiply",
    "floordiv": "floor_divide",
    "radd": "add",
    "rpow": "power",
    "flatten": "ravel",
    "value_and_grad": "grad",
    "elementwise_grad": "grad",
    "hessian": "grad",
    "Flatten": "flatten",
    "Unflatten": "unflatten",
}


def is_ours(error: Exception, name: str) -> bool:
    """It begins with the name of the function that was called."""
    if not isinstance(error, (TypeError, ValueError, IndexError, RuntimeError)):
        return False
    names = {name, ALSO.get(name, name), "Tensor", "requires_grad", "Optimizer"}
    if name[0].isupper():  # a layer, by the function that it calls
        names |= VALID.keys()
    return str(error).removeprefix("np.").split(":")[0] in names


def test_every_function_has_a_valid_call() -> None:
    public = {name for name in dir(F) if not name.startswith("_") and callable(getattr(F, name))}
    assert public == VALID.keys(), "add a valid call to VALID"
    for name, args in VALID.items():
        getattr(F, name)(*args)


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of memory and time are Linux's")
def test_refusals_are_sentences() -> None:
    counts, foreign, fatal = survey()
    assert not fatal, "\n".join([f"{len(fatal)} hang or take more than 2 GiB:", *fatal])
    clear = counts["refused"] / (counts["refused"] + len(foreign))
    assert clear >= 0.95, "\n".join([f"{clear:.1%} of refusals are ours; {len(foreign)} are not:", *foreign])
