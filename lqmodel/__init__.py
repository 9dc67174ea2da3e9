"""Lead conversion: point-in-time features, calibrated probabilities, stages, and reasons in words.

The public surface, each loaded when first used so that `lqmodel --help` stays quick:
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lqmodel.version import VERSION as __version__

_WHERE = {
    "Bundle": "lqmodel.bundle",
    "LeadClassifier": "lqmodel.classifier",
    "LqmodelError": "lqmodel.errors",
    "Model": "lqmodel.model",
    "Project": "lqmodel.api",
    "Snapshots": "lqmodel.trainingset",
    "load_model": "lqmodel.model",
    "open_project": "lqmodel.api",
}

__all__ = [
    "Bundle",
    "LeadClassifier",
    "LqmodelError",
    "Model",
    "Project",
    "Snapshots",
    "__version__",
    "load_model",
    "open_project",
]

if TYPE_CHECKING:
    from lqmodel.api import Project, open_project
    from lqmodel.bundle import Bundle
    from lqmodel.classifier import LeadClassifier
    from lqmodel.errors import LqmodelError
    from lqmodel.model import Model, load_model
    from lqmodel.trainingset import Snapshots


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'lqmodel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
