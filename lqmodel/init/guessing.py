"""From files and answers to the draft of a project."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lqmodel.crm import recognise
from lqmodel.engine import connect
from lqmodel.errors import UsageError
from lqmodel.init.activity import Activity, Called, from_events, type_column, winners
from lqmodel.init.answers import Answers, Ask
from lqmodel.init.clock import DAY_US, Clock, choose_clock, thresholds, to_days
from lqmodel.init.columns import Choice, choose, find_account, why_personal
from lqmodel.init.draft import Draft, Guess, attribute, columns_of, counted, feature_files
from lqmodel.init.exported import files_of, told_of
from lqmodel.init.gates import COMMENT, FILE, Gates, gates
from lqmodel.init.label import OUTCOMES, Won, find_label, matches_sql
from lqmodel.init.leaks import without_tell_tales
from lqmodel.init.profile import Contents, moment_sql, profile
from lqmodel.init.reading import open_table, quote
from lqmodel.init.roles import Roles, check_column, find_roles, require_column
from lqmodel.lexicon import humanise

NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


def guess(sources: Mapping[str, Path], answers: Answers, ask: Ask | None = None) -> Guess:
    """Read the files and draft the declarations of a project.

    Parameters
    ----------
    sources : mapping
        Name → CSV file, Parquet file or folder of Parquet files. Names hint at what a table holds.
    answers : Answers
        What is already decided.
    ask : callable, optional
        (question, choices, default) → choice; asked where a guess is uncertain. None: take the default.

    Raises
    ------
    UsageError
        Something cannot be guessed, such as the key or the label; names the candidates and the flag.
    NoInput, BadData
        A file cannot be read.
    """
    if not sources:
        raise UsageError("no file to look at", do="give at least one: --source leads=FILE")
    for name in sources:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"--source {name!r} is no name for a source", do="use lower-case letters, digits and _"
            )
    con = connect()
    contents = {name: profile(open_table(con, name, path)) for name, path in sources.items()}
    return _Guessing(contents, answers, ask).run()


class _Guessing:
    """The steps in order; each adds to ``told``."""

    def __init__(self, contents: Mapping[str, Contents], answers: Answers, ask: Ask | None) -> None:
        for column in (*answers.keep, *answers.drop):
            check_column(contents, column)
        self.contents = contents = {name: c.without(answers.dropped) for name, c in contents.items()}
        self.answers = answers
        self.told = [f"left out as asked: {', '.join(answers.drop)} (--drop)"] if answers.drop else []
        self.roles: Roles = find_roles(contents, answers, ask, self.told)
        self.leads = contents[self.roles.leads]
        self.export = recognise(self.leads.profiles)
        self.told += told_of(self.export, self.leads.name)
        self.won: Won = find_label(contents, self.roles, answers, ask, self.told)
        self.key = self.roles.keys[self.roles.leads]
        self.dated = self._is_dated()
        self.zone = self._zone(ask)

    def run(self) -> Guess:
        base = self._ever_won()
        account = self._account()
        drafts: dict[str, Draft] = {}
        fit: list[Called] = []
        for name in (self.roles.leads, *self.roles.attributes):
            self._describe(name, account if name == self.roles.leads else None, base, drafts, fit)
        activities = [self._events(name, base, drafts) for name in self.roles.events] if self.dated else []
        if self.dated:
            self._outcomes(drafts)
            self._leave_out(self.roles.unused, "another table holds the outcomes (--role NAME=outcomes)")
        else:
            self._leave_out(
                (*self.roles.events, *self.roles.unused),
                "the model has no clock, so dated facts have no moment to be counted from",
            )
        features = feature_files(fit, activities, self.roles.leads if self.dated else None)
        if not features:
            raise UsageError(
                "no column is left to learn from", where=f"source {self.leads.name!r}",
                exists=[f"{c}: {why}" for d in drafts.values() for c, why in d.left_out],
                do='keep one with --keep COLUMN="why it is known before the outcome"',
            )  # fmt: skip
        acts = [act for activity in activities for act in activity.acts]
        taken = {name for _, _, declared in features.values() for name in columns_of(declared)}
        gated = gates(acts, features.get("engagement", ("", "", {}))[2], taken)
        model, notes = self._model(list(features), account, base, gated)
        if gated.facts:
            features[FILE] = ("engagement", COMMENT, gated.facts)
        return Guess(self.answers.name, drafts, features, model, notes, self.told)

    def _is_dated(self) -> bool:
        created = self.roles.leads in self.roles.times
        if self.won.own_table and not (created and self.won.time):
            missing = "a lead was made" if not created else f"the outcomes of {self.won.table!r} happened"
            table = self.contents[self.roles.leads if not created else self.won.table]
            raise UsageError(
                f"no column says when {missing}", where=f"source {table.name!r}", exists=table.times() or list(table.profiles),
                do="name it with --created COLUMN" if not created else f"name it with --time {table.name}=COLUMN",
            )  # fmt: skip
        return self.won.time is not None

    def _zone(self, ask: Ask | None) -> str | None:
        """Return the zone of times without an offset; None where none is needed."""
        needed = [n for n, c in self._time_columns() if self.contents[n].profiles[c].moments.form != "zoned"]  # type: ignore[union-attr]
        if not self.dated or not needed:
            return None
        zone = self.answers.zone
        if zone is None and ask:
            zone = ask(
                "In which zone are dates and times without an offset?",
                ["UTC", "Europe/Berlin", "Europe/Bucharest", "Europe/Oslo"],
                "UTC",
            )
        told = "as told" if zone else "taken for want of better knowledge: a wrong zone shifts every day"
        self.told.append(
            f"dates and times of {', '.join(sorted(set(needed)))} have no zone; {zone or 'UTC'} {told} (--zone)"
        )
        for name, column in self._time_columns():
            moments = self.contents[name].profiles[column].moments
            if moments and moments.also:
                self.told.append(
                    f"{name!r}: {column!r} read as {moments.time_format}; {moments.also} fits as well (mend time_format in features/sources.toml)"
                )
        return zone or "UTC"

    def _time_columns(self) -> list[tuple[str, str]]:
        own = [(n, c) for n, c in self.roles.times.items() if n != self.won.table or self.won.own_table]
        return [*own, (self.won.table, self.won.time)] if self.won.time else own

    def _us(self, source: str, column: str) -> str:
        return moment_sql(column, self.contents[source].profiles[column], self.zone or "UTC")

    def _ever_won(self) -> float:
        """Make ``__won`` (k, won): all leads that have a label, and when they were won; return the share won."""
        con, leads, k = self.leads.table.con, self.leads.table.relation, f"{self.leads.key_sql(self.key)} k"
        table, wins = (
            self.contents[self.won.table],
            matches_sql(self.won.where, self.contents[self.won.table]),
        )
        if not self.dated:
            filled = " AND ".join(f"{quote(c)} IS NOT NULL" for c in self.won.where)
            con.execute(
                f"CREATE TEMP TABLE __won AS SELECT {k}, CASE WHEN {wins} THEN 0 END won FROM {leads} WHERE {filled}"
            )
        else:
            key = table.key_sql(self.roles.keys[self.won.table])
            first = f"SELECT {key} k, min({self._us(self.won.table, self.won.time or '')}) won FROM {table.table.relation} WHERE {wins} GROUP BY ALL"
            con.execute(
                f"CREATE TEMP TABLE __won AS SELECT k, won FROM (SELECT {k} FROM {leads}) LEFT JOIN ({first}) USING (k)"
            )
        ((share,),) = con.execute("SELECT avg((won IS NOT NULL)::INT) FROM __won").fetchall()
        return float(share or 0)

    def _account(self) -> str | None:
        if self.answers.account:
            return require_column(
                self.leads, self.answers.account.removeprefix(f"{self.leads.name}."), "--account"
            )
        taken = {self.key, *self.won.where}
        theirs = self.export.account if self.export else None
        account = find_account(self.leads, taken) or find_account(self.leads, taken, theirs)
        if account:
            self.told.append(
                f"leads with the same {account!r} belong to one company and stay together in every split (--account)"
            )
        return account

    def _taken(self, name: str) -> set[str]:
        taken = {self.roles.keys[name], self.roles.times.get(name, ""), self.roles.known.get(name, "")}
        if name == self.won.table:
            taken |= {*self.won.where, self.won.time or ""}
        return taken - {""}

    def _base_values(self, name: str, columns: Iterable[str], time: str | None) -> dict[str, Any]:
        contents, columns = self.contents[name], sorted(set(columns))
        values: dict[str, Any] = {"uri": None, "key": self.roles.keys[name]}
        used = [*columns]
        if time:
            moments = contents.profiles[time].moments
            used.append(time)
            values["occurred_at"] = time
            if name in self.roles.known and time == self.roles.times.get(name):
                values["known_at"] = self.roles.known[name]
            if moments and moments.form != "zoned":
                values["zone"] = self.zone
            if moments and moments.time_format:
                values["time_format"] = moments.time_format
        values["columns"] = columns
        dialect = contents.table.dialect
        labels = {
            str(v)
            for value in self.won.where.values()
            for v in (value if isinstance(value, list) else [value])
        }
        missing = [t for t in contents.missing_texts(used) if t not in labels]
        if missing:
            values["missing"] = missing
        if dialect and dialect.delimiter != ",":
            values["delimiter"] = dialect.delimiter
        if dialect and dialect.encoding != "utf-8":
            values["encoding"] = dialect.encoding
        if dialect and contents.decimal != ".":
            values["decimal"] = contents.decimal
        return values

    def _describe(
        self,
        name: str,
        account: str | None,
        base: float,
        drafts: dict[str, Draft],
        fit: list[Called],
    ) -> None:
        """Declare the attributes of the leads' table or of another one."""
        contents, time = self.contents[name], self.roles.times.get(name) if self.dated else None
        history = bool(time) and contents.profiles[self.roles.keys[name]].distinct < contents.table.rows
        if not history and contents.profiles[self.roles.keys[name]].distinct < contents.table.rows:
            self._leave_out(
                [name], "a lead has several rows and nothing says which is the newest (--time NAME=COLUMN)"
            )
            return
        late = self.export.late if self.export and name == self.roles.leads else {}
        choices = choose(
            contents, self._taken(name), self.answers, account=account, history=history, late=late
        )
        if not history:
            choices = without_tell_tales(contents, self.roles.keys[name], choices, base)
        used = [c for c in choices if c.use in ("number", "category")]
        label = [c for c in self.won.where if name == self.won.table and not self.won.time]
        values = self._base_values(
            name, [*(c.column for c in used), *label, *([account] if account else [])], time
        )
        if display := [c.column for c in choices if c.use == "display"]:
            values["display"] = display
        if accepted := {c.column: c.why for c in used if c.accepted}:
            values["accept"] = accepted
            if purpose := {c: why for c, why in accepted.items() if why_personal(contents.profiles[c])}:
                values["purpose"] = purpose
        grain = "one row per lead" if name == self.roles.leads else "attributes of leads"
        drafts[name] = Draft(
            contents.table.path, grain, values, [(c.column, c.why) for c in choices if c.use == "out"]
        )
        self._tell_of(name, choices)
        fit += [(humanise(c.column), attribute(name, c)) for c in used]

    def _tell_of(self, name: str, choices: list[Choice]) -> None:
        used = [c.column for c in choices if c.use in ("number", "category")]
        shown = [c.column for c in choices if c.use == "display"]
        self.told.append(
            f"{name!r}: {counted(used, 'column describes', 'columns describe')} a lead (--drop COLUMN)"
        )
        for group in dict.fromkeys(c.group for c in choices if c.use == "out"):
            columns = ", ".join(c.column for c in choices if c.group == group)
            self.told.append(f'{name!r}: left out, {group}: {columns} (--keep COLUMN="reason")')
        if shown:
            self.told.append(
                f'{name!r}: names, shown to people and never learnt from: {", ".join(shown)} (--keep COLUMN="reason")'
            )

    def _events(self, name: str, base: float, drafts: dict[str, Draft]) -> Activity:
        contents, time, taken = self.contents[name], self.roles.times[name], self._taken(name)
        us = self._us(name, time)
        ((first, last),) = contents.table.query(f"min({us}), max({us})")
        known = self._us(name, self.roles.known.get(name, time))
        counts = winners(contents, self.roles.keys[name], known, type_column(contents, taken))
        found = from_events(contents, taken, (last - first) / DAY_US, counts, base)
        drafts[name] = Draft(
            contents.table.path,
            "one row per thing a lead did",
            self._base_values(name, found.columns, time),
            found.left_out,
        )
        self.told.append(
            f"{name!r}: {len(found.engagement)} features count and add up what leads did, {len(found.momentum)} say whether it grows or fades (--drop COLUMN)"
        )
        self.told += [f"{name!r}: {what} left out: {why} (--role {name}=…)" for what, why in found.left_out]
        return found

    def _outcomes(self, drafts: dict[str, Draft]) -> None:
        table = self.contents[self.won.table]
        name = (
            table.name
            if self.won.own_table
            else OUTCOMES
            if OUTCOMES not in self.contents
            else f"{table.name}_{OUTCOMES}"
        )
        values = self._base_values(table.name, [*self.won.where, *self.won.lost], self.won.time)
        kept = {*values["columns"], self.won.time, self.roles.keys[table.name]}
        why = "known with the outcome: never a feature"
        left_out = [(c, why) for c in table.profiles if c not in kept] if self.won.own_table else []
        drafts[name] = Draft(table.table.path, "one row per outcome", values, left_out)
        if left_out:
            self.told.append(
                f"{name!r}: {counted(left_out, 'more column is', 'more columns are')} {why} (--label)"
            )

    def _leave_out(self, names: Iterable[str], why: str) -> None:
        self.told += [f"{name!r} is not used: {why}" for name in names]

    def _model(
        self, files: list[str], account: str | None, base: float, gated: Gates
    ) -> tuple[dict[str, Any], dict[str, str]]:
        model: dict[str, Any] = {"features": files}
        if self.dated and self.zone and self.zone != "UTC":
            model["zone"] = self.zone
        own = self.won.own_table or not self.dated
        source = (
            self.won.table
            if own
            else OUTCOMES
            if OUTCOMES not in self.contents
            else f"{self.won.table}_{OUTCOMES}"
        )
        label: dict[str, Any] = {"source": source, "where": self.won.where}
        population: dict[str, Any] = {"source": self.roles.leads} | ({"account": account} if account else {})
        notes: dict[str, str] = {}
        if self.dated:
            clock = self._clock()
            label |= ({"lost": self.won.lost} if self.won.lost else {}) | {"horizon": f"{clock.horizon}d"}
            population |= {"every": "7d", "max_age": f"{clock.max_age}d"}
            evaluation: dict[str, Any] = {"test": f"{clock.test}d"}
            base = clock.base_rate
            notes["label"] = (
                f"{clock.covered:.0%} of the wins come within {clock.horizon} days of the lead, half of them within {clock.median_lag:.0f}"
            )
            notes["evaluation"] = (
                f"about {clock.train_wins:,} positive snapshots before the test and {clock.test_wins:,} in it"
            )
        else:
            evaluation = {"test_share": 0.3}
        mql, ready = thresholds(base)
        what = "weekly snapshots" if self.dated else "leads"
        self.told.append(
            f"{base:.1%} of {what} are won: MQL starts at {mql:g}, sales-ready at {ready:g}; a start for marketing and sales to agree on "
            "(mend at_least in the model's file)"
        )
        notes["stages"] = (
            f"a start for marketing and sales to agree on: {base:.1%} of {what} are won, and sales-ready is well above that"
        )
        self.told += gated.told()
        notes |= {f"stages.{gate}": said for gate, said in gated.notes.items()}
        bars = {"mql": {"at_least": mql}, "sales_ready": {"at_least": ready}}
        stages = {stage: {**bar, **gated.stages.get(stage, {})} for stage, bar in bars.items()}
        return {
            **model,
            "label": label,
            "population": population,
            "evaluation": evaluation,
            "stages": stages,
            **files_of(self.export, self.key, notes, self.told),
        }, notes

    def _lost(self) -> str:
        return matches_sql(self.won.lost, self.contents[self.won.table]) if self.won.lost else "false"

    def _clock(self) -> Clock:
        won_us, time = self._us(self.won.table, self.won.time or ""), self.roles.times[self.roles.leads]
        table = self.contents[self.won.table].table
        ((first, last),) = table.query(f"min({won_us}), max({won_us})")
        key, k = (
            self.contents[self.won.table].key_sql(self.roles.keys[self.won.table]),
            f"{self.leads.key_sql(self.key)} k",
        )
        losses = f"SELECT {key} k, min({won_us}) lost FROM {table.relation} WHERE {self._lost()} GROUP BY ALL"
        rows = self.leads.table.con.execute(
            f"SELECT c, won, lost FROM (SELECT {k}, {self._us(self.roles.leads, time)} c FROM {self.leads.table.relation}) "
            f"JOIN __won USING (k) LEFT JOIN ({losses}) USING (k) WHERE c IS NOT NULL ORDER BY k"
        ).fetchnumpy()
        created, won, lost = (to_days(rows[c]) for c in ("c", "won", "lost"))
        observed = (max(first / DAY_US, float(created.min())), last / DAY_US)
        clock = choose_clock(created, won, lost, observed, self.won.table)
        self.told += clock.told()
        return clock
