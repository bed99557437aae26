"""New keys for old: everything sealed is sealed again with the current key, and indexes recomputed.

Sealing again goes in batches, each its own transaction, and only touches what an older key
sealed; broken off, it is simply run again. History keeps no ciphertext, so nothing is left behind
in it. The index key cannot be changed bit by bit, for a number must have one index: that is one
transaction over everybody, computed from the ciphertext.
"""

from collections.abc import Callable

import pgtrigger
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from enrollment import store
from enrollment.failure import Failure
from enrollment.models import FormerDocument, Person, RosterPage, Stage
from enrollment.vault import KeyMissing, Vault, vault

BATCH = 5000
# A page of a roster is hundreds of rows; a batch of them has to fit into memory all the same.
PAGES = 100

# Every column that holds ciphertext; a test compares the list with the models.
SEALED: list[tuple[type[models.Model], str]] = [
    (Person, "id_cipher"),
    (FormerDocument, "id_cipher"),
    (RosterPage, "sealed"),
    (Stage, "id_cipher"),
]

Tell = Callable[[str, int, int], None]
"""Called with what is under way, how much of it is done, and how much there is."""


def in_use() -> dict[int, int]:
    """How many values and files each key has sealed: {key number: how many}."""
    found: dict[int, int] = {}
    with connection.cursor() as cursor:
        for model, column in SEALED:
            table, name = _quoted(model, column)
            cursor.execute(
                f"SELECT get_byte({name}, 0), count(*) FROM {table} "  # noqa: S608
                f"WHERE length({name}) > 0 GROUP BY 1"
            )
            for number, count in cursor.fetchall():
                found[number] = found.get(number, 0) + count
    for name in store.names():
        number = store.key_number(name)
        found[number] = found.get(number, 0) + 1
    return found


def reseal(*, tell: Tell) -> dict[str, int]:
    """Seal everything with the current key. Returns how many per table, and files.

    Raises Failure, before anything is changed, where a key that is still needed is missing.
    """
    keys = vault()
    if missing := sorted(set(in_use()) - set(keys.numbers)):
        names = "、".join(f"k{number}" for number in missing)
        raise Failure(
            "key_missing",
            f"还有数据是用 {names} 加密的，而 CANBAO_ID_KEYS 里没有它；请先把旧密钥加在新密钥后面",
        )
    done: dict[str, int] = {}
    for model, column in SEALED:
        done[f"{model._meta.db_table}.{column}"] = _reseal_column(model, column, keys, tell)
    files = list(store.names())
    done["files"] = 0
    for number, name in enumerate(files, start=1):
        try:
            done["files"] += store.reseal(name)
        except store.FileProblem as problem:
            raise Failure("file", f"文件 {name}：{problem}") from problem
        tell("文件", number, len(files))
    return done


def _reseal_column(model: type[models.Model], column: str, keys: Vault, tell: Tell) -> int:
    table, name = _quoted(model, column)
    batch = PAGES if model is RosterPage else BATCH
    with connection.cursor() as cursor:
        old = f"length({name}) > 0 AND get_byte({name}, 0) <> %s"
        cursor.execute(
            f"SELECT count(*) FROM {table} WHERE {old}",  # noqa: S608
            [keys.current],
        )
        total, done, last = cursor.fetchone()[0], 0, 0
        while done < total:
            with transaction.atomic():
                cursor.execute(
                    f"SELECT id, {name} FROM {table} WHERE id > %s AND {old} "  # noqa: S608
                    f"ORDER BY id LIMIT {batch} FOR NO KEY UPDATE",
                    [last, keys.current],
                )
                rows = cursor.fetchall()
                if not rows:
                    break
                cursor.execute(
                    f"UPDATE {table} t SET {name} = fresh.sealed "  # noqa: S608
                    "FROM unnest(%s::bigint[], %s::bytea[]) AS fresh (id, sealed) "
                    "WHERE t.id = fresh.id",
                    [
                        [row[0] for row in rows],
                        [keys.seal_bytes(keys.open_bytes(row[1])) for row in rows],
                    ],
                )
            last = rows[-1][0]
            done += len(rows)
            tell(f"{model._meta.verbose_name}·{_label(model, column)}", done, total)
    return done


@transaction.atomic
def recompute_indexes(*, tell: Tell) -> int:
    """Give every number its index under the configured index key. Returns how many numbers.

    One transaction; nobody else writes people meanwhile, and reading goes on with the old key's
    indexes until it commits. Row history is not written: nothing about the people has changed.
    """
    keys = vault()
    done = 0
    with connection.cursor() as cursor, pgtrigger.ignore("enrollment.Person:update_update"):
        for model in (Person, FormerDocument, Stage):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(f"SELECT count(*) FROM {table} WHERE id_cipher IS NOT NULL")  # noqa: S608
            total, seen, last = cursor.fetchone()[0], 0, 0
            while True:
                cursor.execute(
                    "SELECT id, id_cipher, tail_index IS NOT NULL, birth "  # noqa: S608
                    f"FROM {table} WHERE id > %s AND id_cipher IS NOT NULL "
                    f"ORDER BY id LIMIT {BATCH}",
                    [last],
                )
                rows = cursor.fetchall()
                if not rows:
                    break
                ids, indexes, tails = [], [], []
                for pk, sealed, with_tail, birth in rows:
                    number = keys.open(sealed)
                    ids.append(pk)
                    indexes.append(keys.index(number))
                    tails.append(
                        keys.tail(f"{birth:%Y%m%d}", number[-4:]) if with_tail and birth else None
                    )
                cursor.execute(
                    f"UPDATE {table} t SET id_index = fresh.one, tail_index = fresh.two "  # noqa: S608
                    "FROM unnest(%s::bigint[], %s::uuid[], %s::uuid[]) AS fresh (id, one, two) "
                    "WHERE t.id = fresh.id",
                    [ids, indexes, tails],
                )
                last = rows[-1][0]
                seen += len(rows)
                tell("检索码", seen, total)
            done += seen
        _recompute_births(cursor)
    return done


def _recompute_births(cursor: CursorWrapper) -> None:
    """Births hold copies of people's indexes; one whose number nobody holds is forgotten."""
    with pgtrigger.ignore("enrollment.Birth:update_update"):
        cursor.execute(
            """
            UPDATE enrollment_birth b SET
                mother_index = (
                    SELECT m.id_index FROM enrollment_person m WHERE m.id = b.mother_id
                ),
                certificate_index = (
                    SELECT p.id_index FROM enrollment_person p
                    WHERE p.id = b.person_id AND p.doc_type = 'birth-certificate'
                )
            WHERE b.mother_index IS NOT NULL OR b.certificate_index IS NOT NULL
            """
        )


def indexes_match(sample: int = 200) -> bool:
    """Whether stored indexes are those of the configured index key, by a sample of people."""
    keys = vault()
    people = Person.objects.exclude(id_cipher=None).exclude(id_index=None).order_by("pk")
    for person in people.only("id_cipher", "id_index")[:sample]:
        try:
            if keys.index(keys.open(person.id_cipher or b"")) != person.id_index:
                return False
        except KeyMissing:
            continue
    return True


def _quoted(model: type[models.Model], column: str) -> tuple[str, str]:
    quote = connection.ops.quote_name
    return quote(model._meta.db_table), quote(column)


def _label(model: type[models.Model], column: str) -> str:
    return str(getattr(model._meta.get_field(column), "verbose_name", column))
