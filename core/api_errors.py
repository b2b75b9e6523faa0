"""One shape for every refusal: {"error": {"code": …, "message": …, "fields": {…}}}."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.transaction import set_rollback
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

from core import unstorable
from core.errors import DomainError

logger = logging.getLogger(__name__)

#: Paths whose clients read JSON, so that their errors are JSON as well, even those no view answered.
JSON_PATHS = ("/api/", "/webhooks/", "/health", "/metrics/")

_WORDS = {
    400: ("malformed", "The request could not be understood."),
    401: ("not_signed_in", "Sign in first: send a valid access token or API token."),
    403: ("not_allowed", "Your account may not do this."),
    404: ("not_found", "There is nothing here, or it is not yours."),
    405: ("method_not_allowed", "This address does not answer that method."),
    406: ("not_acceptable", "Answers are JSON only."),
    413: ("too_large", "The request is too large."),
    415: ("unsupported_media_type", "Send JSON, with Content-Type: application/json."),
    422: ("invalid", "Some fields need correcting."),
    429: ("too_many_requests", "Too many requests. Wait a little and try again."),
    500: ("server_error", "Something went wrong on our side. It has been logged."),
    503: ("not_ready", "Not ready. Try again in a moment."),
}  # fmt: skip


def body(code: str, message: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON of a refusal."""
    return {"error": {"code": code, "message": message, "fields": dict(fields or {})}}


def json_error(
    http_status: int,
    *,
    code: str = "",
    message: str = "",
    fields: Mapping[str, Any] | None = None,
) -> JsonResponse:
    """A refusal outside DRF, for middleware and plain views; words default to those of the status."""
    usual_code, usual_message = _WORDS.get(http_status, _WORDS[400])
    return JsonResponse(body(code or usual_code, message or usual_message, fields), status=http_status)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every known refusal in the one shape; None (a 500) for what is a defect."""
    response = _answer(error)
    if response is not None:
        set_rollback_if_in_block()
    return response


def set_rollback_if_in_block() -> None:
    """Undo a half-done write when the request itself runs in a transaction (ATOMIC_REQUESTS)."""
    from django.db import connection

    if connection.settings_dict.get("ATOMIC_REQUESTS") and connection.in_atomic_block:
        set_rollback(True)


def _answer(error: Exception) -> Response | None:
    match error:
        case DomainError():
            return _response(int(error.status), error.code, error.message, error.fields)
        case Http404():
            message = str(error) if error.args and isinstance(error.args[0], str) else ""
            return _response(404, message=message)
        case PermissionDenied():
            return _response(403)
        case DjangoValidationError():
            return _invalid(_django_fields(error))
        case exceptions.ValidationError():
            return _invalid(_drf_fields(error.detail))
        case exceptions.APIException():
            return _api_exception(error)
        case _ if isinstance(error, unstorable.UNSTORABLE):
            return _response(422, message=unstorable.WORDS)
        case _:
            return None


def _response(
    http_status: int,
    code: str = "",
    message: str = "",
    fields: Mapping[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    usual_code, usual_message = _WORDS.get(http_status, _WORDS[400])
    return Response(
        body(code or usual_code, message or usual_message, fields),
        status=http_status,
        headers=headers or {},
    )


def _api_exception(error: exceptions.APIException) -> Response:
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    http_status = error.status_code
    known = isinstance(
        error,
        exceptions.NotAuthenticated | exceptions.MethodNotAllowed | exceptions.NotAcceptable,
    )
    known = known or isinstance(error, exceptions.UnsupportedMediaType | exceptions.Throttled)
    message = "" if known or not isinstance(error.detail, str) else str(error.detail)
    if message == str(error.default_detail):
        message = ""
    code = getattr(error, "error_code", "")
    return _response(http_status, code, message, headers=headers)


def _invalid(fields: Mapping[str, Any]) -> Response:
    general = fields.get("", [])
    named = {name: wrong for name, wrong in fields.items() if name}
    message = " ".join(general) if general else ""
    return _response(422, message=message, fields=named)


def _django_fields(error: DjangoValidationError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        return {
            ("" if name == NON_FIELD_ERRORS else name): wrong for name, wrong in error.message_dict.items()
        }
    return {"": error.messages}


def _drf_fields(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Nested details flattened to dotted names: {"items.2.name": ["…"]}."""
    found: dict[str, list[str]] = {}
    if isinstance(detail, Mapping):
        for name, wrong in detail.items():
            inner = prefix if name == "non_field_errors" else f"{prefix}.{name}".strip(".")
            _merge(found, _drf_fields(wrong, inner))
    elif isinstance(detail, list):
        for index, wrong in enumerate(detail):
            nested = isinstance(wrong, Mapping | list)
            _merge(
                found,
                _drf_fields(wrong, f"{prefix}.{index}".strip(".") if nested else prefix),
            )
    else:
        found[prefix] = [str(detail)]
    return found


def _merge(into: dict[str, list[str]], more: dict[str, list[str]]) -> None:
    for name, wrong in more.items():
        into.setdefault(name, []).extend(wrong)


class TooLarge(exceptions.APIException):
    """The body is larger than an API call needs."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = _WORDS[413][1]
    error_code = "too_large"


def wants_json(request: HttpRequest) -> bool:
    """Whether this address belongs to programs rather than people."""
    return request.path.startswith(JSON_PATHS)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400"""
    return json_error(400) if wants_json(request) else defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403"""
    return json_error(403) if wants_json(request) else defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404"""
    return json_error(404) if wants_json(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500"""
    return json_error(500) if wants_json(request) else defaults.server_error(request)
