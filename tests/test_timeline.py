"""What people are shown of leads: declared columns, and events that were known by then."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from projects import WHEN, Trained

from lqmodel.declarations import from_microseconds
from lqmodel.rewriting import held_of, write_without
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores
from lqmodel.scoring import score
from lqmodel.timeline import MOST, SCHEMA

LAG = timedelta(hours=1)


@pytest.fixture(scope="module")
def scores(company: Trained) -> Scores:
    return score(company.bundle, company.root, {}, WHEN)


def events_of(company: Trained) -> pa.Table:
    return pq.read_table(company.root / "data" / "events.parquet")


def shown(scores: Scores) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in scores.timeline.to_pylist()]


def test_the_newest_events_that_were_known_are_shown_of_leads_beyond_the_first_stage(
    company: Trained, scores: Scores
) -> None:
    """Against plain Python over the file."""
    beyond = {
        r["lead_id"] for r in scores.table.to_pylist() if r["status"] == "scored" and r["stage"] != "Lead"
    }
    as_of, by_lead = from_microseconds(WHEN), {}
    for row in events_of(company).to_pylist():
        at = row["occurred_at"]
        if row["lead_id"] in beyond and at + LAG < as_of:
            said = " · ".join(v for v in (row["type"], row["page"]) if v)
            by_lead.setdefault(row["lead_id"], []).append((at, said))
    wanted = {lead: sorted(rows, reverse=True)[:MOST] for lead, rows in by_lead.items()}
    found: dict[str, list[tuple[Any, str]]] = {}
    for lead, at, what, text in shown(scores):
        if at is not None:
            assert what == "events"
            found.setdefault(lead, []).append((at, text))
    assert {k: sorted(v) for k, v in found.items()} == {k: sorted(v) for k, v in wanted.items()}
    assert max(map(len, found.values())) == MOST
    assert scores.timeline.schema == SCHEMA


def test_every_scored_lead_has_its_display_columns_and_no_other(company: Trained, scores: Scores) -> None:
    display = company.bundle.declarations.sources["leads"].display
    names = {(lead, what) for lead, at, what, _ in shown(scores) if at is None}
    scored = {r["lead_id"] for r in scores.table.to_pylist() if r["status"] == "scored"}
    assert {what for _, what in names} == set(display)
    assert {lead for lead, _ in names} == scored
    leads = {r["lead_id"]: r for r in pq.read_table(company.root / "data" / "leads.parquet").to_pylist()}
    assert all(text == leads[lead][what] for lead, at, what, text in shown(scores) if at is None)


def test_what_is_known_later_and_the_order_of_rows_change_nothing(
    company: Trained, scores: Scores, tmp_path: Path
) -> None:
    events = events_of(company)
    late = events.slice(0, 50).to_pylist()
    lead = next(lead for lead, at, _, _ in shown(scores) if at is not None)
    for row in late:
        row |= {"lead_id": lead, "occurred_at": from_microseconds(WHEN) - LAG, "type": "from later"}
    more = pa.concat_tables([events, pa.Table.from_pylist(late, events.schema)])
    backwards = more.take(pa.array(range(len(more) - 1, -1, -1)))
    pq.write_table(backwards, tmp_path / "events.parquet")
    again = score(company.bundle, company.root, {"events": str(tmp_path / "events.parquet")}, WHEN)
    assert again.timeline.equals(scores.timeline)


def test_a_run_holds_it_and_gives_and_erases_single_leads(scores: Scores, tmp_path: Path) -> None:
    run = write_run(scores, tmp_path, "here")
    ids = scores.timeline["lead_id"].unique().to_pylist()
    few = [ids[0], ids[len(ids) // 2], "nobody"]
    wanted = scores.timeline.filter(pc.is_in(scores.timeline["lead_id"], pa.array(few)))
    assert run.timeline(few).equals(wanted)
    assert len(held_of(run.folder, few[:1]).rows["timeline.parquet"]) == len(run.timeline(few[:1]))
    write_without(run.folder, few[:1])
    assert len(Run.open(run.folder).timeline(few[:1])) == 0
    assert len(Run.open(run.folder).timeline(few[1:2])) > 0


def test_a_run_of_an_earlier_version_shows_nothing(scores: Scores, tmp_path: Path) -> None:
    run = write_run(scores, tmp_path, "here")
    files = {k: v for k, v in run.manifest["files"].items() if k != "timeline.parquet"}
    before = Run(run.folder, {**run.manifest, "files": files})
    assert before.timeline(["L-000001"]).equals(SCHEMA.empty_table())
