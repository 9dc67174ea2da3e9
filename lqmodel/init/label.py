"""What a win looks like in the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lqmodel.crm import Recognised, recognise
from lqmodel.errors import UsageError
from lqmodel.init.answers import Answers, Ask
from lqmodel.init.profile import Contents, Profile, number_sql
from lqmodel.init.reading import literal, quote
from lqmodel.init.roles import (
    FEW_LEVELS,
    Roles,
    column_named,
    is_lost,
    is_won,
    outcome_columns,
    require_column,
)
from lqmodel.lexicon import CLOSED, LABEL, NO_VALUES, YES_VALUES, found, words

OUTCOMES: Final = "outcomes"


@dataclass(frozen=True)
class Won:
    """How a win is recognised.

    ``table``: the file that says so; ``time``: the column of when, None without a clock; ``own_table``: a table of
    outcomes, not of leads.
    """

    table: str
    where: dict[str, Any]
    lost: dict[str, Any]
    time: str | None
    own_table: bool


def find_label(
    contents: Mapping[str, Contents], roles: Roles, answers: Answers, ask: Ask | None, told: list[str]
) -> Won:
    """Find what a win looks like.

    Raises
    ------
    UsageError
        Nothing looks like an outcome, or ``--label`` names what is not there.
    """
    if answers.label is not None:
        return _given(contents, roles, answers, answers.label, told)
    if roles.outcomes is not None:
        return _of_table(contents[roles.outcomes], roles, told)
    leads = contents[roles.leads]
    key = roles.keys[roles.leads]
    export = recognise(leads.profiles)
    if export is not None and (won := _of_export(leads, roles, answers, export, told)) is not None:
        return won
    candidates = {
        p.name: v for p in leads.profiles.values() if p.name != key and (v := _won_value(p)) is not None
    }
    named = [c for c in candidates if found(c, LABEL)]
    if not named and len(candidates) == 1 and outcome_columns(leads):
        named = list(candidates)
    if not named and ask and candidates:
        named = [ask("Which column says whether a lead was won?", list(candidates), next(iter(candidates)))]
    if not named:
        two = [f"{c} ({' / '.join(v for v, _ in leads.profiles[c].levels)})" for c in candidates]
        raise UsageError(
            "no column looks like the outcome", where=f"source {leads.name!r}", exists=two or list(leads.profiles),
            do="name it and the value of a win: --label COLUMN=VALUE",
        )  # fmt: skip
    column = max(named, key=lambda c: (_label_rank(c, leads.profiles[c]), -named.index(c)))
    if ask and len(named) > 1:
        column = ask("Which column says whether a lead was won?", named, column)
    return _of_leads(leads, roles, answers, column, candidates[column], told)


def _label_rank(column: str, profile: Profile) -> int:
    strong = {"converted", "won", "label", "target", "outcome", "y", "purchased", "bought"} & set(
        words(column)
    )
    return 2 * bool(strong) + (profile.distinct == 2)


def _given(
    contents: Mapping[str, Contents], roles: Roles, answers: Answers, label: str, told: list[str]
) -> Won:
    written, equals, value = label.partition("=")
    if not equals or not value.strip():
        raise UsageError(f"--label {label!r} is not COLUMN=VALUE", do="write for example --label Converted=1")
    source, column = column_named(contents, written.strip(), "--label")
    profile, value = contents[source].profiles[column], value.strip().strip("\"'")
    shown = [v for v, _ in profile.levels]
    exact = next(
        (v for v in shown if v == value), next((v for v in shown if v.casefold() == value.casefold()), None)
    )
    if exact is None:
        raise UsageError(
            f"--label: {column!r} never holds {value!r}",
            where=f"source {source!r}",
            exists=shown,
            do="name one of these values",
        )
    if source == roles.leads:
        return _of_leads(contents[source], roles, answers, column, exact, told)
    told.append(f"a lead is won where {source!r} says {column} = {exact} (--label)")
    return Won(source, {column: _value(profile, exact)}, _lost(profile, exact), roles.times.get(source), True)


def _won_value(profile: Profile) -> str | None:
    """Return the level that means won: of few levels one called so, of two the one that means yes."""
    if profile.distinct < 2 or profile.distinct > FEW_LEVELS:
        return None
    values = [v for v, _ in profile.levels]
    won = [v for v in values if is_won(v)]
    if won and profile.is_text:
        return won[0]
    yes = [v for v in values if " ".join(words(v)) in YES_VALUES]
    no = [v for v in values if " ".join(words(v)) in NO_VALUES]
    return yes[0] if profile.distinct == 2 and len(yes) == len(no) == 1 else None


def _of_leads(
    leads: Contents, roles: Roles, answers: Answers, column: str, value: str, told: list[str]
) -> Won:
    profile = leads.profiles[column]
    rows = dict(profile.levels)[value]
    told.append(
        f"a lead is won where {column} = {value} ({rows:,} of {profile.filled:,} leads) (--label COLUMN=VALUE)"
    )
    closed = [t for t in leads.times() if found(t, CLOSED) and t != roles.times.get(leads.name)]
    if OUTCOMES in answers.times:
        closed = [require_column(leads, answers.times[OUTCOMES], f"--time {OUTCOMES}")]
    where, lost = {column: _value(profile, value)}, _lost(profile, value)
    if roles.times.get(leads.name) and closed:
        told.append(f"it was won at {closed[0]!r} of the same table (--time {OUTCOMES}=COLUMN)")
        return Won(leads.name, where, lost, closed[0], False)
    return _without_a_clock(leads, where, told)


def _of_export(
    leads: Contents, roles: Roles, answers: Answers, export: Recognised, told: list[str]
) -> Won | None:
    """Return what a win looks like in a CRM's export; None where no lead of it was won.

    Raises
    ------
    UsageError
        The column that says so has another name.
    """
    title = export.names.title
    if export.outcome is None:
        for name in export.names.outcome:
            if name in export.renamed:
                raise UsageError(
                    f"{title} says in {name!r} who was won, and this export has no such column",
                    where=f"source {leads.name!r}", exists=leads.profiles,
                    do=f"rename {export.renamed[name]!r} back, or name it and the value of a win: --label COLUMN=VALUE",
                )  # fmt: skip
        return None
    profile = leads.profiles[export.outcome]
    won, lost = (_levels(profile, meant) for meant in (export.names.won, export.names.lost))
    if not won:
        return None
    rows = sum(n for value, n in profile.levels if value in won)
    told.append(
        f"a lead is won where {export.outcome} = {' or '.join(won)} ({rows:,} of {profile.filled:,} leads) (--label COLUMN=VALUE)"
    )
    time = answers.times.get(OUTCOMES) or export.won_at
    where = {export.outcome: _any_of(profile, won)}
    if time is None or not roles.times.get(leads.name):
        return _without_a_clock(leads, where, told)
    told.append(f"it was won at {time!r} of the same table (--time {OUTCOMES}=COLUMN)")
    time = require_column(leads, time, f"--time {OUTCOMES}")
    return Won(leads.name, where, {export.outcome: _any_of(profile, lost)} if lost else {}, time, False)


def _levels(profile: Profile, meant: Sequence[str]) -> list[str]:
    """Return the levels that a CRM's values mean, in any letter case."""
    wanted = {value.casefold() for value in meant}
    return [value for value, _ in profile.levels if value.casefold() in wanted]


def _any_of(profile: Profile, texts: Sequence[str]) -> Any:
    values = [_value(profile, text) for text in texts]
    return values if len(values) > 1 else values[0]


def _without_a_clock(leads: Contents, where: dict[str, Any], told: list[str]) -> Won:
    told.append(
        "nothing says when a lead was won, so the model has no clock: attributes only, tested on a share of the leads "
        f"(--created COLUMN with --time {OUTCOMES}=COLUMN)"
    )
    return Won(leads.name, where, {}, None, False)


def _of_table(table: Contents, roles: Roles, told: list[str]) -> Won:
    columns = outcome_columns(table)
    if columns:
        column = max(columns, key=lambda c: (bool(found(c, LABEL)), -columns.index(c)))
        profile = table.profiles[column]
        value = next(v for v, _ in profile.levels if is_won(v))
        told.append(
            f"a lead is won where {table.name!r} says {column} = {value} (--label {table.name}.COLUMN=VALUE)"
        )
        return Won(
            table.name,
            {column: _value(profile, value)},
            _lost(profile, value),
            roles.times.get(table.name),
            True,
        )
    where = _every_row(table, roles)
    told.append(
        f"every row of {table.name!r} is a win, recognised by {next(iter(where))!r} (--label {table.name}.COLUMN=VALUE)"
    )
    return Won(table.name, where, {}, roles.times.get(table.name), True)


def _every_row(table: Contents, roles: Roles) -> dict[str, Any]:
    """Return a condition that every row meets, today's and tomorrow's if there is such a number."""
    skipped = {roles.keys[table.name], roles.times.get(table.name)}
    full = [
        p for p in table.profiles.values() if p.name not in skipped and p.filled == p.rows and not p.moments
    ]
    for p in full:
        if p.number and not any(v.lstrip().startswith("-") for v, _ in p.levels) and _least(table, p) >= 0:
            return {p.name: {"ge": 0}}
    for p in full:
        if p.distinct <= FEW_LEVELS and p.is_text:
            return {p.name: sorted(v for v, _ in p.levels)}
    raise UsageError(
        "no column by which to recognise a win", where=f"source {table.name!r}", exists=table.profiles,
        do="add a column to the file, such as outcome with the value won in every row, and name it: --label outcome=won",
    )  # fmt: skip


def _least(table: Contents, p: Profile) -> float:
    ((least,),) = table.table.query(f"min(TRY_CAST({quote(p.name)} AS DOUBLE))")
    return float(least) if least is not None else -1.0


def _lost(profile: Profile, won: str) -> dict[str, Any]:
    lost = [v for v, _ in profile.levels if v != won and is_lost(v)] if profile.is_text else []
    return {profile.name: lost if len(lost) > 1 else lost[0]} if lost else {}


def _value(profile: Profile, text: str) -> Any:
    """Return the value as TOML writes it: numbers as numbers, so that 1 and 1.0 are the same."""
    if profile.sql_type == "BOOLEAN":
        return text.casefold() == "true"
    if profile.number:
        number = float(text.replace(",", "."))
        return int(number) if number == int(number) else number
    return text


def matches_sql(where: Mapping[str, Any], contents: Contents) -> str:
    """SQL: the predicate of a ``where`` that :func:`find_label` made."""
    terms = []
    for column, wanted in where.items():
        p, c = contents.profiles[column], quote(column)
        number = number_sql(c, contents.decimal) if p.is_text else f"{c}::DOUBLE"
        if isinstance(wanted, dict):
            terms.append(f"{number} >= {wanted['ge']}")
        elif isinstance(wanted, bool):
            terms.append(f"{c}::BOOLEAN = {wanted}")
        elif isinstance(wanted, int | float):
            terms.append(f"{number} = {wanted}")
        else:
            texts = wanted if isinstance(wanted, list) else [wanted]
            terms.append(f"{c}::VARCHAR IN ({', '.join(map(literal, texts))})")
    return " AND ".join(f"coalesce({t}, false)" for t in terms)
