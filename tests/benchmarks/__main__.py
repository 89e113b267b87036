"""Measure this library beside others.

    python -m tests.benchmarks                          every workload, a table, this machine's record
    python -m tests.benchmarks --only LeNet MLP         workloads whose name contains one of these
    python -m tests.benchmarks --curves --footprint     also cost against size; import time, size on disk, peak memory
    python -m tests.benchmarks --report --readme --plot     the record into this folder's README.md and ratios.svg

Each library runs in its own process. Before anything is timed, its results are compared with PyTorch's (or with this
library's, if PyTorch isn't installed). Then the libraries take turns, and each round gives one ratio, so a slow moment
of the machine slows both sides. The output shows the median ratio and its quartiles.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .footprint import footprint
from .libraries import LIBRARIES
from .report import plot, readme, table
from .worker import Worker
from .workloads import CURVES, WORKLOADS

OURS = "tinygrad_lite"
HERE = Path(__file__).parent
PAUSE = 0.2  # s between turns: by then idle threads of the last library (OpenBLAS: for 0.1 s) have stopped spinning


def main(arguments: list[str] | None = None) -> int:
    installed = [name for name, it in LIBRARIES.items() if importlib.util.find_spec(it.package or name)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__, formatter_class=raw)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="workloads, by parts of their names")
    parser.add_argument("--libraries", nargs="+", default=installed, choices=LIBRARIES)
    parser.add_argument("--threads", type=int, default=cores, help="threads of each library (default: one a core)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of one library's turn, in s")
    parser.add_argument(
        "--cpu", action="store_true", help="measure processor time: for one thread, on a machine that is busy"
    )
    kept = "file that keeps the results (default: this kind of machine's in records/)"
    parser.add_argument("--json", type=Path, default=record(), help=kept)
    parser.add_argument("--curves", action="store_true", help="also measure cost against size")
    parser.add_argument("--footprint", action="store_true", help="also measure import time, size on disk, peak memory")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    written: Any = {"type": Path, "nargs": "?", "metavar": "FILE"}
    marks = "write the tables between <!-- benchmarks --> marks (default: this folder's README.md)"
    parser.add_argument("--readme", const=HERE / "README.md", help=marks, **written)
    parser.add_argument("--plot", const=HERE / "ratios.svg", help="write the plot (default: ratios.svg)", **written)
    options = parser.parse_args(arguments)
    results: dict[str, Any] = json.loads(options.json.read_text("utf-8")) if options.json.exists() else {}

    equal = True
    if not options.report:
        workers = {name: Worker(name, options.threads) for name in options.libraries}
        results["system"] = system(workers, options)
        names = [name for name in WORKLOADS if any(part in name for part in options.only)]
        for name in names:
            row = measure(name, workers, options.rounds, options.seconds, options.cpu)
            results.setdefault("workloads", {})[name] = row
            equal &= not any("differs" in entry for entry in row.values())
            print(line(name, row), flush=True)
            keep(results, options.json)
        if options.curves:
            results["curves"] = {
                curve: {
                    n: measure((curve, n), workers, max(1, options.rounds // 3), options.seconds, options.cpu)
                    for n in points
                }
                for curve, points in CURVES.items()
            }
            keep(results, options.json)
        for worker in workers.values():
            worker.close()
        if options.footprint:
            results["footprint"] = footprint(options.libraries, options.threads, options.rounds)
        keep(results, options.json)
    print(table(results))
    if options.readme:
        readme(options.readme, results)
    if options.plot:
        plot(options.plot, results)
    return 0 if equal else 1


def record() -> Path:
    """The file for this kind of machine: its processor and instruction set."""
    return HERE / "records" / f"{re.sub('[^a-z0-9]+', '-', ' '.join(processor()).lower()).strip('-')}.json"


def processor() -> tuple[str, str]:
    """Its model, and the widest vector instructions that it has."""
    model, flags = platform.processor() or platform.machine(), ""
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), model)
        flags = next((s for s in lines if s.startswith("flags")), "")
    return model, next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")


def keep(results: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")


def measure(name: Any, workers: dict[str, Worker], rounds: int, seconds: float, cpu: bool) -> dict[str, dict[str, Any]]:
    """For each library its time in s and, beside our own time, the ratios of the rounds; or why there is none."""
    answers = {library: worker.ask("value", name) for library, worker in workers.items()}
    row: dict[str, dict[str, Any]] = {}
    answered = {library: answer for library, answer in answers.items() if not isinstance(answer, Exception)}
    judge = next((answered[n] for n in ("torch", OURS, *answered) if n in answered), None)
    for library, answer in answers.items():
        if isinstance(answer, Exception):
            row[library] = {"missing": str(answer)}
        elif (worst := difference(answer, judge)) > 1e-3:
            row[library] = {"differs": worst}
        else:
            row[library] = {"difference": worst, "times": []}
    running = [library for library in workers if "times" in row[library]]
    for turn in range(rounds):
        for library in running[turn % len(running) :] + running[: turn % len(running)]:
            times = row[library]["times"]
            if turn and sum(times) > 20:  # a slow library has been measured well enough
                continue
            time.sleep(PAUSE)
            times.append(workers[library].ask("time", seconds, cpu))
    ours = row.get(OURS, {}).get("times", [])
    for library in running:
        entry = row[library]
        times = entry.pop("times")
        entry["seconds"] = statistics.median(times)
        if ours and library != OURS:
            ratios = [mine / other for mine, other in zip(ours, times)]
            entry["ratio"] = statistics.median(ratios)
            entry["quartiles"] = [float(q) for q in np.quantile(ratios, [0.25, 0.75])]
    return row


def difference(answer: list[Any], judge: Any) -> float:
    """The largest difference of any array from the judge's, in units of that array's largest element."""
    worst = 0.0
    for a, b in zip(answer, judge, strict=True):
        if np.shape(a) != np.shape(b):
            return float("inf")
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if not np.all(np.isfinite(a)):
            return float("inf")
        if a.size:
            worst = max(worst, float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-6)))
    return worst


def line(name: str, row: dict[str, dict[str, Any]]) -> str:
    parts = []
    for library, entry in row.items():
        if "ratio" in entry:
            low, high = entry["quartiles"]
            parts.append(f"{entry['ratio']:.2f} [{low:.2f} {high:.2f}] of {library}")
        elif "seconds" in entry:
            parts.append(f"{entry['seconds'] * 1e3:.3f} ms")
        elif "differs" in entry:
            parts.append(f"{library} DIFFERS by {entry['differs']:.1e}")
        elif library == OURS:
            parts.append(f"missing: {entry['missing']}")
    return f"{name:45} " + ", ".join(parts)


def system(workers: dict[str, Worker], options: argparse.Namespace) -> dict[str, Any]:
    """What was measured on."""
    model, instructions = processor()
    described = {name: worker.ask("describe") for name, worker in workers.items()}
    dnn = described.get(OURS, {}).get("oneDNN")
    return {
        "processor": model,
        "instructions": instructions,
        "providers": [f"oneDNN {dnn}"] if dnn else [],
        "cores": os.cpu_count(),
        "threads": options.threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "libraries": described,
        "rounds": options.rounds,
        "clock": "processor time" if options.cpu else "wall time",
    }


if __name__ == "__main__":
    sys.exit(main())
