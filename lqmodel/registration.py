"""What of a training goes into MLflow: parameters, figures, fingerprints, plots, the report, the bundle."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lqmodel.card import FIGURES
from lqmodel.plots import figures
from lqmodel.report import render
from lqmodel.tracking import Registered, Tracker
from lqmodel.training import Trained


def register(tracker: Tracker, trained: Trained, state: Path) -> Registered:
    """Log a training and register its model; what it held out is kept in the state folder."""
    bundle, held = trained.bundle, trained.evaluated.held_out
    if held is not None:
        held.save(state, bundle.version)
    quality = bundle.metrics["quality"]
    metrics = {key: quality[key]["value"] for key, _ in FIGURES}
    metrics |= {f"{key}_low": quality[key]["low"] for key, _ in FIGURES}
    metrics |= {f"{key}_high": quality[key]["high"] for key, _ in FIGURES}
    for name, rival in bundle.metrics["baselines"].items():
        metrics[f"log_loss_{name.replace(' ', '_')}"] = rival["log_loss"]["value"]
    metrics = {name: value for name, value in metrics.items() if value is not None}
    params = {
        **trained.params,
        "fingerprint": bundle.declarations.fingerprint()[:12],
        "data": bundle.data[:12],
    }
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "report.html": render(bundle.declarations, bundle.metrics, bundle.card, bundle.version).encode(),
            "card.md": bundle.card.encode(),
        }
        files |= {f"plots/{name}": data for name, data in figures(bundle.metrics).items()}
        for name, data in files.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        return tracker.log(bundle, params, metrics, Path(folder))
