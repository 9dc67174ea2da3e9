"""`lqmodel user`: who may sign in to the view."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lqmodel.cli.common import Format, FormatOption, ProjectOption, print_json
from lqmodel.errors import UsageError

EXAMPLE = "lqmodel user add ann --role seller"


class Action(StrEnum):
    """What to do."""

    add = "add"
    list = "list"
    role = "role"
    password = "password"
    disable = "disable"


def command(
    action: Annotated[
        Action, typer.Argument(help="add or list people, give one another role or password, or disable one.")
    ],
    name: Annotated[str | None, typer.Argument(help="With which name they sign in.")] = None,
    project: ProjectOption = Path(),
    role: Annotated[
        str | None,
        typer.Option(help="seller, marketer, manager or admin.", show_default="seller, of who is added"),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Under which name handoffs are theirs; default: the name.")
    ] = None,
    language: Annotated[str, typer.Option(help="In which they read: en, de, ro or nb.")] = "en",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
    ] = False,
    format: FormatOption = Format.text,
) -> None:
    """Add people who may sign in, list them, or shut one out, until `password` lets them in again. Passwords are asked for, and kept as hashes."""
    from lqmodel.api import open_project
    from lqmodel.languages import Language
    from lqmodel.web import ROLES, People, Person

    people = People(open_project(project).ledger().store)
    if action is Action.list:
        found = people.all()
        if format is Format.json:
            print_json([vars(p) | {"language": p.language.name} for p in found])
        else:
            for p in found:
                typer.echo(f"{p.name}  {p.role}  {p.owner}{'  disabled' if p.disabled else ''}")
        return
    if name is None:
        raise UsageError(f"user {action} needs a name", do=f"write `lqmodel user {action} NAME`")
    if action is Action.add:
        person = Person(name, role or "seller", owner or name, Language.of(language))
        people.check_new(person)
        people.add(person, _password(password_stdin))
        typer.echo(f"{name} may sign in as {person.role}")
    elif action is Action.password:
        people.check_known(name)
        people.give_password(name, _password(password_stdin))
        typer.echo(f"{name} may sign in with the new password")
    elif action is Action.role:
        if role is None:
            raise UsageError(
                "user role needs a role", exists=ROLES, do=f"write `lqmodel user role {name} --role ROLE`"
            )
        people.give_role(name, role)
        typer.echo(f"{name} is {role} now")
    else:
        people.disable(name)
        typer.echo(f"{name} may sign in no more")


def _password(piped: bool) -> str:
    """Ask for a password on the terminal, or take the one that is piped in."""
    if piped:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for a password on",
            do="pipe it in: `lqmodel user add NAME --password-stdin < FILE`",
        )
    asked: str = typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    return asked
