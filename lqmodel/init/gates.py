"""Acts that decide whatever the probability: hands raised, mere interest, an unsubscribe; told apart by what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lqmodel.init.activity import Act
from lqmodel.init.draft import slug
from lqmodel.lexicon import ASKED, CONTACT_FORM, INTEREST, OPTED_OUT, SALES_TALK, found

FILE: Final = "facts"
COMMENT: Final = "Facts that the gates in models/ look at; the model does not learn from this file."
RECENT: Final = "14d"
"""How long a raised hand counts."""
NOTES: Final = {
    "mql.promote_any": "an MQL at any probability, and no more than that, as long as it does not stand in require_any",
    "sales_ready.promote_any": "hands raised: these go over at any probability",
    "sales_ready.require_any": "however likely a lead is, one of these must have happened: {interest} alone never reaches sales",
    "sales_ready.block": "never handed over. Who objects (`suppressed`) is not either; add your competitors' leads, "
    "if a column says so",
}
Declared = Mapping[str, Mapping[str, Any]]


@dataclass
class Gates:
    """What the stages are given besides thresholds.

    Attributes
    ----------
    facts : dict of str to dict
        Name → declaration, of what stands in no feature file.
    stages : dict of str to dict
        Stage → gate → names of features and facts.
    notes : dict of str to str
        ``STAGE.GATE`` → what its comment says.
    """

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def told(self) -> Iterator[str]:
        """Yield what was declared, a sentence for each gate."""
        for stage, gates in self.stages.items():
            for gate, names in gates.items():
                yield f"stages.{stage}.{gate} names {', '.join(names)}: guessed from what acts are called (mend it in the model's file)"


def kind_of(called: str) -> str | None:
    """Return which kind of act a name tells of: raised, form, interest, opted_out; None: something else that a lead does.

    >>> kind_of("demo requested"), kind_of("contact form"), kind_of("social engagement"), kind_of("page view")
    ('raised', 'form', 'interest', None)
    >>> kind_of("proposal sent"), kind_of("unsubscribe")
    ('interest', 'opted_out')
    """
    if found(called, OPTED_OUT):
        return "opted_out"
    if found(called, SALES_TALK) and found(called, ASKED):
        return "raised"
    if found(called, CONTACT_FORM):
        return "form"
    return "interest" if found(called, INTEREST) else None


def gates(acts: Sequence[Act], engagement: Declared, taken: Iterable[str]) -> Gates:
    """Declare gates from the kinds of acts that the sources hold.

    Parameters
    ----------
    acts : sequence of Act
        All kinds, those too that are too rare for a feature.
    engagement : mapping
        The features that count acts, by name.
    taken : iterable of str
        Names that no fact may have.
    """
    by_kind: dict[str | None, list[Act]] = {}
    for act in acts:
        by_kind.setdefault(kind_of(act.called), []).append(act)
    of_act = {_key(values["source"], values.get("where")): name for name, values in engagement.items() if values["verb"] == "count"}  # fmt: skip
    used, gated = {"kind", *taken}, Gates()

    def fact(act: Act, called: str, window: str, words: str) -> str:
        name = slug(called, used, [window])
        gated.facts[name] = act.counted(window, words)
        return name

    def gate(stage: str, name: str, facts: list[str], **said: str) -> None:
        if facts:
            gated.stages.setdefault(stage, {})[name] = facts
            gated.notes[f"{stage}.{name}"] = NOTES[f"{stage}.{name}"].format(**said)

    forms = by_kind.get("form", [])
    mere = [*forms, *by_kind.get("interest", [])]
    others = [name for act in by_kind.get(None, []) if (name := of_act.get(_key(act.source, act.where)))]
    gate("mql", "promote_any", [of_act.get(_key(a.source, a.where)) or fact(a, a.called, "90d", a.called) for a in forms])  # fmt: skip
    raised = by_kind.get("raised", [])
    gate("sales_ready", "promote_any", [fact(a, f"raised {a.called}", RECENT, a.called) for a in raised])
    if mere and others:
        gate("sales_ready", "require_any", others, interest=_or([act.called for act in mere[:4]]))
    out = by_kind.get("opted_out", [])
    gate("sales_ready", "block", [fact(a, f"said {a.called}", "ever", a.called) for a in out])
    return gated


def _or(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _key(source: str, where: Mapping[str, Any] | None) -> tuple[str, tuple[tuple[str, Any], ...]]:
    return source, tuple(sorted((where or {}).items()))
