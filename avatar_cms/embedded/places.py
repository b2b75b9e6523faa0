"""Where the embedded servers keep their files."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from avatar_cms.embedded.errors import EmbeddedServerError

PRODUCT = "avatar-cms"
CHECKOUT = Path(__file__).resolve().parents[2]
#: A unix socket's path may have 103 bytes on macOS and 107 on Linux; server file names need some of them.
_LONGEST_FOLDER = 80


@dataclass(frozen=True, slots=True)
class Account:
    """The user an embedded server runs as, when that is not the present one."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    """Whether this process is root, as which PostgreSQL refuses to run."""
    return os.geteuid() == 0


def server_account() -> Account | None:
    """`nobody` for root; None (the present user) for everybody else."""
    if not is_root():
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedServerError(
            "PostgreSQL does not run as root and this machine has no user called nobody; "
            "run as another user or set DATABASE_URL."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def checkout_hash() -> str:
    """Twelve characters that stand for this checkout: its path and a mark of its own.

    Without the mark a fresh clone at the place of an old one would meet that one's data, and have no keys for it.
    """
    return hashlib.sha256(f"{CHECKOUT}\n{_mark()}".encode()).hexdigest()[:12]


def _mark() -> str:
    """What tells this checkout from others at the same path; made once."""
    file = run_folder() / "checkout"
    try:
        return file.read_text()
    except FileNotFoundError:
        make_enterable(file.parent)
    try:
        with file.open("x") as new:
            new.write(secrets.token_hex(8))
    except FileExistsError:
        pass  # another process of this checkout was first
    return file.read_text()


def state_home() -> Path:
    """The folder of everything the embedded servers keep: `var/`, or `/var/lib/avatar-cms/<hash>` for root.

    Root needs another one because `nobody` cannot enter a checkout under a private home.
    """
    return Path("/var/lib") / PRODUCT / checkout_hash() if is_root() else CHECKOUT / "var"


def run_folder() -> Path:
    """Where the checkout's own small files live: stamps, locks, process lists, keys."""
    return CHECKOUT / "var"


def socket_folder(home: Path) -> Path:
    """A folder short enough for unix sockets: `<home>/run`, or one in the temporary folder when that is too long."""
    folder = home / "run"
    if len(os.fsencode(folder)) <= _LONGEST_FOLDER:
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"{PRODUCT}-{os.geteuid()}-{digest}"
    return short if len(os.fsencode(short)) <= _LONGEST_FOLDER else Path("/tmp") / short.name


def make_private(folder: Path, account: Account | None) -> None:
    """Create `folder` with mode 0700 for the server's account; parents stay enterable."""
    make_enterable(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise EmbeddedServerError(f"{folder} is in the way: it is not a folder. Remove it.") from None
        if found.st_uid not in {os.geteuid(), account.uid if account else os.geteuid()}:
            raise EmbeddedServerError(
                f"{folder} belongs to another user; run as that user or remove it."
            ) from None
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.uid, account.gid)


def make_enterable(folder: Path) -> None:
    """Create `folder` and its parents as ordinary folders (0755), whatever the umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        try:
            path.mkdir(mode=0o755)
        except FileExistsError:
            continue
        except OSError as error:
            raise EmbeddedServerError(f"Cannot create {path}: {error.strerror}.") from error
        path.chmod(0o755)


def unsupported() -> str:
    """Why the embedded servers cannot run on this platform; empty when they can."""
    if sys.platform in {"linux", "darwin"}:
        return ""
    return (
        f"The embedded servers run on Linux and macOS, not on {sys.platform}: "
        "use WSL, or set DATABASE_URL and REDIS_URL."
    )
