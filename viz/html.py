"""The drawing as HTML: the static picture, and a script that gives it tooltips where scripts may run."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files

SCRIPT = files(__package__).joinpath("drawing.js").read_text(encoding="utf-8")
STYLE = "body{margin:16px;background:#fff}@media (prefers-color-scheme:dark){body{background:#0d1117}}"


def fragment(svg: str, uid: str, description: str) -> str:
    """For a notebook's cell or any page. Without scripts it is an image, which no sanitiser takes apart."""
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
    image = f'<img alt="{escape(description)}" style="max-width:100%" src="{source}">'
    return f'<div class="tinygrad-lite" id="{uid}-at">{image}<script>{SCRIPT}("{uid}-at")</script></div>'


def page(svg: str, uid: str, title: str) -> str:
    """A whole file."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>{fragment(svg, uid, title)}</body></html>\n"
    )
