"""A sealed file opens with its key alone, and only as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from avatar_cms.backups import sealing
from avatar_cms.backups.errors import BackupError

KEY = Fernet.generate_key().decode()


@pytest.mark.parametrize(
    "size", [0, 1, sealing.PIECE - 1, sealing.PIECE, sealing.PIECE + 1, 3 * sealing.PIECE]
)
def test_what_was_sealed_comes_back(size: int, tmp_path: Path) -> None:
    plain, sealed, again = tmp_path / "plain", tmp_path / "sealed", tmp_path / "again"
    plain.write_bytes(bytes(index % 251 for index in range(size)))
    sealing.seal(plain, sealed, key=KEY)
    assert sealing.is_sealed(sealed)
    assert sealed.stat().st_mode & 0o777 == 0o600
    sealing.unseal(sealed, again, key=KEY)
    assert again.read_bytes() == plain.read_bytes()


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"rows")
    sealing.seal(tmp_path / "plain", tmp_path / "sealed", key=KEY)
    with pytest.raises(BackupError, match="BACKUP_KEY"):
        sealing.unseal(tmp_path / "sealed", tmp_path / "again", key=Fernet.generate_key().decode())


@pytest.mark.parametrize("damage", ["cut off", "piece left out", "a bit"])
def test_a_damaged_file_is_noticed(damage: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x" * 3 * sealing.PIECE)
    sealing.seal(tmp_path / "plain", tmp_path / "sealed", key=KEY)
    content = (tmp_path / "sealed").read_bytes()
    head, piece = len(sealing.MARK) + 16, sealing.PIECE + 16
    damaged = {
        "cut off": content[: head + 2 * piece],
        "piece left out": content[:head] + content[head + piece :],
        "a bit": content[:-1] + bytes([content[-1] ^ 1]),
    }[damage]
    (tmp_path / "sealed").write_bytes(damaged)
    with pytest.raises(BackupError, match="damaged"):
        sealing.unseal(tmp_path / "sealed", tmp_path / "again", key=KEY)


@pytest.mark.parametrize("key", ["", "short", "not base64 at all, and long enough to be one!!"])
def test_a_key_that_is_none_is_refused(key: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"rows")
    with pytest.raises(BackupError, match="32 bytes"):
        sealing.seal(tmp_path / "plain", tmp_path / "sealed", key=key)
