"""A file sealed in pieces with AES-256-GCM, so that a large one never has to fit into memory.

The file begins with a mark and a random salt; the key of the file is derived from both. Each piece is numbered and
says whether it is the last: pieces that were left out, swapped or cut off are noticed.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from avatar_cms.backups.errors import BackupError

MARK = b"AVATAR-BACKUP-1\n"
PIECE = 1 << 20
_SALT = 16
_TAG = 16


def seal(source: Path, target: Path, *, key: str) -> None:
    """Write a sealed copy of `source`. `key` is 32 bytes in URL-safe base64, as a Fernet key is."""
    salt = os.urandom(_SALT)
    cipher = _cipher(key, salt)
    with source.open("rb") as plain, _private(target) as sealed:
        sealed.write(MARK + salt)
        for number, (piece, last) in enumerate(_pieces(plain, PIECE)):
            sealed.write(cipher.encrypt(_nonce(number), piece, _said(last)))


def unseal(source: Path, target: Path, *, key: str) -> None:
    """Write the plain copy of a sealed file. Raises BackupError for another key and for a damaged file."""
    with source.open("rb") as sealed, _private(target) as plain:
        if sealed.read(len(MARK)) != MARK:
            raise BackupError(f"{source.name} is not a sealed backup.")
        cipher = _cipher(key, sealed.read(_SALT))
        try:
            for number, (piece, last) in enumerate(_pieces(sealed, PIECE + _TAG)):
                plain.write(cipher.decrypt(_nonce(number), piece, _said(last)))
        except InvalidTag as error:
            raise BackupError(
                f"{source.name} cannot be opened: BACKUP_KEY is not the one it was sealed with, or the file is damaged."
            ) from error


def is_sealed(file: Path) -> bool:
    """Whether a file is one that `seal` wrote."""
    with file.open("rb") as found:
        return found.read(len(MARK)) == MARK


def _cipher(key: str, salt: bytes) -> AESGCM:
    try:
        secret = base64.urlsafe_b64decode(key)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != 32:
        raise BackupError("BACKUP_KEY must be 32 bytes in URL-safe base64, such as a Fernet key.")
    return AESGCM(HKDF(SHA256(), length=32, salt=salt, info=MARK).derive(secret))


def _pieces(file: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """The file in pieces, each with whether it is the last; one empty piece of an empty file."""
    piece = file.read(size)
    while True:
        following = file.read(size)
        yield piece, not following
        if not following:
            return
        piece = following


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _said(last: bool) -> bytes:
    return b"last" if last else b"more"


def _private(file: Path) -> BinaryIO:
    """A new file that its owner alone may read."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
