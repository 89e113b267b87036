"""The page for people who come from PyTorch is true: its rows agree, its code runs, and training goes the same way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.examples import gpt, lstm

torch = pytest.importorskip("torch")

PAGE = (Path(nn.__file__).parent / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's code has defined, once all of it ran."""
    scope: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        torch.manual_seed(0)
        for code in CODE:
            exec(code, scope)
    return scope


@pytest.mark.parametrize(("theirs", "ours"), ROWS)
def test_a_row_names_one_function_in_both_libraries(theirs: str, ours: str) -> None:
    rng = np.random.default_rng(0)
    x, y, labels = rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), np.array([3, 0, 1])
    there = eval(theirs, {"torch": torch, "x": torch.tensor(x), "y": torch.tensor(y), "labels": torch.tensor(labels)})
    here = eval(ours, {"np": np, "tg": tg, "x": tg.Tensor(x), "y": tg.Tensor(y), "labels": labels})
    value = np.asarray(here.data if isinstance(here, tg.Tensor) else here)
    assert value.shape == np.shape(there) and np.allclose(value, np.asarray(there), rtol=1e-12)


def test_there_are_rows_and_code() -> None:
    assert len(ROWS) > 15 and len(CODE) == 3


def test_every_name_on_the_page_exists(page: dict[str, Any]) -> None:
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    for name in re.findall(r"`tg\.(\w+)", text):
        assert hasattr(tg, name), name
    for name in re.findall(r"`x\.(\w+)", text.partition("## Called otherwise")[0]):
        assert hasattr(tg.Tensor, name) or hasattr(tg.Tensor(np.ones(2)), name), name
        assert hasattr(torch.Tensor, name), name
    assert isinstance(page["ours"], gpt.GPT)


def curves(ours: Any, theirs: Any, batches: Any, loss: Any, their_loss: Any, lr: float) -> list[tuple[float, float]]:
    """The losses of both, trained from one state on the same batches as the examples do."""
    ours.load_state_dict(theirs.state_dict())
    a = tg.optim.AdamW(ours.parameters(), lr=lr, betas=(0.9, 0.99))
    b = torch.optim.AdamW(theirs.parameters(), lr=lr, betas=(0.9, 0.99))
    down = tg.optim.lr_scheduler.CosineAnnealingLR(a, 100), torch.optim.lr_scheduler.CosineAnnealingLR(b, 100)
    losses = []
    for x, y in batches:
        one, two = loss(ours(x), y), their_loss(theirs(torch.tensor(x)), torch.tensor(y))
        for optimizer, value in ((a, one), (b, two)):
            optimizer.zero_grad()
            value.backward()
        nn.utils.clip_grad_norm_(ours.parameters(), 1.0)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        for part in (a, b, *down):
            part.step()
        losses.append((one.item(), two.item()))
    return losses


def test_a_gpt_follows_pytorch_s_loss_over_100_steps(page: dict[str, Any]) -> None:
    sizes = {"characters": 103, "context": 16, "width": 32, "heads": 4, "layers": 2}
    text = tg.data.text()
    codes = np.searchsorted(sorted(set(text)), list(text[:50_000]))
    tg.manual_seed(0)
    torch.manual_seed(0)
    losses = curves(
        gpt.GPT(**sizes),
        page["TorchGPT"](**sizes),
        tg.data.DataLoader(gpt.Excerpts(codes, 16, 800), 8),
        lambda scores, y: tg.cross_entropy(np.swapaxes(scores, 1, 2), y),
        lambda scores, y: torch.nn.functional.cross_entropy(scores.transpose(1, 2), y),
        lr=0.003,
    )
    ours, theirs = np.transpose(losses)
    assert len(ours) == 100 and ours[-1] < ours[0] - 1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_an_lstm_follows_pytorch_s_loss_over_100_steps() -> None:
    class TorchAdder(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.out = torch.nn.LSTM(2, 8, batch_first=True), torch.nn.Linear(8, 1)

        def forward(self, x: Any) -> Any:
            return self.out(self.lstm(x)[0][:, -1])[:, 0]

    tg.manual_seed(0)
    torch.manual_seed(0)
    batches = tg.data.DataLoader(lstm.Adding(1600, 12), 16)
    ours, theirs = np.transpose(
        curves(lstm.Adder(8, 12), TorchAdder(), batches, tg.mse_loss, torch.nn.functional.mse_loss, lr=0.01)
    )
    assert len(ours) == 100
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
