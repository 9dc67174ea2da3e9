"""The whole way on a simulated company: what `lqmodel demo` and `make demo` run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lqmodel.api import open_project
from lqmodel.asof import iso
from lqmodel.bundle import Bundle
from lqmodel.checking import check
from lqmodel.declarations import DAY, from_microseconds, to_microseconds
from lqmodel.example import check_free, write_example
from lqmodel.files import write_file
from lqmodel.handoff import handoff_text
from lqmodel.ledger import Ledger, Spoken, read_feedback
from lqmodel.ledger.accounts import Given
from lqmodel.ledger.telling import given_text
from lqmodel.moving import moves
from lqmodel.report import render
from lqmodel.roster import ID
from lqmodel.runs import Run, previous_run, write_run
from lqmodel.scoring import score
from lqmodel.simulate import Company, simulate
from lqmodel.simulate.sales import answers
from lqmodel.summary import summary

SHOWN = 10
SCORES, FEEDBACK = "scores", Path("data/feedback.csv")
JOB, HEARD = DAY // 8, 6 * DAY
"""After a run's moment: when the nightly job ends, and when sales' file comes in."""


def demonstrate(folder: Path, leads: int, seed: int, say: Callable[[str], None]) -> None:
    """Run the demo in ``folder`` and tell each step to ``say``.

    Two nights are scored and recorded, a week apart, with sales' answers in between: the second shows the week's new
    handoffs, not the backlog of a first day, and what the answers moved.
    """
    started = time.monotonic()

    def tell(text: str) -> None:
        say(f"\n[{time.monotonic() - started:5.1f} s] {text}")

    check_free(folder)
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
    tell("training, twice: once to be judged on later time, once on everything (one to two minutes)")
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
    nights = _Nights(folder, model.bundle, registered.uri, tell, say)
    last = datetime.combine(company.start, datetime.min.time()) + timedelta(days=company.days)
    first = nights.run(last - timedelta(days=7))
    nights.hear(first, seed)
    run = nights.run(last)
    tell("what came of the handoffs so far")
    say(str(nights.ledger.report(model.bundle.declarations.name, nights.now)))
    handoffs = run.handoffs()
    tell(f"the {min(SHOWN, len(handoffs))} best of {len(handoffs)} new handoffs")
    given = nights.given(run)
    for handoff in handoffs[:SHOWN]:
        say("")
        say(handoff_text(handoff))
        say(f"  {given_text(given[handoff[ID]], run.language)}")
    tell("done")
    lead = handoffs[0]["lead_id"] if handoffs else "LEAD_ID"
    say(
        f"report    {report}\nrun       {run.folder}\nfeedback  {folder / FEEDBACK}\n"
        f"next      lqmodel explain {lead} --project {folder} --run {run.folder.name}"
    )


@dataclass
class _Nights:
    """The nightly job, on the days of the simulated company.

    Not by `nightly.Night`, which refuses a moment before the last recorded one: the demo may run again.
    """

    folder: Path
    bundle: Bundle
    address: str
    tell: Callable[[str], None]
    say: Callable[[str], None]
    now: int = 0

    @property
    def ledger(self) -> Ledger:
        return Ledger.of(self.folder)

    def given(self, run: Run) -> dict[str, Given]:
        """Return for each handed lead of a run whose it is, and until when it is answered."""
        whose = self.ledger.given(self.bundle.declarations.name)
        return {lead: told for (as_of, lead), told in whose.items() if as_of == run.as_of}

    def run(self, moment: datetime) -> Run:
        """Score, write and record, three hours after midnight; what a week moves is shown, and let move."""
        model = self.bundle.declarations.model
        as_of = to_microseconds(moment, model.zone)
        self.now = as_of + JOB
        before = previous_run(self.folder / SCORES, self.bundle, as_of)
        acts = self.ledger.acts(self.bundle.declarations.name, as_of)
        scores = score(self.bundle, self.folder, {}, as_of, before, acts=acts, barred=self.ledger.barred())
        moving = moves(scores, before, self.bundle.policy, self.bundle.declarations)
        run = write_run(scores, self.folder / SCORES, self.address)
        recorded = self.ledger.record(run, self.now, model.handoffs, model.zone)[-1]
        self.tell(f"scored the open leads as of {iso(as_of)}")
        self.say(run.summary())
        self.say(f"ledger    {recorded.transitions:,} moves, {recorded.handoffs:,} handoffs")
        if moving is not None:
            self.say(str(moving))
        return run

    def hear(self, run: Run, seed: int) -> None:
        """Let sales answer the handoffs of a run within the week, and take their file as `lqmodel feedback import` does."""
        assert run.as_of is not None
        given = self.given(run)
        handed = [
            (handoff[ID], handoff["probability"], given[handoff[ID]].owner) for handoff in run.handoffs()
        ]
        self.now = run.as_of + HEARD
        write_file(self.folder / FEEDBACK, answers(handed, from_microseconds(run.as_of), seed))
        stages = self.bundle.declarations.model.stages
        read = read_feedback(self.folder / FEEDBACK, stages.sal.checklist, None, self.now)
        taken = self.ledger.say(read.feedback, Spoken.of(stages), self.now)
        said = Counter(f.act for f in read.feedback if f.act != "worked")
        self.tell("a week passes; sales answers")
        told = ", ".join(f"{n:,} {act}" for act, n in said.most_common())
        self.say(f"feedback  {told}, each after a call, of {len(handed):,} handoffs ({taken})")
