"""The model, by room: the county's rules, and what holds for people."""

from subsidies.models.people import (
    AttributeRecord,
    Entitlement,
    Estimate,
    EventRecord,
    ExtraHelp,
    Subsidy,
)
from subsidies.models.returns import NilReturn
from subsidies.models.rules import (
    Category,
    CategoryLine,
    DepartmentAlias,
    FundingPart,
    Standard,
    SubsidyRule,
)

__all__ = [
    "AttributeRecord",
    "Category",
    "CategoryLine",
    "DepartmentAlias",
    "Entitlement",
    "Estimate",
    "EventRecord",
    "ExtraHelp",
    "FundingPart",
    "NilReturn",
    "Standard",
    "Subsidy",
    "SubsidyRule",
]
