"""What every benchmark shares: interleaved timing, the machine's description, the table, the file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "numba", "lightgbm", "shap", "woodelf_explainer", "duckdb", "polars", "pandas")


@dataclass(frozen=True)
class Comparison:
    """One peer beside lqmodel on one case.

    Attributes
    ----------
    case, peer : str
    ratio : dict
        min, median and max over repetitions of the peer's time over lqmodel's, each per unit of work.
    max_error : float
        Largest absolute difference of the results.
    n, peer_n : int
        Units of work (such as rows) in one repetition.
    seconds, peer_seconds : float
        Median time of a repetition.
    machine : str
    """

    case: str
    peer: str
    ratio: dict[str, float]
    max_error: float
    n: int
    peer_n: int
    seconds: float
    peer_seconds: float
    machine: str


def interleave(runs: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Time every run once a round, so that other load on the machine falls on all alike; the first round is not kept."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(repetitions + 1):
        for name, run in runs.items():
            start = perf_counter()
            run()
            if repetition:
                seconds[name].append(perf_counter() - start)
    return seconds


def compare(
    case: str, peer: str, ours: tuple[int, list[float]], theirs: tuple[int, list[float]], max_error: float
) -> Comparison:
    """Put times together; `ours` and `theirs` are units of work and the seconds of each repetition."""
    (n, seconds), (peer_n, peer_seconds) = ours, theirs
    ratios = [(t / peer_n) / (s / n) for s, t in zip(seconds, peer_seconds, strict=True)]
    ratio = {"min": min(ratios), "median": statistics.median(ratios), "max": max(ratios)}
    return Comparison(
        case=case,
        peer=peer,
        ratio={name: round(value, 2) for name, value in ratio.items()},
        max_error=max_error,
        n=n,
        peer_n=peer_n,
        seconds=round(statistics.median(seconds), 4),
        peer_seconds=round(statistics.median(peer_seconds), 4),
        machine=machine(),
    )


def machine(packages: Sequence[str] = PACKAGES) -> str:
    """Describe the processor, the cores that this process may use, Python and packages."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{cores} cores, {name}; {platform.system()}; Python {platform.python_version()}, {versions}"


def publish(name: str, found: Sequence[Comparison]) -> None:
    """Print the table and write results/NAME.json."""
    lines = [
        machine(),
        f"{'case':<50} {'peer':<24} {'min':>8} {'median':>8} {'max':>8} {'seconds':>9} {'units/s':>12} {'max error':>10}",
    ]
    for one in found:
        ratio = "".join(f" {one.ratio[key]:>7.1f}x" for key in ("min", "median", "max"))
        lines.append(
            f"{one.case:<50} {one.peer:<24}{ratio} {one.seconds:>9.3f} {one.n / one.seconds:>12,.0f} {one.max_error:>10.1e}"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps([asdict(one) for one in found], indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
