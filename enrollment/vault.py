"""Keys, ciphertext and keyed indexes: the only place that touches an ID number's secret side.

An ID number is stored twice: encrypted (AES-256-GCM, random nonce) for the rare reveal, and as a
keyed index (HMAC-SHA256, 16 bytes, a PostgreSQL uuid) for matching, uniqueness and exact search.
An unkeyed hash would be worthless: all numbers of one county are tried in seconds.
A second index over birth date and last four digits serves the search a clerk does by heart.
"""

import base64
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE = 12
CHUNK = 1 << 20
TAG = 16


class KeyMissing(Exception):
    """The key that sealed this value is not among the configured ones."""


class Vault:
    """The configured keys, ready to use; of ``id_keys`` the first is current."""

    def __init__(self, id_keys: dict[int, bytes], index_key: bytes) -> None:
        self._ciphers = {number: AESGCM(key) for number, key in id_keys.items()}
        self.current = next(iter(id_keys))
        self._prefix = bytes([self.current])
        self._encrypt = self._ciphers[self.current].encrypt
        # HMAC by its definition, with the key already taken in: copying the two states costs a
        # third of what hmac.digest does, and a county is half a million times two of them.
        block = index_key.ljust(64, b"\0") if len(index_key) <= 64 else sha256(index_key).digest()
        block = block.ljust(64, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block)).copy
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block)).copy

    @property
    def numbers(self) -> list[int]:
        """The numbers of the configured keys, the current one first."""
        return list(self._ciphers)

    def index(self, number: str) -> UUID:
        """The keyed index of a normalised document number."""
        return UUID(bytes=self._digest(number))

    def index_hex(self, text: str) -> str:
        """The same as 32 hex digits, which COPY takes without building a UUID."""
        return self._digest(text).hex()

    def indexes_hex(self, texts: Iterable[str]) -> list[str]:
        """``index_hex`` of many, without a call for each."""
        inner_of, outer_of = self._inner, self._outer
        found = []
        for text in texts:
            inner, outer = inner_of(), outer_of()
            inner.update(text.encode())
            outer.update(inner.digest())
            found.append(outer.hexdigest()[:32])
        return found

    def _digest(self, text: str) -> bytes:
        inner, outer = self._inner(), self._outer()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.digest()[:16]

    def tail(self, birth: str, last_four: str) -> UUID:
        """The keyed index of birth date (``yyyymmdd``) and last four digits."""
        return self.index(birth + last_four)

    def seal(self, text: str) -> bytes:
        """Encrypt ``text``; the first byte names the key, so keys can be rotated."""
        return self.seal_bytes(text.encode())

    def seals_hex(self, texts: Sequence[str], *, before: str = "") -> list[str]:
        """``seal`` of many, each as hexadecimal digits after ``before``."""
        encrypt = self._encrypt
        # One call for all the random bytes: each nonce is as random as if asked for by itself.
        random, before = os.urandom(NONCE * len(texts)), before + self._prefix.hex()
        nonces = [random[at : at + NONCE] for at in range(0, len(random), NONCE)]
        return [
            f"{before}{(nonce + encrypt(nonce, text.encode(), None)).hex()}"
            for text, nonce in zip(texts, nonces, strict=True)
        ]

    def seal_bytes(self, data: bytes) -> bytes:
        """Encrypt bytes as they are."""
        nonce = os.urandom(NONCE)
        return self._prefix + nonce + self._encrypt(nonce, data, None)

    def open(self, sealed: bytes | memoryview) -> str:
        """The text behind ``sealed``. Raises KeyMissing where the key is not there."""
        return self.open_bytes(sealed).decode()

    def open_bytes(self, sealed: bytes | memoryview) -> bytes:
        """The bytes behind ``sealed``. Raises KeyMissing where the key is not there."""
        sealed = bytes(sealed)
        cipher = self._cipher(sealed[0])
        return cipher.decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], None)

    def seal_file(self, source: BinaryIO, target: BinaryIO) -> None:
        """Encrypt a file in chunks, each bound to its place and the last one marked as last."""
        target.write(self._prefix)
        number, chunk = 0, source.read(CHUNK)
        while True:
            following = source.read(CHUNK)
            nonce = os.urandom(NONCE)
            target.write(nonce + self._encrypt(nonce, chunk, _place(number, not following)))
            if not following:
                return
            number, chunk = number + 1, following

    def open_file(self, source: BinaryIO) -> Iterator[bytes]:
        """The chunks of a sealed file. Raises KeyMissing; ValueError if it was cut or changed."""
        cipher = self._cipher(source.read(1)[0])
        size = NONCE + CHUNK + TAG
        number, chunk = 0, source.read(size)
        while chunk:
            following = source.read(size)
            try:
                yield cipher.decrypt(chunk[:NONCE], chunk[NONCE:], _place(number, not following))
            except InvalidTag as error:
                raise ValueError("sealed file is damaged or incomplete") from error
            number, chunk = number + 1, following

    def _cipher(self, key_number: int) -> AESGCM:
        try:
            return self._ciphers[key_number]
        except KeyError as error:
            raise KeyMissing(f"no key k{key_number} in CANBAO_ID_KEYS") from error


def _place(number: int, last: bool) -> bytes:
    return number.to_bytes(8, "big") + (b"\x01" if last else b"\x00")


def parse_keys(text: str) -> dict[int, bytes]:
    """``k2:BASE64,k1:BASE64`` → {2: key, 1: key}. Raises ValueError on anything else."""
    keys: dict[int, bytes] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition(":")
        key = base64.b64decode(value, validate=True)
        if not name.startswith("k") or not 1 <= int(name[1:]) <= 255 or len(key) != 32:
            raise ValueError("CANBAO_ID_KEYS wants k1:<32 bytes in base64>[,k2:…]")
        keys[int(name[1:])] = key
    if not keys:
        raise ValueError("CANBAO_ID_KEYS is empty")
    return keys


@lru_cache(maxsize=4)
def _build(id_keys: str, index_key: str) -> Vault:
    return Vault(parse_keys(id_keys), base64.b64decode(index_key, validate=True))


def vault() -> Vault:
    """The vault with the configured keys."""
    return _build(settings.CANBAO_ID_KEYS, settings.CANBAO_INDEX_KEY)
