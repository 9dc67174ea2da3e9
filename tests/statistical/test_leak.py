"""A planted leak is caught: facts that a company writes down after the win, in three disguises."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lqmodel.audit import audit
from lqmodel.errors import LeakageFound
from lqmodel.training import train
from statistical.truth import EXAMPLE, opened, simulated

LEADS = 1_000
FEATURE = """
[planted]
source = "{source}"
verb = "{verb}"
{what}
"""


@dataclass(frozen=True)
class Company:
    """A simulated company whose tables can be spoilt, and a copy of the example's declarations."""

    tables: Path
    project: Path

    def read(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.tables / f"{name}.parquet")

    def write(self, name: str, table: pd.DataFrame) -> None:
        table.to_parquet(self.tables / f"{name}.parquet", index=False)

    def declare(self, file: str, text: str, column: str | None = None) -> None:
        path = self.project / "features" / f"{file}.toml"
        path.write_text(path.read_text() + text)
        if column:
            sources = self.project / "features" / "sources.toml"
            sources.write_text(sources.read_text().replace('"campaign"]', f'"campaign", "{column}"]'))

    def won(self) -> pd.DataFrame:
        outcomes = self.read("outcomes")
        return outcomes[outcomes["outcome"] == "won"]


@pytest.fixture
def spoilt(tmp_path: Path) -> Company:
    for folder in ("features", "models"):
        shutil.copytree(EXAMPLE / folder, tmp_path / "project" / folder)
    return Company(simulated(tmp_path / "data", LEADS, seed=31), tmp_path / "project")


def found(spoilt: Company) -> dict[str, tuple[str, str]]:
    """Return what the audit says of the planted feature: level → rule and message."""
    snapshots, inputs = opened(spoilt.tables, spoilt.project)
    about = [f for f in audit(snapshots, inputs).findings if f.name in ("planted", "planted_column")]
    return {f.level: (f.rule, f.message) for f in about}


def test_the_company_as_it_is_has_no_leak(spoilt: Company) -> None:
    snapshots, inputs = opened(spoilt.tables, spoilt.project)
    assert audit(snapshots, inputs).stops == ()


def test_events_that_follow_the_win_stop_training(spoilt: Company, tell: Callable[[str], None]) -> None:
    """A contract is signed one to three days after the win."""
    rng, won, events = np.random.default_rng(1), spoilt.won(), spoilt.read("events")
    after = [timedelta(days=float(d)) for d in rng.uniform(1, 3, len(won))]
    signed = pd.DataFrame(
        {"lead_id": won["lead_id"], "occurred_at": won["occurred_at"] + pd.Series(after, won.index)}
    )
    spoilt.write("events", pd.concat([events, signed.assign(type="contract_signed")], ignore_index=True))
    what = 'where = { type = "contract_signed" }\nwindows = ["30d"]\nreason.en.other = "{value} contracts"'
    spoilt.declare("engagement", FEATURE.format(source="events", verb="count", what=what))
    snapshots, inputs = opened(spoilt.tables, spoilt.project)
    with pytest.raises(LeakageFound, match="planted") as caught:
        train(snapshots, inputs)
    tell(f"planted events after the win: {str(caught.value).splitlines()[1].strip()}")


def attribute(column: str) -> str:
    what = f'column = "{column}"\ndtype = "category"\nreason.en.other = "{column} {{value}}"'
    return FEATURE.format(source="leads", verb="attribute", what=what)


def test_a_column_filled_in_for_winners_stops_training(spoilt: Company, tell: Callable[[str], None]) -> None:
    """A harmless name, a clock that says "known when the lead was made", and yet: 60 % of winners, nobody else."""
    rng, leads, won = np.random.default_rng(2), spoilt.read("leads"), set(spoilt.won()["lead_id"])
    filled = leads["lead_id"].isin(won) & (rng.random(len(leads)) < 0.6)
    leads["planted_column"] = pd.Series(rng.choice(list("abc"), len(leads))).where(filled, None)
    spoilt.write("leads", leads)
    spoilt.declare("firmographics", attribute("planted_column"), column="planted_column")
    told = found(spoilt)
    assert told["stop"][0] == "winners_only"
    snapshots, inputs = opened(spoilt.tables, spoilt.project)
    with pytest.raises(LeakageFound, match="planted"):
        train(snapshots, inputs)
    tell(f"planted column of winners: stop, {told['stop'][1]}")


def test_a_blurred_leak_is_at_least_pointed_out(spoilt: Company, tell: Callable[[str], None]) -> None:
    """Filled in for 90 % of winners and 5 % of the others: no rule can be sure, and it is said all the same."""
    rng, leads, won = np.random.default_rng(3), spoilt.read("leads"), set(spoilt.won()["lead_id"])
    chance = np.where(leads["lead_id"].isin(won), 0.9, 0.05)
    leads["planted_column"] = pd.Series(rng.choice(list("abc"), len(leads))).where(
        rng.random(len(leads)) < chance, None
    )
    spoilt.write("leads", leads)
    spoilt.declare("firmographics", attribute("planted_column"), column="planted_column")
    told = found(spoilt)
    assert set(told) == {"warn"}
    tell(f"planted column, blurred: warn, {told['warn'][0]}: {told['warn'][1]}")
