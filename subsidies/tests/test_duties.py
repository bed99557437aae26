"""名单报送: on time, late, missing; nobody without a day is ever late; 无变动 in one click."""

from datetime import date

import pytest
from django.urls import reverse

from enrollment.failure import Failure
from enrollment.models import Roster
from enrollment.models.rules import Duty
from enrollment.tests.cast import id_number, paid
from enrollment.tests.handing import put_in
from subsidies.duties import declare_nil, dues
from subsidies.models import NilReturn
from subsidies.tests.rules import category, department
from subsidies.tests.test_overlap import window  # noqa: F401

TODAY = date(2023, 11, 15)


@pytest.fixture
def civil(cast, window):  # noqa: F811
    low = category(cast.year, "低保对象", "低保", by="县民政局")
    category(cast.year, "孤儿", by="县民政局")
    Duty.objects.create(
        policy_year=cast.year, department=low.department, text="反馈动态调整信息",
        lists=["低保", "孤儿"], due_day=10,
    )  # fmt: skip
    Duty.objects.create(
        policy_year=cast.year, department=department(cast.year, "县教体局"), text="及时提供",
        lists=["贫困学生"],
    )  # fmt: skip
    return low.department


def hand_in(cast, when: str, **more) -> Roster:
    rows, headings = [["甲一", id_number(1)]], ["姓名", "身份证号"]
    found = put_in(cast, "category", rows, headings=headings, topic="低保", **more)
    Roster.objects.filter(pk=found.pk).update(uploaded_at=paid(when))
    return found


def states(cast, today=TODAY, **more) -> dict[tuple[str, int], str]:
    found = dues(cast.year, today=today, **more)
    return {(one.topic, one.month.month): str(one.state) for one in found}


def test_a_list_is_on_time_late_missing_or_not_yet_due(cast, civil):
    hand_in(cast, "2023-09-10 23:59", department=civil)
    hand_in(cast, "2023-10-11 00:00", department=civil)
    assert states(cast) == {
        ("低保对象", 9): "on_time", ("孤儿", 9): "missing",
        ("低保对象", 10): "late", ("孤儿", 10): "missing",
        ("低保对象", 11): "missing", ("孤儿", 11): "missing",
    }  # fmt: skip
    assert states(cast, today=date(2023, 9, 10))["孤儿", 9] == "waiting"


def test_a_department_without_a_day_is_never_late(cast, civil):
    assert "贫困学生" not in {topic for topic, _ in states(cast)}
    assert states(cast, department=department(cast.year, "县教体局")) == {}


def test_what_was_withdrawn_never_came(cast, civil):
    found = hand_in(cast, "2023-09-05 10:00", department=civil)
    Roster.objects.filter(pk=found.pk).update(state="withdrawn")
    assert states(cast)["低保对象", 9] == "missing"


def test_the_county_may_hand_in_for_a_department(cast, civil):
    hand_in(cast, "2023-09-05 10:00")
    assert states(cast)["低保对象", 9] == "on_time"


def test_a_nil_return_is_a_return(cast, civil):
    month = date(2023, 9, 1)
    declare_nil(cast.year, department=civil, topic="孤儿", month=month, by=None)
    NilReturn.objects.update(declared_at=paid("2023-09-09 08:00"))
    assert states(cast)["孤儿", 9] == "on_time"
    with pytest.raises(Failure, match="已经报来"):
        declare_nil(cast.year, department=civil, topic="孤儿", month=month, by=None)
    other = department(cast.year, "县教体局")
    with pytest.raises(Failure, match="没有按月报送"):
        declare_nil(cast.year, department=other, topic="孤儿", month=month, by=None)


def test_the_page_declares_in_one_click(cast, civil, signed_in):
    cast.department_user.department = civil
    cast.department_user.save()
    browser = signed_in(cast.department_user)
    page = browser.get(reverse("subsidies:duties", args=["990001", 2024]))
    assert "孤儿" in page.text
    assert "缺报" in page.text
    asked = {"department": civil.pk, "topic": "孤儿", "month": "2023-09"}
    url = reverse("subsidies:duties-nil", args=["990001", 2024])
    answer = browser.post(url, asked, follow=True)
    assert "已报：县民政局“孤儿”2023年09月无变动。" in answer.text
    assert NilReturn.objects.get().declared_by == cast.department_user
    foreign = browser.post(url, asked | {"department": department(cast.year, "县教体局").pk})
    assert foreign.status_code == 404
    assert signed_in(cast.east_officer).get(url.removesuffix("nil/")).status_code == 403
