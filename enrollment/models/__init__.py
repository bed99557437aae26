"""The model, by room: places, users, years and their rules, people, enrolments, rosters."""

from enrollment.models.audit import AuditEvent, AuditSeal
from enrollment.models.births import Birth
from enrollment.models.enrolments import Cover, Enrollment, Payment
from enrollment.models.jobs import Job, JobState
from enrollment.models.people import DOC_TYPES, Household, Person, Status
from enrollment.models.places import Level, Region
from enrollment.models.registration import (
    FormerDocument,
    HomeHukou,
    Joining,
    Objection,
    Paper,
    RefundReason,
    RefundRequest,
    RegistrationRecord,
    Relocation,
    Residence,
    StatusRecord,
)
from enrollment.models.rosters import (
    Decision,
    Fate,
    HeadingMap,
    HeldRow,
    Mode,
    Question,
    QuestionKind,
    Roster,
    RosterPage,
    RosterRow,
    RosterState,
    Stage,
)
from enrollment.models.rules import *  # noqa: F403
from enrollment.models.users import User
from enrollment.models.visits import Assignment, Contact, Visit
from enrollment.models.years import PolicyYear

__all__ = [
    "DOC_TYPES",
    "Assignment",
    "AuditEvent",
    "AuditSeal",
    "Birth",
    "Contact",
    "Cover",
    "Decision",
    "Enrollment",
    "Fate",
    "FormerDocument",
    "HeadingMap",
    "HomeHukou",
    "HeldRow",
    "Household",
    "Job",
    "JobState",
    "Joining",
    "Level",
    "Mode",
    "Objection",
    "Paper",
    "Payment",
    "Person",
    "PolicyYear",
    "Question",
    "QuestionKind",
    "RefundReason",
    "RefundRequest",
    "Region",
    "RegistrationRecord",
    "Relocation",
    "Residence",
    "Roster",
    "RosterPage",
    "RosterRow",
    "RosterState",
    "Stage",
    "Status",
    "StatusRecord",
    "User",
    "Visit",
]
