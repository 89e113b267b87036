"""What recording depends on. Every thread and every async task has a mode of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")


class Mode:
    """Settings that ops read. A mode never changes: `changed` puts another one in its place."""

    __slots__ = ("recording", "again", "served", "scope", "watch")

    def __init__(self, recording: bool = True, again: Any = None, scope: Any = None, watch: Any = None) -> None:
        self.recording = recording  # False inside no_grad()
        self.again = again  # the node whose rule is being re-run for a higher order
        self.served = False  # whether array code returned that node in place of computing its value again
        self.scope = scope  # the module that is being called, with the scope around it
        self.watch = watch  # inside detect_anomaly(): sees every value and every gradient


MODE: ContextVar[Mode] = ContextVar("tinygrad_lite.mode", default=Mode())  # noqa: B039  # none is ever changed


def changed(**settings: Any) -> Mode:
    """Set the mode to the current one with other settings; returns the mode before."""
    mode = MODE.get()
    now = {"recording": mode.recording, "again": mode.again, "scope": mode.scope, "watch": mode.watch}
    MODE.set(Mode(**now | settings))
    return mode


@contextmanager
def using(**settings: Any) -> Iterator[None]:
    """Other settings inside a with block."""
    before = changed(**settings)
    try:
        yield
    finally:
        changed(**{name: getattr(before, name) for name in settings})


class NoGrad:
    """What no_grad() returns: a context that may be entered again, and a decorator."""

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(changed(recording=False).recording)

    def __exit__(self, *_: object) -> None:
        changed(recording=self.before.pop())

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isgeneratorfunction(function):
            raise TypeError("no_grad: a generator runs when it is iterated: put `with tg.no_grad():` inside it")

        @functools.wraps(function)
        def unrecorded(*args: P.args, **kwargs: P.kwargs) -> T:
            with NoGrad():
                return function(*args, **kwargs)

        return unrecorded


@overload
def no_grad() -> NoGrad: ...
@overload
def no_grad(function: Callable[P, T], /) -> Callable[P, T]: ...
def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Record nothing inside: `with tg.no_grad(): ...`, or `@tg.no_grad` on a function."""
    return NoGrad() if function is None else NoGrad()(function)
