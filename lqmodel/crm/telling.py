"""A plan in words: what would change, as text and as JSON, and how the files are loaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lqmodel.crm.cells import Cell, written
from lqmodel.crm.plan import Change, Plan, Reject
from lqmodel.crm.target import Target

MOST = 20
"""Leads that the text shows; JSON shows all."""


def to_json(target: Target, plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values, in full."""
    return {
        "crm": target.title,
        "sheets": {name: len(rows) for name, rows in plan.sheets.items()},
        "left_out": plan.negligible,
        "changes": [
            {"lead_id": c.lead_id, "key": c.key, "fields": {f: list(pair) for f, pair in c.fields.items()}}
            for c in plan.changes
        ],
        "rejects": [vars(reject) for reject in plan.rejects],
    }


def to_text(target: Target, plan: Plan) -> str:
    """Write a plan for a terminal: counts, the stages that move, the leads that moved most, the rejects."""
    stage = target.declared.fields.stage or "stage"
    moved = Counter(c.fields[stage] for c in plan.changes if stage in c.fields)
    stages = ", ".join(
        f"{_shown(then)} → {_shown(now)} {n:,}" for (then, now), n in sorted(moved.items(), key=_most)
    )
    strongest = sorted(plan.changes, key=lambda c: (-c.weight, c.lead_id))[:MOST]
    lines = [
        *summary(target, plan),
        *([f"{'stages':22} {stages}"] if stages else []),
        *([""] if strongest else []),
        *(_line(change) for change in strongest),
        *_more(len(plan.changes)),
        *(["", "rejected"] if plan.rejects else []),
        *(f"{clean(r.lead_id):22} {clean(r.reason, 200)}" for r in plan.rejects[:MOST]),
        *_more(len(plan.rejects)),
    ]
    return "\n".join(lines)


def summary(target: Target, plan: Plan) -> list[str]:
    """Say in a few lines how many rows there are of what."""
    share = f"{target.declared.negligible:.4g}"
    counts = {name: counted(len(rows)) for name, rows in plan.sheets.items()}
    if plan.negligible:
        counts["left out"] = (
            f"{plan.negligible:,} leads whose numbers moved by no more than {share} of what they were"
        )
    if plan.unseen:
        field = target.stage_fields[0]
        counts["not known"] = (
            f"which {field} {target.title} holds now, of {plan.unseen:,} leads whose stage is set; load.txt says what to do"
        )
    counts["rejected"] = f"{len(plan.rejects):,}" + _commonest(plan.rejects)
    return [f"{name:22} {told}" for name, told in counts.items()]


def _commonest(rejects: Sequence[Reject]) -> str:
    """Say why most were rejected, by the first of them: reasons name what they are about."""
    if not rejects:
        return ""
    counts = Counter(_kind(reject) for reject in rejects)
    kind, n = max(counts.items(), key=lambda item: (item[1], item[0]))
    first = next(reject for reject in rejects if _kind(reject) == kind)
    told = f"lead {clean(first.lead_id)}: {clean(first.reason, 200)}"
    return f", {'such as' if n > 1 else 'of them'} {told}"


def _kind(reject: Reject) -> str:
    """Return a reason without what it quotes."""
    return re.sub(r"'[^']*'|\d+", "", reject.reason)


def load_steps(target: Target, plan: Plan, files: Mapping[str, Mapping[str, int]]) -> str:
    """Say how the files of each sheet are loaded, in which order."""
    lines = [f"How to load these files into {target.title}, in this order.", ""]
    lines += _unseen(target, plan)
    for number, (sheet, parts) in enumerate(files.items(), start=1):
        named = ", ".join(f"{name} ({counted(rows)})" for name, rows in parts.items())
        lines += [f"{number}. {named}", f"   {target.sheets[sheet]}", ""]
    if not files:
        lines += ["There is nothing to load.", ""]
    if plan.rejects:
        lines += [
            f"rejects.csv says what was left out ({counted(len(plan.rejects))}), and why; it is not loaded.",
            "",
        ]
    return "\n".join(lines)


def _unseen(target: Target, plan: Plan) -> list[str]:
    """Warn of stages that are set blindly, and say what to do before anything is loaded."""
    if not plan.unseen:
        return []
    field, name = target.stage_fields[0], target.title
    return [
        f"BEFORE YOU LOAD: nothing says which {field} {name} holds now for {plan.unseen:,} of these leads. It is taken from the run",
        "before, so almost every lead stands in the stage file, and a stage that people have set since, such as that of an",
        "open deal, may be overwritten. Do one of these first:",
        f"- Export the leads from {name} with {field}, join that column to the leads' source, and declare it in the model's file:",
        f'  present = {{ {field} = "THE COLUMN" }}. Then write these files again.',
        "- Or load the own fields alone, without --set-stage, and let a workflow move the stages.",
        f"- Or look at ten of these leads in {name}, and load the stages only if they stand where the run before has them.",
        "",
    ]


def _line(change: Change) -> str:
    told = ", ".join(
        f"{field} {_shown(now)}" if then is None else f"{field} {_shown(then)} → {_shown(now)}"
        for field, (then, now) in change.fields.items()
    )
    return f"{clean(change.lead_id):22} {told}"


def counted(n: int) -> str:
    """Say how many rows: ``1 row``, ``2 rows``."""
    return f"{n:,} {'row' if n == 1 else 'rows'}"


def _more(n: int) -> list[str]:
    return [f"… and {n - MOST:,} more; --format json shows all"] if n > MOST else []


def _shown(cell: Cell) -> str:
    return "nothing" if cell is None else written(float(f"{cell:.3g}") if isinstance(cell, float) else cell)


def clean(text: str, most: int = 60) -> str:
    r"""Return a text as a terminal may show it: what is not printable is a space, and no longer than so.

    >>> clean("a\x1b[2Jb")
    'a [2Jb'
    """
    return "".join(c if c.isprintable() else " " for c in text[:most])


def _most(item: tuple[tuple[Cell, Cell], int]) -> tuple[int, str]:
    return -item[1], str(item[0])
