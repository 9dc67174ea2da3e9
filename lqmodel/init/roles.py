"""Which table holds what, which column names the lead, and which says when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lqmodel.crm import recognise
from lqmodel.errors import UsageError, nearest
from lqmodel.init.answers import Answers, Ask
from lqmodel.init.profile import Contents
from lqmodel.init.reading import quote, same_name
from lqmodel.lexicon import (
    CLOSED,
    CREATED,
    EVENT,
    ID,
    INGESTED,
    LEAD,
    LOST_VALUES,
    OUTCOME,
    WON_VALUES,
    fold,
    found,
    words,
)

CONTAINED: Final = 0.8  # of a column's values must be lead ids, for it to name the lead
FEW_LEVELS: Final = 30  # a column with more is no outcome


@dataclass(frozen=True)
class Roles:
    """``times`` and ``known``: source → the column of when its facts happened, and of when they arrived."""

    leads: str
    outcomes: str | None
    events: tuple[str, ...]
    attributes: tuple[str, ...]
    unused: tuple[str, ...]
    keys: Mapping[str, str]
    times: Mapping[str, str]
    known: Mapping[str, str]


def column_named(contents: Mapping[str, Contents], written: str, flag: str) -> tuple[str, str]:
    """Resolve ``COLUMN`` or ``SOURCE.COLUMN``.

    Raises
    ------
    UsageError
        No table, or several, hold it.
    """
    source, dot, column = written.partition(".")
    if dot and source in contents:
        return source, require_column(contents[source], column, flag)
    holders = [name for name, c in contents.items() if written in c.profiles]
    if len(holders) == 1:
        return holders[0], written
    if holders:
        raise UsageError(
            f"{flag} {written}: several tables hold it", exists=holders, do=f"write {flag} SOURCE.{written}"
        )
    everything = [column for c in contents.values() for column in c.profiles]
    near = nearest(written, everything)
    raise UsageError(
        f"{flag} {written}: no table holds it",
        exists=everything,
        do=f"write {near!r}" if near else "name one of these",
    )


def check_column(contents: Mapping[str, Contents], written: str) -> None:
    """Refuse a column that no table holds."""
    if not any(written in c.profiles for c in contents.values()):
        column_named(contents, written, "--keep or --drop")


def require_column(contents: Contents, column: str, flag: str) -> str:
    """Return the column, or raise UsageError with those that exist."""
    if column not in contents.profiles:
        near = nearest(column, contents.profiles)
        raise UsageError(
            f"{flag}: no column {column!r}", where=f"source {contents.name!r}", exists=contents.profiles,
            do=f"write {near!r}" if near else "name one of these",
        )  # fmt: skip
    return column


def find_roles(contents: Mapping[str, Contents], answers: Answers, ask: Ask | None, told: list[str]) -> Roles:
    """Give every table its role, key and time; what was guessed is added to ``told``.

    Raises
    ------
    UsageError
        No column names the lead, or an answer names what does not exist.
    """
    _check_names(contents, answers)
    leads, key = _leads(contents, answers, ask)
    keys = {leads: key}
    rows = contents[leads].table.rows
    told.append(
        f"{leads!r} holds the leads, one row each ({rows:,}), named by {key!r} (--lead-source, --key)"
    )
    others = [name for name in contents if name != leads]
    for name in others:
        keys[name] = _key_of(contents[name], contents[leads], key, answers)
    roles = {name: answers.roles.get(name) or _role(contents[name], keys[name], rows) for name in others}
    outcomes = _one_of([n for n in others if roles[n] == "outcomes"], contents, ask)
    unused = tuple(n for n in others if roles[n] == "outcomes" and n != outcomes)
    times = {
        name: _time_of(contents[name], _wanted(name, leads, outcomes), answers, ask, told)
        for name in contents
    }
    for name in others:
        role = "left out: only one table can hold the outcomes" if name in unused else roles[name]
        told.append(f"{name!r}: {role}, joined by {keys[name]!r} (--role {name}=…, --key {name}.COLUMN)")
    known = {name: column for name in contents if (column := _known_at(contents[name], times[name]))}
    kept = {name: column for name, column in times.items() if column}
    events = tuple(n for n in others if roles[n] == "events")
    attributes = tuple(n for n in others if roles[n] == "attributes")
    return Roles(leads, outcomes, events, attributes, unused, keys, kept, known)


def _check_names(contents: Mapping[str, Contents], answers: Answers) -> None:
    named = {f"--role {n}": n for n in answers.roles} | {
        f"--time {n}": n for n in answers.times if n != "outcomes"
    }
    if answers.lead_source:
        named["--lead-source"] = answers.lead_source
    for flag, name in named.items():
        if name not in contents:
            raise UsageError(
                f"{flag}: no source {name!r}",
                exists=contents,
                do="name one of these, or give it with --source",
            )


def _leads(contents: Mapping[str, Contents], answers: Answers, ask: Ask | None) -> tuple[str, str]:
    declared = answers.lead_source or next((n for n, role in answers.roles.items() if role == "leads"), None)
    candidates: dict[tuple[str, str], float] = {}
    for name, table in contents.items():
        if declared in (None, name) and answers.roles.get(name, "leads") == "leads":
            wanted = answers.key_of(name, contents)
            column = same_name(wanted, table.profiles) if wanted else None
            if wanted and column is None:
                if declared or len(contents) == 1:
                    require_column(table, wanted, f"--key {wanted}")
                continue
            for profile in table.profiles.values():
                if (column is None or profile.name == column) and profile.identifies and not profile.moments:
                    candidates[name, profile.name] = _lead_score(name, profile.name, contents)
    if not candidates:
        _refuse_without_key({n: c for n, c in contents.items() if declared in (None, n)}, answers)
    ranked = sorted(candidates, key=lambda c: -candidates[c])
    best = ranked[0]
    close = [c for c in ranked if candidates[c] > candidates[best] - 0.5]
    if ask and len(close) > 1:
        named = {f"{n}.{c}": (n, c) for n, c in close}
        best = named[ask("Which column names the lead, one row each?", list(named), ".".join(best))]
    return best


def _lead_score(name: str, column: str, contents: Mapping[str, Contents]) -> float:
    table = contents[name]
    referring = [same_name(column, c.profiles) for n, c in contents.items() if n != name]
    score = 3.0 * sum(r is not None for r in referring)
    score += 4.0 * bool(found(name, LEAD)) - 4.0 * bool(found(name, EVENT) or found(name, OUTCOME))
    score += 2.0 * bool(found(column, ID)) + 1.0 * bool(found(column, LEAD))
    score += 3.0 * ((export := recognise(table.profiles)) is not None and column == export.key)
    score += 1.0 * ("id" in words(column)) + 0.5 * any(found(t, CREATED) for t in table.times())
    return score + 2.0 * (
        table.table.rows == max(c.table.rows for c in contents.values() if column in c.profiles)
    )


def _refuse_without_key(contents: Mapping[str, Contents], answers: Answers) -> None:
    nearly = sorted(
        (p for c in contents.values() for p in c.profiles.values() if not p.moments),
        key=lambda p: -p.distinct / p.rows,
    )
    shown = [
        f"{p.name} ({p.distinct:,} values in {p.rows:,} rows{'' if p.filled == p.rows else ', with gaps'})"
        for p in nearly[:5]
    ]
    table = next(iter(contents.values())).table
    given = f"--key {answers.key[0]} does not name" if answers.key else "no column names"
    raise UsageError(
        f"{given} the lead: it must be filled in every row and never twice the same",
        where=", ".join(f"source {name!r}" for name in contents),
        exists=shown,
        do="name it with --key COLUMN (and its table with --lead-source NAME); if no row has a name, number the rows once and "
        "keep that file: python -c \"import pandas as p; p.read_csv('"
        + table.path.name
        + "', dtype=str, sep='" + (table.dialect.delimiter if table.dialect else ",")
        + "').to_csv('numbered.csv', index_label='row_id')\"",
    )  # fmt: skip


def _key_of(table: Contents, leads: Contents, key: str, answers: Answers) -> str:
    wanted = answers.key_of(table.name, (table.name, leads.name))
    if wanted and any(k.startswith(f"{table.name}.") for k in answers.key):
        return require_column(table, wanted, f"--key {table.name}.{wanted}")
    same = same_name(key, table.profiles)
    if same:
        return same
    shares = {p.name: _contained(table, p.name, leads, key) for p in table.profiles.values() if not p.moments}
    best = max(shares, key=lambda c: shares[c], default=None)
    if best is None or shares[best] < CONTAINED:
        raise UsageError(
            f"no column of source {table.name!r} names leads of {leads.name!r} ({key})",
            exists=table.profiles, do=f"name it with --key {table.name}.COLUMN, or leave this source out",
        )  # fmt: skip
    return best


def _contained(table: Contents, column: str, leads: Contents, key: str) -> float:
    c, k = table.key_sql(column), leads.key_sql(key)
    ((share,),) = table.table.con.execute(
        f"SELECT avg((v IN (SELECT {k} FROM {leads.table.relation}))::INT) "
        f"FROM (SELECT DISTINCT {c} v FROM {table.table.relation} WHERE {c} IS NOT NULL)"
    ).fetchall()
    return float(share or 0)


def _role(table: Contents, key: str, leads: int) -> str:
    name, profile = table.name, table.profiles[key]
    if (outcome_columns(table) and profile.distinct < leads) or found(name, OUTCOME):
        return "outcomes"
    if (
        any(found(t, CLOSED) for t in table.times())
        and not found(name, EVENT)
        and profile.distinct < CONTAINED * leads
    ):
        return "outcomes"
    return "events" if table.times() and profile.distinct < profile.filled else "attributes"


def outcome_columns(table: Contents) -> list[str]:
    """Return the columns with few levels, among them one that means won."""
    few = [p for p in table.profiles.values() if p.is_text and 0 < p.distinct <= FEW_LEVELS]
    return [
        p.name
        for p in few
        if any(is_won(v) for v, _ in p.levels) and (p.distinct == 1 or any(is_lost(v) for v, _ in p.levels))
    ]


def is_won(value: str) -> bool:
    """Whether a level of an outcome means won."""
    return " ".join(words(fold(value))) in WON_VALUES


def is_lost(value: str) -> bool:
    """Whether a level of an outcome means lost."""
    return " ".join(words(fold(value))) in LOST_VALUES


def _one_of(names: Sequence[str], contents: Mapping[str, Contents], ask: Ask | None) -> str | None:
    if not names:
        return None
    best = max(
        names, key=lambda n: (bool(outcome_columns(contents[n])), "outcomes" in words(n), -names.index(n))
    )
    return ask("Which table says who was won?", names, best) if ask and len(names) > 1 else best


def _wanted(name: str, leads: str, outcomes: str | None) -> frozenset[str]:
    return CREATED if name == leads else CLOSED if name == outcomes else frozenset()


def _time_of(
    table: Contents, meaning: frozenset[str], answers: Answers, ask: Ask | None, told: list[str]
) -> str | None:
    """Return the column of when the facts happened; of several, the one that is called so."""
    flag = "--created" if meaning is CREATED else f"--time {table.name}"
    given = answers.times.get(table.name) or (answers.created if meaning is CREATED else None)
    if given:
        column = require_column(table, given.removeprefix(f"{table.name}."), flag)
        if table.profiles[column].moments is None:
            raise UsageError(
                f"{flag} {column}: it holds no dates or times", exists=table.times(), do="name one of these"
            )
        return column
    times = [t for t in table.times() if not found(t, INGESTED)]
    named = [t for t in times if found(t, meaning)]
    export = recognise(table.profiles) if meaning is CREATED else None
    if export is not None and export.created in times:
        named = [t for t in times if t == export.created]
    if meaning is CREATED:
        named = named or [t for t in times if not found(t, CLOSED)]
    ranked = [*named, *(t for t in times if t not in named)] if named or meaning is not CREATED else []
    if not ranked:
        return None
    best = ranked[0]
    if len(ranked) > 1 and len(named) != 1 and ask:
        best = ask(f"Which column of {table.name!r} says when its facts happened?", ranked, best)
    told.append(
        f"{table.name!r}: its facts happened at {best!r} ({flag}{'' if meaning is CREATED else '=COLUMN'})"
    )
    return best


def _known_at(table: Contents, time: str | None) -> str | None:
    """Return a column of when the facts arrived, if it never lies before they happened and is written alike."""
    if time is None:
        return None
    for column in table.times():
        same = (
            table.profiles[column].moments == table.profiles[time].moments and table.profiles[column].moments
        )
        if same and not same.time_format and found(column, INGESTED) and column != time:
            c, t = (f"TRY_CAST({quote(x)} AS TIMESTAMPTZ)" for x in (column, time))
            ((early,),) = table.table.query(f"count(*) FILTER ({c} < {t} OR {c} IS NULL)")
            if not early:
                return column
    return None
