"""derive: the formula of every element of a function and its gradients, produced by the code that computes them."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_lite.graph import TABLE, backpropagate
from tinygrad_lite.symbolic import Symbol, SymbolArray, array, sympy
from tinygrad_lite.tensor import Tensor

from .formatting import shape_text
from .notation import latex, text


def derive(f: Callable[..., Any], /, *, order: Mapping[str, Any] | None = None, **arguments: Any) -> Derivation:
    """Run `f` and its closures on arrays of symbols, and return the formulas that come out.

        derive(tg.conv2d, x=(3, 3), weight=(2, 2), stride=1)

    Args:
        f: an op, or any function composed of ops.
        arguments: a shape (a tuple) for each array. Leading axes of 1 (batch, channel) may be left out, and are left
            out of the result. Anything else is passed on as it is: an array (the labels of a loss), and whatever is not
            an input of the op (stride, axis). If no argument is a tuple, integers and lists are shapes too.
        order: numbers for an array, by its name, where a result depends on which element is larger (max-pooling):
            its symbols are taken to be in the order of these numbers.

    Returns:
        A Derivation: mathematics in a notebook, text when printed; `.latex()`, `.text()`, `.sympy()`.

    Raises:
        ImportError: sympy is not installed.
        ValueError: f needs an order that was not given, or depends on none of the arrays.
    """
    f = TABLE.get(f, f)  # the op for NumPy's function
    parameters = inspect.signature(f).parameters
    order = dict(order or {})
    annotated = {name: "Array" in str(parameter.annotation) for name, parameter in parameters.items()}
    static = {name for name, is_array in annotated.items() if not is_array} if any(annotated.values()) else set()
    given, inputs = dict(arguments), {}
    taken = {"o", "g", "L"}
    shapes = {name: a for name, a in arguments.items() if name not in static and isinstance(a, tuple) and integers(a)}
    if not shapes:
        listed = {name: [a] if isinstance(a, int) else a for name, a in arguments.items() if annotated.get(name)}
        shapes = {name: tuple(a) for name, a in listed.items() if isinstance(a, list) and integers(a)}
    for name, shape in shapes.items():
        symbol = name[0] if len(name) > 1 and name[0] not in taken else name
        taken.add(symbol)
        made = array(symbol, shape, order.pop(name, None))
        given[name] = inputs[name] = Tensor(made, requires_grad=True, name=symbol)
    if order:
        raise ValueError(f"derive: order is given for {', '.join(order)}, which is not an array of this call")
    if not inputs:
        raise ValueError("derive: give the shape of at least one array, as derive(f, x=(3, 3))")
    out = called(f, given, inputs)
    if not isinstance(out, Tensor) or not out.requires_grad:
        raise ValueError("derive: the result does not depend on any of the arrays")
    shown = without_leading_ones(out)
    seed = array("∂L/∂o", shown.shape)
    found = dict(backpropagate(shown, seed[()]))
    gradients = {t.name or name: found[t] for name, t in inputs.items() if t in found}
    return Derivation(f, {t.name or name: t.value for name, t in inputs.items()}, shown.value, gradients)


def integers(a: Any) -> bool:
    return all(isinstance(n, int) for n in a)


def called(f: Callable[..., Any], given: dict[str, Any], inputs: dict[str, Tensor]) -> Any:
    """f(…), with leading axes of 1 added to its arrays of two or more axes until it accepts them."""
    first: Exception | None = None
    for ones in range(3):
        try:
            padded = {n: t.reshape((1,) * ones + t.shape) if t.ndim > 1 and ones else t for n, t in inputs.items()}
            return f(**{**given, **padded})
        except (ValueError, TypeError, IndexError) as error:
            first = first or error
    assert first is not None
    raise first


def without_leading_ones(out: Tensor) -> Tensor:
    shape = out.shape
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return out if shape == out.shape else out.reshape(shape)


class Derivation:
    """The formulas of a call and its gradients by element. Shows itself in a notebook; `print` it elsewhere."""

    def __init__(
        self, f: Callable[..., Any], inputs: dict[str, SymbolArray], out: SymbolArray, gradients: dict[str, SymbolArray]
    ) -> None:
        self.name = getattr(f, "__name__", "f").strip("_")
        doc = (inspect.getdoc(f) or "").split("\n\n")[0]
        self.rule = doc if "∂L/∂" in doc else ""  # an op's docstring starts with its formula
        self.inputs = inputs
        self.abbreviations: dict[Any, Any] = {}  # p₁ -> its expression
        self.out = self.tidied(out)
        self.gradients = {name: self.tidied(g) for name, g in gradients.items()}

    def tidied(self, a: Any) -> Any:
        """The array with each expression simplified."""
        made = np.empty(np.shape(a), object)
        for index, expression in np.ndenumerate(np.asarray(a, object)):
            made[index] = tidy(expression, self.abbreviations)
        return made

    def equations(self) -> dict[str, list[tuple[Any, Any]]]:
        """(symbol, expression) pairs for the output, each input's gradient, and the abbreviations.

        Gradients refer to an element of the output as o₁, and to a square root that occurs more than once as r.
        """
        groups = {"o": element_equations("o", self.out)}
        outputs = [(y, o) for o, y in groups["o"] if is_worth_a_name(y)]
        for name, g in self.gradients.items():
            groups[f"∂L/∂{name}"] = [(x, e.subs(outputs)) for x, e in element_equations(f"∂L/∂{name}", g)]
        roots = repeated_roots(groups, "r" if "r" not in self.inputs else "ρ")
        groups = {name: [(x, e.subs(roots)) for x, e in pairs] for name, pairs in groups.items()}
        groups["where"] = [*self.abbreviations.items(), *((r, root) for root, r in roots)]
        return {name: pairs for name, pairs in groups.items() if pairs}

    def sympy(self) -> dict[str, Any]:
        """The sympy expressions as arrays: `o`, and `∂L/∂x` for each input x."""
        return {"o": self.out, **{f"∂L/∂{name}": g for name, g in self.gradients.items()}}

    def text(self) -> str:
        """The formulas as plain text, one element per line."""
        inputs = ", ".join(f"{name} {shape_text(a.shape)}" for name, a in self.inputs.items())
        head = f"{self.name}({inputs}) → o {shape_text(self.out.shape)}"
        names = list(self.inputs)
        blocks = ["\n".join([head, *([self.rule] if self.rule else [])])]
        blocks += [
            "\n".join(f"{text(x, names)} = {text(y, names)}" for x, y in pairs) for pairs in self.equations().values()
        ]
        return "\n\n".join(blocks)

    def latex(self) -> str:
        """The formulas in LaTeX: an `aligned` block for the output and one for each gradient."""
        names = list(self.inputs)
        return "\n\n".join(
            "\\begin{aligned}\n"
            + " \\\\\n".join(f"{latex(x, names)} &= {latex(y, names)}" for x, y in pairs)
            + "\n\\end{aligned}"
            for pairs in self.equations().values()
        )

    def _repr_markdown_(self) -> str:
        rule = f"`{self.rule}`\n\n" if self.rule else ""
        return rule + "\n\n".join(f"$$\n{block}\n$$" for block in self.latex().split("\n\n"))

    def __repr__(self) -> str:
        return self.text()


def element_equations(name: str, a: Any) -> list[tuple[Any, Any]]:
    return [(Symbol(name, index), expression) for index, expression in np.ndenumerate(a)]


# --------------------------------------------------------------------------------------------- as written by hand


def is_worth_a_name(e: Any) -> bool:
    """Whether gradients name this output: not if it is a polynomial, a quotient of products or xʸ."""
    quotient = e.is_rational_function() and not e.has(sympy.Add)
    return not (e.is_polynomial() or quotient or e.is_Pow and e.exp.free_symbols)


def repeated_roots(groups: dict[str, list[tuple[Any, Any]]], name: str) -> list[tuple[Any, Any]]:
    """(√(x₁² + …), r) for each square root of a sum that occurs more than once."""
    count: Counter[Any] = Counter()
    for pairs in groups.values():
        for _, e in pairs:
            parts = sympy.preorder_traversal(e)
            count.update(p.base for p in parts if p.is_Pow and p.base.is_Add and p.exp.q == 2)
    bases = [base for base, n in count.items() if n > 1]
    return [(sympy.sqrt(base), Symbol(name, (i,) if len(bases) > 1 else ())) for i, base in enumerate(bases)]


def tidy(expression: Any, abbreviations: dict[Any, Any]) -> Any:
    e = sympy.nsimplify(sympy.sympify(expression), rational=True)
    for extreme in e.atoms(sympy.Max, sympy.Min):
        m = sympy.Dummy("m", real=True)
        if not e.has(sympy.exp):
            break
        shifted = e.subs(extreme, m)
        if sympy.simplify(shifted.diff(m)) == 0:  # as in softmax: the value is the same whatever is subtracted
            e = shifted.subs(m, 0)
    if e.has(sympy.Piecewise):
        e = sympy.piecewise_fold(e)
    if e.has(sympy.exp):
        e = with_shares(sympy.powsimp(e), abbreviations)
    elif e.is_polynomial(*e.free_symbols):
        e = sympy.expand(e)
    return e


def with_shares(e: Any, abbreviations: dict[Any, Any]) -> Any:
    """`e` with p₁ for eˣ¹ / Σ eˣ, if that makes it simpler."""
    for total in e.atoms(sympy.Add):
        if not all(isinstance(t, sympy.exp) and t.args[0].is_Symbol for t in total.args):
            continue
        s = sympy.Dummy("s", positive=True)
        parts = sorted(total.args, key=lambda t: t.args[0].sort_key())
        shares = {t: Symbol("p", t.args[0].index) for t in parts}
        with_shares = e.subs(total, s).subs({t: p * s for t, p in shares.items()})
        with_shares = sympy.expand(sympy.cancel(sympy.together(with_shares)))
        if not with_shares.has(s):
            e = sympy.factor_terms(with_shares)
            abbreviations.update({p: t / total for t, p in shares.items()})
    return e
