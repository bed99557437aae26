"""Who may do what: one table, in code, because a role is a promise and not a setting."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """岗位. ``level`` is the kind of region it belongs to; everything defaults to no."""

    key: str
    title: str
    level: str
    sees_people: bool = False
    may_reveal: bool = False
    """May ask for a full ID number or phone; each reveal is on record."""
    sees_rosters: bool = False
    """Opens the pages about rosters: those of its own area, or what its department handed in."""
    hands_in: bool = False
    """May hand in rosters (名册)."""
    may_apply: bool = False
    """May apply and withdraw rosters of its own area."""
    may_issue: bool = False
    """May issue targets (下达任务)."""
    registers: bool = False
    """May register people of its own area, and write down what they are instead of enrolled."""
    reviews: bool = False
    """Looks at deductions clerks set, answers objections and refund requests."""
    may_answer: bool = False
    """May decide open questions of its own area."""
    may_reply: bool = False
    """May say what it found about an amount that the county sent for checking, and record what
    happened to somebody."""
    may_declare: bool = False
    """May declare at zero (零申报) those of its own area who owe nothing, and record help."""
    may_settle: bool = False
    """May settle differences and recoveries, clear whom lists speak against, settle the year."""
    visits: bool = False
    """May record visits, share households out, and keep the directory of its own area."""
    keeps_regions: bool = False
    keeps_policy: bool = False
    """Edits the rules of a year, and sees a year that is being prepared (起草)."""
    reads_audit: bool = False
    keeps_accounts: bool = False
    """Opens, stops and hands over accounts, sets one-time passwords; gives nobody any right."""
    may_grant: bool = False
    """Gives an account its role and region; without that it cannot sign in."""
    takes_cash: bool = False
    """May take cash from residents of its own area and pay it online for them (现金代收)."""
    sees_record: bool = False
    """Opens everything held on one person, and who looked at it (个人信息档案)."""
    own_department: bool = False
    """Sees only what its own department handed in, whatever the region."""


ROLES = {
    role.key: role
    for role in (
        Role("administrator", "系统管理员", "county", keeps_regions=True, keeps_accounts=True),
        Role("security", "安全管理员", "county", may_grant=True),
        Role(
            "county_officer",
            "县级经办",
            "county",
            sees_people=True,
            may_reveal=True,
            sees_rosters=True,
            hands_in=True,
            may_apply=True,
            may_issue=True,
            registers=True,
            reviews=True,
            may_answer=True,
            may_reply=True,
            may_declare=True,
            may_settle=True,
            visits=True,
            keeps_regions=True,
            sees_record=True,
            keeps_policy=True,
        ),
        Role("county_viewer", "县级查看", "county", sees_people=True, sees_rosters=True),
        Role(
            "department",
            "部门报送",
            "county",
            sees_rosters=True,
            hands_in=True,
            own_department=True,
        ),
        Role(
            "town_officer",
            "乡镇经办",
            "town",
            sees_people=True,
            may_reveal=True,
            sees_rosters=True,
            hands_in=True,
            may_apply=True,
            registers=True,
            may_answer=True,
            may_reply=True,
            may_declare=True,
            visits=True,
            takes_cash=True,
        ),
        Role(
            "village_clerk",
            "村级代办",
            "village",
            sees_people=True,
            may_reveal=True,
            registers=True,
            may_reply=True,
            visits=True,
            takes_cash=True,
        ),
        Role("auditor", "审计", "county", reads_audit=True),
    )
}

# 三员分立: opening accounts, granting rights and reading the trail are three people's work.
OFFICES = ("administrator", "security", "auditor")

ROLE_CHOICES = [(role.key, role.title) for role in ROLES.values()]
NO_ROLE = Role("", "未分配", "")
