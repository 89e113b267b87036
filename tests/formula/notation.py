"""From text to trees: ("·", ("name", "g"), ("call", "sin", [("name", "x")]))."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from .symbols import COMPARE, CONSTANTS, FUNCTIONS, SPELLED, STATE

Tree = tuple[Any, ...]
KEYWORDS = {"where", "else", "over", "and", "or", "is", "mod", "but", "for", "along"}
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ˣʸᵖⁿᵒᵘᵗᵀ", "0123456789+-xypnoutT")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼₖₙ", "0123456789+-ijkn")


class Refused(ValueError):
    """The text is no formula that this reader knows."""


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
        self.integrating = False

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
            elif self.integrating and re.fullmatch("d[a-z]", token.text):
                return left
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
            return self.closed(("stack", items) if len(items) > 1 else ("condition", items[0]), "]")
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
        self.integrating = True
        body = self.product()
        self.integrating = False
        variable = self.next().text
        if not re.fullmatch("d[a-z]", variable):
            self.refuse("dt is missing")
        return ("integral", low, high, variable[1], body)


# ------------------------------------------------------------------------------------------- looking into trees


def indices(tree: Any) -> Iterator[tuple[Tree, list[Tree]]]:
    """Each x[i, j] in a tree, as x and [i, j]."""
    if isinstance(tree, (tuple, list)):
        if tree and tree[0] == "index":
            yield tree[1], tree[2]
        for part in tree:
            yield from indices(part)


def names(tree: Any) -> set[str]:
    """Every name in a tree, those of its indices among them."""
    if isinstance(tree, tuple) and tree and tree[0] == "name":
        return {tree[1]}
    return set().union(*map(names, tree)) if isinstance(tree, (tuple, list)) else set()
