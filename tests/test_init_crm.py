"""`lqmodel init` on exports of four CRMs: what is the outcome, what comes too late, what was renamed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ended
from crm_exports import EXPORTS, rows, write
from crm_validator import problems
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import QUICK
from test_init import trained_on

from lqmodel.crm import recognise
from lqmodel.declarations import ProjectFiles
from lqmodel.errors import UsageError
from lqmodel.init import Answers, Guess, guess, write_project

NAMES = {"hubspot": "HubSpot", "salesforce": "Salesforce", "dynamics": "Dynamics 365", "nutshell": "Nutshell"}
COLUMNS = {
    "hubspot": ["country_region", "industry", "lead_age", "number_of_employees", "original_source"],
    "salesforce": ["annual_revenue", "country", "industry", "lead_age", "lead_source", "number_of_employees"],
    "dynamics": ["country_region", "industry", "lead_source", "no_of_employees", "topic"],
    "nutshell": ["employees", "industry", "lead_age", "market", "source"],
}
LABELS = {
    "hubspot": {"Lifecycle Stage": "Customer"},
    "salesforce": {"IsConverted": "true"},
    "dynamics": {"Status": "Qualified"},
    "nutshell": {"Status": "Won"},
}
CRMS = {
    "hubspot": {"present": {"lifecyclestage": "Lifecycle Stage", "hs_lead_status": "Lead Status"}},
    "salesforce": {
        "present": {"Status": "Status", "Rating": "Rating"},
        "closed": {"IsConverted": ["true", "1", "yes"]},
    },
    "dynamics": {
        "present": {"leadqualitycode": "Rating"},
        "closed": {"Status": ["Qualified", "Disqualified"]},
    },
}
INNOCENT = [
    *(
        "First Name",
        "Last Name",
        "Job Title",
        "Company Name",
        "Industry",
        "Number of Employees",
        "Country/Region",
        "City",
    ),
    *(
        "Postal Code",
        "Website URL",
        "Original Source",
        "Original Source Drill-Down 1",
        "First Conversion",
        "First Page Seen",
    ),
    *(
        "Annual Revenue",
        "Preferred language",
        "Lead Source",
        "Product Interest",
        "Time Zone",
        "State/Region",
        "Salutation",
    ),
    *(
        "Street 1",
        "Business Phone",
        "No. of Employees",
        "Source Campaign",
        "Sources",
        "Products",
        "Persona",
        "Referral Partner",
    ),
]


def export(tmp_path: Path, crm: str, rename: dict[str, str] | None = None, n: int = 900) -> Path:
    found = [{(rename or {}).get(k, k): v for k, v in row.items()} for row in rows(crm, n)]
    return write(tmp_path / f"{crm}.csv", found)


def told(found: Guess) -> str:
    return "\n".join(found.explanations)


@pytest.mark.parametrize("crm", EXPORTS)
def test_an_export_becomes_a_project_that_the_audit_passes(crm: str, tmp_path: Path) -> None:
    found = guess({"leads": export(tmp_path, crm)}, Answers())
    assert f"'leads' is an export of {NAMES[crm]}" in told(found)
    snapshots = trained_on(found, tmp_path)
    assert [c.name for c in snapshots.columns] == COLUMNS[crm]
    assert found.model["label"]["where"] == LABELS[crm]
    assert found.model.get("crm", {}) == ({crm: CRMS[crm]} if crm in CRMS else {})
    declared = ProjectFiles.read(tmp_path).declarations().model.crm.declared()
    assert list(declared) == ([crm] if crm in CRMS else [])
    dated = crm != "dynamics"
    assert (found.model["label"].get("horizon") is not None) == dated


@pytest.mark.parametrize(
    ("crm", "late"),
    [
        (
            "hubspot",
            ["Contact owner", "Lead Status", "Close Date", "Number of Pageviews", "Recent Conversion"],
        ),
        ("salesforce", ["Status", "Rating", "OwnerId", "ConvertedOpportunityId", "IsUnreadByOwner"]),
        ("dynamics", ["(Do Not Modify) Row Checksum", "Status Reason", "Owner", "Lead Score", "Budget"]),
        ("nutshell", ["Stage", "Confidence", "Value", "Assignee", "Tags"]),
    ],
)
def test_what_comes_too_late_is_left_out_and_may_be_kept(crm: str, late: list[str], tmp_path: Path) -> None:
    path = export(tmp_path, crm)
    out = {column: why for (_, column), why in guess({"leads": path}, Answers()).left_out.items()}
    for column in late:
        assert NAMES[crm] in out[column], column
    keep = {late[0]: "set by a rule at once"}
    kept = guess({"leads": path}, Answers(keep=keep))
    assert late[0] not in {column for _, column in kept.left_out}


def test_counters_of_hubspot_run_on_after_the_outcome(tmp_path: Path) -> None:
    found = guess({"leads": export(tmp_path, "hubspot")}, Answers())
    out = {column: why for (_, column), why in found.left_out.items()}
    assert (
        out["Number of Pageviews"] == "HubSpot counts it up to the day of the export, also after the outcome"
    )
    assert found.model["population"]["account"] == "Associated Company IDs"


def test_dates_of_american_spreadsheets_are_read(tmp_path: Path) -> None:
    path = export(tmp_path, "dynamics")
    found = guess({"leads": path}, Answers(times={"outcomes": "(Do Not Modify) Modified On"}))
    assert found.sources["leads"].values["time_format"] == "%m/%d/%Y %I:%M %p"
    assert found.model["label"]["lost"] == {"Status": "Disqualified"}
    assert len(trained_on(found, tmp_path)) > 1000


# ── renamed columns ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("crm", "name", "now"),
    [
        ("hubspot", "Lifecycle Stage", "Lifecycle Stages"),
        ("hubspot", "Lifecycle Stage", "Life cycle stage (old)"),
        ("salesforce", "IsConverted", "Is_Converted__c"),
    ],
)
def test_a_renamed_outcome_is_refused_with_the_nearest_known(
    crm: str, name: str, now: str, tmp_path: Path
) -> None:
    path = export(tmp_path, crm, {name: now})
    with pytest.raises(UsageError) as refused:
        guess({"leads": path}, Answers())
    text = str(refused.value)
    assert text.startswith(
        f"source 'leads': {NAMES[crm]} says in {name!r} who was won, and this export has no such column\n"
    )
    assert f"do: rename {now!r} back, or name it and the value of a win: --label COLUMN=VALUE" in text
    value = next(iter(LABELS[crm].values()))
    found = guess({"leads": path}, Answers(label=f"{now}={value}"))
    assert list(found.model["label"]["where"]) == [now]


@pytest.mark.parametrize(
    ("crm", "name", "now"),
    [
        ("hubspot", "Lead Status", "Lead Statuses"),
        ("hubspot", "Number of Pageviews", "Numbers of page views"),
        ("salesforce", "LastActivityDate", "Last_Activity_Dates"),
        ("nutshell", "Confidence", "Confidences"),
        ("dynamics", "Qualification Comments", "Qualification comment"),
    ],
)
def test_a_renamed_column_that_comes_too_late_is_left_out_and_told(
    crm: str, name: str, now: str, tmp_path: Path
) -> None:
    found = guess({"leads": export(tmp_path, crm, {name: now})}, Answers())
    assert (
        f"'leads': {NAMES[crm]} has a column {name!r}, and this file does not: {now!r} looks like it and is left out"
        in told(found)
    )
    assert ("leads", now) in found.left_out


def test_renamed_dates_are_told(tmp_path: Path) -> None:
    found = guess({"leads": export(tmp_path, "hubspot", {"Create Date": "Created Date"})}, Answers())
    assert (
        "HubSpot has a column 'Create Date', and this file does not: 'Created Date' looks like it; rename it if it is"
        in told(found)
    )
    assert found.sources["leads"].values["occurred_at"] == "Created Date"


def test_letter_case_and_signs_rename_nothing(tmp_path: Path) -> None:
    plain = {
        "Lifecycle Stage": "lifecycle_stage",
        "Lead Status": "LEAD STATUS",
        "Contact owner": "Contact Owner",
    }
    found = guess({"leads": export(tmp_path, "hubspot", plain)}, Answers())
    assert "looks like it" not in told(found)
    assert ("leads", "LEAD STATUS") in found.left_out
    assert found.model["label"]["where"] == {"lifecycle_stage": "Customer"}


def test_nobody_won_in_the_export_is_the_usual_refusal(tmp_path: Path) -> None:
    found = [row | {"Lifecycle Stage": "Lead"} for row in rows("hubspot", 100)]
    path = write(tmp_path / "h.csv", found)
    with pytest.raises(UsageError, match="no column looks like the outcome"):
        guess({"leads": path}, Answers())


def test_a_table_of_outcomes_goes_first(tmp_path: Path) -> None:
    leads = export(tmp_path, "hubspot")
    deals = [
        {"Record ID": row["Record ID"], "Deal Stage": "closed won", "Close Date": row["Close Date"]}
        for row in rows("hubspot")
        if row["Close Date"]
    ]
    deals += [{**deals[0], "Record ID": 501_001, "Deal Stage": "closed lost"}]
    found = guess({"leads": leads, "deals": write(tmp_path / "deals.csv", deals)}, Answers())
    assert found.model["label"]["source"] == "deals"


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("title", "columns", "key", "created", "outcome"),
    [
        (
            "HubSpot",
            "hs_object_id createdate lifecyclestage hs_lead_status hubspot_owner_id hs_analytics_num_page_views",
            *("hs_object_id", "createdate", "lifecyclestage"),
        ),
        (
            "Salesforce",
            "Lead ID|Lead Owner|Lead Status|Create Date|Converted|Converted Date|Company / Account",
            *("Lead ID", "Create Date", "Converted"),
        ),
        (
            "Dynamics 365",
            "leadid createdon statecode statuscode leadqualitycode subject",
            *("leadid", "createdon", "statecode"),
        ),
        (
            "Nutshell",
            "Lead number|Lead name|Confidence|Primary company|Primary person|Created time|Closed time|Status",
            *("Lead number", "Created time", "Status"),
        ),
    ],
)
def test_other_names_of_the_same_columns(
    title: str, columns: str, key: str, created: str, outcome: str
) -> None:
    found = recognise(columns.split("|" if "|" in columns else None))
    assert found is not None
    assert (found.names.title, found.key, found.created, found.outcome) == (title, key, created, outcome)


def test_tables_of_other_kinds_are_no_export() -> None:
    for columns in (
        [
            "Prospect ID",
            "Lead Number",
            "Lead Origin",
            "Lead Source",
            "Do Not Email",
            "Converted",
            "Last Activity",
            "Country",
            "Tags",
            "Lead Quality",
        ],
        ["lead_id", "created_at", "industry", "employees", "source", "status", "owner"],
        ["mql_id", "first_contact_date", "landing_page_id", "origin"],
        [],
    ):
        assert recognise(columns) is None


@pytest.mark.parametrize("crm", EXPORTS)
def test_no_column_that_describes_a_lead_is_taken_for_a_renamed_one(crm: str) -> None:
    """Each of the CRM's own names is missing once, and none of the innocent ones stands in for it."""
    marks = recognise(list(next(iter(rows(crm, 1)))))
    assert marks is not None
    columns = [*marks.names.marks, *INNOCENT]
    found = recognise(columns)
    assert found is not None
    assert not set(found.renamed.values()) & set(INNOCENT)
    assert not set(found.late) & set(INNOCENT)


@pytest.mark.parametrize("crm", EXPORTS)
def test_the_order_of_columns_changes_nothing(crm: str) -> None:
    columns = list(next(iter(rows(crm, 1))))
    expected = recognise(columns)
    for seed in range(20):
        random.Random(seed).shuffle(columns)
        found = recognise(columns)
        assert found == expected


@given(st.lists(st.text(max_size=30), max_size=12), st.sampled_from(sorted(EXPORTS)), st.integers(0, 12))
@settings(max_examples=100, deadline=None)
def test_any_names_are_read(more: list[str], crm: str, dropped: int) -> None:
    columns = list(next(iter(rows(crm, 1))))
    found = recognise([*columns[dropped:], *more])
    if dropped == 0:
        assert found is not None
        assert found.names.name == crm
    if found is not None:
        assert set(found.late) <= {*columns, *more}
        assert not set(found.late) & {found.key, found.created, found.won_at, found.outcome}


# ── there and back ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("crm", ["hubspot", "salesforce", "dynamics"])
def test_from_an_export_to_files_for_the_same_crm(
    crm: str, tmp_path: Path, lqmodel: Callable[..., Ended]
) -> None:
    path = export(tmp_path, crm)
    write_project(guess({"leads": path}, Answers()), tmp_path)
    model = tmp_path / "models" / "lead_conversion.toml"
    model.write_text(model.read_text(encoding="utf-8") + QUICK, encoding="utf-8")
    ended = lqmodel("train", "--project", tmp_path, "--save", tmp_path / "bundle")
    assert ended.code == 0, ended.err
    dated: list[Any] = [] if crm == "dynamics" else ["--as-of", "2024-05-06T00:00Z"]
    scored = lqmodel("predict", "--model", tmp_path / "bundle", "--project", tmp_path, *dated)
    assert scored.code == 0, scored.err
    written = lqmodel("export", "--crm", crm, "--project", tmp_path, "--set-stage")
    assert written.code == 0, written.err
    (folder,) = (tmp_path / "scores" / "crm" / crm).iterdir()
    files = [p for p in folder.glob("*.csv") if p.name != "rejects.csv"]
    assert files
    assert [text for p in files for text in problems(crm, p.name, p.read_bytes())] == []
    if crm == "dynamics":
        assert "closed in Dynamics 365: Status is 'Qualified'" in (folder / "rejects.csv").read_text(
            encoding="utf-8"
        )
