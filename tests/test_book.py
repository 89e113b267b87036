"""The book: it builds without a warning, every link leads somewhere, every public name is in it, pictures are alive."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest

import tinygrad_lite as tg
from tinygrad_lite.nn import functional

from .viz.browser import ask, needs_chromium

for library in ("sphinx", "myst_nb", "furo", "dask", "matplotlib", "sklearn", "sympy"):
    pytest.importorskip(library, reason="pip install 'tinygrad-lite[book]'")

ROOT = Path(__file__).parent.parent
NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
SPACES = (
    tg, functional, tg.nn, tg.nn.init, tg.nn.utils, tg.optim, tg.optim.lr_scheduler, tg.data, tg.viz,
)  # fmt: skip


PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMAND = re.search(r"`\.venv/bin/python (-m sphinx .+) \. out/book`", PAGE)


def sphinx(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """The command of CONTRIBUTING.md, from and to other folders."""
    assert COMMAND
    options = [*COMMAND[1].split(), "-q", "--keep-going"]
    return subprocess.run([sys.executable, *options, source, out], cwd=ROOT, capture_output=True, encoding="utf-8")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("book")
    done = sphinx(ROOT, out)
    assert done.returncode == 0, done.stderr
    return out


def test_a_broken_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A\n\n[a](#b)\n\n[c](d.md)\n\n[e](README.md#a)\n", encoding="utf-8")
    done = sphinx(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "README.md:3: WARNING: 'myst' cross-reference target not found: 'b'" in done.stderr
    assert "README.md:5: WARNING: 'myst' cross-reference target not found: 'd.md'" in done.stderr
    assert "README.md:7" not in done.stderr


class Links(HTMLParser):
    """A page's targets, and what it leads to or loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids, self.links, self.loaded = {"", "top"}, set[str](), set[str]()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if tag in ("img", "script", "iframe") and "src" in values:
            self.loaded.add(values["src"])
        if tag == "link" and values.get("rel") == "stylesheet":
            self.loaded.add(values["href"])


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(book: Path) -> None:
    pages = {path.resolve(): Links(path) for path in book.rglob("*.html")}
    assert len(pages) > 30
    for page, read in pages.items():
        for link in read.links | read.loaded:
            if link.startswith(("https://", "http://")):
                assert link not in read.loaded, (page, link)
            elif not link.startswith(("data:", "mailto:")):
                path, anchor = urldefrag(unquote(link))
                target = (page.parent / path.partition("?")[0]).resolve() if path else page
                assert target.is_file(), (page, link)
                assert target.suffix != ".html" or anchor in pages[target].ids, (page, link)


def names(space: ModuleType) -> list[str]:
    """The space's public names; those of `tg` that are imported when first asked for stand in its file alone."""
    lazy = re.findall(r"import (\w+) as \1", Path(tg.__file__).read_text(encoding="utf-8")) if space is tg else []
    return [name for name in getattr(space, "__all__", [*vars(space), *lazy]) if not name.startswith("_")]


def things() -> Iterator[tuple[str, Any]]:
    """(where users find it, what it is) for each public function and class."""
    for space in SPACES:
        for name in names(space):
            thing = getattr(space, name)
            thing = thing.__wrapped__ if getattr(thing, "__module__", "") == functional.__name__ else thing
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__.startswith("tinygrad_lite"):
                yield f"{space.__name__}.{name}", thing


def test_every_public_name_is_in_it(book: Path) -> None:
    entries = zlib.decompress((book / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode().splitlines()
    documented = {entry.split()[0] for entry in entries}
    for name, thing in things():
        entry = f"{thing.__module__}.{name.rpartition('.')[2]}"
        assert entry in documented, f"{name}: name its module, {thing.__module__}, on a page in notebooks/book/"


def compact(text: str) -> str:
    """Without what layout changes: spaces, the signs for code, and what stands after the name of an argument."""
    return re.sub(r"[\s`:-]", "", text)


def test_no_sign_of_a_docstring_is_lost(book: Path) -> None:
    entries: dict[str, str] = {}
    for path in (book / "notebooks" / "book").glob("*.html"):
        for part in path.read_text(encoding="utf-8").split('<dt class="sig ')[1:]:
            if found := re.search(r'id="(.+?)"', part.partition("</dt>")[0]):
                entries[found[1]] = compact(unescape(re.sub("<.+?>", "", part.partition("</dt>")[2], flags=re.DOTALL)))
    for name, thing in things():
        shown = entries[f"{thing.__module__}.{name.rpartition('.')[2]}"]
        for line in (inspect.getdoc(thing) or "").splitlines():
            if line not in ("Args:", "Attributes:"):
                assert compact(line) in shown, (name, line)


def test_a_layer_has_the_signature_of_its_function(book: Path) -> None:
    page = (book / "notebooks" / "book" / "nn.html").read_text(encoding="utf-8")
    signature = page.partition('id="tinygrad_lite.nn.stateless.LeakyReLU"')[2].partition("</dt>")[0]
    assert "negative_slope" in signature and "0.01" in signature


@needs_chromium
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_pictures_are_alive(name: str, book: Path) -> None:
    page = book / "notebooks" / f"{name}.html"
    html = page.read_text(encoding="utf-8")
    alive, dead, moved = ask(
        html,
        """
        const boxes = [...document.querySelectorAll('.tinygrad-lite')];
        const next = boxes.flatMap(box => [...box.querySelectorAll('button')].filter(b => b.textContent === '›'));
        const said = () => next.map(b => b.closest('.tinygrad-lite').textContent);
        const before = said();
        next.forEach(b => b.click());
        const after = said();
        return [boxes.filter(b => b.querySelector('svg')).length, boxes.filter(b => b.querySelector('img')).length,
                after.filter((text, i) => text !== before[i]).length];
        """,
        page.parent,
    )
    assert (alive, dead, moved) == (html.count('class="tinygrad-lite"'), 0, html.count('"›"'))


def test_there_are_pictures_and_players(book: Path) -> None:
    html = "".join((book / "notebooks" / f"{name}.html").read_text(encoding="utf-8") for name in NOTEBOOKS)
    assert html.count('class="tinygrad-lite"') >= 15 and html.count('"›"') >= 4
