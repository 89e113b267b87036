"""Prints sympy expressions as one writes them: gradients first in a product, terms by index, with · and x²."""

from __future__ import annotations

from typing import Any

from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import precedence
from sympy.printing.str import StrPrinter

from tinygrad_lite.symbolic import sympy
from tinygrad_lite.typography import SUPERSCRIPT


class Ordering:
    """The order of terms and factors: gradients, then inputs in their order, then the rest; each by index."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names

    def place(self, e: Any) -> Any:
        """The sort key of a factor or term: the symbols in it."""
        return sorted(self._symbol_place(s) for s in e.free_symbols) or [(3, 0, "", ())]

    def _symbol_place(self, s: Any) -> Any:
        base, index = getattr(s, "base", str(s)), getattr(s, "index", ())
        if base.startswith("∂L/∂"):
            return (0, 0, base, index)
        if base in self.names:
            return (1, self.names.index(base), base, index)
        return (2, 0, base, index)

    def _as_ordered_terms(self, e: Any, order: Any = None) -> Any:
        return sorted(e.args, key=lambda t: (t.could_extract_minus_sign(), self.place(t)))

    def fraction(self, e: Any) -> tuple[Any, list[Any], list[Any]]:
        """A product as its sign, the factors above the line and those below."""
        coefficient, rest = e.as_coeff_Mul()
        above, below = [], []
        for factor in sympy.Mul.make_args(rest):
            base, exponent = factor.as_base_exp()
            if exponent.is_number and exponent.is_negative and not isinstance(factor, sympy.exp):
                below.append(base**-exponent)
            elif factor != 1:
                above.append(factor)
        numerator, denominator = sympy.Integer(abs(coefficient.p)), sympy.Integer(coefficient.q)
        above, below = sorted(above, key=self.place), sorted(below, key=self.place)
        if numerator != 1 or not above:
            above.insert(0, numerator)
        if denominator != 1:
            below.insert(0, denominator)
        return coefficient < 0, above, below


class TextPrinter(Ordering, StrPrinter):  # type: ignore[misc]
    def _print_Mul(self, e: Any) -> str:
        if not e.as_coeff_Mul()[0].is_Rational:
            return str(super()._print_Mul(e))
        negative, above, below = self.fraction(e)
        level = precedence(e)
        line = "·".join(self.parenthesize(factor, level) for factor in above)
        if below:
            under = "·".join(self.parenthesize(factor, level) for factor in below)
            line += f"/({under})" if len(below) > 1 else f"/{under}"
        return ("-" if negative else "") + line

    def _print_Pow(self, e: Any, rational: bool = False) -> str:
        base, exponent = e.as_base_exp()
        if exponent == sympy.Rational(1, 2):
            return f"√({self._print(base)})"
        if exponent.is_Integer and exponent > 0:
            return f"{self.parenthesize(base, precedence(e))}{str(exponent).translate(SUPERSCRIPT)}"
        if exponent.is_Number and exponent.is_negative:
            return f"1/{self.parenthesize(base**-exponent, precedence(e))}"
        return str(super()._print_Pow(e, rational))

    def _print_exp(self, e: Any) -> str:
        inner = self._print(e.args[0])
        return f"e^{inner}" if e.args[0].is_Symbol else f"e^({inner})"

    def _print_Max(self, e: Any) -> str:
        return f"max({', '.join(self._print(a) for a in sorted(e.args, key=lambda a: (a.is_number, self.place(a))))})"

    def _print_Min(self, e: Any) -> str:
        return self._print_Max(e).replace("max", "min", 1)

    def _print_Equality(self, e: Any) -> str:
        return f"{self._print(e.lhs)} = {self._print(e.rhs)}"

    def _print_Piecewise(self, e: Any) -> str:
        cases = [f"{self._print(v)} {'otherwise' if c == sympy.true else 'where ' + self._print(c)}" for v, c in e.args]
        return "{ " + "; ".join(cases) + " }"


class MathPrinter(Ordering, LatexPrinter):  # type: ignore[misc]
    def _print_Mul(self, e: Any) -> str:
        if not e.as_coeff_Mul()[0].is_Rational:
            return str(super()._print_Mul(e))
        negative, above, below = self.fraction(e)
        line = r" \, ".join(self.parenthesize(factor, precedence(e)) for factor in above)
        if below:
            line = rf"\frac{{{line}}}{{{' '.join(self.parenthesize(factor, precedence(e)) for factor in below)}}}"
        return ("- " if negative else "") + line


def text(e: Any, names: list[str]) -> str:
    """An expression as text. `names` are the inputs in their order."""
    return str(TextPrinter(names).doprint(sympy.sympify(e)))


def latex(e: Any, names: list[str]) -> str:
    """An expression in LaTeX. `names` are the inputs in their order."""
    return str(MathPrinter(names).doprint(sympy.sympify(e)))
