"""`lqmodel serve`: the view of a run, for sellers and managers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lqmodel.cli.common import NameOption, ProjectOption, note
from lqmodel.cli.reading import RunOption, run_folder
from lqmodel.errors import UsageError

if TYPE_CHECKING:
    from lqmodel.api import Project
    from lqmodel.runs import Run

EXAMPLE = "lqmodel serve --run scores/latest"
MORNING = 9 * 3_600_000_000
"""Microseconds from a run's midnight to when people read it."""


def command(
    run: RunOption = None,
    project: ProjectOption = Path(),
    name: NameOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8642,
    allow: Annotated[
        list[str], typer.Option("--allow", metavar="NAME", help="A name it may be called by; repeatable.")
    ] = [],  # noqa: B006
    https: Annotated[
        bool, typer.Option("--https", help="People reach it by HTTPS, through a proxy before it.")
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Show it as at this moment, from where time goes on; `run`: the morning after the run's.",
            show_default="now",
        ),
    ] = None,
) -> None:
    """Open the view: handoffs, leads, and what sales answers. Runs are only read; answers go to the ledger."""
    from lqmodel.api import open_project
    from lqmodel.asof import iso
    from lqmodel.ledger import Spoken
    from lqmodel.runs import Run
    from lqmodel.web import Config, People, create_app
    from lqmodel.web.config import LOOPBACK
    from lqmodel.web.serving import listening, serve
    from lqmodel.web.view import from_then, right_now

    if host not in LOOPBACK and not https:
        raise UsageError(
            f"{host} can be reached from elsewhere, and passwords would travel in the open",
            do="put a proxy with HTTPS before it and say --https, or listen on 127.0.0.1",
        )
    opened = open_project(project)
    spoken = Spoken.of(opened.declarations(name).model.stages)
    ledger = opened.ledger()
    if not People(ledger.store).all():
        raise UsageError("nobody may sign in yet", do="add somebody: `lqmodel user add NAME --role manager`")
    config = Config(run_folder(run, project), spoken, (*LOOPBACK, *allow), https, project=project)
    shown = Run.open(config.run)
    clock = right_now if as_of is None else from_then(_moment(as_of, shown, opened, name))
    app = create_app(config, ledger, clock)
    if not ledger.has(shown):
        late = "say `lqmodel record`"
        never = "data without a clock is not recorded; `lqmodel handoffs` lists them"
        note(f"notice: this run's handoffs are on no worklist: {never if shown.as_of is None else late}")
    bound = listening(host, port)
    note(f"http://{host}:{bound.getsockname()[1]}  (Ctrl-C ends it)")
    if as_of is not None:
        note(f"pages and answers are dated from {iso(clock())} on")
    serve(app, bound)


def _moment(as_of: str, run: Run, project: Project, name: str | None) -> int:
    from datetime import UTC, datetime

    from lqmodel.asof import parse_as_of

    if as_of != "run":
        return parse_as_of(as_of, project.declarations(name).model.zone, datetime.now(UTC))
    if run.as_of is None:
        raise UsageError("the run has no moment: its data has no clock", do="leave --as-of out")
    return run.as_of + MORNING
