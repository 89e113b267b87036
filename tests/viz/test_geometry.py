"""Paths, and how wide text is."""

from __future__ import annotations

from tinygrad_lite.viz.layout.geometry import curve, shifted, smooth, straight, text_width


def test_paths_start_and_end_at_their_points() -> None:
    a, b = (0.0, 0.0), (30.0, 12.0)
    assert straight(a, b) == (a, (10.0, 4.0), (20.0, 8.0), b)
    assert curve(a, b, 0) == (a, (15.0, 0.0), (15.0, 12.0), b)
    assert curve(a, b, 1) == (a, (0.0, 6.0), (30.0, 6.0), b)


def test_points_on_one_line_are_one_curve() -> None:
    assert len(smooth([(0.0, 5.0), (10.0, 5.0), (20.0, 5.0)])) == 4
    assert len(smooth([(0.0, 5.0), (10.0, 5.0), (20.0, 9.0)])) == 7
    assert smooth([(0.0, 0.0), (0.0, 0.0)]) == [(0.0, 0.0)]


def test_shifted() -> None:
    assert shifted([(1.0, 2.0)], 3, -1) == [(4.0, 1.0)]


def test_wide_characters_are_wide_and_accents_are_not() -> None:
    assert text_width("W", 10) > text_width("i", 10)
    assert text_width("日", 10) == text_width("🦊", 10) == 14.0
    assert text_width("e\u0301", 10) == text_width("e", 10)
    assert text_width("iiii", 10, mono=True) == text_width("WWWW", 10, mono=True)
