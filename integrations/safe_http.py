"""Posting to an address that somebody typed, without being led into our own network.

The name is resolved once, every address must be public, and the connection goes to the very address that was
looked at. No redirect is followed, no proxy of the environment is used, and no server holds a call for longer
than `CONNECT_SECONDS` and `SECONDS`, however slowly it drips.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit

from core import clock
from integrations import calling
from integrations.calling import CallOutcome
from integrations.deadlines import cut_after

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 4.0
SECONDS = 8.0
READ = 500
_PORTS = {"http": 80, "https": 443}
#: Of a typed address, what has a meaning; whatever else is no ASCII letter or digit is written as %XX.
_AS_THEY_ARE = "/?%:@!$&'()*+,;=~"


class NotAllowed(Exception):
    """The name leads to an address where nothing may be sent."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect, taken from a URL."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Place:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        return cls(parts.scheme, parts.hostname or "", port, quote(target, safe=_AS_THEY_ARE))

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host.encode("idna").decode()
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


def post(
    url: str, *, body: bytes, headers: Mapping[str, str], allowed: Collection[str] = ()
) -> tuple[CallOutcome, str]:
    """Post, and say what became of it, with the beginning of the answer's text. `allowed` hosts may be anywhere."""
    if calling.url_problem(url, allowed=allowed):
        return CallOutcome("refused", "address_not_allowed"), ""
    place = Place.of(url)
    try:
        sock = _connect(place, allowed)
    except NotAllowed:
        return CallOutcome("refused", "address_not_allowed"), ""
    except (socket.gaierror, UnicodeError):
        return CallOutcome("retry", "no_such_host"), ""
    except ssl.SSLError:
        return CallOutcome("retry", "tls_failed"), ""
    except OSError:
        return CallOutcome("retry", "no_connection"), ""
    with sock:
        return _exchange(sock, place, body, headers)


def _connect(place: Place, allowed: Collection[str]) -> socket.socket:
    """A connection to one of the addresses that were found public, with TLS for the name where asked for."""
    addresses = resolve(place.host, place.port, allowed)
    last: OSError = OSError("no address")
    for address in addresses[:3]:
        try:
            sock = socket.create_connection((address, place.port), timeout=CONNECT_SECONDS)
        except OSError as error:
            last = error
            continue
        return sock if place.scheme == "http" else _secured(sock, place.host)
    raise last


def _secured(sock: socket.socket, host: str) -> socket.socket:
    secured = _tls().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        with _in_time(secured, CONNECT_SECONDS):
            secured.do_handshake()
    except OSError:
        secured.close()
        raise
    return secured


@contextmanager
def _in_time(sock: socket.socket, seconds: float) -> Iterator[None]:
    """However slowly bytes drip in, the connection is cut after so long."""
    watchdog = cut_after(sock, seconds)
    try:
        yield
    finally:
        watchdog.cancel()


def resolve(host: str, port: int, allowed: Collection[str]) -> list[str]:
    """The addresses of a name. Raises NotAllowed when one of them is not public and the host is not `allowed`."""
    name = host if ":" in host else host.encode("idna").decode()
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
    if host not in allowed and not all(calling.is_public(address) for address in found):
        raise NotAllowed
    return list(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _exchange(
    sock: socket.socket, place: Place, body: bytes, headers: Mapping[str, str]
) -> tuple[CallOutcome, str]:
    sock.settimeout(SECONDS)
    connection = http.client.HTTPConnection(place.host, place.port)
    connection.sock = sock
    with _in_time(sock, SECONDS):
        try:
            connection.request(
                "POST",
                place.path,
                body=body,
                headers={"Host": place.host_header, "Connection": "close", **headers},
            )
            response = connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            logger.info("no answer", extra={"error": type(error).__name__})
            return CallOutcome("unknown", "no_answer"), ""
        return _heard(response)


def _heard(response: http.client.HTTPResponse) -> tuple[CallOutcome, str]:
    """What the status says; the text is nice to have."""
    said = b""
    with suppress(OSError, http.client.HTTPException, ValueError):
        said = response.read(READ)
    answer = calling.of_status(
        response.status, retry_after=response.headers.get("Retry-After"), now=clock.now()
    )
    return answer, said.decode("utf-8", "replace")
