"""Why many leads have their probabilities, as numbers: contributions of columns, effects of families; into shap's plots.

Two scales. On the *margin*, the booster's log-odds before calibration, each column has a contribution: exact
path-dependent TreeSHAP, what `shap.TreeExplainer` gives, and what the terms of shap's own plots mean. On the
*calibrated* log-odds each family has an effect, whose exponent is the factor that all of lqmodel's words and
pictures show. They differ by one positive factor a lead, so signs and ranks agree. Both add up, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lqmodel.declarations import Column
from lqmodel.errors import BadData
from lqmodel.languages import ENGLISH, Language
from lqmodel.reasons.families import Effects, Families
from lqmodel.reasons.raw import lead_ages, levels, numbers

if TYPE_CHECKING:
    import pandas as pd
    import shap

    from lqmodel.calibration import Calibrator
    from lqmodel.reasons.drawing import Drawing
    from lqmodel.treeshap import Contributions

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attributions:
    """Contributions and effects of n leads; shows itself in a notebook as a beeswarm.

    Attributes
    ----------
    lead_ids : tuple of str
        One a row; a lead of several snapshots stands there several times.
    contributions : Contributions
        Margin, base and what each column adds, on the margin.
    effects : Effects
        What each family adds, on the calibrated log-odds.
    values : pyarrow.Table
        The feature values that they rest on, one row per lead, in the same order.
    ages : ndarray of float64, shape (n,), or None
        Of the leads, in days; tells "never" from an old last act.
    language : Language
        Of titles and pictures.
    """

    lead_ids: tuple[str, ...]
    contributions: Contributions
    effects: Effects
    values: pa.Table
    ages: Floats | None = None
    language: Language = ENGLISH

    @classmethod
    def of(
        cls,
        contributions: Contributions,
        families: Families,
        calibrator: Calibrator,
        values: pa.Table,
        lead_ids: Sequence[str],
        created: ArrayLike | None = None,
        as_of: ArrayLike | None = None,
        language: Language = ENGLISH,
    ) -> Attributions:
        """Measure the effects of contributions.

        Parameters
        ----------
        contributions : Contributions
            Of n leads.
        families : Families
        calibrator : Calibrator
        values : pyarrow.Table
            Raw feature values, one row per lead.
        lead_ids : sequence of str
        created, as_of : array-like of int64, or None
            Microseconds UTC, shape (n,); with both, "never" is told from an old last act.
        language : Language, default English

        Raises
        ------
        BadData
            They are not equally many.
        """
        found = [len(contributions.margin), values.num_rows, len(lead_ids)]
        if len(set(found)) > 1:
            raise BadData(f"contributions, values and lead ids must be equally many, got {found}")
        effects = families.measure(contributions, calibrator)
        ids = tuple(map(str, lead_ids))
        return cls(ids, contributions, effects, values, lead_ages(created, as_of), language)

    def __len__(self) -> int:
        return len(self.lead_ids)

    def to_shap(self) -> shap.Explanation:
        """Return the contributions of all columns on the margin, for shap's own plots.

        Returns
        -------
        shap.Explanation
            ``values``: float64, shape (n, n_columns), log-odds before calibration; ``base_values``: shape (n,); their
            sum is the margin to 1e-9. ``data``: the raw values, a number or a text, NaN where missing;
            ``feature_names``: the columns.

        Examples
        --------
        ``shap.plots.beeswarm(model.explain_all(scores).to_shap())``
        """
        columns = self.effects.families.columns
        names = [column.name for column in columns]
        data = [self._data(column) for column in columns]
        return _explanation(self.contributions.values, self.contributions.base, data, names)

    def families_to_shap(self) -> shap.Explanation:
        """Return the effects of all families on the calibrated log-odds, for shap's own plots.

        Returns
        -------
        shap.Explanation
            ``values``: float64, shape (n, n_families), calibrated log-odds; ``base_values``: shape (n,); their sum is
            the logit of the probability to 1e-6. ``data``: the raw value of the family's column that speaks for the
            lead; ``feature_names``: the families' titles.
        """
        families, speaker = self.effects.families, self.effects.speaker
        read = np.column_stack([self._data(column) for column in families.columns])
        spoken = [read[np.arange(len(self)), speaker[:, i]] for i in range(len(families.declared))]
        titles = [d.titled(self.language.name) or d.title for d in families.declared]
        return _explanation(self.effects.effects, self.effects.base, spoken, titles)

    def to_pandas(self) -> pd.DataFrame:
        """Return the effects of all families, calibrated log-odds: a row a lead, a column a family."""
        import pandas as pd

        names = [declared.name for declared in self.effects.families.declared]
        return pd.DataFrame(
            self.effects.effects, index=pd.Index(self.lead_ids, name="lead_id"), columns=names
        )

    def beeswarm(self, most: int = 12) -> Drawing:
        """Draw how far the heaviest families move the odds of these leads, and for which values."""
        from lqmodel.reasons.swarm import draw_swarm, swarm

        found = swarm(self.effects, self.values, self.ages, most, self.language)
        return draw_swarm(found, self.language.say("swarm", len(self)), self.language)

    def _repr_html_(self) -> str:
        return self.beeswarm()._repr_html_()

    def _data(self, column: Column) -> NDArray[np.object_]:
        """Return the raw values of a column: numbers, or texts and NaN."""
        if column.dtype == "number":
            return numbers(self.values, column, self.ages).astype(object)
        positions, names = levels(self.values, column)
        return np.array([*names, np.nan], dtype=object)[positions]


def _explanation(
    values: Floats, base: float, data: Sequence[NDArray[np.object_]], names: list[str]
) -> shap.Explanation:
    import shap

    return shap.Explanation(
        values=np.ascontiguousarray(values),
        base_values=np.full(len(values), base),
        data=np.column_stack(data),
        feature_names=names,
    )
