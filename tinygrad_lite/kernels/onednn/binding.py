"""oneDNN's C API, as far as it is used here.

A *layout* says how an array lies in memory (its shape and strides), or leaves that to oneDNN. A *description* says what
to compute on which layouts; oneDNN compiles it into a *primitive* for this processor, which takes about a millisecond.
So a `Call`, a primitive with places for its arguments, is kept for the next arrays of the same shapes and strides.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Sequence
from ctypes import byref, c_float, c_int, c_int64, c_size_t, c_void_p
from typing import Any, Protocol, cast

import numpy as np
from numpy import ndarray

from ...dispatch import ArrayCode
from ...values import Array
from .. import threads
from .loading import Library, opened

Shape = tuple[int, ...]

# Numbers from dnnl_types.h, version 3.
FLOAT32, UINT8 = 3, 6
TRAINING, INFERENCE = 64, 96
SRC, SRC_1, DST, WEIGHTS, BIAS, WORKSPACE = 1, 2, 17, 33, 41, 64  # arguments
MEAN, VARIANCE, SCALE, SHIFT = 49, 50, 51, 52
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS, DIFF_SCALE, DIFF_SHIFT = 129, 145, 161, 169, 255, 256
QUERY = {SRC: 129, DIFF_SRC: 130, WEIGHTS: 131, DIFF_WEIGHTS: 132, DST: 133, DIFF_DST: 134, WORKSPACE: 135}

CALLS = 256  # kept for each thread: a large net has some fifty shapes
ALIGNMENT = 64  # bytes
AXES = 12  # the most that oneDNN takes
float32 = np.dtype(np.float32)


class Unsupported(Exception):
    """oneDNN has no primitive for this: the next version is asked."""


class Object:
    """Something of oneDNN's, destroyed with its last reference. ctypes passes it as a pointer."""

    __slots__ = ("_as_parameter_", "destroy")

    def __init__(self, kind: str, make: str, *arguments: Any) -> None:
        self._as_parameter_ = c_void_p()
        self.destroy: Any = None
        function(f"dnnl_{make}")(byref(self._as_parameter_), *arguments)
        self.destroy = function(f"dnnl_{kind}_destroy")

    def __del__(self) -> None:
        if self.destroy is not None:
            self.destroy(self)


def loaded() -> Library:
    it = opened()
    if it is None:
        raise Unsupported
    return it


def function(name: str) -> Any:
    """A function of the API. A status other than 0 raises."""
    f = getattr(loaded().calls, name)
    f.errcheck = _check
    return f


def _check(status: int, f: Any, arguments: Any) -> int:
    if status:
        raise Unsupported(f"{f.__name__}: status {status}")
    return status


# -------------------------------------------------------------------------------------------- layouts and descriptions


def integers(values: Sequence[int]) -> Any:
    return (c_int64 * AXES)(*values)


def layout(shape: Shape, strides: Shape, dtype: int = FLOAT32) -> Object:
    """Of an array with these strides in bytes."""
    item = 4 if dtype == FLOAT32 else 1
    steps = integers([s // item for s in strides])
    return Object("memory_desc", "memory_desc_create_with_strides", len(shape), integers(shape), dtype, steps)


def any_layout(shape: Shape) -> Object:
    """Left to oneDNN."""
    return Object("memory_desc", "memory_desc_create_with_tag", len(shape), integers(shape), FLOAT32, 1)


def dense(shape: Shape, order: Sequence[int] = (), dtype: int = FLOAT32) -> Object:
    """Without gaps; `order` names the axes from the outermost in memory to the innermost (C order by default)."""
    strides, step = [0] * len(shape), 4 if dtype == FLOAT32 else 1
    for axis in reversed(order or range(len(shape))):
        strides[axis] = step
        step *= shape[axis]
    return layout(shape, tuple(strides), dtype)


def description(kind: str, *arguments: Any) -> Object:
    """A primitive's description. Python's floats go to C as float."""
    c = [c_float(a) if isinstance(a, float) else a for a in arguments]
    return Object("primitive_desc", f"{kind}_primitive_desc_create", loaded().engine, *c)


def implementation(what: Object) -> str:
    """The name of the code that oneDNN has chosen."""
    name = ctypes.c_char_p()
    function("dnnl_primitive_desc_query")(what, 8, 0, byref(name))
    return (name.value or b"").decode()


# ---------------------------------------------------------------------------------------------------------------- calls


class Argument(ctypes.Structure):
    _fields_ = [("role", c_int), ("memory", c_void_p)]


class Call:
    """A primitive with places for its arguments. Calling it with arrays, in the order of `given`, runs it.

    Where the primitive wants another layout than an array has, a reorder comes before (or, for a result, after).
    """

    def __init__(self, what: Object, given: Sequence[tuple[int, Object]], results: Sequence[int]) -> None:
        if implementation(what).startswith("ref"):
            raise Unsupported  # written to be read, not to be fast
        self.between: list[tuple[Object, int]] = []  # places between steps, and where in the room they start
        self.bytes = 0
        self.kept: list[Any] = [what]
        wanted = [(role, self._place(own), own) for role, own in given]
        self.given = [place for _, place, _ in wanted]
        before, after, main = [], [], []
        for role, place, own in wanted:
            inner = _queried(what, role)
            if inner is not None and not loaded().calls.dnnl_memory_desc_equal(inner, own):
                between = self._room(inner)
                if role in results:
                    after.append(self._step(_reorder(inner, own), [(SRC, between), (DST, place)]))
                else:
                    before.append(self._step(_reorder(own, inner), [(SRC, place), (DST, between)]))
                place = between
            main.append((role, place))
        self.steps = [*before, self._step(what, main), *after]
        here = attached()
        self.stream, self.set_handle, self.execute = here.stream, here.set_handle, here.execute

    def __call__(self, *arrays: ndarray) -> None:
        set_handle, execute, stream = self.set_handle, self.execute, self.stream
        for place, array in zip(self.given, arrays):
            set_handle(place, address(array))
        if self.bytes:
            room = np.empty(self.bytes + ALIGNMENT, np.uint8)
            start = -(-address(room) // ALIGNMENT) * ALIGNMENT
            for place, offset in self.between:
                set_handle(place, start + offset)
        for primitive, count, arguments in self.steps:
            if execute(primitive, stream, count, arguments):
                raise RuntimeError("oneDNN: a primitive failed to run")

    def _place(self, own: Any) -> Object:
        place = Object("memory", "memory_create", own, loaded().engine, None)
        self.kept.append(place)
        return place

    def _room(self, inner: Any) -> Object:
        """A place for what lies between two steps: its memory is found anew at each call."""
        place = self._place(inner)
        self.between.append((place, self.bytes))
        size = loaded().calls.dnnl_memory_desc_get_size
        size.restype = c_size_t
        self.bytes += -(-size(inner) // ALIGNMENT) * ALIGNMENT
        return place

    def _step(self, what: Object, arguments: Sequence[tuple[int, Object]]) -> tuple[Object, int, Any]:
        primitive = Object("primitive", "primitive_create", what)
        c = (Argument * len(arguments))(*[Argument(role, place._as_parameter_) for role, place in arguments])
        return primitive, len(arguments), c


def _queried(what: Object, role: int) -> c_void_p | None:
    """The layout that a primitive wants for an argument, where it can be asked."""
    if role not in QUERY:
        return None
    query = loaded().calls.dnnl_primitive_desc_query_md
    query.restype = c_void_p
    found = query(what, QUERY[role], 0)
    return c_void_p(found) if found else None


def _reorder(source: Any, target: Any) -> Object:
    engine = loaded().engine
    return Object("primitive_desc", "reorder_primitive_desc_create", source, engine, target, engine, None)


# ----------------------------------------------------------------------------------------------- for each Python thread


class Attached(threading.local):
    """What a Python thread has for itself: a stream, kept calls, and OpenMP's number of threads.

    The primitives of one thread share scratch memory, so a primitive must run in the thread that made it.
    """

    def __init__(self) -> None:
        it = loaded()
        self.threads = 0
        self.set_handle = it.short.dnnl_memory_set_data_handle
        self.set_handle.argtypes = [c_void_p, c_void_p]
        self.execute = it.calls.dnnl_primitive_execute
        self.execute.argtypes = [c_void_p, c_void_p, c_int, c_void_p]
        self.stream = Object("stream", "stream_create", it.engine, 1)
        self.call = functools.lru_cache(CALLS)(_built)


@functools.cache
def attached() -> Attached:
    return Attached()


def _built(build: Callable[..., Call], key: tuple[Any, ...]) -> Call | None:
    try:
        return build(*key)
    except Unsupported:
        return None


def prepare() -> Attached:
    """This thread's part, with the number of threads that is set now: primitives are made for one number."""
    here = attached()
    n = threads.get_num_threads()
    if here.threads != n:
        here.threads = n
        here.call.cache_clear()
        loaded().set_threads(n)
    return here


def call(build: Callable[..., Call], *key: Any) -> Call:
    """`build(*key)`, made once for this thread."""
    found = prepare().call(build, key)
    if found is None:
        raise Unsupported
    return found


# ------------------------------------------------------------------------------------------------------------- arrays


def _address(array: ndarray) -> int:
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


def _address_in_c(array: ndarray, at: Any = c_void_p.from_address, header: int = object.__basicsize__) -> Any:
    """Read where NumPy's C API has it, right after the object's header: a fifth of the time (0.4 µs)."""
    return at(id(array) + header).value


_probe = np.empty(1)
address = _address_in_c if _address_in_c(_probe) == _address(_probe) else _address


class Version(Protocol):
    """What a dispatch point asks; it takes first arrays of at least `least` elements."""

    point: ArrayCode[Any]
    least: int

    def __call__(self, x: Array, /, *args: Any, **kwargs: Any) -> Any: ...


def version(point: ArrayCode[Any], least: int) -> Callable[[Callable[..., Any]], Version]:
    """Register a function for a dispatch point: for a first array of float32 with at least so many elements.

    What it cannot do (`Unsupported`) is passed on.
    """

    def registered(f: Callable[..., Any]) -> Version:
        @functools.wraps(f)
        def run(x: Array, *rest: Any, **settings: Any) -> Any:
            if not ours(x, it.least):
                return NotImplemented
            try:
                return f(x, *rest, **settings)
            except Unsupported:
                return NotImplemented

        it = cast(Version, run)
        it.point, it.least = point, least
        point.register(it)
        return it

    return registered


def ours(x: Any, least: int) -> bool:
    """Whether x is an array of float32 with at least so many elements, and oneDNN is here."""
    return x.__class__ is ndarray and x.size >= least and x.dtype == float32 and opened() is not None


def fits(*arrays: Any) -> bool:
    """Whether all that are given are arrays of float32, and not empty."""
    return all(a is None or a.__class__ is ndarray and a.dtype == float32 and a.size for a in arrays)
