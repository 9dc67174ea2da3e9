"""`lqmodel demo`: a simulated company, from raw events to explained handoffs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "lqmodel demo lqmodel-demo"


def command(
    folder: Annotated[Path, typer.Argument(help="The project's folder; made if it is not there.")] = Path(
        "lqmodel-demo"
    ),
    leads: Annotated[int, typer.Option(help="How many leads to simulate.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed, same company.")] = 0,
) -> None:
    """Simulate a company, train, evaluate, score, and show the ten best handoffs with their reasons."""
    from lqmodel.demonstration import demonstrate

    demonstrate(folder, leads, seed, say=typer.echo)
