"""The ledger: each run once, in order, frozen; and nothing changed by hand stays unseen. On both databases."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import killed_feedback
import killed_ledger
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killed import DAY
from nights import NOW, Databases, rows, write_night
from sqlalchemy import insert, text

from lqmodel.errors import BadData, CannotWrite, NoInput, Refused, UsageError
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.ledger.store import Store
from lqmodel.ledger.tables import CHAIN, HANDOFFS, PARTS, RUNS, TRANSITIONS
from lqmodel.runs import Run
from lqmodel.stages import STAGES


def moves(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(r["lead_id"], r["from_stage"], r["to_stage"]) for r in rows(ledger, TRANSITIONS)]


def handed(ledger: Ledger) -> list[str]:
    return [r["lead_id"] for r in rows(ledger, HANDOFFS)]


def run_sql(ledger: Ledger, statement: str, **values: Any) -> None:
    """What somebody with a database client does."""
    with ledger.store.writing() as con:
        if ledger.store.is_sqlite:
            con.execute(text("PRAGMA defer_foreign_keys=ON"))
        con.execute(text(statement), values)


# --- recording -----------------------------------------------------------------------------------


def test_two_nights_are_compared(ledger: Ledger, tmp_path: Path) -> None:
    first = write_night(tmp_path, 1, {"a": "Lead", "b": "MQL", "c": "sales-ready"})
    second = write_night(tmp_path, 2, {"a": "MQL", "b": "sales-ready", "c": "sales-ready"}, previous=first)
    assert [str(r) for r in ledger.record(first, NOW)] == [
        f"run {first.run_id} recorded: 2 transitions, 1 handoffs"
    ]
    assert [(r.transitions, r.handoffs) for r in ledger.record(second, NOW)] == [(2, 1)]
    assert moves(ledger) == [
        ("b", "Lead", "MQL"),
        ("c", "Lead", "sales-ready"),
        ("a", "Lead", "MQL"),
        ("b", "MQL", "sales-ready"),
    ]
    assert handed(ledger) == ["c", "b"]
    assert [r["run_id"] for r in ledger.runs()] == [first.run_id, second.run_id]


def test_the_first_recording_brings_along_the_runs_before_it(ledger: Ledger, tmp_path: Path) -> None:
    first = write_night(tmp_path, 1, {"a": "sales-ready", "b": "Lead"})
    second = write_night(tmp_path, 2, {"a": "sales-ready", "b": "sales-ready"}, previous=first)
    assert len(ledger.record(second, NOW)) == 2
    assert handed(ledger) == ["a", "b"]
    for lead, day in (("a", 1), ("b", 2)):
        (found,) = [row for row in ledger.of_lead(lead) if row["entry"] == "handoffs"]
        assert found["as_of"] == day * DAY
        assert found["frozen"]["why"]["display"] == {"name": f"Person {lead}"}


def test_what_does_not_lie_beside_the_first_recorded_run_is_not_brought_along(
    ledger: Ledger, tmp_path: Path
) -> None:
    first = write_night(tmp_path / "elsewhere", 1, {"a": "sales-ready"})
    second = write_night(tmp_path / "here", 2, {"a": "sales-ready"}, previous=first)
    assert [r.run_id for r in ledger.record(second, NOW)] == [second.run_id]
    assert handed(ledger) == ["a"]


def test_a_handoff_is_frozen_as_it_was(ledger: Ledger, tmp_path: Path) -> None:
    run = write_night(tmp_path, 3, {"a": "sales-ready"}, probability={"a": 0.731})
    ledger.record(run, NOW)
    (found,) = [row for row in ledger.of_lead("a") if row["entry"] == "handoffs"]
    assert (found["probability"], found["low"], found["band"]) == (0.731, 0.731 * 0.9, "sales_ready")
    assert (found["as_of"], found["cause"], found["run_id"]) == (3 * DAY, "probability", run.run_id)
    assert (found["bundle"], found["policy"]) == (run.bundle_version, run.manifest["policy"])
    assert found["frozen"]["facts"] == {"lead_id": "a", "visits": 3.0}
    assert found["frozen"]["why"]["up"] == [{"text": "looked at the prices"}]
    assert found["frozen"]["why"]["display"] == {"name": "Person a"}
    assert found["frozen"]["cutoffs"] == run.manifest["cutoffs"]


def test_law_10_recording_again_does_nothing(ledger: Ledger, tmp_path: Path) -> None:
    run = write_night(tmp_path, 1, {"a": "sales-ready"})
    (first,) = ledger.record(run, NOW)
    before = {name: rows(ledger, table) for name, table in PARTS.items()}
    (again,) = ledger.record(run, NOW + 1)
    assert (first.new, again.new) == (True, False)
    assert (again.transitions, again.handoffs) == (first.transitions, first.handoffs)
    assert {name: rows(ledger, table) for name, table in PARTS.items()} == before
    assert str(again) == f"run {run.run_id} was recorded before"


def test_a_run_older_than_the_last_is_refused_in_words(ledger: Ledger, tmp_path: Path) -> None:
    newer = write_night(tmp_path, 5, {"a": "Lead"})
    older = write_night(tmp_path, 4, {"a": "MQL"})
    ledger.record(newer, NOW)
    for refused in (lambda: ledger.record(older, NOW), lambda: ledger.check_order("m", 4 * DAY, NOW)):
        with pytest.raises(Refused) as error:
            refused()
        assert str(error.value) == (
            "model 'm': a run as of 1970-01-05T00:00Z is older than the last recorded one, "
            f"{newer.run_id} as of 1970-01-06T00:00Z: what was recorded is never rewritten\n"
            "  do: score a later moment; --no-record scores the past without recording"
        )
    assert [r["run_id"] for r in ledger.runs()] == [newer.run_id]
    ledger.check_order("another model", 4 * DAY, NOW)


def test_a_moment_to_come_and_no_moment_are_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(write_night(tmp_path, 1, {}), NOW)
    with pytest.raises(Refused, match="is still to come"):
        ledger.record(write_night(tmp_path, 9, {}), 8 * DAY)
    with pytest.raises(UsageError, match="has no moment"):
        ledger.check_order("m", None, NOW)


def test_of_one_moment_a_later_run_corrects_and_hands_nobody_over_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    first = write_night(tmp_path, 1, {"a": "Lead"})
    one = write_night(tmp_path, 2, {"a": "sales-ready", "b": "MQL"}, previous=first)
    other = write_night(
        tmp_path / "other", 2, {"a": "sales-ready", "b": "sales-ready", "c": "Lead"}, previous=first
    )
    for run in (first, one):
        ledger.record(run, NOW)
    assert one.run_id == other.run_id  # the same inputs: as another bundle would make another run
    assert not ledger.record(other, NOW)[0].new
    changed = Run(other.folder, {**other.manifest, "run_id": "ffffffffffff"})
    assert ledger.record(changed, NOW)[0].new
    assert handed(ledger) == ["a", "b"]
    assert moves(ledger)[-1] == ("b", "MQL", "sales-ready")


def test_a_night_that_was_never_recorded_is_caught_up_with(ledger: Ledger, tmp_path: Path) -> None:
    first = write_night(tmp_path, 1, {"a": "Lead", "b": "MQL"})
    second = write_night(tmp_path, 2, {"a": "sales-ready", "b": "MQL"}, previous=first)
    third = write_night(tmp_path, 3, {"a": "sales-ready", "b": "sales-ready"}, previous=second)
    ledger.record(first, NOW)
    assert [r.run_id for r in ledger.record(third, NOW)] == [second.run_id, third.run_id]
    assert [(r["lead_id"], r["as_of"]) for r in rows(ledger, HANDOFFS)] == [("a", 2 * DAY), ("b", 3 * DAY)]


def test_a_lost_night_loses_no_handoff(ledger: Ledger, tmp_path: Path) -> None:
    first = write_night(tmp_path / "1", 1, {"a": "Lead"})
    lost = write_night(tmp_path / "2", 2, {"a": "sales-ready"}, previous=first)
    third = write_night(tmp_path / "3", 3, {"a": "sales-ready"}, previous=lost)
    ledger.record(first, NOW)
    (done,) = ledger.record(third, NOW)
    assert done.notices == (
        f"it goes on from run {lost.run_id}, which was never recorded: the ledger compares it with {first.run_id}",
    )
    (found,) = rows(ledger, HANDOFFS)
    assert (found["lead_id"], found["cause"]) == ("a", "handed over in a run that was never recorded")
    assert json.loads(found["frozen"])["why"]["reasons_up"] == "looked at the prices"


def test_a_lead_that_came_back_starts_at_lead(ledger: Ledger, tmp_path: Path) -> None:
    first = write_night(tmp_path, 1, {"a": "SQL"})
    second = write_night(tmp_path, 2, {"a": "Lead"}, previous=first, episodes={"a": 2})
    third = write_night(tmp_path, 3, {"a": "MQL"}, previous=second, episodes={"a": 2})
    for run in (first, second, third):
        ledger.record(run, NOW)
    assert moves(ledger) == [("a", "Lead", "SQL"), ("a", "Lead", "MQL")]


def test_leads_outside_the_population_and_gone_ones_move_too(ledger: Ledger, tmp_path: Path) -> None:
    first = write_night(tmp_path, 1, {"a": "SQL", "b": "sales-ready", "c": "MQL"})
    second = write_night(
        tmp_path,
        2,
        {"a": "Customer"},
        previous=first,
        unscored={"a": "outside_population"},
        gone={"b": "Recycled"},
    )
    for run in (first, second):
        ledger.record(run, NOW)
    assert moves(ledger)[3:] == [("a", "SQL", "Customer"), ("b", "sales-ready", "Recycled")]
    won = rows(ledger, TRANSITIONS)[3]
    assert (won["probability"], json.loads(won["frozen"])["status"]) == (None, "outside_population")


def test_two_models_do_not_see_each_other(ledger: Ledger, tmp_path: Path) -> None:
    one = write_night(tmp_path, 2, {"a": "MQL"})
    ledger.record(one, NOW)
    other = write_night(tmp_path / "other", 1, {"a": "MQL"})
    head = {**other.manifest, "run_id": "ffffffffffff", "model": {**other.manifest["model"], "name": "n"}}
    ledger.record(Run(other.folder, head), NOW)
    assert [(r["model"], r["from_stage"]) for r in rows(ledger, TRANSITIONS)] == [
        ("m", "Lead"),
        ("n", "Lead"),
    ]


def test_a_run_that_was_changed_is_not_recorded(ledger: Ledger, tmp_path: Path) -> None:
    run = write_night(tmp_path, 1, {"a": "MQL"})
    (run.folder / "handoffs.jsonl").write_text("{}\n")
    with pytest.raises(BadData, match=r"handoffs.jsonl was changed after the run was written"):
        ledger.record(run, NOW)
    with pytest.raises(NoInput, match="no ledger in"):
        ledger.runs()


def test_a_run_of_an_earlier_version_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    run = write_night(tmp_path, 1, {"a": "MQL"})
    old = Run(run.folder, {k: v for k, v in run.manifest.items() if k != "policy"})
    with pytest.raises(BadData, match="an earlier version wrote the run"):
        ledger.record(old, NOW)


STAGE = st.sampled_from(STAGES)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nights=st.lists(st.dictionaries(st.sampled_from("abcd"), STAGE, max_size=4), min_size=1, max_size=6),
    recorded=st.sets(st.integers(0, 5)),
    data=st.data(),
)
def test_law_the_ledger_is_the_runs_replayed(
    nights: list[dict[str, str]],
    recorded: set[int],
    data: st.DataObject,
    store: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever is recorded when, and how often, the ledger is what recording every night at once gives."""
    folder = tmp_path_factory.mktemp("law")
    ledger, runs = store.ledger(folder), []
    for day, stages in enumerate(nights):
        runs.append(write_night(folder, day + 1, stages, previous=runs[-1] if runs else None))
        if day in recorded or day in (0, len(nights) - 1):
            for _ in range(data.draw(st.integers(1, 2))):
                ledger.record(runs[-1], NOW)
    stood: dict[str, str] = {}
    expected, expected_handed = [], []
    for run, stages in zip(runs, nights, strict=True):
        for lead, stage in sorted(stages.items()):
            before = stood.get(lead, "Lead")
            if stage != before:
                expected.append((run.run_id, lead, before, stage))
                if before in ("Lead", "MQL", "Recycled") and stage == "sales-ready":
                    expected_handed.append((run.run_id, lead))
        stood |= stages
    found = rows(ledger, TRANSITIONS)
    assert [(r["run_id"], r["lead_id"], r["from_stage"], r["to_stage"]) for r in found] == expected
    assert sorted((r["run_id"], r["lead_id"]) for r in rows(ledger, HANDOFFS)) == sorted(expected_handed)
    assert ledger.verify().problems == ()
    assert [r["run_id"] for r in ledger.runs()] == [run.run_id for run in runs]


# --- at once, and killed -------------------------------------------------------------------------


def test_recorded_by_four_processes_at_once_it_is_there_once(store: Databases, tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["killed_ledger"])
    run = write_night(tmp_path, 1, {f"{i:03}": STAGES[1 + i % 2] for i in range(200)})
    for _ in range(2):
        address, state = store.fresh(), tmp_path / "state"
        start, results = context.Barrier(4), context.Queue()
        arguments = (address, str(state), str(run.folder), start, results)
        processes = [context.Process(target=killed_ledger.record, args=arguments) for _ in range(4)]
        for process in processes:
            process.start()
        found = [results.get(timeout=120)[0] for _ in processes]
        for process in processes:
            process.join()
        ledger = Ledger(address, state)
        assert sorted(found) == [False, False, False, True]
        assert (len(rows(ledger, TRANSITIONS)), len(rows(ledger, HANDOFFS))) == (200, 100)
        assert ledger.verify().problems == ()


def test_all_who_begin_a_file_at_once_come_in(tmp_path: Path) -> None:
    """A new file that is turned to write-ahead logging refuses all but one, and lets nobody wait."""

    def begin(address: str, start: threading.Barrier) -> int:
        store = Store(address)
        start.wait()
        with store.writing() as con:
            return int(con.exec_driver_sql("SELECT 1").scalar_one())

    with ThreadPoolExecutor(8) as pool:
        for i in range(40):
            start = threading.Barrier(8)
            address = f"sqlite:///{tmp_path / f'{i}.db'}"
            assert list(pool.map(lambda _, a=address, s=start: begin(a, s), range(8))) == [1] * 8


def kill(store: Databases, folder: Path, kills: int, script: str = killed_ledger.__file__) -> dict[str, Any]:
    previous = None
    for day in range(1, 5):
        stages = {f"{i:03}": STAGES[(day * i) % 3] for i in range(200)}
        previous = write_night(folder, day, stages, previous=previous)
    (folder / "stores.json").write_text(json.dumps([store.fresh() for _ in range(kills + 1)]))
    command = [sys.executable, script, str(folder), str(kills)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.slow
def test_law_9_killed_while_it_records_nothing_is_lost_or_doubled(
    store: Databases, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    found = kill(store, tmp_path, 100)
    tell(f"{store.name}: {found['kills']} kills; {found['ends']}")
    assert found["problems"] == []
    assert found["kills"] >= 100


@pytest.mark.slow
def test_law_9_killed_while_feedback_is_written_nothing_is_lost_or_doubled(
    store: Databases, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """A file of feedback is there whole or not at all, with its note in the log; brought again it is there once."""
    found = kill(store, tmp_path, 100, killed_feedback.__file__)
    tell(f"{store.name}: {found['kills']} kills; {found['ends']}")
    assert found["problems"] == []
    assert found["kills"] >= 100


# --- changed by hand -----------------------------------------------------------------------------


def recorded_nights(ledger: Ledger, folder: Path) -> None:
    first = write_night(folder, 1, {"a": "MQL", "b": "sales-ready"})
    ledger.record(first, NOW)
    ledger.record(write_night(folder, 2, {"a": "sales-ready", "b": "SAL"}, previous=first), NOW)


CHANGES = {
    "a value": (
        "UPDATE handoffs SET probability = 0.9 WHERE lead_id = 'b'",
        "its row in handoffs was changed",
    ),
    "a stage": (
        "UPDATE transitions SET to_stage = 'SQL' WHERE lead_id = 'b'",
        "its row in transitions was changed",
    ),
    "a null": ("UPDATE runs SET agreement = '2026-01'", "its row in runs was changed"),
    "a salt": ("UPDATE handoffs SET salt = 'x'", "its row in handoffs was changed"),
    "the pepper": ("UPDATE genesis SET pepper = 'x'", "its row in genesis was changed"),
    "a row taken away": (
        "DELETE FROM handoffs WHERE lead_id = 'b'",
        "its row in handoffs is gone, and no erasure names it",
    ),
    "a commitment": ("UPDATE chain SET commitment = 'x' WHERE seq = 4", "entry 4: the chain breaks here"),
    "a link": ("UPDATE chain SET link = 'x' WHERE seq = 4", "entry 4: the chain breaks here"),
    "a part": ("UPDATE chain SET part = 'people' WHERE seq = 4", "entry 4 names the unknown table 'people'"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_changed_by_hand_is_found(change: str, ledger: Ledger, tmp_path: Path) -> None:
    recorded_nights(ledger, tmp_path)
    assert ledger.verify().problems == ()
    statement, told = CHANGES[change]
    run_sql(ledger, statement)
    assert any(told in problem for problem in ledger.verify().problems)
    with pytest.raises(Refused, match="the ledger is not what was recorded") as error:
        ledger.verify().raise_if_changed()
    assert told in str(error.value)


def test_an_end_that_was_cut_off_is_found(ledger: Ledger, tmp_path: Path) -> None:
    recorded_nights(ledger, tmp_path)
    last = rows(ledger, CHAIN)[-1]
    run_sql(ledger, f"DELETE FROM {last['part']} WHERE seq = :seq", seq=last["seq"])
    run_sql(ledger, "DELETE FROM chain WHERE seq = :seq", seq=last["seq"])
    assert ledger.verify().problems == (
        f"the chain ends at entry {last['seq'] - 1}; this machine saw entry {last['seq']}",
    )
    (tmp_path / "state" / "ledger-seen.json").unlink()
    assert ledger.verify().problems == (), "only who saw it before can tell"


def test_a_chain_made_anew_is_found(ledger: Ledger, store: Databases, tmp_path: Path) -> None:
    recorded_nights(ledger, tmp_path)
    other = Ledger(store.fresh(), tmp_path / "elsewhere")
    recorded_nights(other, tmp_path)
    forged = {row["seq"]: row for row in rows(other, CHAIN)}[4]
    for name in ("commitment", "link"):
        run_sql(ledger, f"UPDATE chain SET {name} = :value WHERE seq = 4", value=forged[name])
    problems = ledger.verify().problems
    assert "entry 4: the chain breaks here" in problems
    assert "entry 5: the chain breaks here" in problems


def test_a_row_that_nobody_recorded_is_found(ledger: Ledger, tmp_path: Path) -> None:
    recorded_nights(ledger, tmp_path)
    row = {**rows(ledger, RUNS)[0], "run_id": "ffffffffffff"}
    with ledger.store.writing() as con:
        con.execute(insert(RUNS), {**row, "seq": 3})  # entry 3 is a transition
    assert "runs holds row 3, which is no entry of the chain" in ledger.verify().problems


def another(value: Any) -> Any:
    if isinstance(value, int | float):
        return value + 1
    return "x" if value is None else f"{value[:-1]}{'y' if value.endswith('x') else 'x'}"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_law_any_change_of_any_cell_is_found(
    data: st.DataObject, store: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cells")
    ledger = Ledger(store.fresh(), folder / "state")
    recorded_nights(ledger, folder)
    ledger.say([Feedback("b", "accepted", 2 * DAY, person="kim")], Spoken(), NOW)
    filled = [table for table in (CHAIN, *PARTS.values()) if rows(ledger, table)]
    table = data.draw(st.sampled_from(filled))
    row = data.draw(st.sampled_from(rows(ledger, table)))
    name = data.draw(st.sampled_from([c.name for c in table.columns if c.name != "seq"]))
    old = row[name]
    is_number = issubclass(table.c[name].type.python_type, int | float)
    new = 1 if old is None and is_number else another(old)  # PostgreSQL takes no text for a number
    run_sql(ledger, f"UPDATE {table.name} SET {name} = :new WHERE seq = :seq", new=new, seq=row["seq"])
    assert ledger.verify().problems


# --- the store -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "nonsense", "mysql://u@h/d", "sqlite://", "sqlite:///:memory:"])
def test_no_address_of_a_store(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="LQMODEL_STORE is no address of a store") as error:
        Ledger(address, tmp_path)
    assert "postgresql://USER@HOST/DATABASE" in str(error.value)


def test_no_message_holds_the_password(tmp_path: Path) -> None:
    ledger = Ledger("postgresql://me:secret@/d?host=/nowhere", tmp_path)
    assert "secret" not in str(ledger.store)
    with pytest.raises(CannotWrite, match="does not answer") as error:
        ledger.exists()
    told: BaseException | None = error.value
    while told is not None:
        assert "secret" not in str(told)
        told = told.__cause__ or told.__context__


def test_a_file_that_is_no_store_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "l.db").write_text("this is no database, but a text that is long enough\n" * 99)
    with pytest.raises(BadData, match="is not as it was made: file is not a database"):
        Ledger(f"sqlite:///{tmp_path}/l.db", tmp_path).runs()


def test_nothing_recorded_yet_says_what_to_do(ledger: Ledger) -> None:
    assert not ledger.exists()
    for look in (ledger.runs, ledger.verify, lambda: ledger.of_lead("a")):
        with pytest.raises(NoInput, match="no ledger in") as error:
            look()
        assert "lqmodel record" in str(error.value)
    assert not ledger.exists(), "looking makes none"
