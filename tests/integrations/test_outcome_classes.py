"""Every way a call to send can end, and what it proves: surely not sent, refused, or unknown. What is not proven is
unknown.

A server on this machine says the bytes of each case; every gateway is asked.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Location
from integrations import gateways, http
from integrations.models import Provider, ProviderAccount
from integrations.ports import OutboundSms, SendOutcome

Speak = Callable[[socket.socket], None]
Send = Callable[[str], SendOutcome]

CREDENTIALS = {
    Provider.TWILIO: {"account_sid": "AC1", "auth_token": "t"},
    Provider.CLICKSEND: {"username": "u", "api_key": "k"},
    Provider.MESSAGEMEDIA: {"api_key": "k", "api_secret": "s"},
}
ADDRESSES = ("TWILIO_API_URL", "CLICKSEND_API_URL", "MESSAGEMEDIA_API_URL")


def read_request(connection: socket.socket) -> None:
    """Take the whole request, as a provider does that then goes wrong."""
    taken = b""
    while b"\r\n\r\n" not in taken:
        taken += connection.recv(65536)
    head, _, body = taken.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says(raw: bytes, *, then: Speak | None = None) -> Speak:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(raw)
        if then is not None:
            then(connection)

    return speak


def answer(status: str, body: bytes = b"{}", *headers: str) -> Speak:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return says("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def silent(connection: socket.socket) -> None:
    """Say nothing, until the other side goes away."""
    read_request(connection)
    connection.recv(1)


def drip(head: bytes) -> Speak:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        for _ in range(400):
            time.sleep(0.1)
            try:
                connection.sendall(b"x")
            except OSError:
                return

    return speak


def reset_unread(connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


def reset_after(connection: socket.socket) -> None:
    read_request(connection)
    reset(connection)


HALF = b'{"data": {"messages": [{"status": "SUCC'
HUGE = b'{"sid": "' + b"x" * (1024 * 1024 + 1) + b'"}'
ANOTHERS = b'{"status": "SUCCESS", "message_id": "1", "custom_string": "x", "to": "+1"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNKNOWN: dict[str, Speak] = {
    "reset while the request was being read": reset_unread,
    "reset after the request was read": reset_after,
    "closed without a word": read_request,
    "silence": silent,
    "no HTTP": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "half a status line": says(b"HTTP/1.1 20"),
    "half the headers, then a reset": says(b"HTTP/1.1 200 OK\r\nContent-Le", then=reset),
    "headers one letter at a time": drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "a body one letter at a time": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
    "a body that breaks off": says(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + HALF),
    "a broken chunk": says(CHUNKED + b"zz\r\nxx"),
    "a chunk and then a reset": says(CHUNKED + b"2\r\n{}\r\n", then=reset),
    "no zip": answer("200 OK", b"no zip", "Content-Encoding: gzip"),
    "200 and nothing": answer("200 OK", b""),
    "200 and half a JSON": answer("200 OK", HALF),
    "200 and a page": answer("200 OK", b"<html>Welcome</html>"),
    "200 and an empty object": answer("200 OK"),
    "200 and a list": answer("200 OK", b"[]"),
    "200 and no messages": answer("200 OK", b'{"data": {"messages": []}, "messages": []}'),
    "200 and somebody else's message": answer(
        "200 OK",
        b'{"data": {"messages": [{"status": "SUCCESS", "message_id": "1", "custom_string": "x", "to": "+1"}]}}',
    ),
    "200 and too much": answer("200 OK", HUGE),
    "201 and nothing": answer("201 Created", b""),
    "202 and an empty object": answer("202 Accepted"),
    "204": answer("204 No Content", b""),
    "301": answer("301 Moved Permanently", b"", "Location: http://169.254.169.254/"),
    "302": answer("302 Found", b"", "Location: /elsewhere"),
    "307": answer("307 Temporary Redirect", b"", "Location: /elsewhere"),
    "408": answer("408 Request Timeout"),
    "500": answer("500 Internal Server Error"),
    "500 and a page": answer("500 Internal Server Error", b"<html>Oops</html>"),
    "502": answer("502 Bad Gateway", b"<html>Bad gateway</html>"),
    "503 with Retry-After": answer("503 Service Unavailable", b"{}", "Retry-After: 5"),
    "504": answer("504 Gateway Timeout"),
    "a status nobody knows": answer("599 Strange"),
}
NOT_SENT: dict[str, Speak] = {
    "401": answer("401 Unauthorized"),
    "402": answer("402 Payment Required"),
    "403": answer("403 Forbidden"),
    "421": answer("421 Misdirected Request"),
    "425": answer("425 Too Early"),
    "429": answer("429 Too Many Requests", b""),
    "429 with Retry-After": answer("429 Too Many Requests", b"{}", "Retry-After: 7"),
    "429 with a Retry-After nobody can read": answer("429 Too Many Requests", b"{}", "Retry-After: soon"),
}
REFUSED: dict[str, Speak] = {
    "400": answer("400 Bad Request"),
    "400 and nothing": answer("400 Bad Request", b""),
    "404": answer("404 Not Found", b"<html>Not found</html>"),
    "409": answer("409 Conflict"),
    "410": answer("410 Gone"),
    "413": answer("413 Content Too Large"),
    "422": answer("422 Unprocessable Content"),
}
#: What only ends because we stop listening.
ENDLESS = {name for name in UNKNOWN if name == "silence" or name.endswith("at a time")}
CASES = [
    *((name, speak, "unknown") for name, speak in UNKNOWN.items()),
    *((name, speak, "retry") for name, speak in NOT_SENT.items()),
    *((name, speak, "refused") for name, speak in REFUSED.items()),
]


@contextmanager
def server(speak: Speak) -> Iterator[tuple[str, list[int]]]:
    """Where somebody speaks so, and how often they were called."""
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                calls.append(1)
                with connection, suppress(OSError):
                    speak(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", calls
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=CREDENTIALS)
def send(request: pytest.FixtureRequest, settings: Any) -> Send:
    """Send one text by this provider, found at an address."""

    def one(url: str) -> SendOutcome:
        for name in ADDRESSES:
            setattr(settings, name, url)
        location = Location(name="Avatar Imaging Sydney", code="sydney", currency="AUD")
        account = ProviderAccount(
            location=location, provider=request.param, credentials=CREDENTIALS[request.param]
        )
        sms = OutboundSms("+61412345678", "+61480000001", "See you at 3pm.", str(uuid4()))
        [outcome] = gateways.for_account(account).send_many([sms])
        return outcome

    return one


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 45
    assert len(ENDLESS) == 3


@pytest.mark.parametrize(("name", "speak", "kind"), CASES, ids=[case[0] for case in CASES])
def test_each_end_of_a_call_proves_what_it_proves(
    send: Send, monkeypatch: pytest.MonkeyPatch, name: str, speak: Speak, kind: str
) -> None:
    if name in ENDLESS:
        monkeypatch.setattr(http, "READ_SECONDS", 0.6)
        monkeypatch.setattr(http, "TOTAL_SECONDS", 1.0)
    with server(speak) as (url, calls):
        began = time.monotonic()
        outcome = send(url)
        took = time.monotonic() - began
    assert (outcome.kind, len(calls)) == (kind, 1), outcome
    assert outcome.error_code
    assert took < 15, "and no call goes on for ever"


def test_a_name_that_is_not_found_was_never_called(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*args: Any, **more: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert send("http://provider.invalid") == SendOutcome("retry", error_code="not_connected")


def test_a_port_where_nobody_listens_was_never_called(send: Send) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}") == SendOutcome("retry", error_code="not_connected")


def test_a_connection_that_is_never_taken_was_never_called(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)

    def stuck(self: Any, *args: Any) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", stuck)
    assert send("http://127.0.0.1:9") == SendOutcome("retry", error_code="not_connected")


def test_what_speaks_no_tls_proves_nothing(send: Send) -> None:
    with server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (url, _):
        assert send(url.replace("http:", "https:")).kind == "unknown"
