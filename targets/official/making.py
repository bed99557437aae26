"""Any official table by its name."""

from datetime import datetime

from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region, User
from targets.official import elsewhere, subsidised
from targets.official.tables import TABLES, Table, figures, form_for

DRAFTED = ("targets", "progress")
FULL = ("out-of-county",)
"""Tables that may carry full document numbers, where the form is handed on to another office."""


def table(
    policy_year: PolicyYear,
    name: str,
    *,
    region: Region | None = None,
    draft: bool = False,
    tier: str = "",
    until: datetime | None = None,
    viewer: User | None = None,
    full: bool = False,
) -> Table:
    """An official table of a region, as of a moment; see each table for what it holds.

    ``draft`` takes the register's numbers for issued ones, ``tier`` is the one an estimate is made
    for; for a viewer, sensitive categories keep their public words. Raises Failure where there is
    no such table, or nothing to put in it.
    """
    if name not in TABLES:
        raise Failure("unknown_table", f"没有名为 {name} 的表，可用：{'、'.join(TABLES)}")
    if draft and name not in DRAFTED:
        raise Failure("no_draft", f"{TABLES[name]}没有测算稿之分，请去掉 --draft")
    if tier and name != "overlap":
        raise Failure("no_tier", f"{TABLES[name]}不分档次制表，请去掉 --tier")
    if full and name not in FULL:
        raise Failure("no_numbers", f"{TABLES[name]}没有证件号码，请去掉 --full")
    if name in ("summary", "summary-long"):
        made = elsewhere.summary(
            policy_year, region=region, until=until, long=name == "summary-long"
        )
    elif name == "out-of-county":
        made = elsewhere.out_of_county(policy_year, region=region, full=full)
    elif name == "overlap":
        made = subsidised.overlap(policy_year, region=region, tier=tier, until=until)
    elif name == "contrast":
        made = subsidised.contrast(policy_year, region=region)
    elif name == "coverage":
        made = subsidised.coverage_table(policy_year, region=region, until=until, viewer=viewer)
    else:
        made = figures(policy_year, name, region=region, draft=draft, until=until)
    form = form_for(policy_year, name)
    made.unit = (region or (form.region if form else None) or policy_year.county).path
    return made
