"""Doors of SMS providers: a text that came in, and how far one of the clinic's has come."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from integrations import accounts, inbound
from integrations.doors import FORM_TYPES, JSON_TYPES, answer, check_type, door, store
from integrations.models import Kind, Provider
from integrations.providers import console_format


@door
def sms_inbound(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """A text that somebody sent to the clinic."""
    account = accounts.by_token(token, providers=[Provider.CONSOLE])
    check_type(request, JSON_TYPES | FORM_TYPES, "JSON or a form")
    sms = console_format.parse_inbound(body, zone=account.location.zone)
    key = inbound.key_of(sms.external_id, body)
    thread = "".join(filter(str.isdigit, sms.from_)) or sms.from_
    receipt = store(request, body, account, Kind.SMS_INBOUND, key=key, thread=thread, by_token=True)
    return answer(receipt)


@door
def sms_receipt(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """How far a text of the clinic's has come."""
    account = accounts.by_token(token, providers=[Provider.CONSOLE])
    check_type(request, JSON_TYPES | FORM_TYPES, "JSON or a form")
    told = console_format.parse_receipt(body, zone=account.location.zone)
    key = f"receipt:{told.status}:{told.provider_message_id}"
    thread = told.provider_message_id
    receipt = store(request, body, account, Kind.SMS_RECEIPT, key=key, thread=thread, by_token=True)
    return answer(receipt)
