"""People's rights: who objects is not scored, who is erased is gone for good, and all that is held can be seen."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import Ended
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killed import DAY
from nights import Databases, rows, write_night
from projects import AS_OF, WHEN, Trained, agree_on, change
from test_ledger import run_sql
from test_nightly import FIRST, HOUR, RULES, night

from lqmodel.api import open_project
from lqmodel.barring import Barred
from lqmodel.bundle import Bundle
from lqmodel.crm import Sent, sent_table, write_sheet
from lqmodel.crm.cells import Limits
from lqmodel.declarations.handoffs import Retention
from lqmodel.errors import BadData
from lqmodel.exporting import export_folder
from lqmodel.files import read_manifest, write_folder, write_manifest
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.ledger.erasing import as_ranges, from_ranges
from lqmodel.ledger.tables import AUDIT, CHAIN, FEEDBACK, HANDOFFS, PARTS, REWRITES, TOMBSTONES, TRANSITIONS
from lqmodel.nightly import Night, handled
from lqmodel.outbox import acknowledge, outbox
from lqmodel.rights import access, audit_log, changed_runs, checked, erase, object_to, purge
from lqmodel.runs import Run, previous_run, write_run
from lqmodel.scoring import score

MARK = "zz-erased-lead-zz"
PERSON = "kim"


def everywhere(folder: Path, name: str = MARK) -> list[str]:
    """The files below a folder in which a name stands, read as they lie there, Parquet by its values too."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        text = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else ""
        if name.encode() in path.read_bytes() or name in text:
            found.append(path.relative_to(folder).as_posix())
    return found


# --- objection -----------------------------------------------------------------------------------


def test_who_objects_is_suppressed_and_has_no_score(company: Trained) -> None:
    plain = score(company.bundle, company.root, None, WHEN)
    scored = plain.table.filter(pc.equal(plain.table["status"], "scored"))["lead_id"].to_pylist()
    outside = plain.table.filter(pc.equal(plain.table["status"], "outside_population"))["lead_id"][0].as_py()
    objecting = [*scored[:3], outside, "nobody we know"]
    found = score(company.bundle, company.root, None, WHEN, barred=Barred(objecting))
    assert len(found.table) == len(plain.table)
    theirs = found.table.filter(pc.is_in(found.table["lead_id"], pa.array(objecting))).to_pylist()
    assert {row["status"] for row in theirs} == {"suppressed"}
    for row in theirs:
        assert {
            row[name] for name in ("probability", "low", "high", "score", "band", "reasons_up", "draw")
        } == {None}
    assert not set(found.features["lead_id"].to_pylist()) & set(objecting)
    assert not {h["lead_id"] for h in found.handoffs} & set(objecting)
    why = found.skipped.filter(pc.is_in(found.skipped["lead_id"], pa.array(objecting)))["reason"].to_pylist()
    assert set(why) == {"objects to being contacted or scored"}
    assert len(why) == 4
    others = found.table.filter(pc.invert(pc.is_in(found.table["lead_id"], pa.array(objecting))))
    assert others.equals(plain.table.filter(pc.invert(pc.is_in(plain.table["lead_id"], pa.array(objecting)))))
    assert found.inputs != plain.inputs, "so it is another run"


def test_without_a_clock_too(flat: Trained) -> None:
    plain = score(flat.bundle, flat.root, None, None)
    lead = plain.table["lead_id"][0].as_py()
    found = score(flat.bundle, flat.root, None, None, barred=Barred([lead], lambda ids: [ids[1]]))
    assert found.table["status"][0].as_py() == "suppressed"
    assert found.table["score"][0].as_py() is None
    assert len(found.table) == len(plain.table) - 1, "who was erased is as if it were not there"


def test_a_source_may_say_who_objects(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "project")
    leads = pq.read_table(root / "data" / "leads.parquet")["lead_id"].to_pylist()
    (root / "data" / "objections.csv").write_text(f"lead\n{leads[5]}\n{leads[9]}\nsomebody else\n")
    sources, model = root / "features" / "sources.toml", root / "models" / "lead_conversion.toml"
    sources.write_text(sources.read_text() + '\n[objections]\nuri = "data/objections.csv"\nkey = "lead"\n')
    model.write_text(model.read_text().replace("[population]\n", '[population]\nobjections = "objections"\n'))
    opened = open_project(root)
    bundle = Bundle.load(root / "bundle")
    found = score(replace(bundle, declarations=opened.declarations()), root, None, WHEN)
    theirs = found.table.filter(pc.equal(found.table["status"], "suppressed"))["lead_id"].to_pylist()
    assert theirs == sorted([leads[5], leads[9]])
    assert not any("objections" in text for text in found.notices)
    assert "objections" not in opened.inputs().facts, "training has no use for it"


def test_objections_count_from_the_next_run_on_whatever_its_moment(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "project")
    run = night(root, FIRST)
    ledger, now = Ledger.of(root), FIRST + 30 * DAY
    lead = run.handoffs()[0]["lead_id"]
    assert object_to(ledger, [lead, "unknown", lead], PERSON, now, words="by phone") == 2
    assert object_to(ledger, [lead], PERSON, now) == 0
    assert ledger.suppressed() == sorted([lead, "unknown"])
    again = night(root, FIRST)  # the same moment, which lies before the objection
    assert again.run_id != run.run_id
    row = again.table.filter(pc.equal(again.table["lead_id"], lead)).to_pylist()[0]
    assert (row["status"], row["score"]) == ("suppressed", None)
    statuses = {h["lead_id"]: h["status"] for h in ledger.handoffs(now)}
    assert statuses[lead] == "suppressed"
    assert outbox(Run.open(root / "scores" / "latest")).withheld in (0, 1)
    assert object_to(ledger, [lead], PERSON, now + 1, lift=True) == 1
    assert ledger.suppressed() == ["unknown"]
    assert [r["action"] for r in audit_log(ledger)] == ["suppressed", "suppressed", "lifted"]
    assert open_project(root).ledger().barred().objecting == ["unknown"]


def test_what_was_taken_back_neither_bars_nor_frees(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(write_night(tmp_path / "runs", 1, {"a": "sales-ready", "b": "sales-ready"}), DAY)
    said = [Feedback(lead, "suppressed", DAY, person=PERSON, token=f"objection-of-{lead}") for lead in "ab"]
    ledger.say(said, Spoken(), DAY)
    assert ledger.suppressed() == ["a", "b"]
    back = Feedback("a", "undone", DAY + 1, person=PERSON, token="undo:objection-of-a")
    ledger.say([back], Spoken(), DAY + 1)
    assert ledger.suppressed() == ledger.barred().objecting == ["b"]
    lifted = Feedback("b", "lifted", DAY + 2, person=PERSON, token="agreed-again-b")
    ledger.say([lifted], Spoken(), DAY + 2)
    assert ledger.suppressed() == []
    back = Feedback("b", "undone", DAY + 3, person=PERSON, token="undo:agreed-again-b")
    ledger.say([back], Spoken(), DAY + 3)
    assert ledger.suppressed() == ["b"], "the agreement was taken back, the objection stands again"


# --- erasure: the ledger --------------------------------------------------------------------------


def marked_nights(ledger: Ledger, folder: Path) -> list[Run]:
    """Two nights with a lead whose name would be found anywhere, and what was said of it."""
    first = write_night(folder, 1, {"a": "MQL", MARK: "sales-ready"}, accounts={MARK: "acme"})
    ledger.record(first, DAY)
    ledger.say([Feedback(MARK, "accepted", DAY, note=f"call {MARK}", person="ann")], Spoken(), DAY)
    second = write_night(folder, 2, {"a": "sales-ready", MARK: "SAL"}, previous=first)
    ledger.record(second, 2 * DAY)
    return [first, second]


def dump(ledger: Ledger) -> str:
    return str([rows(ledger, table) for table in (CHAIN, *PARTS.values())])


def test_erasure_takes_rows_and_salts_and_the_chain_still_holds(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    marked_nights(ledger, out)
    before = {r["seq"]: r["link"] for r in rows(ledger, CHAIN)}
    assert MARK in dump(ledger)
    done = erase(ledger, [out], MARK, PERSON, 3 * DAY)
    assert done.ledger.rows == {"transitions": 2, "handoffs": 1, "feedback": 1}
    assert MARK not in dump(ledger)
    found = ledger.verify()
    assert (found.problems, found.erased) == ((), 4)
    assert {r["seq"]: r["link"] for r in rows(ledger, CHAIN) if r["seq"] in before} == before
    assert {r["lead_id"] for r in rows(ledger, TRANSITIONS)} == {"a"}
    assert [r["action"] for r in rows(ledger, AUDIT)] == ["erase"]
    assert checked(ledger, [out]).problems == ()


def test_erasure_again_is_a_no_op(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    marked_nights(ledger, out)
    erase(ledger, [out], MARK, PERSON, 3 * DAY)
    entries = ledger.verify().entries
    again = erase(ledger, [out], MARK, PERSON, 4 * DAY)
    assert (again.ledger.new, again.folders, sum(again.ledger.rows.values())) == (False, {}, 0)
    assert ledger.verify().entries == entries
    assert "erased before" in str(again)


def test_who_was_erased_does_not_come_back(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    _, second = marked_nights(ledger, out)
    late = write_night(
        tmp_path / "elsewhere", 3, {"a": "sales-ready", MARK: "MQL"}, previous=second, draws={MARK: 0.1}
    )
    erase(ledger, [out], MARK, PERSON, 3 * DAY)
    ledger.record(late, 3 * DAY)
    taken = ledger.say(
        [Feedback(MARK, "accepted", 3 * DAY), Feedback(MARK, "suppressed", 3 * DAY)], Spoken(), 3 * DAY
    )
    assert {a.why for a in taken.aside} == {"the lead was erased, and may not come back"}
    assert MARK not in dump(ledger)
    barred = ledger.barred()
    assert barred.erased is not None
    assert list(barred.erased(["a", MARK, "b"])) == [MARK]
    assert list(barred.erased([f"{MARK} "])) == []


def test_a_tombstone_does_not_tell_whom_without_the_pepper(ledger: Ledger, tmp_path: Path) -> None:
    marked_nights(ledger, tmp_path / "scores")
    erase(ledger, [], MARK, PERSON, 3 * DAY)
    (stone,) = rows(ledger, TOMBSTONES)
    assert len(stone["digest"]) == 32
    plain = hashlib.sha256(MARK.encode()).hexdigest()
    assert stone["digest"] not in plain


def test_a_missing_row_is_only_excused_by_an_erasure_that_names_it(ledger: Ledger, tmp_path: Path) -> None:
    marked_nights(ledger, tmp_path / "scores")
    kept = rows(ledger, HANDOFFS)
    erase(ledger, [], MARK, PERSON, 3 * DAY)
    run_sql(ledger, "DELETE FROM handoffs WHERE lead_id = 'a'")
    assert any("no erasure names it" in p for p in ledger.verify().problems)
    with ledger.store.writing() as con:
        con.execute(HANDOFFS.insert(), [row for row in kept if row["lead_id"] == "a"])
        con.execute(HANDOFFS.insert(), [row for row in kept if row["lead_id"] == MARK])
    assert any("was erased, and a row stands in handoffs again" in p for p in ledger.verify().problems)
    run_sql(ledger, "DELETE FROM handoffs WHERE lead_id = :lead", lead=MARK)
    assert ledger.verify().problems == ()
    run_sql(ledger, "UPDATE erasures SET seqs = '1-99'")
    run_sql(ledger, "DELETE FROM runs")
    problems = ledger.verify().problems
    assert any("its row in erasures was changed" in p for p in problems)
    assert any("its row in runs is gone" in p for p in problems), "runs cannot be erased away"


@given(st.sets(st.integers(1, 60)))
def test_ranges_are_numbers(numbers: set[int]) -> None:
    assert from_ranges(as_ranges(numbers)) == numbers


LEADS = ("a", "b", "c", MARK)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nights=st.lists(
        st.dictionaries(
            st.sampled_from(LEADS), st.sampled_from(["Lead", "MQL", "sales-ready", "SAL"]), max_size=4
        ),
        min_size=1,
        max_size=4,
    ),
    erased=st.lists(st.sampled_from(LEADS), max_size=2),
)
def test_law_after_erasure_nothing_of_a_lead_is_left_and_all_of_the_others(
    nights: list[dict[str, str]],
    erased: list[str],
    store: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("law")
    ledger, previous = store.ledger(folder), None
    for day, stages in enumerate(nights, 1):
        previous = write_night(folder / "scores", day, stages, previous=previous)
        ledger.record(previous, day * DAY)
    before = {table.name: rows(ledger, table) for table in (TRANSITIONS, HANDOFFS)}
    for lead in erased:
        erase(ledger, [folder / "scores"], lead, PERSON, 9 * DAY)
    for table in (TRANSITIONS, HANDOFFS):
        assert rows(ledger, table) == [r for r in before[table.name] if r["lead_id"] not in erased]
    assert checked(ledger, [folder / "scores"]).problems == ()
    if MARK in erased:
        assert everywhere(folder / "scores") == []
        assert MARK not in dump(ledger)


def test_sqlite_keeps_no_shadow_of_the_lead_on_the_disk(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/store/l.db", tmp_path / "state")
    marked_nights(ledger, tmp_path / "scores")
    assert everywhere(tmp_path / "store")
    erase(ledger, [tmp_path / "scores"], MARK, PERSON, 3 * DAY)
    assert everywhere(tmp_path) == []


# --- erasure: folders ------------------------------------------------------------------------------


def test_runs_are_rewritten_whole_and_count_what_is_gone(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    first, second = marked_nights(ledger, out)
    done = erase(ledger, [out], MARK, PERSON, 3 * DAY)
    assert everywhere(out) == []
    assert {Path(folder).name for folder in done.folders} == {first.folder.name, second.folder.name}
    again = Run.open(out / "latest")
    again.verify()
    assert again.run_id == second.run_id
    assert again.manifest["erased"] == done.folders[str(second.folder)] == 3  # scores, features, states
    assert Run.open(first.folder).manifest["erased"] == 4  # and its handoff
    assert again.manifest["counts"] == {"scored": 1}
    assert again.manifest["handoffs"] == 1
    assert Run.open(first.folder).manifest["handoffs"] == 0
    assert [r["run_id"] for r in rows(ledger, REWRITES)] == [first.run_id, second.run_id]
    erase(ledger, [out], "a", PERSON, 4 * DAY)
    assert Run.open(out / "latest").manifest["erased"] == 3 + 4
    assert changed_runs(ledger, [out]) == []


def test_a_run_that_was_changed_by_hand_is_found_and_never_rewritten(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    first, second = marked_nights(ledger, out)
    other = write_night(tmp_path / "other", 1, {"a": "SQL"})
    other.folder.rename(out / "other")
    first.folder.rename(out / "aside")
    (out / "other").rename(first.folder)
    assert changed_runs(ledger, [out]) == [f"{first.folder} is not the run that was recorded"]
    (second.folder / "handoffs.jsonl").write_text("{}\n")
    with pytest.raises(BadData, match="was changed after it was written"):
        erase(ledger, [out], MARK, PERSON, 3 * DAY)
    assert MARK not in dump(ledger), "what came before it is done"


def write_crm(run: Run, stood: dict[str, str], emptied: Sequence[str] = ()) -> Path:
    """Files for a CRM of a run: leads with their stages, one that was refused, and records that are emptied."""
    place = export_folder(run, "hubspot")
    limits = Limits(9, 9, 10**6)

    def fill(building: Path) -> None:
        sent = [Sent(lead, f"rec-{lead}", 0.5, 70, None, stage, None) for lead, stage in stood.items()]
        pq.write_table(sent_table(sent), building / "sent.parquet")
        cells = [{"Record ID": f"rec-{lead}", "lq_stage": stage} for lead, stage in stood.items()]
        counts = write_sheet(building, "contacts", ("Record ID", "lq_stage"), cells, limits)
        emptying = [{"Record ID": f"rec-{lead}", "lq_stage": ""} for lead in emptied]
        if emptying:
            counts |= write_sheet(building, "suppressed", ("Record ID", "lq_stage"), emptying, limits)
        refused = [{"lead_id": MARK, "record": f"rec-{MARK}", "reason": "x"}] if MARK in stood else []
        if refused:
            write_sheet(building, "rejects", ("lead_id", "record", "reason"), refused, limits)
        (building / "load.txt").write_text("how\n")
        write_manifest(building, {"run_id": run.run_id, "rows": counts})

    write_folder(place, fill, replace=True)
    return place


def test_files_for_a_crm_go_too_and_so_do_acknowledged_keys(tmp_path: Path, ledger: Ledger) -> None:
    out = tmp_path / "scores"
    first, second = marked_nights(ledger, out)
    place = write_crm(first, {"a": "MQL", MARK: "MQL"})
    later = write_crm(second, {"a": "MQL"}, emptied=[MARK])
    keys = [h["key"] for h in outbox(second).handoffs]
    assert len(keys) == 2
    acknowledge(out, keys)
    done = erase(ledger, [out], MARK, PERSON, 3 * DAY)
    assert (done.crm, done.keys) == (2, 1)
    assert "CRM      2 folders of files" in str(done)
    assert everywhere(out) == []
    assert "rec-a" in (place / "contacts.csv").read_text()
    for folder in (place, later):
        manifest = read_manifest(folder)
        assert (manifest["erased"], manifest["rows"]["contacts.csv"]) == (1, 1)
    assert outbox(Run.open(out / "latest")).handoffs == ()


KILLED = """
import os, signal, sys
from pathlib import Path
from lqmodel import rewriting
from lqmodel.exporting import erasing
from lqmodel.ledger import Ledger
from lqmodel.rights import erase, erasure
step, done = int(sys.argv[1]), 0
def count(function):
    def counted(*a, **k):
        global done
        done += 1
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*a, **k)
    return counted
for module, name in ((erasure, "erase_lead"), (erasure, "_rewritten"), (erasure, "write_without"), (erasure, "_forget_keys"),
                     (erasure, "forget"), (erasing, "write_folder"), (erasing, "write_manifest"),
                     (rewriting, "write_folder"), (rewriting, "write_manifest"), (os, "fsync"), (os, "replace")):
    setattr(module, name, count(getattr(module, name)))
import lqmodel.files
erase(Ledger(sys.argv[2], Path(sys.argv[3])), [Path(sys.argv[4])], sys.argv[5], "kim", 3 * 86_400_000_000)
"""


@pytest.mark.slow
def test_law_9_an_erasure_that_is_killed_anywhere_is_finished_by_the_same_call(tmp_path: Path) -> None:
    steps = 0
    for step in range(1, 100):
        folder = tmp_path / str(step)
        address, out = f"sqlite:///{folder}/store/l.db", folder / "scores"
        ledger = Ledger(address, folder / "state")
        first, second = marked_nights(ledger, out)
        write_crm(first, {"a": "MQL", MARK: "MQL"})
        write_crm(second, {"a": "MQL"}, emptied=[MARK])
        acknowledge(out, [handoff["key"] for handoff in outbox(second).handoffs])
        command = [sys.executable, "-c", KILLED, str(step), address, str(folder / "state"), str(out), MARK]
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert ended.returncode in (0, -9), ended.stderr
        assert ledger.verify().problems == ()
        for run in out.glob("1970*"):
            Run.open(run).verify()
        if ended.returncode == 0:
            break
        steps = step
        erase(ledger, [out], MARK, PERSON, 4 * DAY)
        assert everywhere(folder) == []
        assert checked(ledger, [out]).problems == ()
        late = write_night(out, 3, {"a": "SAL", MARK: "MQL"}, previous=Run.open(out / "latest"))
        ledger.record(late, 5 * DAY)
        assert MARK not in dump(ledger), "a run that still names it brings nothing back"
    assert steps >= 20


# --- access, retention, from the command line -----------------------------------------------------


def test_access_shows_all_that_is_held_and_is_logged(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    first, second = marked_nights(ledger, out)
    found = access(ledger, [out], MARK, PERSON, 3 * DAY)
    assert {name: len(found.ledger[name]) for name in found.ledger} == {
        "transitions": 2,
        "handoffs": 1,
        "feedback": 1,
    }
    assert set(found.folders) == {str(first.folder), str(second.folder)}
    assert set(found.folders[str(first.folder)]) == {
        "scores.parquet",
        "features.parquet",
        "states.parquet",
        "handoffs.jsonl",
    }
    text, told = str(found), json.dumps(found.to_json())
    for part in ("call zz-erased-lead-zz", "ann", "1970-01-02T00:00Z", "looked at the prices", "acme"):
        assert part in told
    assert "ledger, handoffs" in text
    again = access(ledger, [out], MARK, "lee", 4 * DAY)
    assert [(r["person"], r["action"]) for r in again.audit] == [(PERSON, "access")]
    erase(ledger, [out], MARK, PERSON, 5 * DAY)
    gone = access(ledger, [out], MARK, PERSON, 6 * DAY)
    assert (gone.erased, gone.folders, sum(map(len, gone.ledger.values()))) == (True, {}, 0)
    assert str(gone).startswith(f"{MARK}: erased, and a tombstone keeps it from coming back")
    assert [r["action"] for r in gone.audit] == ["access", "access", "erase"], "the log stays whole"
    assert str(access(ledger, [out], "nobody", PERSON, 7 * DAY)) == "nothing is held of 'nobody'"


def retention(**limits: str) -> Retention:
    return Retention.model_validate(limits)


def test_purge_takes_what_is_older_than_declared_and_says_it_first(ledger: Ledger, tmp_path: Path) -> None:
    out, runs = tmp_path / "scores", []
    for day in range(1, 6):
        stages = {"a": ("MQL", "Lead")[day % 2], f"lead {day}": "sales-ready"}
        runs.append(write_night(out, day, stages, previous=runs[-1] if runs else None))
        ledger.record(runs[-1], day * DAY)
        ledger.say(
            [Feedback(f"lead {day}", "accepted", day * DAY), Feedback("a", "suppressed", day * DAY)],
            Spoken(),
            day * DAY,
        )
    kept = retention(runs="2d", transitions="3d", handoffs="2d", feedback="1d")
    whole = dump(ledger)
    planned = purge(ledger, [out], "m", kept, PERSON, 6 * DAY, dry_run=True)
    assert dump(ledger) == whole
    assert len(list(out.glob("1970*"))) == 5
    assert planned["transitions"] > 0
    assert purge(ledger, [out], "m", kept, PERSON, 6 * DAY) == planned
    assert (
        planned
        == {
            "transitions": 3,  # lead 1, lead 2, and the one of a on day 2
            "handoffs": 3,
            "feedback": 4,
            **{str(run.folder): 1 for run in runs[:3]},
        }
    )
    assert [r["lead_id"] for r in rows(ledger, HANDOFFS)] == ["lead 4", "lead 5"]
    assert sum(r["act"] == "suppressed" for r in rows(ledger, FEEDBACK)) == 5, "objections stay"
    assert ledger.verify().problems == ()
    assert sorted(p.name for p in out.glob("1970*")) == sorted(r.folder.name for r in runs[3:])
    assert purge(ledger, [out], "m", kept, PERSON, 6 * DAY) == {
        "transitions": 0,
        "handoffs": 0,
        "feedback": 0,
    }
    assert purge(ledger, [out], "m", retention(), PERSON, 9 * DAY) == {}
    sixth = write_night(out, 6, {"a": "MQL", "lead 1": "sales-ready"}, previous=runs[-1])
    ledger.record(sixth, 6 * DAY)
    assert [(r["lead_id"], r["from_stage"]) for r in rows(ledger, TRANSITIONS) if r["as_of"] == 6 * DAY] == [
        ("a", "Lead")
    ], "a move that was purged is not told again"


def test_purge_never_takes_the_run_that_the_next_goes_on_from(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    marked_nights(ledger, out)
    assert purge(ledger, [out], "m", retention(runs="1d"), PERSON, 900 * DAY) == {}
    assert len(list(out.glob("1970*"))) == 2


def test_scoring_after_an_erasure(company: Trained, tmp_path: Path) -> None:
    root = company.copy(tmp_path / "project")
    agree_on(root, RULES)
    run = night(root, FIRST)
    ledger, lead = Ledger.of(root), run.handoffs()[0]["lead_id"]
    erase(ledger, [root / "scores"], lead, PERSON, FIRST + 5 * HOUR)
    later = night(root, FIRST + 7 * DAY)
    assert lead not in later.table["lead_id"].to_pylist()
    assert lead not in later.states["lead_id"].to_pylist()
    assert everywhere(root / "scores", lead) == []
    assert any("1 leads were erased and may not come back" in n for n in later.manifest["notices"])
    change(root, "leads", lambda table: table.filter(pc.not_equal(table["lead_id"], lead)))
    after = night(root, FIRST + 14 * DAY)
    assert lead not in after.states["lead_id"].to_pylist()
    assert not any("erased" in n for n in after.manifest["notices"])
    assert checked(ledger, [root / "scores"]).problems == ()


def test_erased_while_the_night_was_being_made(company: Trained, tmp_path: Path) -> None:
    """Whichever comes first, the tombstone or the run's folder, the lead is in neither."""
    root = company.copy(tmp_path / "project")
    bundle = handled(Bundle.load(root / "bundle"), root)
    prepared = Night.of(root, bundle, FIRST, True, FIRST + HOUR)
    made = score(bundle, root, None, FIRST, barred=prepared.barred())
    lead = made.handoffs[0]["lead_id"]
    erase(Ledger.of(root), [root / "scores"], lead, PERSON, FIRST + HOUR)
    run, _ = prepared.keep(made, root / "scores", "bundle")
    run.verify()
    assert run.manifest["erased"] > 0
    assert everywhere(root / "scores", lead) == []
    assert lead not in dump(Ledger.of(root))
    assert checked(Ledger.of(root), [root / "scores"]).problems == ()


def test_previous_states_forget_whom_an_erasure_could_not_reach(company: Trained, tmp_path: Path) -> None:
    out = tmp_path / "out of reach"
    bundle = company.bundle
    first = write_run(score(bundle, company.root, None, FIRST), out, "x")
    lead = first.handoffs()[0]["lead_id"]
    before = previous_run(out, bundle, WHEN)
    found = score(
        bundle, company.root, None, WHEN, before, barred=Barred((), lambda ids: [i for i in ids if i == lead])
    )
    assert lead in (before.states["lead_id"].to_pylist() if before else [])
    assert lead not in found.states["lead_id"].to_pylist()
    assert lead not in found.table["lead_id"].to_pylist()


def test_from_the_command_line(
    company: Trained, lqmodel: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(company.copy(tmp_path / "project"))
    assert lqmodel("suppress").out == "nobody objects\n"
    lqmodel("predict", "--model", "bundle", "--as-of", AS_OF, "--record")
    handed = json.loads(lqmodel("handoffs", "--format", "json").out)
    one, two = handed[0]["lead_id"], handed[1]["lead_id"]
    assert lqmodel("suppress", one, "--note", "by mail").out == "1 put on the list\n"
    assert lqmodel("suppress").out == f"{one}\n"
    misspelt = lqmodel("suppress", f"{one}0")
    assert f"notice: '{one}0' is in no recorded or newest run, did you mean" in misspelt.err
    assert lqmodel("suppress", "--lift", f"{one}0").out == "1 taken off the list\n"
    assert "notice: 'zz' is in no recorded or newest run" in lqmodel("erase", "--lead", "zz").err
    held = json.loads(lqmodel("access", two, "--format", "json").out)
    assert held["ledger"]["handoffs"][0]["frozen"]["why"]["up"] == handed[1]["up"]
    assert next(iter(held["folders"].values()))["scores.parquet"][0]["lead_id"] == two
    assert lqmodel("access", two).out.startswith("ledger, transitions\n")
    told = lqmodel("erase", "--lead", two).out
    assert "1 of transitions, 1 of handoffs" in told
    assert "remove it from your own sources too" in told
    assert everywhere(Path("scores"), two) == []
    assert everywhere(Path(".lqmodel"), two) == []
    assert lqmodel("history", two).out == "the ledger holds nothing of this lead\n"
    log = lqmodel("history", "--audit").out
    assert [line.split(": ")[1].split()[0] for line in log.splitlines() if ": " in line] == [
        "suppressed",
        "suppressed",
        "lifted",
        "erase",
        "access",
        "access",
        "erase",
    ]
    assert two not in log
    assert "were erased, by right" in log
    assert "the ledger holds" in lqmodel("history", "--verify").out
    again = lqmodel("predict", "--model", "bundle", "--as-of", AS_OF)
    assert again.code == 0
    assert "1 suppressed" in again.out
    assert "1 leads were erased and may not come back" in again.err
    assert lqmodel("purge", "--dry-run").out == "nothing would go: nothing is older than declared\n"
