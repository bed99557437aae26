"""The three packs say what the three notices say; every number here was typed from the notice."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from enrollment.models import PolicyYear, Region
from enrollment.models.rules import Duty, EventRule, Fee, NotStated, StatusKind, Window
from subsidies.models import Category, Standard
from targets import pack
from targets.models import Form, Goal, Target, TargetVersion

POLICIES = Path(settings.BASE_DIR) / "policies"
FILES = ["jinzhai-2024.toml", "yueyang-2024.toml", "yunyang-2024.toml"]

JINZHAI = """
沙河乡 15292 790 14502 13777
吴家店镇 30579 1424 29155 27697
油坊店乡 26908 1798 25110 23855
白塔畈镇 41088 3392 37696 35811
斑竹园镇 21717 1527 20190 19181
全军乡 11141 767 10374 9855
关庙乡 11820 820 11000 10450
梅山镇 131991 36791 95200 90440
天堂寨镇 17317 1538 15779 14990
果子园乡 14935 804 14131 13424
槐树湾乡 28552 1506 27046 25694
长岭乡 17415 1060 16355 15537
桃岭乡 29715 1719 27996 26596
麻埠镇 14742 890 13852 13159
古碑镇 40578 2540 38038 36136
铁冲乡 12712 822 11890 11296
流波䃥镇 12382 710 11672 11088
燕子河镇 31658 2419 29239 27777
青山镇 21629 1897 19732 18745
双河镇 24965 1911 23054 21901
花石乡 15570 820 14750 14013
南溪镇 51207 3639 47568 45190
汤家汇镇 49529 2776 46753 44415
"""
YUEYANG = """
荣家湾镇人民政府 81611
麻塘办事处 21196
新开镇人民政府 31326
箕口镇人民政府 44668
公田镇人民政府 33905
毛田镇人民政府 38032
月田镇人民政府 32969
张谷英镇人民政府 35004
杨林街镇人民政府 24875
步仙镇人民政府 27595
柏祥镇人民政府 26227
新墙镇人民政府 25589
长湖乡人民政府 31989
黄沙街镇人民政府 43419
中洲乡人民政府 24282
县鹿角区域发展服务中心 9069
县大云山国有林场 1556
洞庭苇业公司 2038
"""
NONGBA = """
农坝社区 5304
龙堰社区 4974
幸福村 3588
红梁村 1989
水竹村 2090
云山村 2509
云峰村 2504
"""
# Annex 1 of Nongba: subsidy and own part in tier one, then in tier two; None = no such row.
CONTRAST = [
    ("特困人员", 380, 0, 380, 375),
    ("城乡孤儿", 380, 0, 380, 375),
    ("城乡低保对象", 342, 38, 380, 375),
    ("低保边缘户", 266, 114, 380, 375),
    ("在乡老复员军人", None, None, 755, 0),
    ("烈士遗属", None, None, 755, 0),
    ("因公牺牲军人遗属", None, None, 755, 0),
    ("病故军人遗属", None, None, 755, 0),
    ("在乡重点优抚对象(不含1-6级残疾军人)", 380, 0, 380, 375),
    ("城乡重度（一、二级）残疾人员", 266, 114, 380, 375),
    ("残疾3-4级", 190, 190, 190, 565),
    ("计生残抚（特扶）对象", 380, 0, 380, 375),
    ("计划生育手术并发症对象", 380, 0, 380, 375),
    ("计生优抚（奖扶）对象", 304, 76, 304, 451),
    ("边缘易致贫户", 266, 114, 380, 375),
    ("脱贫不稳定户", 266, 114, 380, 375),
    ("突发严重困难户", 266, 114, 380, 375),
    ("返贫致贫人口", 266, 114, 380, 375),
]


@pytest.fixture(scope="module")
def years(django_db_setup, django_db_blocker):
    """The three counties' years, loaded once: the tests of this module only read."""
    with django_db_blocker.unblock(), transaction.atomic():
        pack.load([pack.read_file(POLICIES / name) for name in FILES])
        yield {year.county.key: year for year in PolicyYear.objects.select_related("county")}
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def jinzhai(years):
    return years["341524"]


@pytest.fixture(scope="module")
def yueyang(years):
    return years["430621"]


@pytest.fixture(scope="module")
def yunyang(years):
    return years["500235"]


def issued(year):
    """The rows of the issued version in printed order, without the total."""
    version = TargetVersion.objects.get(policy_year=year, state="issued")
    rows = version.targets.select_related("region").order_by("region__order")
    return [row for row in rows if row.region_id != version.set_by_id]


def total(year):
    version = TargetVersion.objects.get(policy_year=year, state="issued")
    return version.targets.get(region=version.set_by)


def window(year, name):
    return Window.objects.get(policy_year=year, name=name)


def event(year, name):
    return EventRule.objects.get(policy_year=year, name=name)


def paid(year, name):
    """Method, amount and own part of a category's standard in the first tier."""
    standard = Standard.objects.get(category__policy_year=year, category__name=name)
    return standard.method, standard.amount, standard.personal


class TestJinzhai:
    def test_annex_1_row_by_row(self, jinzhai):
        rows = [
            f"{t.region.name} {t.population} {t.deductions} {t.base} {t.target}"
            for t in issued(jinzhai)
        ]
        assert rows == JINZHAI.split("\n")[1:-1]

    def test_the_total_is_not_the_sum_of_its_rows(self, jinzhai):
        row = total(jinzhai)
        assert (row.population, row.deductions, row.base, row.target) == (
            673442,
            72360,
            601082,
            571028,
        )
        assert sum(t.target for t in issued(jinzhai)) == 571027
        assert "571027.9" in row.note and "571027" in row.note

    def test_the_town_with_the_rare_character(self, jinzhai):
        town = Region.objects.get(county=jinzhai.county, name="流波\u40e5镇")
        assert town.order == 17 and town.key == "341524-17"

    def test_units_without_a_target(self, jinzhai):
        without = Region.objects.filter(county=jinzhai.county, declared=True, level="town").exclude(
            pk__in=Target.objects.values("region")
        )
        assert {unit.name for unit in without} == {"安徽金寨经济开发区", "安徽金寨技师学院"}

    def test_base_date_and_deductions(self, jinzhai):
        assert jinzhai.base_date == date(2023, 8, 31)
        kinds = StatusKind.objects.filter(policy_year=jinzhai, bucket="deducted").order_by("order")
        assert [kind.name for kind in kinds] == [
            "职工参保",
            "死亡未注销",
            "空挂户",
            "失联",
            "服役",
            "服刑",
            "外嫁",
            "离婚",
        ]
        others = StatusKind.objects.filter(policy_year=jinzhai).exclude(bucket="deducted")
        assert all(kind.source and not kind.cites for kind in others)
        assert min(kind.order for kind in others) > max(kind.order for kind in kinds)
        assert jinzhai.targetrule_set.get().deductions_open

    def test_windows(self, jinzhai):
        main = window(jinzhai, "集中参保缴费期")
        assert (main.pays_from, main.pays_to) == (date(2023, 9, 1), date(2023, 12, 31))
        assert "县补录" in main.source and "县补录" in jinzhai.benefit_source
        assert not jinzhai.benefit_cites
        late = window(jinzhai, "春节返乡延长缴费期")
        assert late.pays_to == date(2024, 2, 28)
        assert late.attribute.name == "春节返乡的外出务工人员"
        assert (late.start, late.subsidised) == ("next_day", None)

    def test_newborns_have_three_calendar_months(self, jinzhai):
        newborn = event(jinzhai, "新生儿")
        assert (newborn.within_months, newborn.within_days) == (3, None)
        assert newborn.start == "event_date"

    def test_fee(self, jinzhai):
        fee = Fee.objects.get(policy_year=jinzhai)
        assert (fee.personal, fee.fiscal) == (380, 640)
        assert fee.fiscal_from == "中央、省财政"

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("特困人员", ("full", 380, None)),
            ("孤儿", ("full", 380, None)),
            ("重点优抚对象", ("full", 380, None)),
            ("国有企业破产改制困难职工", ("full", 380, None)),
            ("低保对象", ("fixed", 342, 38)),
            ("计生手术并发症人员", ("fixed", 190, 190)),
            ("农村独生子女领证户夫妇", ("fixed", 190, 190)),
            ("农村双女绝育户夫妇", ("fixed", 190, 190)),
            ("重度残疾人", ("fixed", 190, 190)),
            ("监测人口", ("fixed", 190, 190)),
        ],
    )
    def test_standards(self, jinzhai, name, expected):
        assert paid(jinzhai, name) == expected

    def test_the_order_of_annex_2(self, jinzhai):
        lines = jinzhai.categoryline_set.order_by("order")
        assert [line.name for line in lines] == [
            "特困",
            "孤儿",
            "优抚",
            "破产企业职工",
            "低保",
            "监测户",
            "重度残疾",
            "计生对象",
        ]
        assert lines[3].note_name == "下岗职工"
        for category in Category.objects.filter(policy_year=jinzhai, purpose="subsidy"):
            assert category.priority == category.line.order

    def test_identity_counts_at_payment(self, jinzhai):
        rule = jinzhai.subsidyrule_set.get()
        assert (rule.identity, rule.difference_due) == ("at_payment", False)
        assert rule.identity_cites == "七（三）"

    def test_no_department_has_a_due_day(self, jinzhai):
        assert not Duty.objects.filter(policy_year=jinzhai, due_day__isnull=False).exists()

    def test_three_instruments_and_six_commended(self, jinzhai):
        assert [(c.period, c.instrument) for c in jinzhai.cadence_set.order_by("order")] == [
            ("week", "circular"),
            ("xun", "dispatch"),
            ("month", "inspection"),
        ]
        assert jinzhai.ranking_set.get().commend_first == 6

    def test_form_headings_keep_their_line_breaks(self, jinzhai):
        form = Form.objects.get(policy_year=jinzhai, key="targets")
        headings = [column.heading for column in form.columns.order_by("order")]
        assert headings[4:] == [["2024年度参\n保基数（人）"], ["2024年度参保\n任务数（人）"]]
        assert form.notes[0].startswith("备注：2024年度参保基数=2023年8月底公安户籍人口数-职工")


class TestYueyang:
    def test_annex_row_by_row(self, yueyang):
        rows = [f"{t.region.printed} {t.target}" for t in issued(yueyang)]
        assert rows == YUEYANG.split("\n")[1:-1]
        assert total(yueyang).target == 535350
        assert all(t.base is None for t in issued(yueyang))

    def test_the_misprinted_town_is_found_by_all_its_names(self, yueyang):
        for name in ("筻口镇", "箕口镇", "箕口镇人民政府"):
            assert Region.objects.find(name, county=yueyang.county).key == "430621107"

    def test_this_years_fiscal_part_is_not_stated(self, yueyang):
        for fee in Fee.objects.filter(policy_year=yueyang):
            assert (fee.personal, fee.fiscal, fee.fiscal_prior) == (380, None, 640)
        assert NotStated.objects.filter(policy_year=yueyang, topic="fiscal").exists()

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("特困供养人员", ("full", None, None)),
            ("重度残疾人", ("full", None, None)),
            ("孤儿", ("full", None, None)),
            ("事实无人抚养儿童", ("full", None, None)),
            ("低保对象", ("percent", 190, 190)),
            ("监测对象", ("percent", 190, 190)),
            ("最低生活保障边缘家庭成员", ("percent", 190, 190)),
            ("三、四级中轻度残疾对象", ("percent", 190, 190)),
        ],
    )
    def test_standards(self, yueyang, name, expected):
        assert paid(yueyang, name) == expected

    def test_mild_disability_only_in_the_county_and_from_another_purse(self, yueyang):
        standard = Standard.objects.get(category__policy_year=yueyang, insured_here=True)
        assert (standard.category.grade_from, standard.category.grade_to) == (3, 4)
        assert [part.fund for part in standard.funding.all()] == ["财政专项经费"]

    @pytest.mark.parametrize(
        ("name", "within", "price", "start"),
        [
            ("新生儿", 90, "personal", "event_date"),
            ("儿童福利机构接收的儿童", None, "personal", "event_date"),
            ("职工医保断保", 90, "personal", "event_date"),
            ("复转军人", None, "personal", "payment_day"),
            ("刑满释放人员", None, "personal", "payment_day"),
            ("困难群众客观原因未参保", None, "personal", "payment_day"),
            ("当年新迁入户口", None, "full", "after_arrival"),
            ("新生儿逾期", None, "full", "after_arrival"),
            ("职工医保断保逾期", None, "full", "after_arrival"),
        ],
    )
    def test_special_cases(self, yueyang, name, within, price, start):
        rule = event(yueyang, name)
        assert (rule.within_days, rule.price, rule.start) == (within, price, start)
        if start == "after_arrival":
            assert rule.wait == 30

    def test_college_students_are_covered_sixteen_months(self, yueyang):
        rule = event(yueyang, "新入学大中专院校学生")
        assert (rule.start_on, rule.benefit_to) == (date(2023, 9, 1), date(2024, 12, 31))

    def test_objective_reasons_are_for_named_groups_and_verified(self, yueyang):
        rule = event(yueyang, "困难群众客观原因未参保")
        assert rule.needs_verification
        names = set(rule.categories.values_list("name", flat=True))
        assert "稳定脱贫人口" in names and "三、四级中轻度残疾对象" not in names

    def test_due_days_bind_three_departments(self, yueyang):
        due = Duty.objects.filter(policy_year=yueyang, due_day=10).order_by("pk")
        assert {duty.department.name for duty in due} == {"县民政局", "县乡村振兴局", "县残联"}
        assert Duty.objects.get(policy_year=yueyang, lists=["稳定脱贫人口"]).due_day is None

    def test_goals(self, yueyang):
        goals = {g.kind: g for g in Goal.objects.filter(policy_year=yueyang)}
        assert goals["participation"].rate == Decimal("0.95")
        assert goals["participation"].denominator.kind == "resident"
        assert goals["completion"].rate == 1
        assert goals["group"].rate == 1 and goals["group"].categories.count() == 8
        assert goals["cohort"].event.name == "新生儿"

    def test_a_difference_is_due_within_the_window(self, yueyang):
        rule = yueyang.subsidyrule_set.get()
        assert (rule.identity, rule.difference_due) == ("within_window", True)
        assert rule.several == "highest" and "文件未写明" in rule.several_source
        assert rule.removed is None and rule.late_windows is None


class TestYunyang:
    def test_the_town_sets_the_tasks(self, yunyang):
        version = TargetVersion.objects.get(policy_year=yunyang)
        assert version.set_by.name == "农坝镇" and version.issued_on == date(2023, 10, 24)
        rows = [f"{t.region.name} {t.target}" for t in issued(yunyang)]
        assert rows == NONGBA.split("\n")[1:-1]
        assert total(yunyang).target == 22958

    def test_fees_of_two_tiers_and_two_groups(self, yunyang):
        fees = {(f.tier.name, f.group.name): f.personal for f in yunyang.fee_set.all()}
        assert fees == {
            ("一档", "普通居民"): 380,
            ("二档", "普通居民"): 755,
            ("一档", "在渝高校大学生"): 350,
            ("二档", "在渝高校大学生"): 725,
        }

    @pytest.mark.parametrize(
        ("name", "pays_from", "pays_to", "price", "start", "wait"),
        [
            ("集中参保缴费期", (2023, 10, 24), (2023, 12, 31), "personal", "fixed", None),
            ("返乡便利缴费期", (2024, 1, 1), (2024, 2, 29), "personal", "next_month", None),
            ("三至六月缴费期", (2024, 3, 1), (2024, 6, 30), "personal", "wait_days", 90),
            ("七至九月缴费期", (2024, 7, 1), (2024, 9, 30), "full", "wait_days", 90),
        ],
    )
    def test_windows(self, yunyang, name, pays_from, pays_to, price, start, wait):
        row = window(yunyang, name)
        assert (row.pays_from, row.pays_to) == (date(*pays_from), date(*pays_to))
        assert (row.price, row.start, row.wait) == (price, start, wait)
        assert row.attribute is None

    def test_annex_1_in_printed_order(self, yunyang):
        found = []
        for category in Category.objects.filter(
            policy_year=yunyang, printed_order__isnull=False
        ).order_by("printed_order"):
            cells = {s.tier.name: s for s in category.standards.all()}
            one, two = cells.get("一档"), cells["二档"]
            found.append(
                (
                    category.printed_name or category.name,
                    one and one.amount,
                    one and one.personal,
                    two.amount,
                    two.personal,
                )
            )
        assert found == CONTRAST

    def test_disabled_soldiers_are_excluded_by_a_list(self, yunyang):
        standards = Standard.objects.filter(
            category__policy_year=yunyang, category__name="在乡重点优抚对象"
        )
        assert len(standards) == 2
        for standard in standards:
            assert [c.name for c in standard.excludes.all()] == ["1―6级残疾军人"]

    def test_newborns(self, yunyang):
        rule = event(yunyang, "新生儿")
        assert (rule.within_days, rule.hukou, rule.start) == (90, "city", None)
        assert rule.event_from == date(2024, 1, 1)

    def test_highest_wins_and_the_office_declares_zero(self, yunyang):
        assert yunyang.subsidyrule_set.get().several == "highest"
        assert yunyang.proxy_word == "零申报" and "社保所" in yunyang.proxy_office

    def test_annex_5_has_thirteen_columns(self, yunyang):
        columns = Form.objects.get(policy_year=yunyang, key="summary").columns.order_by("order")
        assert len(columns) == 13
        buckets = [c.status.bucket if c.status else c.bucket for c in columns]
        assert buckets == [None] * 2 + ["out_of_scope"] * 4 + ["elsewhere"] * 7

    def test_odd_headings_of_annexes_2_and_3(self, yunyang):
        progress = Form.objects.get(policy_year=yunyang, key="progress")
        assert progress.title == "云阳县2024年度城乡居民基本医疗保险筹资进度表"
        assert [c.heading[0] for c in progress.columns.order_by("order")] == [
            "乡镇\n名称",
            "应参保\n人数",
            "实际参保人数",
            "完成率（100%）",
        ]

    def test_goal_of_two_groups(self, yunyang):
        goal = Goal.objects.get(policy_year=yunyang, kind="group")
        assert goal.rate == Decimal("0.99")
        assert [c.name for c in goal.categories.order_by("order")] == [
            "农村低收入人口",
            "稳定脱贫人口",
        ]


def test_the_same_state_means_different_things(years):
    """参军 is deducted in Jinzhai and covered elsewhere in Yunyang."""
    assert StatusKind.objects.get(policy_year=years["341524"], name="服役").bucket == "deducted"
    assert StatusKind.objects.get(policy_year=years["500235"], name="参军").bucket == "elsewhere"


def test_pages_never_name_a_sensitive_kind(years):
    for model in (StatusKind, Category):
        for row in model.objects.filter(sensitive=True):
            assert row.public_word and row.public_word != row.name
