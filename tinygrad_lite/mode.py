"""What recording depends on. Every thread and every async task has a mode of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")


BACKWARD = "backward"  # in a scope in place of a module: a backward pass that records its own graph


class Mode:
    """Settings that ops read. A mode never changes: `changed` puts another one in its place."""

    __slots__ = ("recording", "again", "served", "scope", "watch", "tracing", "repeating")

    def __init__(
        self,
        recording: bool = True,
        again: Any = None,
        scope: Any = None,
        watch: Any = None,
        tracing: bool = False,
        repeating: bool = False,
    ) -> None:
        self.recording = recording  # False inside no_grad()
        self.again = again  # the node whose rule is being re-run for a higher order
        self.served = False  # whether forward code has returned that node in place of its value
        self.scope = scope  # the module that is being called (or BACKWARD), with the scope around it
        self.watch = watch  # inside detect_anomaly(): sees every value and every gradient
        self.tracing = tracing  # inside a function that grad, jvp and the like differentiate
        self.repeating = repeating  # checkpoint runs a function a second time: statistics are not counted again


MODE: ContextVar[Mode] = ContextVar("tinygrad_lite.mode", default=Mode())  # noqa: B039  # none is ever changed


def changed(**settings: Any) -> Mode:
    """Set the mode to the current one with other settings; returns the mode before."""
    mode = MODE.get()
    now = Mode(mode.recording, mode.again, mode.scope, mode.watch, mode.tracing, mode.repeating)
    for name, value in settings.items():
        setattr(now, name, value)
    MODE.set(now)
    return mode


class using:  # it reads as a function: `with using(recording=True):`
    """Other settings inside a with block."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def __enter__(self) -> None:
        self.before = changed(**self.settings)

    def __exit__(self, *_: object) -> None:
        changed(**{name: getattr(self.before, name) for name in self.settings})


NOTHING = nullcontext()


def backward_scope(create_graph: bool) -> AbstractContextManager[None]:
    """Notes in the nodes of a gradient's own graph that a backward pass made them."""
    return using(scope=(MODE.get().scope, BACKWARD)) if create_graph else NOTHING


class NoGrad:
    """What no_grad() returns: a context that may be entered again, and a decorator."""

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(changed(recording=False).recording)

    def __exit__(self, *_: object) -> None:
        changed(recording=self.before.pop())

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isasyncgenfunction(function):
            raise TypeError("no_grad: cannot decorate an async generator: put `with tg.no_grad():` inside it")
        run: Any = function

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with NoGrad():
                return await run(*args, **kwargs)

        def called(*args: Any, **kwargs: Any) -> Any:
            with NoGrad():
                return run(*args, **kwargs)

        wrapper: Any = called
        if inspect.iscoroutinefunction(function):
            wrapper = awaited
        elif inspect.isgeneratorfunction(function):
            wrapper = _stepwise(run)
        return functools.wraps(function)(wrapper)


def _stepwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """A generator function that records nothing while it runs: its caller does, while it is suspended."""

    def steps(*args: Any, **kwargs: Any) -> Any:
        generator = function(*args, **kwargs)
        resume = functools.partial(next, generator)
        while True:
            try:
                with NoGrad():
                    item = resume()
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:
                resume = functools.partial(generator.throw, error)
            else:
                resume = functools.partial(generator.send, sent)

    return steps


@overload
def no_grad() -> NoGrad: ...
@overload
def no_grad(function: Callable[P, T], /) -> Callable[P, T]: ...
def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Record nothing inside: `with tg.no_grad(): ...`, or `@tg.no_grad` on a function.

    Each thread and each async task has its own setting. A decorated generator records nothing while it runs; a `with`
    block inside a generator also holds while the generator is suspended, as every context of Python does.
    """
    return NoGrad() if function is None else NoGrad()(function)
