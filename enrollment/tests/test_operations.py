"""Commands of the IT officer: first administrator, backup and restore, keys, doctor, trail."""

import base64
import io
import json
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, models
from django.utils import timezone

from enrollment import audit, backups, doctor, regions, rotation, store
from enrollment.failure import Failure
from enrollment.models import AuditEvent, Job, Person, Region, Roster, RosterPage, Stage, User
from enrollment.tests.cast import build_cast, id_number
from enrollment.vault import parse_keys, vault


def key(letter: str) -> str:
    return base64.b64encode(letter.encode() * 32).decode()


def run(*args, **options):
    """The JSON a command prints and the code it exits with."""
    out, code = io.StringIO(), 0
    try:
        call_command(*args, json=True, stdout=out, **options)
    except SystemExit as stop:
        code = stop.code
    return json.loads(out.getvalue()), code


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.CANBAO_FILES = str(tmp_path / "files")
    settings.CANBAO_HOME = tmp_path / "home"
    return tmp_path / "files"


def hand_in(cast, content=b"a county's register"):
    name = store.put(io.BytesIO(content), folder="990001/2024")
    return Roster.objects.create(
        county=cast.county,
        region=cast.county,
        policy_year=cast.year,
        kind="register",
        file_name="户籍.xlsx",
        sha256="0" * 64,
        stored_as=name,
    )


@pytest.mark.django_db
class TestCreateAdmin:
    def test_the_county_is_made_with_its_unplaced(self):
        said, _ = run("create_admin", username="guanli", county="341524", county_name="金寨县")
        user = User.objects.get(username="guanli")
        assert user.check_password(said["password"]) and user.must_change_password
        assert user.job.keeps_accounts and user.region == Region.objects.get(key="341524")
        assert regions.placeholder(user.region).county == user.region

    def test_the_security_administrator_is_another_person(self, cast):
        run("create_admin", username="g", county="990001", full_name="张三", role="security")
        assert User.objects.get(username="g").job.may_grant
        with pytest.raises(Failure, match="须是三个人"):
            run("create_admin", username="h", county="990001", full_name="张三")

    def test_a_county_that_is_not_there_needs_a_name(self, cast):
        with pytest.raises(Failure, match="没有代码为 341524"):
            run("create_admin", username="guanli", county="341524")
        with pytest.raises(Failure, match="已用于别的"):
            run("create_admin", username="g", county="990001101", county_name="东风县")

    def test_a_password_from_a_file_is_not_printed_and_not_weak(self, cast, tmp_path):
        file = tmp_path / "password"
        file.write_text("春眠不觉晓-Spring-1\n")
        said, _ = run("create_admin", username="g", county="990001", password_file=file)
        assert "password" not in said
        assert User.objects.get(username="g").check_password("春眠不觉晓-Spring-1")
        file.write_text("1234567890")
        with pytest.raises(Failure, match="密码"):
            run("create_admin", username="h", county="990001", password_file=file)
        with pytest.raises(Failure, match="读不出来"):
            run("create_admin", username="h", county="990001", password_file=tmp_path / "none")
        assert not User.objects.filter(username="h").exists()


@pytest.mark.django_db(transaction=True)
class TestBackup:
    @pytest.fixture
    def world(self):
        cast = build_cast()
        return cast, hand_in(cast)

    def test_there_and_back_again(self, world, tmp_path, files):
        cast, roster = world
        said, _ = run("backup", str(tmp_path / "kept"))
        path = Path(said["file"])
        assert path.stat().st_mode & 0o077 == 0 and list((tmp_path / "kept").iterdir()) == [path]
        Person.objects.all().update(name="改坏了")
        store.remove(roster.stored_as)
        extra = store.put(io.BytesIO(b"later"), folder="990001/2024")
        with pytest.raises(Failure, match="已有数据"):
            run("restore", str(path), yes=True)
        with pytest.raises(Failure, match="还没有改动"):
            run("restore", str(path), replace=True)
        assert set(Person.objects.values_list("name", flat=True)) == {"改坏了"}
        said, _ = run("restore", str(path), yes=True, replace=True)
        assert said["people"] == 5 and said["files"] == 1 and not said["keys_restored"]
        assert Person.objects.numbered(id_number(1)).get().name == "甲一"
        assert b"".join(store.stream(roster.stored_as)) == b"a county's register"
        assert list(store.names()) == [roster.stored_as] and extra != roster.stored_as
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [backups.ASIDE])
            assert cursor.fetchone() == (0,)
            with pytest.raises(Exception, match="append_only"):
                AuditEvent.objects.create(action="x")
                AuditEvent.objects.update(action="y")

    @pytest.mark.parametrize("fault", ["changed", "cut", "junk", "manifest", "extra"])
    def test_a_damaged_backup_touches_nothing(self, world, tmp_path, fault):
        path = backups.make(tmp_path, with_keys=False, tell=print)
        content = bytearray(path.read_bytes())
        if fault == "changed":
            content[20_000] ^= 1
        elif fault == "cut":
            del content[len(content) // 2 :]
        elif fault == "junk":
            content[:] = b"PK not a backup"
        path.write_bytes(content)
        if fault in ("manifest", "extra"):
            with tarfile.open(path, "a") as tar:
                member = tarfile.TarInfo("manifest.json" if fault == "manifest" else "../evil")
                member.size = 2
                tar.addfile(member, io.BytesIO(b"{}"))
        with pytest.raises(Failure):
            run("restore", str(path), yes=True, replace=True)
        assert Person.objects.count() == 5

    def test_without_its_keys_a_backup_is_refused(self, world, tmp_path, settings):
        path = backups.make(tmp_path, with_keys=False, tell=print)
        settings.CANBAO_ID_KEYS = f"k1:{key('x')}"
        with pytest.raises(Failure, match="不含密钥.*k1"):
            run("restore", str(path), yes=True, replace=True)

    def test_keys_inside_go_to_the_home_folder_unless_set_outside(
        self, world, tmp_path, settings, monkeypatch
    ):
        before = settings.CANBAO_ID_KEYS
        path = backups.make(tmp_path, with_keys=True, tell=print)
        settings.CANBAO_ID_KEYS = f"k1:{key('x')}"
        with pytest.raises(Failure, match="环境变量"):
            run("restore", str(path), yes=True, replace=True)
        for name in backups.KEY_NAMES:
            monkeypatch.delenv(name, raising=False)
        old = settings.CANBAO_HOME / "keys"
        old.mkdir(parents=True)
        (old / "CANBAO_ID_KEYS").write_text(f"k1:{key('x')}\n")
        said, _ = run("restore", str(path), yes=True, replace=True)
        assert said["keys_restored"]
        assert (old / "CANBAO_ID_KEYS").read_text().strip() == before
        assert (old / "CANBAO_ID_KEYS").stat().st_mode & 0o077 == 0
        (aside,) = settings.CANBAO_HOME.glob("keys-before-*")
        assert key("x") in (aside / "CANBAO_ID_KEYS").read_text()

    def test_a_failure_midway_brings_the_old_tables_back(self, world, tmp_path, monkeypatch):
        path = backups.make(tmp_path, with_keys=False, tell=print)
        Person.objects.filter(name="甲一").update(phone="13900000000")

        def fail(keys):
            raise Failure("unreadable", "打不开")

        monkeypatch.setattr(backups, "_refuse_unreadable", fail)
        with pytest.raises(Failure, match="打不开"):
            run("restore", str(path), yes=True, replace=True)
        assert Person.objects.get(name="甲一").phone == "13900000000"

    def test_after_a_kill_midway_the_next_restore_starts_from_the_old_tables(self, world, tmp_path):
        path = backups.make(tmp_path, with_keys=False, tell=print)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SCHEMA public RENAME TO {backups.ASIDE}; CREATE SCHEMA public")
        assert any("没有做完" in one.sentence for one in doctor.examine())
        run("restore", str(path), yes=True, replace=True)
        assert Person.objects.count() == 5
        assert not any("没有做完" in one.sentence for one in doctor.examine())

    def test_a_backup_of_a_newer_version_is_refused(self, world, tmp_path):
        path = backups.make(tmp_path, with_keys=False, tell=print)
        newer = backups.examine(path)
        newer.manifest["migrations"].append("enrollment.9999_future")
        with pytest.raises(Failure, match="9999_future"):
            backups.refusals(newer, replace=True)


@pytest.mark.django_db
class TestKeys:
    @pytest.fixture
    def sealed(self, cast, settings):
        roster = hand_in(cast)
        RosterPage.objects.create(
            roster=roster, sheet=0, first_row=2, sealed=vault().seal_bytes(b"\x00[1]\xff")
        )
        Stage.objects.create(
            roster_id=roster.pk,
            sheet=0,
            row=1,
            part=0,
            id_cipher=vault().seal(id_number(9)),
            id_index=vault().index(id_number(9)),
        )
        self.old = settings.CANBAO_ID_KEYS
        return cast, roster

    def test_every_column_of_ciphertext_is_known(self):
        columns = {
            (model, field.name)
            for model in apps.get_models()
            for field in model._meta.get_fields()
            if isinstance(field, models.BinaryField)
        }
        assert columns == set(rotation.SEALED)

    def test_everything_is_sealed_anew_and_history_stays_silent(self, sealed, settings):
        cast, roster = sealed
        settings.CANBAO_ID_KEYS = f"k2:{key('n')},{self.old}"
        said, _ = run("rotate_keys")
        assert said["removable"] == ["k1"] and set(said["in_use"]) == {"k2"}
        assert sum(said["done"].values()) == 5 + 1 + 1 + 1
        settings.CANBAO_ID_KEYS = f"k2:{key('n')}"
        assert Person.objects.get(name="甲一").number() == id_number(1)
        assert vault().open_bytes(RosterPage.objects.get().sealed) == b"\x00[1]\xff"
        assert b"".join(store.stream(roster.stored_as)) == b"a county's register"
        assert not Person.objects.first().events.exists()
        said, _ = run("rotate_keys")
        assert sum(said["done"].values()) == 0

    def test_a_missing_old_key_stops_it_before_anything_changes(self, sealed, settings):
        settings.CANBAO_ID_KEYS = f"k2:{key('n')}"
        with pytest.raises(Failure, match="k1"):
            run("rotate_keys")
        settings.CANBAO_ID_KEYS = self.old
        assert set(rotation.in_use()) == set(parse_keys(self.old))

    def test_a_new_index_key_finds_everybody_again(self, sealed, settings):
        settings.CANBAO_INDEX_KEY = key("i")
        assert not Person.objects.numbered(id_number(1)).exists()
        with pytest.raises(Failure, match="--index"):
            run("rotate_keys")
        said, _ = run("rotate_keys", index=True)
        assert said["done"] == {"indexes": 6}
        person = Person.objects.numbered(id_number(1)).get()
        assert person.tail_index == vault().tail("19800102", id_number(1)[-4:])
        assert not person.events.exists()


@pytest.mark.django_db
class TestDoctor:
    def sentences(self):
        found = doctor.examine()
        return {one.matter: one.sentence for one in found if one.level == doctor.PROBLEM}

    @pytest.fixture
    def well(self, cast):
        regions.ensure_placeholders(cast.neighbour)
        hand_in(cast)
        return cast

    def test_a_sound_installation_has_no_problem_but_the_worker(self, well):
        assert set(self.sentences()) <= {"后台进程"}

    def test_each_fault_has_its_sentence(self, well, settings, files):
        Region.objects.filter(pk=well.unplaced_town.pk).update(placeholder=False)
        Person.objects.filter(name="甲一").update(town=well.west)
        event = audit.record("x", by=None, county=well.county)
        old = timezone.now() - timedelta(hours=1)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE enrollment_auditevent SET at = %s WHERE id = %s", [old, event.pk]
            )
        Job.objects.create(verb="read", slot="x", state="running", lease_until=old)
        Roster.objects.update(stored_as="990001/2024/gone.sealed")
        files.chmod(0o755)
        settings.TIME_ZONE = "UTC"
        User.objects.filter(pk=well.east_officer.pk).update(is_demo=True)
        settings.CANBAO_EMBEDDED = False
        found = self.sentences()
        assert {"行政区划", "操作记录", "任务", "文件", "时区", "账号"} <= set(found)

    def test_wrong_keys(self, well, settings):
        settings.CANBAO_INDEX_KEY = key("i")
        assert "CANBAO_INDEX_KEY" in self.sentences()["密钥"]
        settings.CANBAO_ID_KEYS = f"k1:{key('x')}"
        assert "CANBAO_ID_KEYS" in self.sentences()["密钥"]
        settings.CANBAO_ID_KEYS = f"k2:{key('x')}"
        assert "k1" in self.sentences()["密钥"]

    def test_the_command_says_so_and_exits_with_1(self, well, files):
        files.chmod(0o755)
        said, code = run("doctor")
        assert code == 1 and not said["ok"] and said["problems"] >= 1


@pytest.mark.django_db
class TestTrail:
    def test_whole_and_broken(self, cast):
        for number in range(3):
            audit.record("x", by=cast.county_officer, county=cast.county, subject=number)
        audit.seal()
        said, code = run("verify_audit")
        assert code == 0 and said["ok"] and said["sealed"] == 3 and len(said["head"]) == 64
        second = AuditEvent.objects.order_by("pk")[1]
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE enrollment_auditevent SET subject = '9' WHERE id = %s", [second.pk]
            )
        said, code = run("verify_audit")
        assert code == 1 and str(second.pk) in said["faults"][0]
