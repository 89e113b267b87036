"""The player as an animated SVG: it runs inside an <img>, where no script does.

The animation is CSS. Readers who ask for reduced motion, and converters to PNG, get the finished picture.
"""

from __future__ import annotations

import re
from collections import Counter
from textwrap import wrap

from ..layout.geometry import Layout, text_width
from ..scene.cards import Card, Scene
from ..scene.steps import Step
from . import svg
from .face import Face

SECONDS = 1.7  # for a step
PANEL, LINE = 104.0, 20.0  # px: the height of the panel of text, and of a line in it
LEAST = 560.0  # px: the width that the panel needs
STYLE = """
.panel { fill: #f4f6fa }
.told text { text-anchor: start; font: 13px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1b2130 }
.told .head { font: 700 15px Helvetica, Arial, sans-serif }
.told .rule { font: 16px Cambria, Georgia, serif; fill: #5b6472 }
.told, .lit { visibility: hidden }
.told.last { visibility: visible }
.lit { fill: none; stroke: #0067a8; stroke-width: 4 }
.lit.back { stroke: #c2185b }
.run { fill: #0067a8 }
/* dark */
.panel { fill: #161d29 }
.told text { fill: #eef2f8 }
.told .rule { fill: #9aa6b6 }
.lit { stroke: #5cb8f2 }
.lit.back { stroke: #ff7aa8 }
.run { fill: #5cb8f2 }
"""


def animated(
    scene: Scene, faces: dict[Card, Face], layout: Layout, steps: list[Step], theme: str, uid: str = ""
) -> str:
    """The drawing with a panel of text below it, playing all steps in a loop."""
    picture = svg.render(scene, faces, layout, theme, uid)
    found = re.search(r'id="(\w+)" viewBox="0 0 ([\d.]+) ([\d.]+)"', picture)
    assert found
    uid, width, height = found[1], max(float(found[2]), LEAST), float(found[3])
    paths = drawn_edges(picture)
    marks, told = [], []
    for i, step in enumerate(steps):
        kind = f"lit s{i}" + (" back" if step.phase == "backward" else "")
        if step.ring is not None:
            at = re.search(rf'data-n="{step.ring.key}" transform="translate\(([-\d.]+),([-\d.]+)\)"', picture)
            assert at
            face = faces[step.ring]
            size = f'width="{svg.px(face.width + 6)}" height="{svg.px(face.height + 6)}" rx="10"'
            marks.append(f'<rect class="{kind}" x="{float(at[1]) - 3:.1f}" y="{float(at[2]) - 3:.1f}" {size}/>')
        for a, b, n in step.edges:
            if d := paths.get((a.key, b.key, n)):
                marks.append(f'<path class="{kind}" d="{d}"/>')
        told.append(f'<g class="told s{i}{" last" * (step is steps[-1])}">{"".join(lines(step, height, width))}</g>')
    panel = f'<rect class="panel" x="8" y="{svg.px(height)}" width="{svg.px(width - 16)}" height="{PANEL - 8}" rx="8"/>'
    bar = f'<rect class="run" y="{svg.px(height - 4)}" width="{svg.px(width)}" height="3"/>'
    light, _, dark = STYLE.partition("/* dark */")
    scoped = svg.themed(light, dark, uid, theme) + timing(scene, steps, uid)
    size = f'viewBox="0 0 {svg.px(width)} {svg.px(height + PANEL)}"'
    size += f' width="{svg.px(width)}" height="{svg.px(height + PANEL)}"'
    picture = re.sub(r'viewBox="[^"]*" width="[^"]*" height="[^"]*"', size, picture, count=1)
    picture = picture.replace("</style>", f"{scoped}</style>", 1)
    picture = picture.replace('<g class="c ', "\n".join([*marks, '<g class="c ']), 1)  # behind the cards
    return picture.replace("</svg>", "\n".join([panel, bar, *told, "</svg>"]))


def drawn_edges(picture: str) -> dict[tuple[int, int, int], str]:
    """The path of every edge in the picture, by its source, its target, and which of the edges between these it is."""
    paths, count = {}, Counter[str]()
    for ends, a, b, d in re.findall(r'<g class="e[^"]*" (data-s="(\d+)" data-t="(\d+)")><path d="([^"]*)"', picture):
        paths[int(a), int(b), count[ends]] = d
        count[ends] += 1
    return paths


def lines(step: Step, top: float, width: float) -> list[str]:
    """What a step says, as text."""
    rule = step.rule[step.fires] if step.fires >= 0 else ""
    rows = ["  ".join(filter(None, row)) for row in step.rows[-2:]]
    most = int((width - 60) / (text_width("n", 13, mono=True)))
    body = [*step.lines, *rows, *(wrap(step.note, most) if not step.rows else [])][:3]
    head = " ".join(filter(None, (step.phase if step.count else "", step.count)))
    said = [("head", f"{head}   {step.title}".strip())]
    said += [("rule", rule)] if rule else []
    said += [("", text.strip()) for text in body]
    return [
        f'<text class="{look}" x="22" y="{svg.px(top + 24 + LINE * i)}">{svg.said(text, most)}</text>'
        for i, (look, text) in enumerate(said[:4])
    ]


def timing(scene: Scene, steps: list[Step], uid: str) -> str:
    """The keyframes: what is seen from a step on, and what in it alone."""
    total, n = f"{len(steps) * SECONDS:.1f}s", len(steps)
    values: dict[int, list[int]] = {}
    gradients: dict[Card, int] = {}
    for i, step in enumerate(steps):
        values.setdefault(i, []).extend(card.key for card in step.appears)
        if step.phase != "end":
            gradients.update((card, i) for card, _ in step.arrives)  # the last time: then the sum is complete
    css = []
    for i in range(n):
        start, stop = 100 * i / n, 100 * (i + 1) / n
        first = "" if i == 0 else "0%{visibility:hidden}"
        css.append(f"@keyframes {uid}o{i}{{{first}{start:.2f}%{{visibility:visible}}{stop:.2f}%{{visibility:hidden}}}}")
        css.append(f"#{uid} .s{i}{{animation:{uid}o{i} {total} step-end infinite}}")
        keys = [(key, ".v,.number,.range,.bad") for key in values.get(i, ()) if i]
        keys += [(card.key, ".g,.d,.b") for card, at in gradients.items() if at == i]
        if keys:
            hidden = f"0%{{visibility:hidden}}{start:.2f}%{{visibility:visible}}"
            css.append(f"@keyframes {uid}a{i}{{{hidden}}}")
            css += [
                ",".join(f'#{uid} .c[data-n="{key}"]>{part}' for part in parts.split(","))
                + f"{{animation:{uid}a{i} {total} step-end infinite}}"
                for key, parts in keys
            ]
    css.append(f"@keyframes {uid}r{{from{{transform:scaleX(0)}}}}")
    css.append(f"#{uid} .run{{animation:{uid}r {total} linear infinite}}")
    return "@media (prefers-reduced-motion:no-preference){" + "".join(css) + "}"
