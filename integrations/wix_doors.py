"""Wix's doors: signed tokens, our tooling's signed JSON, and the JSON of automations.

Understanding a delivery is work for later, except for the simple form, whose answer promises ids.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, JsonResponse

from core import clock
from core.errors import DomainError, NotConfigured
from integrations import accounts, inbound, reading, verify
from integrations.doors import JSON_TYPES, answer, check_type, door, store
from integrations.models import Kind, Provider, ProviderAccount, Receipt
from integrations.providers import wix

logger = logging.getLogger(__name__)

SIGNATURE = "X-Wix-Webhook-Signature"


@door
def wix_bookings(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """Wix: a signed token, our tooling's signed JSON, or an automation's JSON at an address with a token."""
    account = accounts.by_token(token, providers=[Provider.WIX]) if token else None
    is_json = body.lstrip().startswith((b"{", b"[")) or SIGNATURE in request.headers
    # Wix does not say which content type its tokens come with.
    if is_json or body.count(b".") != 2:
        check_type(request, JSON_TYPES, "JSON or a JSON web token")
    if not is_json:
        return _wix_token(request, body, account)
    payload = _verified_json(request, body, account)
    if "event" in payload:
        return _wix_simple(request, body, payload, account)
    return _wix_automation(request, body, payload, account)


def _wix_token(request: HttpRequest, body: bytes, account: ProviderAccount | None) -> JsonResponse:
    claims = verify.wix_claims(body, public_key=accounts.wix_public_key(account), now=clock.now())
    outside = wix.envelope(claims)
    key = inbound.key_of(outside.event_id, body)
    by_token = account is not None
    account = account or _wix_account(outside.instance_id)
    thread = _booking_id(claims, account) or key
    return answer(store(request, body, account, Kind.BOOKING, key=key, thread=thread, by_token=by_token))


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
    receipt = store(
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
    return answer(
        store(request, body, account, Kind.BOOKING, key=key, thread=parsed.booking_id, by_token=by_token)
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
