"""Effects and raw values → reasons, for one lead or for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lqmodel.errors import BadData
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.change import Change
from lqmodel.reasons.explanation import LeadExplanation, Reason
from lqmodel.reasons.families import CUT_OFF, Effects
from lqmodel.reasons.joining import join
from lqmodel.reasons.raw import RawColumns, lead_ages
from lqmodel.reasons.usual import Usual
from lqmodel.reasons.words import ColumnWords

if TYPE_CHECKING:
    from lqmodel.calibration import Calibrator

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]


def reason_texts(
    effects: Effects,
    values: pa.Table,
    *,
    created: ArrayLike | None = None,
    as_of: ArrayLike | None = None,
    most: int = 3,
    limit: int = 1024,
    language: Language = ENGLISH,
) -> tuple[list[str], list[str]]:
    """Return for every lead what speaks for it and against it, each as one text.

    Every distinct value is worded once, so the cost grows with what there is to say.

    Parameters
    ----------
    effects : Effects
        From `Families.measure`.
    values : pyarrow.Table
        Raw feature values, one row per lead, in the same order.
    created, as_of : array-like of int64, or None
        Microseconds UTC, shape (n,) or one for all; with both, "never" is told from an old last act.
    most : int, default 3
        Reasons in each text.
    limit : int, default 1024
        Most characters of each text; see `join`.
    language : Language, default English

    Returns
    -------
    up, down : list of str
        Such as "2 demos asked for in the last 30 days (×2.3); industry: retail (×1.2)"; empty where
        nothing has an effect of `CUT_OFF`.
    """
    _check(effects, values)
    ages = lead_ages(created, as_of)
    up, down = (
        _joined(effects, _Said(effects, values, ages, language), *_strongest(effects, sign, most), limit)
        for sign in (1.0, -1.0)
    )
    return up, down


def explain_leads(
    effects: Effects,
    values: pa.Table,
    calibrator: Calibrator,
    *,
    lead_ids: Sequence[str],
    as_of: ArrayLike | None,
    stages: Sequence[str],
    scores: ArrayLike,
    created: ArrayLike | None = None,
    usual: Usual | None = None,
    changes: Sequence[Change | None] | None = None,
    most: int = 5,
    language: Language = ENGLISH,
) -> list[LeadExplanation]:
    """Return the full explanation of each lead.

    Parameters
    ----------
    effects : Effects
        From `Families.measure`.
    values : pyarrow.Table
        Raw feature values, one row per lead.
    calibrator : Calibrator
    lead_ids, stages : sequence of str
    as_of : array-like of int64, or None
        Microseconds UTC, shape (n,) or one for all; None without a clock.
    scores : array-like of float64, shape (n,)
    created : array-like of int64, shape (n,), or None
        Microseconds UTC; tells "never" from an old last act.
    usual : Usual or None
        For "usually 0 or 1".
    changes : sequence of Change or None, optional
        What changed since the run before.
    most : int, default 5
        Reasons for, and reasons against.
    language : Language, default English
    """
    _check(effects, values)
    n = values.num_rows
    moments = None if as_of is None else np.broadcast_to(np.asarray(as_of, dtype=np.int64), n)
    said = _Said(effects, values, lead_ages(created, moments), language)
    found: list[dict[float, list[Reason]]] = [{1.0: [], -1.0: []} for _ in range(n)]
    for sign in (1.0, -1.0):
        for lead, family in zip(*(a.tolist() for a in _strongest(effects, sign, most)), strict=True):
            found[lead][sign].append(said.reason(lead, family, usual))
    probability, (low, high) = (
        calibrator.probability(effects.margin),
        calibrator.interval(effects.margin),
    )
    base = float(calibrator.probability([effects.base_margin])[0])
    fit, engagement, total = effects.fit, effects.engagement, effects.effects.sum(axis=1)
    points = np.asarray(scores, dtype=np.float64)
    return [
        LeadExplanation(
            lead_id=str(lead_ids[i]),
            as_of=None if moments is None else int(moments[i]),
            probability=float(probability[i]),
            low=float(low[i]),
            high=float(high[i]),
            base_probability=base,
            stage=str(stages[i]),
            score=float(points[i]),
            up=tuple(found[i][1.0]),
            down=tuple(found[i][-1.0]),
            fit=float(fit[i]),
            engagement=float(engagement[i]),
            rest=float(total[i]) - sum(r.log_odds for side in found[i].values() for r in side),
            change=None if changes is None else changes[i],
            language=language,
        )
        for i in range(n)
    ]


def _strongest(effects: Effects, sign: float, most: int) -> tuple[Ints, Ints]:
    """Return (leads, families) of the strongest effects of one sign: by lead, then falling; ties by name."""
    sized = effects.effects * sign
    order = np.argsort(-sized, axis=1, kind="stable")[:, :most]
    kept = np.take_along_axis(sized, order, axis=1) >= CUT_OFF
    leads = np.broadcast_to(np.arange(len(order))[:, None], order.shape)
    return leads[kept].astype(np.int64), order[kept].astype(np.int64)


def _joined(effects: Effects, said: _Said, leads: Ints, families: Ints, limit: int) -> list[str]:
    texts = said.texts(leads, families)
    factors, effect = np.exp(effects.effects[leads, families]), said.language.effect
    full = [f"{text} ({effect(f)})" for text, f in zip(texts, factors.tolist(), strict=True)]
    ends = np.cumsum(np.bincount(leads, minlength=len(effects.logit))).tolist()
    return [join(full[start:end], limit) for start, end in zip([0, *ends], ends, strict=False)]


class _Said:
    """Words of (lead, family), with each column read once."""

    def __init__(
        self, effects: Effects, values: pa.Table, ages: NDArray[np.float64] | None, language: Language
    ) -> None:
        features = {feature.name: feature for feature in effects.families.declared}
        columns = effects.families.columns
        self.effects, self.language = effects, language
        self.words = [ColumnWords(features[column.family], column, language) for column in columns]
        self.raw = RawColumns(values, columns, ages)

    def texts(self, leads: Ints, families: Ints) -> Texts:
        """Return the words of each pair, wording each distinct value of a column once."""
        columns = self.effects.speaker[leads, families]
        texts = np.empty(len(leads), dtype=object)
        for column in np.unique(columns).tolist():
            at = np.flatnonzero(columns == column)
            distinct, where = np.unique(self.raw.read(column)[leads[at]], return_inverse=True)
            effects = self.effects.effects[leads[at], families[at]]
            sides = [
                [self.words[column].told(self.raw.raw(column, value), side) for value in distinct.tolist()]
                for side in (-1.0, 1.0)
            ]
            texts[at] = np.array(sides, dtype=object)[(effects > 0).astype(np.int64), where]
        return texts

    def reason(self, lead: int, family: int, usual: Usual | None) -> Reason:
        """Return the reason of one pair, in full."""
        position = int(self.effects.speaker[lead, family])
        words, name = self.words[position], self.words[position].column.name
        value = self.raw.raw(position, self.raw.read(position)[lead].item())
        note = "" if usual is None else words.usual(value, usual.numbers.get(name), usual.levels.get(name))
        log_odds = float(self.effects.effects[lead, family])
        return Reason(
            family=words.declared.name,
            kind=words.declared.kind,
            title=words.title,
            text=words.told(value, log_odds),
            usual=note,
            log_odds=log_odds,
            actionable=words.column.actionable,
            column=name,
            value=value,
            language=self.language,
        )


def _check(effects: Effects, values: pa.Table) -> None:
    if values.num_rows != len(effects.logit):
        raise BadData(
            f"{values.num_rows} rows of values and {len(effects.logit)} of effects do not go together"
        )
