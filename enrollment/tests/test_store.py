"""The private file store."""

import io
import os
import time
from pathlib import Path

import pytest

from enrollment import store
from enrollment.vault import vault

OLD, NEW = "A" * 43 + "=", "B" * 42 + "A="


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.CANBAO_FILES = str(tmp_path / "files")
    settings.CANBAO_ID_KEYS = f"k1:{OLD}"
    return tmp_path / "files"


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_what_goes_in_comes_out(files):
    content = os.urandom(2_500_000)
    name = store.put(io.BytesIO(content), folder="341524/2024")
    assert name.startswith("341524/2024/")
    assert b"".join(store.stream(name)) == content
    with store.plaintext(name, suffix=".xlsx") as copy:
        assert copy.read_bytes() == content and copy.suffix == ".xlsx"
        assert mode(copy) == "0o600" and mode(copy.parent) == "0o700"
    assert not copy.exists() and not copy.parent.exists()


def test_an_empty_file_is_a_file(files):
    assert b"".join(store.stream(store.put(io.BytesIO(), folder="a"))) == b""


def test_sealed_and_private(files):
    name = store.put(io.BytesIO("张三".encode()), folder="341524/2024")
    assert "张三".encode() not in (files / name).read_bytes()
    assert mode(files / name) == "0o600"
    assert {mode(files), mode(files / "341524"), mode(files / "341524/2024")} == {"0o700"}
    assert [path.name for path in (files / "341524/2024").iterdir()] == [Path(name).name]


@pytest.mark.parametrize("folder", ["../x", "/etc", "a/../b", "", "a b", "a/", "."])
def test_no_way_out_of_the_store(folder):
    with pytest.raises(ValueError, match="store"):
        store.put(io.BytesIO(b"x"), folder=folder)
    with pytest.raises(ValueError, match="store"):
        store.remove(f"{folder}/x.sealed" if folder != "a" else "")


def test_a_failed_write_leaves_nothing(files):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        store.put(Broken(), folder="a")
    assert list((files / "a").iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied"])
def test_damage_is_told_not_read(files, damage):
    name = store.put(io.BytesIO(os.urandom(3_000_000)), folder="a")
    sealed = bytearray((files / name).read_bytes())
    if damage == "cut":
        del sealed[-1_000_000:]
    elif damage == "emptied":
        sealed.clear()
    else:
        sealed[-5] ^= 1
    (files / name).write_bytes(sealed)
    with pytest.raises(store.FileProblem, match="损坏"), store.plaintext(name):
        pytest.fail("a damaged file was handed out")
    assert list((files / ".plain").iterdir()) == []


def test_gone_and_keyless_files_have_their_sentence(files, settings):
    name = store.put(io.BytesIO(b"x"), folder="a")
    settings.CANBAO_ID_KEYS = f"k2:{NEW}"
    with pytest.raises(store.FileProblem, match="密钥"):
        list(store.stream(name))
    store.remove(name)
    store.remove(name)
    with pytest.raises(store.FileProblem, match="已不在"):
        list(store.stream(name))


def test_resealing(files, settings):
    content = os.urandom(1_200_000)
    name = store.put(io.BytesIO(content), folder="a/b")
    settings.CANBAO_ID_KEYS = f"k2:{NEW},k1:{OLD}"
    assert store.reseal(name) and not store.reseal(name)
    assert store.key_number(name) == vault().current == 2
    settings.CANBAO_ID_KEYS = f"k2:{NEW}"
    assert b"".join(store.stream(name)) == content
    assert list(store.names()) == [name]


def test_leftovers_of_a_killed_process_go(files):
    store.put(io.BytesIO(b"x"), folder="a")
    (files / ".plain/left").mkdir(parents=True)
    (files / ".plain/left/file").write_text("张三")
    (files / "a/half.part").write_text("half")
    assert store.clear_leftovers() == 0
    yesterday = time.time() - 25 * 3600
    for path in (files / ".plain/left", files / "a/half.part"):
        os.utime(path, (yesterday, yesterday))
    assert store.clear_leftovers() == 2
    assert [path.suffix for path in (files / "a").iterdir()] == [".sealed"]
