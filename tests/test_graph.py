"""The engine's promises: what is recorded, what the walk back gives, what is kept and what is freed."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import OPS, TABLE, Node, Rule, backpropagate, op

V = np.array([1.0, 2.0, 3.0])


def leaf(x: Any, dtype: Any = np.float64, name: str | None = None) -> Any:
    return tg.Tensor(x, requires_grad=True, dtype=dtype, name=name)


def interior(root: Any) -> list[Any]:
    """All nodes that an op made, once each."""
    seen, stack = set(), [root]
    while stack:
        node = stack.pop()
        if node not in seen and node.op is not None:
            seen.add(node)
            stack.extend(node.parents())
    return list(seen)


@pytest.fixture
def own_ops() -> Iterator[None]:
    """Ops made in a test leave the tables with it."""
    tables: list[dict[Any, Any]] = [OPS, TABLE]
    before = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, before):
        table.clear()
        table.update(entries)


# ----------------------------------------------------------------------------------------------- what is recorded


def test_the_graph_tells_how_a_value_came_to_be() -> None:
    x, w = leaf(V, name="x"), tg.Tensor(2.0)
    y = np.sum(x * w, axis=0)
    assert y.op.name == "sum"
    assert y.kwargs == {"axis": 0}
    product = y.args[0]
    assert product.op.name == "multiply"
    assert product.args == (x, w)
    assert [p.name for p in product.parents()] == ["x"]  # no gradient flows to w
    assert product.closures[1] is None
    assert (x.op, x.args, x.closures) == (None, (), ())


def test_without_a_gradient_to_give_nothing_is_recorded() -> None:
    y: Any = np.exp(tg.Tensor(V)) * 2
    assert not y.requires_grad
    assert (y.op, y.args) == (None, ())


def test_an_op_on_bare_arrays_gives_a_bare_array() -> None:
    from tinygrad_lite.ops.elementwise import multiply

    assert type(multiply(V, 2)) is np.ndarray
    assert type(multiply(np.float64(3), 2)) is np.float64


def test_inputs_given_by_name_take_their_places() -> None:
    from tinygrad_lite.ops.elementwise import divide

    x, y = leaf(6.0), leaf(3.0)
    divide(y=y, x=x).backward()
    assert (x.grad.item(), y.grad.item()) == (1 / 3, -6 / 9)


def test_an_argument_that_no_gradient_flows_to_is_taken_by_value_or_refused() -> None:
    mask = tg.Tensor([True, False, True])
    assert np.mean(leaf(V), where=mask).item() == 2
    with pytest.raises(TypeError, match=r"mean: its rule has no closure for its argument of shape .*: detach"):
        np.mean(leaf(V), where=leaf(V))
    with pytest.raises(TypeError, match="nan_to_num: its rule has no closure for its argument"):
        np.nan_to_num(leaf(V), True, leaf(0.0))


# ------------------------------------------------------------------------------------------------------- no_grad


def test_no_grad_as_a_context_and_as_a_decorator() -> None:
    x = leaf(V)
    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.no_grad():
            pass
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad

    @tg.no_grad()
    def double(x: Any) -> Any:
        return x * 2

    for _ in range(2):
        assert not double(x).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        raise ZeroDivisionError
    assert (leaf(V) * 2).requires_grad


def test_no_grad_in_one_thread_does_not_reach_another() -> None:
    inside, seen = threading.Event(), threading.Event()
    recorded = []

    def other() -> None:
        assert inside.wait(10)
        recorded.append((leaf(V) * 2).requires_grad)
        seen.set()

    thread = threading.Thread(target=other)
    thread.start()
    with tg.no_grad():
        inside.set()
        assert seen.wait(10)
    thread.join()
    assert recorded == [True]


def test_threads_that_share_a_leaf_each_walk_their_own_graph() -> None:
    x = leaf(V)
    found: list[Any] = []

    def work(k: int) -> None:
        for _ in range(50):
            y = (x * k * x).sum()
            found.append((k, dict(backpropagate(y, np.float64(1)))[x]))

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 150
    for k, g in found:
        np.testing.assert_array_equal(g, 2 * k * V)


# ------------------------------------------------------------------------------------------------ .backward() refuses


def test_backward_of_more_than_one_element_needs_a_seed() -> None:
    with pytest.raises(RuntimeError, match=r"backward: this tensor has shape \(3,\).*\.sum\(\).*pass grad="):
        (leaf(V) * 2).backward()


@pytest.mark.parametrize("make", [lambda: tg.Tensor(1.0), lambda: tg.Tensor(V).sum(), lambda: leaf(V).sum().detach()])
def test_backward_without_a_graph_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"backward: this tensor has no graph.*requires_grad=True.*no_grad"):
        make().backward()


def test_backward_of_what_was_made_in_no_grad_is_refused() -> None:
    with tg.no_grad():
        y = leaf(V).sum()
    with pytest.raises(RuntimeError, match="no graph"):
        y.backward()


@pytest.mark.parametrize("seed", [1.0, np.ones(2), np.ones((1, 3)), np.ones((3, 1)), []], ids=np.shape)
def test_a_seed_of_another_shape_is_refused(seed: Any) -> None:
    x = leaf(V)
    with pytest.raises(
        ValueError, match=r"backward: grad has shape .*, this tensor has shape \(3,\); they must be equal"
    ):
        (x * 2).backward(seed)
    assert x.grad is None


@pytest.mark.parametrize(
    "seed", [[1, 0, 2], np.array([1.0, 0, 2]), tg.Tensor([1.0, 0, 2]), np.array([1, 0, 2], np.float32)]
)
def test_a_seed_may_be_anything_that_is_an_array(seed: Any) -> None:
    x = leaf(V)
    (x * x).backward(seed)
    assert x.grad.data.tolist() == [2, 0, 12]
    assert x.grad.dtype == np.float64


def test_one_element_needs_no_seed_whatever_its_shape() -> None:
    x = leaf([[3.0]])
    (x * x).backward()
    assert x.grad.data.tolist() == [[6]]
    x.zero_grad()
    x.backward()
    assert x.grad.data.tolist() == [[1]]


# --------------------------------------------------------------------------------------------- the walk: what it gives


def test_backward_twice_adds_the_right_gradient_twice() -> None:
    x = leaf(V)
    y = np.sum(np.exp(x) * x)
    y.backward()
    once = x.grad.data
    y.backward()
    np.testing.assert_array_equal(x.grad.data, 2 * once)
    np.sum(x).backward()
    np.testing.assert_array_equal(x.grad.data, 2 * once + 1)


def test_interior_gradients_never_linger() -> None:
    x = leaf(V)
    h = x * x
    y = np.sum(h * h)
    before = [(n, n.value, n.inputs, n.closures) for n in interior(y)]
    for create_graph in (False, True):
        y.backward(create_graph=create_graph)
    assert all(n.grad is None for n in interior(y))
    for n, value, inputs, closures in before:
        assert n.value is value and n.inputs is inputs and n.closures is closures
    z = np.sum(h)  # another root over the same interior
    x.zero_grad()
    z.backward()
    np.testing.assert_array_equal(x.grad.data, 2 * V)


def test_one_tensor_as_both_inputs() -> None:
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == 6
    y = leaf(V)
    (y + y).sum().backward()
    assert y.grad.data.tolist() == [2, 2, 2]
    m = leaf([[1.0, 2.0], [3.0, 4.0]])
    (m @ m).sum().backward()
    ones = np.ones((2, 2))
    np.testing.assert_array_equal(m.grad.data, ones @ m.data.T + m.data.T @ ones)


def test_a_diamond_of_diamonds() -> None:
    """2ⁿ paths from x to y, walked in n steps."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_branches_of_unequal_length_meet() -> None:
    def f(x: Any) -> Any:
        a = x * 2
        return a * np.tanh(np.sin(np.exp(a))) + a

    tg.gradcheck(f, 0.3 * V)


def test_the_walk_yields_every_node_once_after_all_that_use_it() -> None:
    x = leaf(V)
    a = x * 2
    b = np.exp(a)
    y = np.sum(a * b + b)
    order = [node for node, _ in backpropagate(y, np.float64(1))]
    assert len(order) == len(set(order)) == 6
    place = {node: i for i, node in enumerate(order)}
    assert all(place[parent] > place[node] for node in order for parent in node.parents())


def test_the_walk_may_be_stopped_anywhere_and_taken_again() -> None:
    x = leaf(V)
    y = np.sum(x * x)
    next(backpropagate(y, np.float64(1)))
    y.backward()
    np.testing.assert_array_equal(x.grad.data, 2 * V)


def test_a_sum_of_gradients_does_not_write_into_its_parts() -> None:
    """`same` passes one array on to several places."""
    x, w = leaf(V), leaf(V)
    s = x + w
    (s + x + x + w * 3).sum().backward()
    assert (x.grad.data.tolist(), w.grad.data.tolist()) == ([3, 3, 3], [4, 4, 4])
    seed = np.ones(3)
    (x + x + x).backward(seed)
    assert seed.tolist() == [1, 1, 1]


def test_the_gradients_of_several_leaves_do_not_share_memory_that_changes() -> None:
    x, y = leaf(V), leaf(V)
    (x + y).sum().backward()
    before = y.grad.data.copy()
    (x * 2).sum().backward()
    np.testing.assert_array_equal(y.grad.data, before)
    with pytest.raises(ValueError, match="read-only"):
        x.grad.data[0] = 5


def test_broadcasting_is_undone() -> None:
    shapes: list[tuple[int, ...]] = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1, 1), (4, 1, 3)]
    for shape in shapes:
        x = leaf(np.ones(shape))
        (x * leaf(np.ones((4, 2, 3)))).sum().backward()
        assert x.grad.shape == shape
        np.testing.assert_array_equal(x.grad.data, np.full(shape, 24 / x.size))


def test_a_gradient_has_its_tensors_dtype() -> None:
    a, b = leaf(V, np.float32), leaf(V, np.float64)
    y = (a * b).sum()
    assert y.dtype == np.float64
    y.backward(create_graph=True)
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


# -------------------------------------------------------------------------------------- nothing in a graph changes


def test_results_are_read_only() -> None:
    x = leaf(V)
    results: list[Any] = [x * 2, x[1:], x.reshape(3, 1), np.broadcast_to(x, (2, 3)), x.T, np.exp(tg.Tensor(V))]
    for y in results:
        with pytest.raises(ValueError, match="read-only"):
            y.data[...] = 0


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_operand_that_its_owner_changes_after_the_forward(create_graph: bool) -> None:
    x, a = leaf(V), np.array([2.0, 3.0, 4.0])
    y = np.sum(x * x * a + a**x + (a[:, None] @ x[None]))
    expected = leaf(V)
    b = tg.Tensor(a.copy())
    z = np.sum(expected * expected * b + b**expected + (b[:, None] @ expected[None]))
    a[:] = 100
    for root in (y, z):
        root.backward(create_graph=create_graph)
    np.testing.assert_allclose(x.grad.data, expected.grad.data)
    if create_graph:
        slopes = []
        for t in (x, expected):
            first = t.grad
            t.zero_grad()
            first.sum().backward()
            slopes.append(t.grad.data)
        np.testing.assert_allclose(*slopes)


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_index_a_mask_and_a_condition_that_change_after_the_forward(create_graph: bool) -> None:
    x = leaf(V)
    index, mask, condition = np.array([0, 0, 2]), np.array([True, False, True]), np.array([True, True, False])
    listed = [0, 1]
    y = x[index].sum() + np.where(condition, x * x, 0).sum() + np.sum(x, where=mask) + x[listed].sum() + x[mask].sum()
    index[:] = 1
    mask[:] = False
    condition[:] = False
    listed[:] = [2, 2]
    y.backward(create_graph=create_graph)
    assert x.grad.data.tolist() == [2 + 2 + 1 + 1 + 1, 4 + 1, 1 + 1 + 1]


def test_a_leaf_that_is_rebound_leaves_its_old_graph_right_to_second_order() -> None:
    x = leaf(2.0)
    y = x**3 * np.exp(x)
    x.data = np.float64(5)
    y.backward(create_graph=True)
    first = x.grad
    assert first.item() == pytest.approx((3 * 4 + 8) * np.exp(2))
    x.zero_grad()
    first.backward()
    assert x.grad.item() == pytest.approx((6 * 2 + 2 * 3 * 4 + 8) * np.exp(2))


def test_a_leaf_that_is_rebound_between_two_graphs() -> None:
    w = leaf([1.0, 2.0])
    old = np.sum(w * w)
    w.data = w.data - 0.5 * np.array([2.0, 4.0])
    new = np.sum(w * w)
    old.backward()
    assert w.grad.data.tolist() == [2, 4]
    w.zero_grad()
    new.backward()
    assert w.grad.data.tolist() == [0, 0]


def test_a_leaf_keeps_its_shape_and_dtype_when_it_is_rebound() -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    w.data = w.data - np.float64(0.5) * np.ones(2)
    assert w.dtype == np.float32
    with pytest.raises(ValueError, match=r"data: this tensor has shape \(2,\), and cannot hold shape \(3, 1\)"):
        w.data = np.ones((3, 1))
    with pytest.raises(TypeError, match="cannot hold complex"):
        w.data = np.ones(2) * 1j


# -------------------------------------------------------------------------------------- mistakes in rules are named


def mistaken(closures: Any) -> Any:
    @tg.op
    def twice(x: Any) -> Any:
        return x * 2, closures

    return twice


@pytest.mark.parametrize(
    ("closures", "said"),
    [
        (
            (lambda g: (g * np.arange(6.0).reshape(2, 3)).T,),
            r"twice: ∂L/∂x: .* shape \(3, 2\), but its input has shape \(2, 3\)",
        ),
        ((lambda g: np.ravel(g),), r"twice: ∂L/∂x: .* shape \(6,\), but"),
        ((lambda g: 1.0,), r"twice: ∂L/∂x: .* shape \(\), but"),
        ((lambda g: None,), r"twice: ∂L/∂x: the closure returned None"),
        ((lambda g: g.undefined_axis(0) if False else np.sum(g, axis=7),), r"twice: ∂L/∂x: axis 7 is out of bounds"),
        (lambda g: g, r"twice: its rule must return \(value, \(closure, …\)\)"),
        ((lambda g: g, lambda g: g), r"twice: its rule must return .* got 2 closures"),
        ((), r"twice: its rule has no closure for its argument"),
    ],
)
def test_a_mistake_in_a_rule_is_named(closures: Any, said: str) -> None:
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises((ValueError, TypeError), match=f"^{said}"):
        np.sum(mistaken(closures)(x)).backward()
    assert x.grad is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_operators_rule_gives_two_closures(own_ops: None, count: int) -> None:
    @op(np.remainder)
    def left(x: Any, y: Any) -> Rule:
        return x, (lambda g: g,) * count

    x = leaf(2.0)
    with pytest.raises(TypeError, match=r"^left: its rule"):
        x % leaf(3.0)
    if count == 1:  # enough for an argument that needs no gradient
        y: Any = x % 3.0
        y.backward()
        assert x.grad.item() == 1


def test_a_closure_cannot_write_into_another_branchs_gradient() -> None:
    def doubled(g: Any) -> Any:
        g *= 2
        return g

    a, b = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    with pytest.raises(ValueError, match=r"twice: ∂L/∂x: output array is read-only"):
        np.sum((mistaken((doubled,))(a) + b) * 3.0).backward()


def test_threads_that_share_a_leaf_lose_no_gradient() -> None:
    w = leaf([0.0, 0.0])

    def work() -> None:
        for _ in range(300):
            (w * 1.0).sum().backward()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(before)
    assert w.grad.data.tolist() == [1200, 1200]


def test_an_error_is_not_its_own_cause() -> None:
    @tg.op
    def failing(x: Any) -> Any:
        return np.reshape(x, (5, 5)), (lambda g: g,)

    with pytest.raises(ValueError, match=r"^failing: ") as raised:
        failing(leaf([1.0, 2.0]))
    error: Any = raised.value
    for _ in range(5):
        assert error.__cause__ is not error
        error = error.__cause__ or ValueError()


def test_a_users_seed_stays_theirs() -> None:
    x = leaf([1.0, 2.0])
    seed = np.ones(2)
    for _ in backpropagate(x * 2, seed):
        pass
    (x * 2).backward(seed)
    seed[0] = 5
    assert x.grad.data.tolist() == [2, 2]


def test_a_gradient_that_is_part_of_a_users_seed_does_not_change_with_it() -> None:
    x, w = (tg.Tensor(np.ones((2, 3)), requires_grad=True) for _ in range(2))
    pull = tg.vjp(lambda x: x + 1.0, x)[1]
    seed = np.arange(6.0).reshape(3, 2)
    (x + w).reshape(3, 2).backward(seed)
    x.backward(seed.reshape(2, 3))
    pulled = pull(seed.reshape(2, 3))
    seed[...] = 7
    np.testing.assert_array_equal(w.grad.data, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(x.grad.data, 2 * np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(pulled.data, np.arange(6.0).reshape(2, 3))


def test_op_of_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match=r"'relu'.* is not a NumPy function"):
        tg.op("relu")  # type: ignore[call-overload]


def test_an_unknown_keyword_is_named() -> None:
    with pytest.raises(TypeError, match="multiply: there is no argument 'z'; it takes x, y"):
        tg.ops.elementwise.multiply(leaf(1.0), z=leaf(2.0))  # type: ignore[call-arg]


def test_a_memory_map_that_changes_after_the_forward_run(tmp_path: Any) -> None:
    on_disk = np.memmap(tmp_path / "m", float, "w+", shape=(2,))
    on_disk[:] = 1
    x = leaf([1.0, 1.0])
    y = x * on_disk
    on_disk[0] = 5
    np.sum(y).backward()
    assert x.grad.data.tolist() == [1, 1]


class TestNoGrad:
    def test_a_decorator_with_and_without_parentheses(self) -> None:
        for decorate in (tg.no_grad, tg.no_grad()):
            assert not decorate(lambda: leaf(1.0) * 2)().requires_grad
            assert (leaf(1.0) * 2).requires_grad

    def test_one_object_may_be_entered_again(self) -> None:
        once = tg.no_grad()
        for _ in range(2):
            with once, once:
                assert not (leaf(1.0) * 2).requires_grad
            assert (leaf(1.0) * 2).requires_grad

    def test_a_generator_records_nothing_while_it_runs_and_its_caller_does(self) -> None:
        w, closed = leaf(2.0), []

        @tg.no_grad
        def numbers(n: int) -> Any:
            """Say what was sent."""
            sent = None
            try:
                for _ in range(n):
                    try:
                        sent = yield (w * 2).requires_grad, sent
                    except KeyError as error:
                        sent = error.args[0]
            finally:
                closed.append((w * 2).requires_grad)
            return "end"

        assert numbers.__doc__ == "Say what was sent."
        steps = numbers(4)
        assert next(steps) == (False, None)
        assert (w * 2).requires_grad
        assert steps.send("a") == (False, "a")
        assert steps.throw(KeyError("b")) == (False, "b")
        assert (w * 2).requires_grad
        steps.close()
        assert closed == [True]  # closing is the caller's doing
        assert list(numbers(2)) == [(False, None)] * 2
        with pytest.raises(StopIteration, match="end"):
            next(numbers(0))

    def test_async_functions_and_tasks_do_not_disturb_each_other(self) -> None:
        w = leaf(2.0)

        @tg.no_grad
        async def silent() -> bool:
            await asyncio.sleep(0)
            return bool((w * 2).requires_grad)

        async def inside() -> bool:
            with tg.no_grad():
                await asyncio.sleep(0.01)
                return bool((w * 2).requires_grad)

        async def loud() -> list[bool]:
            seen = []
            for _ in range(5):
                seen.append(bool((w * 2).requires_grad))
                await asyncio.sleep(0.003)
            return seen

        async def all_three() -> Any:
            return await asyncio.gather(inside(), silent(), loud())

        assert asyncio.run(all_three()) == [False, False, [True] * 5]

    def test_an_async_generator_is_refused(self) -> None:
        async def numbers() -> Any:
            yield 1

        with pytest.raises(TypeError, match=r"put `with tg.no_grad"):
            tg.no_grad(numbers)

    def test_an_update_that_would_only_move_the_name_is_refused(self) -> None:
        w = leaf([1.0, 2.0])
        with tg.no_grad(), pytest.raises(RuntimeError, match=r"-=: .* write w\.data = w\.data"):
            w -= 0.1
        for symbol in ("+", "*", "/", "//", "%", "**", "@"):
            with tg.no_grad(), pytest.raises(RuntimeError, match=rf"^{re.escape(symbol)}=: "):
                exec(f"w {symbol}= 2", {"w": w})
        w *= 2
        assert w.op is not None


# --------------------------------------------------------------------------------------------------- higher orders


def test_a_rule_may_call_its_own_op_with_other_keywords_on_the_same_input() -> None:
    @tg.op
    def scaled(x: Any, *, by: float) -> Any:
        if by == 1:
            return x**2, (lambda g: g * 2 * x,)
        squares = scaled(x, by=1)  # on Tensors this is another node than the one whose rule runs again
        return squares * by, (lambda g: g * 2 * by * squares / x,)

    assert tg.gradcheck(lambda x: scaled(x, by=3), np.array([1.0, 2.0]), order=3)


def test_the_gradients_graph_reaches_through_what_was_computed_forward() -> None:
    """The rule is run again, but its own function on its own arguments is not: that value is the node."""
    x = leaf(V)
    y = np.exp(x)
    y.sum().backward(create_graph=True)
    assert y in set(interior(x.grad))  # a list would compare values
    assert [n.op.name for n in interior(x.grad)].count("exp") == 1


def test_only_create_graph_makes_a_graph() -> None:
    x = leaf(V)
    np.sum(x * x * x).backward()
    assert not x.grad.requires_grad


def test_the_fifth_derivative() -> None:
    x = leaf(0.5)
    y = np.sin(x) * x
    for _ in range(5):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
    assert y.item() == pytest.approx(5 * np.sin(0.5) + 0.5 * np.cos(0.5))


def test_flat_and_curved_uses_of_one_tensor_to_second_order() -> None:
    x = leaf([1.5, 2.5])
    y = x * x + np.floor(x) + np.ceil(x)
    y.sum().backward(create_graph=True)
    assert x.grad.data.tolist() == [3, 5]
    g = x.grad
    x.zero_grad()
    g.sum().backward()
    assert x.grad.data.tolist() == [2, 2]


def test_a_linear_op_is_not_run_again(own_ops: None) -> None:
    runs = []

    @op(linear=True)
    def double(x: Any) -> Rule:
        """out = 2x        ∂L/∂x = 2g"""
        runs.append(1)
        return 2 * x, (lambda g: 2 * g,)

    x = leaf(V)
    np.sum(double(x) * x).backward(create_graph=True)
    assert len(runs) == 1
    np.testing.assert_array_equal(x.grad.data, 4 * V)


def test_a_false_promise_of_linearity_is_found_at_second_order(own_ops: None) -> None:
    @op(linear=True)
    def cube(x: Any) -> Rule:
        """out = x³        ∂L/∂x = g · 3x²"""
        return x * x * x, (lambda g: g * (3 * x * x),)

    assert tg.gradcheck(cube, V, order=1)
    with pytest.raises(AssertionError, match="order 2"):
        tg.gradcheck(cube, V, order=2)


# ------------------------------------------------------------------------------------------------- what is computed


def test_only_the_closures_that_are_needed_are_called_and_kept(own_ops: None) -> None:
    class Kept:
        pass

    called: list[str] = []
    alive: list[Any] = []

    @op
    def blend(x: Any, y: Any) -> Rule:
        """out = x + y        ∂L/∂x = g        ∂L/∂y = g"""
        kept = Kept(), Kept()
        alive.extend(weakref.ref(k) for k in kept)

        def closure(i: int, k: Kept) -> Callable[[Any], Any]:
            def call(g: Any) -> Any:
                assert k is alive[i]()
                called.append("xy"[i])
                return g

            return call

        return x + y, (closure(0, kept[0]), closure(1, kept[1]))

    z = blend(leaf(V), tg.Tensor(V))
    assert alive[0]() is not None
    assert alive[1]() is None
    z.sum().backward()
    assert called == ["x"]


def test_a_rule_that_raises_on_the_way_back_leaves_every_gradient_as_it_was(own_ops: None) -> None:
    @op
    def broken(x: Any) -> Rule:
        """out = x        ∂L/∂x = an error"""

        def closure(g: Any) -> Any:
            raise FloatingPointError("no")

        return x + 0, (closure,)

    x, w = leaf(V), leaf(V)
    (w * 2).sum().backward()
    y = (w * 3 + broken(x) * w).sum()
    for _ in range(2):
        with pytest.raises(FloatingPointError):
            y.backward()
        assert w.grad.data.tolist() == [2, 2, 2]
        assert x.grad is None


def test_a_custom_op_in_three_lines(own_ops: None) -> None:
    @tg.op
    def cube(x: Any) -> Rule:
        """out = x³        ∂L/∂x = g · 3x²"""
        return x**3, (lambda g: g * (3 * x**2),)

    assert cube(2.0) == 8.0
    assert cube(leaf(V)).op.name == "cube"
    assert repr(OPS["cube"]) == "<op cube>"
    assert OPS["cube"].formula == "out = x³        ∂L/∂x = g · 3x²"
    assert cube.__name__ == "cube"
    tg.gradcheck(cube, V, order=3)


def test_a_closure_may_be_none(own_ops: None) -> None:
    @op
    def scaled(x: Any, how: Any) -> Rule:
        """out = x · how        ∂L/∂x = g · how"""
        return x * how, (lambda g: g * how, None)

    x, how = leaf(V), leaf(2.0)
    scaled(x, how).sum().backward()
    assert x.grad.data.tolist() == [2, 2, 2]
    assert how.grad is None
    assert not scaled(V, how).requires_grad


# --------------------------------------------------------------------------------------------------------- errors


def test_an_error_names_the_op_and_what_it_saw() -> None:
    with pytest.raises(ValueError, match=r"^multiply: .*saw x: shape \(3,\) float64, y: shape \(2,\) float32\)$"):
        leaf(V) * np.ones(2, np.float32)


def test_an_error_is_named_once_by_the_innermost_op(own_ops: None) -> None:
    from tinygrad_lite.ops.elementwise import multiply

    @op
    def outer(x: Any, y: Any) -> Rule:
        """out = x · y        ∂L/∂x = 0        ∂L/∂y = 0"""
        return multiply(x, y), (None, None)

    with pytest.raises(ValueError, match=r"^multiply: ") as caught:
        outer(leaf(V), V[:2])
    assert "outer" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


# ---------------------------------------------------------------------------------------------- memory, and long chains


@pytest.fixture
def no_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_graph_is_freed_without_the_cyclic_collector(no_gc: None, create_graph: bool) -> None:
    x, w = leaf(V), leaf(np.eye(3))
    y = np.sum(np.tanh(x @ w) ** 2 + np.max(x) * x[[0, 0, 1]])
    y.backward(create_graph=create_graph)
    nodes = [weakref.ref(n) for n in interior(y)]
    assert len(nodes) > 6
    del y
    if create_graph:
        assert any(n() is not None for n in nodes)  # the gradients' own graph still needs them
        x.zero_grad()
        w.zero_grad()
    assert [n() for n in nodes if n() is not None] == []


def test_a_graph_whose_backward_failed_is_freed(no_gc: None, own_ops: None) -> None:
    @op
    def broken(x: Any) -> Rule:
        """out = x        ∂L/∂x = an error"""
        return x + 0, (lambda g: [][1],)

    x = leaf(V)
    y = (broken(x * 2) * x).sum()
    nodes = [weakref.ref(n) for n in interior(y)]
    with pytest.raises(IndexError):
        y.backward()
    sys.last_value = sys.last_exc = None  # type: ignore[attr-defined]
    del y
    gc.collect()  # an exception and its traceback are a cycle of Python's own
    assert all(n() is None for n in nodes)


def test_the_memory_of_a_graph_is_back_after_del_loss(no_gc: None) -> None:
    x = leaf(np.ones(100_000))
    tracemalloc.start()
    try:
        for create_graph in (False, True):
            before = tracemalloc.get_traced_memory()[0]
            loss = x
            for _ in range(20):
                loss = np.tanh(loss * 1.01)
            loss = loss.sum()
            assert tracemalloc.get_traced_memory()[0] - before > 20 * x.data.nbytes
            loss.backward(create_graph=create_graph)
            x.zero_grad()
            del loss
            assert tracemalloc.get_traced_memory()[0] - before < x.data.nbytes / 10
    finally:
        tracemalloc.stop()


def test_interior_gradients_are_freed_on_the_way_back(no_gc: None) -> None:
    """At most a few gradients are alive at any time, however long the chain."""
    x = leaf(np.ones(100_000))
    loss = x
    for _ in range(30):
        loss = loss + 1.0  # keeps no array but its value
    loss = loss.sum()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        loss.backward()
        assert tracemalloc.get_traced_memory()[1] - before < 4 * x.data.nbytes
    finally:
        tracemalloc.stop()


def chain(length: int) -> tuple[Any, Any]:
    x = leaf(1.0)
    y = x
    for _ in range(length // 2):
        y = y * 1.0000001
        y = y + 1e-9
    return x, y


@pytest.fixture
def little_stack() -> Iterator[None]:
    """A stack that is soon at its end, so that what recurses fails."""
    depth = 0
    frame = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 60)
    yield
    sys.setrecursionlimit(limit)


def test_a_chain_of_a_million_ops_in_linear_time_and_without_recursion(no_gc: None, little_stack: None) -> None:
    def seconds(length: int) -> float:
        """CPU time for each op: to build a chain, walk it back and free it."""
        start = time.thread_time()
        x, y = chain(length)
        first = weakref.ref(next(iter(y.parents())))
        y.backward()
        del y
        assert first() is None
        assert x.grad.item() == pytest.approx(1.0000001 ** (length // 2))
        return (time.thread_time() - start) / length

    seconds(10_000)
    short = min(seconds(10_000) for _ in range(3))
    assert seconds(1_000_000) < 4 * short  # were it quadratic, 100 times


def test_the_walk_steps_once_for_each_op() -> None:
    for n in (10, 1000):
        _, y = chain(n)
        assert sum(1 for _ in backpropagate(y, np.float64(1))) == n + 1


def test_a_long_chain_to_second_order() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(2000):
        y = y * x
    y.backward(create_graph=True)
    g = x.grad
    x.zero_grad()
    g.backward()
    assert (g.item(), x.grad.item()) == (2001, 2001 * 2000)


def test_every_node_is_a_node() -> None:
    assert isinstance(leaf(1.0), Node)
    with pytest.raises(AttributeError):
        leaf(1.0).anything = 1  # no __dict__: a million of them are affordable
