"""A capacity is what sales gets in a week of nightly runs: runs as they are made, against the threshold that was solved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from once import once
from projects import agree_on, write_company
from test_declarations import FULL, MODEL, edited, load

from lqmodel.api import Project, open_project
from lqmodel.bundle import Bundle
from lqmodel.declarations import DAY
from lqmodel.errors import BadDeclaration
from lqmodel.fitting import Fit, fit
from lqmodel.heldout import held_out, held_out_parts
from lqmodel.judging import Evaluated, judge
from lqmodel.replaying import as_runs_come
from lqmodel.scores import Scores
from lqmodel.scoring import score
from lqmodel.trainingset import Snapshots

CAPACITY = 20
WEEKS = 5


@dataclass(frozen=True)
class Held:
    """A company, a model that has not seen its last weeks, and these weeks."""

    project: Project
    fitted: Fit
    train: Snapshots
    test: Snapshots
    runs: Snapshots

    def judged(self, runs: Snapshots | None) -> Evaluated:
        return judge(self.fitted, self.train, self.test, runs and [runs])


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Held:
    def build(root: Path) -> None:
        write_company(root, leads=2000)
        model = agree_on(root)
        text = model.read_text().replace("per_week = 100", f"per_week = {CAPACITY}")
        model.write_text(text.replace('test = "60d"', f'test = "{7 * WEEKS + 1}d"'))

    project = open_project(once(tmp_path_factory, "replayed", build))
    train, test = project.training_set().split()
    return Held(project, fit(train), train, test, whole(as_runs_come(test, project.inputs())))


def whole(parts: Iterator[Snapshots] | None) -> Snapshots:
    assert parts is not None
    (found,) = parts
    return found


def nightly(project: Project, bundle: Bundle, moments: list[int]) -> float:
    """Hand over as `predict` does, run after run; return first handoffs a week, those of the first run apart."""
    before: Scores | None = None
    seen: set[str] = set()
    backlog = 0
    for as_of in moments:
        before = score(bundle, project.root, None, as_of, before)
        seen |= {handoff["lead_id"] for handoff in before.handoffs}
        backlog = backlog or len(seen)
    return (len(seen) - backlog) / ((moments[-1] - moments[0]) / (7 * DAY))


@pytest.fixture(scope="module")
def bundle(company: Held) -> Bundle:
    """The model that has not seen the weeks, whose threshold is yet to be put in."""
    shipped, fitted = company.project.train().bundle, company.fitted
    calibrator = fitted.calibration.calibrator
    return replace(
        shipped,
        encoding=fitted.encoding,
        texts=fitted.texts,
        ensemble=fitted.ensemble,
        calibrator=calibrator,
        policy=company.judged(company.runs).solved.policy,
    )


@pytest.mark.slow
def test_seven_runs_a_week_fill_the_capacity_and_do_not_exceed_it(
    company: Held, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = np.unique(company.runs.as_of).tolist()
    assert len(moments) == 7 * WEEKS + 1
    weekly = company.judged(None).solved.policy
    handed = {
        "as often as runs come": nightly(company.project, bundle, moments),
        "once a week": nightly(company.project, replace(bundle, policy=weekly), moments),
    }
    with capsys.disabled():
        for name, per_week in handed.items():
            print(f"\nreplayed {name}: {per_week / CAPACITY:.2f} of the capacity", end="")
    assert 0.95 <= handed["as often as runs come"] / CAPACITY <= 1.02
    assert handed["once a week"] / CAPACITY > 1.05, "what the daily looks are for"


@pytest.mark.slow
def test_runs_once_a_week_fill_it_where_that_is_declared(company: Held, bundle: Bundle) -> None:
    weekly = company.judged(None).solved.policy
    moments = np.unique(company.test.as_of).tolist()
    per_week = nightly(company.project, replace(bundle, policy=weekly), moments)
    assert 0.95 <= per_week / CAPACITY <= 1.02


def test_training_solves_on_these_weeks_and_keeps_them(company: Held, bundle: Bundle) -> None:
    judged = company.judged(company.runs)
    assert judged.solved.volume is not None
    assert bundle.metrics["policy"]["volume"]["per_week"] == pytest.approx(judged.solved.volume.per_week)
    assert bundle.metrics["test"]["snapshots"] == len(company.test), "quality is judged on the weekly looks"
    found = held_out(company.runs, company.fitted.probability(company.runs))
    assert found is not None
    assert (found.every, len(found)) == (DAY, len(company.runs))


def test_the_weekly_looks_are_among_the_daily_ones_to_the_byte(company: Held) -> None:
    among = company.runs.take(np.isin(company.runs.as_of, company.test.as_of))
    assert among.table.equals(company.test.table)
    more = set(company.runs.lead_ids.tolist()) - set(company.test.lead_ids.tolist())
    assert more, "leads that came after one Monday and were won or lost before the next"


@pytest.mark.parametrize("most", [1, 2000])
def test_in_parts_it_is_the_same(company: Held, most: int) -> None:
    """So that memory need not hold seven times the held-out snapshots at once; also where only some leads are trained on."""
    some = company.test.take(np.array([lead < "L-001000" for lead in company.test.lead_ids]))
    for test in (company.test, some):
        once_ = whole(as_runs_come(test, company.project.inputs()))
        parts = as_runs_come(test, company.project.inputs(), most=most)
        assert parts is not None
        several = list(parts)
        assert len(several) > (30 if most == 1 else 2)
        joined = pa.concat_tables(part.table for part in several).sort_by(
            [("lead_id", "ascending"), ("as_of", "ascending")]
        )
        assert joined.equals(once_.table)
    found = held_out_parts(several, company.fitted.probability)
    again = held_out(once_, company.fitted.probability(once_))
    assert again is not None
    for name, values in vars(found).items():
        assert values.tolist() == getattr(again, name).tolist(), name


def test_a_training_on_some_leads_replays_those_alone(company: Held) -> None:
    some = company.test.take(np.array([lead < "L-001000" for lead in company.test.lead_ids]))
    runs = whole(as_runs_come(some, company.project.inputs()))
    assert set(runs.lead_ids.tolist()) == set(some.lead_ids.tolist())


def replayed(tmp_path: Path, *changes: tuple[str, str]) -> str | None:
    files = FULL
    for old, new in changes:
        files = edited(files, MODEL, old, new)
    every = load(tmp_path, files).model.replayed_every
    return None if every is None else every.text


def test_how_often_weeks_are_replayed(tmp_path: Path) -> None:
    declare: Callable[[str], tuple[str, str]] = lambda every: ("[population]", f'[evaluation]\nruns_every = "{every}"\n[population]')  # noqa: E731  # fmt: skip
    fixed = ("capacity = { per_week = 40 }", "at_least = 0.3")
    assert replayed(tmp_path) == "1d", "a capacity is held against a run each night"
    assert replayed(tmp_path, fixed) == "7d", "else as often as snapshots are taken: it costs nothing"
    assert replayed(tmp_path, fixed, declare("1d")) == "1d"
    assert replayed(tmp_path, declare("7d")) == "7d"
    assert replayed(tmp_path, ('every = "7d"', 'at_age = "7d"')) is None
    for every in ("12h", "8d", "0d"):
        with pytest.raises(BadDeclaration, match=r"evaluation\.runs_every"):
            replayed(tmp_path, declare(every))
    with pytest.raises(BadDeclaration, match="looked at again and again"):
        replayed(tmp_path, declare("1d"), ('every = "7d"', 'at_age = "7d"'))


def test_declared_weekly_runs_cost_no_looks(company: Held) -> None:
    model = company.test.declarations.model
    weekly = model.model_copy(
        update={"evaluation": model.evaluation.model_copy(update={"runs_every": model.population.every})}
    )
    test = replace(company.test, declarations=replace(company.test.declarations, model=weekly))
    assert as_runs_come(test, company.project.inputs()) is None
