"""A new year: copied, looked through, compared, tried over last year's people, put into force."""

import json
from datetime import date
from io import BytesIO, StringIO

import pytest
from django.core.management import call_command
from openpyxl import load_workbook

from enrollment.failure import Failure
from enrollment.models import Enrollment, PolicyYear, Region
from enrollment.models.rules import Fee, Tier, Window
from enrollment.tests.cast import Cast, make_payment
from subsidies import assessment, trial
from subsidies.models import Category, Entitlement, Estimate, Standard, Subsidy
from targets import opening, pack
from targets.changes import changes
from targets.models import CarriedRule, TargetVersion
from targets.tests.test_pack_loading import FILES
from targets.tests.test_policy_pages import officers_browser, ruled_county, save

__all__ = ["officers_browser", "ruled_county"]
pytestmark = pytest.mark.django_db
NEXT = "/990001/2025/policy"


def clone(county: Cast) -> PolicyYear:
    return opening.clone(county.year, year=2025, by=county.county_officer)


def left(year: PolicyYear) -> list[tuple[str, str]]:
    return [(one.table, one.label) for one in opening.carried(year, pack.fetch_tables(year))]


def confirm_all(year: PolicyYear, county: Cast) -> None:
    for table in {table for table, _ in left(year)}:
        opening.confirm(year, table, by=county.county_officer)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_county_s_policy_can_be_copied_and_loaded_again(path):
    pack.load([pack.read_file(path)])
    year = PolicyYear.objects.select_related("county").get()
    made = opening.clone(year, year=2025, by=None)
    dumped = pack.dump(made)
    (again,) = pack.load([pack.read(dumped, file="again.toml")])
    assert not again.changed and made.state == PolicyYear.State.DRAFT
    for change in changes(pack.fetch_tables(year), pack.fetch_tables(made), about=False):
        days = [day.replace("02-29", "02-28")[5:] for day in (change.before, change.after)]
        moved = days[0] == days[1] or change.table in ("forms", "targets")
        fiscal = change.field in ("上年财政补助", "待遇年度", "文件标题", "文号", "成文日期")
        assert moved or fiscal or change.field in ("依据文件", "录入说明"), change


def test_dates_move_and_the_notice_is_left_out(county):
    PolicyYear.objects.filter(pk=county.year.pk).update(
        document="示政〔2023〕1号", issued_on=date(2023, 8, 1), base_date=date(2023, 8, 31)
    )
    county.year.refresh_from_db()
    made = clone(county)
    assert (made.document, made.issued_on, made.base_date) == ("", None, date(2024, 8, 31))
    main, late = Window.objects.filter(policy_year=made).order_by("order")
    assert (main.pays_from, main.pays_to) == (date(2024, 9, 1), date(2024, 12, 31))
    assert late.pays_to == date(2025, 2, 28), "there is no 29 February"
    assert main.cites == "2024年度文件 二"
    assert not TargetVersion.objects.filter(policy_year=made).exists()
    fee = Fee.objects.get(policy_year=made)
    assert (fee.personal, fee.fiscal, fee.fiscal_prior) == (380, 640, 640)


def test_every_copied_rule_is_flagged_until_confirmed_or_changed(county, officer):
    made = clone(county)
    total = len(left(made))
    assert total == CarriedRule.objects.count() > 10
    assert ("fees", "一档 · 普通居民") in left(made)
    opening.confirm(made, "fees", ["一档 · 普通居民"], by=county.county_officer)
    assert len(left(made)) == total - 1
    answer = save(officer, f"{NEXT}/rules/windows/2/", pays_to="2025-02-20")
    assert answer.status_code == 302, answer.content.decode()
    assert ("windows", "延长期") not in left(made) and len(left(made)) == total - 2


def test_a_place_that_ended_is_not_copied(county):
    Region.objects.filter(pk=county.west.pk).update(valid_to="2024-06-30")
    made = clone(county)
    assert [region.name for region in made.regions.all()] == ["东风镇"]


def test_a_year_is_copied_once_and_only_from_a_policy(county):
    clone(county)
    with pytest.raises(Failure, match="已经有政策"):
        clone(county)
    bare = PolicyYear.objects.create(county=county.county, year=2020, state="history")
    with pytest.raises(Failure, match="没有政策可以复制"):
        opening.clone(bare, year=2026, by=None)


def test_a_list_of_who_was_insured_becomes_the_prepared_year(county):
    PolicyYear.objects.create(county=county.county, year=2025, state="history")
    assert clone(county).state == PolicyYear.State.DRAFT


@pytest.mark.parametrize(
    "who", ["east_officer", "red_star_clerk", "county_viewer", "auditor", "administrator"]
)
def test_nobody_sees_a_prepared_year_but_those_who_prepare_it(who, county, signed_in):
    made = clone(county)
    browser = signed_in(getattr(county, who))
    for page in ("policy/", "progress/", "residents/", "quotes/", "policy/opening/"):
        assert browser.get(f"/990001/2025/{page}").status_code == 404
    assert "2025" not in browser.get("/990001/2024/policy/").content.decode()
    confirm_all(made, county)
    opening.activate(made, by=county.county_officer)
    assert browser.get("/990001/2025/policy/").status_code == 200


def test_it_cannot_be_put_into_force_while_rules_are_unconfirmed(county, officer):
    made = clone(county)
    with pytest.raises(Failure, match="沿用上年，还没有核对"):
        opening.activate(made, by=county.county_officer)
    answer = officer.post(f"{NEXT}/activate/", {"why": "示政〔2024〕1号"})
    assert answer.status_code == 400 and "还不能启用" in answer.content.decode()
    confirm_all(made, county)
    save(officer, f"{NEXT}/rules/fees/1/", personal="400", wait="1")
    with pytest.raises(Failure, match="修改稿"):
        opening.activate(made, by=county.county_officer)
    officer.post(f"{NEXT}/draft/", {"verb": "discard", "sure": "on"})
    assert officer.post(f"{NEXT}/activate/", {"why": ""}).status_code == 400
    assert officer.post(f"{NEXT}/activate/", {"why": "示政〔2024〕1号"}).status_code == 302
    made.refresh_from_db()
    assert made.state == PolicyYear.State.ACTIVE
    assert made.versions.latest("number").why == "示政〔2024〕1号"
    with pytest.raises(Failure, match="不能启用"):
        opening.activate(made, by=county.county_officer)


def test_it_cannot_be_put_into_force_while_it_disagrees_with_itself(county):
    made = clone(county)
    confirm_all(made, county)
    Fee.objects.filter(policy_year=made).update(personal=400)
    with pytest.raises(Failure, match="190"):
        opening.activate(made, by=county.county_officer)


def test_the_difference_page_says_what_changed_rule_by_rule(county, officer):
    clone(county)
    save(officer, f"{NEXT}/rules/windows/2/", pays_to="2025-03-31")
    page = officer.get(f"{NEXT}/comparison/").content.decode()
    for text in ("延长期", "缴费截止日", "2024-02-29", "2025-03-31", "2024年度", "2025年度"):
        assert text in page
    assert "2024年度文件" not in page, "paragraphs are another matter"


def dear(county: Cast) -> PolicyYear:
    """2025 at 400 yuan, half of it subsidised, and 甲一 and 乙一 are on the list of 2024."""
    category = Category.objects.get(policy_year=county.year)
    for name in ("甲一", "丙一"):
        person = county.people[name]
        Entitlement.objects.create(
            policy_year=county.year,
            person=person,
            category=category,
            county_id=person.county_id,
            town_id=person.town_id,
            village_id=person.village_id,
        )
    make_payment(county.people["甲一"], county.year, "190.00")
    make_payment(county.people["乙一"], county.year, "380.00")
    Enrollment.objects.update(tier=Tier.objects.get(policy_year=county.year))
    made = clone(county)
    Fee.objects.filter(policy_year=made).update(personal=400)
    Standard.objects.filter(policy_year=made).update(amount=200, personal=200)
    Window.objects.filter(main=True).update(subsidised=True)
    return made


def test_the_trial_counts_people_and_yuan_under_both_years(county):
    made = dear(county)
    found = trial.summary(county.year, made)
    total = found.total
    assert (total.before.people, total.before.due, total.before.subsidy) == (3, 760, 380)
    assert (total.after.people, total.after.due, total.after.subsidy) == (3, 800, 400)
    assert (found.more, found.less, found.same, found.open) == (3, 0, 0, 0)
    by_name = {line.name: line for line in found.categories}
    assert by_name["低保对象"].after.people == 2 and by_name["低保对象"].more_subsidy == 20
    assert by_name[trial.NOBODY].before.due == 380 and by_name[trial.NOBODY].after.due == 400
    assert [(line.name, line.after.people) for line in found.towns] == [
        ("东风镇", 2),
        ("西河镇", 1),
    ]
    assert [line.name for line in found.tiers] == ["一档"]
    assert [line.name for line in found.groups] == ["普通居民"]
    assert found.unmatched == []


def test_the_trial_is_the_assessment_s_own_answer(county):
    """What the trial says of the base year is what the estimate of that year says."""
    made = dear(county)
    county.year.refresh_from_db()
    assessment.assess(county.year)
    found = trial.summary(county.year, made)
    line = next(line for line in found.categories if line.name == "低保对象")
    estimate = list(Estimate.objects.values_list("subsidy", "due"))
    assert line.before.people == len(estimate) == 2
    assert line.before.subsidy == sum(subsidy for subsidy, _ in estimate)


def test_a_trial_writes_nothing(county):
    made = dear(county)
    revision = PolicyYear.objects.get(pk=made.pk).revision
    trial.summary(county.year, made)
    assert not Estimate.objects.exists() and not Subsidy.objects.exists()
    assert not Entitlement.objects.filter(policy_year=made).exists()
    assert PolicyYear.objects.get(pk=made.pk).revision == revision


def test_a_category_by_another_name_is_said_until_its_alias_is_written(county):
    made = dear(county)
    Category.objects.filter(policy_year=made).update(name="最低生活保障对象")
    found = trial.summary(county.year, made)
    assert "新规定里没有资助对象类别“低保对象”" in found.unmatched[0]
    assert found.total.after.subsidy == 0
    Category.objects.filter(policy_year=made).update(aliases=["低保对象"])
    found = trial.summary(county.year, made)
    assert found.unmatched == [] and found.total.after.subsidy == 400


def test_the_trial_page_and_its_list(county, officer):
    dear(county)
    page = officer.get(f"{NEXT}/trial/").content.decode()
    for text in ("760.00 → 800.00", "多缴 3 人", "低保对象", "东风镇", "下载有变化的人员"):
        assert text in page
    answer = officer.get(f"{NEXT}/trial/list/")
    sheet = load_workbook(BytesIO(b"".join(answer.streaming_content))).active
    rows = [row for row in sheet.iter_rows(values_only=True) if isinstance(row[0], int)]
    assert [row[3] for row in rows] == ["甲一", "乙一", "丙一"]
    assert rows[0][15] == 10 and rows[1][15] == 20
    assert "19800102" not in str(rows[0][4])


def test_the_command_says_how_much_is_left_to_look_through(county):
    out = StringIO()
    call_command(
        "clone_year", "--county", "990001", "--from", "2024", "--to", "2025", "--json", stdout=out
    )
    answer = json.loads(out.getvalue())
    assert (answer["from"], answer["to"], answer["state"]) == (2024, 2025, "draft")
    assert answer["carried"] == sum(answer["rules"].values()) > 10


def test_a_pack_loaded_over_the_copy_clears_what_it_changes(county):
    made = clone(county)
    dumped = pack.dump(made)
    text = dumped.replace("fiscal = 640", "fiscal = 670")
    pack.load([pack.read(text, file="新.toml")])
    made.refresh_from_db()
    assert made.state == PolicyYear.State.DRAFT
    assert ("fees", "一档 · 普通居民") not in left(made) and ("windows", "集中期") in left(made)
    assert Fee.objects.get(policy_year=made).fiscal == 670
