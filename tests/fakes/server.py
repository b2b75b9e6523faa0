"""What every fake provider has in common: a real server on 127.0.0.1, a journal of what it accepted, scripted faults.

In a test it runs in a thread and is spoken to directly. As a process of its own (`make fake-provider`) it is steered
over HTTP: POST /_fake/faults, GET /_fake/journal, POST /_fake/reply and /_fake/report; and goes wrong by itself, as a
seed has it (`tests.fakes.weather`).
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from tests.fakes.weather import Fault, Postman, Weather

#: Posts a webhook: URL, body, headers; the status and body of the answer.
Deliver = Callable[[str, bytes, Mapping[str, str]], tuple[int, bytes]]


@dataclass(frozen=True)
class Call:
    """One request that came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    login: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Cut(Exception):
    """The connection is to be reset."""


def over_http(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Post a webhook, as providers do."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


class FakeProvider:
    """Base of the fakes. Subclasses implement `answer`, `refusal`, `reply` and `report`."""

    name: ClassVar[str] = "provider"
    #: How its receipts say that a text is on the phone; empty where it sends none.
    arrived: ClassVar[str] = ""

    def __init__(self, *, port: int = 0, journal: Path | None = None) -> None:
        self.calls: list[Call] = []
        self.faults: deque[Fault] = deque()
        #: Every text accepted, in order; the only judge of what was lost or doubled.
        self.journal: list[dict[str, Any]] = []
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.deliver: Deliver = over_http
        #: What goes wrong by itself, beside what is scripted.
        self.weather: Weather | None = None
        self._postman: Postman | None = None
        self._file = journal
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def script(self, *names: str | Fault) -> None:
        """The next calls to send go wrong in these ways, one each."""
        self.faults.extend(name if isinstance(name, Fault) else Fault(name) for name in names)

    def answer(self, call: Call) -> Reply:
        """Answer one request of the provider's API."""
        raise NotImplementedError

    def refusal(self, name: str) -> Reply:
        """A refusal in the provider's own words."""
        raise NotImplementedError

    def reply(self, from_: str, to: str, body: str, **more: Any) -> tuple[int, bytes]:
        """Somebody texts the clinic: post it as the provider does."""
        raise NotImplementedError

    def report(self, message_id: str, status: str, *, error: str = "", **more: Any) -> tuple[int, bytes]:
        """Post how far a text has come."""
        raise NotImplementedError

    # For subclasses

    def take(self, accept: Callable[[], Reply]) -> Reply:
        """Send one text: `accept` takes it, unless a fault is scripted for this call."""
        with self._lock:
            fault = self.faults.popleft() if self.faults else self.weather and self.weather.fault()
        if fault is None:
            return accept()
        if fault.name == "reset":
            raise Cut
        if fault.name == "slow":
            time.sleep(fault.seconds)
            return accept()
        if fault.name in ("accept_then_reset", "accept_then_500", "malformed"):
            accept()
            if fault.name == "accept_then_reset":
                raise Cut
            return (
                Reply(500, {"message": "internal error"})
                if fault.name.endswith("500")
                else Reply(200, b'{"half')
            )
        refused = self.refusal(fault.name)
        more = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        return Reply(refused.status, refused.body, {**refused.headers, **more})

    def note(self, entry: dict[str, Any]) -> None:
        """Write into the journal, on disk and synced where there is a file, before anything is answered."""
        entry = {"at": time.time(), **entry}
        with self._lock:
            self.journal.append(entry)
            if self._file is not None:
                with self._file.open("a") as file:
                    file.write(json.dumps(entry) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
        if self.weather is not None and self.arrived:
            self._send_receipts(entry["id"], self.weather.receipts())

    def _send_receipts(self, message_id: str, delays: list[float]) -> None:
        """Tell that it arrived: after each of these seconds; nought is before the send itself is answered."""
        if self._postman is None:
            self._postman = Postman()
        for seconds in delays:
            if seconds == 0:
                self._postman.try_once(lambda: self.report(message_id, self.arrived)[0])
            else:
                self._postman.put(seconds, lambda: self.report(message_id, self.arrived)[0])

    def handle(self, call: Call) -> Reply:
        """A request: the provider's, or of whoever steers this process."""
        if not call.path.startswith("/_fake/"):
            self.calls.append(call)
            return self.answer(call)
        given = json.loads(call.body or b"{}")
        if call.path == "/_fake/journal":
            return Reply(200, self.journal)
        if call.path == "/_fake/faults":
            self.script(*(Fault(**fault) for fault in given))
            return Reply(200, {"scripted": len(self.faults)})
        if call.path in ("/_fake/reply", "/_fake/report"):
            move = self.reply if call.path.endswith("reply") else self.report
            status, body = move(**given)
            return Reply(200, {"status": status, "body": body.decode("utf-8", "replace")})
        return Reply(404, {"message": "no such lever"})


def _handler(provider: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            call = Call(
                self.command, parts.path, {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()},
                dict(self.headers), self.rfile.read(length), _login(self.headers.get("Authorization", "")),
            )  # fmt: skip
            try:
                reply = provider.handle(call)
            except Cut:
                # Closing with nothing lingering sends a reset instead of an end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                self.close_connection = True

    return Handler


def _login(header: str) -> tuple[str, str]:
    if not header.startswith("Basic "):
        return "", ""
    user, _, password = base64.b64decode(header[6:]).decode().partition(":")
    return user, password


def serve(kind: Callable[..., FakeProvider], about: str | None, **options: str | bool) -> None:
    """Run a fake as a process until it is told to end. Each option is a word of its constructor with its default,
    and asked for on the command line by that name.
    """
    parser = argparse.ArgumentParser(description=about)
    for name, default in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(default, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, default=default)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--journal", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=None, help="go wrong by itself, as this number has it")
    parser.add_argument("--rates", default="", help="how often, as in accept_then_reset=0.05,busy=0.02")
    given = vars(parser.parse_args())
    seed, rates = given.pop("seed"), given.pop("rates")
    with kind(**given) as provider:
        if seed is not None:
            provider.weather = Weather.of(seed, rates)
        print(provider.url, flush=True)
        threading.Event().wait()
