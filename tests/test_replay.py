"""replay: the recorded graph again with other leaf values equals the program run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import Tensor, nn

RNG = np.random.default_rng(0)


def leaf(*shape: int) -> Tensor:
    return Tensor(RNG.normal(size=shape), requires_grad=True)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "scalars": (lambda a, b: a * b + np.exp(a) / 3 + a**2, ((), ())),
    "twice": (lambda x: x * x + x, ((3,),)),
    "matrices": (lambda x, w, b: np.sum(np.tanh(x @ w.T + b) ** 2), ((4, 3), (5, 3), (5,))),
    "keywords": (lambda x, w: F.conv2d(x, w, stride=2, padding=1).mean(axis=(2, 3)), ((2, 3, 6, 6), (4, 3, 3, 3))),
    "inputs by name": (lambda x, w: F.conv2d(x, weight=w, padding=1).sum(), ((1, 2, 5, 5), (3, 2, 3, 3))),
    "constants": (lambda x: np.sum(x * np.arange(6.0).reshape(2, 3) + 0.5), ((2, 3),)),
    "indices": (lambda x: x[np.array([0, 2]), 1:].sum() + np.max(x), ((4, 3),)),
    "pooling": (lambda x: F.max_pool2d(tg.relu(x), 2).sum(), ((1, 2, 4, 4),)),
    "losses": (lambda x: tg.cross_entropy(x, np.array([0, 2])), ((2, 3),)),
    "lists": (lambda x, y: np.concatenate([x, y, x * 2]).sum(axis=0), ((2, 3), (1, 3))),
    "einsum": (lambda x, y: np.einsum("ij,kj->ik", x, y), ((2, 3), (4, 3))),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_the_program_run_again(name: str) -> None:
    program, shapes = PROGRAMS[name]
    leaves = [leaf(*shape) for shape in shapes]
    others = [leaf(*shape) for shape in shapes]
    made, right = tg.replay(program(*leaves), dict(zip(leaves, others))), program(*others)
    assert np.array_equal(made.data, right.data) and made.dtype == right.dtype
    made.sum().backward()
    found = [x.grad.data for x in others]
    for x in others:
        x.zero_grad()
    right.sum().backward()
    for g, x in zip(found, others):
        assert np.array_equal(g, x.grad.data)
    assert all(x.grad is None for x in leaves), "the old graph is left alone"


@pytest.mark.parametrize("name", ["scalars", "matrices", "keywords", "losses", "pooling"])
def test_higher_orders(name: str) -> None:
    program, shapes = PROGRAMS[name]
    leaves, others = ([leaf(*shape) for shape in shapes] for _ in range(2))

    def derivative(out: Any) -> Any:
        """∂/∂x of |∂out/∂x₀|², for the last input x that it depends on."""
        out.sum().backward(create_graph=True)
        squared = np.sum(others[0].grad ** 2)
        for x in others:
            x.grad = None
        if squared.requires_grad:
            squared.backward()
        found = [x.grad.data for x in others if x.grad is not None]
        for x in others:
            x.grad = None
        return found[-1] if found else np.zeros(())

    made = derivative(tg.replay(program(*leaves), dict(zip(leaves, others))))
    assert np.allclose(made, derivative(program(*others)), rtol=1e-12)


def test_only_what_depends_on_the_changed_leaf_runs_again() -> None:
    x, w = leaf(3), leaf(3)
    hidden = np.tanh(x)
    out = hidden * w
    made = tg.replay(out, {w: np.ones(3)})
    assert made.args[0] is hidden
    assert tg.replay(hidden, {x: np.zeros(3)}).data.tolist() == [0, 0, 0]
    made.sum().backward()
    assert x.grad is not None and w.grad is None, "gradients go to the leaves that were not changed, too"


def test_a_result_in_the_middle_may_be_changed() -> None:
    x = leaf(3)
    hidden = np.tanh(x)
    out = np.sum(hidden * 2)
    assert tg.replay(out, {hidden: np.ones(3)}).item() == 6
    assert tg.replay(hidden, {hidden: 5.0}).item() == 5


def test_a_leaf_that_was_rebound_since_keeps_the_value_that_the_op_saw() -> None:
    x, w = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    out = x * w
    w.data = w.data - 1
    made = tg.replay(out, {x: 10.0})
    assert made.item() == 30
    made.backward()
    assert w.grad is not None and w.grad.item() == 10


def test_numbers_take_the_dtype_of_the_leaf_and_names_stay() -> None:
    x = Tensor(np.float32(2), requires_grad=True, name="x")
    out = x * x
    out.name = "square"
    made = tg.replay({"a": [out, x]}, {x: 3})
    assert made["a"][0].dtype == np.float32 and made["a"][0].item() == 9
    assert (made["a"][0].name, made["a"][1].name) == ("square", "x")


def test_modules_keep_their_place() -> None:
    tg.manual_seed(0)
    layer, x = nn.Linear(3, 2), leaf(4, 3)
    out = layer(x)
    made = tg.replay(out, {x: x.data * 2})
    assert made.scope is out.scope
    assert np.allclose(made.data, layer(x.data * 2).data)


def test_nothing_is_recorded_under_no_grad() -> None:
    x = leaf(3)
    out = np.sum(x * x)
    with tg.no_grad():
        assert not tg.replay(out, {x: np.ones(3)}).requires_grad


def test_a_long_chain() -> None:
    x = Tensor(0.1, requires_grad=True)
    y: Any = x
    for _ in range(20_000):
        y = y + 1
    assert tg.replay(y, {x: 1.0}).item() == 20_001


def test_what_cannot_be_replayed_is_said() -> None:
    x, other = leaf(3), leaf(3)
    out = np.sum(tg.relu(x))
    with pytest.raises(ValueError, match="not in the graph"):
        tg.replay(out, {other: np.ones(3)})
    with pytest.raises(TypeError, match="each key of values must be a Tensor"):
        tg.replay(out, {"x": np.ones(3)})
    with pytest.raises(TypeError, match="each output must be a Tensor, got"):
        tg.replay(3.0, {x: np.ones(3)})
    out = np.sum(x**3)
    out.backward(create_graph=True)
    with pytest.raises(ValueError, match="made by a backward pass"):
        tg.replay(x.grad, {x: np.ones(3)})
    with pytest.raises(ValueError, match="matmul: "):
        tg.replay(x @ leaf(3, 2), {x: np.ones(4)})
