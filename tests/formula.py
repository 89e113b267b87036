"""A reader of the mathematics in docstrings: `∂L/∂x = g · (1 - tanh² x)` as a program on NumPy arrays.

It knows the notation and nothing of the ops. Whatever it has no reading for it refuses.

    equations   stand three spaces or a line apart; `a = b = c` says that all are equal;
                `…, h = g · weight` or `…, where h = ∂L/∂out` gives a name to an expression
    products    · / @ × ⋆ ∗ mod, from left to right; 2x and πx bind more tightly
    functions   sin πx, tan² x, log₂ x, ψₙ₊₁(x), Φ′(x): a prefix takes the tight product after it
    sums        Σ and Π take the whole product after them, along the op's `axis`; so do max, min, mean, var of one argument.
                Summed axes stay as axes of 1. At the head of ∂L/∂p, Σ runs along the axes that p was broadcast along
    choices     x where x > 0, else 0; without an `else` the rest is 0; [x > 0] is 1 or 0
    matrices    xᵀ x⁻¹ x⁻ᵀ x⁺ (⁻¹ is never 1 / x), I, det x, tril x
    elements    xᵢ or x[i]: i runs along the op's `axis`, else along the last; elements outside are 0.
                Σⱼ xⱼ over j ≤ i: the letters that are not bound yet are summed over.
                i ∈ p and p ∋ i: element i is in window p, which holds K elements
    places      x[index], 0 but for out[index] += x
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

Array = Any
Tree = tuple[Any, ...]  # ("sum", a, b), ("name", "x"), …


class Refused(ValueError):
    """The text is no formula that this reader knows."""


# ---------------------------------------------------------------------------------------------------- symbols


def elementwise(f: Callable[..., Any]) -> Callable[..., Array]:
    return np.vectorize(f, otypes=[float])


def psi(x: Array, n: Array = 0) -> Array:
    import mpmath

    return elementwise(lambda x: float(mpmath.psi(int(n), float(x))))(x)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    **{name: getattr(np, name) for name in "sin cos tan arcsin arccos arctan sinh cosh tanh sign trunc tril".split()},
    "arsinh": np.arcsinh,
    "arcosh": np.arccosh,
    "artanh": np.arctanh,
    "round": np.rint,
    "√": np.sqrt,
    "∛": np.cbrt,
    "log": lambda x, base=math.e: np.log(x) / np.log(base),
    "max": lambda *xs: np.max(np.broadcast_arrays(*(x for x in xs if x is not None)), 0),
    "min": lambda *xs: np.min(np.broadcast_arrays(*(x for x in xs if x is not None)), 0),
    "erf": elementwise(math.erf),
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "Φ": lambda x: (1 + FUNCTIONS["erf"](x / np.sqrt(2))) / 2,
    "Γ": elementwise(math.gamma),
    "ψ": psi,
    "det": lambda x: np.linalg.det(x)[..., None, None],
    "tr": lambda x: np.trace(x, axis1=-2, axis2=-1)[..., None, None],
}
UNIT = object()  # the unit matrix, as large as what it meets
CONSTANTS: dict[str, Any] = {"e": math.e, "π": math.pi, "∞": math.inf, "I": UNIT}
SPELLED = {"alpha": "α", "beta": "β", "delta": "δ", "negative_slope": "slope"}  # a parameter's name in formulas
STATE = {"is NaN": np.isnan, "is finite": np.isfinite}
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ˣʸᵖⁿᵒᵘᵗᵀ", "0123456789+-xypnoutT")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼₖₙ", "0123456789+-ijkn")
COMPARE: dict[str, Callable[..., Any]] = {
    "=": np.equal, "≠": np.not_equal, "<": np.less, ">": np.greater, "≤": np.less_equal, "≥": np.greater_equal,
}  # fmt: skip
KEYWORDS = {"where", "else", "over", "and", "or", "is", "mod", "but", "for", "along"}

# ----------------------------------------------------------------------------------------------------- tokens

TOKEN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?|½)"
    r"|(?P<gradient>∂L/∂(?:[A-Za-z]+|[α-ω]))"
    r"|(?P<name>[A-Za-z_]+|[α-ωΓΦ∞])"
    r"|(?P<up>[⁰¹²³⁴-⁹⁺⁻ˣʸᵖⁿᵒᵘᵗᵀ]+)"
    r"|(?P<down>[₀-₉₊₋ᵢⱼₖₙ]+)"
    r"|(?P<sign>\+=|[-+·/@×⋆∗=≠<>≤≥∈∋()\[\]|⌊⌋⌈⌉,^√∛ΣΠ∫′])"
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    glued: bool  # nothing stands between it and the token before


def tokens(text: str) -> list[Token]:
    found, place = [], 0
    while place < len(text):
        after = place + len(text[place:]) - len(text[place:].lstrip())
        match = TOKEN.match(text, after)
        if match is None:
            raise Refused(f"no symbol of a formula: {text[after:]!r}")
        assert match.lastgroup is not None
        kind = "sign" if match[0] in KEYWORDS else match.lastgroup
        found.append(Token(kind, match[0], after == place))
        place = match.end()
    return found


# ------------------------------------------------------------------------------------------------------ parsing


@dataclass(frozen=True)
class Formula:
    """The equations of a docstring, each the trees of its sides, and what its names stand for."""

    equations: list[list[Tree]]
    names: dict[str, Tree]


def read(text: str, parameters: Sequence[str]) -> Formula:
    """The first paragraph of a docstring. Raises Refused if any of it is said in words."""
    lines = [line for line in re.split(r"\s{3,}|\n", text.strip().split("\n\n")[0]) if line.strip()]
    local = [name for line in lines for name in re.findall(r"(?:^|, (?:where )?)([^\s∂,()\[\]|]+) = ", line.strip())]
    known = {*parameters, *(SPELLED.get(p, p) for p in parameters), *local, "out", "g", "n", "K"}
    formula = Formula([], {})
    for line in lines:
        parser = Parser(tokens(line), known)
        sides, names = parser.equation()
        formula.names.update(names)
        if sides[0][0] == "name" and sides[0][1] != "out":
            formula.names[sides[0][1]] = sides[1]
        else:
            formula.equations.append(sides)
    return formula


class Parser:
    """Precedence climbing, a method for each level; the loosest first."""

    def __init__(self, tokens: list[Token], known: set[str]) -> None:
        self.tokens = tokens
        self.known = known
        self.place = 0

    def peek(self, ahead: int = 0) -> Token:
        return self.tokens[self.place + ahead] if self.place + ahead < len(self.tokens) else Token("end", "", False)

    def next(self) -> Token:
        self.place += 1
        return self.tokens[self.place - 1] if self.place <= len(self.tokens) else self.refuse("it ends too early")

    def accept(self, *texts: str) -> str | None:
        token = self.peek()
        if token.kind == "sign" and token.text in texts:
            return self.next().text
        return None

    def expect(self, text: str) -> None:
        if self.next().text != text:
            self.place -= 1
            self.refuse(f"{text!r} is missing")

    def refuse(self, why: str) -> NoReturn:
        said = [token.text for token in self.tokens]
        raise Refused(f"{why}: {' '.join(said[: self.place])} ⟨here⟩ {' '.join(said[self.place :])}")

    # equations, definitions, choices

    def equation(self) -> tuple[list[Tree], dict[str, Tree]]:
        sides, names = [self.choice()], {}
        while self.accept("="):
            sides.append(self.choice())
        if len(sides) == 1:
            self.refuse("no equation")
        while self.accept(","):
            self.accept("where")
            name = self.next().text
            self.expect("=")
            names[name] = self.choice()
        if self.peek().kind != "end":
            self.refuse("more than a formula")
        return sides, names

    def choice(self) -> Tree:
        value = self.sum()
        if self.accept("along"):
            self.expect("axis")
            return ("along axis", value)
        if self.accept("but"):
            return self.exception(value)
        branches = []
        while self.accept("where"):
            branches.append((value, self.condition()))
            if self.peek().text != "," or self.peek(1).text == "where" or self.peek(2).text == "=":
                break
            self.next()
            if self.accept("else"):
                return ("choice", branches, self.sum())
            value = self.sum()
            if self.peek().text != "where":
                self.refuse("'where' is missing")
        return ("choice", branches, ("number", 0.0)) if branches else value

    def exception(self, value: Tree) -> Tree:
        self.expect("for")
        target = self.atom()
        sign = self.accept("=", "+=")
        if target[0] != "index" or sign is None:
            self.refuse("'but for' needs target[index] = …")
        changed = self.sum()
        along = self.accept("along") is not None
        if along:
            self.expect("axis")
        return ("but for", value, target[2][0], sign, changed, along)

    def condition(self) -> Tree:
        left = self.conjunction()
        while self.accept("or"):
            left = ("or", left, self.conjunction())
        return left

    def conjunction(self) -> Tree:
        left = self.comparison()
        while self.accept("and"):
            left = ("and", left, self.comparison())
        return left

    def comparison(self) -> Tree:
        said: list[Any] = [self.sum()]
        if self.accept("is"):
            state = f"is {self.next().text}"
            return ("state", STATE[state], said[0]) if state in STATE else self.refuse(f"{state!r} is no state")
        while sign := self.accept(*COMPARE, "∈", "∋"):
            said += [sign, self.sum()]
        return ("compare", *said) if len(said) > 1 else said[0]

    # arithmetic

    def sum(self) -> Tree:
        left: Tree = ("negative", self.product()) if self.accept("-") else self.product()
        while sign := self.accept("+", "-"):
            left = (sign, left, self.product())
        return left

    def product(self) -> Tree:
        left = self.factor()
        while sign := self.accept("·", "/", "@", "×", "⋆", "∗", "mod"):
            right = self.factor()
            if sign in "/@" and right[0] == "reduce" and right[3][0] in ("·", "/", "@"):
                self.refuse(f"brackets are missing: what is summed behind {sign}")
            left = (sign, left, right)
        return left

    def factor(self) -> Tree:
        """2x, ½x², πx, 2 (x - y): tighter than · and /."""
        first = self.peek()
        left = self.atom()
        while True:
            token = self.peek()
            name = token.kind == "name" or token.text in ("√", "∛")
            if left[0] == "number" and (name or token.text == "(") or first.text in "πβδα" and name and token.glued:
                left = ("·", left, self.atom())
            elif token.kind in ("name", "number", "gradient") or token.text == "(":
                self.refuse("an operator is missing")
            else:
                return left

    def atom(self) -> Tree:
        tree = self.primary()
        while True:
            token = self.peek()
            if token.kind == "up":
                tree = self.raised(tree, self.next().text.translate(RAISED))
            elif token.kind == "down":
                tree = ("index", tree, [self.inside(self.next().text.translate(LOWERED))])
            elif token.text == "[" and token.glued:
                self.next()
                items = [self.sum()]
                while self.accept(","):
                    items.append(self.sum())
                self.expect("]")
                tree = ("index", tree, items)
            elif self.accept("^"):
                tree = ("power", tree, self.primary())
            else:
                return tree

    def raised(self, base: Tree, text: str) -> Tree:
        matrix = {"T": "transposed", "-1": "inverse", "-T": "inverse transposed", "+": "pseudoinverse"}
        return (matrix[text], base) if text in matrix else ("power", base, self.inside(text))

    def inside(self, text: str) -> Tree:
        """What stands above or below the line."""
        parser = Parser(tokens(text), self.known)
        tree = parser.sum()
        return tree if parser.peek().kind == "end" else parser.refuse("an exponent or index that does not end")

    def primary(self) -> Tree:
        token = self.next()
        if token.kind == "number":
            return ("number", 0.5 if token.text == "½" else float(token.text))
        if token.kind == "gradient":
            return ("gradient", token.text.removeprefix("∂L/∂"))
        if token.text in ("√", "∛"):
            return ("call", token.text, [self.atom()])
        if token.kind == "name":
            return self.named(token.text)
        if token.text in ("Σ", "Π"):
            letters = list(self.next().text.translate(LOWERED)) if self.peek().kind == "down" else []
            return self.reduction(token.text, letters, self.product())
        if token.text == "(":
            return self.closed(self.choice(), ")")
        if token.text == "|":
            return ("abs", self.closed(self.sum(), "|"))
        if token.text == "⌊":
            return ("floor", self.closed(self.sum(), "⌋"))
        if token.text == "⌈":
            return ("ceil", self.closed(self.sum(), "⌉"))
        if token.text == "∫":
            return self.integral()
        if token.text == "[":
            items = [self.condition()]
            while self.accept(","):
                items.append(self.condition())
            if len(items) == 1 and items[0][0] not in ("compare", "and", "or"):
                self.refuse("[…] holds no condition")
            return self.closed(("list", items) if len(items) > 1 else ("condition", items[0]), "]")
        self.place -= 1
        return self.refuse("no expression begins")

    def closed(self, tree: Tree, bracket: str) -> Tree:
        self.expect(bracket)
        return tree

    def named(self, name: str) -> Tree:
        if name in self.known or name in CONSTANTS:
            return ("name", name)
        if name in ("mean", "var"):
            return self.reduction(name, [], self.arguments()[0])
        if name in FUNCTIONS:
            return self.function(name)
        if len(name) == 1 and name.isascii():
            return ("name", name)  # a letter that runs over elements
        self.place -= 1
        return self.refuse("a word")

    def function(self, name: str) -> Tree:
        power, below, prime = None, [], False
        while self.peek().kind in ("up", "down") or self.peek().text == "′":
            token = self.next()
            if token.kind == "up":
                power = token.text.translate(RAISED)
            elif token.kind == "down":
                below = [self.inside(token.text.translate(LOWERED))]
            else:
                prime = True
        given = self.arguments()
        if name in ("max", "min") and len(given) == 1:
            return self.reduction(name, [], given[0])
        tree: Tree = ("derivative" if prime else "call", name, given + below)
        return tree if power is None else self.raised(tree, power)

    def arguments(self) -> list[Tree]:
        """(x, y), or without brackets the tight product that follows."""
        if self.peek().text == "(" and self.peek().glued:
            self.next()
            given = [self.choice()]
            while self.accept(","):
                given.append(self.choice())
            self.expect(")")
            return given
        return [self.factor()]

    def reduction(self, name: str, letters: list[str], body: Tree) -> Tree:
        return ("reduce", name, letters, body, self.condition() if self.accept("over") else None)

    def integral(self) -> Tree:
        """∫₀ˣ f dt"""
        low, high = self.inside(self.next().text.translate(LOWERED)), self.inside(self.next().text.translate(RAISED))
        body, end = self.product(), len(self.tokens)
        variable = self.tokens[self.place].text if self.place < end else ""
        if not re.fullmatch("d[a-z]", variable):
            self.refuse("dt is missing")
        self.next()
        return ("integral", low, high, variable[1], body)


# ---------------------------------------------------------------------------------------------------- evaluation


@dataclass(frozen=True)
class Window:
    """Element k of window p is element p · stride + k · dilation - padding, for each of the last axes."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]

    def holds(self, p: Sequence[int], i: Sequence[int]) -> bool:
        for kernel, stride, dilation, padding, place, element in zip(*vars(self).values(), p, i):
            k, rest = divmod(element + padding - place * stride, dilation)
            if rest or not 0 <= k < kernel:
                return False
        return True

    def elements(self, p: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Each k, with the element that it lies on (or on no element)."""
        for k in np.ndindex(*self.kernel):
            yield k, tuple(a * s + b * d - c for a, b, s, d, c in zip(p, k, self.stride, self.dilation, self.padding))


def window_of(values: Mapping[str, Any], axes: int | None) -> Window | None:
    """From an op's keywords: `windows`, or kernel_size (else the weight's), stride, dilation, padding."""
    if "windows" in values:
        w = values["windows"]
        return Window(w.kernel, w.stride, w.dilation, w.padding)
    if axes is None:
        return None

    def each(value: Any) -> tuple[int, ...]:
        return tuple(value) if isinstance(value, tuple) else (value,) * axes

    kernel = each(values["kernel_size"]) if "kernel_size" in values else np.shape(values["weight"])[-axes:]
    dilation, padding = each(values.get("dilation", 1)), values["padding"]
    if padding == "same":
        padding = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation))
    padding = each(0 if padding == "valid" else padding)
    stride = kernel if values["stride"] is None else each(values["stride"])
    return Window(kernel, stride, dilation, padding)


def letters(tree: Any) -> set[str]:
    """The single letters in a tree, those of its indices among them."""
    if isinstance(tree, tuple) and tree and tree[0] == "name":
        return {tree[1]} if len(tree[1]) == 1 else set()
    if isinstance(tree, (tuple, list)):
        return set().union(*map(letters, tree))
    return set()


def indices(tree: Any) -> Iterator[tuple[Tree, list[Tree]]]:
    """Each x[i, j] in a tree, as x and [i, j]."""
    if isinstance(tree, (tuple, list)):
        if tree and tree[0] == "index":
            yield tree[1], tree[2]
        for part in tree:
            yield from indices(part)


class Call:
    """One call of an op: its parameters' values, its value `out`, and ∂L/∂ of each, from g = ∂L/∂out.

    `axes` is the number of spatial axes of an op with windows.
    """

    def __init__(
        self, formula: Formula, values: Mapping[str, Any], out: Array, g: Array, gradients: Mapping[str, Array],
        axes: int | None = None,
    ) -> None:  # fmt: skip
        self.formula = formula
        self.values = {**values, **{s: values[name] for name, s in SPELLED.items() if name in values}}
        self.gradients = dict(gradients)
        self.out, self.g = np.asarray(out), np.asarray(g)
        self.first = next(iter(values))
        self.window = window_of(values, axes)
        self.bound: dict[str, Any] = {}
        self.target: Tree = ("name", "out")
        self.head: Tree = ()  # a Σ at the head of ∂L/∂p
        self.axis_name = next((name for name in ("axis", "axes") if name in values), None)
        self.fit_rows_and_columns()
        self.fit_channels()
        self.fit_flattened()
        self.fit_integers()
        self.fit_summed()

    # what the shapes of a call mean

    def fit_rows_and_columns(self) -> None:
        """A vector at the left of @ is a row, at the right a column."""
        for _, first, *_ in (sides for sides in self.formula.equations if sides[0] == ("name", "out")):
            if first[0] == "@":
                for side, axis in ((first[1], 0), (first[2], 1)):
                    if side[0] == "name" and np.ndim(self.values[side[1]]) == 1:
                        self.reshape(side[1], np.expand_dims(self.values[side[1]], axis).shape)

    def fit_channels(self) -> None:
        """One number for each channel lies along the axis before those of the windows."""
        if self.window is not None:
            for name, value in list(self.values.items()):
                if np.ndim(value) == 1 and isinstance(value, np.ndarray):
                    self.reshape(name, (-1, *[1] * len(self.window.kernel)))

    def fit_flattened(self) -> None:
        """NumPy's axis=None, of a function that keeps all elements: x in one row."""
        if self.axis_name and self.values[self.axis_name] is None and self.out.ndim == 1:
            self.reshape(self.first, (-1,))

    def fit_integers(self) -> None:
        """An index for each place along `axis` lies as x does."""
        axis, shape = self.values.get("axis"), np.shape(self.values[self.first])
        for name, value in list(self.values.items()):
            if isinstance(axis, int) and isinstance(value, np.ndarray) and value.dtype == int:
                if value.shape == tuple(np.delete(shape, axis)):
                    self.reshape(name, np.expand_dims(value, axis).shape)

    def fit_summed(self) -> None:
        """out and g get the axes of 1 that a sum leaves."""
        for first, *sides in self.formula.equations:
            if first == ("name", "out"):
                shape, was = np.shape(self.value(sides[0])), self.out.shape
                if shape != was and [n for n in shape if n != 1] == [n for n in was if n != 1]:
                    self.out, self.g = self.out.reshape(shape), self.g.reshape(shape)

    def reshape(self, name: str, shape: Any) -> None:
        self.values[name] = np.reshape(self.values[name], shape)
        if name in self.gradients:
            self.gradients[name] = np.reshape(self.gradients[name], shape)

    # comparing

    def compare(self) -> dict[str, tuple[int, int]]:
        """Check every equation. For each: how many elements were compared, of how many (others are 0 / 0, say)."""
        return {text(sides[0]): self.compare_sides(sides) for sides in self.formula.equations if self.given(sides[0])}

    def given(self, tree: Tree) -> bool:
        """Whether the op was asked for it: a number that is no tensor has no gradient."""
        while tree[0] == "index":
            tree = tree[1]
        return tree[0] != "gradient" or tree[1] in self.gradients

    def compare_sides(self, sides: list[Tree]) -> tuple[int, int]:
        first, *others = sides
        self.target = first
        if first[0] == "index":
            return self.compare_elements(first, others)
        compared = total = 0
        expected = self.value(first)
        for tree in others:
            self.head = tree if first[0] == "gradient" else ()
            found = self.value(tree)
            if first[0] == "gradient":
                found = self.masked(summed_to(found, np.shape(expected)))
            elif np.shape(found) != np.shape(expected):
                raise AssertionError(f"{text(first)}: shape {np.shape(expected)}, the formula {np.shape(found)}")
            compared, total = compared + same(text(first), found, expected), total + np.size(expected)
        return compared, total

    def compare_elements(self, first: Tree, others: list[Tree]) -> tuple[int, int]:
        """For all values of the letters on the left; together they must reach every element."""
        array = self.value(first[1])
        reached, compared = np.zeros(np.shape(array), bool), 0
        free = sorted(self.letters(first))
        for values in itertools.product(*(self.range(letter, [first], others) for letter in free)):
            self.bound = dict(zip(free, values))
            where = self.slices(array, first[2])
            if where is None:
                raise AssertionError(f"{text(first)}: outside at {self.bound}")
            reached[where] = True
            for tree in others:
                found = np.broadcast_to(np.asarray(self.value(tree), float), array[where].shape)
                compared += same(f"{text(first)} at {self.bound}", found, array[where])
        self.bound = {}
        if not reached.all():
            raise AssertionError(f"{text(first)}: {np.count_nonzero(~reached)} elements are not given by the formula")
        return compared, np.size(array) * len(others)

    def masked(self, found: Array) -> Array:
        """Elements that the keyword `where` leaves out have no gradient."""
        mask = self.values.get("where", True)
        return found if mask is True else np.where(mask, found, 0)

    # letters

    def letters(self, tree: Any) -> set[str]:
        """The letters that run over elements: single, and no name of anything."""
        known = {*self.values, *self.formula.names, *CONSTANTS, "g", "n", "K"}
        return letters(tree) - known

    def range(self, letter: str, *trees: Any) -> list[np.ndarray[Any, Any]]:
        """The values of a letter: the places of the array that it indexes alone, in the first tree that has it so."""
        for tree in trees:
            shapes = [
                [np.shape(array)[axis] for axis in axes]
                for base, items in indices(tree)
                if ("name", letter) in items
                for array in [self.value(base)]
                for item, axes in zip(items, self.groups(array, len(items)))
                if item == ("name", letter)
            ]
            if shapes:
                return [np.array(place) for place in np.ndindex(*np.max(shapes, 0))]
        raise Refused(f"the range of {letter} is not to be seen")

    def groups(self, array: Array, count: int) -> list[tuple[int, ...]]:
        """The axes of each index of x[i, k]: the op's own for the first, then the last ones."""
        ndim = np.ndim(array)
        if self.window is not None:
            d, axis = len(self.window.kernel), None
        elif self.axis_name is None:
            d, axis = 1, None
        else:
            axis = self.values[self.axis_name]
            d = np.ndim(self.values[self.first]) if axis is None else np.size(axis)
        before = ndim - (count - 1) * d
        if before < d:
            raise Refused(f"{count} indices for an array of {ndim} axes")
        own = range(before - d, before) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, before)
        return [tuple(own), *(tuple(range(before + k * d, before + k * d + d)) for k in range(count - 1))]

    def slices(self, array: Array, items: list[Tree]) -> tuple[Any, ...] | None:
        """Where array[items] stands, or None if that is outside. The first index keeps its axes, of 1."""
        found: list[Any] = [slice(None)] * np.ndim(array)
        for n, (item, axes) in enumerate(zip(items, self.groups(array, len(items)))):
            sizes = np.array([np.shape(array)[axis] for axis in axes])
            self.bound["n"], was = sizes, self.bound.get("n")
            place = np.broadcast_to(self.value(item), len(axes))
            del self.bound["n"]
            if was is not None:
                self.bound["n"] = was
            for axis, at, size in zip(axes, place, sizes):
                if not 0 <= at < size:
                    return None
                found[axis] = int(at) if n else slice(int(at), int(at) + 1)
        return tuple(found)

    # values

    def value(self, tree: Tree) -> Any:
        kind, *parts = tree
        kind = {"⋆": "cross_correlation", "∗": "full_correlation"}.get(kind, kind)
        method = getattr(self, "of_" + kind.replace(" ", "_"), None)
        if method is not None:
            return method(*parts)
        if kind == "reduce":
            return self.reduce(tree, *parts)
        a, *more = map(self.value, parts)
        return OPERATORS[kind](a, *more)

    def of_number(self, value: float) -> float:
        return value

    def of_name(self, name: str) -> Any:
        if name in self.bound:
            return self.bound[name]
        if name in self.formula.names:
            return self.value(self.formula.names[name])
        if name == "out" and ("out" not in self.values or self.values["out"] is None):
            return self.out
        for known in (self.values, {"g": self.g}, CONSTANTS):
            if name in known:
                value = known[name]
                return np.array(value) if isinstance(value, (tuple, list)) else value
        if name == "n":
            return self.count()
        if name == "K":
            return self.in_window()
        raise Refused(f"{name} stands for nothing")

    def of_gradient(self, name: str) -> Any:
        if name == "out":
            return self.g
        return self.gradients[name]

    def of_call(self, name: str, given: list[Tree]) -> Array:
        return FUNCTIONS[name](*map(self.value, given))

    def of_derivative(self, name: str, given: list[Tree]) -> Array:
        """By central differences, extrapolated to steps of 0."""
        x, *more = map(self.value, given)
        f = FUNCTIONS[name]
        steps = [0.2 / 2**k for k in range(7)]
        table = [(f(x + h, *more) - f(x - h, *more)) / (2 * h) for h in steps]
        for k in range(1, len(steps)):
            table = [(4**k * fine - coarse) / (4**k - 1) for coarse, fine in itertools.pairwise(table)]
        return table[0]

    def of_integral(self, low: Tree, high: Tree, variable: str, body: Tree) -> Array:
        """By Gauss's 40 points."""
        low, high = self.value(low), self.value(high)
        points, weights = np.polynomial.legendre.leggauss(40)
        total = 0.0
        for point, weight in zip(points, weights):
            self.bound[variable] = (high + low) / 2 + (high - low) / 2 * point
            total = total + weight * self.value(body)
        del self.bound[variable]
        return total * (high - low) / 2

    def of_list(self, items: list[Tree]) -> Array:
        return np.stack(np.broadcast_arrays(*map(self.value, items)))

    def of_index(self, base: Tree, items: list[Tree]) -> Array:
        array = self.value(base)
        if self.letters(items):
            where = self.slices(array, items)
            if where is not None:
                return array[where]
            first, *others = self.groups(array, len(items))
            gone = {axis for axes in others for axis in axes}
            shape = [1 if axis in first else n for axis, n in enumerate(np.shape(array)) if axis not in gone]
            return np.zeros(shape)
        if items[0][0] == "number":
            return array[tuple(int(self.value(item)) for item in items)]
        return array[self.values[items[0][1]]]

    def of_along_axis(self, indexed: Tree) -> Array:
        """x[indices] along axis."""
        array, index, axis = self.value(indexed[1]), self.value(indexed[2][0]), self.values["axis"]
        return np.ravel(array)[index] if axis is None else array[(slice(None),) * (axis % np.ndim(array)) + (index,)]

    def of_but_for(self, base: Tree, index: Tree, sign: str, changed: Tree, along: bool) -> Array:
        shape = self.values.get("shape", self.out.shape) if self.target == ("name", "out") else None
        shape = np.shape(self.value(self.target)) if shape is None else shape
        array = np.array(np.broadcast_to(self.value(base), shape), float)
        where, axis = self.values[index[1]], self.values.get("axis")
        flat = array.reshape(-1) if along and axis is None else array
        if along and axis is not None:
            where = (slice(None),) * (axis % array.ndim) + (where,)
        if sign == "+=":
            np.add.at(flat, where, self.value(changed))
        else:
            flat[where] = self.value(changed)
        return array

    def of_choice(self, branches: list[tuple[Tree, Tree]], rest: Tree) -> Array:
        """The first that holds. What no element takes is not computed."""
        left: Any = True
        found: Any = None
        for value, condition in [*branches, (rest, None)]:
            holds = left if condition is None else np.logical_and(left, self.condition(condition))
            left = np.logical_and(left, np.logical_not(holds))
            if found is None:
                found = np.zeros(np.shape(holds))
            if np.any(holds):
                found = np.where(holds, self.value(value), found)
            elif value[0] != "name" or self.value(value) is not None:
                found = np.where(False, self.value(value), found)  # of its shape
        return found

    def of_condition(self, condition: Tree) -> Array:
        return np.where(self.condition(condition), 1.0, 0.0)

    def condition(self, tree: Tree) -> Any:
        if tree[0] in ("and", "or"):
            return getattr(np, f"logical_{tree[0]}")(self.condition(tree[1]), self.condition(tree[2]))
        if tree[0] == "state":
            return tree[1](self.value(tree[2]))
        if tree[0] != "compare":
            return np.asarray(self.value(tree), bool)
        holds: Any = True
        for a, sign, b in zip(tree[1::2], tree[2::2], tree[3::2]):
            x, y = self.value(a), self.value(b)
            if sign in "∈∋":
                holds = np.logical_and(holds, self.inside(x, y) if sign == "∈" else self.inside(y, x))
            elif x is not None and y is not None:  # what isn't there bounds nothing
                this = COMPARE[sign](x, y)
                if self.letters(a) and not [*indices((a, b))] and np.size(this) > 1 and not names(b) & {*self.values}:
                    if sign not in "=≠":
                        raise Refused(f"{sign} of indices with several axes")
                    this = np.all(this) if sign == "=" else np.any(this)
                holds = np.logical_and(holds, this)
        return holds

    def inside(self, i: Sequence[int], p: Sequence[int]) -> bool:
        if self.window is None:
            raise Refused("∈ without windows")
        return self.window.holds(p, i)

    def in_window(self) -> float:
        """K: as many elements of window p as count."""
        if self.window is None or "p" not in self.bound:
            raise Refused("K stands for nothing")
        if self.values.get("divisor_override") is not None:
            return float(self.values["divisor_override"])
        edge = self.window.padding if self.values["count_include_pad"] else (0,) * len(self.window.kernel)
        size = np.shape(self.values[self.first])[-len(edge) :]
        return sum(
            all(-b <= at < n + b for at, b, n in zip(i, edge, size)) for _, i in self.window.elements(self.bound["p"])
        )

    # sums

    def over(self) -> dict[str, Any]:
        """Along which axes a sum runs, and over which elements."""
        if self.axis_name is None:
            raise Refused("Σ without axis")
        axis = self.values[self.axis_name]
        return {"axis": axis, "keepdims": True, "where": self.values.get("where", True)}

    def count(self) -> Array:
        """n: how many elements are summed."""
        return np.sum(np.ones(np.shape(self.values[self.first])), **self.over())

    def reduce(self, tree: Tree, name: str, given: list[str], body: Tree, condition: Tree | None) -> Array:
        run = sorted(set(given) or self.letters([body, condition or ()]) - {*self.bound})
        if given or condition is not None:
            return self.reduce_elements(name, run, body, condition)
        if tree is self.head:
            return self.value(body)  # ∂L/∂p has p's shape: that sum is taken when it is compared
        over = self.over()
        if name in ("max", "min"):
            over["initial"] = -np.inf if name == "max" else np.inf
        return REDUCTIONS[name](self.value(body), **over)

    def reduce_elements(self, name: str, run: list[str], body: Tree, condition: Tree | None) -> Array:
        outer, total = self.bound, None
        for values in itertools.product(*(self.range(letter, body) for letter in run)):
            self.bound = {**outer, **dict(zip(run, values))}
            holds = True if condition is None else self.condition(condition)
            if total is None or np.any(holds):
                term = np.where(holds, self.value(body), EMPTY[name])
                total = term if total is None else JOIN[name](total, term)
        self.bound = outer
        return EMPTY[name] if total is None else total

    # convolution, by loops over windows and their elements

    def of_cross_correlation(self, x: Tree, y: Tree) -> Array:
        """x ⋆ weight slides the weight over x; x ⋆ g, for ∂L/∂weight, sums x over all places, weighted by g."""
        weights = self.target == ("gradient", "weight") or self.target == ("name", "out") and y != ("name", "weight")
        return self.slide(self.value(x), *((self.value(y), None) if weights else (None, self.value(y))))

    def of_full_correlation(self, y: Tree, weight: Tree) -> Array:
        """y ∗ weight, the adjoint: each element of y spreads the weight over its window."""
        return self.slide(None, self.value(y), self.value(weight))

    def slide(self, x: Array, y: Array, w: Array) -> Array:
        """The one of the three that is missing: yₒ[p] = Σ xᵢ[p · stride + k · dilation - padding] · wₒᵢ[k]."""
        if self.window is None:
            raise Refused("⋆ without windows")
        axes, groups = len(self.window.kernel), self.values["groups"]
        shape = np.shape(self.value(self.target))
        batch = [a.ndim == axes + 2 for a in (x, y) if a is not None]
        missing = np.zeros(shape if w is None or all(batch) else (1, *shape))
        x, y, w = (missing if a is None else a if a is w or all(batch) else a[None] for a in (x, y, w))
        o, c = len(w) // groups, w.shape[1]
        for p in np.ndindex(*y.shape[2:]):
            for k, i in self.window.elements(p):
                if not all(0 <= at < n for at, n in zip(i, x.shape[2:])):
                    continue
                for group in range(groups):
                    xs, ys = slice(group * c, group * c + c), slice(group * o, group * o + o)
                    X, Y, W = x[(slice(None), xs, *i)], y[(slice(None), ys, *p)], w[(ys, slice(None), *k)]
                    if missing is x:
                        X += Y @ W
                    elif missing is y:
                        Y += X @ W.T
                    else:
                        W += Y.T @ X
        return missing.reshape(shape)


def names(tree: Any) -> set[str]:
    if isinstance(tree, tuple) and tree and tree[0] == "name":
        return {tree[1]}
    return set().union(*map(names, tree)) if isinstance(tree, (tuple, list)) else set()


def plus(a: Array, b: Array) -> Array:
    """What isn't there adds nothing."""
    a, b = unit_for(a, b), unit_for(b, a)
    return b if a is None else a if b is None else a + b


def unit_for(a: Array, other: Array) -> Array:
    return np.eye(np.shape(other)[-1]) if a is UNIT else a


def transposed(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def cross(a: Array, b: Array) -> Array:
    a, b = np.broadcast_arrays(a, b)
    return np.stack([a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))], -1)


OPERATORS: dict[str, Callable[..., Array]] = {
    "+": plus,
    "-": lambda a, b: unit_for(a, b) - unit_for(b, a),
    "·": lambda a, b: unit_for(a, b) * unit_for(b, a),
    "/": np.divide,
    "@": np.matmul,
    "×": cross,
    "mod": np.mod,
    "power": lambda a, b: np.power(np.asarray(a, float), b),
    "negative": np.negative,
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "transposed": transposed,
    "inverse": np.linalg.inv,
    "inverse transposed": lambda x: transposed(np.linalg.inv(x)),
    "pseudoinverse": lambda x: np.linalg.pinv(x, 1e-10),
}
REDUCTIONS: dict[str, Callable[..., Array]] = {
    "Σ": np.sum, "Π": np.prod, "max": np.max, "min": np.min, "mean": np.mean, "var": np.var,
}  # fmt: skip
JOIN: dict[str, Callable[..., Array]] = {"Σ": np.add, "Π": np.multiply, "max": np.maximum, "min": np.minimum}
EMPTY = {"Σ": 0.0, "Π": 1.0, "max": -math.inf, "min": math.inf}


def summed_to(value: Array, shape: tuple[int, ...]) -> Array:
    """A gradient in its input's shape: repeated where it has axes of 1, summed where the input was broadcast."""
    value = np.broadcast_to(value, np.broadcast_shapes(np.shape(value), shape))
    value = value.sum(tuple(range(value.ndim - len(shape))))
    return value.sum(tuple(i for i, n in enumerate(shape) if n == 1 and value.shape[i] != 1), keepdims=True)


def same(what: str, found: Array, expected: Array) -> int:
    """How many elements were compared; where the formula has no value (0 / 0) the docstring says in words what holds."""
    there = ~np.isnan(found) | np.isnan(expected)
    np.testing.assert_allclose(
        np.where(there, found, 0), np.where(there, expected, 0), rtol=1e-8, atol=1e-10, err_msg=what
    )
    return int(np.count_nonzero(there))


def text(tree: Tree) -> str:
    if tree[0] == "index":
        return text(tree[1])
    return f"∂L/∂{tree[1]}" if tree[0] == "gradient" else str(tree[1])
