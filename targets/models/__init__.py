from targets.models.rules import (
    Cadence,
    Denominator,
    Form,
    FormColumn,
    Goal,
    PopulationFigure,
    Ranking,
    RankingWeight,
    TargetRule,
)
from targets.models.targets import Target, TargetDeduction, TargetVersion
from targets.models.versions import CarriedRule, PolicyDraft, PolicyVersion

__all__ = [
    "Cadence",
    "CarriedRule",
    "Denominator",
    "Form",
    "FormColumn",
    "Goal",
    "PolicyDraft",
    "PolicyVersion",
    "PopulationFigure",
    "Ranking",
    "RankingWeight",
    "Target",
    "TargetDeduction",
    "TargetRule",
    "TargetVersion",
]
