"""名册: files handed in by offices, from the first byte to every row's fate.

``pipeline`` is the way of a roster, ``reading`` turns a file into staged lines, ``matching`` says
who is meant, and each kind (``register``, ``lists``, ``payments``) decides and writes its own.
"""

from enrollment.roster import births, elsewhere, lists, payments, register, visits
from enrollment.roster.kinds import KINDS, Kind, Line, add
from enrollment.roster.pipeline import (
    apply,
    by_town,
    discard,
    entries,
    expire,
    explain_headings,
    forget_files,
    hand_in,
    read,
    withdraw,
)

__all__ = [
    "KINDS",
    "Kind",
    "Line",
    "add",
    "apply",
    "by_town",
    "discard",
    "entries",
    "expire",
    "explain_headings",
    "forget_files",
    "hand_in",
    "read",
    "withdraw",
]

for kind in (
    register.KIND,
    lists.STATUS,
    payments.KIND,
    lists.INSURED,
    births.KIND,
    elsewhere.KIND,
    visits.KIND,
):
    add(kind)
