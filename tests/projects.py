"""Small projects for the tests of the wiring: a simulated company, and one flat table without a clock."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lqmodel.api import open_project
from lqmodel.bundle import Bundle
from lqmodel.declarations import to_microseconds
from lqmodel.example import write_example
from lqmodel.simulate import Company, simulate

AS_OF = "2024-12-30T00:00Z"
WHEN = to_microseconds(AS_OF, None)
QUICK = "\n[classifier]\nmax_rounds = 25\nlearning_rate = 0.2\nrepeats = 2\nfolds = 3\n"

SIGNED_HANDOFFS = re.compile(r"\[handoffs\]\n.*?(?=\[agreement\])", re.DOTALL)

FLAT_SOURCES = """
[leads]
uri = "leads.csv"
key = "id"
display = ["company"]
"""
FLAT_FEATURES = """
kind = "fit"

[country]
source = "leads"
verb = "attribute"
column = "country"
dtype = "category"
reason.en.other = "country: {value}"

[employees]
source = "leads"
verb = "attribute"
column = "employees"
dtype = "number"
reason.en.other = "{value} employees"

[visits]
source = "leads"
verb = "attribute"
column = "visits"
dtype = "number"
reason.en.other = "{value} visits"
"""
FLAT_MODEL = """
features = ["fit"]
[label]
source = "leads"
where = { converted = "1" }
[stages.mql]
at_least = 0.2
[stages.sales_ready]
at_least = 0.5
"""


@dataclass(frozen=True)
class Trained:
    """A project that was trained, its bundle saved beside. Not to be written into."""

    root: Path

    @property
    def bundle_folder(self) -> Path:
        return self.root / "bundle"

    @property
    def bundle(self) -> Bundle:
        return Bundle.load(self.bundle_folder)

    def copy(self, folder: Path, *, state: bool = False) -> Path:
        """Copy declarations, data and bundle, to be changed at will."""
        kept = (lambda _, names: [n for n in names if n == ".lqmodel"]) if not state else None
        return Path(shutil.copytree(self.root, folder, ignore=kept))


def write_company(root: Path, leads: int = 1500) -> None:
    write_example(root)
    model = root / "models" / "lead_conversion.toml"
    model.write_text(model.read_text().replace('test = "120d"', 'test = "60d"') + QUICK)
    simulate(root / "data", Company(leads=leads, days=400, seed=1))


def agree_on(root: Path, rules: str = "") -> Path:
    """Give the company other rules for handoffs, as a draft that nobody has signed; return the model's file."""
    model = root / "models" / "lead_conversion.toml"
    model.write_text(SIGNED_HANDOFFS.sub("", model.read_text(), count=1) + rules)
    shutil.rmtree(root / "models" / "agreements")
    return model


def write_flat(root: Path, leads: int = 600, seed: int = 0, win: Callable[[bool], bool] = bool) -> Path:
    """Write a project whose table of leads says who was won, and whose wins follow from visits."""
    (root / "features").mkdir(parents=True, exist_ok=True)
    (root / "models").mkdir(exist_ok=True)
    (root / "features" / "sources.toml").write_text(FLAT_SOURCES)
    (root / "features" / "fit.toml").write_text(FLAT_FEATURES)
    (root / "models" / "flat.toml").write_text(FLAT_MODEL + QUICK)
    return write_flat_leads(root / "leads.csv", leads, seed, win)


def write_flat_leads(path: Path, leads: int = 600, seed: int = 0, win: Callable[[bool], bool] = bool) -> Path:
    rng = np.random.default_rng(seed)
    visits = rng.poisson(4, leads)
    country = rng.choice(["DE", "RO", "FR"], leads)
    won = rng.random(leads) < 1 / (1 + np.exp(3.0 - 0.7 * visits + (country == "RO")))
    rows = [
        f"{seed}-{i:04d},Company {i},{country[i]},{rng.integers(1, 500)},{visits[i]},{int(win(bool(won[i])))}"
        for i in range(leads)
    ]
    path.write_text("\n".join(["id,company,country,employees,visits,converted", *rows]) + "\n")
    return path


def train(root: Path, *, register: int) -> None:
    """Train the only model of a project, save its bundle, and register it so many times."""
    project = open_project(root)
    model = project.train()
    model.save(root / "bundle")
    held = model.trained.evaluated.held_out if model.trained else None
    if held is not None:
        held.save(project.settings.state_of(root), model.bundle.version)
    for _ in range(register):
        project.register(model)


def change(root: Path, name: str, edit: Callable[[pa.Table], pa.Table]) -> None:
    """Write one of the simulated tables anew."""
    path = root / "data" / f"{name}.parquet"
    pq.write_table(edit(pq.read_table(path)), path)


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    """Rows and columns in another order."""
    rng = random.Random(seed)
    rows, columns = list(range(len(table))), table.column_names
    rng.shuffle(rows)
    rng.shuffle(columns)
    return table.take(rows).select(columns)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }
