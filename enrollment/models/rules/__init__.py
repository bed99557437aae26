"""The year's rules as rows, each citing the paragraph of the notice it comes from.

NULL in a column that a notice could have filled means that it does not say (政策未规定); the
open question itself stands as a ``NotStated`` row. A new value is a row; a new method is code.
"""

from enrollment.models.rules.base import Hukou, NotStated, Registration, Rule
from enrollment.models.rules.enrolling import (
    FocusGroup,
    Participant,
    PlaceRule,
    RegistrarRule,
    StatusKind,
)
from enrollment.models.rules.fees import Attribute, Fee, PopulationGroup, Tier
from enrollment.models.rules.offices import Department, Duty
from enrollment.models.rules.paying import (
    CashRule,
    Channel,
    EventRule,
    PaymentRule,
    WaitingRule,
    Window,
)

__all__ = [
    "Attribute",
    "CashRule",
    "Channel",
    "Department",
    "Duty",
    "EventRule",
    "Fee",
    "FocusGroup",
    "Hukou",
    "NotStated",
    "Participant",
    "PaymentRule",
    "PlaceRule",
    "PopulationGroup",
    "RegistrarRule",
    "Registration",
    "Rule",
    "StatusKind",
    "Tier",
    "WaitingRule",
    "Window",
]
