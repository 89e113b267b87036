"""Numbers put into formulas."""

from __future__ import annotations

import pytest
from tinygrad_lite.viz.scene.substitution import substitute


@pytest.mark.parametrize(
    ("equation", "symbols", "said"),
    [
        ("g · 2x", {"g": "0.5", "x": "3"}, "0.5 · 2 · 3"),
        ("−g · x / y²", {"g": "−1", "x": "2", "y": "−3"}, "−(−1) · 2 / (−3)²"),
        ("g · y · xʸ⁻¹", {"g": "1", "x": "2.5", "y": "3"}, "1 · 3 · 2.5³⁻¹"),
        ("g · eˣ", {"g": "2", "x": "−1.5"}, "2 · e⁻¹·⁵"),
        ("g · (1 − tanh² x)", {"g": "1", "x": "−0.5"}, "1 · (1 − tanh² (−0.5))"),
        ("g · [x > 0]", {"g": "−2", "x": "−3"}, "−2 · [−3 > 0]"),
        ("max(x, 0)", {"x": "−3"}, "max(−3, 0)"),
        ("x where x > 0, else slope · x", {"x": "4", "slope": "0.01"}, "4 where 4 > 0, else 0.01 · 4"),
        ("the larger of x, y", {"x": "1", "y": "2"}, "the larger of 1, 2"),
        ("g · sign x", {"g": "1", "x": "2"}, "1 · sign 2"),
        ("g · eˣ⁻ᵒᵘᵗ", {"g": "1", "x": "2", "out": "3"}, "1 · e²⁻³"),
    ],
)
def test_substitute(equation: str, symbols: dict[str, str], said: str) -> None:
    assert substitute(equation, symbols) == said
