"""What changed between two runs: the columns, the explanation, and every reason why it cannot be said."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from killed import DAY
from projects import AS_OF, WHEN, Trained, change, contents

from lqmodel.bundle import Bundle
from lqmodel.calibration import Calibrator
from lqmodel.declarations import Declarations, from_microseconds
from lqmodel.errors import BadData, ColumnMissing, NoInput
from lqmodel.languages import Language
from lqmodel.lookback import explain_run
from lqmodel.makeup import Makeup
from lqmodel.model import Model
from lqmodel.reasons import CUT_OFF, Since
from lqmodel.runs import Run, write_run
from lqmodel.scores import Scores
from lqmodel.scoring import explain_lead, score
from lqmodel.since import since
from lqmodel.treeshap import TreeEnsemble

THEN = WHEN - 7 * DAY
CHANGE = ["previous_probability", "change", "change_by_model", "change_by_time", "reasons_changed"]


@pytest.fixture(scope="module")
def first(company: Trained) -> Scores:
    return score(company.bundle, company.root, None, THEN)


@pytest.fixture(scope="module")
def second(company: Trained, first: Scores) -> Scores:
    return score(company.bundle, company.root, None, WHEN, first)


def rows(scores: Scores) -> dict[str, dict[str, Any]]:
    return {r["lead_id"]: r for r in scores.table.to_pylist() if r["status"] == "scored"}


def logit(p: float) -> float:
    return math.log(p) - math.log1p(-p)


def told(bundle: Bundle, second: Scores, previous: Scores) -> Since:
    margin = bundle.ensemble.margin(bundle.encoding.transform(second.features))
    return since(bundle, second.features, bundle.calibrator.probability(margin), WHEN, previous)


# ── by one model ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_columns_say_what_was_added(first: Scores, second: Scores) -> None:
    before, now = rows(first), rows(second)
    compared = [lead for lead in now if now[lead]["change"] is not None]
    assert set(compared) == set(before) & set(now)
    assert len(compared) > 300
    for lead in compared:
        row = now[lead]
        assert row["previous_probability"] == pytest.approx(before[lead]["probability"], abs=1e-6)
        assert row["change"] == pytest.approx(
            logit(row["probability"]) - logit(before[lead]["probability"]), abs=2e-3
        )
        shown = row["fit"] + row["engagement"] - before[lead]["fit"] - before[lead]["engagement"]
        assert row["change"] == pytest.approx(shown, abs=3e-6)  # each is rounded to 6 digits
        assert row["change_by_model"] == 0
        assert row["reasons_changed"].startswith("since 23 Dec: ")
    moved = [now[lead]["change"] for lead in compared]
    assert max(moved) > 0.5
    assert min(moved) < -0.5
    for lead in set(now) - set(compared):
        assert [now[lead][name] for name in CHANGE[:-1]] == [None] * 4
        assert now[lead]["reasons_changed"] == "new since 23 Dec"
    outside = second.table.filter(pc.not_equal(second.table["status"], "scored"))
    assert all(outside[name].null_count == len(outside) > 0 for name in CHANGE)


def test_without_a_run_before_nothing_is_said(company: Trained, first: Scores) -> None:
    assert all(first.table[name].null_count == len(first.table) for name in CHANGE)
    assert {handoff["change"] for handoff in first.handoffs} == {None}
    why = explain_lead(company.bundle, first, first.features["lead_id"][0].as_py())
    assert why.change is None
    assert why.to_json()["change"] is None
    assert "since" not in str(why)


def test_a_lead_is_explained_as_in_the_bulk(company: Trained, first: Scores, second: Scores) -> None:
    now = rows(second)
    ids = sorted(now)
    for lead in ids[:: len(ids) // 40]:
        why = explain_lead(company.bundle, second, lead, previous=first)
        found = why.change
        assert found is not None
        assert found.text == now[lead]["reasons_changed"]
        if found.before is not None:
            odds = math.log(found.before / (1 - found.before)) + found.model + found.rest
            odds += sum(move.log_odds for move in found.up + found.down)
            assert odds == pytest.approx(logit(why.probability), abs=1e-6)
            assert found.passed == pytest.approx(now[lead]["change_by_time"], abs=1e-6)
        assert str(why).endswith(f"\n\n{found}")
        assert why.to_json()["change"]["text"] == found.text


def test_what_did_not_move_has_no_effect(company: Trained, first: Scores, second: Scores) -> None:
    found = told(company.bundle, second, first)
    families = found.compared.moves.families
    then = first.features.take(pc.index_in(second.features["lead_id"], first.features["lead_id"]))
    still_somewhere = 0
    for i, members in enumerate(families.members):
        columns = [families.columns[position].name for position in members]
        pairs = [
            (second.features[c].take(found.rows).to_pylist(), then[c].take(found.rows).to_pylist())
            for c in columns
        ]
        still = np.array([all(now[k] == old[k] for now, old in pairs) for k in range(len(found.rows))])
        assert (found.compared.moves.effects[still, i] == 0.0).all()
        still_somewhere += int(still.sum())
    assert still_somewhere > 1000


def test_of_a_week_in_which_nobody_did_anything_all_is_time(
    company: Trained, first: Scores, tmp_path: Path
) -> None:
    root = company.copy(tmp_path / "p")
    # what was not known a week ago, or is known only now: an hour late, as declared
    quiet = from_microseconds(THEN - 3_600_000_000)
    change(root, "events", lambda t: t.filter(pc.less(t["occurred_at"], quiet)))
    sources = root / "features" / "sources.toml"
    sources.write_text(sources.read_text().replace('freshness = "36h"', ""))
    bundle = company.bundle
    raw = json.loads(json.dumps(bundle.declarations.to_json()))
    del raw["sources"]["events"]["freshness"]
    idle = replace(bundle, declarations=Declarations.from_json(raw))
    now = score(idle, root, None, WHEN, first)
    found = told(idle, now, first)
    assert found.status.count("same_model") > 300, (
        "what people read, and how fresh it must be, changes no value"
    )
    untold = ~found.compared.passed & (found.compared.moves.effects != 0)
    names = [f.name for f in found.compared.moves.families.declared]
    # no days since the last e-mail opened are declared, so of this trend it cannot be told
    assert {names[family] for family in np.flatnonzero(untold.any(axis=0))} <= {"email_trend"}
    assert np.abs(found.compared.by_time).max() > 1
    lead = int(found.rows[np.argmin(found.compared.change)])
    assert "time passing alone" in str(found.change(lead))


def test_handoffs_carry_it(company: Trained, first: Scores, second: Scores) -> None:
    assert len(second.handoffs) > 5
    for handoff in second.handoffs:
        why = explain_lead(company.bundle, second, handoff["lead_id"], previous=first)
        assert handoff["change"]["text"] == why.change.text
        assert handoff["change"]["headline"] == why.change.headline
        assert [m["before"] for m in handoff["change"]["up"]] == [m.before for m in why.change.up]


def test_laws_8_and_10_the_same_bytes_again(
    company: Trained, first: Scores, second: Scores, tmp_path: Path
) -> None:
    """From memory or from a folder, with one thread or three."""
    before = write_run(first, tmp_path / "a", "here")
    again = score(company.bundle, company.root, None, WHEN, before, threads=1)
    other = score(company.bundle, company.root, None, WHEN, before, threads=3)
    folders = [write_run(s, tmp_path / str(i), "here").folder for i, s in enumerate((second, again, other))]
    assert contents(folders[0]) == contents(folders[1]) == contents(folders[2])
    assert len({folder.name for folder in folders}) == 1


def test_law_8_other_leads_in_the_batch_change_nothing(
    company: Trained, first: Scores, second: Scores, tmp_path: Path
) -> None:
    root = company.copy(tmp_path / "p")
    change(root, "leads", lambda table: table.take(pa.array(np.arange(0, len(table), 3))))
    fewer = score(company.bundle, root, None, WHEN, first)
    some = pc.is_in(second.table["lead_id"], fewer.table["lead_id"].combine_chunks())
    assert 0 < len(fewer.table) < len(second.table)
    kept = second.table.filter(some).combine_chunks()
    assert fewer.table.select(CHANGE).equals(kept.select(CHANGE))


def test_in_other_languages(company: Trained, first: Scores, second: Scores) -> None:
    german = score(company.bundle, company.root, None, WHEN, first, language=Language.of("de"))
    numbers = CHANGE[:-1]
    assert german.table.select(numbers).equals(second.table.select(numbers))
    texts = [text for text in german.table["reasons_changed"].to_pylist() if text]
    assert all(text.startswith(("seit 23. Dez.: ", "neu seit 23. Dez.")) for text in texts)
    assert sum("seit" in text.removeprefix("seit") for text in texts) > 10, "days without an act"


# ── the run before, in its folder ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def runs(first: Scores, second: Scores, tmp_path: Path) -> tuple[Run, Run]:
    return write_run(first, tmp_path / "scores", "here"), write_run(second, tmp_path / "scores", "here")


def test_a_run_finds_the_one_before(runs: tuple[Run, Run], tmp_path: Path) -> None:
    before, now = runs
    assert before.previous() is None
    found = now.previous()
    assert found is not None
    assert found.folder == before.folder
    assert found.makeup == now.makeup is not None
    shutil.rmtree(before.folder)
    with pytest.raises(
        NoInput, match=f"the run before, {before.run_id}, is not in {tmp_path / 'scores'}"
    ) as error:
        now.previous()
    assert list(error.value.exists or ()) == [now.folder.name]
    assert "do: bring it back beside this run" in str(error.value)


def test_an_explanation_from_a_folder_and_from_python(
    company: Trained, runs: tuple[Run, Run], first: Scores, second: Scores
) -> None:
    lead = second.handoffs[0]["lead_id"]
    why = explain_lead(company.bundle, second, lead, previous=first)
    assert explain_run(company.bundle, runs[1], lead) == why
    model = Model(company.bundle, root=company.root)
    assert model.explain(runs[1], lead) == why
    assert model.explain(second, lead, previous=first) == why
    assert model.explain(second, lead).change is None
    assert model.predict(as_of=AS_OF, previous=first).table.equals(second.table)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: shutil.rmtree(run.folder), r"the run before, {id}, is not in {out}"),
        (lambda run: (run.folder / "features.parquet").write_bytes(b"PAR1"), r"{folder}: features.parquet was changed after the run was written"),
        (lambda run: (run.folder / "scores.parquet").unlink(), r"{folder}: scores.parquet was changed after the run was written"),
        (lambda run: (run.folder / "manifest.json").write_text("{}"), r"{folder}: manifest.json was changed after the run was written"),
    ],
)  # fmt: skip
def test_all_but_the_change_is_told_where_the_run_before_is_gone_or_damaged(
    company: Trained, runs: tuple[Run, Run], damage: Callable[[Run], object], expected: str
) -> None:
    before, now = runs
    lead = now.features["lead_id"][0].as_py()
    whole = explain_run(company.bundle, now, lead)
    damage(before)
    why = explain_run(company.bundle, now, lead)
    assert replace(why, change=None) == replace(whole, change=None)
    words = expected.format(id=before.run_id, out=before.folder.parent, folder=before.folder)
    assert str(why).endswith(f"\n\nwhat changed since the run before cannot be said: {words}")
    assert why.to_json()["change"]["since"] is None
    assert why.to_json()["change"]["why"] == words


def test_a_damaged_run_before_stops_the_next(company: Trained, runs: tuple[Run, Run]) -> None:
    """The same scoring must not give other bytes."""
    (runs[0].folder / "features.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadData, match=r"features\.parquet was changed after the run was written"):
        score(company.bundle, company.root, None, WHEN, Run.open(runs[0].folder))


def test_on_the_command_line(
    company: Trained, runs: tuple[Run, Run], second: Scores, lqmodel: Callable[..., Any]
) -> None:
    lead, bundle = second.handoffs[0]["lead_id"], company.bundle_folder
    ask = ("explain", lead, "--run", runs[1].folder, "--model", bundle)
    shown = lqmodel(*ask).out
    assert "\n\nsince 23 Dec: from " in shown
    assert "(before: " in shown.partition("since 23 Dec")[2]
    found = json.loads(lqmodel(*ask, "--format", "json").out)["change"]
    assert (found["status"], found["since"]) == ("same_model", "2024-12-23T00:00:00Z")
    assert f"\nsince 23 Dec: {found['text'].removeprefix('since 23 Dec: ')}" not in shown
    listed = lqmodel("handoffs", "--run", runs[1].folder).out
    assert listed.count("\n  since 23 Dec: from ") + listed.count("\n  new since 23 Dec") == len(
        second.handoffs
    )
    german = lqmodel("handoffs", "--run", runs[1].folder, "--model", bundle, "--language", "de")
    assert german.out.count("\n  seit 23. Dez.: ") + german.out.count("\n  neu seit 23. Dez.") == len(
        second.handoffs
    )
    fresh = [
        h["change"]
        for h in score(
            company.bundle, company.root, None, WHEN, Run.open(runs[0].folder), language=Language.of("de")
        ).handoffs
    ]
    reworded = [
        h["change"]
        for h in json.loads(
            lqmodel(
                "handoffs", "--run", runs[1].folder, "--model", bundle, "--language", "de", "--format", "json"
            ).out
        )
    ]
    assert reworded == fresh


# ── by another model ─────────────────────────────────────────────────────────────────────────────────────────


def raised(calibrator: Calibrator, by: float) -> Calibrator:
    lifted = {name: tuple(v + by for v in getattr(calibrator, name)) for name in ("logits", "low", "high")}
    return replace(calibrator, **lifted)


def test_a_recalibrated_bundle_says_what_the_calibrator_did(company: Trained, first: Scores) -> None:
    bundle = replace(company.bundle, calibrator=raised(company.bundle.calibrator, 0.4))
    now = score(bundle, company.root, None, WHEN, first)
    plain = score(company.bundle, company.root, None, WHEN, first)
    by_both = rows(plain)
    for lead, row in rows(now).items():
        if row["change"] is not None:
            # to what six digits of the probability of then can tell
            exact = 1e-6 / row["previous_probability"]
            assert row["change_by_model"] == pytest.approx(0.4, abs=exact)
            assert row["change"] - row["change_by_model"] == pytest.approx(by_both[lead]["change"], abs=3e-6)
            assert row["change_by_time"] == pytest.approx(by_both[lead]["change_by_time"], abs=2e-6)
            assert "recalibrated: the values of 23 Dec now give " in row["reasons_changed"]
    found, alone = told(bundle, now, first), told(company.bundle, plain, first)
    assert set(found.status) == {"recalibrated", "new"}
    np.testing.assert_allclose(found.compared.moves.effects, alone.compared.moves.effects, rtol=0, atol=1e-9)


def test_a_bundle_trained_anew_is_held_apart_from_what_the_lead_did(company: Trained, first: Scores) -> None:
    texts = company.bundle.texts[:-1]
    trees = TreeEnsemble.from_texts(texts, len(company.bundle.encoding.names))
    bundle = replace(company.bundle, texts=texts, ensemble=trees)
    now = score(bundle, company.root, None, WHEN, first)
    found = told(bundle, now, first)
    assert set(found.status) == {"trained_anew", "new"}
    then = first.features.take(
        pc.index_in(now.features["lead_id"].take(found.rows), first.features["lead_id"])
    )
    by_it = bundle.calibrator.logit(trees.margin(bundle.encoding.transform(then)))
    before = np.log(found.before[found.rows]) - np.log1p(-found.before[found.rows])
    np.testing.assert_allclose(found.compared.model, by_it - before, atol=1e-9)
    assert np.abs(found.compared.model).max() > CUT_OFF
    lead = int(found.rows[np.argmax(np.abs(found.compared.model))])
    assert "trained anew: the values of 23 Dec now give " in str(found.change(lead))


def test_the_same_parts_under_another_version_are_one_model(company: Trained, first: Scores) -> None:
    bundle = replace(company.bundle, card="another card")
    assert bundle.version != company.bundle.version
    now = score(bundle, company.root, None, WHEN, first)
    assert set(told(bundle, now, first).status) == {"same_model", "new"}


def test_columns_that_mean_something_else_are_named(company: Trained, first: Scores, second: Scores) -> None:
    assert first.makeup is not None
    others = {k: v for k, v in first.makeup.features.items() if k != "industry"} | {"visits": "another"}
    before = replace(first, bundle_version="0123456789ab", makeup=replace(first.makeup, features=others))
    now = score(company.bundle, company.root, None, WHEN, before)
    words = "the model reads otherwise than on 23 Dec: industry, visits; so the change cannot be laid to what the lead did"
    for lead, row in rows(now).items():
        same = rows(second)[lead]
        assert (row["change_by_model"], row["change_by_time"]) == (None, None)
        assert row["previous_probability"] == same["previous_probability"]
        if row["change"] is None:
            assert row["reasons_changed"] == "new since 23 Dec"
        else:
            assert row["change"] == pytest.approx(same["change"], abs=1e-6 / row["previous_probability"])
            assert row["reasons_changed"] == words
    lead = next(lead for lead, row in rows(now).items() if row["change"] is not None)
    shown = str(explain_lead(company.bundle, now, lead, previous=before).change)
    assert shown.splitlines()[1:] == [f"  {words}"]
    assert shown.startswith("since 23 Dec: ")


def test_what_a_makeup_looks_at(company: Trained) -> None:
    bundle = company.bundle
    makeup = Makeup.of(bundle)
    assert Makeup.from_json(json.loads(json.dumps(makeup.to_json()))) == makeup
    raw = json.loads(json.dumps(bundle.declarations.to_json()))

    def meaning(edit: Callable[[dict[str, Any]], object]) -> tuple[str, ...]:
        changed = json.loads(json.dumps(raw))
        edit(changed)
        other = Makeup.of(replace(bundle, declarations=Declarations.from_json(changed)))
        return makeup.other_features(other)

    visits = raw["features"]["engagement"]["pricing_visits"]
    assert (
        meaning(lambda d: d["features"]["engagement"]["pricing_visits"].update(reason={"en": "seen"})) == ()
    )
    assert meaning(
        lambda d: d["features"]["engagement"]["pricing_visits"].update(where={"type": "view"})
    ) == ("pricing_visits",), visits
    assert "industry" in meaning(lambda d: d["sources"]["leads"].update(lag="1h"))
    assert "pricing_visits" not in meaning(lambda d: d["sources"]["leads"].update(lag="1h"))
    assert meaning(lambda d: d["sources"]["events"].update(uri="elsewhere.parquet", freshness="90d")) == ()
    later = replace(bundle.fitted, observed_from={**bundle.fitted.observed_from, "events": 7})
    assert "visits" in makeup.other_features(Makeup.of(replace(bundle, fitted=later)))
    assert Makeup.of(replace(bundle, texts=bundle.texts[:-1])).trees != makeup.trees


def test_a_run_before_by_points_is_said(company: Trained, first: Scores) -> None:
    unknown = pa.nulls(len(first.table), pa.float64())
    at = first.table.schema.get_field_index("probability")
    before = replace(
        first,
        bundle_version="points-0123456789ab",
        makeup=None,
        table=first.table.set_column(at, "probability", unknown),
    )
    now = rows(score(company.bundle, company.root, None, WHEN, before))
    assert {row["reasons_changed"] for row in now.values()} == {
        "scored by points on 23 Dec: no probability to compare with",
        "new since 23 Dec",
    }
    assert {row["change"] for row in now.values()} == {None}


# ── leads and rows ───────────────────────────────────────────────────────────────────────────────────────────


def test_leads_that_the_run_before_did_not_score(company: Trained, first: Scores, second: Scores) -> None:
    ids = [lead for lead, row in rows(second).items() if row["change"] is not None][:3]
    gone, outside, back = ids
    table = first.table.filter(pc.not_equal(first.table["lead_id"], gone))
    status = pc.if_else(pc.equal(table["lead_id"], outside), "outside_population", table["status"])
    table = table.set_column(table.schema.get_field_index("status"), "status", status)
    values = second.features
    episode = pc.if_else(pc.equal(values["lead_id"], back), 2, values["episode"])
    values = values.set_column(values.schema.get_field_index("episode"), "episode", episode)
    found = told(company.bundle, replace(second, features=values), replace(first, table=table))
    at = {lead: i for i, lead in enumerate(values["lead_id"].to_pylist())}
    assert str(found.change(at[gone])) == "new since 23 Dec"
    assert str(found.change(at[outside])) == "not scored on 23 Dec: nothing to compare with"
    assert str(found.change(at[back])) == "came back since 23 Dec and began anew: nothing to compare with"
    whole = told(company.bundle, second, first)
    assert [whole.status[at[lead]] for lead in ids] == ["same_model"] * 3
    others = [i for i in range(len(values)) if i not in {at[lead] for lead in ids}]
    texts, all_texts = found.texts(), whole.texts()
    assert [texts[i] for i in others] == [all_texts[i] for i in others]


def test_rows_that_cannot_be_read_are_refused_by_name(
    company: Trained, first: Scores, second: Scores
) -> None:
    lacking = replace(first, features=first.features.drop_columns(["visits_7d"]))
    with pytest.raises(ColumnMissing, match="column 'visits_7d' is not in the table") as error:
        told(company.bundle, second, lacking)
    assert error.value.where == f"features of run {lacking.run_id}, the one before"
    assert "do: score its moment again, or leave it out" in str(error.value)
    at = first.features.schema.get_field_index("visits_7d")
    infinite = replace(
        first, features=first.features.set_column(at, "visits_7d", pa.array([math.inf] * len(first.features)))
    )
    with pytest.raises(BadData, match=r"column 'visits_7d' holds \d+ infinite values") as error:
        told(company.bundle, second, infinite)
    assert error.value.where == f"features of run {infinite.run_id}, the one before"
