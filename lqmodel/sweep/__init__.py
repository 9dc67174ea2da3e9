"""Features on the embedded engine: one compiled pass over the facts instead of a join with the snapshots.

    snapshots ──> layout ──────────┐
    facts ──> DuckDB: tests, values ──> records in buckets ──> kernel ──> measures ──> verbs.value ──> features

`features.features` stays the definition, and what every other engine runs; the same table comes out, to the byte.
"""

from lqmodel.sweep.at import features_at

__all__ = ["features_at"]
