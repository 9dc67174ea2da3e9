"""A nurture list in words, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from lqmodel.languages import Language
from lqmodel.reasons.help import Help
from lqmodel.reasons.words import clean

WITHOUT_STEPS: Final = ("undated", "unseen", "not_actionable")
"""Answers that are the same for all leads of a model."""


class Row(NamedTuple):
    """A step in words, and how many leads it moves: alone, and with others."""

    text: str
    alone: int
    with_others: int


def nurture_text(
    stage: str,
    aim: str,
    leads: int,
    blocked: int,
    helps: Sequence[Help],
    probability: Sequence[float],
    steps: Sequence[Row],
    language: Language,
    most: int = 10,
) -> str:
    """Write the leads of one stage that are nearest to the next.

    Parameters
    ----------
    stage, aim : str
        From which stage to which.
    leads, blocked : int
        How many stand there, and how many of them a fact keeps there.
    helps, probability : sequence of Help, of float
        The nearest of the others, the nearest first, and what the model gives them now.
    steps : sequence of Row
    language : Language
    most : int, default 10
        Leads that are listed.
    """
    head = language.say("nurture", leads, stage=stage, aim=aim)
    if blocked:
        head += f", {language.say('nurture.blocked', blocked)}"
    if not helps:
        return head
    if all(help.answer in WITHOUT_STEPS for help in helps):
        return f"{head}\n  {helps[0].text}"
    parts = [f"{head}\n  {language.say('nurture.nearest', len(helps), needs=_needs(helps, language))}"]
    if steps:
        parts.append("\n".join(_table(steps, language)))
    ids = [clean(help.lead_id) for help in helps[:most]]
    widest = max(map(len, ids))
    lines = [
        f"  {name:<{widest}}  {language.percent(p):>6}  {help.in_short()}"
        for name, p, help in zip(ids, probability, helps, strict=False)
    ]
    if left := len(helps) - len(lines):
        lines.append(f"  {language.say('nurture.more', left)}")
    parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _needs(helps: Sequence[Help], language: Language) -> str:
    """Count the leads by how many steps they need."""
    needed = [help.ways[0].size for help in helps if help.ways]
    parts = []
    for n in sorted(set(needed)):
        leads = language.number(needed.count(n))
        parts.append(
            language.say("nurture.with", n, leads=leads)
            if n
            else language.say("nurture.without", leads=leads)
        )
    if others := len(helps) - len(needed):
        parts.append(language.say("nurture.not", leads=language.number(others)))
    return ", ".join(parts)


def _table(steps: Sequence[Row], language: Language) -> list[str]:
    head = [language.say(key) for key in ("nurture.head", "nurture.alone", "nurture.with_others")]
    rows = [head, *([s.text, language.number(s.alone), language.number(s.with_others)] for s in steps)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return [
        f"  {text:<{widths[0]}}  {alone:>{widths[1]}}  {others:>{widths[2]}}" for text, alone, others in rows
    ]
