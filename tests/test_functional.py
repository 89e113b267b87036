"""Every function of `tinygrad_lite.nn.functional` takes numbers, lists, integers and arrays without axes alike."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
import tinygrad_lite.nn.functional as F

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: f for name, f in vars(F).items() if inspect.isfunction(f) and not name.startswith("_")
}
IMAGE = [[[1, 2, 0, 3], [4, 0, 2, 2], [1, 3, 1, 0], [2, 2, 5, 1]]]
ROWS = [[1, 2, 4], [0, 3, 1]]
UNIT = [[0, 1, 1], [1, 0, 1]]
SIGNS = [[1, -1, 1], [-1, 1, 1]]
NARROW = [[1, 2, 0, 3, 1, 1]]
CUBE = [[[[1, 2], [0, 3]], [[2, 1], [1, 0]]]]

# How each function that does not take one array of any shape is called: its arrays, all of integers, and its settings.
CALLS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "prelu": ([ROWS, [2]], {}),
    "threshold": ([ROWS], {"threshold": 1.0, "value": 7.0}),
    "glu": ([[[1, 2, 3, 4]]], {}),
    "softmax": ([ROWS], {}),
    "softmin": ([ROWS], {}),
    "log_softmax": ([ROWS], {}),
    "logsumexp": ([ROWS], {}),
    "cummax": ([ROWS], {"axis": 1}),
    "cummin": ([ROWS], {"axis": 1}),
    "logcumsumexp": ([ROWS], {"axis": 1}),
    "scaled_dot_product_attention": ([ROWS, ROWS, ROWS], {}),
    "cosine_similarity": ([ROWS, UNIT], {}),
    "normalize": ([ROWS], {}),
    "pairwise_distance": ([ROWS, UNIT], {}),
    "gather": ([ROWS], {"axis": 1, "index": [[0, 2], [1, 1]]}),
    "index_add": ([ROWS], {"axis": 1, "index": [0, 2], "source": [[1, 2], [3, 4]]}),
    "index_select": ([ROWS], {"axis": 1, "index": [0, 2]}),
    "masked_fill": ([ROWS], {"mask": [[True, False, True]] * 2, "value": 9}),
    "masked_select": ([ROWS], {"mask": [[True, False, True]] * 2}),
    "scatter": ([ROWS], {"axis": 1, "index": [[0, 2], [1, 0]], "src": [[7, 8], [9, 6]]}),
    "scatter_add": ([ROWS], {"axis": 1, "index": [[0, 2], [1, 1]], "src": [[7, 8], [9, 6]]}),
    "linear": ([ROWS, UNIT, [1, 2]], {}),
    "bilinear": ([ROWS, ROWS, [[[1, 0, 2]] * 3]], {}),
    "embedding": ([], {"input": [0, 1, 1], "weight": ROWS}),
    "one_hot": ([], {"indices": [0, 2]}),
    "dropout": ([ROWS], {"p": 1.0}),
    "binary_cross_entropy": ([UNIT, UNIT], {}),
    "binary_cross_entropy_with_logits": ([ROWS, UNIT], {"weight": [1, 2, 3]}),
    "cosine_embedding_loss": ([ROWS, UNIT, [1, -1]], {}),
    "cross_entropy": ([ROWS], {"target": [0, 2]}),
    "nll_loss": ([ROWS], {"target": [0, 2]}),
    "gaussian_nll_loss": ([ROWS, UNIT, [[1], [2]]], {}),
    "hinge_embedding_loss": ([ROWS, SIGNS], {}),
    "huber_loss": ([ROWS, UNIT], {}),
    "kl_div": ([ROWS, UNIT], {}),
    "l1_loss": ([ROWS, UNIT], {}),
    "margin_ranking_loss": ([ROWS, UNIT, SIGNS], {}),
    "mse_loss": ([ROWS, UNIT], {}),
    "poisson_nll_loss": ([ROWS, ROWS], {}),
    "smooth_l1_loss": ([ROWS, UNIT], {}),
    "soft_margin_loss": ([ROWS, SIGNS], {}),
    "triplet_margin_loss": ([ROWS, UNIT, SIGNS], {}),
    "batch_norm": ([ROWS, [0, 1, 2], [1, 2, 3]], {}),
    "group_norm": ([[[1, 2], [3, 5], [2, 0], [1, 4]]], {"num_groups": 2}),
    "instance_norm": ([[[[1, 2, 4], [3, 5, 4]]]], {}),
    "layer_norm": ([ROWS], {"normalized_shape": (3,), "weight": [1, 2, 3]}),
    "rms_norm": ([ROWS], {"normalized_shape": (3,)}),
    "local_response_norm": ([[[[1, 2], [3, 5]]]], {"size": 2}),
    "pad": ([ROWS], {"pad": (1, 2)}),
    "fold": ([[[1, 2, 3, 4]] * 4], {"output_size": (3, 3), "kernel_size": 2}),
    "unfold": ([[IMAGE[0]]], {"kernel_size": 2}),
    "interpolate": ([[IMAGE]], {"scale_factor": 2}),
    "pixel_shuffle": ([[[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]], {"upscale_factor": 2}),
    "pixel_unshuffle": ([IMAGE], {"downscale_factor": 2}),
    "channel_shuffle": ([[[[1], [2], [3], [4]]]], {"groups": 2}),
    "affine_grid": ([[[[1, 0, 2], [0, 1, 1]]]], {"size": (1, 1, 2, 3)}),
    "grid_sample": ([[IMAGE], [[[[0, 1], [-1, 0]]]]], {}),
    "pdist": ([ROWS], {}),
    "topk": ([ROWS], {"k": 2}),
    "alpha_dropout": ([ROWS], {"p": 0.0}),
    "feature_alpha_dropout": ([ROWS], {"p": 0.0}),
    "multinomial": ([[0, 1, 0]], {"num_samples": 1}),
    "gumbel_softmax": ([[[1000000, 0, 0]]], {}),
    "embedding_bag": ([], {"input": [[0, 1], [1, 1]], "weight": ROWS}),
    "ctc_loss": ([[[[1, 2, 0]], [[2, 1, 1]]]], {"targets": [[1]], "input_lengths": [2], "target_lengths": [1]}),
    "multi_margin_loss": ([ROWS], {"target": [0, 2]}),
    "multilabel_margin_loss": ([ROWS], {"target": [[0, -1, 1], [2, 1, -1]]}),
    "multilabel_soft_margin_loss": ([ROWS, UNIT], {}),
    "triplet_margin_with_distance_loss": ([ROWS, UNIT, SIGNS], {}),
    "polygamma": ([], {"n": 1, "x": [1, 2, 4]}),
    "xlogy": ([[0, 1, 3], [0, 2, 5]], {}),
    "xlog1py": ([[0, 1, 3], [-1, 2, 5]], {}),
}
for n, size, kernel in ((1, NARROW, [[[1, 2]]]), (2, IMAGE, [[[[1, 2], [0, 1]]]]), (3, CUBE, [[[[[1]]]]])):
    CALLS[f"conv{n}d"] = CALLS[f"conv_transpose{n}d"] = ([size, kernel], {})
    CALLS[f"max_pool{n}d"] = CALLS[f"avg_pool{n}d"] = ([size], {"kernel_size": 2})
    CALLS[f"max_unpool{n}d"] = ([size], {"indices": np.arange(np.size(size)).reshape(np.shape(size)), "kernel_size": 1})
    CALLS[f"dropout{n}d"] = ([size], {"p": 1.0})
    CALLS[f"lp_pool{n}d"] = ([size], {"norm_type": 2.0, "kernel_size": 2})
    CALLS[f"adaptive_avg_pool{n}d"] = CALLS[f"adaptive_max_pool{n}d"] = ([size], {"output_size": 2})
ONE_ARRAY = sorted(FUNCTIONS.keys() - CALLS.keys())  # of any shape, and of a number


def arrays(values: Any, dtype: Any) -> Any:
    return [np.array(v, dtype) for v in values]


def floating(given: dict[str, Any]) -> dict[str, Any]:
    """The settings, with lists in the places of floating arrays as such."""
    names = ("weight", "source", "src", "x")
    return {name: np.array(v, np.float64) if name in names else v for name, v in given.items()}


def close(got: Any, expected: Any) -> None:
    for a, b in zip(got, expected) if isinstance(expected, tuple) else [(got, expected)]:
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("name", ONE_ARRAY)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_of_one_array(name: str) -> None:
    f = FUNCTIONS[name]
    for x in (0.3, 0.75):
        expected = f(np.array([x]))[0]
        assert expected.dtype == np.float64
        for given in (x, np.float64(x), np.array(x)):
            close(f(given), expected)
        close(f([x, 0.5]), f(np.array([x, 0.5])))
        close(f(((x, 0.5), (0.1, x))), f(np.array([[x, 0.5], [0.1, x]])))
        with tg.no_grad():
            close(f(tg.Tensor(x)).data, expected)
    for i in (1, 3):
        if np.isfinite(f(np.array([float(i)]))[0]):
            for integer in (i, [i], np.array(i), np.int64(i), np.array([i], np.int32), np.array([i], np.uint16)):
                expected = f(np.array(integer, np.float64))
                tolerance = 2 * np.finfo(np.result_type(np.asarray(integer), np.float16)).eps
                np.testing.assert_allclose(f(integer), expected, rtol=max(1e-12, float(tolerance)))


@pytest.mark.parametrize("name", sorted(CALLS))
def test_of_lists_and_integers(name: str) -> None:
    f, (given, settings) = FUNCTIONS[name], CALLS[name]
    expected = f(*arrays(given, np.float64), **floating(settings))
    close(f(*given, **settings), expected)
    close(f(*arrays(given, np.int64), **settings), expected)
    close(f(*[tg.Tensor(a) for a in arrays(given, np.float64)], **settings), expected)


def test_a_list_of_tensors_is_a_tensor() -> None:
    t = tg.Tensor(2.0, requires_grad=True)
    tg.relu([t, -1.0, 3 * t]).sum().backward()
    assert t.grad is not None and t.grad.item() == 4


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_it_is_found_where_it_says(name: str) -> None:
    f = FUNCTIONS[name]
    assert pickle.loads(pickle.dumps(f)) is f
    assert f.__name__ == name and f.__doc__


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_wrong_call_is_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: "):
        FUNCTIONS[name](unknown=1)
