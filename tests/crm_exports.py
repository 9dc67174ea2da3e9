"""Exports as four CRMs write them: column names, labels, dates; all names are generated."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

START = datetime(2023, 1, 2, 8)
COUNTRIES = ("Germany", "Romania", "Norway", "Austria")
INDUSTRIES = ("Software", "Trade", "Machinery", "Health")
SOURCES = ("Organic Search", "Paid Search", "Referrals", "Email Marketing")
SYLLABLES = ("mar", "vin", "tor", "bel", "san", "kir", "lo", "ra", "ne", "dus")


class Person:
    """A lead as the world knows it; each export tells some of it in its own words."""

    def __init__(self, n: int, draw: random.Random) -> None:
        self.n = n
        self.first, self.last, self.company = (
            "".join(draw.choices(SYLLABLES, k=k)).capitalize() for k in (2, 3, 4)
        )
        self.email = f"p{n}@{self.company.lower()}.example"
        self.country, self.industry, self.source = (
            draw.choice(options) for options in (COUNTRIES, INDUSTRIES, SOURCES)
        )
        self.employees = draw.choice((5, 20, 80, 300, 1200)) + draw.randrange(4)
        self.created = START + timedelta(minutes=draw.randrange(60 * 24 * 500))
        chance = 0.08 + 0.25 * (self.industry == "Software") + 0.15 * (self.employees > 100)
        end = self.created + timedelta(days=draw.randrange(4, 50), minutes=draw.randrange(1440))
        known = end < START + timedelta(days=520)
        self.won = end if draw.random() < chance and known else None
        self.lost = end if self.won is None and draw.random() < 0.5 and known else None
        self.views = draw.randrange(1, 40) + 60 * (self.won is not None)
        self.owner = draw.choice(("Ana Pop", "Bo Berg"))


def people(n: int = 900) -> list[Person]:
    draw = random.Random(7)
    return [Person(i, draw) for i in range(n)]


def local(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def utc(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def hubspot(p: Person) -> dict[str, Any]:
    stage = (
        "Customer"
        if p.won
        else "Opportunity"
        if p.n % 9 == 0
        else "Marketing Qualified Lead"
        if p.n % 3
        else "Lead"
    )
    return {
        "Record ID": 501_000 + p.n,
        "First Name": p.first,
        "Last Name": p.last,
        "Email": p.email,
        "Phone Number": f"+49 30 {p.n:06}",
        "Contact owner": p.owner if p.n % 4 else "",
        "Create Date": local(p.created),
        "Lifecycle Stage": stage,
        "Lead Status": "Unqualified" if p.lost else "Open" if p.n % 2 else "New",
        "Company Name": p.company,
        "Industry": p.industry,
        "Country/Region": p.country,
        "Number of Employees": p.employees,
        "Original Source": p.source,
        "Number of Pageviews": p.views,
        "Number of Sessions": p.views // 3 + 1,
        "Recent Conversion": "Contact form" if p.n % 5 else "",
        "Last Activity Date": local(p.won or p.lost or p.created),
        "Last Modified Date": local((p.won or p.created) + timedelta(days=1)),
        "Close Date": local(p.won),
        "Became a Customer Date": local(p.won),
        "Became a Marketing Qualified Lead Date": local(p.created + timedelta(days=1)) if p.n % 3 else "",
        "Number of Associated Deals": 1 if p.won else "",
        "Recent Deal Amount": 1000 + p.n if p.won else "",
        "Days To Close": (p.won - p.created).days if p.won else "",
        "Associated Company IDs": 9_000 + p.n % 400,
    }


def salesforce(p: Person) -> dict[str, Any]:
    status = "Closed - Converted" if p.won else "Closed - Not Converted" if p.lost else "Open - Not Contacted"
    return {
        "Id": f"00Q{p.n:09d}AbcEAE",
        "IsDeleted": "false",
        "LastName": p.last,
        "FirstName": p.first,
        "Company": p.company,
        "Email": p.email,
        "Country": p.country,
        "LeadSource": p.source,
        "Status": status,
        "Industry": p.industry,
        "Rating": "Hot" if p.won else "Cold" if p.n % 2 else "Warm",
        "AnnualRevenue": p.employees * 100_000,
        "NumberOfEmployees": p.employees,
        "OwnerId": "005000000000001AAA",
        "IsConverted": str(bool(p.won)).lower(),
        "ConvertedDate": f"{p.won:%Y-%m-%d}" if p.won else "",
        "ConvertedAccountId": f"001{p.n:012d}AAA" if p.won else "",
        "ConvertedOpportunityId": f"006{p.n:012d}AAA" if p.won else "",
        "CreatedDate": utc(p.created),
        "LastModifiedDate": utc((p.won or p.created) + timedelta(days=1)),
        "LastActivityDate": f"{p.won or p.created:%Y-%m-%d}",
        "IsUnreadByOwner": str(not p.won).lower(),
    }


def dynamics(p: Person) -> dict[str, Any]:
    status = "Qualified" if p.won else "Disqualified" if p.lost else "Open"
    return {
        "(Do Not Modify) Lead": str(UUID(int=p.n + 2**100)),
        "(Do Not Modify) Row Checksum": f"{p.n * 7919:032x}",
        "(Do Not Modify) Modified On": f"{(p.won or p.created):%m/%d/%Y %I:%M %p}",
        "Name": f"{p.first} {p.last}",
        "Topic": f"Interested in {p.industry.lower()}",
        "Company Name": p.company,
        "Email": p.email,
        "Lead Source": p.source,
        "Country/Region": p.country,
        "Industry": p.industry,
        "No. of Employees": p.employees,
        "Rating": "Hot" if p.won else "Warm",
        "Status": status,
        "Status Reason": status if status != "Disqualified" else "Lost",
        "Owner": p.owner,
        "Created On": f"{p.created:%m/%d/%Y %I:%M %p}",
        "Lead Score": 90 if p.won else 10 + p.n % 60,
        "Budget": "Can Buy" if p.won else "",
        "Qualification Comments": "likes it" if p.won else "",
    }


def nutshell(p: Person) -> dict[str, Any]:
    return {
        "Lead ID": 300 + p.n,
        "Lead name": f"{p.company} {p.n}",
        "Status": "Won" if p.won else "Lost" if p.lost else "Open",
        "Stage": "Closed" if p.won or p.lost else "Proposal" if p.n % 2 else "Qualify",
        "Confidence": 100 if p.won else p.n % 60,
        "Value": 1000 + p.n,
        "Created": local(p.created),
        "Closed": local(p.won or p.lost),
        "Primary company": p.company,
        "Primary person": f"{p.first} {p.last}",
        "Assignee": p.owner,
        "Source": p.source,
        "Market": p.country,
        "Industry": p.industry,
        "Employees": p.employees,
        "Tags": "vip" if p.won else "",
    }


EXPORTS = {"hubspot": hubspot, "salesforce": salesforce, "dynamics": dynamics, "nutshell": nutshell}


def rows(crm: str, n: int = 900) -> Iterator[dict[str, Any]]:
    return map(EXPORTS[crm], people(n))


def write(path: Path, found: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return path
