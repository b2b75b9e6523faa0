"""What every door has in common: raw bytes, verify, store, answer. Each provider's doors are in a file of
their own (`wix_doors`, `sms_doors`).

Whatever comes in, the answer is a JSON one, or what the provider asks for, and never a 500. 200 means that
the delivery is safe in the database; understanding it is work for later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from accounts.net import client_ip
from core.api_errors import json_error
from core.crashpoints import crashpoint
from core.errors import DomainError, Malformed
from integrations import inbound, limits, reading
from integrations.models import Kind, ProviderAccount, Receipt

logger = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
JSON_TYPES = frozenset({"application/json", "text/json", "text/plain", "application/octet-stream", ""})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded"})
#: Kept with a receipt, because they tell what sent it.
KEPT_HEADERS = ("Content-Type", "User-Agent")

Door = Callable[[HttpRequest, bytes, str], HttpResponseBase]


class TooLarge(DomainError):
    """The body is over 1 MiB."""

    status = 413
    default_code = "too_large"


class WrongType(DomainError):
    """The body is of a kind this door does not read."""

    status = 415
    default_code = "unsupported_media_type"


class TooMany(DomainError):
    """Sent too often from one address; again after `wait` seconds."""

    status = 429
    default_code = "too_many"

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many were sent from here. Try again in {wait} seconds.")
        self.wait = wait


def door(function: Door) -> Callable[..., HttpResponseBase]:
    """Read the body once, and turn whatever goes wrong into the one error shape."""

    @csrf_exempt
    @wraps(function)
    def view(request: HttpRequest, token: str = "") -> HttpResponseBase:
        if request.method != "POST":
            answer = json_error(405)
            answer["Allow"] = "POST"
            return answer
        try:
            return function(request, _read(request), token)
        except DomainError as error:
            logger.warning(
                "delivery refused",
                extra={"door": function.__name__, "status": int(error.status), "code": error.code},
            )
            return refusal(request, error)
        except (OperationalError, InterfaceError):
            logger.exception(
                "delivery not stored: the database does not answer", extra={"door": function.__name__}
            )
            return json_error(503, code="not_ready")

    return view


def refusal(request: HttpRequest, error: DomainError) -> JsonResponse:
    """The answer to a delivery that is not taken; 429 for an address that fails verification too often."""
    if int(error.status) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        wait = limits.failed(client_ip(request))
        if wait:
            answer = json_error(429)
            answer["Retry-After"] = str(wait)
            return answer
    if isinstance(error, TooMany):
        answer = json_error(429, message=error.message)
        answer["Retry-After"] = str(error.wait)
        return answer
    return json_error(int(error.status), code=error.code, message=error.message, fields=error.fields)


def _read(request: HttpRequest) -> bytes:
    """The raw body. Raises TooLarge without reading more than it must."""
    length = request.headers.get("Content-Length") or "0"
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > MAX_BODY):
        raise TooLarge("A delivery may have 1 MiB at most.")
    try:
        body = request.read(MAX_BODY + 1)
    except (UnreadablePostError, RawPostDataException):
        raise Malformed("The body broke off. Send it again.") from None
    if len(body) > MAX_BODY:
        raise TooLarge("A delivery may have 1 MiB at most.")
    return body


def store(
    request: HttpRequest,
    body: bytes,
    account: ProviderAccount,
    kind: Kind,
    *,
    key: str,
    thread: str,
    by_token: bool,
    reference: str = "",
    fetch: bool = False,
) -> Receipt:
    """Keep a verified delivery under its `key`; `thread` is what it is about, in whose order it is applied.
    `reference` is ours, where the address brought it back. With `fetch` it only names what the provider must
    still be asked for."""
    told = {name: request.headers.get(name, "") for name in KEPT_HEADERS} | {inbound.REFERENCE: reference}
    headers = {name: text[:200] for name, value in told.items() if (text := reading.text(value))}
    delivery = inbound.Delivery(
        account=account,
        kind=kind,
        key=key,
        thread=thread,
        body=body,
        by_token=by_token,
        headers=headers,
        fetch=fetch,
    )
    receipt, created = inbound.store(delivery)
    crashpoint("receipt.stored")
    logger.info(
        "delivery stored",
        extra={"receipt": receipt.pk, "account": account.pk, "kind": str(kind), "again": not created},
    )
    return receipt


def check_type(request: HttpRequest, accepted: frozenset[str], what: str) -> None:
    """Raise WrongType unless the delivery says that it is one of the accepted content types."""
    if (request.content_type or "").lower() not in accepted:
        raise WrongType(f"Send {what}, with its Content-Type.")


def answer(receipt: Receipt, **more: Any) -> JsonResponse:
    """The delivery is safe, under this id."""
    return JsonResponse({"success": True, "receiptId": str(receipt.public_id), **more})
