"""One model's declarations held against its facts: what the rules of the audit look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import ibis
import ibis.expr.types as ir

from lqmodel.audit.finding import Finding
from lqmodel.declarations import Declarations, DeclaredFeature, OfRow
from lqmodel.engine import KEY, fetch, fetch_row
from lqmodel.inputs import Inputs
from lqmodel.labels import closings
from lqmodel.verbs import matches

FEWEST_LEADS: Final = 20  # fewer leads, or wins, say nothing about when facts are known
SOURCES_FILE: Final = "features/sources.toml"

Judged = tuple[Finding, list[str]]  # and the features that it is about


class Case:
    """One model's declarations and facts.

    Attributes
    ----------
    declarations : Declarations
    inputs : Inputs
    by_name : dict of str to DeclaredFeature
        The features of the model.
    leads : ibis Table
        One row per lead: ``__key``, ``is_won`` and ``won`` (first win occurred, microseconds UTC, or null).
    won_leads : frozenset of str
    n_leads : int
    base : float
        Share of all leads that were ever won, 0 to 1.
    one_row : dict of str to bool
        Source of a feature → whether it holds one row per lead.
    """

    def __init__(self, declarations: Declarations, inputs: Inputs) -> None:
        self.declarations = declarations
        self.inputs = inputs
        self.by_name = {item.name: item for item in declarations.features}
        self.leads = _ever_won(declarations, inputs)
        won = self.leads.filter(self.leads.is_won)
        self.won_leads = frozenset(fetch(won.select(KEY))[KEY].to_pylist())
        self.n_leads = int(fetch_row(self.leads.aggregate(n=self.leads.count()))["n"])
        self.base = len(self.won_leads) / max(self.n_leads, 1)
        self.one_row = {
            name: self._one_row_per_lead(name) for name in {i.feature.source for i in declarations.features}
        }

    def _one_row_per_lead(self, source: str) -> bool:
        facts = self.inputs.facts[source]
        leads: int = fetch_row(facts.table.aggregate(n=facts.table[KEY].nunique()))["n"]
        return facts.rows == leads

    def stands_still(self, feature: str) -> bool:
        """Whether the feature is a column of a table with one row per lead: no history, one value at all times."""
        item = self.by_name[feature].feature
        return isinstance(item, OfRow) and self.one_row[item.source]

    def where(self, item: DeclaredFeature) -> str:
        """Return file and table of a feature."""
        return f"features/{item.file}.toml [{item.name}]"

    def source_at(self, source: str) -> str:
        """Return file and table of a source."""
        return f"{SOURCES_FILE} [{source}]"

    def warn(self, rule: str, name: str, item: DeclaredFeature, message: str, do: str) -> Finding:
        """Return a warning about a feature."""
        return Finding("warn", rule, name, self.where(item), message, do)

    def judged(
        self,
        rule: str,
        name: str,
        where: str,
        message: str,
        do: str,
        source: str,
        columns: Iterable[str | None],
    ) -> Finding:
        """Return a stop, or a note where the source's declaration accepts one of the columns."""
        accepted = dict(self.declarations.sources[source].accept)
        for column in columns:
            if column in accepted:
                told = f"{message}; accepted: {accepted[column]}"
                return Finding("note", rule, name, where, told, "nothing, as long as that reason holds")
        return Finding("stop", rule, name, where, message, do)


def accepting(source: str, column: str) -> str:
    """Say how a column is declared to be no leak."""
    return f'it was known before, write accept = {{ "{column}" = "why" }} in [{source}] of {SOURCES_FILE}'


def _ever_won(declarations: Declarations, inputs: Inputs) -> ir.Table:
    model, leads = declarations.model, inputs.facts[declarations.model.population.source].table
    if not model.has_clock:
        labelled = ibis.or_(*(leads[c.column].notnull() for c in model.label.where))
        leads = leads.filter(labelled)
        return leads.select(KEY, is_won=matches(leads, model.label.where), won=ibis.null("int64"))
    closed = closings(inputs.facts[model.label.source], model).select(KEY, "won")
    joined = leads.select(KEY).distinct().left_join(closed, KEY)
    return joined.select(KEY, is_won=joined.won.notnull(), won=joined.won)
