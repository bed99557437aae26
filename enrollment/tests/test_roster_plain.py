"""Plain rows: read a column at a time they say what the row loop says, whatever the cells hold."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from enrollment.roster import reading
from enrollment.roster.kinds import KINDS
from enrollment.roster.plain import PlainRows
from enrollment.tests import handing
from enrollment.tests.cast import id_number
from enrollment.vault import vault
from enrollment.workbook import Block

REGISTER = [*handing.REGISTER, "性别", "出生日期"]
SEXES = {number: "男" if int(number[16]) % 2 else "女" for number in map(id_number, range(1, 9))}
NUMBERS = st.sampled_from(sorted(SEXES))
ODD = st.sampled_from(
    [
        "", None, " ", "　", "甲 乙", "甲　乙", "a\\b", "\\N", "\\.", "甲\t乙", "甲\n乙", "x\x07y",
        "\u200b甲", "㐂䃥", "\ue001", "合计", "……", "姓名", "123456", "#N/A", "长" * 61, "长" * 201,
        True, False, 0, 1, 1.0, 380, 380.5, 0.001, 13800001234.0, 5.2e17, 45206, 45206.5, -1,
        date(2023, 9, 1), datetime(2023, 9, 1, 7, 1, 12),  # noqa: DTZ001 (as Excel has it)
        "380.00", "-380", "¥1,020", "(380)", "三百", "2023-09-01", "2023-9-1", "20230901",
        "2023-09-01 07:01:12", "2023-09-01 24:00:00", "2023-09-01T07:01:12", "1988-05-01 00:30:00",
        "2023-02-30 07:01:12", "2023-09-02 07:60:12", "２０２３-09-01", "男", "女", "1", "未知",
        "1980-01-02", "1981-01-01", "1980年1月2日",
        id_number(1).lower(), f" {id_number(2)}", id_number(3)[:17] + "?", "341524199913010017",
        id_number(4) + "1", "H12345678", "12345678901234567890",
    ]
)  # fmt: skip
NAMES = st.sampled_from(["甲一", "乙二", "买买提·江", "张　三", "A. Smith"])
TOWNS = st.sampled_from(["东风镇", "西河镇", " 东风镇", "乌有镇"])
VILLAGES = st.sampled_from(["红星村", "柳林村", "石桥村", "没有过的村", ""])
STAMPS = st.sampled_from(["2023-09-01 07:01:12", "2023-09-02 23:59:59", "2023-09-02 00:00:00"])
COLUMNS = {
    "户号": st.sampled_from(["H001", "H002", ""]),
    "与户主关系": st.sampled_from(["户主", "子", ""]),
    "姓名": NAMES,
    "身份证号": NUMBERS,
    "乡镇": TOWNS,
    "村": VILLAGES,
    "住址": st.sampled_from(["", "某县西河镇石桥村三组", "三组"]),
    "联系电话": st.sampled_from(["13800001234", ""]),
    "性别": st.sampled_from(["男", "女", ""]),
    "出生日期": st.sampled_from(["1980-01-02", "1980/1/2", ""]),
    "起始日期": st.sampled_from(["2023-09-01", "2023年9月", "", 45206]),
    "备注": st.sampled_from(["", "已核实"]),
    "缴费金额": st.sampled_from([380, 380.0, "380", -380, 0]),
    "缴费时间": STAMPS,
    "流水号": st.sampled_from(["S1", "S2", ""]),
}
HEADINGS = {
    "register": REGISTER,
    "payments": handing.PAYMENTS,
    "status": handing.LIST,
    "insured": ["身份证号", "姓名"],
}

quickly = hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Without shrinking a failure is still shown, and a passing run takes no longer.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


def row_of(headings):
    """A row in which most cells are ordinary and any may be odd, short or long."""
    cell = {title: st.one_of(COLUMNS[title], COLUMNS[title], COLUMNS[title], ODD)
            for title in headings}  # fmt: skip
    whole = st.tuples(*(cell[title] for title in headings)).map(list)
    ordinary = st.tuples(*(COLUMNS[title] for title in headings)).map(list)
    return st.one_of(
        ordinary,
        whole,
        st.tuples(whole, st.integers(0, len(headings))).map(lambda both: both[0][: both[1]]),
        whole.map(lambda row: [*row, "多余"]),
    )


def read(cast, kind, headings, rows, *, plain, region=None):
    """The staged values of each line; ciphertext opened, villages to come by their names."""
    described = KINDS[kind] if plain else replace(KINDS[kind], plain=None)
    status = "服役" if kind == "status" else ""
    roster = handing.handed(cast, kind, [], headings=headings, status=status, region=region)
    reader = reading._Reader(roster, described, None)
    warm = [[next(iter(values)) for values in WARM[kind]]]
    blocks = [
        Block(0, "名单", False, 1, [list(headings), *warm]),
        Block(0, "名单", False, 3, [list(row) for row in rows]),
    ]
    lines = [line for batch in reader.lines(iter(blocks)) for line in batch]
    made = {str(pk): name for name, pk in reader.places.proposals.items()}
    seal, found = vault(), []
    for line in lines:
        assert line.endswith("\n") and line.count("\n") == 1
        values = dict(zip(reader.fields, line[:-1].split("\t")[1:], strict=True))
        if (cipher := values["id_cipher"]) != "\\N":
            values["id_cipher"] = seal.open(bytes.fromhex(cipher.removeprefix("\\\\x")))
        values["village_id"] = made.get(values["village_id"], values["village_id"])
        found.append(values)
    return found, reader.result.staged


WARM = {
    kind: [[{"身份证号": id_number(9), "姓名": "甲一", "乡镇": "东风镇", "缴费金额": 380,
             "缴费时间": "2023-09-01 07:01:12"}.get(title, "")] for title in headings]
    for kind, headings in HEADINGS.items()
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADINGS)
@given(data=st.data())
@quickly
def test_plain_rows_are_what_the_row_loop_makes_of_them(cast, kind, data):
    headings = HEADINGS[kind]
    rows = data.draw(st.lists(row_of(headings), min_size=1, max_size=6))
    region = data.draw(st.sampled_from([None, cast.east]))
    quick = read(cast, kind, headings, rows, plain=True, region=region)
    slow = read(cast, kind, headings, rows, plain=False, region=region)
    assert quick == slow


@pytest.mark.parametrize("kind", HEADINGS)
def test_ordinary_rows_are_plain(cast, kind, monkeypatch):
    said = []
    lines = PlainRows.lines

    def noting(self, *given):
        found = lines(self, *given)
        said.append(found)
        return found

    monkeypatch.setattr(PlainRows, "lines", noting)
    ordinary = {"户号": "H001", "与户主关系": "户主", "姓名": "甲一", "乡镇": "东风镇",
                "村": "红星村", "缴费金额": 380.0, "缴费时间": "2023-09-02 07:01:12",
                "流水号": "S1", "出生日期": "1980-01-02"}  # fmt: skip
    headings = HEADINGS[kind]
    rows = [
        [{**ordinary, "身份证号": id_number(n), "性别": SEXES[id_number(n)]}.get(title, "")
         for title in headings]
        for n in range(1, 9)
    ]  # fmt: skip
    rows.append(["合计"] + [""] * (len(headings) - 1))
    read(cast, kind, headings, rows, plain=True)
    *_, last = said
    assert None not in last[:-1] and last[-1] is None


def test_a_moment_of_a_year_with_summer_time_is_asked_for(cast):
    """1988-05-01 lies in China's summer time: an hour more than the stamp of any later day."""
    rows = [["甲一", id_number(n), "东风镇", 380, f"1988-05-01 07:01:1{n}", f"S{n}"]
            for n in range(1, 4)]  # fmt: skip
    found, _ = read(cast, "payments", handing.PAYMENTS, rows, plain=True)
    assert [values["paid_at"] for values in found[2:]] == [
        f"1988-05-01 07:01:1{n}+09:00" for n in range(1, 4)
    ]
    assert datetime.fromisoformat(found[2]["paid_at"]).astimezone(UTC).hour == 22


def test_a_tab_or_line_break_in_a_bad_cell_is_a_problem_not_a_crash(cast, monkeypatch):
    handing.read_in_process(monkeypatch)
    row = ["", "", "甲一", id_number(1), "东风镇", "红星村", "", "", "男", "甲\t乙\n丙"]
    found = handing.read(cast, "register", [row], headings=REGISTER)
    assert handing.reasons(found, "problems")[0].startswith("出生日期“甲 乙 丙”：")
