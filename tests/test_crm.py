"""CRM files: every one that is written passes the rules of its importer, whatever texts leads hold."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crm_validator import IMPORTERS, LIFECYCLE, problems, table
from hypothesis import given, settings
from hypothesis import strategies as st

from lqmodel.crm import (
    Lead,
    Plan,
    Sent,
    Shown,
    Target,
    load_steps,
    plan,
    read_sent,
    sent_table,
    summary,
    target_of,
    write_sheet,
)
from lqmodel.crm.cells import Limits, utf16, written
from lqmodel.crm.leads import cut
from lqmodel.crm.salesforce import full_id
from lqmodel.declarations.crms import Crm
from lqmodel.reasons import join

PAGE = "https://leads.example.com/leads/{lead_id}"
STAGES = ("Lead", "MQL", "sales-ready", "SAL", "SQL", "Customer", "Recycled")
CRMS = ("hubspot", "salesforce", "dynamics", "nutshell")
DECLARED: dict[str, dict[str, Any]] = {
    "hubspot": {
        "fields": {"points": "lq_points", "low": "lq_low", "high": "lq_high", "against": "lq_against"}
    },
    "salesforce": {"fields": {"points": "LQ_Points__c"}},
    "dynamics": {
        "fields": {
            "score": "new_lqscore",
            "owner": "new_lqowner",
            "link": "new_lqlink",
            "reasons": "qualificationcomments",
        }
    },
    "nutshell": {"fields": {"points": "LQ Points"}},
}
GUIDS = "0f8fad5b-d9cb-469f-a165-70867728{:04x}"


def declared(crm: str, **more: Any) -> Any:
    made = Crm.model_validate({crm: {"lead_page": PAGE, **DECLARED[crm], **more}})
    return getattr(made, crm)


def target(
    crm: str, *, by_points: bool = False, dated: bool = True, owned: bool = True, **more: Any
) -> Target:
    return target_of(declared(crm, **more), Shown(by_points, dated, owned))


def record(crm: str, n: int) -> str:
    return {
        "hubspot": str(n + 1),
        "salesforce": full_id(f"00Q{n:011d}a"[:15]),
        "dynamics": GUIDS.format(n),
        "nutshell": f"N {n}",
    }[crm]


def lead(n: int = 0, crm: str = "hubspot", **more: Any) -> Lead:
    values: dict[str, Any] = {
        "lead_id": f"L-{n:03d}",
        "key": record(crm, n),
        "probability": 0.25,
        "low": 0.2,
        "high": 0.3,
        "score": 55,
        "points": None,
        "stage": "MQL",
        "previous_stage": "Lead",
        "reasons": "2 demos (×2.0)",
        "against": "",
        "model_version": "0123456789ab",
        "scored_at": "2026-01-31",
        "link": PAGE.replace("{lead_id}", f"L-{n:03d}"),
        "held": {},
    }
    return Lead(**{**values, **more})


def planned(made: Target, leads: list[Lead], **more: Any) -> Plan:
    options = {"suppressed": {}, "earlier": {}, "only_changes": False, "set_stage": False, **more}
    return plan(made, leads, **options)


def files(made: Target, found: Plan, limits: Limits | None = None) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        for sheet, rows in found.sheets.items():
            write_sheet(Path(folder), sheet, tuple(rows[0]), rows, limits or made.limits)
        return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}


def wrong(crm: str, written_files: Mapping[str, bytes]) -> list[str]:
    return [f"{name}: {p}" for name, data in written_files.items() for p in problems(crm, name, data)]


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "=1+1",
            "+49 30 1234",
            "-2+3",
            "@SUM(A1)",
            "\t=x",
            "\r=x",
            "a\nb",
            'a"b,c',
            "",
            " ",
            "'=x",
            "＝1",
            "😀" * 30,
            "L-\u202e7",
            "\0",
            "a\r\n=b",
            "<img src=x onerror=alert(1)>",
            "x" * 5000,
        ]
    ),
)
EFFECTS = st.sampled_from(["×2.3", "×0.01 or less", "×1,000 or more", "×0,93", "+10", "-5"])
REASONS = st.lists(st.tuples(HOSTILE, EFFECTS), max_size=4).map(lambda rs: [f"{t} ({e})" for t, e in rs])
SHARE = st.floats(1e-6, 1 - 1e-6)


@st.composite
def leads(draw: st.DrawFn, crm: str, by_points: bool) -> list[Lead]:
    made = []
    for n in range(draw(st.integers(0, 6))):
        lead_id = draw(HOSTILE)
        own = draw(st.booleans())
        chance = {} if not by_points else {"probability": None, "low": None, "high": None}
        made.append(
            lead(
                n,
                crm,
                lead_id=f"{lead_id}{n}",
                key=record(crm, n) if own else draw(st.one_of(st.none(), HOSTILE, st.just(record(crm, 0)))),
                score=draw(st.integers(0, 100)),
                points=draw(st.integers(-(10**6), 10**6)) if by_points else None,
                stage=draw(st.sampled_from(STAGES)),
                previous_stage=draw(st.sampled_from((*STAGES, None))),
                reasons="; ".join(draw(REASONS)),
                against="; ".join(draw(REASONS)),
                owner=draw(st.one_of(st.none(), HOSTILE)),
                **{"probability": draw(SHARE), **chance},
            )
        )
    return made


@pytest.mark.parametrize("crm", CRMS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_every_file_is_one_that_its_importer_takes_whatever_leads_hold(crm: str, data: st.DataObject) -> None:
    by_points, dated, set_stage, only = (data.draw(st.booleans()) for _ in range(4))
    found = data.draw(leads(crm, by_points))
    made = target(crm, by_points=by_points, dated=dated)
    earlier = {
        x.lead_id: Sent(
            x.lead_id, x.key, x.probability, data.draw(st.integers(0, 100)), x.points, x.stage, None
        )
        for x in found
        if data.draw(st.booleans())
    }
    suppressed = {
        f"S{n}.": data.draw(st.one_of(st.none(), HOSTILE, st.just(record(crm, n)))) for n in (0, 90, 91)
    }
    told = planned(
        made, found, suppressed=suppressed, earlier=earlier, only_changes=only, set_stage=set_stage
    )
    whole = files(made, told)
    assert wrong(crm, whole) == []
    assert whole == files(made, told)
    # nothing is lost in silence: each lead stands in a sheet, among the rejects, or is counted
    own = next(iter(made.sheets))
    keys = {name: [next(iter(row.values())) for row in rows] for name, rows in told.sheets.items()}
    stages = {k for name, ks in keys.items() if name not in (own, "lead", "suppressed") for k in ks}
    rejected = {r.lead_id for r in told.rejects if "left as it is" not in r.reason} - set(suppressed)
    moved_only = stages - set(keys.get(own, []))
    assert len(found) == len(keys.get(own, [])) + len(rejected) + told.negligible + len(moved_only)
    assert {x.lead_id for x in found} <= {s.lead_id for s in told.sent} | rejected
    assert not {s.lead_id for s in told.sent} & set(suppressed)


@pytest.mark.parametrize("crm", CRMS)
def test_two_suppressed_leads_of_one_record_empty_it_once(crm: str) -> None:
    made = target(crm)
    both = {"A": record(crm, 7), "B": record(crm, 7)}
    whole = files(made, planned(made, [], suppressed=both))
    assert wrong(crm, whole) == []
    assert whole == files(made, planned(made, [], suppressed={"A": record(crm, 7)}))


@given(REASONS, st.integers(20, 1200))
@settings(max_examples=300, deadline=None)
def test_reasons_are_cut_where_reasons_join_cuts_them(reasons: list[str], most: int) -> None:
    """The oracle joins the reasons themselves; cut() has only the text that a run holds."""
    plain = ["".join(c if c.isprintable() else " " for c in r) for r in reasons]
    if any(";" in r or "×" in r[: r.rindex("(")] or "(" in r[: r.rindex("(")] for r in plain):
        return  # a text that looks like the end of a reason is cut there too
    text = "; ".join(plain)
    found = cut(text, most)
    room = most - text.startswith(("=", "+", "-", "@"))
    assert utf16(written(found)) <= most
    if all(ord(c) < 0x10000 for c in text) and text == " ".join(text.split()):
        assert found == join(plain, room)


@given(HOSTILE, st.integers(20, 60))
def test_one_long_reason_is_cut_with_an_ellipsis(text: str, most: int) -> None:
    found = cut(text, most)
    assert utf16(written(found)) <= most
    assert found.isprintable() or not found
    if utf16(text) <= most - 1 and text.isprintable():
        assert found == text


@given(
    st.lists(st.text(alphabet="ab,\"\n😀='", max_size=30), max_size=40),
    st.integers(1, 9),
    st.integers(40, 400),
)
@settings(max_examples=100, deadline=None)
def test_several_files_hold_what_one_would(texts: list[str], rows: int, size: int) -> None:
    cells = [{"Record ID": n, "text": text} for n, text in enumerate(texts)]
    limits = Limits(rows, 10, size)
    with tempfile.TemporaryDirectory() as folder:
        counts = write_sheet(Path(folder), "contacts", ("Record ID", "text"), cells, limits)
        parts = {name: (Path(folder) / name).read_bytes() for name in counts}
        assert sorted(parts) == sorted(p.name for p in Path(folder).iterdir())
    if len(parts) == 1:
        assert list(parts) == ["contacts.csv"]
    else:
        assert list(parts) == [f"contacts-{i + 1}.csv" for i in range(len(parts))]
    read: list[list[str]] = []
    for name, data in parts.items():
        head, found = table(data)
        assert head == ["Record ID", "text"]
        assert len(found) == counts[name] <= rows
        assert len(data) <= size or len(found) == 1
        read += found
    assert [row[0] for row in read] == [str(n) for n in range(len(texts))]
    assert [
        row[1].removeprefix("'") if t[:1] == "=" else row[1] for t, row in zip(texts, read, strict=True)
    ] == texts


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers())
def test_numbers_are_never_guarded(share: float, whole: int) -> None:
    for number in (share, whole, -abs(share), -abs(whole)):
        text = written(number)
        assert not text.startswith("'")
        assert "e" not in text
        assert float(text) == pytest.approx(number, abs=1e-6, rel=1e-9)


def test_a_probability_is_a_share_or_a_percentage() -> None:
    for crm, name, as_, expected in (
        ("hubspot", "lq_probability", "share", "0.25"),
        ("hubspot", "lq_probability", "percent", "25"),
        ("salesforce", "LQ_Probability__c", "percent", "25"),
        ("salesforce", "LQ_Probability__c", "share", "0.25"),
    ):
        made = target(crm, probability_as=as_)
        head, (row,) = table(next(iter(files(made, planned(made, [lead(crm=crm)])).values())))
        assert row[head.index(name)] == expected


def test_points_have_no_probability_and_a_model_no_points() -> None:
    for crm, probability, points in (
        ("hubspot", "lq_probability", "lq_points"),
        ("salesforce", "LQ_Probability__c", "LQ_Points__c"),
        ("nutshell", "LQ Probability", "LQ Points"),
    ):
        by_model, by_points = target(crm), target(crm, by_points=True)
        head, _ = table(next(iter(files(by_model, planned(by_model, [lead(crm=crm)])).values())))
        assert probability in head
        assert points not in head
        one = lead(crm=crm, probability=None, low=None, high=None, points=-5)
        head, (row,) = table(next(iter(files(by_points, planned(by_points, [one])).values())))
        assert probability not in head
        assert row[head.index(points)] == "-5"


OWNER = {
    "hubspot": "lq_owner",
    "salesforce": "LQ_Owner__c",
    "dynamics": "new_lqowner",
    "nutshell": "LQ Owner",
}


def cell_of(made: Target, found: Plan, field: str) -> list[Any]:
    return [row[field] for rows in found.sheets.values() for row in rows if field in row]


@pytest.mark.parametrize("crm", CRMS)
def test_who_has_a_lead_stands_in_a_field_of_ours(crm: str) -> None:
    some = [lead(0, crm, stage="SAL", owner="Ana Pop"), lead(1, crm)]
    made = target(crm)
    assert cell_of(made, planned(made, some), OWNER[crm]) == ["Ana Pop", None]
    without = target(crm, owned=False)
    assert cell_of(without, planned(without, some), OWNER[crm]) == [], (
        "nobody is recorded: nothing is emptied"
    )
    left_out = target(crm, fields={"owner": False})
    assert cell_of(left_out, planned(left_out, some), OWNER[crm]) == []
    gone = planned(made, [], suppressed={"S": record(crm, 7)})
    assert cell_of(made, gone, OWNER[crm]) == [None]


@pytest.mark.parametrize("crm", CRMS)
def test_another_owner_is_worth_writing_and_the_same_is_not(crm: str) -> None:
    made, one = target(crm), lead(0, crm, stage="SAL", owner="Ana Pop")
    for then, written_again in (("Ana Pop", False), ("Bo Berg", True), (None, True)):
        earlier = {one.lead_id: replace(Sent.of(one, None), owner=then)}
        found = planned(made, [one], earlier=earlier, only_changes=True)
        assert (not found.negligible) == written_again
        (held,) = found.sent
        assert held.owner == "Ana Pop"
        told = [change.fields for change in found.changes]
        assert told == ([{OWNER[crm]: (then, "Ana Pop")}] if written_again else [])


def test_an_owner_who_is_no_option_rejects_the_row() -> None:
    made = target("hubspot", picklists={"lq_owner": ["Ana Pop"]})
    found = planned(made, [lead(0, owner="Ana Pop"), lead(1, owner="Bo Berg")])
    assert reasons_of(found) == ["unknown picklist value: lq_owner has no 'Bo Berg'"]
    assert len(found.sheets["contacts"]) == 1


def test_what_was_sent_before_there_were_owners_is_read() -> None:
    sent = (Sent("L-1", "7", 0.3, 60, None, "MQL", None, "Ana Pop"),)
    assert read_sent(sent_table(sent))["L-1"] == sent[0]
    older = sent_table(sent).drop_columns(["owner"])
    assert read_sent(older)["L-1"] == replace(sent[0], owner=None)


# ── what is not known ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("crm", CRMS)
def test_stages_that_are_set_blindly_are_told_before_anything_is_loaded(crm: str) -> None:
    made, some = target(crm), [lead(n, crm, stage="sales-ready", previous_stage="MQL") for n in range(3)]
    first = planned(made, some, set_stage=True)
    if crm == "nutshell":  # its tags are only added, and replace nothing
        assert first.unseen == 0
        return
    assert first.unseen == 3
    field = made.stage_fields[0]
    text = load_steps(
        made, first, {sheet: {f"{sheet}.csv": len(rows)} for sheet, rows in first.sheets.items()}
    )
    assert text.index("BEFORE YOU LOAD") < text.index("1. ")
    assert f"nothing says which {field} {made.title} holds now for 3 of these leads" in text
    assert any("not known" in line and "3 leads" in line for line in summary(made, first))
    again = planned(made, some, set_stage=True, earlier={s.lead_id: s for s in first.sent})
    assert again.unseen == 0, "what we set ourselves we know"
    assert planned(made, some).unseen == 0, "without --set-stage no stage is set"
    seen = target(crm, present={field: "now"})
    assert planned(seen, some, set_stage=True).unseen == 0


# ── what is never written ───────────────────────────────────────────────────────────────────────────────────


def reasons_of(found: Plan) -> list[str]:
    return [r.reason for r in found.rejects]


@pytest.mark.parametrize(
    ("crm", "key", "why"),
    [
        ("hubspot", None, "the leads' source names no record of it"),
        ("hubspot", "=1", "'=1' begins with '='"),
        ("hubspot", "A-1", "'A-1' is no Record ID of HubSpot"),
        ("hubspot", "901.0", "'901.0' is no Record ID"),
        ("salesforce", "00q000000000abceaq", "an Id whose letters have changed case"),
        ("salesforce", "123", "no Id of Salesforce"),
        ("dynamics", "901", "no id of Dynamics 365"),
        ("nutshell", "a\tb", "control characters"),
        ("nutshell", "-7", "begins with '-'"),
    ],
)
def test_a_record_id_that_is_none(crm: str, key: str | None, why: str) -> None:
    found = planned(target(crm), [lead(crm=crm, key=key)])
    assert not found.sheets
    assert why in reasons_of(found)[0]


def test_leads_of_one_record_are_all_rejected_and_letter_case_counts_where_the_crm_says_so() -> None:
    twins = [lead(0, key="A@b.de"), lead(1, key="a@B.de")]
    found = planned(target("hubspot", match="Email"), twins)
    assert reasons_of(found) == ["2 leads name this record: which of them is it?"] * 2
    ids = ["00Q000000000abc", "00Q000000000ABC"]
    both = [lead(n, "salesforce", key=key) for n, key in enumerate(ids)]
    found = planned(target("salesforce"), both)
    assert [row["Id"] for row in found.sheets["Lead"]] == list(map(full_id, ids))
    same = [lead(n, "salesforce", key=key) for n, key in enumerate([ids[0], full_id(ids[0])])]
    assert len(reasons_of(planned(target("salesforce"), same))) == 2


def test_the_record_of_someone_who_objected_is_not_written_under_another_lead() -> None:
    found = planned(target("hubspot"), [lead(0, key="7"), lead(1, key="8")], suppressed={"S-1": "7"})
    assert reasons_of(found) == ["its record is also that of lead 'S-1', who is suppressed"]
    assert [row["Record ID"] for row in found.sheets["contacts"]] == ["8"]


def test_a_suppressed_lead_has_its_fields_emptied_and_never_a_score() -> None:
    sent = {"S-1": Sent("S-1", "7", 0.3, 60, None, "MQL", None)}
    for crm in CRMS:
        key = record(crm, 5)
        made = target(crm)
        found = planned(made, [], suppressed={"S-1": key, "S-2": None}, earlier=sent)
        (row,) = found.sheets["suppressed"]
        first, *rest = row.values()
        assert first == key
        assert rest == [None] * len(rest)
        assert [r.lead_id for r in found.rejects] == ["S-2"]
        assert not found.sent
        assert wrong(crm, files(made, found)) == []
    never_sent = planned(target("hubspot"), [], suppressed={"S-9": "7"}, only_changes=True)
    assert not never_sent.sheets, "whose score never went out needs no clearing"


@pytest.mark.parametrize(
    ("crm", "options", "held"),
    [
        ("hubspot", {"closed": {"Deal": ["Won", "Lost"]}}, {"Deal": "won"}),
        ("hubspot", {"present": {"lifecyclestage": "Lifecycle Stage"}}, {"Lifecycle Stage": "Customer"}),
        ("salesforce", {"closed": {"IsConverted": "true"}}, {"IsConverted": "TRUE"}),
        ("salesforce", {"present": {"Status": "Status"}}, {"Status": "Closed - Converted"}),
        ("salesforce", {"present": {"Status": "Status"}}, {"Status": "Closed - Not Converted"}),
        ("dynamics", {"closed": {"Status": ["Qualified", "Disqualified"]}}, {"Status": "Disqualified"}),
        ("nutshell", {"closed": {"Status": ["Won", "Lost"]}}, {"Status": "Lost"}),
    ],
)
def test_what_is_closed_in_the_crm_is_never_touched(
    crm: str, options: dict[str, Any], held: dict[str, str]
) -> None:
    made = target(crm, **options)
    for stage in STAGES:
        found = planned(made, [lead(crm=crm, held=held, stage=stage)], set_stage=True)
        assert not found.sheets
        assert "closed in" in reasons_of(found)[0]
    opened = dict.fromkeys(held, "")
    assert planned(made, [lead(crm=crm, held=opened)], set_stage=True).sheets


def test_salesforce_links_too_long_for_their_field_are_rejected() -> None:
    found = planned(target("salesforce"), [lead(crm="salesforce", link="https://x.example/" + "a" * 300)])
    assert reasons_of(found) == ["its link has 318 characters, and 255 fit"]


def test_an_assignee_must_be_a_user_of_nutshell() -> None:
    made = target("nutshell", assignee="owner", picklists={"Assignee": ["Ana Pop", "Bo Berg"]})
    known, empty, unknown = (
        lead(n, "nutshell", held={"owner": owner}) for n, owner in enumerate(["Bo Berg", "", "bo berg"])
    )
    found = planned(made, [known, empty, unknown])
    assert reasons_of(found) == ["unknown picklist value: 'bo berg' is no user of Nutshell"]
    assert [row["Assignee"] for row in found.sheets["leads"]] == ["Bo Berg", None]
    assert wrong("nutshell", files(made, found)) == []


@pytest.mark.parametrize("crm", CRMS)
def test_what_is_told_of_a_change_is_what_the_file_holds(crm: str) -> None:
    made = target(crm)
    found = planned(made, [lead(crm=crm)], earlier={})
    (change,) = found.changes
    cells = {field: cell for rows in found.sheets.values() for row in rows for field, cell in row.items()}
    told = {field: now for field, (_, now) in change.fields.items() if field in cells}
    assert told
    assert told == {field: cells[field] for field in told}


# ── negligible changes ──────────────────────────────────────────────────────────────────────────────────────


def test_small_changes_are_left_out_and_add_up() -> None:
    """Each night moves by less than the threshold; what counts is what the CRM holds, not last night's run."""
    made, held = target("hubspot"), {"L-000": Sent("L-000", "1", 0.2, 55, None, "MQL", None)}
    wrote = []
    for probability in (0.205, 0.209, 0.212, 0.215):
        found = planned(made, [lead(probability=probability)], earlier=held, only_changes=True)
        held = {s.lead_id: s for s in found.sent}
        wrote.append(bool(found.sheets))
        assert found.negligible == (not found.sheets)
        assert held["L-000"].probability == (
            probability if found.sheets else pytest.approx(held["L-000"].probability)
        )
    assert wrote == [False, False, True, False]


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        ({}, False),
        ({"probability": 0.2625}, False),
        ({"probability": 0.2626}, True),
        ({"probability": 0.2374}, True),
        ({"score": 57}, False),
        ({"score": 58}, True),
        ({"stage": "sales-ready"}, True),
        ({"key": "99"}, True),
        ({"points": 3}, True),
        ({"reasons": "others"}, False),
        ({"model_version": "another"}, False),
    ],
)
def test_what_is_worth_writing(change: dict[str, Any], writes: bool) -> None:
    before = Sent.of(lead(), None)
    found = planned(target("hubspot"), [lead(**change)], earlier={"L-000": before}, only_changes=True)
    assert bool(found.sheets) == writes
    assert found.negligible == (not writes)
    assert len(found.changes) == (writes and change.keys() != {"key"})


@given(st.lists(st.tuples(SHARE, st.integers(0, 100), st.sampled_from(STAGES)), min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_writing_the_same_again_writes_nothing(rows: list[tuple[float, int, str]]) -> None:
    for crm in CRMS:
        made = target(crm)
        some = [lead(n, crm, probability=p, score=s, stage=stage) for n, (p, s, stage) in enumerate(rows)]
        first = planned(made, some, set_stage=True)
        held = read_sent(sent_table(first.sent))
        assert tuple(held.values()) == first.sent
        again = planned(made, some, earlier=held, only_changes=True, set_stage=True)
        assert not again.sheets
        assert again.sent == first.sent


# ── stages ──────────────────────────────────────────────────────────────────────────────────────────────────


def moves(crm: str, now: Lead, before: Sent | None = None, **options: Any) -> dict[str, list[dict[str, Any]]]:
    made = target(crm, **options)
    own = next(iter(made.sheets))
    found = planned(made, [now], earlier={} if before is None else {now.lead_id: before}, set_stage=True)
    return {name: [dict(r) for r in rows] for name, rows in found.sheets.items() if name not in (own, "lead")}


def set_before(stage: str, crm: str = "hubspot") -> Sent:
    return Sent.of(lead(crm=crm, stage=stage), stage)


def test_own_fields_alone_unless_stages_are_asked_for() -> None:
    for crm in CRMS:
        for stage in STAGES:
            found = planned(target(crm), [lead(crm=crm, stage=stage)])
            theirs = {
                "lifecyclestage",
                "hs_lead_status",
                "Status",
                "Rating",
                "leadqualitycode",
                "Tag",
                "Note",
            }
            assert not theirs & {column for rows in found.sheets.values() for column in rows[0]}


def test_hubspot_stages_by_the_table_of_the_reference() -> None:
    expected = {
        "Lead": ("lead", None),
        "MQL": ("marketingqualifiedlead", "NEW"),
        "sales-ready": ("marketingqualifiedlead", "OPEN"),
        "SAL": ("marketingqualifiedlead", "IN_PROGRESS"),
        "SQL": ("salesqualifiedlead", None),
        "Customer": ("customer", None),
    }
    for stage, (lifecycle, status) in expected.items():
        (row,) = moves("hubspot", lead(stage=stage, previous_stage=None))["stage-forward"]
        assert row == {"Record ID": "1", "lifecyclestage": lifecycle, "hs_lead_status": status}
    back = moves("hubspot", lead(stage="Recycled", previous_stage="sales-ready"))
    assert back == {
        "stage-back-1-clear": [{"Record ID": "1", "lifecyclestage": None}],
        "stage-back-2-set": [{"Record ID": "1", "lifecyclestage": "lead", "hs_lead_status": "BAD_TIMING"}],
    }


@given(
    st.sampled_from(STAGES), st.sampled_from((*STAGES, None)), st.sampled_from((*STAGES, None)), st.booleans()
)
def test_hubspot_never_moves_back_in_the_forward_file(
    stage: str, previous: str | None, was_set: str | None, told: bool
) -> None:
    """The law of the CRM: an import never moves a stage back, so what goes back is cleared first."""
    before = None if was_set is None else set_before(was_set)
    options = {"present": {"lifecyclestage": "now"}} if told else {}
    for now in LIFECYCLE if told else [None]:
        held = {} if now is None else {"now": now}
        found = moves("hubspot", lead(stage=stage, previous_stage=previous, held=held), before, **options)
        clear, set_again = found.get("stage-back-1-clear", []), found.get("stage-back-2-set", [])
        assert [r["Record ID"] for r in clear] == [r["Record ID"] for r in set_again]
        assert len(found.get("stage-forward", [])) + len(clear) <= 1
        if now is None:
            continue
        for row in found.get("stage-forward", []):
            assert row["lifecyclestage"] is None or LIFECYCLE.index(row["lifecyclestage"]) >= LIFECYCLE.index(
                now
            )
        for row in set_again:
            assert LIFECYCLE.index(row["lifecyclestage"]) < LIFECYCLE.index(now)
        if now in ("opportunity", "customer", "evangelist", "other"):
            assert not found, "people set it"


def test_a_known_stage_is_not_set_again() -> None:
    assert not moves("hubspot", lead(stage="MQL"), set_before("MQL"))
    held = {"now": "Marketing Qualified Lead", "status": "New"}
    both = {"present": {"lifecyclestage": "now", "hs_lead_status": "status"}}
    assert not moves("hubspot", lead(stage="MQL", held=held), None, **both)
    assert moves("hubspot", lead(stage="sales-ready", held=held), None, **both)["stage-forward"]
    rated = {"present": {"Status": "s", "Rating": "r"}}
    held = {"s": "Working - Contacted", "r": "Warm"}
    assert not moves("salesforce", lead(crm="salesforce", stage="MQL", held=held), None, **rated)
    (row,) = moves("salesforce", lead(crm="salesforce", stage="SQL", held=held), None, **rated)["Lead-stage"]
    assert (row["Status"], row["Rating"]) == (None, "Hot")


def test_an_unknown_value_of_a_picklist_is_told_and_the_stage_left() -> None:
    made = target("hubspot", present={"lifecyclestage": "now"})
    found = planned(made, [lead(held={"now": "Qualified-ish"})], set_stage=True)
    assert list(found.sheets) == ["contacts"]
    assert reasons_of(found) == [
        "its stage is left as it is: unknown picklist value: lifecyclestage holds 'Qualified-ish'"
    ]
    assert found.sent[0].stage_set is None


def test_customers_of_hubspot_are_never_moved_back_even_if_only_we_know_them() -> None:
    found = planned(
        target("hubspot"), [lead(stage="Lead")], earlier={"L-000": set_before("Customer")}, set_stage=True
    )
    assert list(found.sheets) == ["contacts"]
    assert "people set it" in reasons_of(found)[0]
    assert found.sent[0].stage_set == "Customer"


def test_salesforce_never_gets_a_converted_status() -> None:
    for stage in STAGES:
        for row in moves("salesforce", lead(crm="salesforce", stage=stage)).get("Lead-stage", []):
            assert "Converted" not in (row["Status"] or "")


def test_dynamics_scores_grades_and_trends() -> None:
    for score, grade in ((100, 0), (70, 0), (69, 1), (40, 1), (39, 2), (20, 2), (19, 3), (0, 3)):
        (row,) = planned(target("dynamics"), [lead(crm="dynamics", score=score)]).sheets[
            "msdyn_predictivescore"
        ]
        assert row["msdyn_grade"] == grade
        assert row["msdyn_scoretrend"] == 3, "not enough info"
    for score, trend in ((58, 0), (57, 1), (53, 1), (52, 2)):
        before = {"L-000": Sent("L-000", None, None, 55, None, "MQL", None)}
        now = [lead(crm="dynamics", score=score)]
        (row,) = planned(target("dynamics"), now, earlier=before).sheets["msdyn_predictivescore"]
        assert row["msdyn_scoretrend"] == trend
    graded = target("dynamics", grades={"a": 90})
    (row,) = planned(graded, [lead(crm="dynamics", score=80)]).sheets["msdyn_predictivescore"]
    assert row["msdyn_grade"] == 1
    for code, stage in ((1, "sales-ready"), (2, "MQL"), (3, "Recycled")):
        (row,) = moves("dynamics", lead(crm="dynamics", stage=stage))["lead-stage"]
        assert row["leadqualitycode"] == code
        held = {"rating": str(code)}
        assert not moves(
            "dynamics", lead(crm="dynamics", stage=stage, held=held), present={"leadqualitycode": "rating"}
        )


def test_nutshell_adds_tags_and_tells_which_go_back() -> None:
    assert list(moves("nutshell", lead(crm="nutshell", stage="SAL", previous_stage="MQL"))) == [
        "stage-forward"
    ]
    assert list(moves("nutshell", lead(crm="nutshell", stage="Recycled", previous_stage="SAL"))) == [
        "stage-back"
    ]
    (row,) = moves("nutshell", lead(crm="nutshell", stage="MQL"))["stage-forward"]
    assert row == {"Legacy ID": "N 0", "Tag": "lq MQL", "Note": "2 demos (×2.0)", "Note Date": "2026-01-31"}
    assert not moves("nutshell", lead(crm="nutshell", stage="MQL"), set_before("MQL", "nutshell"))


# ── the validator itself ────────────────────────────────────────────────────────────────────────────────────

GOOD = b"Record ID,lq_score,lq_reasons,lifecyclestage\r\n7,55,so,lead\r\n8,60,'=x,lead\r\n"


def broken() -> Iterator[tuple[str, bytes]]:
    yield "a mark in front", b"\xef\xbb\xbf" + GOOD
    yield "a formula", GOOD.replace(b"'=x", b"=x")
    yield "a number as text", GOOD.replace(b"60", b"'60")
    yield "an option that is none", GOOD.replace(b"so,lead", b"so,mql")
    yield "a column that is HubSpot's", GOOD.replace(b"lq_reasons", b"hs_predictivecontactscore_v2")
    yield "a record twice", GOOD.replace(b"8,60", b"7,60")
    yield "no record", GOOD.replace(b"7,55", b",55")
    yield "a score of 101", GOOD.replace(b"55", b"101")
    yield "a column twice", GOOD.replace(b"lq_score", b"Record ID")
    yield "too long", GOOD.replace(b"so", b"s" * 2000)
    yield "a cell too many", GOOD.replace(b"so,", b"so,so,")


def test_the_validator_takes_what_is_good_and_finds_what_is_not() -> None:
    assert list(problems("hubspot", "contacts.csv", GOOD)) == []
    for what, data in broken():
        assert list(problems("hubspot", "contacts.csv", data)), what
    assert set(IMPORTERS) >= set(CRMS)


def test_a_lead_that_comes_back_under_another_id_is_written_anew() -> None:
    sent = {"L-000": replace(set_before("MQL"), key="5")}
    assert planned(target("hubspot"), [lead()], earlier=sent, only_changes=True).sheets
