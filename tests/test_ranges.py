"""linspace, logspace, geomspace: NumPy's numbers, and gradients of both ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

ENDS: list[Any] = [
    (0.5, 3.0),
    (3.0, 0.5),
    (-1.0, -4.0),
    (np.array([0.5, 1.0]), 3.0),
    (np.array([[1.0], [2.0]]), np.array([3.0, 4.0])),
]
SETTINGS: list[Any] = [{}, {"num": 1}, {"num": 0}, {"num": 7, "endpoint": False}, {"num": 4, "axis": -1}]


@pytest.mark.parametrize("name", ["linspace", "logspace", "geomspace"])
@pytest.mark.parametrize("ends", ENDS, ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_numbers_and_the_gradients(name: str, ends: tuple[Any, Any], settings: dict[str, Any]) -> None:
    f: Any = getattr(np, name)
    start, stop = (tg.Tensor(e, requires_grad=True) for e in ends)
    np.testing.assert_allclose(f(start, stop, **settings).data, f(*ends, **settings), rtol=1e-13)
    assert f(start, ends[1], **settings).requires_grad
    assert f(ends[0], stop, **settings).requires_grad
    assert tg.gradcheck(lambda a, b: f(a, b, **({"num": 5} | settings)), *ends)


def test_the_ends_are_exact_and_the_step_has_a_gradient() -> None:
    a, b = tg.Tensor(0.1, requires_grad=True), tg.Tensor(0.7, requires_grad=True)
    for f in (np.linspace, np.geomspace):
        y: Any = f(a, b, 7)
        assert (y.data[0], y.data[-1]) == (0.1, 0.7)
    linspace: Any = np.linspace
    _, step = linspace(a, b, 7, retstep=True)
    step.backward()
    np.testing.assert_allclose([a.grad.item(), b.grad.item()], [-1 / 6, 1 / 6])


def test_dtypes_are_numpys() -> None:
    a = tg.Tensor(1.0, requires_grad=True, dtype=np.float32)
    assert np.linspace(a, 3).dtype == np.linspace(np.float32(1), 3).dtype
    assert np.linspace(a, 3.0, dtype=np.float64).dtype == np.float64
    whole: Any = np.linspace(a, 8, 5, dtype=int)
    assert not isinstance(whole, tg.Tensor) or not whole.requires_grad
    np.testing.assert_array_equal(whole, np.linspace(1, 8, 5, dtype=int))


def test_the_base_has_a_gradient() -> None:
    assert tg.gradcheck(lambda base: np.logspace(0.0, 2.0, 4, base=base), 3.0)


@pytest.mark.parametrize(("ends", "num"), [((0.0, 1.0), 3), ((-1.0, 1.0), 3), ((1.0, 2.0), -1)])
def test_what_cannot_be_is_refused(ends: tuple[float, float], num: int) -> None:
    with pytest.raises(ValueError, match=r"^geomspace: (start and stop must have the same sign|num must not be)"):
        np.geomspace(tg.Tensor(ends[0]), ends[1], num)
