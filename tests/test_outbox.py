"""The outbox: every handoff at least once, under one key, whoever dies when."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from conftest import Ended
from hypothesis import given, settings
from hypothesis import strategies as st
from killed import DAY, scores
from nights import write_night

from lqmodel.declarations import Handoffs
from lqmodel.errors import BadData, CannotWrite
from lqmodel.files import append_lines
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.outbox import ACKNOWLEDGED, acknowledge, acknowledged, key_of, outbox, read_keys
from lqmodel.runs import Run, write_run

Call = Callable[..., Ended]


def night(out: Path, week: int, leads: list[str], before: Run | None = None, **more: Any) -> Run:
    """Write a run that hands these leads over, going on from another."""
    table = pa.table({"lead_id": ["a", "b"], "status": ["scored", "scored"], "stage": ["Lead", "MQL"]})
    made = replace(
        scores(week),
        handoffs=tuple(
            {"lead_id": lead, "probability": 0.5, "display": {"name": "Żółć\u2028x"}} for lead in leads
        ),
        previous_run=None if before is None else before.run_id,
        inputs=json.dumps([week, leads]),
        table=more.pop("table", table),
    )
    return write_run(replace(made, **more), out, "here")


def whom(found: Any) -> list[str]:
    return [row["lead_id"] for row in found.handoffs]


def test_the_handoffs_of_all_nights_wait_until_they_are_acknowledged(tmp_path: Path) -> None:
    first = night(tmp_path, 1, ["a", "b"])
    second = night(tmp_path, 2, ["c"], first)
    third = night(tmp_path, 3, [], second)
    waiting = outbox(third)
    assert whom(waiting) == ["a", "b", "c"]
    assert [json.loads(line) for line in waiting.lines().split("\n")[:-1]] == list(waiting.handoffs)
    assert waiting.handoffs[0]["run_id"] == first.run_id
    assert acknowledge(tmp_path, [waiting.handoffs[1]["key"]]) == 1
    assert whom(outbox(third)) == ["a", "c"]
    assert acknowledge(tmp_path, [row["key"] for row in waiting.handoffs]) == 2
    assert whom(outbox(third)) == []
    assert acknowledge(tmp_path, [row["key"] for row in waiting.handoffs]) == 0
    assert len((tmp_path / ACKNOWLEDGED).read_text().splitlines()) == 3, "each key once"
    assert whom(outbox(night(tmp_path, 4, ["a"], third))) == ["a"], "handed over once more, on another night"


def test_a_night_that_was_scored_again_hands_over_under_the_same_keys(tmp_path: Path) -> None:
    first = night(tmp_path, 1, ["a"])
    one = night(tmp_path, 2, ["b", "c"], first)
    again = night(tmp_path, 2, ["c", "d"], first, bundle_version="ffffffffffff")
    keys = {row["lead_id"]: row["key"] for run in (one, again) for row in outbox(run).handoffs}
    assert [row["key"] for row in outbox(again).handoffs] == [keys["a"], keys["c"], keys["d"]]
    acknowledge(tmp_path, [row["key"] for row in outbox(one).handoffs])
    assert whom(outbox(again)) == ["d"]


def test_keys_tell_models_moments_and_leads_apart() -> None:
    made = {
        key_of(model, as_of, lead)
        for model in ("m", "n")
        for as_of in (None, "2026-01-05T00:00Z", "2026-01-12T00:00Z")
        for lead in ("a", "b", "", "a\nb")
    }
    assert len(made) == 24
    assert all(len(key) == 32 for key in made)


def test_without_a_clock_a_lead_is_handed_over_once(tmp_path: Path) -> None:
    run = night(tmp_path, 1, ["a", "b"], as_of=None)
    acknowledge(tmp_path, [row["key"] for row in outbox(run).handoffs])
    assert whom(outbox(night(tmp_path, 2, ["a", "c"], as_of=None))) == ["c"]


def test_whoever_objected_since_is_withheld(tmp_path: Path) -> None:
    first = night(tmp_path, 1, ["a", "b"])
    table = pa.table({"lead_id": ["a", "b"], "status": ["suppressed", "scored"], "stage": [None, "MQL"]})
    second = night(tmp_path, 2, [], first, table=table)
    found = outbox(second)
    assert (whom(found), found.withheld) == (["b"], 1)


def test_whoever_objects_now_is_withheld_before_the_next_run(tmp_path: Path) -> None:
    found = outbox(night(tmp_path, 1, ["a", "b"]), objecting=["a"])
    assert (whom(found), found.withheld) == (["b"], 1)


def test_a_lead_that_joined_waits_until_it_takes_its_accounts_handoff_over(
    ledger: Ledger, tmp_path: Path
) -> None:
    rules = Handoffs.model_validate({"respond_within": "2d", "owners": {"column": "owner"}})
    accounts, owners = dict.fromkeys("ab", "acme"), {"a": "ann", "b": "ann"}
    chance = {"a": 0.9}
    stages = dict.fromkeys("ab", "sales-ready")
    first = write_night(tmp_path, 1, stages, accounts=accounts, owners=owners, probability=chance)
    before = outbox(first)
    assert {row["kind"] for row in before.handoffs} == {None}, "no ledger knows of it"
    ledger.record(first, DAY, rules)
    found = outbox(first, ledger.given("m"))
    assert (whom(found), found.joined) == (["a"], 1)
    (row,) = found.handoffs
    assert (row["kind"], row["owner"], row["due_at"]) == ("handoff", "ann", "1970-01-04T00:00Z")
    assert row["handoff_id"] in {h["handoff_id"] for h in ledger.handoffs(DAY)}
    acknowledge(tmp_path, [row["key"]])
    ledger.say([Feedback("a", "rejected", DAY)], Spoken(), DAY)
    second = write_night(tmp_path, 2, {"a": "Recycled", "b": "sales-ready"}, previous=first)
    ledger.record(second, 2 * DAY, rules)
    after = outbox(second, ledger.given("m"))
    assert (whom(after), after.joined) == (["b"], 0)
    assert after.handoffs[0]["due_at"] == "1970-01-05T00:00Z"
    assert after.handoffs[0]["key"] in {row["key"] for row in before.handoffs}


def test_runs_that_are_gone_end_the_way_back(tmp_path: Path) -> None:
    first = night(tmp_path, 1, ["a"])
    second = night(tmp_path, 2, ["b"], first)
    for path in sorted(first.folder.rglob("*")):
        path.unlink()
    first.folder.rmdir()
    assert whom(outbox(second)) == ["b"]


def test_a_run_that_was_changed_is_refused(tmp_path: Path) -> None:
    first = night(tmp_path, 1, ["a"])
    second = night(tmp_path, 2, ["b"], first)
    (first.folder / "handoffs.jsonl").write_text("{}\n")
    with pytest.raises(BadData, match=r"handoffs.jsonl was changed after the run was written"):
        outbox(second)


# ── at least once ───────────────────────────────────────────────────────────────────────────────────────────


@given(
    st.lists(st.sampled_from(["night", "fetch", "die", "again"]), max_size=25),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_every_handoff_is_delivered_whoever_dies_between(steps: list[str], draw: random.Random) -> None:
    """A consumer fetches some, delivers them, and dies before, within or after its acknowledgement."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("os.fsync"),
    ):  # a disk that is slow proves nothing here
        out, delivered, handed, week = Path(folder), [], {}, 1
        run = night(out, week, ["first"])
        handed[key_of("m", run.manifest["as_of"], "first")] = "first"
        for step in [*steps, "fetch"]:
            if step == "night":
                week += 1
                leads = [f"{week}-{n}" for n in range(draw.randrange(4))]
                run = night(out, week, leads, run)
                handed |= {key_of("m", run.manifest["as_of"], lead): lead for lead in leads}
            elif step == "again":
                run = night(
                    out, week, [*whom_of(run), "late"], run.before(), bundle_version=f"{draw.random()}"
                )
                handed[key_of("m", run.manifest["as_of"], "late")] = "late"
            else:
                waiting = outbox(run)
                some = waiting.handoffs if step == "fetch" else waiting.handoffs[: draw.randrange(5)]
                delivered += [(row["key"], row["lead_id"]) for row in some]
                keys = [row["key"] for row in some]
                if step == "fetch":
                    acknowledge(out, keys)
                elif keys:
                    torn(out, keys, draw.randrange(33 * len(keys)))
        assert dict(delivered) == handed, "each at least once, under one key"
        assert whom(outbox(run)) == []
        after = [row["key"] for row in outbox(night(out, week + 1, ["next"], run)).handoffs]
        assert not set(after) & set(handed), "and never again once it was acknowledged"


def whom_of(run: Run) -> list[str]:
    return [row["lead_id"] for row in run.handoffs()]


def torn(out: Path, keys: list[str], size: int) -> None:
    """Acknowledge, and die after so many bytes."""
    path = out / ACKNOWLEDGED
    before = path.read_bytes() if path.is_file() else b""
    acknowledge(out, keys)
    path.write_bytes(path.read_bytes()[: len(before) + size])


def test_a_kill_at_every_byte_of_an_acknowledgement_loses_only_what_was_not_told_done(tmp_path: Path) -> None:
    kept, new = [f"{n:032x}" for n in (1, 2)], [f"{n:032x}" for n in (3, 4)]
    for size in range(2 * 33 + 1):
        out = tmp_path / str(size)
        out.mkdir()
        acknowledge(out, kept)
        torn(out, new, size)
        assert set(kept) <= acknowledged(out) <= {*kept, *new}
        assert len(acknowledged(out)) == 2 + size // 33 + (size % 33 == 32), (
            "a whole key counts, half a one does not"
        )
        acknowledge(out, new)
        assert acknowledged(out) == {*kept, *new}


KILLED = """
import os, signal, sys
from pathlib import Path
from lqmodel.ledger import Feedback, Ledger, Spoken
from lqmodel.outbox import acknowledge
out, moment = Path(sys.argv[1]), int(sys.argv[2])
write, done = os.write, 0
def counted(handle, data):
    global done
    for i in range(len(data)):
        done += 1
        if done == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        write(handle, data[i : i + 1])
    return len(data)
os.write = counted
for n in range(5):
    acknowledge(out, [f"{n:032x}"])
    print(n, flush=True)
"""


def test_what_was_said_to_be_acknowledged_survives_a_real_kill(tmp_path: Path) -> None:
    for moment in (20, 33, 150):
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), str(moment)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode in (-signal.SIGKILL, 0), ended.stderr
        told = {f"{int(n):032x}" for n in ended.stdout.split()}
        assert told <= acknowledged(tmp_path) <= {f"{n:032x}" for n in range(5)}


def test_several_processes_acknowledge_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from lqmodel.outbox import acknowledge\n" + (
        "for n in range(40): acknowledge(Path(sys.argv[1]), [f'{n * 3 + int(sys.argv[2]):032x}'])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(i)]) for i in range(3)]
    assert [process.wait() for process in running] == [0] * 3
    assert acknowledged(tmp_path) == {f"{n:032x}" for n in range(120)}
    assert len((tmp_path / ACKNOWLEDGED).read_bytes()) == 120 * 33


# ── files and lines ─────────────────────────────────────────────────────────────────────────────────────────


@given(st.binary(max_size=200))
def test_any_file_of_acknowledgements_is_read(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ACKNOWLEDGED).write_bytes(data)
        assert all(len(key) == 32 for key in acknowledged(Path(folder)))
        acknowledge(Path(folder), ["a" * 32])
        assert "a" * 32 in acknowledged(Path(folder))


def test_lines_are_appended_and_a_half_one_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lines.txt"
    append_lines(path, ["one", "two"])
    append_lines(path, ["three"])
    assert path.read_text() == "one\ntwo\nthree\n"
    path.write_text("one\ntw")
    append_lines(path, ["three"])
    assert path.read_text() == "one\ntw\nthree\n"
    with pytest.raises(CannotWrite, match=r"cannot write .*: "):
        append_lines(path / "below", ["x"])


def test_keys_are_read_from_lines_or_alone() -> None:
    key, other = "0" * 32, "f" * 32
    lines = ["\n", f'{{"lead_id": "a", "key": "{key}"}}\n', f"{other}\n", "  \n"]
    assert read_keys(lines, "x") == [key, other]
    for wrong in ('{"key": 5}', '{"lead_id": "a"}', "L-1", '{"key": "abc', key[:-1], "{}"):
        with pytest.raises(BadData) as refused:
            read_keys([f"{key}\n", wrong], "done.jsonl")
        assert str(refused.value).startswith(f"done.jsonl, line 2: no key in {wrong[:60]!r}")
        assert "do: give lines as `lqmodel outbox` prints them" in str(refused.value)


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def project(tmp_path: Path) -> Path:
    out = tmp_path / "scores"
    night(out, 2, ["c"], night(out, 1, ["a", "b"]))
    return tmp_path


def test_fetch_deliver_acknowledge(project: Path, lqmodel: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("outbox", "--project", project)
    fetched = lqmodel(*call, "--most", 2)
    rows = [json.loads(line) for line in fetched.out.split("\n")[:-1]]
    assert [row["lead_id"] for row in rows] == ["a", "b"]
    assert fetched.err == ""
    assert lqmodel(*call, "--most", 2).out == fetched.out, "nothing is acknowledged by reading"
    (project / "done.jsonl").write_text(fetched.out, encoding="utf-8")
    assert lqmodel(*call, "--ack", project / "done.jsonl").err == "2 acknowledged, 0 had been before\n"
    assert json.loads(lqmodel(*call).out)["lead_id"] == "c"
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{json.loads(lqmodel(*call).out)['key']}\n"))
    assert lqmodel(*call, "--ack", "-").err == "1 acknowledged, 0 had been before\n"
    assert lqmodel(*call).out == ""
    assert lqmodel(*call, "--ack", project / "done.jsonl").err == "0 acknowledged, 2 had been before\n"


def test_what_cannot_be_acknowledged(project: Path, lqmodel: Call) -> None:
    call = ("outbox", "--project", project, "--ack")
    lqmodel(*call, project / "nothing").refused(66, "no file", "name the lines that were delivered")
    (project / "names.txt").write_text("L-1\n")
    lqmodel(*call, project / "names.txt").refused(65, "names.txt, line 1: no key in 'L-1'")
    lqmodel("outbox", "--project", project / "nowhere").refused(66, "no run in")
    assert not (project / "scores" / ACKNOWLEDGED).exists()
    os.makedirs(project / "scores" / ACKNOWLEDGED)  # noqa: PTH103
    (project / "names.txt").write_text(f"{'a' * 32}\n")
    lqmodel(*call, project / "names.txt").refused(73, "cannot write")
