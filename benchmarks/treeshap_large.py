"""Contributions of more rows than fit into one block, in one call: every row checked, and the memory that it takes.

`python -m benchmarks.treeshap_large [ROWS]` (10,000,000: 12 GB of memory, most of it the rows and what comes out).
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Comparison, compare, publish
from benchmarks.treeshap import CASES, N_COLUMNS, rows, train
from lqmodel.treeshap import TreeEnsemble

Floats = NDArray[np.float64]
PART = 1_000_000
SAMPLED = 2_000
"""Rows whose contributions are held against `pred_contrib`, from all over; its margin is, for every row."""


def made(n: int) -> Floats:
    """Return rows as the other benchmark makes them, a part at a time."""
    x = np.empty((n, N_COLUMNS))
    for start in range(0, n, PART):
        part = x[start : start + PART]
        part[:] = rows(len(part), seed=start + 2)
    return x


def measure(n: int) -> tuple[list[Comparison], float, int]:
    """Explain all rows at once; the times, how far any row's sum is off, and the memory beyond rows and results in bytes."""
    booster, x = train(CASES[0]), made(n)
    trees = TreeEnsemble.from_texts([booster.model_to_string()], N_COLUMNS)
    trees.explain(x[:1000])  # compiled and planned before
    _peak()
    out, before = x.nbytes + 8 * n, _peak()  # as many contributions as values, and the margins
    start = perf_counter()
    ours = trees.explain(x)
    taken = perf_counter() - start
    beyond = max(_peak() - before - out, 0)
    off_sum = max(
        float(np.abs(ours.values[i : i + PART].sum(axis=1) + ours.base - ours.margin[i : i + PART]).max())
        for i in range(0, n, PART)
    )
    start = perf_counter()
    margin = booster.predict(x, raw_score=True)
    plain = perf_counter() - start
    chosen = np.sort(np.random.default_rng(0).choice(n, min(SAMPLED, n), replace=False))
    start = perf_counter()
    contributed = booster.predict(x[chosen], pred_contrib=True)
    slow = perf_counter() - start
    off = float(np.abs(ours.values[chosen] - contributed[:, :-1]).max())
    case = f"{CASES[0].name}, in one call"
    found = [
        compare(case, "LightGBM pred_contrib", (n, [taken]), (len(chosen), [slow]), off),
        compare(
            case, "LightGBM predict", (n, [taken]), (n, [plain]), float(np.abs(ours.margin - margin).max())
        ),
    ]
    return found, off_sum, beyond


def _peak() -> int:
    """Return the most memory that was resident since this was last asked for, in bytes; Linux tells."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM:"))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(line.split()[1]) * 1024


def main() -> None:
    """Measure, and say what no table has room for."""
    found, off_sum, beyond = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
    publish("treeshap_large", found)
    sys.stdout.write(
        f"sum of contributions off the margin by {off_sum:.1e} at most; {beyond / 2**20:,.0f} MiB beyond\n"
    )


if __name__ == "__main__":
    main()
