"""The private file store: originals, problem files and exports, each sealed with our keys.

Files lie under ``CANBAO_FILES`` by names made here, never by names that came with an upload.
A file appears whole or not at all, and nobody but the portal's own user can read it.
"""

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from enrollment.vault import KeyMissing, vault

FOLDER = re.compile(r"[0-9A-Za-z_-]+(/[0-9A-Za-z_-]+)*")
SUFFIX = ".sealed"
UNFINISHED = ".part"
PLAIN = ".plain"
"""The folder of plaintext copies while somebody reads them."""


class FileProblem(Exception):
    """A stored file cannot be had; the message is a sentence for the user."""


def put(source: BinaryIO, *, folder: str) -> str:
    """Seal what ``source`` still holds and keep it below ``folder`` (``341524/2024``).

    Returns the name to ask for it later.
    """
    if not FOLDER.fullmatch(folder):
        raise ValueError(f"not a folder of the store: {folder!r}")
    name = f"{folder}/{secrets.token_hex(16)}{SUFFIX}"
    with _written(_path(name)) as target:
        vault().seal_file(source, target)
    return name


def stream(name: str) -> Iterator[bytes]:
    """The file's plaintext in pieces of at most 1 MB. Raises FileProblem, perhaps midway."""
    try:
        with _path(name).open("rb") as sealed:
            yield from vault().open_file(sealed)
    except FileNotFoundError as error:
        raise FileProblem("保存的文件已不在，可能已按期删除") from error
    except KeyMissing as error:
        raise FileProblem("打不开保存的文件：加密它的密钥没有配置，请联系系统管理员") from error
    except (ValueError, IndexError) as error:
        raise FileProblem("保存的文件已损坏，请重新上传原文件") from error


@contextmanager
def plaintext(name: str, *, suffix: str = "") -> Iterator[Path]:
    """A readable copy in a folder of its own, gone when the block ends. Raises FileProblem."""
    with scratch(suffix=suffix) as copy:
        with os.fdopen(_create(copy), "wb") as target:
            for piece in stream(name):
                target.write(piece)
        yield copy


@contextmanager
def scratch(*, suffix: str = "") -> Iterator[Path]:
    """A path in a folder of its own for a plaintext file being made, gone when the block ends."""
    place = Path(tempfile.mkdtemp(dir=workroom()))
    try:
        yield place / f"file{suffix}"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def workroom() -> Path:
    """The closed folder for plaintext under way; what a killed process leaves there is cleared."""
    return _folder(_root() / PLAIN)


def remove(name: str) -> None:
    """Delete a file; one that is already gone is as good as deleted."""
    _path(name).unlink(missing_ok=True)


def names() -> Iterator[str]:
    """Every stored file, in no particular order; folders with a dot are for work under way."""
    root = _root()
    for path in root.rglob(f"*{SUFFIX}"):
        name = path.relative_to(root).as_posix()
        if not name.startswith("."):
            yield name


def key_number(name: str) -> int:
    """The number of the key that sealed a file."""
    with _path(name).open("rb") as sealed:
        first = sealed.read(1)
    if not first:
        raise FileProblem("保存的文件是空的，已损坏")
    return first[0]


def reseal(name: str) -> bool:
    """Seal a file anew with the current key, in place; False if it already is. Raises FileProblem.

    The old file stays until the new one is whole on disk.
    """
    if key_number(name) == vault().current:
        return False
    with plaintext(name) as copy, copy.open("rb") as source, _written(_path(name)) as target:
        vault().seal_file(source, target)
    return True


def clear_leftovers(*, older_than_hours: float = 24) -> int:
    """Delete what a killed process left behind: plaintext copies and half-written files."""
    root, cleared = _root(), 0
    before = time.time() - older_than_hours * 3600
    leftovers = list((root / PLAIN).glob("*")) if (root / PLAIN).is_dir() else []
    leftovers += [path for path in root.rglob(f"*{UNFINISHED}") if PLAIN not in path.parts]
    for path in leftovers:
        try:
            if path.stat().st_mtime > before:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            cleared += 1
        except FileNotFoundError:
            continue
    return cleared


def _root() -> Path:
    return Path(settings.CANBAO_FILES)


def _path(name: str) -> Path:
    """Where a name lies. Names come from our own rows, and are checked all the same."""
    if not FOLDER.fullmatch(name.removesuffix(SUFFIX)) or not name.endswith(SUFFIX):
        raise ValueError(f"not a name of the store: {name!r}")
    return _root() / name


def _folder(path: Path) -> Path:
    """Create a folder and those above it, each closed to other users."""
    if not path.is_dir():
        if path != _root():
            _folder(path.parent)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """Write a file aside and put it into place once it is on disk."""
    folder = _folder(path.parent)
    aside = folder / f"{secrets.token_hex(8)}{UNFINISHED}"
    try:
        with os.fdopen(_create(aside), "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
