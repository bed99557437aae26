"""manage.py demo: what it prints is for people, what it writes down is for programs."""

import json

from targets.management.commands import demo


def test_the_accounts_are_told_by_county_role_and_place(cast, settings, tmp_path):
    settings.CANBAO_EMBEDDED, settings.CANBAO_HOME = True, str(tmp_path)
    logins = [
        {"role": "county_officer", "region": "990001", "username": "shifan", "password": "a-1"},
        {"role": "town_officer", "region": "990001101", "username": "dongfeng", "password": "b-2"},
        {"role": "county_officer", "region": "990002", "username": "lin", "password": "c-3"},
    ]
    (tmp_path / "demo-logins.json").write_text(json.dumps(logins), encoding="utf-8")
    table = [line.split() for line in demo._table().splitlines()]
    assert table == [
        ["县", "岗位", "地区", "用户名", "密码"],
        ["示范县", "县级经办", "示范县", "shifan", "a-1"],
        ["示范县", "乡镇经办", "东风镇", "dongfeng", "b-2"],
        ["邻县", "县级经办", "邻县", "lin", "c-3"],
    ]
