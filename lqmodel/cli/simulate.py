"""`lqmodel simulate`: a company whose true probabilities are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import step

EXAMPLE = "lqmodel simulate data --leads 20000 --seed 7"


def command(
    folder: Annotated[Path, typer.Argument(help="Where the Parquet files go.")] = Path("data"),
    leads: Annotated[int, typer.Option(help="How many leads.")] = 20_000,
    days: Annotated[int, typer.Option(help="How many days the company is watched.")] = 730,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
) -> None:
    """Simulate leads, events and outcomes of a company, with the true probability of every lead."""
    from lqmodel.simulate import Company, simulate

    with step("simulating"):
        made = simulate(folder, Company(leads=leads, days=days, seed=seed))
    typer.echo(
        f"{made.leads:,} leads, {made.events:,} events; {made.won:,} won, {made.lost:,} lost, {made.open:,} open\n"
        f"written to {folder}: leads.parquet, events.parquet, outcomes.parquet, truth.parquet"
    )
