"""`lqmodel serve`: the view of a run, for sellers and managers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import NameOption, ProjectOption, note
from lqmodel.cli.reading import RunOption, run_folder
from lqmodel.errors import UsageError

EXAMPLE = "lqmodel serve --run scores/latest"


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
) -> None:
    """Open the view: handoffs, leads, and what sales answers. Runs are only read; answers go to the ledger."""
    from lqmodel.api import open_project
    from lqmodel.ledger import Spoken
    from lqmodel.web import Config, People, create_app
    from lqmodel.web.config import LOOPBACK
    from lqmodel.web.serving import listening, serve

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
    app = create_app(config, ledger)
    bound = listening(host, port)
    note(f"http://{host}:{bound.getsockname()[1]}  (Ctrl-C ends it)")
    serve(app, bound)
