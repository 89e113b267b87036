"""Digits above and below the line: `text.translate(SUBSCRIPT)`."""

SUPERSCRIPT = str.maketrans("-−.0123456789", "⁻⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPT = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉ˏ")
