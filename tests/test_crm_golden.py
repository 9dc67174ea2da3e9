"""Golden files of each CRM, byte by byte, and the steps by which they are loaded; the validator takes them all."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from test_crm import CRMS, PAGE, files, lead, planned, record, target, wrong

from lqmodel.crm import Sent, load_steps

NAMES = ("L-1", "L=2", "Łódź/3", "=HYPERLINK(4)", '5,"x"', "6 😀")
STAGES = ("Lead", "MQL", "sales-ready", "SAL", "SQL", "Recycled")
REASONS = (
    "2 demos asked for in the last 30 days (×2.3); industry: software (×1.2)",
    "+49 30 is the dialling code (×1.1)",
    "",
    '=HYPERLINK("https://bad.example") (×1.4); @home (×1.1)',
    "Größe: 50, mittel (×1,2); zuletzt „gestern“ da (×1,1)",
    "; ".join(f"visit no. {n} (×1.{n % 10})" for n in range(200)),
)
OWNERS = (None, None, "Ana Pop", "=Bo Berg", "Łukasz, Süd", None)
PREVIOUS = ("MQL", "Lead", "MQL", None, "SAL", "SAL")


@pytest.mark.parametrize("crm", CRMS)
def test_golden_files(crm: str, snapshot: SnapshotAssertion) -> None:
    rows = zip(NAMES, STAGES, REASONS, PREVIOUS, strict=True)
    some = [
        lead(
            n,
            crm,
            lead_id=name,
            link=f"https://leads.example.com/leads/{n}",
            stage=stage,
            previous_stage=previous,
            reasons=reasons,
            score=n * 19,
            probability=(n + 1) / 7,
            owner=OWNERS[n],
        )
        for n, (name, stage, reasons, previous) in enumerate(rows)
    ]
    some.append(lead(7, crm, lead_id="no record", key=None))
    earlier = {"L-1": Sent("L-1", None, 0.9, 88, None, "MQL", None)}
    made = target(crm, lead_page=PAGE)
    found = planned(made, some, suppressed={"S-8": record(crm, 8)}, earlier=earlier, set_stage=True)
    whole = files(made, found)
    assert wrong(crm, whole) == []
    sheets = {sheet: {f"{sheet}.csv": len(found.sheets[sheet])} for sheet in found.sheets}
    text = "\n".join(f"=== {name}\n{data.decode()}" for name, data in whole.items())
    assert f"{text}\n=== load.txt\n{load_steps(made, found, sheets)}".replace("\r\n", "⏎\n") == snapshot
