"""The frozen, typed mirror of a project's TOML files."""

from lqmodel.declarations.feature import (
    VERBS,
    Attribute,
    Column,
    Completeness,
    Count,
    Distinct,
    Feature,
    Recency,
    Sum,
    Trend,
)
from lqmodel.declarations.model import Model, Stages
from lqmodel.declarations.project import Declarations, DeclaredFeature, ProjectFiles
from lqmodel.declarations.source import Source
from lqmodel.declarations.values import DAY, EVER, Condition, Duration, from_microseconds, to_microseconds

__all__ = [
    "DAY",
    "EVER",
    "VERBS",
    "Attribute",
    "Column",
    "Completeness",
    "Condition",
    "Count",
    "Declarations",
    "DeclaredFeature",
    "Distinct",
    "Duration",
    "Feature",
    "Model",
    "ProjectFiles",
    "Recency",
    "Source",
    "Stages",
    "Sum",
    "Trend",
    "from_microseconds",
    "to_microseconds",
]
