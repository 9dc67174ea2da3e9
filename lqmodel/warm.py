"""Compile ahead what scoring and training compile, and keep it: `python -m lqmodel.warm`.

For the building of an image whose containers start fresh each night, and for `make setup`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lqmodel import compiled
from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, CREATED, KEY, fetch
from lqmodel.inputs import open_inputs
from lqmodel.sweep import features_at
from lqmodel.treeshap import TreeEnsemble

_EVENTS = {"key": "lead_id", "occurred_at": "at", "uri": "events.parquet"}
_LEADS = {"key": "lead_id", "occurred_at": "at", "uri": "leads.parquet"}
_MODEL = {
    "features": ["engagement"],
    "label": {"source": "events", "where": {"kind": "won"}, "horizon": "30d"},
    "population": {"source": "leads", "every": "7d"},
    "stages": {"mql": {"at_least": 0.1}, "sales_ready": {"at_least": 0.3}},
}
_FEATURES = {
    "kind": "engagement",
    "visits": {"source": "events", "verb": "count", "where": {"kind": "visit"}, "windows": ["7d"]},
    "seconds": {"source": "events", "verb": "sum", "column": "seconds", "windows": ["7d"]},
    "pages": {"source": "events", "verb": "distinct", "column": "kind", "windows": ["7d"]},
    "longest": {"source": "events", "verb": "max", "column": "seconds", "windows": ["7d"]},
}
_DAY = 86_400_000_000
_TREE = """tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=0
objective=binary sigmoid:1

Tree=0
num_leaves=2
num_cat=0
split_feature=0
threshold=0.5
decision_type=2
left_child=-1
right_child=-2
leaf_value=0 1
leaf_count=1 1
internal_count=2

end of trees"""


def warm() -> None:
    """Call all compiled code once, on one lead and one tree."""
    compiled.load_numba()
    trees = TreeEnsemble.from_texts([_TREE], 1)
    trees.explain(np.zeros((1, 1)))
    trees.margin(np.zeros((1, 1)))
    trees.compare(np.zeros((1, 1)), np.ones((1, 1)))
    with TemporaryDirectory() as folder:
        _sweep(Path(folder))


def _sweep(folder: Path) -> None:
    moments = pa.array([_DAY], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"lead_id": ["a"], "at": moments}), folder / "leads.parquet")
    events = {"lead_id": ["a"], "at": moments, "kind": ["visit"], "seconds": [1.5]}
    pq.write_table(pa.table(events), folder / "events.parquet")
    declared = Declarations.from_json(
        {
            "name": "warm",
            "sources": {"events": _EVENTS, "leads": _LEADS},
            "features": {"engagement": _FEATURES},
            "model": _MODEL,
        }
    )
    inputs = open_inputs(declared, folder, {}, with_label=False, threads=1)
    snapshot = {KEY: ["a"], AS_OF: pa.array([2 * _DAY]), CREATED: pa.array([_DAY])}
    con = inputs.con
    con.con.register("__warm", pa.table(snapshot))
    with features_at(con.table("__warm"), inputs.facts, declared.features, {}) as table:
        fetch(table)


def main() -> None:
    """Compile, and say how long it took and where the code is kept."""
    start = perf_counter()
    warm()
    where = compiled.kept_in()
    told = (
        f"kept in {where}" if where else "kept nowhere: no folder can be written, set NUMBA_CACHE_DIR to one"
    )
    sys.stdout.write(f"compiled in {perf_counter() - start:.0f} s, {told}\n")


if __name__ == "__main__":
    main()
