"""The package: its names, what importing it costs, and that wheel and sdist hold what they must."""

from __future__ import annotations

import configparser
import inspect
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.nn import functional

ROOT = Path(__file__).parent.parent


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_version_is_the_installed_one() -> None:
    assert tg.__version__ == metadata.version("tinygrad-lite")


def test_the_core_imports_neither_drawings_nor_anything_but_numpy() -> None:
    def loaded(names: str) -> set[str]:
        return set(run(f"import sys, {names}; print(*{{name.split('.')[0] for name in sys.modules}})").split())

    standard = set(sys.stdlib_module_names)
    assert loaded("numpy.random, tinygrad_lite") - loaded("numpy.random") - standard == {"tinygrad_lite"}
    assert run("import sys, tinygrad_lite; print('tinygrad_lite.viz' in sys.modules)").strip() == "False"


def test_drawings_are_imported_when_they_are_asked_for() -> None:
    assert run("import tinygrad_lite as tg; print(tg.viz.__name__)").strip() == "tinygrad_lite.viz"
    with pytest.raises(AttributeError, match="module 'tinygrad_lite' has no attribute 'vis'"):
        tg.vis  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match=r"module 'tinygrad_lite' has no attribute 'exp': use np\.exp"):
        tg.exp  # type: ignore[attr-defined]  # noqa: B018
    assert {"Tensor", "distributed", "symbols", "to_onnx", "viz"} <= set(dir(tg))
    assert all(hasattr(tg, name) for name in dir(tg))


def test_functional_has_every_function_that_tg_has_beyond_numpy() -> None:
    names = [name for name, f in vars(functional).items() if inspect.isfunction(f) and not name.startswith("_")]
    assert len(names) > 20
    for name in names:
        if not hasattr(np, name):
            assert getattr(tg, name) is getattr(functional, name)


def test_every_public_function_and_class_says_what_it_does() -> None:
    for module in (tg, tg.nn, tg.optim, tg.data, functional):
        for name, thing in vars(module).items():
            ours = getattr(thing, "__module__", "").startswith("tinygrad_lite")
            if ours and not name.startswith("_") and (inspect.isfunction(thing) or inspect.isclass(thing)):
                assert inspect.getdoc(thing), f"{module.__name__}.{name}"


def test_every_package_is_listed_in_setup_cfg() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(config["options"]["packages"].split())
    inits = [p.relative_to(ROOT) for top in ("tinygrad_lite", "viz") for p in ROOT.glob(f"{top}/**/__init__.py")]
    found = {".".join((*(["tinygrad_lite"] if p.parts[0] == "viz" else []), *p.parts[:-1])) for p in inits}
    assert listed == found


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of the files in wheel and sdist."""
    pytest.importorskip("build")
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", out, ROOT], check=True, capture_output=True)
    wheel, sdist = next(out.glob("*.whl")), next(out.glob("*.tar.gz"))
    with zipfile.ZipFile(wheel) as z, tarfile.open(sdist) as t:
        return {"wheel": set(z.namelist()), "sdist": {name.split("/", 1)[-1] for name in t.getnames()}}


def test_the_wheel_holds_every_file_of_the_package_and_no_other(dist: dict[str, set[str]]) -> None:
    tracked = subprocess.run(["git", "ls-files", "tinygrad_lite", "viz"], cwd=ROOT, capture_output=True, text=True)
    names = [n for n in tracked.stdout.splitlines() if not n.endswith("viz/readme.svg")]
    wanted = {n if n.startswith("tinygrad_lite/") else f"tinygrad_lite/{n}" for n in names}
    held = {n for n in dist["wheel"] if ".dist-info/" not in n}
    assert wanted <= held
    assert all(n.startswith("tinygrad_lite/") for n in held)
    assert {"tinygrad_lite/py.typed", "tinygrad_lite/data/digits.npz", "tinygrad_lite/viz/__init__.py"} <= held
    assert any(n.endswith("licenses/LICENSE") for n in dist["wheel"])


def test_the_sdist_builds_the_same_package(dist: dict[str, set[str]]) -> None:
    assert {"setup.cfg", "pyproject.toml", "README.md", "LICENSE", "viz/__init__.py"} <= dist["sdist"]
    assert {"tinygrad_lite/py.typed", "tinygrad_lite/data/digits.npz"} <= dist["sdist"]
