"""The model, by room: the county's rules, what holds for people, and what is settled."""

from subsidies.models.cash import CashDay, CashReceipt
from subsidies.models.checks import AmountCheck, CheckAnswer
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
    PassedWord,
    Standard,
    SubsidyRule,
)
from subsidies.models.settlement import (
    Clearance,
    Declaration,
    DifferenceEntry,
    Recovery,
    Settlement,
)

__all__ = [
    "AmountCheck",
    "AttributeRecord",
    "CashDay",
    "CashReceipt",
    "Category",
    "CategoryLine",
    "CheckAnswer",
    "Clearance",
    "Declaration",
    "DepartmentAlias",
    "PassedWord",
    "DifferenceEntry",
    "Entitlement",
    "Estimate",
    "EventRecord",
    "ExtraHelp",
    "FundingPart",
    "NilReturn",
    "Recovery",
    "Settlement",
    "Standard",
    "Subsidy",
    "SubsidyRule",
]
