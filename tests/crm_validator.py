"""What the importers of CRMs take, as rules over the bytes of a file. Knows nothing of how the files are made.

Written from what the CRMs document; see docs/crm.md.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

RISKY = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
GUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
LIFECYCLE = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
]
LEAD_STATUS = [
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
]
Rule = Callable[[str], bool]


@dataclass(frozen=True)
class Column:
    """One column: whether a cell is well formed, its longest text, whether it may be empty."""

    rule: Rule = lambda cell: True
    longest: int = 65_536
    number: bool = False
    needed: bool = False


def among(*options: str) -> Rule:
    return lambda cell: cell in options


def number(low: float = float("-inf"), high: float = float("inf")) -> Column:
    return Column(
        lambda cell: bool(NUMBER.fullmatch(cell)) and low <= float(cell) <= high, longest=20, number=True
    )


def day() -> Column:
    return Column(lambda cell: bool(DATE.fullmatch(cell)), longest=10)


def salesforce_id(cell: str) -> bool:
    """15 characters, or 18 of which the last three say which of the others are capitals."""
    if not re.fullmatch(r"[a-zA-Z0-9]{15}([A-Z0-5]{3})?", cell):
        return False
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    for block in range(len(cell) // 18 * 3):
        bits = "".join("1" if "A" <= c <= "Z" else "0" for c in reversed(cell[block * 5 : block * 5 + 5]))
        if signs[int(bits, 2)] != cell[15 + block]:
            return False
    return True


@dataclass(frozen=True)
class Importer:
    """One kind of file: the columns that it may have, of which the first must be the key."""

    columns: dict[str, Column]
    rows: int
    bytes: int
    key_case: bool = True
    unknown: str | None = None
    needed: tuple[str, ...] = field(default=())


_own_number, _own_score = number(), number(0, 100)
HUBSPOT = {
    "Record ID": Column(lambda c: c.isdigit(), needed=True),
    "Email": Column(lambda c: c.count("@") == 1, needed=True),
    "lq_probability": number(0, 100),
    "lq_low": number(0, 100),
    "lq_high": number(0, 100),
    "lq_score": _own_score,
    "lq_points": _own_number,
    "lq_stage": Column(longest=255),
    "lq_reasons": Column(longest=1024),
    "lq_against": Column(longest=1024),
    "lq_model_version": Column(longest=255),
    "lq_scored_at": day(),
    "lq_owner": Column(longest=255),
    "lq_link": Column(lambda c: c.startswith("https://")),
    "lifecyclestage": Column(among(*LIFECYCLE)),
    "hs_lead_status": Column(among(*LEAD_STATUS)),
}
SALESFORCE = {
    "Id": Column(salesforce_id, needed=True),
    "Lead_Key__c": Column(needed=True),
    "LQ_Probability__c": number(0, 100),
    "LQ_Score__c": Column(lambda c: c.isdigit() and int(c) <= 100, longest=18, number=True),
    "LQ_Points__c": _own_number,
    "LQ_Stage__c": Column(longest=255),
    "LQ_Reasons__c": Column(longest=1024),
    "LQ_Model_Version__c": Column(longest=255),
    "LQ_Scored_At__c": day(),
    "LQ_Owner__c": Column(longest=255),
    "LQ_Link__c": Column(lambda c: c.startswith("https://"), longest=255),
    "Status": Column(among("Open - Not Contacted", "Working - Contacted", "Closed - Not Converted")),
    "Rating": Column(among("Hot", "Warm", "Cold")),
}
DYNAMICS_SCORE = {
    "msdyn_entityid": Column(lambda c: bool(GUID.fullmatch(c)), needed=True),
    "msdyn_entitytype": Column(among("lead"), needed=True),
    "msdyn_score": Column(lambda c: c.isdigit() and int(c) <= 100, number=True, needed=True),
    "msdyn_grade": Column(among("0", "1", "2", "3"), number=True, needed=True),
    "msdyn_scoretrend": Column(among("0", "1", "2", "3"), number=True, needed=True),
    "msdyn_scorereasons": Column(longest=10_000),
    "msdyn_scoredon": day(),
}
DYNAMICS_LEAD = {
    "leadid": Column(lambda c: bool(GUID.fullmatch(c)), needed=True),
    "msdyn_entityid": Column(lambda c: bool(GUID.fullmatch(c)), needed=True),
    "new_lqscore": _own_score,
    "new_lqowner": Column(longest=255),
    "new_lqlink": Column(lambda c: c.startswith("https://")),
    "qualificationcomments": Column(longest=2_000),
    "leadqualitycode": Column(among("1", "2", "3"), number=True),
}
NUTSHELL = {
    "Legacy ID": Column(needed=True),
    "LQ Probability": number(0, 100),
    "LQ Score": _own_score,
    "LQ Points": _own_number,
    "LQ Stage": Column(),
    "LQ Reasons": Column(longest=1024),
    "LQ Model Version": Column(),
    "LQ Scored At": day(),
    "LQ Owner": Column(longest=255),
    "LQ Link": Column(lambda c: c.startswith("https://")),
    "Assignee": Column(among("Ana Pop", "Bo Berg")),
    "Tag": Column(needed=True),
    "Note": Column(longest=1024),
    "Note Date": day(),
}
IMPORTERS = {
    "hubspot": Importer(HUBSPOT, 1_048_576, 512_000_000, key_case=False),
    "salesforce": Importer(SALESFORCE, 50_000, 100_000_000),
    "dynamics": Importer(DYNAMICS_LEAD, 1_048_576, 8_000_000, key_case=False),
    "dynamics scores": Importer(DYNAMICS_SCORE, 1_048_576, 8_000_000, key_case=False),
    "nutshell": Importer(NUTSHELL, 1_048_576, 20_000_000),
}
KEYS = ("Record ID", "Email", "Id", "Lead_Key__c", "msdyn_entityid", "leadid", "Legacy ID")


def importer_of(crm: str, name: str) -> Importer:
    return IMPORTERS[
        "dynamics scores" if crm == "dynamics" and name.startswith("msdyn_predictivescore") else crm
    ]


def table(data: bytes) -> tuple[list[str], list[list[str]]]:
    """Read a file as an importer does: comma-separated UTF-8, a header first."""
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
    return head, rows


def problems(crm: str, name: str, data: bytes) -> Iterator[str]:
    """Yield what an importer would not take, or would take for something else."""
    importer = importer_of(crm, name)
    if data.startswith(b"\xef\xbb\xbf"):
        yield "a mark in front would be part of the first column's name"
    if len(data) > importer.bytes:
        yield f"{len(data)} bytes"
    head, rows = table(data)
    if len(rows) + 1 > importer.rows:
        yield f"{len(rows)} rows"
    if len(head) >= 1000 or len({h.casefold() for h in head}) != len(head):
        yield f"columns: {head}"
    if head[0] not in KEYS:
        yield f"the first column, {head[0]!r}, is no key"
    unknown = [h for h in head if h not in importer.columns]
    if unknown:
        yield f"unknown columns {unknown}"
        return
    emptied = name.startswith(("suppressed", "stage-back-1"))
    for row in rows:
        if len(row) != len(head):
            yield f"{len(row)} cells under {len(head)} columns"
            continue
        for title, cell in zip(head, row, strict=True):
            yield from _cell(title, cell, importer.columns[title], emptied)
    keys = [row[0] if importer.key_case else row[0].casefold() for row in rows]
    if len(set(keys)) != len(keys):
        yield "a record stands twice"


def _cell(title: str, cell: str, column: Column, emptied: bool) -> Iterator[str]:
    if not cell:
        if column.needed and not (emptied and title not in KEYS):
            yield f"{title} is empty"
        return
    if not column.number and cell.startswith(RISKY):
        yield f"{title}: a spreadsheet runs {cell!r}"
    if column.number and cell.startswith("'"):
        yield f"{title}: the number {cell!r} is a text"
    if len(cell.encode("utf-16-le")) // 2 > column.longest:
        yield f"{title}: {len(cell)} characters"
    if not column.rule(cell):
        yield f"{title}: {cell!r}"
    if any(c in cell for c in "\0"):
        yield f"{title}: {cell!r}"
