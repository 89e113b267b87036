"""ctc_loss: against the sum over all alignments, written out; gradients to second order; refusals."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

RNG = np.random.default_rng(0)


def spelled(alignment: Any, blank: int) -> list[int]:
    """What an alignment spells."""
    return [c for c, _ in itertools.groupby(alignment) if c != blank]


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("target", [[], [1], [1, 1], [1, 3], [3, 1, 3]])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_it_is_the_sum_over_all_alignments(blank: int, target: list[int], steps: int) -> None:
    logs = np.asarray(F.log_softmax(RNG.standard_normal((4, 4)), 1))
    p = np.exp(logs[:steps])
    total = sum(
        math.prod(p[t, c] for t, c in enumerate(alignment))
        for alignment in itertools.product(range(4), repeat=steps)
        if spelled(alignment, blank) == target
    )
    found = F.ctc_loss(logs, np.array(target, int), [steps], [len(target)], blank, "sum")
    np.testing.assert_allclose(found, -np.log(total) if total else np.inf, rtol=1e-12)


def test_gradients_to_second_order() -> None:
    x, targets = RNG.standard_normal((5, 3, 4)), np.array([[1, 1], [2, 3], [1, 0]])
    for reduction in ("mean", "sum", "none"):
        sizes = ([5, 4, 3], [2, 2, 0], 0, reduction)
        tg.gradcheck(lambda x, sizes=sizes: F.ctc_loss(F.log_softmax(x, 2), targets, *sizes), x, order=2)
    tg.gradcheck(lambda x: F.ctc_loss(x, targets, [5, 4, 3], [2, 2, 1]), x, order=2)


def test_what_no_alignment_is_long_enough_for_has_no_gradient() -> None:
    x = tg.Tensor(RNG.standard_normal((3, 2, 4)).astype(np.float32), requires_grad=True)
    for zero in (False, True):
        loss = F.ctc_loss(F.log_softmax(x, 2), [[1, 2], [1, 1]], [1, 3], [2, 2], 0, "none", zero)
        assert loss.dtype == np.float32 and loss.data[0] == (0 if zero else np.inf) and np.isfinite(loss.data[1])
        loss.sum().backward()
        assert np.all(x.grad.data[:, 0] == 0) and np.all(np.isfinite(x.grad.data))


def test_a_class_of_probability_0_is_no_nan() -> None:
    logs = tg.Tensor([[math.log(0.5), math.log(0.5), -math.inf]] * 4, requires_grad=True)
    loss = F.ctc_loss(logs, [1], [4], [1])
    np.testing.assert_allclose(loss.data, -np.log(10 / 16))  # 1 on 1, 2, 3 or 4 steps in a row of 4
    loss.backward()
    assert np.all(np.isfinite(logs.grad.data))


def test_nothing() -> None:
    assert F.ctc_loss(np.zeros((0, 2, 3)), np.zeros((2, 0), int), [0, 0], [0, 0], reduction="sum") == 0
    assert F.ctc_loss(np.zeros((4, 0, 3)), np.zeros((0, 2), int), [], [], reduction="none").shape == (0,)


X, T = np.zeros((5, 2, 4)), [[1, 2], [3, 1]]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((X[0, 0], T, [5, 5], [2, 2]), ValueError, r"ctc_loss: log_probs must be \(T, N, C\) or \(T, C\), it has"),
        ((X, T, [5], [2, 2]), ValueError, "ctc_loss: input_lengths must be 2 integers of at least 0, one for each"),
        ((X, T, [5, 6], [2, 2]), ValueError, r"input_lengths must be at most the 5 steps of log_probs, got \[5, 6\]"),
        ((X, T, [5, 5], [2, 3]), ValueError, r"targets have shape \(2, 2\): they need \(2, 3\) or more, or one after"),
        ((X, [1, 2, 3], [5, 5], [2, 2]), ValueError, r"they need \(2, 2\) or more, or one after the other \(4,\)"),
        ((X, [[1, 2], [3, 4]], [5, 5], [2, 2]), IndexError, "target 4 is none of the 4 classes"),
        ((X, T, [5, 5], [2, 2], 4), IndexError, "blank=4 is none of the 4 classes"),
        ((X, T, [5, 5], [2, 2], 0, "most"), ValueError, "reduction must be 'mean', 'sum' or 'none', not 'most'"),
        ((X, [[0.5, 1]], [5, 5], [2, 2]), ValueError, "targets must be integers, not float64"),
    ],
)
def test_what_is_refused(arguments: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        F.ctc_loss(*arguments)
