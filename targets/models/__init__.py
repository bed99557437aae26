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

__all__ = [
    "Cadence",
    "Denominator",
    "Form",
    "FormColumn",
    "Goal",
    "PopulationFigure",
    "Ranking",
    "RankingWeight",
    "Target",
    "TargetDeduction",
    "TargetRule",
    "TargetVersion",
]
