"""Small companies for the tests of the audit: one flat table, and leads with acts and outcomes."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from lqmodel.audit import Audit, audit
from lqmodel.declarations import ProjectFiles
from lqmodel.inputs import open_inputs
from lqmodel.lexicon import words
from lqmodel.trainingset import training_set

STAGES = "[stages.mql]\nat_least = 0.1\n[stages.sales_ready]\nat_least = 0.4\n"
FLAT = '[label]\nsource = "leads"\nwhere = { won = 1 }\n'
DATED = (
    '[label]\nsource = "outcomes"\nwhere = { result = "won" }\nlost = { result = "lost" }\nhorizon = "30d"\n'
    '[population]\nsource = "leads"\nevery = "7d"\n[evaluation]\ntest = "40d"\n'
)
SOURCES = "".join(
    f'[{name}]\nuri = "{name}.csv"\nkey = "id"\noccurred_at = "at"\nzone = "UTC"\n'
    for name in ("leads", "outcomes", "acts")
)
CALLS = '[calls]\nsource = "acts"\nverb = "count"\nwhere = { kind = "call" }\nwindows = ["30d"]\n'

Act = Callable[[bool, int, int | None, random.Random], list[tuple[float, str]]]
Size = Callable[[bool, random.Random], str]
Table = list[list[object]]


def write_csv(path: Path, header: str, rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])


def audited(root: Path, sources: str, features: str, model: str) -> Audit:
    (root / "features").mkdir(exist_ok=True)
    (root / "models").mkdir(exist_ok=True)
    (root / "features" / "sources.toml").write_text(sources)
    (root / "features" / "profile.toml").write_text(features)
    (root / "models" / "m.toml").write_text('features = ["profile"]\n' + model + STAGES)
    declarations = ProjectFiles.read(root).declarations()
    inputs = open_inputs(declarations, root)
    return audit(training_set(declarations, inputs), inputs)


def attribute(column: str, source: str = "leads", dtype: str = "category") -> str:
    name = "_".join(words(column))
    return f'[{name}]\nsource = "{source}"\nverb = "attribute"\ncolumn = "{column}"\ndtype = "{dtype}"\n'


def rules(found: Audit, level: str) -> set[tuple[str, str]]:
    return {(f.rule, f.name) for f in found.findings if f.level == level}


def moment(day: float) -> str:
    """Return a day of 2024, from 0, with its time to the second."""
    return str(np.datetime64("2024-01-01T12:00:00") + np.timedelta64(round(day * 86_400), "s"))


def innocent(won: bool, created: int, closed: int | None, draw: random.Random) -> list[tuple[float, str]]:
    return [(created + 60 * draw.random(), "call") for _ in range(draw.randrange(4))]


def some_size(won: bool, draw: random.Random) -> str:
    return draw.choice("abc")


class Company:
    """400 leads over 200 days, 30 % of them won; what they did and when they were closed, to be spoilt at will."""

    def __init__(self, act: Act = innocent, size: Size = some_size, leads: int = 400) -> None:
        draw = random.Random(3)
        self.leads: Table = []
        self.outcomes: Table = []
        self.acts: Table = []
        for i in range(leads):
            created = draw.randrange(200)
            won = draw.random() < 0.3
            closed = created + draw.randrange(10, 60) if won or draw.random() < 0.5 else None
            self.leads.append([f"L{i}", moment(created + i / leads / 3), size(won, draw)])
            if closed is not None:
                self.outcomes.append([f"L{i}", moment(closed + i / leads / 3), "won" if won else "lost"])
            self.acts += [[f"L{i}", moment(d), kind] for d, kind in act(won, created, closed, draw)]

    def write(self, root: Path) -> None:
        write_csv(root / "leads.csv", "id,at,size", self.leads)
        write_csv(root / "outcomes.csv", "id,at,result", self.outcomes)
        write_csv(root / "acts.csv", "id,at,kind", self.acts)

    def audited(
        self,
        root: Path,
        *,
        sources: str = SOURCES,
        features: str = attribute("size") + CALLS,
        model: str = DATED,
    ) -> Audit:
        self.write(root)
        return audited(root, sources, 'kind = "engagement"\n' + features, model)
