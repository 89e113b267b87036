"""Watch: what the page of a training run shows is what the tensors held, and it costs next to nothing."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz import Watch, draw
from tinygrad_lite.viz import watch as watching
from tinygrad_lite.viz.watch import SAMPLES, histogram, small

import tinygrad_lite as tg
from tinygrad_lite import Tensor, nn

from .browser import ask, needs_chromium
from .examples import variable
from .test_models import lenet


def trained(steps: int, every: int = 2) -> tuple[Watch, list[float], list[Any]]:
    """A small net trained for some steps, its losses, and its first weight at each."""
    tg.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    watch, losses, weights = Watch(net, every, engine="layered"), [], []
    rng = np.random.default_rng(0)
    for i in range(steps):
        x = rng.normal(size=(8, 3))
        optimizer.zero_grad()
        loss = np.mean((net(Tensor(x)) - x[:, :1]) ** 2)
        loss.backward()
        losses.append(loss.item())
        weights.append(next(iter(net.parameters())).data)
        watch(loss, rate=0.1 / (i + 1))
        optimizer.step()
    return watch, losses, weights


def test_curves_and_samples() -> None:
    watch, losses, weights = trained(9)
    assert watch.curves["loss"] == losses and len(watch.curves["rate"]) == 9
    assert [step for step, _ in watch.samples] == [0, 2, 4, 6, 8]
    key = next(c.key for c in watch.drawing.scene.cards() if c.name == "weight" and c.shape == (4, 3))
    for step, held in watch.samples:
        picture, some = held[watch.keys.index(key)]
        assert np.array_equal(picture, weights[step]) and np.array_equal(some, weights[step].ravel())
    assert -key in watch.keys, "its gradient too"
    assert str(watch).startswith("9 steps: loss ")


def test_memory_is_bounded() -> None:
    watch, _, _ = trained(3000, 1)
    assert len(watch.samples) <= SAMPLES and len(watch.curves["loss"]) <= 1000
    steps = [step for step, _ in watch.samples]
    assert steps[0] == 0 and steps[-1] > 2000 and set(np.diff(steps)) <= {watch.every // 2, watch.every}
    picture, some = small(np.zeros((64, 6, 28, 28))) or (np.ones(0), np.ones(0))
    assert 0 < picture.size <= 100 and some.size <= 1100
    assert picture.base is None and some.base is None, "copies: the arrays themselves are let go"


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_a_histogram_of_two_neighbours(dtype: Any) -> None:
    low = dtype(1)
    *_, counts = histogram(np.array([low, np.nextafter(low, dtype(2)), low]))
    assert counts == [2, *[0] * 22, 1]


def test_a_notebook_is_refreshed_so_rarely_that_it_costs_a_hundredth(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, _, _ = trained(1)
    now, shown = [0.0], []

    def update_display(bundle: Any, raw: bool, display_id: str) -> None:
        assert raw and display_id == "run" and "text/html" in bundle
        shown.append(watch.step)
        now[0] += 1 / 8  # s

    monkeypatch.setattr(watching, "import_module", lambda name: SimpleNamespace(update_display=update_display))
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: now[0]))
    watch._shown = "run"
    loss = np.sum(variable(np.ones(3)) ** 2)
    for _ in range(1000):
        now[0] += 1 / 16
        watch(loss)
    assert shown == [2, 203, 404, 605, 806]
    watch.refresh()
    watch.refresh()
    assert shown[5:] == [1001], "after the cell, and only once"


@pytest.mark.parametrize("a", [np.arange(12.0).reshape(3, 4), np.full(5, 2.0), np.array([np.nan, 1, 2, np.inf]), 3.0])
def test_a_histogram_counts_what_is_finite(a: Any) -> None:
    kept = small(a)
    assert kept is not None
    low, high, counts = histogram(kept[1])
    finite = np.ravel(a)[np.isfinite(np.ravel(a))]
    if finite.min() < finite.max():
        assert (low, high, sum(counts)) == (finite.min(), finite.max(), finite.size)
    else:
        assert counts == []


def test_it_costs_less_than_a_fiftieth_of_a_lenet_step() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    x, y = np.random.default_rng(0).random((64, 1, 28, 28), np.float32), np.arange(64) % 10
    watch = Watch(net)
    took: list[float] = []
    cost: list[float] = []
    between: list[float] = []
    for _ in range(6):
        start = time.perf_counter()
        loss = tg.cross_entropy(net(Tensor(x)), y)
        loss.backward()
        took.append(time.perf_counter() - start)
        watch.step = 0
        for times in (cost, between):
            start = time.perf_counter()
            watch(loss)
            times.append(time.perf_counter() - start)
    assert min(cost) + 19 * min(between) < 0.02 * 20 * min(took)


def test_what_it_refuses() -> None:
    net = nn.Linear(2, 1)
    assert repr(Watch(net)) == "<Watch 0 steps>"
    with pytest.raises(ValueError, match="every=0; it must be at least 1"):
        Watch(net, 0)
    with pytest.raises(ValueError, match="needs a scalar with a graph"):
        Watch(net)(Tensor(1.0))
    with pytest.raises(ValueError, match="call it with a loss first"):
        Watch(net).html()


def test_another_graph_is_left_out() -> None:
    watch, _, _ = trained(3, 1)
    watch(lenet())
    assert len(watch.samples) == 3 and len(watch.curves["loss"]) == 4


@needs_chromium
def test_the_page_shows_each_step(tmp_path: Path) -> None:
    watch, losses, weights = trained(9)
    page = watch.save(tmp_path / "run.html")
    assert page.stat().st_size < 500_000
    script = """
    const wait = () => new Promise(done => setTimeout(done, 300)), slider = document.querySelector("input[type=range]");
    const seen = async i => {
      slider.value = i; slider.dispatchEvent(new Event("input")); await wait();
      const card = [...document.querySelectorAll(".c[data-n]")].find(c => c.textContent.includes("4×3"));
      const number = [...document.querySelectorAll(".out .number")].map(t => t.textContent);
      return [card.querySelector("image.v").getAttribute("href").length, card.querySelector(".range").textContent,
        number, document.querySelector("b").textContent, document.body.innerText.includes("∂ weight")];
    };
    return [await seen(0), await seen(4)];
    """
    for (long, span, number, label, gradients), step in zip(ask(page.read_text(), script, tmp_path), (0, 8)):
        low, high = (f"{x:.2g}".replace("-", "−") for x in (weights[step].min(), weights[step].max()))
        assert span == f"{low} … {high}"
        assert float(number[0]) == pytest.approx(losses[step], rel=2e-3)
        assert float(label.split()[1]) == pytest.approx(losses[step], rel=2e-3)
        assert long > 100 and gradients


def test_in_a_notebook() -> None:
    watch, _, _ = trained(3)
    assert set(watch._repr_mimebundle_()) == set(draw(lenet())._repr_mimebundle_())
