"""What surrounds a staff request: the clinic it happens in, and the audit row that tells of it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import access
from accounts.models import Location, User
from accounts.net import client_ip
from core import clock
from core.api_audit import touched
from core.models import AuditEntry
from core.unstorable import UNSTORABLE

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

SESSION_LOCATION = "location"
_PAGES = "/admin/"
_AUDITED = (_PAGES, "/api/")
#: Under the audited paths, but without staff data.
_NOT_AUDITED = ("/admin/jsi18n/", "/api/schema", "/api/docs")
_SIGN_IN = ("/admin/login/", "/api/auth/")
#: Bodies up to this size go into the request hash; of larger ones (uploads) only the length does.
_HASHED_BYTES = 1024 * 1024


def current_location(request: HttpRequest) -> Location | None:
    """The clinic a staff session works in: the one chosen last while still theirs, else the person's own."""
    user = request.user
    if not isinstance(user, User):
        return None
    chosen = request.session.get(SESSION_LOCATION)
    if chosen:
        found = next((place for place in access.places(user) if place.code == chosen), None)
        if found is not None:
            return found
    return access.home_location(user)


def choose_location(request: HttpRequest, code: str) -> Location | None:
    """Work in another clinic from now on; None, and no change, for one that is not theirs."""
    found = (
        access.locations(request.user).filter(code=code).first() if isinstance(request.user, User) else None
    )
    if found is not None:
        request.session[SESSION_LOCATION] = found.code
    return found


class LocationMiddleware:
    """Gives admin pages `request.location` and shows times in that clinic's zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_PAGES) or not request.user.is_authenticated:
            return self.get_response(request)
        location = current_location(request)
        request.location = location  # type: ignore[attr-defined]
        with timezone.override(location.zone if location else None):
            return self.get_response(request)


class UnstorableInputMiddleware:
    """A page that was given what the database cannot hold, such as a NUL that no keyboard types, says so. Forms name
    the field; this is for what no form has looked at.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not request.path.startswith(_PAGES) or not isinstance(exception, UNSTORABLE):
            return None
        # Not the error's own words: they may hold what was typed.
        extra = {"route": _route(request), "error": type(exception).__name__}
        logger.error("unstorable input", extra=extra)
        return render(request, "422.html", status=422)


class AuditMiddleware:
    """One row for each request of a signed-in person, and for each try to sign in.

    The row is written after the answer is made, in one statement of its own: it must tell the status, and
    what was refused must be told too. When it cannot be written the request still succeeds, since by then
    its work is committed; the same facts then go to the error log, from where they can be restored.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_AUDITED) or request.path.startswith(_NOT_AUDITED):
            return self.get_response(request)
        started = time.monotonic()
        digest = _request_hash(request)
        response = self.get_response(request)
        entry = _entry(request, response, digest, round((time.monotonic() - started) * 1000))
        if entry is not None:
            _write(entry)
        return response


def _entry(request: HttpRequest, response: HttpResponse, digest: str, duration_ms: int) -> AuditEntry | None:
    note = touched(request)
    user = request.user
    user_id = note.user_id or (user.pk if user.is_authenticated else None)
    trying = request.method == "POST" and request.path.startswith(_SIGN_IN)
    if user_id is None and not trying:
        return None
    here = getattr(request, "location", None)
    return AuditEntry(
        at=clock.now(),
        request_id=getattr(request, "request_id", None) or uuid4(),
        user_id=user_id,
        location_id=note.location_id or (here.pk if here is not None else None),
        method=request.method or "",
        route=_route(request),
        object_ids=note.ids,
        fields=note.fields,
        personal_data=note.personal,
        ip=client_ip(request),
        request_hash=digest,
        status=response.status_code,
        duration_ms=duration_ms,
    )


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return (match.view_name or match.route if match else "unknown")[:200]


def _write(entry: AuditEntry) -> None:
    try:
        entry.save(force_insert=True)
    except DatabaseError:
        facts = {f"audit_{f.attname}": getattr(entry, f.attname) for f in AuditEntry._meta.concrete_fields}
        logger.exception("audit entry could not be written", extra=facts)


def _request_hash(request: HttpRequest) -> str:
    """A keyed hash of method, address and body: proves what was sent to whoever still has it, and tells
    nothing.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    body = b""
    if length.isascii() and length.isdigit() and 0 < int(length) <= _HASHED_BYTES:
        body = request.body
    parts = "\n".join(
        (request.method or "", request.get_full_path(), length, hashlib.sha256(body).hexdigest())
    )
    return salted_hmac("accounts.audit", parts, secret=settings.SECRET_KEY, algorithm="sha256").hexdigest()
