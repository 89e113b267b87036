"""SVG as PNG or PDF, by Typst: a typesetter that pip installs whole."""

from __future__ import annotations

from typing import Literal

PAGE = """#set page(width: auto, height: auto, margin: 0pt, fill: none)
#image(bytes(sys.inputs.svg), format: "svg", width: {}pt)"""


def converted(picture: str, kind: Literal["png", "pdf"]) -> bytes:
    """An SVG as "png" (at twice its size in pixels) or "pdf" (with lines and text, not pixels).

    Raises:
        RuntimeError: typst is not installed.
    """
    try:
        import typst
    except ImportError:
        raise RuntimeError(
            f"save: .{kind} needs typst: pip install typst (or tinygrad-lite[viz]). .svg, .html and .gv need nothing."
        ) from None
    width = float(picture.partition(' width="')[2].partition('"')[0])
    page = PAGE.format(0.75 * width).encode()  # a px is 3/4 of a pt
    return bytes(typst.compile(page, format=kind, ppi=192.0, sys_inputs={"svg": picture}))
