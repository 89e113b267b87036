"""Superscript and subscript digits: `text.translate(SUBSCRIPT)`."""

SUPERSCRIPT = str.maketrans("-−.0123456789", "⁻⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPT = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉ˏ")
