"""The pyfunc wrapper that `mlflow models serve` loads: a bundle folder, no pickle.

It takes rows of features, as computed by `lqmodel predict` or `Snapshots.to_pandas`, and answers with
probabilities. Serve models from a registry that you trust only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lqmodel.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd


class PyfuncModel:
    """A bundle behind MLflow's ``predict``."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return probability, low and high for each row of features, in the same order."""
        import pandas as pd

        features = pa.Table.from_pandas(model_input, preserve_index=False)
        margin = self.bundle.ensemble.margin(self.bundle.encoding.transform(features))
        low, high = self.bundle.calibrator.interval(margin)
        probability = self.bundle.calibrator.probability(margin)
        return pd.DataFrame({"probability": probability, "low": low, "high": high}, index=model_input.index)


def _load_pyfunc(data_path: str) -> PyfuncModel:
    """Load a bundle; the name is the one MLflow looks for."""
    return PyfuncModel(Bundle.load(Path(data_path)))
