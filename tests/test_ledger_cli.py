"""The ledger from the command line: the nightly job, done once, again, and too late."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ended
from projects import AS_OF, Trained

BEFORE, AFTER = "2024-12-23T00:00Z", "2025-01-06T00:00Z"
Lqmodel = Callable[..., Ended]


@pytest.fixture
def night(company: Trained, lqmodel: Lqmodel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lqmodel:
    """Score and record one night of the small company, from its bundle, in a folder of its own."""
    monkeypatch.chdir(company.copy(tmp_path / "project"))

    def call(as_of: str, *more: object) -> Ended:
        return lqmodel("predict", "--model", "bundle", "--as-of", as_of, *more)

    return call


def test_predict_records_where_a_ledger_was_begun(night: Lqmodel, lqmodel: Lqmodel) -> None:
    assert "recorded" not in night(BEFORE).err
    assert not Path(".lqmodel/ledger.db").exists(), "nobody asked for one"
    begun = night(BEFORE, "--record")
    assert begun.code == 0
    assert "recorded: " in begun.err
    assert ".lqmodel/ledger.db" in begun.err
    again = night(BEFORE)
    assert (again.code, again.out) == (0, begun.out)
    assert "recorded" not in again.err, "a rerun is a no-op"
    assert "recorded: " in night(AS_OF).err
    assert "recorded" not in night(AFTER, "--no-record").err
    lines = lqmodel("history").out.splitlines()
    assert [line.split()[0] for line in lines] == ["as", "2024-12-23T00:00Z", "2024-12-30T00:00Z"]
    assert "the ledger holds: " in lqmodel("history", "--verify").out


def test_a_night_that_comes_too_late_is_refused_before_it_costs_anything(
    night: Lqmodel, lqmodel: Lqmodel
) -> None:
    assert night(AS_OF, "--record").code == 0
    night(BEFORE).refused(1, "is older than the last recorded one", "--no-record")
    assert len(list(Path("scores").glob("2024*"))) == 1
    assert night(BEFORE, "--no-record").code == 0
    early = next(Path("scores").glob("2024-12-23*"))
    lqmodel("record", "--run", early).refused(1, "is older than the last recorded one")


def test_a_night_killed_before_it_was_recorded_is_caught_up_with(night: Lqmodel, lqmodel: Lqmodel) -> None:
    night(BEFORE, "--record")
    night(AS_OF, "--no-record")  # as after a kill: whole, and not recorded
    told = night(AFTER, "--record")
    assert told.err.count("recorded: ") == 2
    assert [run["as_of"] for run in json.loads(lqmodel("history", "--format", "json").out)] == sorted(
        run["as_of"] for run in json.loads(lqmodel("history", "--format", "json").out)
    )
    assert lqmodel("record").out.endswith("was recorded before\n")


def test_a_leads_history_says_what_it_did_and_why(night: Lqmodel, lqmodel: Lqmodel) -> None:
    night(BEFORE, "--record")
    first = json.loads(lqmodel("handoffs", "--format", "json", "--most", "1").out)[0]
    text = lqmodel("history", first["lead_id"]).out
    assert text.startswith("2024-12-23T00:00Z  Lead → sales-ready at ")
    assert first["up"][0]["text"] in text
    rows = json.loads(lqmodel("history", first["lead_id"], "--format", "json").out)
    assert [row["entry"] for row in rows] == ["transitions", "handoffs"]
    assert rows[1]["frozen"]["why"]["up"] == first["up"]
    assert rows[1]["probability"] == first["probability"]
    assert rows[1]["handoff_id"] == first["handoff_id"]
    assert all("salt" not in row for row in rows)
    assert lqmodel("history", "nobody").out == "the ledger holds nothing of this lead\n"


def test_a_row_changed_by_hand_is_found(night: Lqmodel, lqmodel: Lqmodel) -> None:
    night(AS_OF, "--record")
    with sqlite3.connect(".lqmodel/ledger.db") as con:
        con.execute("UPDATE handoffs SET probability = 0.99 WHERE seq = (SELECT max(seq) FROM handoffs)")
    con.close()
    lqmodel("history", "--verify").refused(
        1,
        "the ledger is not what was recorded",
        "its row in handoffs was changed",
        "restore it from a backup",
    )


def test_the_store_is_what_the_environment_says(
    night: Lqmodel, lqmodel: Lqmodel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LQMODEL_STORE", f"sqlite:///{tmp_path}/team.db")
    assert f"in {tmp_path}/team.db" in night(AS_OF).err, "a named store is meant to be used"
    assert not Path(".lqmodel/ledger.db").exists()
    monkeypatch.setenv("LQMODEL_STORE", "mysql://me:secret@host/d")
    ended = night(AS_OF)
    ended.refused(2, "LQMODEL_STORE is no address of a store", "postgresql://USER@HOST/DATABASE")
    assert "secret" not in ended.err


def test_data_without_a_clock_has_no_nights(flat: Trained, lqmodel: Lqmodel, tmp_path: Path) -> None:
    root = flat.copy(tmp_path / "flat")
    predict = ("predict", "--model", root / "bundle", "--project", root)
    assert lqmodel(*predict).code == 0
    lqmodel(*predict, "--record").refused(2, "has no moment: its data has no clock")
    assert not (root / ".lqmodel").exists()


def test_no_ledger_yet(lqmodel: Lqmodel, tmp_path: Path) -> None:
    for arguments in ((), ("--verify",), ("L-1",)):
        lqmodel("history", "--project", tmp_path, *arguments).refused(66, "no ledger in", "lqmodel record")
