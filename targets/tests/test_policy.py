"""The rules in words."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from enrollment.models import PolicyYear
from targets import pack, policy

pytestmark = pytest.mark.django_db


def outline(name):
    path = Path(settings.BASE_DIR) / "policies" / f"{name}-2024.toml"
    pack.load([pack.read_file(path)])
    year = PolicyYear.objects.select_related("county").get(pack_name=path.name)
    return {section.key: section for section in policy.outline(year)}


def line(section, label):
    return next(row for row in section.rows if row.label == label)


def test_every_line_has_a_label_and_a_value():
    for name in ("jinzhai", "yueyang", "yunyang"):
        for section in outline(name).values():
            assert all(row.label and row.value for row in section.rows)


def test_the_extension_names_whom_it_is_for():
    row = line(outline("jinzhai")["windows"], "春节返乡延长缴费期")
    assert "2024年1月1日至2024年2月28日" in row.value
    assert "限春节返乡的外出务工人员" in row.value and row.cites == "三"


def test_an_unknown_fiscal_part_is_open():
    row = line(outline("yueyang")["fees"], "居民医保 · 普通居民 · 财政补助")
    assert row.open and row.value == policy.NOT_STATED and "640" in row.note


def test_what_the_county_added_shows_its_source():
    row = line(outline("jinzhai")["document"], "待遇期")
    assert row.value == "2024年1月1日至2024年12月31日"
    assert row.source == "通行规定/县补录" and not row.cites


def test_open_questions_stand_at_the_end():
    sections = outline("yunyang")
    assert list(sections)[-1] == "not_stated"
    assert all(row.open for row in sections["not_stated"].rows)


def test_the_number_of_queries_does_not_grow_with_the_rows(django_assert_max_num_queries):
    outline("jinzhai")
    year = PolicyYear.objects.select_related("county").get()
    with django_assert_max_num_queries(45):
        policy.outline(year)


def test_the_manual_names_every_key():
    manual = (Path(settings.BASE_DIR) / "docs" / "policy-format.md").read_text(encoding="utf-8")

    def keys(section):
        yield section.key
        yield from section.fields
        for child in section.children:
            yield from keys(child)

    for section in pack.SECTIONS:
        for key in keys(section):
            assert f"`{key}`" in manual or f".{key}]" in manual or f"[{key}]" in manual, key


def manuals_example() -> str:
    manual = (Path(settings.BASE_DIR) / "docs" / "policy-format.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```toml\n(.*?)```", manual, re.S))


def test_the_manuals_example_is_true():
    """What the tutorial says of Yueyang's notice is what Yueyang's own pack says of it."""
    shown = tomllib.loads(manuals_example())
    # Two units of many, and one list of several: the tutorial says so.
    del shown["targets"][0]["rows"][-1]
    del shown["departments"][0]["duties"][0]["lists"]
    path = Path(settings.BASE_DIR) / "policies" / "yueyang-2024.toml"
    assert list(untrue(shown, tomllib.loads(path.read_text(encoding="utf-8")), "")) == []


def untrue(shown: Any, real: Any, path: str) -> Iterator[str]:
    """Keys and values of the tutorial that the real pack does not have."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            if key in real:
                yield from untrue(value, real[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(shown, list) and shown and isinstance(shown[0], dict):
        for row in shown:
            alike = [one for one in real if not list(untrue(row, one, path))]
            if not alike:
                yield f"{path}: {row}"
    elif shown != real:
        yield f"{path}: {shown} / {real}"


def test_the_manuals_example_is_a_pack_that_loads():
    example = manuals_example()
    (loaded,) = pack.load([pack.read(example, file="policy-format.md")])
    assert (loaded.county, loaded.year, loaded.changed) == ("430621", 2024, True)
