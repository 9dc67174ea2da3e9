"""How long a command takes from its start to its end, compiled code and files warm.

`python -m benchmarks.start [ROUNDS]` (7). A model is trained on a small simulated company and saved as a bundle; then
each round starts `lqmodel --help`, `lqmodel predict` of one lead from the bundle, `lqmodel explain` of it, and, as a
peer, an interpreter that only imports what a script of pandas, LightGBM and shap would.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.common import Comparison, compare, interleave, publish
from lqmodel.api import open_project
from lqmodel.example import write_example
from lqmodel.simulate import Company, simulate

SOURCES = ("leads", "events", "outcomes")
AS_OF = "2025-02-04"  # the day on which the simulated company ends
PEER = "import pandas, lightgbm, shap"
QUICK = "\n[classifier]\nmax_rounds = 100\nlearning_rate = 0.1\nrepeats = 2\nfolds = 3\n"


def prepare(root: Path) -> str:
    """Write a bundle, and sources that hold one lead (and an outcome of another, for a source without rows is refused)."""
    write_example(root)
    model = root / "models" / "lead_conversion.toml"
    model.write_text(model.read_text().replace('test = "120d"', 'test = "60d"') + QUICK)
    simulate(root / "data", Company(leads=1500, days=400, seed=1))
    open_project(root).train().save(root / "bundle")
    tables = {name: pq.read_table(root / "data" / f"{name}.parquet") for name in SOURCES}
    decided = set(tables["outcomes"]["lead_id"].to_pylist())
    events = tables["events"].sort_by("occurred_at")["lead_id"].to_pylist()
    lead: str = next(id for id in reversed(events) if id not in decided)  # with fresh events
    (root / "one").mkdir()
    for name, table in tables.items():
        of_lead = table.filter(pc.equal(table["lead_id"], lead))
        pq.write_table(of_lead if len(of_lead) else table.slice(0, 1), root / "one" / f"{name}.parquet")
    return lead


def commands(root: Path, lead: str) -> dict[str, list[str]]:
    """Return what is started."""
    lqmodel = [sys.executable, "-c", "from lqmodel.cli import main; main()"]
    sources = [f"--source={name}={root}/one/{name}.parquet" for name in SOURCES]
    model = ["--model", f"{root}/bundle"]
    return {
        "lqmodel --help": [*lqmodel, "--help"],
        "cold predict of one lead": [*lqmodel, "predict", *model, "--as-of", AS_OF, "--output", f"{root}/runs", *sources],
        "cold explain of one lead": [*lqmodel, "explain", lead, *model, "--run", f"{root}/runs/latest"],
        PEER: [sys.executable, "-c", PEER],
    }  # fmt: skip


def measure(root: Path, rounds: int) -> list[Comparison]:
    """Start each command once a round."""
    started = commands(root, prepare(root))

    def run(command: list[str]) -> Callable[[], object]:
        return lambda: _run(command)

    seconds = interleave({name: run(command) for name, command in started.items()}, rounds)
    theirs = (1, seconds.pop(PEER))
    return [compare(name, PEER, (1, ours), theirs, 0.0) for name, ours in seconds.items()]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)


def main() -> None:
    """Measure in a temporary folder."""
    with TemporaryDirectory() as folder:
        publish("start", measure(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 7))


if __name__ == "__main__":
    main()
