"""export_table of the desk's lists, as a script calls it."""

import json

import pytest
from django.core.management import load_command_class
from django.db import connections
from openpyxl import load_workbook

from subsidies.tests import test_differences

county = test_differences.county


@pytest.mark.parametrize(
    ("name", "rows", "title"),
    [
        ("zero-declaration", 0, "名单"),
        ("differences", 3, "退补差名单"),
        ("recovery", 0, "资助收回名单"),
        ("subsidy-totals", 3, "测算和结算"),
    ],
)
def test_each_list_by_its_name(county, tmp_path, capsys, monkeypatch, name, rows, title):
    monkeypatch.setattr(connections, "close_all", lambda: None)
    path = tmp_path / "表.xlsx"
    words = [name, "--county", "990001", "--year", "2024", "--out", str(path), "--json"]
    load_command_class("targets", "export_table").run_from_argv(
        ["manage.py", "export_table", *words]
    )
    assert json.loads(capsys.readouterr().out)["rows"] == rows
    assert title in load_workbook(path).active["A1"].value
