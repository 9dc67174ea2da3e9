"""What of a run is written for a CRM, what is left out, and why. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lqmodel.crm.cells import Cell, Row, is_formula
from lqmodel.crm.leads import Lead, Sent, changed
from lqmodel.crm.target import Kept, Placed, Target, chance, present
from lqmodel.declarations.crm import LONGEST_NAME


@dataclass(frozen=True)
class Reject:
    """A lead, or its stage alone, that is not written."""

    lead_id: str
    key: str | None
    reason: str


@dataclass(frozen=True)
class Change:
    """What is new of a lead: field → what the CRM holds as far as we know, and what it will hold."""

    lead_id: str
    key: str
    fields: Mapping[str, tuple[Cell, Cell]]
    weight: int


@dataclass(frozen=True, eq=False)
class Plan:
    """What files will hold.

    Attributes
    ----------
    sheets : mapping of str to list of mapping
        Sheet → its rows by lead id, in the order in which they are loaded; those without rows are not there.
    rejects : tuple of Reject
        By lead id.
    changes : tuple of Change
        By lead id; of leads that are not written there are none.
    negligible : int
        Leads that moved too little to be written.
    sent : tuple of Sent
        What the CRM holds once all files are loaded, by lead id.
    unseen : int
        Leads whose stage is replaced though nothing says which one the CRM holds now.
    """

    sheets: Mapping[str, list[Row]]
    rejects: tuple[Reject, ...]
    changes: tuple[Change, ...]
    negligible: int
    sent: tuple[Sent, ...]
    unseen: int = 0


def plan(
    target: Target,
    leads: Sequence[Lead],
    suppressed: Mapping[str, str | None],
    earlier: Mapping[str, Sent],
    *,
    only_changes: bool,
    set_stage: bool,
) -> Plan:
    """Decide on every lead of a run.

    Parameters
    ----------
    target : Target
    leads : sequence of Lead
        The scored leads, by id.
    suppressed : mapping
        Leads that may not be scored → their record's id in the CRM.
    earlier : mapping
        Lead → what the CRM holds of it.
    only_changes : bool
        Leave out leads that moved too little since then.
    set_stage : bool
        Also write rows that set the CRM's own stage.
    """
    sheets: dict[str, list[Row]] = defaultdict(list)
    sent, rejects, changes, negligible, unseen = dict(earlier), [], [], 0, 0
    shared = _shared(target, leads, suppressed)
    for lead in leads:
        before = earlier.get(lead.lead_id)
        reason = _refusal(target, lead, shared)
        if reason is not None:
            rejects.append(Reject(lead.lead_id, lead.key, reason))
            continue
        writes = not only_changes or changed(lead, before, target.declared.negligible)
        own = list(target.own(lead, before)) if writes else []
        moves: list[Placed] = []
        is_set = set_stage
        if set_stage:
            try:
                moves = list(target.moves(lead, before))
            except Kept as kept:
                is_set = False
                rejects.append(Reject(lead.lead_id, lead.key, f"its stage is left as it is: {kept}"))
        for sheet, row in (*own, *moves):
            sheets[sheet].append(row)
        unseen += bool(moves) and _unseen(target, before)
        negligible += not (own or moves)
        told = _changes(target, lead, before, moves, bool(own))
        if told:
            changes.append(Change(lead.lead_id, lead.key or "", told, _weight(lead, before)))
        stage_set = lead.stage if is_set else None if before is None else before.stage_set
        if own or before is None:
            sent[lead.lead_id] = Sent.of(lead, stage_set)
        else:
            sent[lead.lead_id] = before.with_stage(stage_set)
    emptied: set[str] = set()
    for lead_id, key in sorted(suppressed.items()):
        held = sent.pop(lead_id, None)
        if held is None and only_changes:
            continue
        if key is None or _bad(target, key) is not None:
            rejects.append(
                Reject(lead_id, key, "suppressed, and no record in the CRM could be named: empty it by hand")
            )
            continue
        if target.same_key(key) in emptied:  # two leads that objected, one record of the CRM
            continue
        emptied.add(target.same_key(key))
        for sheet, row in target.emptied(key):
            sheets[sheet].append(row)
    return Plan(
        {name: sheets[name] for name in target.sheets if name in sheets},
        tuple(sorted(rejects, key=lambda reject: (reject.lead_id, reject.reason))),
        tuple(changes),
        negligible,
        tuple(sent[lead_id] for lead_id in sorted(sent)),
        unseen,
    )


def _unseen(target: Target, before: Sent | None) -> bool:
    """Whether a stage is replaced that nothing tells of: no column of the leads' source, and no earlier file of ours."""
    told = dict(target.declared.present)
    seen = any(field in told for field in target.stage_fields)
    return target.replaces and not seen and (before is None or before.stage_set is None)


def _shared(target: Target, leads: Sequence[Lead], suppressed: Mapping[str, str | None]) -> dict[str, str]:
    """Return record → why no lead may be written to it: several name it, or one of them objected."""
    keys = [target.same_key(lead.key) for lead in leads if lead.key]
    shared = {
        key: f"{n} leads name this record: which of them is it?" for key, n in Counter(keys).items() if n > 1
    }
    objected = {target.same_key(key): lead_id for lead_id, key in suppressed.items() if key}
    return shared | {
        key: f"its record is also that of lead {lead_id!r}, who is suppressed"
        for key, lead_id in objected.items()
    }


def _refusal(target: Target, lead: Lead, shared: Mapping[str, str]) -> str | None:
    """Return why a lead is not written."""
    if lead.key is None:
        column = target.declared.key
        return "the leads' source names no record of it" + (f": {column!r} is empty" if column else "")
    closed = _closed(target, lead)
    bad = closed or _bad(target, lead.key) or shared.get(target.same_key(lead.key)) or target.refusal(lead)
    return bad or _unknown_owner(target, lead)


def _unknown_owner(target: Target, lead: Lead) -> str | None:
    field = target.declared.fields.owner
    options = None if field is None else target.declared.picklist(field)
    unknown = lead.owner is not None and options is not None and lead.owner not in options
    return f"unknown picklist value: {field} has no {lead.owner!r}" if unknown else None


def _bad(target: Target, key: str) -> str | None:
    if not key or not key.isprintable() or key != key.strip() or len(key) > LONGEST_NAME:
        return f"{key[:LONGEST_NAME]!r} is no record id: it is empty, long, or holds spaces at its ends or control characters"
    if is_formula(key):
        return f"{key!r} begins with {key[0]!r}: a spreadsheet would run it, and behind an apostrophe it is another record"
    return target.bad_key(key)


def _closed(target: Target, lead: Lead) -> str | None:
    for column, values in target.declared.closed:
        held = lead.held.get(column, "")
        if held.casefold() in (value.casefold() for value in values):
            return f"closed in {target.title}: {column} is {held!r}"
    return None


def _changes(
    target: Target, lead: Lead, before: Sent | None, moves: Sequence[Placed], own: bool
) -> dict[str, tuple[Cell, Cell]]:
    """Return field → what it held and what it will hold; fields of values that stay as they are do not appear."""
    names = target.declared.fields.given()
    told: dict[str, tuple[Cell, Cell]] = {}
    if own:
        for value in ("probability", "score", "points", "stage", "owner"):
            then, now = (_as_held(target, value, of) for of in (before, lead))
            if now != then:
                told[names.get(value) or value] = (then, now)
    for _, row in moves:
        set_now = {field: row[field] for field in target.stage_fields if row.get(field)}
        told |= {f: (present(lead, target.declared, f) or None, now) for f, now in set_now.items()}
    return told


def _as_held(target: Target, value: str, of: Lead | Sent | None) -> Cell:
    """Return a value as the CRM's field holds it."""
    cell: Cell = getattr(of, value, None)
    if value == "probability":
        return chance(target.declared, of.probability if of else None)
    return target.declared.stage_names.at(of.stage) if value == "stage" and of else cell


def _weight(lead: Lead, before: Sent | None) -> int:
    return abs(lead.score - (0 if before is None else before.score))
