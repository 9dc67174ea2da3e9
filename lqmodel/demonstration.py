"""The whole way on a simulated company: what `lqmodel demo` and `make demo` run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from lqmodel.api import open_project
from lqmodel.asof import iso
from lqmodel.checking import check
from lqmodel.declarations import to_microseconds
from lqmodel.example import write_example
from lqmodel.files import write_file
from lqmodel.handoff import handoff_text
from lqmodel.report import render
from lqmodel.runs import previous_run, write_run
from lqmodel.scoring import score
from lqmodel.simulate import Company, simulate
from lqmodel.summary import summary

SHOWN = 10


def demonstrate(folder: Path, leads: int, seed: int, say: Callable[[str], None]) -> None:
    """Run the demo in ``folder`` and tell each step to ``say``.

    Two runs are scored, a week apart, so that the second shows the week's new handoffs and not the
    backlog of a first day.
    """
    started = time.monotonic()

    def tell(text: str) -> None:
        say(f"\n[{time.monotonic() - started:5.1f} s] {text}")

    write_example(folder)
    company = Company(leads=leads, seed=seed)
    made = simulate(folder / "data", company)
    tell(
        f"simulated {made.leads:,} leads with {made.events:,} events: {made.won:,} won, {made.lost:,} lost, {made.open:,} open"
    )
    project = open_project(folder)
    found = check(project.declarations(), project.inputs(), project.training_set)
    tell("checked")
    say(str(found))
    found.raise_if_stopped()
    tell("training, twice: once to be judged on later time, once on everything (about a minute)")
    model = project.train()
    tell("trained, calibrated, and evaluated on later time")
    say(summary(model.bundle.metrics))
    report = folder / "report.html"
    write_file(
        report,
        render(
            model.bundle.declarations, model.bundle.metrics, model.bundle.card, model.bundle.version
        ).encode(),
    )
    registered = project.register(model)
    tell(f"registered as {registered.uri} ({registered.alias})")
    last = datetime.combine(company.start, datetime.min.time()) + timedelta(days=company.days)
    for moment in (last - timedelta(days=7), last):
        as_of = to_microseconds(moment, model.bundle.declarations.model.zone)
        before = previous_run(folder / "scores", model.bundle, as_of)
        run = write_run(score(model.bundle, folder, {}, as_of, before), folder / "scores", registered.uri)
        tell(f"scored the open leads as of {iso(as_of)}")
        say(run.summary())
    handoffs = run.handoffs()
    tell(f"the {min(SHOWN, len(handoffs))} best of {len(handoffs)} new handoffs")
    for handoff in handoffs[:SHOWN]:
        say("")
        say(handoff_text(handoff))
    tell("done")
    say(
        f"report    {report}\nrun       {run.folder}\nnext      lqmodel explain {handoffs[0]['lead_id'] if handoffs else 'LEAD_ID'} --project {folder} --run {folder}/scores/latest"
    )
