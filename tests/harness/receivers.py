"""Real servers on 127.0.0.1 that stand for whoever is called: one for HTTP, one for SMTP, faults included."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What the receiver does with a request: it gets the handler, after the request was read.
Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Request:
    """A request as it arrived; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A server that keeps what it gets. `behaviours` are used up in turn; then it answers 200 `ok`."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


def answer(status: int, text: str = "", **headers: str) -> Behaviour:
    """Answer with a status; underscores in header names are hyphens."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        body = text.encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off without an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.connection.close()


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer so slowly that each byte comes in time and the whole does not."""
    with suppress(OSError):
        for char in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
            handler.wfile.write(bytes([char]))
            handler.wfile.flush()
            time.sleep(0.05)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """An HTTP server until the block ends."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.requests.append(Request(self.path, headers, body))
            self.close_connection = True
            (kept.behaviours.pop(0) if kept.behaviours else answer(200, "ok"))(self)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # The other side left, as tests want it to.

    with _running(Server(("127.0.0.1", 0), Handler)) as port:
        kept.port = port
        yield kept


@dataclass
class MailServer:
    """An SMTP server that keeps what it gets. `replies` stand for the usual answer to a command, used up in turn;
    a reply of "" breaks the connection off.
    """

    port: int = 0
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    replies: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """An SMTP server until the block ends. `data-end` names the moment after the whole text was taken."""
    kept = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            while line := self.rfile.readline():
                verb = line.decode().split(" ")[0].strip().upper()
                usual = {"EHLO": "250 hello", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")
                if verb == "RCPT":
                    kept.recipients.append(line.decode().strip())
                if not self._reply(verb.lower(), usual):
                    return
                if verb == "DATA" and not self._take():
                    return

        def _take(self) -> bool:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.decode())
            kept.mails.append("".join(lines))
            return self._reply("data-end", "250 taken")

        def _reply(self, moment: str, usual: str) -> bool:
            waiting = kept.replies.get(moment, [])
            reply = waiting.pop(0) if waiting else usual
            if reply:
                self._say(reply)
            return bool(reply)

        def _say(self, text: str) -> None:
            with suppress(OSError):
                self.wfile.write(f"{text}\r\n".encode())

    with _running(_Server(("127.0.0.1", 0), Handler)) as port:
        kept.port = port
        yield kept


@contextmanager
def slow_handshake() -> Iterator[int]:
    """A server that begins with TLS and then drips for 3 s, each byte in time; its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.sendall(b"\x16\x03\x03\x40\x00")
                for _ in range(60):
                    self.request.sendall(b"\x02")
                    time.sleep(0.05)

    with _running(_Server(("127.0.0.1", 0), Handler)) as port:
        yield port


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def _running(server: Any) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port of 127.0.0.1 where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
