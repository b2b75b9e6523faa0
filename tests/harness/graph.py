"""A server that answers as Meta's Graph API does when it is asked for a lead, faults included."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

ERRORS: dict[int, tuple[int, str, str]] = {
    1: (500, "OAuthException", "An unknown error occurred"),
    2: (503, "OAuthException", "Service temporarily unavailable"),
    4: (400, "OAuthException", "Application request limit reached"),
    10: (403, "OAuthException", "Application does not have permission for this action"),
    17: (400, "OAuthException", "User request limit reached"),
    32: (400, "OAuthException", "Page request limit reached"),
    100: (400, "GraphMethodException", "Unsupported get request. Object does not exist"),
    104: (400, "OAuthException", "API calls from the server require an appsecret_proof argument"),
    190: (401, "OAuthException", "Error validating access token"),
    613: (400, "OAuthException", "Calls to this API have exceeded the rate limit"),
}


class FakeGraph:
    """Leads by id, one token that may read them, and faults to come.

    `faults` are used up one a call: an error's code, or `slow`, `html`, `cut`, `redirect`, `odd` or `huge`.
    """

    def __init__(self, *, token: str = "page-token", app_secret: str = "") -> None:
        self.token, self.app_secret = token, app_secret
        self.leads: dict[str, dict[str, Any]] = {}
        self.faults: list[int | str] = []
        self.calls: list[str] = []
        self.headers: dict[str, str] = {}
        graph = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                graph._answer(self)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v24.0"

    def __enter__(self) -> FakeGraph:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        lead_id = parts.path.removeprefix("/v24.0/")
        self.calls.append(lead_id)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, str):
            self._break(request, fault)
            return
        code = fault or self._refusal(request, asked) or (None if lead_id in self.leads else 100)
        if code:
            self._error(request, code)
            return
        wanted = asked.get("fields", "id").split(",")
        lead = {"id": lead_id, **self.leads[lead_id]}
        self._send(request, 200, {name: lead[name] for name in wanted if name in lead})

    def _refusal(self, request: BaseHTTPRequestHandler, asked: dict[str, str]) -> int | None:
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        token = asked.get("access_token") or (bearer if scheme == "Bearer" else "")
        if token != self.token:
            return 190
        proof = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        return 104 if self.app_secret and asked.get("appsecret_proof") != proof else None

    def _error(self, request: BaseHTTPRequestHandler, code: int) -> None:
        status, kind, message = ERRORS[code]
        error: dict[str, Any] = {"message": message, "type": kind, "code": code, "fbtrace_id": "A1b2C3"}
        if code in (1, 2):
            error["is_transient"] = True
        if code == 100:
            error["error_subcode"] = 33
        self._send(request, status, {"error": error})

    def _break(self, request: BaseHTTPRequestHandler, fault: str) -> None:
        if fault == "slow":
            time.sleep(1)
            self._send(request, 200, {})
        elif fault == "html":
            self._raw(request, 502, b"<html>Bad gateway</html>")
        elif fault == "cut":
            request.send_response(200)
            request.send_header("Content-Length", "500")
            request.end_headers()
            request.wfile.write(b'{"id": "1", "field_da')
            request.close_connection = True
        elif fault == "redirect":
            request.send_response(302)
            request.send_header("Location", f"{self.url}/elsewhere")
            request.end_headers()
        elif fault == "odd":
            self._send(request, 200, {"data": []})
        else:
            self._raw(request, 200, b'{"a": "' + b"x" * (2 * 1024 * 1024) + b'"}')

    def _send(self, request: BaseHTTPRequestHandler, status: int, answer: dict[str, Any]) -> None:
        self._raw(request, status, json.dumps(answer).encode())

    def _raw(self, request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        try:
            request.send_response(status)
            for name, value in self.headers.items():
                request.send_header(name, value)
            request.send_header("Content-Type", "application/json; charset=UTF-8")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            return  # the caller had enough
