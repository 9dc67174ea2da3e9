"""What changed since the run before, for one lead or for all of them: moves and raw values → words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.change import SHOWN, Change, Status, model_words, one_line
from lqmodel.reasons.families import CUT_OFF, Moves
from lqmodel.reasons.moved import Move, moved_text, signed
from lqmodel.reasons.raw import RawColumns
from lqmodel.reasons.words import ColumnWords

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Compared:
    """Leads whose two rows can be compared, one after the other.

    Attributes
    ----------
    status : {"same_model", "recalibrated", "trained_anew"}
        Of all of them.
    moves : Moves
        By this run's model.
    model : ndarray of float64, shape (n,)
        Log-odds of another calibrator or other trees, on the values of then.
    passed : ndarray of bool, shape (n, n_families)
        See `passing.passed`.
    now, then : RawColumns
        The values of both runs, aligned.
    """

    status: Status
    moves: Moves
    model: Floats
    passed: Bools
    now: RawColumns
    then: RawColumns

    @property
    def change(self) -> Floats:
        """Log-odds of the whole change, shape (n,)."""
        total: Floats = self.model + self.moves.effects.sum(axis=1)
        return total

    @property
    def by_time(self) -> Floats:
        """Log-odds of what moved only because time went by, shape (n,)."""
        total: Floats = np.where(self.passed, self.moves.effects, 0.0).sum(axis=1)
        return total


@dataclass(frozen=True, eq=False)
class Since:
    """What changed for all leads of a run since the run before.

    Attributes
    ----------
    since, as_of : int
        as_of of the run before and of this one, microseconds UTC.
    probability, before : ndarray of float64, shape (n,)
        Now and then; NaN where there was none.
    status : tuple of str, length n
        See `Status`.
    compared : Compared or None
        What each move did, where that can be said.
    rows : ndarray of int64, shape (n_compared,)
        Positions of the compared leads among all.
    features : tuple of str
        Families whose columns mean something else than then.
    """

    since: int
    as_of: int
    probability: Floats
    before: Floats
    status: tuple[Status, ...]
    compared: Compared | None
    rows: Ints
    features: tuple[str, ...] = ()

    def change(self, lead: int, language: Language = ENGLISH, most: int = 5) -> Change:
        """Return what changed for one lead, in full.

        Parameters
        ----------
        lead : int
            Its position.
        language : Language, default English
        most : int, default 5
            Moves that raised it, and moves that lowered it.
        """
        before = float(self.before[lead])
        found = Change(
            status=self.status[lead],
            since=self.since,
            as_of=self.as_of,
            probability=float(self.probability[lead]),
            before=None if np.isnan(before) else before,
            features=self.features if self.status[lead] == "other_features" else (),
            language=language,
        )
        row = int(np.searchsorted(self.rows, lead))
        if self.compared is None or row == len(self.rows) or self.rows[row] != lead:
            if found.before is None:
                return found
            return replace(found, rest=_logit(found.probability) - _logit(found.before))
        said = _Said(self.compared, language)
        effects = self.compared.moves.effects[row]
        order = np.argsort(-np.abs(effects), kind="stable").tolist()
        told = [family for family in order if abs(effects[family]) >= CUT_OFF]
        up, down = (
            tuple(said.move(row, family) for family in told if effects[family] * sign > 0)[:most]
            for sign in (1.0, -1.0)
        )
        shown = sum(move.log_odds for move in (*up, *down))
        return replace(
            found,
            model=float(self.compared.model[row]),
            up=up,
            down=down,
            rest=float(effects.sum()) - shown,
            passed=float(self.compared.by_time[row]),
        )

    def texts(self, language: Language = ENGLISH, most: int = SHOWN, limit: int = 1024) -> list[str]:
        """Return for every lead what changed, in one line; every distinct pair of values is worded once.

        Parameters
        ----------
        language : Language, default English
        most : int, default 3
            Moves in a line, the strongest first, whichever way.
        limit : int, default 1024
            Most characters of a line; cut at a move's end.
        """
        frames = {status: self._frame(status, language) for status in sorted(set(self.status))}
        lines = {status: one_line(frame, limit=limit) for status, frame in frames.items()}
        texts = [lines[status] for status in self.status]
        if self.compared is None:
            return texts
        frame = frames[self.compared.status]
        for row, moves in enumerate(_Said(self.compared, language).strongest(most)):
            change, lead = float(self.compared.model[row]), int(self.rows[row])
            if abs(change) >= CUT_OFF:
                known = replace(frame, before=float(self.before[lead]), model=change)
                moves.append(signed(model_words(known), change))
            if moves:
                texts[lead] = one_line(frame, moves, limit)
        return texts

    def _frame(self, status: Status, language: Language) -> Change:
        """Return a change of which only what all leads of a status share is known."""
        features = self.features if status == "other_features" else ()
        return Change(status, self.since, self.as_of, 0.5, features=features, language=language)


class _Said:
    """Words of (row, family) of the compared leads, with each column read once."""

    def __init__(self, compared: Compared, language: Language) -> None:
        families = compared.moves.families
        features = {feature.name: feature for feature in families.declared}
        self.compared, self.language = compared, language
        self.words = [ColumnWords(features[column.family], column, language) for column in families.columns]

    def strongest(self, most: int) -> list[list[str]]:
        """Return for each row its strongest moves in words, whichever way; ties by name of the family."""
        effects = self.compared.moves.effects
        order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :most]
        kept = np.abs(np.take_along_axis(effects, order, axis=1)) >= CUT_OFF
        rows = np.broadcast_to(np.arange(len(order))[:, None], order.shape)[kept].astype(np.int64)
        families = order[kept].astype(np.int64)
        texts = zip(self._texts(rows, families), effects[rows, families].tolist(), strict=True)
        full = [signed(text, effect) for text, effect in texts]
        ends = np.cumsum(np.bincount(rows, minlength=len(effects))).tolist()
        return [full[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def move(self, row: int, family: int) -> Move:
        """Return the move of one pair, in full."""
        moves = self.compared.moves
        position = int(moves.speaker[row, family])
        words, passed = self.words[position], bool(self.compared.passed[row, family])
        value, before = (
            part.raw(position, part.read(position)[row].item())
            for part in (self.compared.now, self.compared.then)
        )
        return Move.of(words, value, before, float(moves.effects[row, family]), passed=passed)

    def _texts(self, rows: Ints, families: Ints) -> list[str]:
        """Return the words of each pair, wording each distinct value of a column once."""
        columns, passed = self.compared.moves.speaker[rows, families], self.compared.passed[rows, families]
        texts = np.empty(len(rows), dtype=object)
        for column in np.unique(columns).tolist():
            for by_time in (False, True):
                at = np.flatnonzero((columns == column) & (passed == by_time))
                distinct, where = np.unique(self.compared.now.read(column)[rows[at]], return_inverse=True)
                values = [self.compared.now.raw(column, value) for value in distinct.tolist()]
                said = [moved_text(self.words[column], value, by_time) for value in values]
                texts[at] = np.array(said, dtype=object)[where]
        return texts.tolist()


def _logit(probability: float) -> float:
    return float(np.log(probability) - np.log1p(-probability))
