"""The frozen, typed mirror of a project's TOML files."""

from lqmodel.declarations.agreement import Signature, SignedRules
from lqmodel.declarations.feature import Column, Feature
from lqmodel.declarations.handoffs import Absence, Handoffs, Owners, Promised, Sample, Team
from lqmodel.declarations.model import Model
from lqmodel.declarations.points import Points, Worth
from lqmodel.declarations.project import Declarations, DeclaredFeature, ProjectFiles
from lqmodel.declarations.source import Source
from lqmodel.declarations.stages import NEVER_WAKES, SalesReady, Stages, Value
from lqmodel.declarations.translations import translation_notices, untranslated
from lqmodel.declarations.values import (
    DAY,
    EVER,
    Condition,
    Duration,
    check_zone,
    from_microseconds,
    to_microseconds,
)
from lqmodel.declarations.verbs import (
    VERBS,
    ActiveDays,
    Attribute,
    Completeness,
    Count,
    Decayed,
    Distinct,
    Latest,
    Max,
    Mean,
    OfRow,
    Recency,
    Share,
    Sum,
    Taken,
    Tenure,
    Trend,
)

__all__ = [
    "DAY",
    "EVER",
    "NEVER_WAKES",
    "VERBS",
    "Absence",
    "ActiveDays",
    "Attribute",
    "Column",
    "Completeness",
    "Condition",
    "Count",
    "Decayed",
    "Declarations",
    "DeclaredFeature",
    "Distinct",
    "Duration",
    "Feature",
    "Handoffs",
    "Latest",
    "Max",
    "Mean",
    "Model",
    "OfRow",
    "Owners",
    "Points",
    "ProjectFiles",
    "Promised",
    "Recency",
    "SalesReady",
    "Sample",
    "Share",
    "Signature",
    "SignedRules",
    "Source",
    "Stages",
    "Sum",
    "Taken",
    "Team",
    "Tenure",
    "Trend",
    "Value",
    "Worth",
    "check_zone",
    "from_microseconds",
    "to_microseconds",
    "translation_notices",
    "untranslated",
]
