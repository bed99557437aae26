"""The forms made from the pack format: whatever a pack says stands in a form, and comes back."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import QueryDict

from enrollment.models.rules import Window
from enrollment.pack_format import Row, Section
from targets import entries, pack
from targets.pack_sections import SECTIONS
from targets.policy_forms import Entry, EntryForm
from targets.spot import ELSEWHERE, Spot, is_inline, of_path, parse
from targets.tests.test_pack_loading import FILES


def spots(section: Section, rows: list[Row], path: str) -> Iterator[tuple[str, Row]]:
    for number, row in enumerate(rows, 1):
        here = path if section.single else f"{path}/{number}"
        yield here, row
        for child in section.children:
            if not is_inline(child):
                yield from spots(child, row[child.key], f"{here}/{child.key}")


def sent(form: EntryForm, to: QueryDict) -> None:
    """What a browser sends for a form as it stands."""
    for name, field in form.fields.items():
        value: Any = field.prepare_value(form.get_initial_for_field(field, name))
        key = form.add_prefix(name)
        if isinstance(value, list):
            to.setlist(key, value)
        elif value is True:
            to[key] = "on"
        elif value is not None and value is not False:
            shown = field.widget.format_value(value)
            to[key] = "".join(shown or "") if isinstance(shown, list) else str(shown or "")
            # A text area sends its line ends like this.
            to[key] = to[key].replace("\n", "\r\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_everything_a_pack_says_goes_through_its_form_unchanged(path):
    tables = pack.read_file(path).tables
    seen = 0
    for section in SECTIONS:
        if section.key in ELSEWHERE:
            continue
        for address, row in spots(section, tables[section.key], section.key):
            spot = parse(address)
            assert spot.row(tables) is row and spot.address == address
            entry = Entry(spot, tables, row)
            data = QueryDict(mutable=True)
            sent(entry.form, data)
            for lines in entry.lines:
                data[f"{lines.section.key}-count"] = str(lines.count)
                for form in lines.forms:
                    sent(form, data)
            again = Entry(spot, tables, row, data)
            assert again.is_valid(), (address, again.form.errors)
            wanted = entries.own(spot.section, row)
            (got,) = [entries.as_row(spot.section, again.values())]
            assert entries.own(spot.section, got) == wanted, address
            seen += 1
    assert seen > 100


def test_every_key_of_the_format_has_its_field():
    tables = pack.read_file(FILES[0]).tables

    def walk(section: Section) -> Iterator[Section]:
        yield section
        for child in section.children:
            yield from walk(child)

    for top in SECTIONS:
        for section in walk(top):
            if top.key not in ELSEWHERE:
                form = EntryForm(section, tables, row=None)
                missing = set(section.fields) - set(form.fields)
                assert missing <= ({"county", "year"} if section.key == "year" else set())


def test_not_stated_is_a_choice_beside_yes_and_no():
    tables = pack.read_file(FILES[0]).tables
    form = EntryForm(next(one for one in SECTIONS if one.key == "windows"), tables, row=None)
    assert list(form.fields["subsidised"].choices) == [
        ("", "政策未规定"), ("true", "是"), ("false", "否"),
    ]  # fmt: skip
    assert form.fields["price"].choices[0] == ("", "政策未规定")
    assert [value for value, _ in form.fields["price"].choices[1:]] == Window.Price.values


@pytest.mark.parametrize(
    ("path", "address", "key"),
    [
        ("fees[1].fiscal", "fees/1", "fiscal"),
        ("categories[3].standards[2]", "categories/3/standards/2", ""),
        ("categories[3].standards[2].funding[1].share", "categories/3/standards/2",
         "funding[1].share"),
        ("subsidy_rule.several", "subsidy_rule", "several"),
        ("windows", "windows", ""),
    ],
)  # fmt: skip
def test_a_sentence_of_the_loader_leads_to_the_page_that_mends_it(path, address, key):
    found = of_path(path)
    assert found is not None
    spot, rest = found
    assert (spot.address, rest) == (address, key)


@pytest.mark.parametrize("path", ["regions[3].key", "文件", "county.name"])
def test_what_has_no_page_leads_nowhere(path):
    assert of_path(path) is None


@pytest.mark.parametrize(
    "address", ["", "county", "regions/1", "fees/0", "fees/-1", "year/1/x", "fees/new/x", "a/b"]
)
def test_what_is_no_place_is_refused(address):
    with pytest.raises(LookupError):
        parse(address)


def test_a_place_knows_what_is_around_it():
    spot = parse("categories/3/standards/2")
    assert spot.table.address == "categories/3/standards"
    assert spot.parent is not None and spot.parent.address == "categories/3"
    assert spot.path == "categories[3].standards[2]"
    assert isinstance(spot.table, Spot) and spot.table.is_table
