"""`lqmodel policy compare`: what other settings of the handoff's threshold would have handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, note, print_json, step
from lqmodel.cli.predict import ModelOption

EXAMPLE = "lqmodel policy compare --capacity 20 --capacity 40 --precision 0.3 --svg policies.svg"


def command(
    model: ModelOption = None,
    project: ProjectOption = Path(),
    capacity: Annotated[
        list[int], typer.Option(metavar="N", help="So many first handoffs a week; repeatable.")
    ] = [],  # noqa: B006
    precision: Annotated[
        list[float],
        typer.Option(metavar="SHARE", help="At least this share won, by its lower bound; repeatable."),
    ] = [],  # noqa: B006
    at_least: Annotated[
        list[float], typer.Option(metavar="PROBABILITY", help="From this probability on; repeatable.")
    ] = [],  # noqa: B006
    contact_cost: Annotated[float | None, typer.Option(help="What a handoff costs; adds the value.")] = None,
    deal_value: Annotated[float | None, typer.Option(help="What a won deal brings in.")] = None,
    margin: Annotated[float | None, typer.Option(help="The share of it that is margin; default 1.")] = None,
    uplift: Annotated[
        float | None,
        typer.Option(help="The share of the wins that the handoffs bring about; default 1."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Also draw it into this file.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Compare thresholds of the handoff on held-out weeks: volume, precision, recall, value.

    The setting in force comes first; without another, capacities below and above it follow.
    """
    from lqmodel.files import write_file
    from lqmodel.locating import find_model
    from lqmodel.policies import Asked, compare_policies, kept
    from lqmodel.settings import Settings

    bundle, _, root = find_model(model, project)
    asked = Asked(
        tuple(capacity), tuple(precision), tuple(at_least), contact_cost, deal_value, margin, uplift
    )
    with step("replaying the held-out weeks"):
        found = compare_policies(bundle, kept(bundle, Settings.read().state_of(root)), asked)
    if svg is not None:
        write_file(svg, found.svg())
        note(f"plot      {svg}")
    if format is Format.json:
        print_json(found.to_json())
    else:
        typer.echo(str(found))
