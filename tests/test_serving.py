"""The pyfunc wrapper: features in, probabilities out, in the same order."""

from __future__ import annotations

import numpy as np
import pytest
from projects import Trained

from lqmodel.errors import ColumnMissing, WrongType
from lqmodel.scoring import score
from lqmodel.serving import PyfuncModel, _load_pyfunc


@pytest.fixture(scope="module")
def served(flat: Trained) -> PyfuncModel:
    return _load_pyfunc(str(flat.bundle_folder))


def test_rows_keep_their_order_and_index(served: PyfuncModel, flat: Trained) -> None:
    frame = score(flat.bundle, flat.root, None, None).features.to_pandas().set_index("lead_id")
    found = served.predict(frame)
    mixed = frame.sample(frac=1, random_state=0)
    assert served.predict(mixed[sorted(mixed.columns, reverse=True)]).equals(found.loc[mixed.index])
    assert ((found.low <= found.probability) & (found.probability <= found.high)).all()
    assert found.probability.between(0, 1, inclusive="neither").all()


def test_missing_and_unknown_values_are_taken_as_missing(served: PyfuncModel, flat: Trained) -> None:
    frame = score(flat.bundle, flat.root, None, None).features.to_pandas().head(2)
    none, new = frame.copy(), frame.copy()
    none["country"], new["country"] = None, "nowhere"
    none["employees"] = new["employees"] = np.nan
    assert served.predict(none).equals(served.predict(new))


def test_rows_that_do_not_fit_are_refused_in_words(served: PyfuncModel, flat: Trained) -> None:
    frame = score(flat.bundle, flat.root, None, None).features.to_pandas().head(2)
    with pytest.raises(ColumnMissing, match="visits"):
        served.predict(frame.drop(columns="visits"))
    with pytest.raises(WrongType, match="visits"):
        served.predict(frame.assign(visits="many"))
