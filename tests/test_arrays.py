"""Arrays of other libraries: handed over without a copy, converted, or refused in a sentence, alike everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F
from tinygrad_lite import nn

NUMBERS = np.arange(6.0, dtype=np.float32).reshape(2, 3)


def trained() -> tg.Tensor:
    return tg.Tensor(NUMBERS, requires_grad=True)


# ----------------------------------------------------------------------------------------------------------- DLPack


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_numpy_reads_a_tensor_by_dlpack_without_a_copy(dtype: Any, shape: Any) -> None:
    t = tg.Tensor(np.ones(shape, dtype))
    read = np.from_dlpack(t)
    assert read.dtype == dtype and read.shape == shape
    np.testing.assert_array_equal(read, t.data)
    if t.ndim and t.size:
        assert np.shares_memory(read, t.data)
        assert not read.flags.writeable


def test_a_reader_that_read_only_cannot_be_told_to_gets_a_copy() -> None:
    class Old:
        def __init__(self, t: tg.Tensor) -> None:
            self.t = t

        def __dlpack__(self, **_: Any) -> Any:
            return self.t.__dlpack__(stream=None)

        def __dlpack_device__(self) -> Any:
            return self.t.__dlpack_device__()

    t = tg.Tensor(NUMBERS)
    read = np.from_dlpack(Old(t))
    np.testing.assert_array_equal(read, NUMBERS)
    assert not np.shares_memory(read, t.data)
    assert tg.Tensor(NUMBERS).__dlpack_device__() == (1, 0)


def test_from_dlpack_shares_memory_unless_told_to_copy() -> None:
    a = NUMBERS.copy()
    t = tg.from_dlpack(a)
    assert np.shares_memory(t.data, a)
    assert not t.data.flags.writeable
    assert not np.shares_memory(tg.from_dlpack(a, copy=True).data, a)
    again = tg.from_dlpack(t)
    assert np.shares_memory(again.data, a)
    with pytest.raises(TypeError, match="from_dlpack: a list doesn't speak DLPack"):
        tg.from_dlpack([1.0])


def test_dlpack_of_a_tensor_that_requires_a_gradient_is_refused() -> None:
    for read in (np.from_dlpack, tg.from_dlpack):
        with pytest.raises(BufferError, match=r"__dlpack(_device)?__: this Tensor requires a gradient.*detach"):
            read(trained())


def test_dlpack_of_symbols_is_refused() -> None:
    pytest.importorskip("sympy")
    with pytest.raises(BufferError):
        np.from_dlpack(tg.symbols("x", (2,)))


def test_pytorch_and_back_without_a_copy() -> None:
    torch = pytest.importorskip("torch")
    t = tg.Tensor(NUMBERS)
    for read in (torch.from_dlpack, torch.as_tensor):
        theirs = read(t)
        assert theirs.data_ptr() == t.data.ctypes.data
        assert theirs.shape == (2, 3)
        back = tg.from_dlpack(theirs)
        assert np.shares_memory(back.data, t.data)
    assert torch.tensor(t).data_ptr() != t.data.ctypes.data
    with pytest.raises(BufferError, match="detach"):
        torch.as_tensor(trained())
    with pytest.raises((BufferError, RuntimeError), match="grad"):
        tg.from_dlpack(torch.ones(2, requires_grad=True))


def test_jax_and_back() -> None:
    jax = pytest.importorskip("jax")
    t = tg.Tensor(NUMBERS)
    theirs = jax.dlpack.from_dlpack(t)  # JAX doesn't know arrays that are read-only: it gets a copy
    np.testing.assert_array_equal(np.asarray(theirs), NUMBERS)
    np.testing.assert_array_equal(np.asarray(jax.numpy.asarray(t)), NUMBERS)
    back = tg.from_dlpack(theirs)
    np.testing.assert_array_equal(back.data, NUMBERS)
    assert np.shares_memory(back.data, np.from_dlpack(theirs))


# --------------------------------------------------------------------------------- those who read arrays in their way


def test_pillow_takes_a_tensors_array() -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    t = tg.Tensor(pixels)
    with pytest.raises(AttributeError, match=r"__array_interface__: a Tensor has none: give np.asarray\(t\)"):
        image.fromarray(t)
    np.testing.assert_array_equal(np.asarray(image.fromarray(np.asarray(t))), pixels)


def test_scikit_learn_validates_a_tensor() -> None:
    validation = pytest.importorskip("sklearn.utils.validation")
    x, y = validation.check_X_y(tg.Tensor(NUMBERS), tg.Tensor([0, 1]))
    assert isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
    np.testing.assert_array_equal(x, NUMBERS)
    with pytest.raises(TypeError, match="requires a gradient"):
        validation.check_array(trained())


def test_matplotlib_draws_a_tensor() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    t = tg.Tensor(NUMBERS)
    figure, axes = pyplot.subplots()
    (line,) = axes.plot(t[0], t[1])
    np.testing.assert_array_equal(line.get_xydata(), NUMBERS.T)
    np.testing.assert_array_equal(axes.imshow(t).get_array(), NUMBERS)
    counts, _, _ = axes.hist(t[1], bins=3)
    np.testing.assert_array_equal(counts, [1, 1, 1])
    axes.scatter(t[0], t[1], c=t[0])
    axes.bar(t[0], t[1])
    for draw in (lambda g: axes.plot(g[0]), axes.imshow, lambda g: axes.scatter(g[0], g[1])):
        with pytest.raises(TypeError, match="requires a gradient"):
            draw(trained())
    pyplot.close(figure)


# ---------------------------------------------------------------------------- arrays that don't speak NumPy's protocols


def torchs() -> Any:
    return pytest.importorskip("torch").tensor(NUMBERS)


def jaxs() -> Any:
    return pytest.importorskip("jax.numpy").asarray(NUMBERS)


def array_api_strict() -> Any:
    return pytest.importorskip("array_api_strict").asarray(NUMBERS)


def pandas() -> Any:
    return pytest.importorskip("pandas").DataFrame(NUMBERS)


def polars() -> Any:
    return pytest.importorskip("polars").DataFrame(NUMBERS)


def xarray() -> Any:
    return pytest.importorskip("xarray").DataArray(NUMBERS, dims=("row", "column"))


LIBRARIES = [torchs, jaxs, array_api_strict, pandas, polars, xarray]


@pytest.mark.parametrize("make", LIBRARIES)
def test_is_converted_wherever_an_array_may_stand(make: Callable[[], Any]) -> None:
    theirs = make()
    layer = nn.Linear(3, 2)
    w = trained()
    uses: list[Callable[[Any], Any]] = [
        tg.Tensor, lambda a: w + a, lambda a: w * a, lambda a: w / (1 + w - a), layer, nn.LayerNorm(3), F.relu,
        F.softmax, lambda a: F.mse_loss(w, a), lambda a: F.mse_loss(input=w, target=a), lambda a: F.linear(a, w),
    ]  # fmt: skip
    for use in uses:
        found, expected = use(theirs), use(NUMBERS)
        assert type(found) is type(expected)
        found, expected = (x.data if isinstance(x, tg.Tensor) else x for x in (found, expected))
        assert type(found) is type(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("make", [torchs, jaxs, pandas])
def test_is_converted_on_the_left_of_an_operator(make: Callable[[], Any]) -> None:
    out = make() * trained()
    assert isinstance(out, tg.Tensor) and out.requires_grad
    np.testing.assert_array_equal(out.data, NUMBERS * NUMBERS)


def test_an_xarray_on_the_left_keeps_its_labels_around_the_tensor() -> None:
    out = xarray() * trained()
    assert out.dims == ("row", "column")
    assert isinstance(out.data, tg.Tensor) and out.data.requires_grad
    out.data.sum().backward()


@pytest.mark.parametrize("make", [array_api_strict, polars])
def test_refuses_a_tensor_on_its_right_by_itself(make: Callable[[], Any]) -> None:
    theirs = make()
    with pytest.raises(Exception, match=r"Tensor|supertype"):
        theirs * trained()


def test_class_indices_may_be_of_any_library() -> None:
    logits = trained()
    expected = F.cross_entropy(logits, np.array([0, 2])).item()
    for name in ("torch", "jax.numpy", "array_api_strict"):
        library = pytest.importorskip(name)
        assert F.cross_entropy(logits, library.asarray([0, 2])).item() == expected
        np.testing.assert_array_equal(F.embedding(library.asarray([1, 0]), logits).data, NUMBERS[[1, 0]])


def test_a_pytorch_tensor_with_a_graph_is_refused() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.ones(2, 3, requires_grad=True)
    for use in (tg.Tensor, lambda a: trained() * a, nn.Linear(3, 2), F.relu):
        with pytest.raises(TypeError, match=r"a torch.Tensor can't be read as a NumPy array: .*detach"):
            use(theirs)


def test_sparse_arrays_are_refused() -> None:
    library = pytest.importorskip("sparse")
    scipy = pytest.importorskip("scipy.sparse")
    for theirs in (library.COO.from_numpy(NUMBERS), scipy.csr_array(NUMBERS)):
        for use in (tg.Tensor, lambda a: trained() * a, nn.Linear(3, 2), F.relu):
            with pytest.raises(TypeError, match=r"lacks elements that rules need: give .todense\(\) of it"):
                use(theirs)


def test_text_in_a_data_frame_is_refused() -> None:
    frame = pytest.importorskip("pandas").DataFrame({"a": [1.0], "b": ["x"]})
    with pytest.raises(TypeError, match="Tensor: needs numbers"):
        tg.Tensor(frame)
