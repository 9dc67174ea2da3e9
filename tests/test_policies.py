"""Settings compared on held-out weeks: as counted by hand, as training reported, whatever the order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import Ended
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import Trained
from test_solving import after_start, by_hand, company, histories
from test_stages import MONDAY, WEEK, Halved, declared

from lqmodel.api import open_project
from lqmodel.comparison import Compared, Comparison
from lqmodel.errors import BadData, LqmodelError, NoInput, Refused, UsageError
from lqmodel.evaluation import rounded
from lqmodel.firsthandoffs import handoffs_of, share_of
from lqmodel.heldout import HeldOut, place
from lqmodel.model import Model, load_model
from lqmodel.policies import Asked, compare_policies, kept
from lqmodel.stages import Replay, solve_policy

Rows = dict[str, Any]
VALUE = {"contact_cost": 40.0, "deal_value": 1000.0, "margin": 0.5, "uplift": 0.4}


def held_of(rows: Rows) -> HeldOut:
    return HeldOut.of(**rows)


def bundle_of(held: HeldOut, **rule: Any) -> Any:
    """As much of a bundle as is looked at, its policy solved on these held-out weeks as training does."""
    stages = declared(**rule)
    solved = solve_policy(stages, Halved(), replay=held.replay())
    handed = handoffs_of(held, solved.policy)
    model = SimpleNamespace(
        stages=stages,
        zone="UTC",
        has_clock=True,
        evaluation=SimpleNamespace(runs_every=None),
        classifier=SimpleNamespace(seed=0),
        label=SimpleNamespace(horizon=SimpleNamespace(text="60d")),
    )
    metrics = {
        "first_handoffs": handed and rounded(handed.to_json()),
        "policy": {"notes": list(solved.notes)},
    }
    return SimpleNamespace(
        declarations=SimpleNamespace(name="won", model=model),
        policy=solved.policy,
        calibrator=Halved(),
        metrics=metrics,
        version="0123456789ab",
    )


def compared(rows: Rows, asked: Asked | None = None, **rule: Any) -> Comparison:
    held = held_of(rows)
    return compare_policies(bundle_of(held, **(rule or {"at_least": 0.3})), held, asked)


def of_replay(replay: Replay, **changed: Any) -> HeldOut:
    return HeldOut.of(**{name: value for name, value in vars(replay).items() if value is not None} | changed)


# ── the figures ──────────────────────────────────────────────────────────────────────────────────────────────


def assert_by_hand(rows: Rows, one: Compared) -> None:
    first = by_hand(rows, one.threshold)
    after = after_start(rows, first)
    weeks = (max(rows["as_of"]) - min(rows["as_of"])) / WEEK
    assert (one.leads, one.at_start) == (len(after), len(first) - len(after))
    assert one.per_week == pytest.approx(len(after) / weeks)
    assert one.wins == sum(rows["won"][i] for i in after)
    if after:
        assert one.precision is not None
        assert one.precision.value == pytest.approx(one.wins / len(after))
        assert one.precision.low <= one.precision.value <= one.precision.high
    else:
        assert one.precision is one.predicted is None
    handed = {rows["lead_id"][i]: rows["as_of"][i] for i in first}
    won: dict[str, int] = {}
    for lead, as_of, win in zip(rows["lead_id"], rows["as_of"], rows["won"], strict=True):
        if win:
            won[lead] = max(as_of, won.get(lead, 0))
    assert one.found == sum(lead in handed and handed[lead] <= last for lead, last in won.items())
    assert one.recall is not None
    assert one.recall.value == pytest.approx(one.found / len(won))
    worth = sum(200 * rows["probability"][i] - 40 for i in after) / weeks
    assert one.value_per_week == pytest.approx(worth)


won_once = histories().filter(lambda rows: any(rows["won"]))


@settings(max_examples=60, deadline=None)
@given(won_once)
def test_every_figure_is_the_one_counted_by_hand(rows: Rows) -> None:
    found = compared(rows, Asked(at_least=(0.05, 0.3, 0.5, 0.9), **VALUE))
    assert [one.in_force for one in found.settings] == [True] + [False] * 5
    for one in found.settings:
        assert_by_hand(rows, one)
    assert found.leads == len(set(rows["lead_id"]))
    assert found.won_leads == len({k for k, won in zip(rows["lead_id"], rows["won"], strict=True) if won})
    most = max(one.value_per_week or 0.0 for one in found.settings)
    assert {one.name: one.value_per_week for one in found.settings}["most value"] == pytest.approx(most)


@settings(max_examples=40, deadline=None)
@given(won_once, st.randoms())
def test_the_order_of_rows_changes_no_byte(rows: Rows, random: Any) -> None:
    order = random.sample(range(len(rows["lead_id"])), len(rows["lead_id"]))
    other = {name: [values[i] for i in order] for name, values in rows.items()}
    for name, values in vars(held_of(rows)).items():
        assert getattr(held_of(other), name).tolist() == values.tolist(), name
    asked = Asked(capacity=(1, 2), precision=(0.2,), at_least=(0.4,), **VALUE)
    one, two = compared(rows, asked), compared(other, asked)
    assert (one.to_json(), str(one)) == (two.to_json(), str(two))


@settings(max_examples=40, deadline=None)
@given(won_once, st.lists(st.integers(2, 19), min_size=2, max_size=8, unique=True))
def test_a_higher_threshold_never_hands_over_more(rows: Rows, steps: list[int]) -> None:
    found = compared(rows, Asked(at_least=tuple(k / 20 for k in steps)))
    others = sorted(found.settings[1:], key=lambda one: one.threshold)
    handed = [one.leads + one.at_start for one in others]
    assert handed == sorted(handed, reverse=True)
    assert [one.found for one in others] == sorted((one.found for one in others), reverse=True)


@settings(max_examples=60, deadline=None)
@given(won_once, st.sampled_from([{"capacity": {"per_week": 2}}, {"precision": 0.1}, {"value": VALUE}]))
def test_the_setting_in_force_asked_for_again_is_the_same(rows: Rows, rule: Rows) -> None:
    asked = {"capacity": Asked(capacity=(2,)), "precision": Asked(precision=(0.1,)), "value": Asked()}
    (name,) = rule
    if name == "value":
        found = compared(rows, Asked(at_least=(0.3,), **VALUE), at_least=0.3)
        again = next(one for one in found.settings if one.name == "most value")
        now = compared(rows, value=VALUE).settings[0]
    else:
        found = compared(rows, asked[name], **rule)
        now, again = found.settings
    assert replace(again, in_force=True, name=now.name) == now


def test_levels_have_thresholds_of_their_own() -> None:
    held = of_replay(company())
    bundle = bundle_of(held, capacity={"per_week": {"north": 8, "south": 20}}, per="team")
    found = compare_policies(bundle, held)
    now, *others = found.settings
    assert now.levels == tuple((level, bar.probability) for level, bar in bundle.policy.levels)
    assert all([level for level, _ in one.levels] == ["north", "south"] for one in others)
    assert {one.name for one in others} >= {"7 a week", "14 a week"}
    assert "* where no level has a threshold of its own" in str(found)
    alone = compare_policies(bundle, held, Asked(capacity=(28,))).settings[1]
    assert alone.levels == ()
    assert 27 < alone.per_week <= 28


def test_a_capacity_that_is_not_used_up_gives_a_ladder_below_what_is() -> None:
    held = of_replay(company())
    found = compare_policies(bundle_of(held, capacity={"per_week": 500}), held)
    now, *others = found.settings
    assert "a capacity of 500 a week is not used up" in now.notes[0]
    assert [one.per_week for one in others] == sorted(one.per_week for one in others)
    assert others
    assert all(one.per_week < now.per_week for one in others)
    assert len({one.bars for one in found.settings}) == len(found.settings)


def test_handed_over_at_the_start_or_too_late() -> None:
    """Lead 1 is handed over at the start and wins, 2 after its win's last snapshot, 3 in time, 4 never."""
    rows = {
        "lead_id": [1, 1, 2, 2, 3, 3, 4, 4],
        "as_of": [MONDAY, MONDAY + WEEK] * 4,
        "probability": [0.6, 0.6, 0.1, 0.6, 0.1, 0.6, 0.1, 0.1],
        "won": [0, 1, 1, 0, 0, 1, 1, 1],
    }
    (now, *_) = compared(rows, Asked(at_least=(0.5,))).settings
    assert (now.at_start, now.leads, now.wins, now.found) == (1, 2, 1, 2)
    assert now.recall is not None
    assert now.recall.value == 0.5


def test_accounts_go_together_in_both_intervals() -> None:
    """Of four accounts of ten leads two are handed over and won, one is handed over and lost, one won alone."""

    def ends(accounts: int) -> list[float]:
        leads = np.repeat(np.arange(40), 3)
        week = np.tile(np.arange(3), 40)
        kind = leads // 10
        one = compared(
            {
                "lead_id": leads,
                "as_of": MONDAY + week * WEEK,
                "probability": np.where((kind < 3) & (week > 0), 0.6, 0.1) + leads / 1000,
                "won": kind != 2,
                "group": leads * accounts // 40,
            },
            Asked(at_least=(0.5,)),
        ).settings[1]
        assert one.precision is not None
        return [one.precision.high - one.precision.low, one.recall.high - one.recall.low]

    assert all(together > 1.5 * alone for together, alone in zip(ends(4), ends(40), strict=True))


@settings(max_examples=30, deadline=None)
@given(won_once)
def test_each_won_lead_stands_for_its_account(rows: Rows) -> None:
    held, one = held_of(rows), compared(rows, Asked(at_least=(0.5,))).settings[1]
    told = list(zip(held.lead.tolist(), held.group, held.as_of, held.won, strict=True))
    group = {lead: int(account) for lead, account, _, _ in told}
    last = {lead: as_of for lead, _, as_of, won in told if won}
    handed = {held.lead[i]: held.as_of[i] for part in held.first(0.5) for i in part}
    found = [lead in handed and handed[lead] <= last[lead] for lead in sorted(last)]
    assert one.recall == share_of(found, np.array([group[lead] for lead in sorted(last)]))


def test_a_capacity_on_weekly_looks_says_that_nightly_runs_hand_over_more() -> None:
    rows = vars(company(300))
    rows = {name: value for name, value in rows.items() if value is not None}
    weekly = compared(rows, Asked(capacity=(10,), at_least=(0.5,)), at_least=0.3)
    told = [
        one.name for one in weekly.settings if any("a run every 1d hands over more" in n for n in one.notes)
    ]
    assert told == ["10 a week"]
    daily = {**rows, "as_of": np.asarray(rows["as_of"]) // 7}
    for one in compared(daily, Asked(capacity=(10,)), at_least=0.3).settings:
        assert "hands over more" not in " ".join(one.notes)


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_kept_holds_no_name_and_no_trace_of_one(tmp_path: Path) -> None:
    replay = company(200)
    names = np.array([f"Ann Miller {i}" for i in range(200)])[np.asarray(replay.lead_id)]
    others = np.array([f"L-{(i * 77) % 200}" for i in range(200)])[np.asarray(replay.lead_id)]
    one = of_replay(replay, lead_id=names).save(tmp_path, "one").read_bytes()
    two = of_replay(replay, lead_id=others).save(tmp_path, "two").read_bytes()
    assert one == two
    assert b"Ann" not in one


@settings(max_examples=50, deadline=None)
@given(rows=histories())
def test_kept_and_read_again_is_the_same(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> None:
    held, state = held_of(rows), tmp_path_factory.mktemp("state")
    held.save(state, "v")
    again = HeldOut.load(state, "v")
    for name, values in vars(held).items():
        assert getattr(again, name).tolist() == values.tolist(), name
    leads = {(int(a), b) for a, b in zip(held.lead, held.group.tolist(), strict=True)}
    named = set(zip(rows["lead_id"], rows["group"], strict=True))
    assert len(leads) == len(named)


@pytest.fixture(scope="module")
def found(company: Trained) -> Comparison:
    held = kept(company.bundle, company.root / ".lqmodel")
    return compare_policies(company.bundle, held, Asked(contact_cost=80, deal_value=4000, uplift=0.5))


def test_the_setting_in_force_is_what_training_reported(company: Trained, found: Comparison) -> None:
    metrics, now = company.bundle.metrics, found.settings[0]
    told, volume = metrics["first_handoffs"], metrics["policy"]["volume"]
    ours = {"leads": now.leads, "backlog": now.at_start, "wins": now.wins, "weeks": found.weeks}
    ours |= {"per_week": now.per_week, "predicted": now.predicted, "observed": rounded(now.precision)}
    assert rounded(ours) == told
    assert rounded([now.per_week, now.at_start]) == [volume["per_week"], volume["backlog"]]
    assert now.threshold == company.bundle.policy.sales_ready.probability
    for seen, kind in ((found.leads, "leads"), (found.won_leads, "won_leads")):
        assert seen >= metrics["test"][kind], "looked at each day, and there once a week"
    assert len(found.settings) > 3


def test_a_comparison_shows_itself(found: Comparison) -> None:
    text, table = str(found), found.to_pandas()
    for one in found.settings:
        assert one.name in text
        assert table.loc[one.name, "per_week"] == one.per_week
    assert "(in force)" in text
    assert table["in_force"].tolist() == [one.in_force for one in found.settings]
    shown = found._repr_html_()
    assert shown.count("<tr>") == len(found.settings) + 1
    assert replace(found, model="<b>")._repr_html_().count("<b>") == 0
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


def test_the_plot(found: Comparison) -> None:
    svg = found.svg()
    assert svg == found.svg()
    text = "".join(ElementTree.fromstring(svg).itertext())
    for one in found.settings:
        assert f"{one.per_week:.1f} a week" in text
    for told in ("first handoffs a week", "value a week", "in force", "share that was won"):
        assert told in text
    assert (
        "value a week"
        not in replace(found, settings=tuple(replace(one, value_per_week=None) for one in found.settings))
        .svg()
        .decode()
        .partition("</desc>")[2]
    )
    nobody = replace(found.settings[0], precision=None, predicted=None, leads=0)
    assert b"nobody handed over" in replace(found, settings=(nobody,)).svg()
    assert found.plot()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


@pytest.mark.slow
def test_in_python_trained_here_and_loaded(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "p")
    model = open_project(root).train()
    one = model.compare_policies(capacity=[5, 9])
    with pytest.raises(NoInput, match="the held-out weeks of bundle"):
        Model(model.bundle, root=root).compare_policies()
    project = open_project(root)
    project.register(model)
    two = project.load_model("models:/lead_conversion@champion").compare_policies(capacity=[5, 9])
    assert one == two


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command(company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]) -> None:
    compare = ("policy", "compare", "--model", company.bundle_folder, "--project", company.root)
    ended = lqmodel(*compare)
    assert (ended.code, ended.err) == (0, "")
    assert "(in force)" in ended.out
    asked = ("--capacity", 9, "--precision", 0.05, "--at-least", 0.25, "--contact-cost", 80)
    plot = tmp_path / "p.svg"
    ended = lqmodel(*compare, *asked, "--deal-value", 4000, "--svg", plot, "--format", "json")
    assert ended.err == f"plot      {plot}\n"
    told = json.loads(ended.out)
    assert {one["name"] for one in told["settings"][1:]} == {
        "9 a week",
        "precision 5%",
        "from 25%",
        "most value",
    }
    assert told["value"] == {"contact_cost": 80.0, "deal_value": 4000.0, "margin": 1.0, "uplift": 1.0}
    assert plot.read_bytes().startswith(b"<svg")


BAD: list[tuple[Asked, type[LqmodelError], str]] = [
    (
        Asked(capacity=(901,)),
        Refused,
        "a capacity of 901 first handoffs a week, and the held-out weeks hold 900 leads in all\n"
        "  do: name how many sales can take in one week, or a threshold with at_least",
    ),
    (
        Asked(capacity=(0,)),
        UsageError,
        "a capacity of 0 leads a week hands nobody over\n  do: name one from 1 on",
    ),
    (
        Asked(at_least=(1.5,)),
        UsageError,
        "a threshold of 1.5 does not lie between 0 and 1\n  do: write 0.3 for 30 %",
    ),
    (
        Asked(at_least=(0.0,)),
        UsageError,
        "a threshold of 0 does not lie between 0 and 1\n  do: write 0.3 for 30 %",
    ),
    (
        Asked(precision=(30,)),
        UsageError,
        "a precision of 30 does not lie between 0 and 1\n  do: write 0.3 for 30 %",
    ),
    (Asked(precision=(float("nan"),)), UsageError, "a precision of nan does not lie between 0 and 1"),
    (
        Asked(at_least=(0.02,)),
        UsageError,
        "a threshold of 0.02 lies under that of MQL, 0.05: sales would get leads before marketing\n"
        "  do: name one from 0.05 on, or lower stages.mql.at_least and train again",
    ),
    (Asked(capacity=(20, 20)), UsageError, "capacity 20 stands twice\n  do: name each setting once"),
    (
        Asked(contact_cost=80),
        UsageError,
        "a value needs what a handoff costs and what a won deal brings: deal_value is not given\n"
        "  do: name both, or declare stages.sales_ready.value",
    ),
    (Asked(uplift=0.5), UsageError, "contact_cost and deal_value is not given"),
    (
        Asked(contact_cost=800, deal_value=1000, uplift=0.5),
        UsageError,
        "a handoff costs 800 and its win brings 500 at most: none can pay\n"
        "  do: check contact_cost against uplift × margin × deal_value",
    ),
    (
        Asked(contact_cost=-1, deal_value=9),
        UsageError,
        "contact_cost: Input should be greater than 0, got -1",
    ),
    (
        Asked(contact_cost=1, deal_value=9, margin=2),
        UsageError,
        "margin: Input should be less than or equal to 1",
    ),
    (Asked(contact_cost=1, deal_value=-9), UsageError, "deal_value: must be greater than 0, got -9"),
]


@pytest.mark.parametrize(("asked", "error", "text"), BAD, ids=lambda value: str(value)[:60])
def test_what_cannot_be_is_refused_in_words(asked: Asked, error: type[LqmodelError], text: str) -> None:
    held = of_replay(company())
    with pytest.raises(error) as refused:
        compare_policies(bundle_of(held, at_least=0.3), held, asked)
    assert text in str(refused.value)


def test_there_must_be_weeks(flat: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]) -> None:
    compare = ("policy", "compare", "--model", flat.bundle_folder)
    lqmodel(*compare).refused(1, "the data of model 'flat' has no clock: there are no weeks", "do: ")
    one = HeldOut.of([1, 2], [MONDAY] * 2, [0.5, 0.4], [0, 1])
    bundle = bundle_of(one, at_least=0.3)
    with pytest.raises(Refused, match="all held-out snapshots are of one moment"):
        compare_policies(bundle, one)


def test_a_bundle_away_from_its_project(
    company: Trained, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    bundle, version = company.bundle_folder, company.bundle.version
    compare = ("policy", "compare", "--model", bundle, "--project", tmp_path)
    ended = lqmodel(*compare)
    ended.refused(
        66, f"the held-out weeks of bundle {version} are not in {tmp_path}/.lqmodel/heldout", "train again"
    )
    with pytest.raises(NoInput, match=f"held-out weeks of bundle {version}"):
        load_model(bundle).compare_policies()
    kept_file = place(tmp_path / ".lqmodel", version)
    kept_file.parent.mkdir(parents=True)
    for damaged in (b"", b"PAR1 nothing"):
        kept_file.write_bytes(damaged)
        lqmodel(*compare).refused(65, "these are not kept held-out weeks", str(kept_file))
    held = HeldOut.load(company.root / ".lqmodel", version)
    replace(held, won=~held.won).save(tmp_path / ".lqmodel", version)
    lqmodel(*compare).refused(
        65, f"not the held-out weeks of bundle {version}: its first handoffs were others"
    )


def test_nothing_asked_of_the_command_is_wrong_usage(lqmodel: Callable[..., Ended]) -> None:
    for arguments in (("policy",), ("policy", "compare", "--capacity", "many"), ("policy", "compaer")):
        ended = lqmodel(*arguments)
        assert ended.code == 2
        assert "Usage:" in ended.out + ended.err


def test_rows_must_go_together() -> None:
    with pytest.raises(BadData, match="2 leads, 1 moments and 2 outcomes do not go together"):
        HeldOut.of([1, 2], [MONDAY], [0.5, 0.4], [0, 1])
