"""How many leads change stage from one run to the next, from where to where, and why: before anything is written.

A dead feed, another policy or another model moves many at once. That is shown first, and refused above a declared share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lqmodel.asof import iso
from lqmodel.declarations import DAY, Declarations
from lqmodel.errors import Refused
from lqmodel.roster import ID
from lqmodel.runs import Run
from lqmodel.scores import SCORED, Scores
from lqmodel.stages import BANDS, STAGES, Policy, band

OTHER_RULES: Final = "other rules"
OTHER_MODEL: Final = "another model"
DID: Final = "what the lead did"
TIME: Final = "time went by"
LASTED: Final = "below its bar for long enough"
WON: Final = "won"
WOKE: Final = "woke on its date"
GATES: Final = "its gates hold"
PEOPLE: Final = "what people said"
SHOWN: Final = 10
_BY_PEOPLE: Final = ("accepted", "qualified", "snoozed", "rejected", "suppressed")
_BY_MODEL: Final = "probability"
Names = NDArray[np.object_]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Move:
    """One lead that changes its stage.

    Attributes
    ----------
    lead_id, before, after : str
    why : str
        One of the words of this module, or that a fact holds.
    """

    lead_id: str
    before: str
    after: str
    why: str


@dataclass(frozen=True)
class Moving:
    """What a run would move against the run before.

    Attributes
    ----------
    held : int
        Leads that both runs hold: in the input now with a stage that goes on from the run before. One that is not
        scored counts only if it moves, so that leads of long ago hide nothing.
    moves : tuple of Move
        Those of them that change stage, by lead id.
    differs : tuple of str
        What is not as in the run before, in words: agreement, policy, model, a source that stands still, the time.
    other_rules : bool
        Whether the policy or the agreement is another one.
    """

    held: int
    moves: tuple[Move, ...]
    differs: tuple[str, ...]
    other_rules: bool

    @property
    def share(self) -> float:
        """Moved among held, without those that people moved, in [0, 1]."""
        return self._at_once / self.held if self.held else 0.0

    @property
    def _at_once(self) -> int:
        return sum(move.why != PEOPLE for move in self.moves)

    def exceeds(self, at_most: float | None) -> bool:
        """Whether more than a declared share moves; exactly that share does not exceed it."""
        return at_most is not None and self._at_once > Fraction(str(at_most)) * self.held

    def check(self, at_most: float | None) -> None:
        """Refuse a run in which more than a declared share of the leads changes stage.

        Raises
        ------
        Refused
        """
        if not self.exceeds(at_most):
            return
        raise Refused(
            f"{self.headline()}, and [handoffs] at_most_moving allows {at_most:.1%}; nothing was written\n"
            + "\n".join(f"    {line}" for line in (*self._rows(), *self._causes())),
            do="mend the feed and score again; or look at all of it with --dry-run, and let this run pass with --let-move",
        )

    def __str__(self) -> str:
        lines = [f"moves     {self.headline()}", *(f"          {line}" for line in self._rows())]
        lines += [f"{'examples' if i == 0 else '':10}{m}" for i, m in enumerate(self._examples())]
        lines += [f"{'differs' if i == 0 else '':10}{text}" for i, text in enumerate(self.differs)]
        return "\n".join(line.rstrip() for line in lines)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values.

        Returns
        -------
        dict
            ``held``, ``moved``, ``share`` (numbers; the share without those that people moved); ``transitions``: ``from``, ``to``, ``leads`` and ``why`` (reason →
            leads), most leads first; ``differs``: texts; ``leads``: the moves of all leads.
        """
        return {
            "held": self.held,
            "moved": len(self.moves),
            "share": round(self.share, 6),
            "transitions": [
                {"from": before, "to": after, "leads": sum(why.values()), "why": dict(why.most_common())}
                for (before, after), why in self._by_step()
            ],
            "differs": list(self.differs),
            "leads": [
                {"lead_id": m.lead_id, "from": m.before, "to": m.after, "why": m.why} for m in self.moves
            ],
        }

    def headline(self) -> str:
        """Say in a few words how many move."""
        by_people = len(self.moves) - self._at_once
        told = f"{self._at_once:,} of {self.held:,} leads change stage at once ({self.share:.1%})"
        return f"{told}, and {by_people:,} by what people said" if by_people else told

    def _by_step(self) -> list[tuple[tuple[str, str], Counter[str]]]:
        """Return (from, to) → reason → leads; most leads first."""
        found: dict[tuple[str, str], Counter[str]] = {}
        for move in self.moves:
            found.setdefault((move.before, move.after), Counter())[move.why] += 1
        return sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))

    def _rows(self) -> list[str]:
        steps = self._by_step()
        width = max((len(f"{a} → {b}") for (a, b), _ in steps), default=0)
        return [
            f"{f'{a} → {b}':{width}}  {why.total():>6,}  "
            + ", ".join(f"{r} {n:,}" for r, n in why.most_common())
            for (a, b), why in steps
        ]

    def _examples(self) -> Iterator[str]:
        """Yield a short list: of each step in turn."""
        steps = [key for key, _ in self._by_step()]
        queues = {key: [m for m in self.moves if (m.before, m.after) == key] for key in steps}
        most = max(map(len, queues.values()), default=0)
        ordered = [queues[key][i] for i in range(most) for key in steps if i < len(queues[key])]
        for move in ordered[:SHOWN]:
            yield f"{move.lead_id}  {move.before} → {move.after}  {move.why}"

    def _causes(self) -> list[str]:
        told = self.differs or ("nothing but the leads themselves: look at the notices",)
        return [f"likely because {told[0]}", *(f"or because {text}" for text in told[1:])]


def moves(scores: Scores, before: Run | None, policy: Policy, declarations: Declarations) -> Moving | None:
    """Hold a scoring that is not yet written against the run that it goes on from; None where there is none.

    Parameters
    ----------
    scores : Scores
    before : Run or None
    policy : Policy
        Of the scoring.
    declarations : Declarations
        Of what scored.

    Raises
    ------
    BadData
        A file of the run before was changed.
    """
    if before is None:
        return None
    table = scores.table
    known = np.asarray(pc.and_(pc.is_valid(table["previous_stage"]), pc.is_valid(table["stage"])))
    moved = known & np.asarray(pc.fill_null(pc.not_equal(table["stage"], table["previous_stage"]), False))
    held = known & (moved | np.asarray(pc.equal(table["status"], SCORED)))
    rows = table.filter(pa.array(moved))
    whys = _whys(rows, scores, before, policy, declarations)
    columns = (rows[name].to_pylist() for name in (ID, "previous_stage", "stage"))
    found = tuple(Move(*row) for row in zip(*columns, whys.tolist(), strict=True))
    return Moving(int(held.sum()), found, tuple(_differs(scores, before)), _other_rules(scores, before))


def _other_rules(scores: Scores, before: Run) -> bool:
    return (scores.policy, scores.agreement) != (before.manifest["policy"], before.manifest["agreement"])


def _other_model(scores: Scores, before: Run) -> bool:
    """Whether probabilities come from elsewhere: the same trees under other rules are not another model."""
    if before.bundle_version == scores.bundle_version:
        return False
    return before.makeup is None or before.makeup != scores.makeup


def _differs(scores: Scores, before: Run) -> Iterator[str]:
    """Yield what is not as in the run before, what moves the most leads first."""
    then = before.manifest
    if then["agreement"] != scores.agreement:
        yield f"the agreement is {scores.agreement!r}, and was {then['agreement']!r}"
    if then["policy"] != scores.policy:
        yield f"the policy is {scores.policy}, and was {then['policy']}"
    if _other_model(scores, before):
        yield f"the model is {scores.bundle_version}, and was {before.bundle_version}"
    for source, newest in sorted(scores.cutoffs.items()):
        if newest == then["cutoffs"].get(source, ""):
            yield f"source {source!r} has nothing new since the run before ({newest or 'nothing at all'}): its feed may be dead"
    if scores.as_of is not None and before.as_of is not None and scores.as_of - before.as_of > DAY:
        yield f"the run before looked from {iso(before.as_of)}, {(scores.as_of - before.as_of) / DAY:.0f} days earlier"


def _whys(rows: pa.Table, scores: Scores, before: Run, policy: Policy, declarations: Declarations) -> Names:
    """Return why each of the moved leads moves."""
    cause = np.array(rows["cause"].to_pylist(), dtype=object)
    by_fact = np.array([f"{name} holds" for name in cause], dtype=object)
    named = {"won": WON, "woken": WOKE, "gates": GATES, **dict.fromkeys(_BY_PEOPLE, PEOPLE)}
    whys = np.array([named.get(c, told) for c, told in zip(cause, by_fact, strict=True)], dtype=object)
    by_model = cause == _BY_MODEL
    then = before.table.take(pc.index_in(rows[ID], before.table[ID].combine_chunks()))
    up = _places(rows["stage"]) > _places(rows["previous_stage"])
    whys[by_model] = _by_model(rows, then, up, scores, before, policy)[by_model]
    if _other_rules(scores, before):
        whys[_held_then(rows, cause, before, declarations)] = OTHER_RULES
    return whys


def _by_model(
    rows: pa.Table, then: pa.Table, up: Bools, scores: Scores, before: Run, policy: Policy
) -> Names:
    """Return why the leads moved that their probability moved.

    Other rules: by these alone, the probability of then would have stood in the band of now, and did not then;
    or the odds did not move in that direction at all. Another model: it did more to the odds than all that happened
    since. Where a lead fell without crossing a bar, it had fallen earlier and the time ran out.
    """
    probability = np.asarray(pc.fill_null(then["probability"], np.nan), dtype=np.float64)
    placed = _band_places(then["band"])
    direction = np.where(up, 1, -1)
    whys = np.full(len(rows), DID, dtype=object)
    change, model, time = (
        _numbers(rows, name) * direction for name in ("change", "change_by_model", "change_by_time")
    )
    rest = change - np.nan_to_num(model) - np.nan_to_num(time)
    lasted = ~up & (_band_places(rows["band"]) == placed)
    whys[np.nan_to_num(time) > np.maximum(np.nan_to_num(rest), 0)] = TIME
    if _other_model(scores, before):
        whys[np.isnan(model) | (model > np.maximum(np.nan_to_num(change - model), 0))] = OTHER_MODEL
    whys[lasted] = LASTED
    if before.manifest["policy"] != scores.policy:
        levels = _levels(rows, scores, policy)
        now = np.array([BANDS.index(b) for b in band(np.nan_to_num(probability), policy, levels)], dtype=int)
        comparable = ~np.isnan(probability) & (placed >= 0)
        reached = (now - _band_places(rows["band"])) * direction >= 0
        by_bar = (np.sign(now - placed) == direction) & reached
        whys[comparable & (by_bar | (~lasted & (change <= 0)))] = OTHER_RULES
    return whys


def _levels(rows: pa.Table, scores: Scores, policy: Policy) -> Names | None:
    if policy.per is None or policy.per not in scores.features.column_names:
        return None
    at = pc.index_in(rows[ID], scores.features[ID].combine_chunks())
    return np.array(scores.features[policy.per].take(at).to_pylist(), dtype=object)


def _held_then(rows: pa.Table, cause: Names, before: Run, declarations: Declarations) -> Bools:
    """Say whose fact, the cause of the move, held in the run before already: then it is the rule that is new."""
    held = np.zeros(len(rows), dtype=bool)
    at = pc.index_in(rows[ID], before.features[ID].combine_chunks())
    for fact, column in declarations.fact_columns().items():
        if column in before.features.column_names and (cause == fact).any():
            values = pc.fill_null(before.features[column].cast(pa.float64()).take(at), 0.0)
            held |= (cause == fact) & (np.nan_to_num(np.asarray(values)) > 0)
    return held


def _numbers(rows: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(pc.fill_null(rows[name].cast(pa.float64()), np.nan), dtype=np.float64)


def _places(stages: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.array([STAGES.index(stage) for stage in stages.to_pylist()], dtype=np.int64)


def _band_places(bands: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the places of bands from the lowest; -1 where there is none."""
    return np.array([-1 if name is None else BANDS.index(name) for name in bands.to_pylist()], dtype=np.int64)
