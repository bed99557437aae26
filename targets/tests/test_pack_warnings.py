"""What a policy may say but somebody should look at."""

import json

import pytest

from targets import pack_warnings
from targets.tests.test_pack_loading import SMALL, read, run


def test_what_should_be_looked_at_is_said_but_loads():
    text = SMALL.replace('name = "低保对象"\ndepartment', 'name = "边缘户"\ndepartment')
    text = text.replace('lists = ["低保对象"]', "lists = []").replace("amount = 190\n", "")
    found = [str(one) for one in pack_warnings.warnings(read(text).tables)]
    assert any("year.document" in line for line in found)
    assert any("“边缘户”的名单没有列入任何部门的职责" in line for line in found)
    assert any("standards[1].amount：只写了比例" in line for line in found)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("main = true", "main = true\nbenefit_to = 2023-12-01", "缴费截止日晚于待遇终止日"),
        ("personal = 190\n", "personal = 190\nvalid_from = 2025-01-01\n", "永远用不上"),
        ('price = "personal"\nstart = "next', 'start = "next', "没有写缴费标准"),
    ],
)
def test_each_thing_to_look_at(old, new, sentence):
    assert old in SMALL
    found = pack_warnings.warnings(read(SMALL.replace(old, new, 1)).tables)
    assert any(sentence in str(one) for one in found)
    assert not any(sentence in str(one) for one in pack_warnings.warnings(read().tables))


@pytest.mark.django_db
def test_the_command_says_what_to_look_at(tmp_path):
    path = tmp_path / "示例.toml"
    path.write_text(SMALL, encoding="utf-8")
    code, out, _ = run("load_policy", str(path), "--json")
    assert code == 0
    (loaded,) = json.loads(out)["packs"]
    assert any("没有填写文号" in line for line in loaded["warnings"])
