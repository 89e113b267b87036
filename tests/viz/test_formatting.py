"""Numbers, shapes and names as a drawing writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinygrad_lite.viz.scene.formatting import (
    drawable,
    joined,
    number,
    number_or_text,
    plural,
    printable,
    scalar,
    shape_text,
    shortened,
    times_text,
)
from tinygrad_lite.viz.scene.statistics import statistics


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (1234567, "1234567"), (12345678, "1.235e7"), (-3, "−3"), (0.1 + 0.2, "0.3"), (-1.5e-7, "−1.5e−7"),
        (float("nan"), "NaN"), (float("-inf"), "−∞"), (True, "True"), (np.float32(2.5), "2.5"), ("a + b", "a + b"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits_and_a_real_minus(x: Any, said: str) -> None:
    assert number(x) == said


def test_a_scalar_is_the_one_number_of_an_array() -> None:
    assert scalar(np.array([[2.0]])) == 2.0
    assert scalar(np.ones(2)) is None
    assert scalar("1") is None
    assert scalar(None) is None
    assert number_or_text(np.array(3)) == "3"


def test_shapes_counts_and_words() -> None:
    assert (shape_text((2, 3)), shape_text(())) == ("2×3", "scalar")
    assert (plural(1, "op"), plural(1200, "op")) == ("1 op", "1,200 ops")
    assert (times_text(1), times_text(1200)) == ("", "×1,200")
    assert joined("a", "", "b") == "a  b"


def test_long_texts_lose_their_middle() -> None:
    assert shortened("abcdefghij", 5) == "ab…ij"
    assert shortened("two\nlines", 20) == "two lines"
    assert len(shortened("x" * 10_000, 30)) == 30


def test_what_xml_cannot_hold_becomes_a_replacement_character() -> None:
    assert printable("a\x00b\ud800\tc") == "a�b� c"
    assert printable("日本 🦊") == "日本 🦊"


def test_nan_and_infinities_are_counted() -> None:
    known = statistics(np.array([np.nan, np.inf, -np.inf, 1.0]))
    assert known is not None and known.bad_text == "1 NaN · 2 Inf"
    fine = statistics(np.ones(3))
    assert fine is not None and fine.bad_text == "" and statistics(np.array(["a"])) is None


def test_what_can_be_drawn_is_made_real() -> None:
    assert drawable(np.array([3 + 4j])) == 5.0
    assert drawable(np.array([object()])) is None
