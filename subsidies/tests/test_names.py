"""What identity words mean: aliases, grade spellings, several in a cell, nothing guessed."""

import pytest

from subsidies.models import DepartmentAlias
from subsidies.names import Names, graded_topics, grades, spelt
from subsidies.tests.rules import category, department


@pytest.mark.parametrize(
    "grades_said",
    ["一、二级", "1―2级", "1-2级", "一级至二级", "１、２级", "Ⅰ级、Ⅱ级", "一二级", "1,2级"],
)
def test_a_range_of_grades_is_spelt_one_way(grades_said):
    assert spelt(f"重度（{grades_said}）残疾") == "重度(1-2级)残疾"


@pytest.mark.parametrize(
    ("cell", "found"),
    [("一级", (1, 1)), ("4", (4, 4)), ("3.0", (3, 3)), ("贰级", (2, 2)), ("Ⅳ级", (4, 4)),
     ("三、四级", (3, 4)), ("残疾2级", (2, 2)), ("A类", None), ("B", None)],
)  # fmt: skip
def test_a_grade_column_is_read(cell, found):
    assert grades(cell) == found


def test_what_is_no_grade_is_said():
    with pytest.raises(ValueError, match="较重"):
        grades("较重")


@pytest.fixture
def words(cast):
    """Nongba's two kinds of disability among others (C85, C86, C98)."""
    year = cast.year
    category(year, "特困人员", "五保户", "特困人员（五保户）")
    category(year, "城乡低保对象", "低保", "A、B、C类低保对象", "A类低保")
    severe = {"grade_kind": "残疾等级", "grade_from": 1, "grade_to": 2}
    category(
        year, "城乡重度残疾人员", "城乡重度（1―2级）残疾人员", "重度残疾", by="县残联", **severe
    )
    other = {"grade_kind": "残疾等级", "grade_from": 3, "grade_to": 4}
    category(year, "普通残疾人", "三、四级残疾", by="县残联", printed_name="残疾3-4级", **other)
    category(year, "1―6级残疾军人", by="县退役军人局", amount=None)
    return year


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("低保", ["城乡低保对象"]),
        (" 低 保 ", ["城乡低保对象"]),
        ("A类低保", ["城乡低保对象"]),
        ("ABC类低保对象", ["城乡低保对象"]),
        ("特困人员(五保户)", ["特困人员"]),
        ("城乡重度（一、二级）残疾人员", ["城乡重度残疾人员"]),
        ("三、四级残疾", ["普通残疾人"]),
        ("残疾3-4级", ["普通残疾人"]),
        ("残疾四级", ["普通残疾人"]),
        ("重度残疾1级", ["城乡重度残疾人员"]),
        ("重度残疾（一、二级）", ["城乡重度残疾人员"]),
        ("重度残疾（一至三级）", [None]),
        ("1-6级残疾军人", ["1―6级残疾军人"]),
        ("一至六级残疾军人", ["1―6级残疾军人"]),
        ("低保、城乡重度（一、二级）残疾人员", ["城乡低保对象", "城乡重度残疾人员"]),
        ("低保;特困/重度残疾", ["城乡低保对象", None, "城乡重度残疾人员"]),
        ("五保户 低保", ["特困人员", "城乡低保对象"]),
        ("低保,低保", ["城乡低保对象"]),
        ("困难人员", [None]),
        ("重度残疾3级", [None]),
        ("特困人员（已退出）", [None]),
        ("", []),
    ],
)
def test_a_cell_is_read_and_nothing_guessed(words, cell, meant):
    found = Names(words).read(cell)
    assert [one.meaning and one.meaning.category.name for one in found] == meant


def test_a_word_may_say_the_grade(words):
    (found,) = Names(words).read("残疾四级")
    assert found.meaning and found.meaning.grade == 4


def test_a_department_has_words_of_its_own(cast):
    """C31: 困难职工 is 人社's word for one thing; another department's means another."""
    workers = category(cast.year, "破产改制困难职工", by="县人社局")
    union = category(cast.year, "工会困难户", by="县总工会")
    for one, name in ((workers, "县人社局"), (union, "县总工会")):
        DepartmentAlias.objects.create(
            category=one, department=department(cast.year, name), name="困难职工"
        )
    assert Names(cast.year, workers.department).named("困难职工") == workers
    assert Names(cast.year, union.department).named("困难职工") == union
    assert Names(cast.year).named("困难职工") is None


def test_grades_decide_where_categories_share_them(words):
    names = Names(words)
    assert graded_topics(names.categories) == ["按残疾等级"]
    found = names.graded("残疾等级", 3)
    assert found is not None
    assert found.name == "普通残疾人"
