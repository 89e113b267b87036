"""What a formula gives for one call of an op, and whether that is what the op gave."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from .notation import Formula, Refused, Tree, indices, names
from .symbols import COMPARE, CONSTANTS, FUNCTIONS, JOIN, OF_NONE, OPERATORS, REDUCTIONS, SPELLED, Array
from .windows import windows_of


class Values:
    """The value of each tree, where an op was called with `values`, gave `out`, and gradients from g = ∂L/∂out."""

    def __init__(
        self, formula: Formula, values: Mapping[str, Any], out: Array, g: Array, gradients: Mapping[str, Array],
        axes: int | None,
    ) -> None:  # fmt: skip
        self.formula = formula
        self.values = {**values, **{symbol: values[name] for name, symbol in SPELLED.items() if name in values}}
        self.gradients = dict(gradients)
        self.out, self.g = np.asarray(out), np.asarray(g)
        self.first = next(iter(values))
        self.axis_name = next((name for name in ("axis", "axes") if name in values), None)
        self.windows = windows_of(values, axes)
        self.bound: dict[str, Any] = {}  # the letters that have a value
        self.left: Tree = ("name", "out")  # of the equation
        self.head: Tree = ()  # its right side, if that is about a gradient

    def value(self, tree: Tree) -> Any:
        kind, parts = str(tree[0]), tree[1:]
        if kind in OPERATORS:
            return OPERATORS[kind](*map(self.value, parts))
        if kind == "reduce":
            return self.reduced(tree, *parts)
        return getattr(self, SPECIAL.get(kind, kind))(*parts)

    def number(self, value: float) -> float:
        return value

    def name(self, name: str) -> Any:
        if name in self.bound:
            return self.bound[name]
        if name in self.formula.names:
            return self.value(self.formula.names[name])
        if name == "out":  # not the keyword of that name
            return self.out
        for known in (self.values, {"g": self.g}, CONSTANTS):
            if name in known:
                return np.array(known[name]) if isinstance(known[name], (tuple, list)) else known[name]
        if name == "n":
            return np.sum(np.ones(np.shape(self.values[self.first])), **self.over())
        if name == "K":
            return self.counted()
        raise Refused(f"{name} stands for nothing")

    def gradient(self, name: str) -> Array:
        return self.g if name == "out" else self.gradients[name]

    def call(self, name: str, given: list[Tree]) -> Array:
        return FUNCTIONS[name](*map(self.value, given))

    def derivative(self, name: str, given: list[Tree]) -> Array:
        """By central differences, extrapolated to a step of 0."""
        x, *more = map(self.value, given)
        f = FUNCTIONS[name]
        table = [(f(x + h, *more) - f(x - h, *more)) / (2 * h) for h in (0.2 / 2**k for k in range(7))]
        for k in range(1, len(table)):
            table = [(4**k * fine - coarse) / (4**k - 1) for coarse, fine in itertools.pairwise(table)]
        return table[0]

    def integral(self, low: Tree, high: Tree, variable: str, body: Tree) -> Array:
        """By Gauss's rule with 40 points."""
        start, half = self.value(low), (self.value(high) - self.value(low)) / 2
        total: Any = 0
        for point, weight in zip(*np.polynomial.legendre.leggauss(40)):
            self.bound[variable] = start + half * (1 + point)
            total = total + half * weight * self.value(body)
        del self.bound[variable]
        return total

    def stack(self, items: list[Tree]) -> Array:
        return np.stack(np.broadcast_arrays(*map(self.value, items)))

    # choices

    def choice(self, branches: list[tuple[Tree, Tree]], rest: Tree) -> Array:
        found = self.value(rest)
        for tree, condition in reversed(branches):  # the first that holds counts
            found = np.where(self.holds(condition), *(np.nan if a is None else a for a in (self.value(tree), found)))
        return found

    def condition(self, tree: Tree) -> Array:
        return np.where(self.holds(tree), 1.0, 0.0)

    def holds(self, tree: Tree) -> Any:
        if tree[0] in ("and", "or"):
            return getattr(np, f"logical_{tree[0]}")(self.holds(tree[1]), self.holds(tree[2]))
        if tree[0] == "state":
            return tree[1](self.value(tree[2]))
        if tree[0] != "compare":
            return np.asarray(self.value(tree), bool)
        return np.logical_and.reduce(
            np.broadcast_arrays(*(self.compares(a, sign, b) for a, sign, b in zip(*(tree[k::2] for k in (1, 2, 3)))))
        )

    def compares(self, a: Tree, sign: str, b: Tree) -> Any:
        x, y = self.value(a), self.value(b)
        if sign in "∈∋":
            if self.windows is None:
                raise Refused(f"{sign} without windows")
            return self.windows.have(y, x) if sign == "∈" else self.windows.have(x, y)
        if x is None or y is None:
            return True  # a bound that was not given
        found = COMPARE[sign](x, y)
        arrays = {name for name, value in self.values.items() if isinstance(value, np.ndarray)}
        if self.letters((a, b)) and not [*indices((a, b))] and not names((a, b)) & arrays and np.size(found) != 1:
            if sign not in "=≠":
                raise Refused(f"{sign} between indices with several axes")
            return np.all(found) if sign == "=" else np.any(found)
        return found

    # elements

    def letters(self, tree: Any) -> set[str]:
        """The letters that run over elements: single, and no name of anything."""
        known = {*self.values, *self.formula.names, *CONSTANTS, "g", "n", "K"}
        return {name for name in names(tree) if len(name) == 1} - known

    def run(self, letter: str, *trees: Any) -> list[Array]:
        """The values of a letter: the places of what it indexes alone, in the first of the trees where it does."""
        for tree in trees:
            sizes = [
                [np.shape(array)[axis] for axis in axes]
                for base, items in indices(tree)
                if ("name", letter) in items
                for array in [self.value(base)]
                for item, axes in zip(items, self.groups(array, len(items)))
                if item == ("name", letter)
            ]
            if sizes:
                return [np.array(place) for place in np.ndindex(*np.max(sizes, 0))]
        raise Refused(f"over what does {letter} run?")

    def groups(self, array: Array, count: int) -> list[tuple[int, ...]]:
        """The axes of each index of x[i, k]: the op's own for the first, then the last ones."""
        axis = self.values[self.axis_name] if self.axis_name else None
        if self.windows is not None:
            each = self.windows.axes
        elif self.axis_name is None:
            each = 1
        else:
            each = np.ndim(self.values[self.first]) if axis is None else np.size(axis)
        before = np.ndim(array) - (count - 1) * each
        if before < each:
            raise Refused(f"{count} indices for an array of {np.ndim(array)} axes")
        own = range(before - each, before) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, before)
        return [tuple(own), *(tuple(range(k, k + each)) for k in range(before, np.ndim(array), each or 1))]

    def place(self, array: Array, items: list[Tree]) -> tuple[Any, ...] | None:
        """Where array[items] stands, or None if that is outside. The axes of the first index stay, as axes of 1."""
        found: list[Any] = [slice(None)] * np.ndim(array)
        outer = self.bound
        for which, (item, axes) in enumerate(zip(items, self.groups(array, len(items)))):
            sizes = [np.shape(array)[axis] for axis in axes]
            self.bound = {**outer, "n": np.array(sizes)}
            places = np.broadcast_to(self.value(item), len(axes))
            self.bound = outer
            for axis, at, size in zip(axes, places, sizes):
                if not 0 <= at < size:
                    return None
                found[axis] = int(at) if which else slice(int(at), int(at) + 1)
        return tuple(found)

    def index(self, base: Tree, items: list[Tree]) -> Array:
        array = self.value(base)
        if not self.letters(items):
            return array[self.argument(items[0])]
        place = self.place(array, items)
        if place is not None:
            return array[place]
        first, *others = self.groups(array, len(items))
        gone = set().union(*others)
        return np.zeros([1 if axis in first else n for axis, n in enumerate(np.shape(array)) if axis not in gone])

    def argument(self, tree: Tree) -> Any:
        """An index as it was given: (1, 2) and [1, 2] are not the same one."""
        return self.values[tree[1]] if tree[0] == "name" else int(self.value(tree))

    def along_axis(self, indexed: Tree) -> Array:
        array, where = self.placed(self.value(indexed[1]), self.argument(indexed[2][0]), True)
        return array[where]

    def placed(self, array: Array, where: Any, along: bool) -> tuple[Array, Any]:
        """array and its index; `along` its axis, or flattened."""
        if not along:
            return array, where
        axis = self.values["axis"]
        return (array.reshape(-1), where) if axis is None else (array, (slice(None),) * (axis % array.ndim) + (where,))

    def but_for(self, base: Tree, index: Tree, sign: str, changed: Tree, along: bool) -> Array:
        array = np.array(np.broadcast_to(self.value(base), np.shape(self.value(self.left))), float)
        inside, where = self.placed(array, self.argument(index), along)
        if sign == "+=":
            np.add.at(inside, where, self.value(changed))
        else:
            inside[where] = self.value(changed)
        return array

    # sums

    def over(self) -> dict[str, Any]:
        """The axes of a sum, and the elements that take part."""
        if self.axis_name is None:
            raise Refused("along which axes is the sum?")
        return {"axis": self.values[self.axis_name], "keepdims": True, "where": self.values.get("where", True)}

    def reduced(self, tree: Tree, name: str, given: list[str], body: Tree, condition: Tree | None) -> Array:
        if given or condition is not None:
            free = given or sorted(self.letters([body, condition]) - self.bound.keys())
            return self.reduced_elements(name, free, body, condition)
        if name == "Σ" and tree is self.head:
            return self.value(body)  # it is summed to its input's shape when it is compared
        of_none = {"initial": OF_NONE[name]} if name in ("max", "min") else {}
        return REDUCTIONS[name](self.value(body), **self.over(), **of_none)

    def reduced_elements(self, name: str, free: list[str], body: Tree, condition: Tree | None) -> Array:
        outer, total = self.bound, None
        for places in itertools.product(*(self.run(letter, body) for letter in free)):
            self.bound = {**outer, **dict(zip(free, places))}
            holds = True if condition is None else self.holds(condition)
            if total is None or np.any(holds):
                term = np.where(holds, self.value(body), OF_NONE[name])
                total = term if total is None else JOIN[name](total, term)
        self.bound = outer
        return OF_NONE[name] if total is None else total

    # windows

    def counted(self) -> float:
        """K: how many elements of window p count."""
        if self.windows is None or "p" not in self.bound:
            raise Refused("K stands for nothing")
        if self.values.get("divisor_override") is not None:
            return float(self.values["divisor_override"])
        edge = self.windows.padding if self.values["count_include_pad"] else (0,) * self.windows.axes
        size = np.shape(self.values[self.first])[-len(edge) :]
        elements = (i for _, i in self.windows.elements(self.bound["p"]))
        return sum(all(-b <= at < n + b for at, b, n in zip(i, edge, size)) for i in elements)

    def correlation(self, x: Tree, y: Tree) -> Array:
        """x ⋆ weight slides the weight over x. x ⋆ g is what that gives for the weight."""
        weight = y == ("name", "weight") if self.left == ("name", "out") else self.left != ("gradient", "weight")
        return self.slide(self.value(x), *((None, self.value(y)) if weight else (self.value(y), None)))

    def full_correlation(self, y: Tree, weight: Tree) -> Array:
        """y ∗ weight, the adjoint: each element of y spreads the weight over its window."""
        return self.slide(None, self.value(y), self.value(weight))

    def slide(self, x: Array, y: Array, w: Array) -> Array:
        """The one of the three that is None, in the shape of the left side."""
        if self.windows is None:
            raise Refused("⋆ without windows")
        found = np.zeros(np.shape(self.value(self.left)))
        x, y, w = (found if a is None else a for a in (x, y, w))
        x, y = (a[None] if a.ndim == self.windows.axes + 1 else a for a in (x, y))  # without a batch axis
        self.windows.slide(x, y, w, self.values["groups"])
        return found


SPECIAL = {
    "⋆": "correlation", "∗": "full_correlation", "but for": "but_for", "along axis": "along_axis",
}  # fmt: skip


class Call(Values):
    """One call of an op, to be compared with its formula. `axes` counts the axes along which its windows slide."""

    def __init__(
        self, formula: Formula, values: Mapping[str, Any], out: Array, g: Array, gradients: Mapping[str, Array],
        axes: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(formula, values, out, g, gradients, axes)
        self.fit_channels()
        self.fit_flattened()
        self.fit_integers()
        for left, right, *_ in formula.equations:
            if left == ("name", "out"):
                self.fit_vectors(right)
                self.fit_summed(right)

    # what the shapes of arguments mean

    def fit_channels(self) -> None:
        """One number for each channel lies along the axis before those of the windows."""
        for name, value in list(self.values.items()):
            if self.windows is not None and isinstance(value, np.ndarray) and value.ndim == 1:
                self.reshape(name, (-1, *[1] * self.windows.axes))

    def fit_flattened(self) -> None:
        """With axis=None, a function that keeps all elements takes x as one row."""
        if self.axis_name and self.values[self.axis_name] is None and self.out.ndim == 1:
            self.reshape(self.first, (-1,))

    def fit_integers(self) -> None:
        """An index for each place along the axis lies as x does."""
        axis = self.values.get("axis")
        if isinstance(axis, int):
            shape = tuple(np.delete(np.shape(self.values[self.first]), axis))
            for name, value in list(self.values.items()):
                if isinstance(value, np.ndarray) and value.dtype == int and value.shape == shape:
                    self.reshape(name, np.expand_dims(value, axis).shape)

    def fit_vectors(self, right: Tree) -> None:
        """At the left of @ a vector is a row, at the right a column."""
        for side, axis in zip(right[1:], (0, 1)):
            if right[0] == "@" and side[0] == "name" and np.ndim(self.values[side[1]]) == 1:
                self.reshape(side[1], np.expand_dims(self.values[side[1]], axis).shape)

    def fit_summed(self, right: Tree) -> None:
        """out and g get the axes of 1 that sums leave."""
        shape, was = np.shape(self.value(right)), self.out.shape
        if [n for n in shape if n != 1] == [n for n in was if n != 1]:
            self.out, self.g = self.out.reshape(shape), self.g.reshape(shape)

    def reshape(self, name: str, shape: Any) -> None:
        self.values[name] = np.reshape(self.values[name], shape)
        if name in self.gradients:
            self.gradients[name] = np.reshape(self.gradients[name], shape)

    # comparing

    def compare(self) -> dict[str, tuple[int, int]]:
        """Check every equation: how many elements could be compared, and of how many. Raises AssertionError.

        An input that is no tensor has no gradient, and its equation is left out.
        """
        found = {}
        for left, *right in self.formula.equations:
            what = subject(left)
            if what == "out" or what.removeprefix("∂L/∂") in self.gradients:
                self.left = left
                found[what] = (self.compare_elements if left[0] == "index" else self.compare_whole)(what, left, right)
        return found

    def compare_whole(self, what: str, left: Tree, right: list[Tree]) -> tuple[int, int]:
        compared, given = 0, self.value(left)
        for tree in right:
            if left[0] == "gradient":
                self.head = tree
                found = summed_to(self.value(tree), np.shape(given))
                found = np.where(self.values.get("where", True), found, 0)  # what takes no part has no gradient
            else:
                found = self.value(tree)
                if np.shape(found) != np.shape(given):
                    raise AssertionError(f"{what}: shape {np.shape(given)}, by the formula {np.shape(found)}")
            compared += same(what, found, given)
        return compared, np.size(given) * len(right)

    def compare_elements(self, what: str, left: Tree, right: list[Tree]) -> tuple[int, int]:
        """For all values of the letters on the left, which must reach every element."""
        array = self.value(left[1])
        reached, compared = np.zeros(np.shape(array), bool), 0
        free = sorted(self.letters(left))
        for places in itertools.product(*(self.run(letter, [left], right) for letter in free)):
            self.bound = dict(zip(free, places))
            place = self.place(array, left[2])
            if place is None:
                raise AssertionError(f"{what}: {self.bound} is outside")
            reached[place] = True
            for tree in right:
                found = np.broadcast_to(np.asarray(self.value(tree), float), array[place].shape)
                compared += same(f"{what} at {self.bound}", found, array[place])
        self.bound = {}
        if not reached.all():
            raise AssertionError(f"{what}: the formula gives all but {np.count_nonzero(~reached)} elements")
        return compared, np.size(array) * len(right)


def subject(left: Tree) -> str:
    """What an equation is about: out, or ∂L/∂x."""
    while left[0] not in ("name", "gradient"):
        left = left[2][0] if left[0] == "call" else left[1]
    return str(left[1]) if left[0] == "name" else f"∂L/∂{left[1]}"


def summed_to(value: Array, shape: tuple[int, ...]) -> Array:
    """A gradient in its input's shape: repeated where it has axes of 1, summed where the input was broadcast."""
    value = np.broadcast_to(value, np.broadcast_shapes(np.shape(value), shape))
    value = value.sum(tuple(range(value.ndim - len(shape))))
    return value.sum(tuple(i for i, n in enumerate(shape) if n == 1 and value.shape[i] != 1), keepdims=True)


def same(what: str, found: Array, given: Array) -> int:
    """How many elements were compared: not those without a value by the formula (0 / 0), for which there are words."""
    there = ~np.isnan(found) | np.isnan(given)
    np.testing.assert_allclose(np.where(there, found, 0), np.where(there, given, 0), rtol=1e-8, atol=1e-9, err_msg=what)
    return int(np.count_nonzero(there))
