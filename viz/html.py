"""The drawing as HTML: the static picture, and a script that gives it tooltips where scripts may run."""

from __future__ import annotations

import base64
import re
import uuid
from html import escape
from importlib.resources import files


def squeezed(name: str) -> str:
    """A script of this package without its comments, and without spaces but for those in strings."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    parts = re.split(r'("[^"\n]*"|`[^`]*`)', re.sub(r"(^|\s)//.*$", "", text, flags=re.MULTILINE))
    parts[::2] = [re.sub(r"\s*([^\w\s$])\s*", r"\1", part) for part in parts[::2]]
    return "".join(parts)


SCRIPT = squeezed("drawing.js")
STYLE = "body{margin:16px;background:#fff}@media (prefers-color-scheme:dark){body{background:#0d1117}}"


def fragment(svg: str, uid: str, description: str, script: str = "") -> str:
    """For a notebook's cell or any page. Without scripts it is an image, which no sanitiser takes apart.

    `script` runs after the drawing's own.
    """
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    image = f'<img alt="{escape(description)}" style="max-width:100%" src="{source}">'
    return f'<div class="tinygrad-lite" id="{uid}-at">{image}<script>{SCRIPT}("{uid}-at");{script}</script></div>'


def unique() -> str:
    """An id for one display: the same drawing may be shown twice on a page."""
    return f"tg{uuid.uuid4().hex[:8]}"


def page(svg: str, uid: str, title: str, script: str = "") -> str:
    """A whole file."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>{fragment(svg, uid, title, script)}</body></html>\n"
    )
