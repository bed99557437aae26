"""What a payment costs and when cover begins, at every boundary of the three notices.

Typed by hand from the notices, not computed: paragraph, situation, answer.
"""

import pytest

from subsidies import case, quote
from subsidies.tests.notices import day, years  # noqa: F401

MIGRANT = "春节返乡的外出务工人员"
NO, NULL = False, None

# county, what is asked, allowed, benefit from, benefit to
COVER = [
    # J 三: the window, both days inside; first and last day of cover are the county's own entry.
    ("J", {"paid_on": "2023-09-01"}, True, "2024-01-01", "2024-12-31"),
    ("J", {"paid_on": "2023-12-31"}, True, "2024-01-01", "2024-12-31"),
    ("J", {"paid_on": "2023-08-31"}, NULL, "", ""),
    ("J", {"paid_on": "2024-01-01"}, NULL, "", ""),
    # C11, C12: the extension is for returning migrants only and ends on the 28th.
    ("J", {"paid_on": "2024-02-15"}, NULL, "", ""),
    ("J", {"paid_on": "2024-02-15", "attributes": [MIGRANT]}, True, "2024-02-16", "2024-12-31"),
    ("J", {"paid_on": "2024-01-01", "attributes": [MIGRANT]}, True, "2024-01-02", "2024-12-31"),
    ("J", {"paid_on": "2024-02-28", "attributes": [MIGRANT]}, True, "2024-02-29", "2024-12-31"),
    ("J", {"paid_on": "2024-02-29", "attributes": [MIGRANT]}, NULL, "", ""),
    ("J", {"paid_on": "2024-02-29"}, NULL, "", ""),
    # C13: three calendar months, clipped at the month's end.
    (
        "J",
        {"event": "新生儿", "born": "2023-11-15", "paid_on": "2024-02-15"},
        True,
        "2023-11-15",
        "2024-12-31",
    ),
    ("J", {"event": "新生儿", "born": "2023-11-15", "paid_on": "2024-02-16"}, NULL, "", ""),
    (
        "J",
        {"event": "新生儿", "born": "2023-11-30", "paid_on": "2024-02-29"},
        True,
        "2023-11-30",
        "2024-12-31",
    ),
    ("J", {"event": "新生儿", "born": "2023-11-30", "paid_on": "2024-03-01"}, NULL, "", ""),
    ("J", {"born": "2024-05-31", "paid_on": "2024-08-31"}, True, "2024-05-31", "2024-12-31"),
    ("J", {"born": "2024-05-31", "paid_on": "2024-09-01"}, NULL, "", ""),
    # Three and a half months old in the main window: a resident like any other.
    (
        "J",
        {"event": "新生儿", "born": "2023-09-05", "paid_on": "2023-12-20"},
        True,
        "2024-01-01",
        "2024-12-31",
    ),
    # C50: outside the window no joining in mid-year, except the cases named.
    ("Y", {"paid_on": "2023-09-01"}, True, "2024-01-01", "2024-12-31"),
    ("Y", {"paid_on": "2023-12-31"}, True, "2024-01-01", "2024-12-31"),
    ("Y", {"paid_on": "2023-08-31"}, NULL, "", ""),
    ("Y", {"paid_on": "2024-01-01"}, NO, "", ""),
    ("Y", {"paid_on": "2024-02-15"}, NO, "", ""),
    # C51
    (
        "Y",
        {"event": "新入学大中专院校学生", "paid_on": "2023-09-20"},
        True,
        "2023-09-01",
        "2024-12-31",
    ),
    (
        "Y",
        {"event": "原按学年度缴费的大中专院校学生", "paid_on": "2023-09-20"},
        True,
        "",
        "2023-12-31",
    ),
    # C52: the day of birth is day 0, day 90 is inside.
    (
        "Y",
        {"event": "新生儿", "born": "2023-11-15", "paid_on": "2024-02-13"},
        True,
        "2023-11-15",
        "2024-12-31",
    ),
    # Day 91: full price, which cannot be quoted; cover after 30 days from arrival.
    (
        "Y",
        {"event": "新生儿", "born": "2023-11-15", "paid_on": "2024-02-14"},
        NO,
        "2024-03-16",
        "2024-12-31",
    ),
    # Asked as late although in time: the rule for newborns in time holds.
    (
        "Y",
        {"event": "新生儿逾期", "born": "2023-11-15", "paid_on": "2024-02-13"},
        True,
        "2023-11-15",
        "2024-12-31",
    ),
    # C53: any time, from the day of entering the institution.
    (
        "Y",
        {
            "event": "儿童福利机构接收的儿童",
            "event_date": "2024-03-05",
            "paid_on": "2024-09-30",
        },
        True,
        "2024-03-05",
        "2024-12-31",
    ),
    # C54: 90 days from the break, back to the break.
    (
        "Y",
        {"event": "断保", "event_date": "2024-03-01", "paid_on": "2024-05-30"},
        True,
        "2024-03-01",
        "2024-12-31",
    ),
    (
        "Y",
        {"event": "断保", "event_date": "2024-03-01", "paid_on": "2024-05-31"},
        NO,
        "2024-07-01",
        "2024-12-31",
    ),
    # C55: from the day of payment, no deadline.
    ("Y", {"event": "复转军人", "paid_on": "2024-07-09"}, True, "2024-07-09", "2024-12-31"),
    ("Y", {"event": "刑满释放人员", "paid_on": "2024-07-09"}, True, "2024-07-09", "2024-12-31"),
    # C56: only people in hardship, only for objective reasons.
    (
        "Y",
        {"event": "客观原因未参保", "categories": ["稳定脱贫人口"], "paid_on": "2024-03-09"},
        True,
        "2024-03-09",
        "2024-12-31",
    ),
    ("Y", {"event": "客观原因未参保", "paid_on": "2024-03-09"}, NO, "", ""),
    # C57: 30 days after arrival; day 1 is the day after arrival, cover from day 31.
    (
        "Y",
        {
            "event": "当年新迁入户口",
            "event_date": "2024-03-01",
            "paid_on": "2024-04-30",
            "arrived_on": "2024-05-02",
        },
        NO,
        "2024-06-02",
        "2024-12-31",
    ),
    # C72: before the notice's own date its words say nothing.
    ("N", {"paid_on": "2023-10-23"}, NULL, "", ""),
    ("N", {"paid_on": "2023-10-24"}, True, "2024-01-01", "2024-12-31"),
    ("N", {"paid_on": "2023-12-31"}, True, "2024-01-01", "2024-12-31"),
    # C75: the first of the month after paying in full.
    ("N", {"paid_on": "2024-01-01"}, True, "2024-02-01", "2024-12-31"),
    ("N", {"paid_on": "2024-01-31"}, True, "2024-02-01", "2024-12-31"),
    ("N", {"paid_on": "2024-02-15"}, True, "2024-03-01", "2024-12-31"),
    ("N", {"paid_on": "2024-02-29"}, True, "2024-03-01", "2024-12-31"),
    # C76: 90 days of waiting, the day of payment not counted.
    ("N", {"paid_on": "2024-03-01"}, True, "2024-05-31", "2024-12-31"),
    ("N", {"paid_on": "2024-06-30"}, True, "2024-09-29", "2024-12-31"),
    # C77: full price, not stated; days of cover are told all the same.
    ("N", {"paid_on": "2024-07-01"}, NO, "2024-09-30", "2024-12-31"),
    ("N", {"paid_on": "2024-09-30"}, NO, "2024-12-30", "2024-12-31"),
    ("N", {"paid_on": "2024-10-01"}, NULL, "", ""),
    # C79: born in 2024, hukou of the city; from when is not written.
    (
        "N",
        {"event": "新生儿", "born": "2024-02-01", "paid_on": "2024-05-01"},
        True,
        "",
        "2024-12-31",
    ),
    ("N", {"event": "新生儿", "born": "2024-02-01", "paid_on": "2024-05-02"}, NULL, "", ""),
    (
        "N",
        {"event": "新生儿", "born": "2023-12-30", "paid_on": "2024-02-01"},
        True,
        "2024-03-01",
        "2024-12-31",
    ),
    # C81: new students from the day after payment.
    ("N", {"event": "在渝高校新生", "paid_on": "2023-11-09"}, True, "2023-11-10", "2024-12-31"),
    (
        "N",
        {"event": "学年度已参保大学生", "paid_on": "2023-11-09"},
        True,
        "2023-09-01",
        "2024-12-31",
    ),
]


def ask(year, options: dict) -> quote.Quote:
    dates = {
        name: day(value) if name.endswith("_on") or name in ("born", "event_date") else value
        for name, value in options.items()
    }
    return quote.quote(year, case.ask(year, **dates))


@pytest.mark.parametrize(("county", "options", "allowed", "start", "end"), COVER)
def test_from_when_somebody_is_covered(years, county, options, allowed, start, end):  # noqa: F811
    answer = ask(years[county], options)
    assert (answer.allowed, answer.benefit_from, answer.benefit_to) == (
        allowed,
        day(start),
        day(end),
    ), answer.reason
    assert answer.reason
    if allowed is None:
        assert answer.not_stated
        assert quote.NOT_STATED in answer.reason
        assert (answer.fee, answer.subsidy, answer.due) == (None, None, None)


# C100, and the multi-tier standards of N: county, tier, identities, subsidy, due, department
OWED = [
    ("J", "", [], "0.00", "380.00", None),
    ("J", "", ["低保"], "342.00", "38.00", "县民政局"),
    ("Y", "", ["低保"], "190.00", "190.00", "县民政局"),
    ("N", "一档", ["低保"], "342.00", "38.00", "民政局"),
    ("N", "二档", ["低保"], "380.00", "375.00", "民政局"),
    ("J", "", ["重度残疾"], "190.00", "190.00", "县残联"),
    ("Y", "", ["重度残疾人"], "380.00", "0.00", "县残联"),
    ("N", "一档", ["城乡重度残疾人员"], "266.00", "114.00", "残疾人联合会"),
    ("N", "二档", ["城乡重度残疾人员"], "380.00", "375.00", "残疾人联合会"),
    ("Y", "", ["三、四级残疾"], "190.00", "190.00", "县残联"),
    ("N", "一档", ["普通残疾人"], "190.00", "190.00", "残疾人联合会"),
    ("N", "二档", ["残疾3级"], "190.00", "565.00", "残疾人联合会"),
    ("Y", "", ["低保边缘"], "190.00", "190.00", "县民政局"),
    ("N", "一档", ["低保边缘户"], "266.00", "114.00", "民政局"),
    ("N", "二档", ["低保边缘户"], "380.00", "375.00", "民政局"),
    ("J", "", ["监测户"], "190.00", "190.00", "县乡村振兴局"),
    ("Y", "", ["监测对象"], "190.00", "190.00", "县乡村振兴局"),
    ("N", "一档", ["突发严重困难户"], "266.00", "114.00", "乡村振兴局"),
    ("N", "二档", ["返贫致贫人口"], "380.00", "375.00", "乡村振兴局"),
    ("J", "", ["孤儿"], "380.00", "0.00", "县民政局"),
    ("Y", "", ["孤儿"], "380.00", "0.00", "县民政局"),
    ("N", "一档", ["孤儿"], "380.00", "0.00", "民政局"),
    ("N", "二档", ["孤儿"], "380.00", "375.00", "民政局"),
    # C84
    ("N", "二档", ["烈士遗属"], "755.00", "0.00", "退役军人事务管理局"),
    ("N", "一档", ["烈士遗属"], "0.00", "380.00", None),
    ("N", "一档", ["在乡重点优抚对象"], "380.00", "0.00", "退役军人事务管理局"),
    ("N", "一档", ["在乡重点优抚对象", "1-6级残疾军人"], "0.00", "380.00", None),
    # C86
    ("N", "一档", ["奖扶对象"], "304.00", "76.00", "卫生健康委"),
    ("N", "二档", ["奖扶对象"], "304.00", "451.00", "卫生健康委"),
    ("N", "二档", ["手术并发症对象"], "380.00", "375.00", "卫生健康委"),
    # C88: highest for the chosen tier; ties by the printed order.
    ("N", "二档", ["低保", "特困"], "380.00", "375.00", "民政局"),
    ("N", "二档", ["边缘易致贫户", "城乡重度残疾人员"], "380.00", "375.00", "残疾人联合会"),
    ("N", "一档", ["普通残疾人", "脱贫不稳定户"], "266.00", "114.00", "乡村振兴局"),
    # C24: annex 2's order; equal amounts, so it only decides who pays.
    ("J", "", ["重度残疾", "监测户"], "190.00", "190.00", "县乡村振兴局"),
    ("J", "", ["低保", "特困", "孤儿"], "380.00", "0.00", "县民政局"),
    ("J", "", ["下岗职工", "优抚"], "380.00", "0.00", "县退役军人局"),
    # C49
    ("Y", "", ["低保", "重度残疾"], "380.00", "0.00", "县残联"),
    # Covered, but given no money.
    ("J", "", ["脱贫人口"], "0.00", "380.00", None),
    ("N", "一档", ["稳定脱贫人口"], "0.00", "380.00", None),
]


def test_named_for_the_other_tier_only_nothing_is_given_and_the_question_stands_beside_it(years):  # noqa: F811
    """C84: 烈士遗属 stand in tier two alone; the notice does not say that tier one gets nothing."""
    question = "烈士遗属等四类人员参加一档是否资助"
    answer = ask(years["N"], {"tier": "一档", "categories": ["烈士遗属"]})
    assert (answer.subsidy, answer.not_stated) == (0, [question])
    for other in ({"tier": "二档", "categories": ["烈士遗属"]}, {"tier": "一档"}):
        assert question not in ask(years["N"], other).not_stated


@pytest.mark.parametrize(("county", "tier", "categories", "subsidy", "due", "department"), OWED)
def test_what_somebody_owes(years, county, tier, categories, subsidy, due, department):  # noqa: F811
    answer = ask(years[county], {"tier": tier, "categories": categories}).as_dict()
    assert (answer["allowed"], answer["subsidy"], answer["due"], answer["department"]) == (
        True,
        subsidy,
        due,
        department,
    ), answer["reason"]
    if department:
        assert answer["rules"]
        assert department in answer["reason"]


# Timing and conditions: county, what is asked, subsidy, due
SUBSIDISED = [
    # C23: as at the payment; no claw-back, no refund.
    ("J", {"paid_on": "2023-11-01", "recognised_on": "2023-11-01"}, "342.00", "38.00"),
    ("J", {"paid_on": "2023-11-01", "recognised_on": "2023-11-02"}, "0.00", "380.00"),
    ("J", {"paid_on": "2023-11-01", "removed_on": "2023-11-02"}, "342.00", "38.00"),
    ("J", {"paid_on": "2023-11-01", "removed_on": "2023-11-01"}, "0.00", "380.00"),
    # C48: within the window this year, for those who have paid too; later ones next year.
    ("Y", {"paid_on": "2023-10-01", "recognised_on": "2023-12-31"}, "190.00", "190.00"),
    ("Y", {"paid_on": "2023-12-31", "recognised_on": "2024-01-01"}, "0.00", "380.00"),
    ("Y", {"paid_on": "2023-12-31", "removed_on": "2023-11-01"}, None, None),
    ("Y", {"paid_on": "2023-10-01", "removed_on": "2024-03-01"}, "190.00", "190.00"),
    # C56, C78: whether those recognised in time are helped in late windows is not written …
    (
        "Y",
        {"event": "客观原因未参保", "paid_on": "2024-03-01", "recognised_on": "2023-10-01"},
        None,
        None,
    ),
    # … but those recognised after the window are not.
    (
        "Y",
        {"event": "客观原因未参保", "paid_on": "2024-03-01", "recognised_on": "2024-02-01"},
        "0.00",
        "380.00",
    ),
    ("J", {"paid_on": "2024-02-10", "attributes": [MIGRANT]}, None, None),
    ("N", {"paid_on": "2024-02-10"}, None, None),
    # N says nothing about when.
    ("N", {"paid_on": "2023-11-01", "recognised_on": "2023-10-01"}, "342.00", "38.00"),
    ("N", {"paid_on": "2023-11-01", "recognised_on": "2023-11-02"}, None, None),
    ("N", {"paid_on": "2023-11-01", "removed_on": "2023-10-30"}, None, None),
    # C82: 342 yuan of 350, or nine tenths of it? Not written.
    ("N", {"group": "大学生"}, None, None),
]


@pytest.mark.parametrize(("county", "options", "subsidy", "due"), SUBSIDISED)
def test_which_identity_counts_when(years, county, options, subsidy, due):  # noqa: F811
    answer = ask(years[county], {"categories": ["低保"]} | options)
    told = answer.as_dict()
    assert (told["allowed"], told["subsidy"], told["due"]) == (True, subsidy, due), told
    if subsidy is None:
        assert answer.not_stated
        assert quote.NOT_STATED in answer.reason


def test_a_subsidy_never_exceeds_a_students_fee(years):  # noqa: F811
    """C82: 380 against 350."""
    answer = ask(years["N"], {"group": "大学生", "categories": ["孤儿"]}).as_dict()
    assert (answer["fee"], answer["subsidy"], answer["due"]) == ("350.00", "350.00", "0.00")


def test_only_for_those_insured_in_the_county(years):  # noqa: F811
    """C45: grades three and four."""
    grade = {"categories": ["三、四级残疾"]}
    assert ask(years["Y"], grade).as_dict()["subsidy"] == "190.00"
    assert ask(years["Y"], grade | {"insured_here": False}).as_dict()["subsidy"] == "0.00"


def test_special_support_asks_for_a_local_hukou(years):  # noqa: F811
    """C86."""
    special = {"categories": ["特扶对象"]}
    assert ask(years["N"], special).as_dict()["subsidy"] == "380.00"
    assert ask(years["N"], special | {"hukou_here": False}).as_dict()["subsidy"] == "0.00"


def test_the_full_price_waits_for_the_fiscal_part(years):  # noqa: F811
    """C44, C77: refused with the reason until 640 is entered, then 1,020 and 1,395."""
    year = years["N"]
    answer = ask(year, {"paid_on": "2024-07-01"})
    assert answer.as_dict()["fee"] == "380.00"
    assert (answer.fiscal, answer.due) == (None, None)
    assert any("财政补助" in one for one in answer.not_stated)
    from_tier = {"一档": "1020.00", "二档": "1395.00"}
    rows = year.fee_set.all()
    rows.update(fiscal=640)
    try:
        for tier, due in from_tier.items():
            told = ask(year, {"paid_on": "2024-07-01", "tier": tier}).as_dict()
            assert (told["allowed"], told["fiscal"], told["due"]) == (True, "640.00", due)
    finally:
        rows.update(fiscal=None)


def test_the_other_counting_of_days_is_a_setting(years):  # noqa: F811
    """C76, C77: the day of payment plus 90."""
    year = years["N"]
    waits = year.window_set.filter(counting="full")
    waits.update(counting="plus")
    try:
        for paid, start in (
            ("2024-03-01", "2024-05-30"),
            ("2024-06-30", "2024-09-28"),
            ("2024-09-30", "2024-12-29"),
        ):
            assert ask(year, {"paid_on": paid}).benefit_from == day(start)
    finally:
        year.window_set.filter(counting="plus").update(counting="full")


def test_a_short_cover_is_told_before_money_is_taken(years):  # noqa: F811
    """C77: two days."""
    assert "只有 2 天" in ask(years["N"], {"paid_on": "2024-09-30"}).reason


def test_the_difference_is_told_to_those_who_have_paid(years):  # noqa: F811
    """C48."""
    answer = ask(
        years["Y"],
        {"categories": ["低保"], "paid_on": "2023-10-01", "recognised_on": "2023-11-01"},
    )
    assert "应退补差额" in answer.reason


def test_several_identities_are_told_with_the_rule_between_them(years):  # noqa: F811
    answer = ask(years["J"], {"categories": ["低保", "监测户"]})
    assert "同时属于监测人口，按优先次序由低保对象资助" in answer.reason
