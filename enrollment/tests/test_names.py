"""Names by their initials and by their parts."""

import pytest
from django.db import connection
from django.urls import reverse

from enrollment import names
from enrollment.models import Person
from enrollment.models.people import NameKey
from enrollment.tests.cast import make_person


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("张三", ("zs", "")),
        ("单雄信", ("dxx", "sxx")),
        ("欧阳锋", ("oyf", "")),
        ("阿依·古丽", ("ay·gl", "")),
        ("TOM李", ("toml", "")),
        ("流波䃥", ("lbc", "")),
        ("", ("", "")),
    ],
)
def test_initials(name, expected):
    assert names.initials(name) == expected


@pytest.mark.django_db
def test_every_name_is_known_as_soon_as_somebody_has_it(cast):
    known = set(NameKey.objects.values_list("name", flat=True))
    assert known == set(Person.objects.values_list("name", flat=True))
    Person.objects.filter(name="甲一").update(name="甲改")
    assert NameKey.objects.filter(name="甲改", initials=None).exists()
    assert names.learn() == len(known) + 1
    assert names.learn() == 0


def find(browser, text: str) -> list[str]:
    url = reverse("enrollment:residents", args=["990001", 2024])
    answer = browser.post(url, {"q": text}, follow=True)
    return sorted(row.person.name for row in answer.context["rows"])


@pytest.mark.django_db
def test_a_clerk_finds_by_initials_in_the_own_village_only(cast, signed_in):
    make_person(cast.red_star, "张三")
    make_person(cast.red_star, "张小山")
    make_person(cast.willow, "赵四")
    make_person(cast.red_star, "单雄信")
    browser = signed_in(cast.red_star_clerk)
    assert find(browser, "zs") == ["张三"]
    assert find(browser, "ZX") == ["张小山"]
    assert find(browser, "sxx") == find(browser, "dxx") == ["单雄信"]
    assert find(signed_in(cast.county_officer), "zs") == ["张三", "赵四"]


@pytest.mark.django_db
def test_a_head_s_name_finds_the_whole_household(cast, signed_in):
    browser = signed_in(cast.red_star_clerk)
    assert find(browser, "户主甲一") == find(browser, "户主 甲") == ["甲一", "甲二"]
    assert find(browser, "户主甲二") == []


@pytest.mark.django_db
def test_initials_and_parts_go_through_an_index(cast):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = names.beginning("zs").explain()
    assert "namekey_initials" in plan and "namekey_other" in plan
