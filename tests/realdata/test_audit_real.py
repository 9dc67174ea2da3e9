"""What the audit says of real data: where it must stop, where it must warn, and where it must be silent.

olist_audit/      Olist's closed deals taken for facts about leads
shoppers_audit/   sessions of a web shop, each column but the label
The data stay where they are, in $LQMODEL_DATA.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lqmodel import open_project
from lqmodel.audit import Audit
from lqmodel.checking import check
from lqmodel.errors import LeakageFound

pytestmark = pytest.mark.skipif(
    not os.environ.get("LQMODEL_DATA"), reason="LQMODEL_DATA names no folder of real data"
)
HERE = Path(__file__).parent
OLIST, SHOPPERS = HERE / "olist_audit", HERE / "shoppers_audit"


def closed_deals() -> set[str]:
    path = Path(os.environ["LQMODEL_DATA"]) / "olist_funnel" / "olist_closed_deals_dataset.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return set(next(csv.reader(file)))


def without_clock(root: Path) -> Path:
    """Copy the project; its closed deals are a table of facts that were always known."""
    shutil.copytree(OLIST, root)
    path = root / "features" / "sources.toml"
    head, deals = path.read_text().split("[closed_deals]")
    kept = [line for line in deals.splitlines() if not line.startswith(("occurred_at", "zone"))]
    path.write_text(head + "[closed_deals]" + "\n".join(kept) + "\n")
    return root


@pytest.mark.parametrize("clock", [True, False])
def test_every_column_of_the_closed_deals_stops_and_no_other(
    tmp_path: Path, tell: Callable[[str], None], clock: bool
) -> None:
    project = open_project(OLIST if clock else without_clock(tmp_path / "flat"))
    found = project.check()
    assert {f.name for f in found.stops} == closed_deals()
    assert len(found.stops) == 14
    assert all(f.do.startswith(f"take [{f.name}] out") for f in found.stops)
    with pytest.raises(LeakageFound, match="14 facts may come from after the outcome"):
        project.train()
    others = {(f.rule, f.name) for f in found.findings if f.level != "stop"}
    assert others <= {("many_levels", "landing_page"), ("skew", "landing_page")}
    rules = sorted({f.rule for f in found.stops})
    tell(
        f"olist, deals {'with' if clock else 'without'} a clock: {len(found.stops)} stops, by {', '.join(rules)}"
    )


def numbered(path: Path) -> Path:
    source = Path(os.environ["LQMODEL_DATA"]) / "uci_shoppers" / "online_shoppers_intention.csv"
    with (
        source.open(newline="", encoding="utf-8") as file,
        path.open("w", newline="", encoding="utf-8") as out,
    ):
        header, *rows = csv.reader(file)
        csv.writer(out).writerows([["session", *header], *([i, *row] for i, row in enumerate(rows))])
    return path


def shoppers(root: Path) -> Audit:
    return open_project(SHOPPERS, {"sessions": str(numbered(root / "sessions.csv"))}).check()


def test_page_values_is_warned_of_and_nothing_stops(tmp_path: Path, tell: Callable[[str], None]) -> None:
    found = shoppers(tmp_path)
    assert found.stops == ()
    assert [(f.level, f.rule, f.name) for f in found.findings] == [("warn", "strong_alone", "pagevalues")]
    tell(f"shoppers: {found.findings[0].name}, {found.findings[0].message}")


def test_the_json_of_check_holds_every_finding(tmp_path: Path) -> None:
    project = open_project(OLIST)
    told = check(project.declarations(), project.inputs(), project.training_set).to_json()
    told = json.loads(json.dumps(told, allow_nan=False))["audit"]
    stops = [f for f in told["findings"] if f["level"] == "stop"]
    assert {f["name"] for f in stops} == closed_deals()
    assert {f["column"] for f in told["figures"]} == closed_deals() | {"origin", "landing_page"}
    text = str(project.check())
    assert text.count("\n") < len(told["findings"]) * 2
    assert all(name in text for name in closed_deals())
