"""Many generated histories as one set of tables, and what every engine is asked about them.

Each history has leads of its own. So an engine loads and answers all of them at once, and a difference
still names the one history that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import test_episodes as comebacks
from engines import Engine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from strategies import (
    DAY,
    FEATURES,
    HOUR,
    NOON,
    History,
    declare,
    many_histories,
    timestamps,
    us,
    write,
    write_history,
)

from lqmodel.asof import Facts
from lqmodel.declarations import Declarations
from lqmodel.engine import AS_OF, CREATED, KEY, OCCURRED, fetch
from lqmodel.features import features
from lqmodel.inputs import Inputs, open_inputs
from lqmodel.labels import label, population

HISTORIES = 400  # of what leads did
COURSES = 150  # of leads that come and go, eight leads to each
AS_OFS = (NOON - 10 * DAY, NOON, NOON + 3 * DAY)  # at the first the longest windows reach back too far
Drawn = TypeVar("Drawn")

# texts that SQL, its literals and COPY could trip over; capitals stand before or after small letters by engine
ODD = (
    "it's",
    'say "x"',
    "a\\b",
    "100 %\\n",
    "two\nlines",
    "\t",
    "{brace}",
    "$1",
    ":name",
    "?",
    "Zürich",
    "zurich",
    "Ünï",
    "日本",
    "🙂",
)
ODD_FEATURES: dict[str, Any] = {
    "odd": {"source": "events", "verb": "count", "where": {"page": list(ODD)}, "windows": ["ever"]},
    "odd_pages": {"source": "events", "verb": "distinct", "column": "page", "where": {"page": list(ODD)}, "windows": ["ever"]},
    # numbers that an engine could take for decimals, or round
    "over_a_tenth": {"source": "events", "verb": "count", "where": {"duration_s": {"gt": 0.1}}, "windows": ["ever"]},
    "a_tenth": {"source": "events", "verb": "count", "where": {"duration_s": [0.1, 4.999]}, "windows": ["ever"]},
    "tiny": {"source": "events", "verb": "count", "where": {"duration_s": {"le": 1e-300, "gt": -1e22}}, "windows": ["ever"]},
}  # fmt: skip
# read as a number elsewhere: its text is the one that was read, and not what an engine makes of a float
TEXTS_OF_NUMBERS: dict[str, Any] = {
    "events": {
        "five_in_words": {"source": "events", "verb": "count", "where": {"duration_s": ["5", "0.0005", "-3.25"]}, "windows": ["ever"]},
    },
    "profiles": {
        "seats_in_words": {"source": "profiles", "verb": "attribute", "column": "seats", "dtype": "category"},
    },
}  # fmt: skip


def drawn(strategy: st.SearchStrategy[Drawn], n: int) -> list[Drawn]:
    """Examples of a strategy, the same on every run."""
    found: list[Drawn] = []

    @settings(
        max_examples=n,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Drawn) -> None:
        found.append(example)

    collect()
    return found


# --- features ------------------------------------------------------------------------------------

ZONE = "Europe/Berlin"
DEEDS = declare(
    features={
        "engagement": FEATURES["engagement"] | ODD_FEATURES | TEXTS_OF_NUMBERS["events"],
        "fit": FEATURES["fit"] | TEXTS_OF_NUMBERS["profiles"],
    },
    model={"zone": ZONE},
)


@cache
def history() -> History:
    """Many histories, one to a lead; also what happened long ago, and what SQL could trip over."""
    found = many_histories(seed=1, leads=HISTORIES)
    for i, fact in enumerate(found.events[:: len(found.events) // (2 * len(ODD))]):
        at = us("1999-12-31T23:59:59.999999Z") if i % 2 else NOON - DAY
        odd = {"page": ODD[i % len(ODD)], "duration_s": fact["duration_s"] if i % 3 else -0.0}
        found.events.append({**fact, "occurred": at, "known": NOON - 1, **odd})
    return found


@cache
def deeds() -> Inputs:
    """The histories past the door."""
    with TemporaryDirectory() as folder:
        write_history(Path(folder), history())
        return open_inputs(DEEDS, Path(folder))


# --- populations and labels ----------------------------------------------------------------------


@dataclass(frozen=True)
class Courses:
    """Leads, outcomes and customers of many histories, as :mod:`test_episodes` writes them."""

    leads: list[comebacks.Row]
    outcomes: list[comebacks.Outcome]
    customers: list[tuple[str, int]]
    accounts: dict[str, str | None]


@cache
def courses() -> Courses:
    found = Courses([], [], [], {})
    drawings = drawn(st.tuples(comebacks.LEAD_ROWS, comebacks.OUTCOMES, comebacks.CUSTOMERS), COURSES)
    for i, (leads, outcomes, customers) in enumerate(drawings):
        found.leads.extend((f"{i:03d}-{who}", *rest) for who, *rest in leads)
        found.outcomes.extend((f"{i:03d}-{who}", *rest) for who, *rest in outcomes)
        found.customers.extend((f"{i:03d}-{who}", at) for who, at in customers)
        for lead, account in comebacks.ACCOUNTS.items():
            found.accounts[f"{i:03d}-{lead}"] = account and f"{i:03d}-{account}"
    return found


ONCE = {**comebacks.LABEL, "reopened": {}}
ACCOUNTS: dict[str, Any] = {"account": "company", "customers": "customers"}
POPULATIONS: dict[str, Declarations] = {
    "plain": comebacks.declared(ONCE, episodes=False, max_age="60d", account="company"),
    "episodes": comebacks.declared(max_age="60d"),
    "new_business": comebacks.declared(business="new", **ACCOUNTS),
    "expansion": comebacks.declared(business="expansion", **ACCOUNTS),
    "at_age": comebacks.declared(at_age="3d"),
}


@cache
def course(name: str) -> Inputs:
    """What a population is made from, past the door; "plain" knows each lead once."""
    known, declarations = courses(), POPULATIONS[name]
    leads = known.leads
    if not declarations.model.population.episodes:
        leads = list({row[0]: row for row in leads}.values())
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write(
            root,
            "leads",
            lead_id=[who for who, _, _ in leads],
            created_at=timestamps([at for _, at, _ in leads]),
            arrived_at=timestamps([at for _, _, at in leads]),
            company=pa.array([known.accounts[who] for who, _, _ in leads], pa.string()),
        )
        write(
            root,
            "outcomes",
            lead_id=[who for who, _, _, _ in known.outcomes],
            outcome=[kind for _, kind, _, _ in known.outcomes],
            occurred_at=timestamps([at for _, _, at, _ in known.outcomes]),
            arrived_at=timestamps([at - HOUR for _, _, _, at in known.outcomes]),
        )
        write(
            root,
            "customers",
            id=[who for who, _ in known.customers],
            since=timestamps([at for _, at in known.customers]),
        )
        return open_inputs(declarations, root)


# --- the questions -------------------------------------------------------------------------------


def draw_all() -> None:
    """Draw and prepare what is asked about; it is kept for this process."""
    deeds()
    for name in POPULATIONS:
        course(name)


def answers(engine: Engine) -> dict[str, pa.Table]:
    """Ask an engine for all features, and for all populations with their labels; ordered by lead and moment."""
    tables = {"features": all_features(loaded(engine, "deeds", deeds()))}
    tables |= {name: labelled(loaded(engine, name, course(name)), name) for name in POPULATIONS}
    order = [(KEY, "ascending"), (AS_OF, "ascending")]  # here: Spark would compute all twice to sort it
    return {name: engine.fetch(table).sort_by(order) for name, table in tables.items()}


def loaded(engine: Engine, world: str, inputs: Inputs) -> dict[str, Facts]:
    """The facts of DuckDB's door, on another engine."""
    return {
        name: replace(facts, table=engine.load(f"{world}_{name}", fetch(facts.table)))
        for name, facts in inputs.facts.items()
        if name in WANTED[world]
    }


WANTED: Mapping[str, frozenset[str]] = {"deeds": frozenset({"leads", "events", "profiles"})} | {
    name: frozenset({"leads", "outcomes", "customers"}) for name in POPULATIONS
}


def all_features(facts: Mapping[str, Facts]) -> ir.Table:
    leads = facts["leads"].table
    grid = ibis.literal(list(AS_OFS), type="array<int64>").unnest().name(AS_OF).as_table()
    crossed = leads.select(KEY, **{CREATED: leads[OCCURRED]}).cross_join(grid)
    snapshots = crossed.filter(crossed[CREATED] < crossed[AS_OF])
    return features(snapshots, facts, DEEDS.features, deeds().observed_from())


def labelled(facts: Mapping[str, Facts], name: str) -> ir.Table:
    model = POPULATIONS[name].model
    moments = comebacks.GRID if model.population.at_age is None else (0, 2**60)
    everyone = population(facts["leads"], facts["outcomes"], model, moments, facts.get("customers"))
    return everyone.mutate(label=label(everyone, model))
