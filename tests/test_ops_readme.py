"""tinygrad_lite/ops/README.md, the table of ops, is made from the code: `python -m tests.test_ops_readme` writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite.graph import OPS, TABLE, Op

from .cases import all_cases

README = Path(tg.__file__).parent / "ops" / "README.md"

HEAD = """# The ops

`python -m tests.test_ops_readme` writes this page from the code; a test fails when it is stale.

## Conventions

- **Ties.** `max`, `min` and `np.maximum` share the gradient equally. Max-pooling and `sort` give it to the first.
- **Kinks.** The derivative at 0 is 0 for `abs`, `relu` and `norm`. For `sqrt` it is infinite, as NumPy divides.
- **dtypes.** Results have NumPy's dtype: float32 stays float32, and a Python number takes the other operand's. A
  gradient has its tensor's dtype. A tensor of integers cannot require a gradient.
- **Scalars.** A result without axes is a tensor that holds a NumPy scalar. What has no derivative is plain NumPy:
  `np.argmax(t)`, `t > 0`, `t.shape`.
- **Read-only arrays.** An array in a graph never changes. So `t += 1` makes a new tensor, `t[0] = 1` is refused, and an
  array that you could still write to is copied when a graph keeps it. To update a parameter, assign a new array:
  `p.data = p.data - lr * g`.
- **Numbers.** Gradients stop at plain numbers: `float(t)`, `t.item()` and `math.exp(t)` return one, and `array[0] = t`
  stores one. Inside a function that `tg.grad` and its like differentiate, these are refused; `t.item()` is not.
- **Not promised.** The sign of a zero; and in float16 anything whose way leads above 65,504, or over a difference that
  its three digits do not hold.
- **Missing rules.** A NumPy function without a rule raises an error that says so.

## Arrays of other libraries

A rule is NumPy code, and runs on whatever speaks NumPy's protocols. What comes from elsewhere is copied when a graph
takes it, as NumPy's arrays are.

- **CuPy's** stay on the GPU, with all that a rule makes beside them: 159 of the 165 ops to second order on a stand-in
  with CuPy's names and signatures (`tests/test_cupy.py`; `python -m tests.gpu` checks a real GPU).
  `model.to(cupy.empty(0))` moves a model there, `model.to(np.empty(0))` back. NumPy arguments of an op follow its
  tensors; `t.numpy()` is a copy from the device. Indices and labels are not checked: to look at them would wait.
- **Dask's** wait: 158 of the 165 ops compute nothing, forward and backward (`tests/test_lazy.py`); the others say so.
  `loss.item()` computes, labels are checked then, and `optimizer.step()` computes all gradients and running statistics
  in one go, so that parameters stay NumPy's. Dask has few functions of arrays of size 0. To train a conv net on a
  cluster see [distributed.md](../distributed.md).
- **SymPy's** symbols give formulas: `tg.symbols`.
- **PyTorch's, JAX's, array-API-strict's** become NumPy's: in `Tensor(x)`, beside a Tensor in an operator, in every
  function and layer. A PyTorch tensor that requires a gradient, or is on a GPU, is refused. `array_api_strict` itself
  refuses a Tensor on its right.
- **pandas', polars'** become NumPy's without labels; text is refused. A polars object on the left of an operator
  refuses a Tensor by itself.
- **xarray's** become NumPy's; on the left of an operator a DataArray keeps its labels, around the Tensor:
  `(array * t).data` has the graph.
- **Sparse ones**, sparse's and SciPy's, are refused: what they leave out means 0, which most rules don't keep. Give
  `x.todense()`. So are masked arrays and `np.matrix`, which calculate by rules of their own.

**DLPack**: `torch.from_dlpack(t)`, `torch.as_tensor(t)` and `np.from_dlpack(t)` share a Tensor's memory, and must not
write to it; JAX, which doesn't know read-only arrays, gets a copy. `tg.from_dlpack(x)` shares x's memory: don't write
to x while a graph uses it. A Tensor that requires a gradient is refused: `t.detach()` it. matplotlib and scikit-learn
take Tensors as arrays; Pillow wants `np.asarray(t)`.

What this library is not for: large models (on the CPU it runs through NumPy) and complex numbers (gradients are of
real floating-point tensors; compute with real and imaginary parts).

## How to read the tables

g is ∂L/∂out. `F` is `tinygrad_lite.nn.functional`. Σ, Π, max and mean run along the op's `axis`, n counts the elements
there, and a gradient is repeated along it. Functions take the product that follows without a dot: `sin πx`. xᵢ and x[i]
are elements, 0 outside x. p is a window, i ∈ p one of its elements, K how many count. x⁻¹ is the inverse of a matrix.

Each formula is read by a program and compared with the code (`tests/test_formula.py`, which lists the few that are said
in words). Every rule is checked against central differences up to the order given, for each of its cases in
`tests/cases/`.
"""

COMPOSED = """
## Composed of these

These functions accept Tensors too. They are made of the ops above and need no rule of their own.
"""


def table() -> str:
    """The whole README."""
    names, cases = public_names(), all_cases()
    built_in = [op for op in OPS.values() if op.rule.__module__.startswith("tinygrad_lite.")]
    parts = [HEAD]
    for module in sorted({op.rule.__module__ for op in built_in}):
        heading = module.removeprefix("tinygrad_lite.").removeprefix("ops.")
        parts.append(f"\n## {heading}\n\n| op | formula | called as | order |\n| --- | --- | --- | --- |")
        for op in sorted((op for op in built_in if op.rule.__module__ == module), key=lambda op: op.name):
            called = ", ".join(sorted(names.pop(op, [])))
            parts.append(f"| `{op.name}` | {formula(op)} | {called} | {2 if cases.get(op.name) else 0} |")
    composed = sorted(composed_names())
    return "\n".join([*parts, COMPOSED, ", ".join(composed)]) + "\n"


def formula(op: Op) -> str:
    """The first paragraph of the docstring, an equation a line."""
    first = op.formula.split("\n\n")[0]
    return "<br>".join(re.split(r"\s{2,}|\n", first)).replace("|", "\\|")


def numpy_names() -> Iterator[tuple[str, Callable[..., Any]]]:
    """(name, what a Tensor does) for each function of NumPy and SciPy in the table."""
    for function, ours in TABLE.items():
        if isinstance(function, str):
            yield f"`{function}`", ours
            continue
        module = getattr(function, "__module__", None) or "numpy"
        if module.startswith("numpy"):
            place = "np.linalg" if module == "numpy.linalg" else "np"
            yield f"`{place}.{function.__name__}`", ours


def functional_names() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, function in vars(F).items():
        ours = getattr(function, "__module__", "").startswith("tinygrad_lite.")
        if callable(function) and not name.startswith("_") and ours:
            yield f"`F.{name}`", function


def public_names() -> dict[Op, set[str]]:
    names: dict[Op, set[str]] = {}
    for name, function in [*numpy_names(), *functional_names()]:
        if hasattr(function, "op"):
            names.setdefault(function.op, set()).add(name)
    return names


def composed_names() -> set[str]:
    return {name for name, function in [*numpy_names(), *functional_names()] if not hasattr(function, "op")}


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="the table names what NumPy has since 2.2")
def test_the_table_of_ops_is_what_the_code_says() -> None:
    assert README.read_text("utf-8") == table(), "tinygrad_lite/ops/README.md is stale: python -m tests.test_ops_readme"


if __name__ == "__main__":
    README.write_text(table(), "utf-8")
