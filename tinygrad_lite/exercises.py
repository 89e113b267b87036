"""Learn backprop by writing it: `python -m tinygrad_lite.exercises out/` writes rules without their closures.

There is one file for each op, from easy to hard. Each is the library's own code, with `...` in place of every closure's
body. Run a file, and it says which gradients are right. The solutions are in tinygrad_lite/ops/.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import math
import re
import sys
import textwrap
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import graph
from .check import GradientError, gradcheck
from .graph import OPS, Op

# Each op's examples: the shapes of its inputs, and its other arguments.
Example = tuple[Sequence[tuple[int, ...]], dict[str, Any]]
EXERCISES: dict[str, Sequence[Example]] = {
    "add": [([(2, 3), (2, 3)], {}), ([(2, 3), (3,)], {})],
    "multiply": [([(2, 3), (2, 3)], {}), ([(), ()], {})],
    "divide": [([(2, 3), (2, 3)], {})],
    "exp": [([(2, 3)], {})],
    "log": [([(2, 3)], {})],
    "tanh": [([(2, 3)], {})],
    "relu": [([(2, 3)], {})],
    "transpose": [([(2, 3)], {}), ([(2, 3, 4)], {"axes": (1, 2, 0)})],
    "matmul": [([(2, 3), (3, 4)], {}), ([(5, 2, 3), (3, 4)], {}), ([(3,), (3,)], {}), ([(2, 3), (3,)], {})],
    "softmax": [([(2, 3)], {})],
    "avg_pool2d": [([(2, 2, 4, 4)], {"kernel_size": 2})],
    "max_pool2d": [([(2, 2, 4, 4)], {"kernel_size": 2}), ([(1, 5, 5)], {"kernel_size": 3, "stride": 1})],
    "conv2d": [([(1, 1, 3, 3), (1, 1, 2, 2)], {}), ([(2, 3, 5, 5), (4, 3, 3, 3), (4,)], {"padding": 1})],
}

WIDTH, INDENT = 120, " " * 4  # of a line; of a continuation line

HEAD = '''"""Exercise {number}: {name}.

Each closure below maps g = ∂L/∂out to the gradient of one input. Replace every `...` with the formula, then run this
file: it compares your gradients with central differences.
"""

from __future__ import annotations

{imports}
{helpers}

{code}

if __name__ == "__main__":
    check({name})
'''


def write(folder: Path) -> list[Path]:
    """Write the exercises into `folder`.

    Raises:
        FileExistsError: one of the files exists. Then none is written.
    """
    paths = {folder / f"{number:02}_{name}.py": name for number, name in enumerate(EXERCISES, 1)}
    there = [path for path in paths if path.exists()]
    if there:
        raise FileExistsError(
            f"{there[0]} is there already, and your work is never overwritten: choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for number, (path, name) in enumerate(paths.items(), 1):
        path.write_text(exercise(name, number), encoding="utf-8")
    return list(paths)


def exercise(name: str, number: int, blank: bool = True) -> str:
    """The text of one exercise, or with `blank=False` of its solution: the library's own code."""
    rule = OPS[name].rule
    definition = inspect.unwrap(rule)  # for conv2d this is conv_nd, which serves 1, 2 and 3 spatial axes
    source = _undecorated(definition)
    code = _blanked(source) if blank else source
    linear = "(linear=True)" if OPS[name].linear else ""
    nodes = [node for node in ast.walk(ast.parse(source)) if not (blank and _is_answer(node))]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    if definition is rule:
        code = f"@op{linear}\n{code}\n"
    else:
        code += f"\n\n\n{name} = op{linear}(over_axes({name[-2]}, {definition.__name__}))\n"
        used.add("over_axes")
    imports, helpers = _imports(definition, used), _helpers(definition, nodes)
    return HEAD.format(number=number, name=name, imports=imports, helpers=helpers, code=code)


def _is_answer(node: ast.AST) -> bool:
    """Does this name the library's code for a whole gradient?"""
    return isinstance(node, ast.Name) and node.id.endswith("_gradient")


def _undecorated(function: Callable[..., Any]) -> str:
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    return "".join(source.splitlines(keepends=True)[node.lineno - 1 :]).rstrip()


def _blanked(source: str) -> str:
    """Turn every returned closure into `lambda g: ...`, and remove the inner functions that were returned by name."""
    tree = ast.parse(source).body[0]
    named = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node is not tree}
    blanks = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Return)
            and isinstance(node.value, ast.Tuple)
            and isinstance(node.value.elts[-1], ast.Tuple)
        ):
            for closure in node.value.elts[-1].elts:
                argument = closure.args.args[0].arg if isinstance(closure, ast.Lambda) else "g"
                blanks.add((*_span(source, closure), f"lambda {argument}: ..."))
                if isinstance(closure, ast.Name) and closure.id in named:
                    start, end = _span(source, named[closure.id])
                    blanks.add((start, end + len(source[end:]) - len(source[end:].lstrip()), ""))
    for start, end, text in sorted(blanks, reverse=True):
        source = source[:start] + text + source[end:]
    return source


def _span(source: str, node: ast.expr | ast.stmt) -> tuple[int, int]:
    """The start and end of a node in the text. (ast counts columns in bytes.)"""
    lines = source.splitlines(keepends=True)

    def place(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    assert node.end_lineno is not None and node.end_col_offset is not None
    return place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)


def _imports(definition: Callable[..., Any], names_used: set[str]) -> str:
    """Import statements for the names that an exercise uses from its function's module."""
    known = vars(sys.modules[definition.__module__])
    modules, names = set(), {"tinygrad_lite.exercises": {"check"}, "tinygrad_lite.graph": {"op"}}
    for name in names_used & known.keys() - {definition.__name__}:
        value = known[name]
        if isinstance(value, types.ModuleType):
            modules.add(f"import {value.__name__} as {name}")
        else:
            home = "tinygrad_lite.graph" if getattr(graph, name, None) is value else definition.__module__
            names.setdefault(home, set()).add(name)
    return "\n".join([*sorted(modules), *(_import(home, ", ".join(sorted(names[home]))) for home in sorted(names))])


def _import(home: str, names: str) -> str:
    line = f"from {home} import {names}"
    if len(line) <= WIDTH:
        return line
    return f"from {home} import (\n{textwrap.fill(names, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)},\n)"


def _helpers(definition: Callable[..., Any], nodes: Sequence[ast.AST]) -> str:
    """A comment on each library function that is called: its arguments, and the first sentence of its docstring."""
    known, found = vars(sys.modules[definition.__module__]), {}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            value = getattr(known.get(node.value.id), node.attr, None)
        else:
            value = known.get(node.id) if isinstance(node, ast.Name) else None
        if inspect.isfunction(value) and value is not definition and value.__module__.startswith(__package__):
            found[ast.unparse(node)] = value
    return "".join(f"\n{_comment(name, found[name])}" for name in sorted(found)) + "\n" * bool(found)


def _comment(name: str, function: Callable[..., Any]) -> str:
    paragraph = (inspect.getdoc(function) or _returned(function)).split("\n\n")[0].replace("\n", " ")
    first = re.split(r"(?<=\w)\. |\s{2,}", paragraph.rstrip("."))[0]  # a sentence, or a rule's `out = …`
    call = f"{name}({', '.join(inspect.signature(function).parameters)})"
    return textwrap.fill(f"{call}:  {first}", WIDTH, initial_indent="# ", subsequent_indent="#" + INDENT)


def _returned(function: Callable[..., Any]) -> str:
    """The returned expression of a one-line function, which needs no docstring."""
    definition = ast.parse(_undecorated(inspect.unwrap(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    returned = definition.body[-1]
    assert isinstance(returned, ast.Return) and returned.value is not None
    return ast.unparse(returned.value)


# ------------------------------------------------------------------------------------------------------------ checking


def check(op: Callable[..., Any]) -> bool:
    """Print for each input of `op` whether its gradient is right, on all examples. Returns True if all are."""
    this: Op = op.op  # type: ignore[attr-defined]
    right = True
    for shapes, static in EXERCISES[this.name]:
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        numbers = np.random.default_rng(0).permutation(np.linspace(0.2, 2.0, ends[-1]))  # no two of them equal
        arrays = [part.reshape(shape) for part, shape in zip(np.split(numbers, ends), shapes)]
        print(f"{this.name} of {' and '.join(str(shape) for shape in shapes)}")
        verdicts = [_verdict(op, this, arrays, static, i) for i in range(len(arrays))]
        together = _verdict_together(op, arrays, static, [i for i, said in enumerate(verdicts) if not said])
        for name, said in zip(this.parameters, verdicts):
            said = said or together
            right = right and not said
            print(f"  ∂L/∂{name}  {said or 'right, to second order'}")
    return right


def _verdict_together(op: Callable[..., Any], arrays: list[Any], static: dict[str, Any], written: list[int]) -> str:
    """What is wrong with mixed second derivatives, ∂²L/∂x∂y, of inputs that are right alone; "" if nothing is."""

    def of(*varied: Any) -> Any:
        given = dict(zip(written, varied))
        return op(*(given.get(i, a) for i, a in enumerate(arrays)), **static)

    try:
        if len(written) > 1:
            gradcheck(of, *(arrays[i] for i in written))
    except Exception as error:
        return f"is right alone, but not while the others vary too: {str(error).removeprefix('gradcheck: ')}"
    return ""


def _verdict(op: Callable[..., Any], this: Op, arrays: list[Any], static: dict[str, Any], i: int) -> str:
    """What is wrong with the gradient of input i while the others are constants; "" if nothing is."""
    value, closures = this.rule(*arrays, **static)
    closure = closures[i]
    if closure is None:
        return "there is no closure: return one for each input"
    try:
        found = closure(np.ones_like(value))
        if found is ...:
            return "is still to be written"
        gradcheck(lambda x: op(*arrays[:i], x, *arrays[i + 1 :], **static), arrays[i])
    except GradientError as error:
        return f"is wrong: {str(error).removeprefix('gradcheck: ')}"
    except Exception as error:  # a learner's closure may raise anything: report it
        return f"fails: {type(error).__name__}: {error}"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tinygrad_lite.exercises", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="where to write them; existing files are never overwritten")
    try:
        paths = write(parser.parse_args(arguments).folder)
    except OSError as error:
        print(f"exercises: {error}", file=sys.stderr)
        return 1
    print(*paths, sep="\n")
    print(f"Begin with the first: python {paths[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
