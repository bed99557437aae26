"""Hostile files through the whole pipeline, and numbers that must not lie about in clear."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, Phase, given, strategies
from hypothesis import settings as hypothesis_settings

from enrollment import roster, store
from enrollment.management.commands.import_roster import Command
from enrollment.models import Person, Region, Roster, RosterRow, Stage
from enrollment.tests import corpus, handing
from enrollment.tests.cast import build_cast, id_number

A1, B1 = id_number(1), id_number(3, birth="19751231")
DAY = "2023-11-20 10:00:00"


# Files as they should not be


def test_every_bad_file_gets_its_sentence_and_leaves_nothing(cast, monkeypatch):
    handing.read_in_process(monkeypatch)
    before = handing.facts()
    for case in [*corpus.HOSTILE, *corpus.UNREADABLE]:
        found = roster.hand_in(
            io.BytesIO(case.build()),
            file_name=case.name,
            year=cast.year,
            kind="register",
            by=cast.county_officer,
        )
        found = roster.read(found)
        assert (found.state, found.refusal_code) == ("refused", case.code), case.title
        assert case.words in found.refusal, case.title
        assert found.refusal.endswith("。"), case.title
    assert handing.facts() == before
    assert not Stage.objects.exists() and not RosterRow.objects.exists()


@pytest.mark.parametrize("title", ["bomb", "entities without end", "macros inside", "noise"])
def test_the_command_says_why_and_fails(cast, tmp_path, capsys, monkeypatch, title):
    monkeypatch.setattr(connections, "close_all", lambda: None)
    case = next(case for case in corpus.HOSTILE if case.title == title)
    path = tmp_path / case.name
    path.write_bytes(case.build())
    command = ["manage.py", "import_roster", str(path), "--county", "990001", "--year", "2024",
               "--kind", "register", "--apply", "--json"]  # fmt: skip
    with pytest.raises(SystemExit) as stop:
        Command().run_from_argv(command)
    said = json.loads(capsys.readouterr().out)
    assert stop.value.code == 1
    assert said["error"]["code"] == case.code and case.words in said["error"]["message"]
    assert Roster.objects.get().state == "refused"


# Numbers in clear


def in_clear(number: str) -> Iterator[str]:
    """The tables that hold a text, as text or as bytes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(table_name) FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {table} t WHERE t::text ILIKE ANY (%s))",
                [[f"%{number}%", f"%{number.encode().hex()}%"]],
            )
            if cursor.fetchone()[0]:
                yield table


def test_no_number_is_in_clear_in_the_database_or_in_the_store(
    cast, monkeypatch, settings, tmp_path
):
    settings.CANBAO_FILES = str(tmp_path)  # the shared store holds other tests' work in hand
    handing.read_in_process(monkeypatch)
    known, stranger, wrong = A1, id_number(9), id_number(7)[:17] + "?"
    rows = [["", "", "甲一", known, "东风镇", "柳林村", "", ""],
            ["", "", "生人", stranger, "东风镇", "柳林村", "", ""],
            ["", "", "笔误", wrong, "东风镇", "柳林村", "", ""],
            ["", "", known, stranger, "东风镇", "柳林村", "", ""]]  # fmt: skip
    first = handing.put_in(cast, "register", rows, mode="supplement")
    handing.put_in(cast, "status", [["甲壹", known, "", known, ""], ["外人", B1, "", "", ""]],
                   status="服役")  # fmt: skip
    handing.put_in(cast, "payments", [["甲壹", known, "", 380, DAY, "S1"],
                                      ["生人", stranger, "", "--", DAY, "S2"]])  # fmt: skip
    handing.read(cast, "register", rows)
    roster.read(handing.handed(cast, "register", [["甲一", known]], headings=["乙一", B1]))
    roster.withdraw(first, by=cast.county_officer)
    assert "enrollment_person" in set(in_clear("乙一")), "the search would find it"
    for number in (known, stranger, wrong[:17], B1):
        assert not set(in_clear(number))
    files = [path for path in Path(settings.CANBAO_FILES).rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        content = path.read_bytes()
        assert not any(number.encode() in content for number in (known, stranger, B1)), path
        assert not content.startswith(b"PK"), path
    assert next(store.stream(first.stored_as))[:2] == b"PK"


# Any order of hand-ins and withdrawals


NUMBERS = [id_number(n, birth="19900909") for n in range(6)]
PLACES = [("东风镇", "红星村"), ("东风镇", "新建村"), ("西河镇", "石桥村")]

one_row = strategies.tuples(
    strategies.integers(0, 5), strategies.integers(0, 2), strategies.sampled_from(["", "H1", "H2"])
)
register = strategies.tuples(
    strategies.just("register"),
    strategies.lists(one_row, min_size=1, max_size=4),
    strategies.sampled_from(["full", "supplement"]),
)
status = strategies.tuples(
    strategies.just("status"),
    strategies.lists(one_row, min_size=1, max_size=3),
    strategies.sampled_from(["full", "supplement"]),
)
payments = strategies.tuples(
    strategies.just("payments"),
    strategies.lists(one_row, min_size=1, max_size=3),
    strategies.just("supplement"),
)
hand_in = strategies.one_of(register, status, payments)
quickly = hypothesis_settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def put_in(cast, step, serial: int) -> Roster:
    kind, rows, mode = step
    cells = []
    for at, (who, where, house) in enumerate(rows):
        town, village = PLACES[where]
        name, number = f"人{'甲乙丙丁戊己'[who]}", NUMBERS[who]
        cells.append(
            {
                "register": [house, "", name, number, town, village, "", ""],
                "status": [name, number, town, "", house],
                "payments": [name, number, town, 380 if where else -190, DAY, f"{serial}-{at}"],
            }[kind]
        )
    return handing.put_in(
        cast, kind, cells, mode=mode, **({"status": "服役"} if kind == "status" else {})
    )


def sound() -> None:
    """What holds whatever was handed in and withdrawn."""
    for found in Roster.objects.exclude(new=None):
        handing.check_counts(found)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE household_id IS NOT NULL AND h.id IS NULL),
                   count(*) FILTER (WHERE v.id IS NULL)
            FROM enrollment_person p
            LEFT JOIN enrollment_household h ON h.id = p.household_id
            LEFT JOIN enrollment_region v ON v.id = p.village_id AND v.parent_id = p.town_id
            """
        )
        assert cursor.fetchone() == (0, 0)
    assert not Stage.objects.exists()


@quickly
@given(steps=strategies.lists(hand_in, min_size=1, max_size=4))
def test_withdrawing_in_reverse_goes_back_step_by_step(quick_cast, steps):
    """Each withdrawal of the latest leaves exactly what stood before it."""
    with quick_cast() as cast:
        stood = []
        for serial, step in enumerate(steps):
            stood.append((without_payers(), put_in(cast, step, serial)))
            sound()
        for before, found in reversed(stood):
            assert roster.withdraw(found, by=None).kept_back == 0
            assert without_payers() == before
            sound()


@quickly
@given(
    steps=strategies.lists(hand_in, min_size=2, max_size=4),
    order=strategies.randoms(use_true_random=False),
)
def test_withdrawing_in_any_order_never_breaks_anything(quick_cast, steps, order):
    """And at the end, with all withdrawn, nobody is insured, enrolled or told of."""
    with quick_cast() as cast:
        found = [put_in(cast, step, serial) for serial, step in enumerate(steps)]
        order.shuffle(found)
        for each in found:
            roster.withdraw(each, by=None)
            sound()
        left = handing.facts()
        assert not left["enrollment_enrollment"] and not left["enrollment_question"]


@quickly
@given(
    kinds=strategies.lists(
        strategies.sampled_from(["register", "status", "payments"]), min_size=2, max_size=3
    ),
    going=strategies.sets(strategies.integers(0, 2)),
)
def test_the_hand_ins_that_stay_are_as_if_alone(quick_cast, kinds, going):
    """Where no two name the same person: what is withdrawn might never have been handed in."""
    steps = [
        (kind, [(2 * at, at % 3, f"H{at}"), (2 * at + 1, 0, "")], "supplement")
        for at, kind in enumerate(kinds)
    ]
    with quick_cast() as cast:
        for at, step in enumerate(steps):
            if at not in going:
                put_in(cast, step, at)
        alone = comparable()
    with quick_cast() as cast:
        found = [put_in(cast, step, at) for at, step in enumerate(steps)]
        for at in going & set(range(len(found))):
            assert roster.withdraw(found[at], by=None).kept_back == 0
        assert comparable() == alone


def without_payers() -> dict[str, list[str]]:
    """The facts but for payments, which are kept, and strangers whom only those name.

    Such a stranger may be all that is left in a village a register had made.
    """
    held = handing.facts(without=["enrollment_payment"])
    gone = Person.objects.filter(on_roll_from=None, statuses=None, enrollments=None)
    keys = {str(pk) for pk in gone.values_list("pk", flat=True)}
    inhabited = set(Person.objects.exclude(pk__in=gone).values_list("village_id", flat=True))
    held["enrollment_region"] = [
        row
        for row in held["enrollment_region"]
        if "-v" not in json.loads(row)["key"] or json.loads(row)["id"] in inhabited
    ]
    held["enrollment_person"] = [
        row for row in held["enrollment_person"] if str(json.loads(row)["id"]) not in keys
    ]
    return held


def comparable() -> dict[str, list[str]]:
    """The facts without the keys of rows, which two runs cannot share."""
    names = dict(Region.objects.values_list("pk", "name"))
    ours = ("id", "written_by_id", "household_id", "key", "order", "roster_id")
    held: dict[str, list[str]] = {}
    for table, rows in without_payers().items():
        held[table] = []
        for text in rows:
            row = {name: value for name, value in json.loads(text).items() if name not in ours}
            for place in ("town_id", "village_id", "county_id", "parent_id"):
                if place in row:
                    row[place] = names.get(row[place])
            for person in {"person_id"} & row.keys():
                row[person] = Person.objects.get(pk=row[person]).name
            for changing in ("id_cipher", "policy_year_id", "kind_id"):
                row.pop(changing, None)
            held[table].append(json.dumps(row, sort_keys=True, ensure_ascii=False))
        held[table].sort()
    return held


@pytest.fixture
def quick_cast(db, monkeypatch):
    """A cast of its own for every example, forgotten afterwards."""
    handing.read_in_process(monkeypatch)

    @contextmanager
    def made():
        point = transaction.savepoint()
        try:
            yield build_cast()
        finally:
            transaction.savepoint_rollback(point)

    return made
