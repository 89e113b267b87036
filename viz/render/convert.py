"""SVG as PNG or PDF, by a converter from elsewhere."""

from __future__ import annotations

import shutil
import subprocess


def converted(picture: str, kind: str) -> bytes:
    """An SVG as "png" (at twice its size in pixels) or "pdf"."""
    if command := shutil.which("rsvg-convert"):
        zoom = ["--zoom", "2"] if kind == "png" else []
        done = subprocess.run(
            [command, *zoom, "--unlimited", "--format", kind], input=picture.encode(), capture_output=True, check=True
        )
        return done.stdout
    try:
        import cairosvg
    except (ImportError, OSError):  # OSError: the package is installed, the cairo library isn't
        raise RuntimeError(
            f"save: .{kind} needs an SVG converter: `pip install cairosvg`, or rsvg-convert on the PATH "
            "(Debian: apt install librsvg2-bin). .svg, .html and .gv need none."
        ) from None
    convert = cairosvg.svg2png if kind == "png" else cairosvg.svg2pdf
    return bytes(convert(bytestring=picture.encode(), scale=2 if kind == "png" else 1))
