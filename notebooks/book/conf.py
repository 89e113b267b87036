"""How Sphinx makes the book from where things are: README, lessons, the API from its docstrings, the other pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import tinygrad_lite as tg
from tinygrad_lite import distributed, nn, optim, sklearn
from tinygrad_lite.graph import TABLE

project = "tinygrad_lite"
author = project_copyright = "the tinygrad_lite contributors"
version = release = tg.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
nitpicky = True

# The source is the whole checkout: links between its pages work in the book as they do in the repository.
root_doc = "README"
include_patterns = ["*.md", "notebooks/**", "tests/**.md", "tinygrad_lite/**.md"]
exclude_patterns = [".*", "build", "dist", "out", "viz", "tinygrad_lite/viz", "**.ipynb_checkpoints"]
MOVED = {  # links to what is no page: a hidden folder is not published
    r"(\.\./)*\.github/CONTRIBUTING\.md": "/notebooks/book/contributing.md",
    r"notebooks/\)": "notebooks/01_scalars.ipynb)",
}
CONTENTS = """
```{toctree}
:hidden:
:caption: Lessons
:glob:
notebooks/[0-9]*
```
```{toctree}
:hidden:
:caption: Reference
:glob:
notebooks/book/tensor
notebooks/book/calculus
notebooks/book/ops
notebooks/book/nn
notebooks/book/optim
notebooks/book/data
notebooks/book/viz
notebooks/book/tools
tinygrad_lite/**
```
```{toctree}
:hidden:
:caption: Project
:glob:
tests/benchmarks/README
tests/**
notebooks/book/contributing
CHANGELOG
```
"""

html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"tinygrad_lite {release}"
html_static_path = ["book.css"]
html_copy_source = False
html_css_files = ["book.css"]

nb_execution_mode = "off"  # the notebooks are kept with their outputs
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]  # needs a kernel
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

add_module_names = False
autodoc_default_options = {"members": True, "ignore-module-all": True}
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
napoleon_use_rtype = False  # a sentence, no type
napoleon_use_param = False  # a parameter's entry may name several
napoleon_custom_sections = [("Attributes", "params_style"), ("Raises", "params_style")]  # sentences, too
smartquotes = False
autodoc_typehints = "none"  # docstrings state shapes and dtypes

SPACES = {
    "tg": tg, "F": nn.functional, "nn": nn, "nn.init": nn.init, "nn.utils": nn.utils,
    "optim": optim, "optim.lr_scheduler": optim.lr_scheduler, "tg.data": tg.data, "tg.viz": tg.viz,
    "tg.distributed": distributed, "tg.sklearn": sklearn,
}  # fmt: skip

LAZY = re.findall(r"import (\w+) as \1", Path(tg.__file__).read_text(encoding="utf-8"))  # some are not in dir(tg) yet


def public() -> Iterator[tuple[str, Any]]:
    """(the name that users call, what is there) for all that a user can reach."""
    for function, thing in TABLE.items():
        module = getattr(function, "__module__", None) or "numpy"
        if module.startswith("numpy") and not isinstance(function, str):  # a str names a function of SciPy
            of = function.__self__.__name__ + "." if isinstance(getattr(function, "__self__", None), np.ufunc) else ""
            yield f"np{module.removeprefix('numpy')}.{of}{function.__name__}", thing
    for space, module in SPACES.items():
        for name in sorted({*getattr(module, "__all__", dir(module)), *(LAZY if module is tg else [])}):
            thing = getattr(module, name)
            thing = thing.__wrapped__ if getattr(thing, "__module__", "") == nn.functional.__name__ else thing
            if not name.startswith("_") and getattr(thing, "__module__", "").startswith(f"{tg.__name__}."):
                yield f"{space}.{name}", thing


MODULES = sorted({thing.__module__ for _, thing in public()})
CALLED: dict[int, list[str]] = {}
for name, thing in public():
    CALLED.setdefault(id(thing), []).append(name)


def skip(app: Any, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    if what == "module":
        error = isinstance(thing, type) and issubclass(thing, Exception)
        return not error and id(thing) not in CALLED
    function = getattr(thing, "func", thing)  # a cached property's
    foreign = not getattr(function, "__module__", tg.__name__).startswith(tg.__name__)
    held = name == "function" or id(thing) in CALLED  # what a class is made of has an entry of its own
    return True if foreign or held else None


def as_restructured_text(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: formulas and indented code become literal blocks, and no other sign is markup."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    code = False
    for i, text in enumerate(paragraphs):
        after_code, code = code, all(line.startswith("    ") for line in text.split("\n"))
        if re.match(r"\s*out\b.* = ", text) and (i == 0 or re.search(r"\S {3,}\S", text)):
            equations = [line.strip() for line in re.split(r" {3,}|\n", text) if line.strip()]
            paragraphs[i] = "::\n\n    " + "\n    ".join(equations)
        elif code:
            paragraphs[i] = text if after_code else f"::\n\n{text}"
        else:
            parts = re.split(r"(`[^`]+`|^\*\*[^*]+\*\*)", text)
            parts[::2] = [re.sub(r"[*|\\]|_(?![\w:,])", r"\\\g<0>", part) for part in parts[::2]]
            paragraphs[i] = "".join(parts).replace("`", "``")
    if what == "function" and id(thing) in CALLED:
        paragraphs.append("Called as " + ", ".join(f"``{n}``" for n in CALLED[id(thing)]) + ".")
    # An empty comment first: napoleon would take what stands before a property's first colon for its type.
    lines[:] = ["..", "", *"\n\n".join(paragraphs).split("\n"), ""]


def sections(package: re.Match[str]) -> str:
    """A section for each module of the package that defines something public."""
    modules = [module for module in MODULES if module.startswith(package[1])]
    return "\n".join(f"{m.rpartition('.')[2]}\n{'-' * len(m)}\n\n.. automodule:: {m}\n" for m in modules)


def page(app: Any, name: str, source: list[str]) -> None:
    for old, new in MOVED.items():
        source[0] = re.sub(old, new, source[0])
    source[0] = re.sub(r"^\.\. automodule:: ([\w.]+\.)\*$", sections, source[0], flags=re.MULTILINE)
    if name == root_doc:
        source[0] += CONTENTS


def mathml(translator: Any, node: nodes.Element) -> None:
    """Browsers show MathML by themselves, without a script from elsewhere."""
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def front_page(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        to = f'<meta http-equiv="refresh" content="0; url={root_doc}.html"><a href="{root_doc}.html">{project}</a>'
        (Path(app.outdir) / "index.html").write_text(to, encoding="utf-8")


def setup(app: Any) -> None:
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    app.connect("source-read", page)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", as_restructured_text, priority=400)  # before napoleon
    app.connect("build-finished", front_page)
