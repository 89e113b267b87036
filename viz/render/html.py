"""The drawing as HTML: a static picture, and a script that adds tooltips where scripts run."""

from __future__ import annotations

import base64
import json
import re
import uuid
from html import escape
from importlib.resources import files


def squeezed(name: str) -> str:
    """A script of this folder without comments, and without spaces outside strings."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    parts = re.split(r'("[^"\n]*"|`[^`]*`)', re.sub(r"(^|\s)//.*$", "", text, flags=re.MULTILINE))
    parts[::2] = [re.sub(r"\s*([^\w\s$])\s*", r"\1", part).replace(";}", "}") for part in parts[::2]]
    return "".join(parts)


def style(name: str) -> str:
    """A style sheet of this folder without needless spaces."""
    return re.sub(r"\s*([{},:;>])\s+|\s+(?=[{}>])", r"\1", files(__package__).joinpath(name).read_text("utf-8"))


SCRIPT, ROOM, FRAMES = map(squeezed, ("drawing.js", "room.js", "frames.js"))
LEGIBLE = 0.4  # the scale below which frames are closed at first, so that the whole can be read
STYLE = "body{margin:16px;background:#fff}@media (prefers-color-scheme:dark){body{background:#0d1117}}"


def fragment(svg: str, still: str, uid: str, description: str, script: str = "", whole: bool = False) -> str:
    """The drawing as part of a page. Where scripts don't run `still` is an image, which every sanitiser leaves alone.

    `script` runs after the drawing's own. Frames of a large drawing are closed at first, unless it is to be `whole`.
    """
    source = f"data:image/svg+xml;base64,{base64.b64encode(still.encode()).decode()}"
    image = f'<img alt="{escape(description)}" style="max-width:100%" src="{source}">'
    other = "," + json.dumps(svg, ensure_ascii=False).replace("</", "<\\/") if svg != still else ""
    frames = f'{FRAMES}("{uid}-at",{0 if whole else LEGIBLE});' if 'class="fr"' in svg else ""
    scripts = f'{SCRIPT}("{uid}-at"{other});{ROOM}("{uid}-at");{frames}{script}'
    return f'<div class="tinygrad-lite" id="{uid}-at">{image}<script>{scripts}</script></div>'


def unique() -> str:
    """A new id for each display: a page may show the same drawing twice."""
    return f"tg{uuid.uuid4().hex[:8]}"


def page(svg: str, still: str, uid: str, title: str, script: str = "", whole: bool = False) -> str:
    """The drawing as a whole page."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body>{fragment(svg, still, uid, title, script, whole)}</body></html>\n"
    )
