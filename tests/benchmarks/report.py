"""Results as the tables of this folder's README, and as a plot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

TITLES = {
    "numpy_alone": "NumPy alone", "torch": "PyTorch", "mygrad": "MyGrad", "autograd": "HIPS autograd",
    "micrograd": "micrograd",
}  # fmt: skip
ALONE = "numpy_alone"


def table(results: dict[str, Any]) -> str:
    """Markdown: our times, with and without oneDNN, and the ratio to each other library's; below 1 we are faster."""
    system = results["system"]
    libraries = [name for name in TITLES if name in system["libraries"]]
    lines = [
        "| workload | time | " + " | ".join(f"to {TITLES[n]}" if n != ALONE else TITLES[n] for n in libraries) + " |",
        "| --- " * (2 + len(libraries)) + "|",
    ]
    for name, row in results.get("workloads", {}).items():
        mine = row.get("tinygrad_lite", {})
        others = (duration(row[n].get("seconds")) if n == ALONE else ratio(row.get(n, {})) for n in libraries)
        cells = [name, duration(mine.get("seconds")), *others]
        lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines)
    text += (
        "\n\nThis library's time divided by the other's: median of rounds taken in turns (first to third quartile). "
    )
    text += f"{system['processor']}, {system['threads']} thread(s), {system['clock']}, "
    text += f"Python {system['python']}, NumPy {system['numpy']}"
    for pool in system["libraries"].get("tinygrad_lite", {}).get("pools", []):
        if pool["user_api"] == "blas":
            text += f" with {pool['internal_api']} {pool['version']} ({pool['architecture']} kernels)"
    for provider in system.get("providers", []):
        text += f", {provider}"
    versions = ", ".join(f"{TITLES[n]} {system['libraries'][n]['version']}" for n in libraries if n != ALONE)
    text += f"; {versions}. A dash: not offered, or unable." if libraries else "."
    if "curves" in results:
        for curve, points in results["curves"].items():
            text += f"\n\n| {curve} | " + " | ".join(f"{int(n):,}" for n in points) + " |\n"
            text += "| --- " * (len(points) + 1) + "|"
            for library in ["tinygrad_lite", *libraries]:
                times = [row.get(library, {}).get("seconds") for row in points.values()]
                if any(times):
                    cells = [duration(None if t is None else t / int(n)) for n, t in zip(points, times)]
                    text += f"\n| {TITLES.get(library, 'this library')}, each | " + " | ".join(cells) + " |"
    if "footprint" in results:
        text += "\n\n| | import | on disk | peak memory, LeNet-5 at batch 256 (before the first step) |\n"
        text += "| --- | --- | --- | --- |"
        for library, entry in results["footprint"].items():
            peak = f"{entry['peak'] / 1e6:.0f} MB ({entry['peak_before'] / 1e6:.0f})" if entry.get("peak") else "–"
            title = {"tinygrad_lite": "this library", "numpy": "NumPy", **TITLES}[library]
            text += f"\n| {title} | {duration(entry['import'])} | {entry['disk'] / 1e6:.1f} MB | {peak} |"
    return text


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    unit, factor = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{seconds * factor:.3g} {unit}"


def ratio(entry: dict[str, Any]) -> str:
    if "ratio" not in entry:
        return "differs" if "differs" in entry else "–"
    middle, low, high = (f"{r:.2f}" if r >= 0.095 else f"{r:.1g}" for r in (entry["ratio"], *entry["quartiles"]))
    return f"**{middle}** ({low}–{high})"


def readme(path: Path, results: dict[str, Any]) -> None:
    """Write the tables between the <!-- benchmarks --> marks.

    Raises:
        ValueError: the file has no marks.
    """
    begin, end = "<!-- benchmarks -->", "<!-- /benchmarks -->"
    text = path.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise ValueError(f"{path}: has no {begin} … {end} marks: add them where the tables belong")
    block = f"{begin}\n{table(results)}\n{end}"
    path.write_text(re.sub(f"{begin}.*{end}", lambda match: block, text, flags=re.DOTALL), encoding="utf-8")


def plot(path: Path, results: dict[str, Any]) -> None:
    """A point for each workload and library: the ratio, on a logarithmic axis, with its quartiles."""
    import matplotlib.pyplot as plt

    names = list(results["workloads"])
    figure, axes = plt.subplots(figsize=(9, 1 + 0.28 * len(names)))
    for library, title in TITLES.items():
        rows = [(i, results["workloads"][name].get(library, {})) for i, name in enumerate(names)]
        points = [(i, row["ratio"], *row["quartiles"]) for i, row in rows if "ratio" in row]
        if points:
            y, x, low, high = zip(*points)
            errors = [[max(0, a - b) for a, b in zip(x, low)], [max(0, b - a) for a, b in zip(x, high)]]
            axes.errorbar(x, y, xerr=errors, fmt="o", markersize=4, label=title)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="time of this library / time of the other (left of 1: this library is faster)")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.legend()
    with plt.rc_context({"svg.fonttype": "none"}):
        figure.savefig(path, bbox_inches="tight")
    plt.close(figure)
