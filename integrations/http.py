"""Calls to providers, whose addresses the settings name; it follows no redirect. What goes to an address that
somebody typed takes `integrations.safe_http`.

Every call has a connection of its own: on one that was kept open, a provider that had just closed it and one
that broke off while it was taking the text would look the same.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Timer
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

from integrations.answers import Answer
from integrations.deadlines import cut_after

CONNECT_SECONDS = 3.0
#: Longest silence of a provider that was reached.
READ_SECONDS = 15.0
#: An answer that comes in drops is given up this long after the connection was made.
TOTAL_SECONDS = 20.0
MOST_BYTES = 1024 * 1024
CHUNK = 16 * 1024


def call(
    method: str,
    url: str,
    *,
    auth: tuple[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    json: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    most_bytes: int = MOST_BYTES,
) -> Answer:
    """One call. Whatever happens to it is an Answer; a body over `most_bytes`, or one that breaks off, is empty."""
    try:
        with _session() as session, session.request(
            method, url, auth=auth, params=params, data=form, json=json, headers=headers, stream=True,
            allow_redirects=False, timeout=(CONNECT_SECONDS, READ_SECONDS),
        ) as response:  # fmt: skip
            return Answer(
                status=response.status_code,
                body=_body(response, most_bytes),
                retry_after=response.headers.get("Retry-After", ""),
                headers={name.lower(): value for name, value in response.headers.items()},
            )
    except requests.RequestException as error:
        return Answer(request_left=not _never_left(error))


@contextmanager
def _session() -> Iterator[requests.Session]:
    """A session for one call, whose connection is cut when its time is over."""
    adapter = _Bounded()
    try:
        with requests.Session() as session:
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            yield session
    finally:
        for timer in adapter.timers:
            timer.cancel()


class _Bounded(HTTPAdapter):
    """Cuts each of its connections TOTAL_SECONDS after it was made."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        timers = self.timers

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                timers.append(cut_after(self.sock, TOTAL_SECONDS))

        class Sealed(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                timers.append(cut_after(self.sock, TOTAL_SECONDS))

        class Pool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SealedPool(HTTPSConnectionPool):
            ConnectionCls = Sealed

        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": SealedPool}


def _body(response: requests.Response, most_bytes: int) -> bytes:
    body = b""
    try:
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > most_bytes:
                return b""
    except requests.RequestException:
        return b""
    return body


def _never_left(error: requests.RequestException) -> bool:
    """Whether it is proven that nothing of the request was sent: no connection, or a wrong certificate."""
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(reason, SSLError):
        return any(
            isinstance(cause, ssl.SSLCertVerificationError) for cause in (*reason.args, reason.__cause__)
        )
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)
