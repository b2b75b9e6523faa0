"""The doors through which providers deliver: raw bytes, verify, store, answer.

Whatever comes in, the answer is a JSON one and never a 500. 200 means that the delivery is safe in the
database; understanding it is work for later, except for the simple Wix form, whose answer promises ids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from accounts.net import client_ip
from core import clock
from core.api_errors import json_error
from core.crashpoints import crashpoint
from core.errors import DomainError, Malformed, NotConfigured
from integrations import accounts, inbound, limits, reading, verify
from integrations.models import Kind, Provider, ProviderAccount, Receipt
from integrations.providers import console_format, wix

logger = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
JSON_TYPES = frozenset({"application/json", "text/json", "text/plain", "application/octet-stream", ""})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded"})
SIGNATURE = "X-Wix-Webhook-Signature"
#: Kept with a receipt, because they tell what sent it.
KEPT_HEADERS = ("Content-Type", "User-Agent")

Door = Callable[[HttpRequest, bytes, str], JsonResponse]


class TooLarge(DomainError):
    """The body is over 1 MiB."""

    status = 413
    default_code = "too_large"


class WrongType(DomainError):
    """The body is of a kind this door does not read."""

    status = 415
    default_code = "unsupported_media_type"


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
            return _refusal(request, error)
        except (OperationalError, InterfaceError):
            logger.exception(
                "delivery not stored: the database does not answer", extra={"door": function.__name__}
            )
            return json_error(503, code="not_ready")

    return view


def _refusal(request: HttpRequest, error: DomainError) -> JsonResponse:
    """The answer to a delivery that is not taken; 429 for an address that fails verification too often."""
    if int(error.status) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        wait = limits.failed(client_ip(request))
        if wait:
            answer = json_error(429)
            answer["Retry-After"] = str(wait)
            return answer
    return json_error(int(error.status), code=error.code, message=error.message, fields=error.fields)


def _read(request: HttpRequest) -> bytes:
    """The raw body. Raises TooLarge without reading more than it must."""
    length = request.headers.get("Content-Length") or "0"
    if length.isdigit() and int(length) > MAX_BODY:
        raise TooLarge("A delivery may have 1 MiB at most.")
    try:
        body = request.read(MAX_BODY + 1)
    except (UnreadablePostError, RawPostDataException):
        raise Malformed("The body broke off. Send it again.") from None
    if len(body) > MAX_BODY:
        raise TooLarge("A delivery may have 1 MiB at most.")
    return body


@door
def wix_bookings(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """Wix: a signed token, our tooling's signed JSON, or an automation's JSON at an address with a token."""
    account = accounts.by_token(token, providers=[Provider.WIX]) if token else None
    is_json = body.lstrip().startswith((b"{", b"[")) or SIGNATURE in request.headers
    # Wix does not say which content type its tokens come with.
    if is_json or body.count(b".") != 2:
        _check_type(request, JSON_TYPES, "JSON or a JSON web token")
    if not is_json:
        return _wix_token(request, body, account)
    payload = _verified_json(request, body, account)
    if "event" in payload:
        return _wix_simple(request, body, payload, account)
    return _wix_automation(request, body, payload, account)


@door
def sms_inbound(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """A text that somebody sent to the clinic."""
    account = accounts.by_token(token, providers=[Provider.CONSOLE])
    _check_type(request, JSON_TYPES | FORM_TYPES, "JSON or a form")
    sms = console_format.parse_inbound(body, zone=account.location.zone)
    key = inbound.key_of(sms.external_id, body)
    thread = "".join(filter(str.isdigit, sms.from_)) or sms.from_
    receipt = _store(request, body, account, Kind.SMS_INBOUND, key=key, thread=thread, by_token=True)
    return _answer(receipt)


@door
def sms_receipt(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """How far a text of the clinic's has come."""
    account = accounts.by_token(token, providers=[Provider.CONSOLE])
    _check_type(request, JSON_TYPES | FORM_TYPES, "JSON or a form")
    told = console_format.parse_receipt(body, zone=account.location.zone)
    key = f"receipt:{told.status}:{told.provider_message_id}"
    thread = told.provider_message_id
    receipt = _store(request, body, account, Kind.SMS_RECEIPT, key=key, thread=thread, by_token=True)
    return _answer(receipt)


def _wix_token(request: HttpRequest, body: bytes, account: ProviderAccount | None) -> JsonResponse:
    claims = verify.wix_claims(body, public_key=accounts.wix_public_key(account), now=clock.now())
    outside = wix.envelope(claims)
    key = inbound.key_of(outside.event_id, body)
    by_token = account is not None
    account = account or _wix_account(outside.instance_id)
    thread = _booking_id(claims, account) or key
    return _answer(_store(request, body, account, Kind.BOOKING, key=key, thread=thread, by_token=by_token))


def _booking_id(claims: Mapping[str, object], account: ProviderAccount) -> str:
    """The booking a token is about; empty when that cannot be read, which is found out when it is applied."""
    try:
        return wix.parse(claims, zone=account.location.zone).booking_id
    except DomainError:
        return ""


def _verified_json(request: HttpRequest, body: bytes, account: ProviderAccount | None) -> dict[str, object]:
    """The object of a body that a signature covers, or, of an automation, that came to a secret address."""
    signature = request.headers.get(SIGNATURE, "")
    payload: dict[str, object] | None = None
    if not signature and account is not None:
        payload = reading.json_object(body)
    if payload is None or "event" in payload:
        verify.check_hmac_sha256(body=body, signature=signature, secrets=accounts.wix_secrets(account))
    return reading.json_object(body) if payload is None else payload


def _wix_simple(
    request: HttpRequest, body: bytes, payload: Mapping[str, object], account: ProviderAccount | None
) -> JsonResponse:
    """The form whose answer promises ids: applied at once where that can be done quickly."""
    by_token = account is not None
    account = account or _wix_account(reading.text(payload.get("instanceId")))
    parsed = wix.parse_simple(payload, zone=account.location.zone)
    key = inbound.key_of(parsed.external_event_id, body)
    receipt = _store(
        request, body, account, Kind.BOOKING, key=key, thread=parsed.booking_id, by_token=by_token
    )
    result = receipt.result if receipt.state == Receipt.State.APPLIED else _apply_now(receipt)
    # Somebody holds the visit: what an earlier delivery about it made is the same contact and booking.
    result = result or inbound.made_earlier(receipt)
    ids = {
        name: result[key]
        for name, key in (("contactId", "contact"), ("bookingId", "booking"))
        if key in result
    }
    return JsonResponse({"success": True, **ids})


def _wix_automation(
    request: HttpRequest, body: bytes, payload: Mapping[str, object], account: ProviderAccount | None
) -> JsonResponse:
    by_token = account is not None
    data = reading.mapping(payload.get("data"), "data") or payload
    account = account or _wix_account(reading.text(data.get("instance_id")))
    parsed = wix.parse_automation(payload, zone=account.location.zone)
    key = inbound.key_of(parsed.external_event_id, body)
    return _answer(
        _store(request, body, account, Kind.BOOKING, key=key, thread=parsed.booking_id, by_token=by_token)
    )


def _wix_account(instance_id: str) -> ProviderAccount:
    account = accounts.by_instance(Provider.WIX, instance_id) or accounts.default(Provider.WIX)
    if account is None:
        raise NotConfigured("No clinic has a Wix account yet. Add one under Providers.")
    return account


def _apply_now(receipt: Receipt) -> Mapping[str, str]:
    """What the delivery made; empty when it could not be applied now, which its work item will see to."""
    try:
        return inbound.apply_now(receipt)
    except (DatabaseError, InterfaceError):
        logger.warning("delivery left to its work item", extra={"receipt": receipt.pk})
    except Exception:
        # The delivery is stored, so the provider must hear 200; the work item meets the error again and parks it.
        logger.exception("delivery could not be applied at once", extra={"receipt": receipt.pk})
    return {}


def _store(
    request: HttpRequest,
    body: bytes,
    account: ProviderAccount,
    kind: Kind,
    *,
    key: str,
    thread: str,
    by_token: bool,
) -> Receipt:
    headers = {name: value[:200] for name in KEPT_HEADERS if (value := request.headers.get(name, ""))}
    delivery = inbound.Delivery(
        account=account, kind=kind, key=key, thread=thread, body=body, by_token=by_token, headers=headers
    )
    receipt, created = inbound.store(delivery)
    crashpoint("receipt.stored")
    logger.info(
        "delivery stored",
        extra={"receipt": receipt.pk, "account": account.pk, "kind": str(kind), "again": not created},
    )
    return receipt


def _check_type(request: HttpRequest, accepted: frozenset[str], what: str) -> None:
    if (request.content_type or "").lower() not in accepted:
        raise WrongType(f"Send {what}, with its Content-Type.")


def _answer(receipt: Receipt, **more: Any) -> JsonResponse:
    return JsonResponse({"success": True, "receiptId": str(receipt.public_id), **more})
