"""Loading packs: whole or not at all, idempotent, every problem with its sentence."""

import json
import tomllib
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from enrollment import regions
from enrollment.failure import Failure
from enrollment.models import Person, PolicyYear, Region, Status
from enrollment.models.rules import StatusKind, Tier, Window
from subsidies.models import Category, DepartmentAlias
from targets import pack
from targets.models import Target, TargetVersion
from targets.target import half_up

POLICIES = Path(settings.BASE_DIR) / "policies"
FILES = sorted(POLICIES.glob("*.toml"))

SMALL = """
[county]
key = "990000"
name = "示例县"

[year]
county = "990000"
year = 2024

[[regions]]
key = "990000101"
name = "甲镇"
level = "town"
aliases = ["甲乡"]

[[regions]]
key = "990000102"
name = "乙镇"
level = "town"

[[departments]]
name = "民政局"

[[departments.duties]]
text = "提供低保名单"
lists = ["低保对象"]
due_day = 10
cites = "三"

[[groups]]
name = "普通居民"
cites = "一"

[[tiers]]
name = "一档"
cites = "一"

[[fees]]
tier = "一档"
group = "普通居民"
personal = 380
fiscal = 640
cites = "一"

[[windows]]
name = "集中期"
pays_from = 2023-09-01
pays_to = 2023-12-31
main = true
price = "personal"
start = "fixed"
start_on = 2024-01-01
cites = "二"

[[windows]]
name = "延长期"
pays_from = 2024-01-01
pays_to = 2024-02-29
price = "personal"
start = "next_month"
cites = "二"

[[statuses]]
name = "服役"
bucket = "deducted"
cites = "一"

[[statuses]]
name = "服刑"
bucket = "deducted"
sensitive = true
public_word = "特殊情形"
cites = "一"

[[categories]]
name = "低保对象"
department = "民政局"
cites = "四"

[[categories.standards]]
tier = "一档"
method = "percent"
percent = 50
base = "own_tier"
amount = 190
personal = 190
cites = "四"

[target_rule]
method = "rate"
rate = 0.95
total = "from_base"
cites = "五"

[[targets]]
set_by = "990000"
number = 1
state = "issued"
issued_on = 2023-09-01
rows = [
  { region = "990000101", population = 1100, deductions = 90, base = 1010, target = 960 },
  { region = "990000102", population = 1100, deductions = 90, base = 1010, target = 960 },
  { region = "990000", deductions = 180, base = 2020, note = "注", target = 1919 },
]
"""


def read(text=SMALL):
    return pack.read(text, file="示例.toml")


def load(text=SMALL, *, yes=False):
    (loaded,) = pack.load([read(text)], yes=yes)
    return loaded


def year():
    return PolicyYear.objects.select_related("county").get(county__key="990000", year=2024)


def problems(text):
    with pytest.raises(pack.PackError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def run(*arguments):
    """A command's exit code and what it printed."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as stop:
        return stop.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


BAD = [
    ("level = ", "lvel = ", "regions[1].lvel", "没有这个键"),
    ("[target_rule]", "[target_rules]", "target_rules", "没有这个表"),
    ('name = "示例县"', "name = 3", "county.name", "应为文字"),
    ("personal = 380", 'personal = "三百八"', "fees[1].personal", "应为数字"),
    ("personal = 380", "personal = 380.123", "fees[1].personal", "最多 2 位小数"),
    ("due_day = 10", "due_day = -1", "departments[1].duties[1].due_day", "大于或等于0"),
    ("due_day = 10", "due_day = 99999", "departments[1].duties[1].due_day", "小于或等于32767"),
    ('name = "甲镇"', f'name = "{"甲" * 61}"', "regions[1].name", "60"),
    ('name = "甲镇"', 'name = "甲\\u0000镇"', "regions[1].name", "空字符"),
    ("main = true", 'main = "是"', "windows[1].main", "应为 true 或 false"),
    ("pays_to = 2023-12-31", 'pays_to = "2023-12-31"', "windows[1].pays_to", "应为日期"),
    ('price = "personal"', 'price = "cheap"', "windows[1].price", "不在可选值内"),
    ("pays_from = 2023-09-01\n", "", "windows[1].pays_from", "必须填写"),
    ('tier = "一档"\ngroup', 'tier = "三档"\ngroup', "fees[1].tier", "没有名为“三档”的参保档次"),
    (
        'lists = ["低保对象"]',
        'lists = ["低保"]',
        "departments[1].duties[1].lists",
        "没有名为“低保”",
    ),
    ('department = "民政局"\n', "", "categories[1].department", "没有写认定部门"),
    ("amount = 190", "amount = 180", "categories[1].standards[1].amount", "与所写 180 元不符"),
    (
        "personal = 190",
        "personal = 200",
        "categories[1].standards[1].personal",
        "不等于筹资标准 380 元",
    ),
    ("pays_from = 2024-01-01", "pays_from = 2023-12-31", "windows[2]", "缴费日期重叠"),
    ("pays_from = 2024-01-01", "pays_from = 2024-01-05", "windows[2]", "空了 4 天"),
    ("pays_to = 2024-02-29", "pays_to = 2023-12-01", "windows[2]", "不能晚于截止日"),
    ("main = true\n", "", "windows", "有且只有一个集中参保缴费期"),
    (
        'base = 1010, target = 960 },\n  { region = "990000102"',
        'base = 1011, target = 960 },\n  { region = "990000102"',
        "targets[1].rows[1].base",
        "与所写基数 1011 不符",
    ),
    ("target = 1919", "target = 1920", "targets[1].rows[3].target", "四舍五入是 1919"),
    (' note = "注",', "", "targets[1].rows[3].note", "请写明原因"),
    ('total = "from_base"\n', "", "targets[1].rows[3].target", "各单位相加是 1920"),
    (
        "deductions = 180, base = 2020",
        "deductions = 200, base = 2000",
        "targets[1].rows[3].base",
        "各单位相加是 2020",
    ),
    ('name = "乙镇"', 'name = "甲乡"', "regions[2]", "同时是 regions[1] 的名称或别名"),
    ('name = "服刑"', 'name = "服役"', "statuses[2]", "重复"),
    ('public_word = "特殊情形"\n', "", "statuses[2].public_word", "敏感状态必须写明页面用语"),
    ("fiscal = 640\n", "", "fees[1].fiscal", "主题（topic）写 fiscal"),
    ('bucket = "deducted"\ncites = "一"', 'bucket = "deducted"', "statuses[1]", "没有写明出处"),
    ("issued_on = 2023-09-01\n", "", "targets[1].issued_on", "必须写明下达日期"),
    ('county = "990000"', 'county = "990001"', "year.county", "没有名为“990001”的行政区划"),
    ("[county]", "[county", "文件", "不是合格的 TOML"),
    ("personal = 380", "personal = inf", "fees[1].personal", "应为数字"),
    ("rate = 0.95\n", "", "target_rule.rate", "必须写比例"),
    ('region = "990000102"', 'region = "990000101"', "targets[1].rows[2]", "重复"),
    ('key = "990000102"', 'key = "990000101"', "regions[2]", "重复"),
]


class TestBadPacks:
    def test_the_small_pack_is_good(self):
        assert read().tables["year"][0]["year"] == 2024

    @pytest.mark.parametrize(("old", "new", "path", "sentence"), BAD)
    def test_says_where_and_what(self, old, new, path, sentence):
        assert old in SMALL
        found = problems(SMALL.replace(old, new, 1))
        assert any(line.startswith(f"{path}：") and sentence in line for line in found), found

    def test_all_problems_at_once(self):
        text = SMALL.replace("main = true", 'main = "是"').replace("due_day = 10", "due_day = 1.5")
        text = text.replace('lists = ["低保对象"]', 'list = ["低保对象"]')
        assert len(problems(text)) == 3

    def test_a_file_that_is_not_there_or_not_utf8(self, tmp_path):
        for content in (None, "示例县".encode("gb18030")):
            path = tmp_path / "坏.toml"
            if content:
                path.write_bytes(content)
            with pytest.raises(pack.PackError) as caught:
                pack.read_file(path)
            assert caught.value.problems[0].path == "文件"

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("old", "new", "sentence"),
        [
            ('start = "next_month"', 'start = "wait_days"', "有等待期的须填写等待日数或月数"),
            ("start_on = 2024-01-01\n", "", "待遇起算为固定日期时必须填写日期"),
            ("due_day = 10", "due_day = 40", "报送日应在 1 至 31 之间"),
        ],
    )
    def test_the_database_promises_speak_too(self, old, new, sentence):
        with pytest.raises(pack.PackError) as caught:
            load(SMALL.replace(old, new, 1))
        assert sentence in str(caught.value.problems[0])
        assert not PolicyYear.objects.exists()


@pytest.mark.django_db
class TestLoading:
    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_load_dump_load_changes_nothing(self, path):
        pack.load([pack.read_file(path)])
        stored = PolicyYear.objects.select_related("county").get()
        dumped = pack.dump(stored)
        assert tomllib.loads(dumped) == tomllib.loads(path.read_text(encoding="utf-8"))
        (again,) = pack.load([pack.read(dumped, file="again.toml")])
        assert not again.changed
        assert pack.dump(stored) == dumped

    def test_three_packs_exist(self):
        assert len(FILES) == 3

    def test_the_revision_moves_only_with_a_change(self):
        assert load().changed and year().revision == 1
        assert not load().changed and year().revision == 1
        changed = load(SMALL.replace("fiscal = 640", "fiscal = 670"))
        assert changed.differences == ["筹资标准“一档 · 普通居民”·财政补助：640 → 670"]
        assert year().revision == 2

    def test_rows_keep_their_identity_when_they_change_or_move(self):
        load()
        before = {kind.name: kind.pk for kind in StatusKind.objects.all()}
        tier = Tier.objects.get()
        one, two = SMALL.index("[[statuses]]"), SMALL.rindex("[[statuses]]")
        end = SMALL.index("[[categories]]")
        swapped = SMALL[:one] + SMALL[two:end] + SMALL[one:two] + SMALL[end:]
        load(swapped)
        assert {kind.name: kind.pk for kind in StatusKind.objects.all()} == before
        assert [kind.name for kind in StatusKind.objects.order_by("order")] == ["服刑", "服役"]
        assert Tier.objects.get() == tier

    def test_what_the_pack_no_longer_says_goes(self):
        load()
        start = SMALL.rindex("[[windows]]")
        load(SMALL[:start] + SMALL[SMALL.index("[[statuses]]") :])
        assert [window.name for window in Window.objects.all()] == ["集中期"]

    def test_a_rule_and_what_it_refers_to_may_go_together(self):
        more = (
            SMALL.replace('start = "next_month"', 'start = "next_month"\nattribute = "返乡人员"')
            + '\n[[attributes]]\nname = "返乡人员"\ncites = "二"\n'
        )
        load(more)
        assert load().changed
        assert not Window.objects.get(name="延长期").attribute_id

    def test_a_status_somebody_has_is_not_deleted(self):
        load()
        county = Region.objects.get(key="990000")
        village = Region.objects.filter(county=county, level="village").first()
        place = {"county": county, "town": village.town, "village": village}
        person = Person.objects.create(name="某人", **place)
        kind = StatusKind.objects.get(name="服役")
        Status.objects.create(policy_year=year(), person=person, kind=kind, **place)
        start = SMALL.index("[[statuses]]")
        text = SMALL[:start] + SMALL[SMALL.rindex("[[statuses]]") :]
        with pytest.raises(pack.PackError) as caught:
            load(text)
        assert "新的政策包里没有“服役”，但已有数据引用它" in str(caught.value.problems[0])

    def test_a_town_that_is_there_under_another_key(self):
        county = Region.objects.create(key="990000", name="示例县", level="county")
        Region.objects.filter(pk=county.pk).update(county=county)
        Region.objects.create(
            key="990000-02", name="乙镇", level="town", parent=county, county=county
        )
        with pytest.raises(pack.PackError) as caught:
            load()
        assert "代码是 990000-02" in str(caught.value.problems[0])

    def test_towns_get_their_placeholders(self):
        load()
        assert Region.objects.filter(placeholder=True, level="village").count() == 3
        town = Region.objects.get(key="990000101")
        assert town.town == town and town.declared
        load()
        assert len(pack.dump_data(year())["regions"]) == 2

    def test_values_edited_since_ask_before_they_are_overwritten(self):
        load()
        Window.objects.filter(name="延长期").update(pays_to="2024-02-28")
        with pytest.raises(pack.EditedSince) as caught:
            load()
        assert caught.value.differences == ["缴费窗口“延长期”·缴费截止日：2024-02-28 → 2024-02-29"]
        assert load(yes=True).changed
        assert not load().changed

    def test_what_the_pages_added_to_places_and_words_is_kept(self):
        load()
        town = Region.objects.get(key="990000101")
        regions.rename(town, name="新甲镇", by=None)
        regions.add_alias(Region.objects.get(key="990000102"), alias="乙公社", by=None)
        poor = Category.objects.get()
        Category.objects.update(aliases=[*poor.aliases, "困难户"])
        DepartmentAlias.objects.create(category=poor, department=poor.department, name="低保在册")
        again = load()
        assert not again.changed, "the pack says nothing new, and nothing is asked"
        changed = load(
            SMALL.replace("fiscal = 640", "fiscal = 641").replace(
                'aliases = ["甲乡"]', 'aliases = ["甲乡", "甲社"]'
            )
        )
        assert changed.changed
        assert changed.kept == [
            "行政区划“新甲镇”·名称：保留页面上的“新甲镇”",
            "行政区划“新甲镇”·别名：保留页面上增加的甲镇",
            "行政区划“乙镇”·别名：保留页面上增加的乙公社",
            "资助对象类别“低保对象”·别名：保留页面上增加的困难户",
            "资助对象类别“低保对象”·部门叫法：保留页面上增加的低保在册",
        ]
        town.refresh_from_db()
        assert (town.name, set(town.aliases)) == ("新甲镇", {"甲镇", "甲乡", "甲社"})
        assert Region.objects.get(key="990000102").aliases == ["乙公社"]
        assert "困难户" in Category.objects.get().aliases
        assert DepartmentAlias.objects.filter(name="低保在册").exists()

    def test_a_place_renamed_by_the_newer_pack_keeps_the_pages_name_as_an_alias(self):
        load()
        town = Region.objects.get(key="990000101")
        regions.rename(town, name="新甲镇", by=None)
        load(SMALL.replace('name = "甲镇"', 'name = "大甲镇"'))
        town.refresh_from_db()
        assert town.name == "大甲镇"
        assert set(town.aliases) == {"甲镇", "甲乡", "新甲镇"}

    def test_an_alias_taken_off_on_the_page_stays_off(self):
        load()
        regions.remove_alias(Region.objects.get(key="990000101"), alias="甲乡", by=None)
        changed = load(SMALL.replace("fiscal = 640", "fiscal = 641"))
        assert changed.kept == ["行政区划“甲镇”·别名：页面上去掉的甲乡不再加回"]
        assert Region.objects.get(key="990000101").aliases == []

    def test_the_next_years_first_pack_keeps_them_too(self):
        load()
        regions.rename(Region.objects.get(key="990000101"), name="新甲镇", by=None)
        later = SMALL.replace("2024", "2025").replace("2023", "2024")
        load(later.replace("2025-02-29", "2025-02-28"))
        assert Region.objects.get(key="990000101").name == "新甲镇"

    def test_issued_numbers_are_frozen(self):
        load()
        with pytest.raises(pack.PackError, match="示例.toml") as caught:
            load(
                SMALL.replace("rate = 0.95", "rate = 0.96")
                .replace("target = 960", "target = 970")
                .replace("target = 1919", "target = 1939"),
                yes=True,
            )
        assert "已下达，不能修改" in str(caught.value.problems[0])
        assert Target.objects.get(region__key="990000").target == 1919

    def test_a_later_version_may_be_added(self):
        load()
        second = SMALL[SMALL.index("[[targets]]") :].replace("number = 1", "number = 2")
        assert load(SMALL + second).changed
        assert TargetVersion.objects.count() == 2

    def test_a_settled_year_refuses(self):
        load()
        PolicyYear.objects.update(state="settled")
        with pytest.raises(pack.PackError) as caught:
            load(SMALL.replace("fiscal = 640", "fiscal = 670"))
        assert "已结算" in str(caught.value.problems[0])

    def test_a_year_that_only_had_a_list_becomes_active(self):
        county = Region.objects.create(key="990000", name="示例县", level="county")
        PolicyYear.objects.create(county=county, year=2024, state="history")
        load()
        assert year().state == "active"

    def test_a_department_outlives_the_pack_that_named_it(self):
        load()
        text = SMALL.replace('name = "民政局"', 'name = "县民政局"', 1)
        text = text.replace('department = "民政局"', 'department = "县民政局"')
        assert load(text).changed
        # The old office stays for the accounts that belong to it; the pack no longer names it.
        assert [row["name"] for row in pack.dump_data(year())["departments"]] == ["县民政局"]

    def test_one_bad_file_stops_them_all(self, tmp_path):
        good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
        good.write_text(SMALL, encoding="utf-8")
        bad.write_text(
            SMALL.replace("990000", "990001").replace("due_day = 10", "due_day = 40"),
            encoding="utf-8",
        )
        code, out, _ = run("load_policy", str(good), str(bad), "--json")
        assert code == 1 and not PolicyYear.objects.exists()
        error = json.loads(out)["error"]
        assert error["code"] == "bad_pack" and "bad.toml" in error["details"][0]


@pytest.mark.django_db
class TestCommands:
    def test_load_says_what_it_did(self, tmp_path):
        path = tmp_path / "示例.toml"
        path.write_text(SMALL, encoding="utf-8")
        code, out, _ = run("load_policy", str(path), "--json")
        assert code == 0
        (loaded,) = json.loads(out)["packs"]
        assert loaded.pop("warnings")
        assert loaded == {
            "file": str(path), "county": "990000", "year": 2024, "changed": True, "kept": [],
        }  # fmt: skip
        assert "没有变动" in run("load_policy", str(path))[1]

    def test_problems_go_to_standard_error(self, tmp_path):
        path = tmp_path / "坏.toml"
        path.write_text(SMALL.replace("main = true\n", ""), encoding="utf-8")
        code, _, err = run("load_policy", str(path))
        assert code == 1 and "有且只有一个集中参保缴费期" in err

    def test_dump_writes_what_load_reads(self, tmp_path):
        load()
        out = tmp_path / "出.toml"
        code, printed, _ = run(
            "dump_policy", "--county", "990000", "--year", "2024", "--out", str(out), "--json"
        )
        assert code == 0 and json.loads(printed)["file"] == str(out)
        assert tomllib.loads(out.read_text(encoding="utf-8")) == tomllib.loads(SMALL)

    def test_dump_of_an_unknown_year(self):
        load()
        with pytest.raises(Failure, match="没有 2031 年度"):
            run("dump_policy", "--county", "990000", "--year", "2031", "--json")


@pytest.mark.parametrize(
    ("base", "expected"),
    [(25110, 23855), (20190, 19181), (11890, 11296), (14750, 14013), (601082, 571028)],
)
def test_targets_round_half_up(base, expected):
    assert half_up(base, Decimal("0.95")) == expected
