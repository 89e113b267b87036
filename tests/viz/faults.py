"""What is wrong with a drawing: as a script for a browser, and by its layout alone."""

from __future__ import annotations

from pathlib import Path

from tinygrad_lite.viz import Drawing

FAULTS = Path(__file__).with_name("faults.js").read_text(encoding="utf-8")


def overlaps(drawing: Drawing) -> list[tuple[str, str]]:
    layout, faces = drawing.layout, drawing.faces
    boxes = []
    for card in drawing.scene.cards():
        x, y = layout.cards[card.key]
        boxes.append((card.path or card.pill, x, y - faces[card].above, x + faces[card].width, y + faces[card].height))
    boxes.sort(key=lambda b: b[1])
    found = []
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            if b[1] >= a[3] - 0.5:
                break
            if a[2] < b[4] - 0.5 and b[2] < a[4] - 0.5:
                found.append((a[0], b[0]))
    return found
