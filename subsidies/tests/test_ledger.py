"""资助台账 as a file: a √ for every identity, the one that pays, and what is left."""

import io
import json
from datetime import date

import pytest
from django.core.management import load_command_class
from django.db import connections
from openpyxl import load_workbook

from enrollment.models.rules import Window
from enrollment.tests.cast import make_payment
from subsidies import ledger
from subsidies.models import Standard, SubsidyRule
from subsidies.tests.rules import category
from subsidies.tests.test_overlap import hold
from subsidies.words import Words


@pytest.fixture
def paid(cast):
    Window.objects.create(
        policy_year=cast.year, name="集中参保缴费期", main=True, price="personal",
        pays_from=date(2023, 9, 1), pays_to=date(2023, 12, 31), subsidised=True,
        start="fixed", start_on=date(2024, 1, 1), order=1,
    )  # fmt: skip
    low = category(cast.year, "低保对象", line="低保")
    kin = category(
        cast.year,
        "特扶对象",
        by="县卫健委",
        amount="190",
        sensitive=True,
        public_word="计划生育家庭",
    )
    hold(cast.people["甲一"], low, kin)
    hold(cast.people["丙一"], kin)
    make_payment(cast.people["甲一"], cast.year, "38.00")
    make_payment(cast.people["丙一"], cast.year, "190.00")
    return cast.year


def written(year, region, **more) -> list[dict[str, object]]:
    target = io.BytesIO()
    count = ledger.write(target, year, region, **more)
    lines = list(load_workbook(target).active.iter_rows(values_only=True))
    assert len(lines) - 3 == count
    return [dict(zip(lines[2], line, strict=True)) for line in lines[3:]]


def test_a_line_says_who_what_and_how_much(cast, paid):
    first, second = written(paid, cast.county)
    assert (first["姓名"], first["低保对象"], first["特扶对象"]) == ("甲一", "√", "√")
    assert first["证件号码"] == "341599************"
    assert (first["已缴金额"], first["缴费日期"].date()) == (38, date(2023, 11, 20))
    assert (second["姓名"], second["低保对象"], second["特扶对象"]) == ("丙一", None, "√")
    assert second["资助身份"] in ("特扶对象", None)


def test_a_town_reads_public_words_of_its_own_people(cast, paid):
    (only,) = written(paid, cast.county, viewer=cast.east_officer)
    assert "特扶对象" not in only
    assert only["计划生育家庭"] == "√"


def test_the_command_writes_it(cast, paid, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(connections, "close_all", lambda: None)
    command = load_command_class("targets", "export_table")
    path = tmp_path / "台账.xlsx"
    words = ["ledger", "--county", "990001", "--year", "2024", "--out", str(path), "--json"]
    command.run_from_argv(["manage.py", "export_table", *words])
    assert json.loads(capsys.readouterr().out)["rows"] == 2
    assert path.exists()


def test_a_hidden_identity_is_not_given_away_by_its_paragraph(cast, paid):
    SubsidyRule.objects.create(policy_year=paid, identity="at_payment", several="highest")
    paid.bump()
    Standard.objects.filter(category__sensitive=True).update(cites="附件2第九行")
    Standard.objects.filter(category__sensitive=False).update(cites="附件2第一行")
    low, kin = written(paid, cast.county)
    assert "附件2第一行" in low["理由"] and "附件2第九行" in kin["理由"]
    words = Words(paid, cast.west_officer)
    assert "附件2" not in words.veiled(kin["理由"]) and "附件2第一行" in words.veiled(low["理由"])


def test_what_is_open_between_two_identities_names_them(cast, paid):
    first, _ = written(paid, cast.county)
    assert first["理由"] == "低保对象、特扶对象资助金额不同，按哪一种资助：政策未规定"
