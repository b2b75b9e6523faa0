"""Doors of SMS providers: a text that came in, and how far one of the clinic's has come.

An address with a token names the account and so the provider; Twilio may also call two fixed addresses, and
says in what it sends which account is meant. Twilio signs every call, wherever it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core.errors import NotFound
from integrations import accounts, inbound, reading, verify
from integrations.doors import FORM_TYPES, JSON_TYPES, answer, check_type, door, store
from integrations.models import Kind, Provider, ProviderAccount
from integrations.ports import DeliveryReceipt, InboundSms
from integrations.providers import clicksend_format, console_format, twilio_format

SMS_PROVIDERS = (Provider.CONSOLE, Provider.CLICKSEND, Provider.TWILIO)
TWILIO_SIGNATURE = "X-Twilio-Signature"
#: In the address Twilio reports to: our reference of the message.
REFERENCE = "ref"
NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


@dataclass(frozen=True, slots=True)
class Form:
    """A provider's way of writing the two things that it tells."""

    inbound: Callable[..., InboundSms]
    receipt: Callable[..., DeliveryReceipt]
    receipt_key: Callable[[DeliveryReceipt, bytes], str]


FORMS: dict[str, Form] = {
    provider: Form(module.parse_inbound, module.parse_receipt, module.receipt_key)
    for provider, module in (
        (Provider.CONSOLE.value, console_format),
        (Provider.CLICKSEND.value, clicksend_format),
        (Provider.TWILIO.value, twilio_format),
    )
}


@door
def sms_inbound(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """A text that somebody sent to the clinic."""
    return _inbound(request, body, _by_token(request, body, token), by_token=True)


@door
def sms_receipt(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """How far a text of the clinic's has come."""
    return _receipt(request, body, _by_token(request, body, token), by_token=True)


@door
def twilio_sms(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """A text that somebody sent to one of the clinic's Twilio numbers."""
    return _inbound(request, body, _by_signature(request, body, ours="To"), by_token=False)


@door
def twilio_status(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """How far a text has come that Twilio carries."""
    return _receipt(request, body, _by_signature(request, body, ours="From"), by_token=False)


def _by_token(request: HttpRequest, body: bytes, token: str) -> ProviderAccount:
    account = accounts.by_token(token, providers=SMS_PROVIDERS)
    check_type(request, JSON_TYPES | FORM_TYPES, "JSON or a form")
    if account.provider == Provider.TWILIO:
        _check_twilio(request, body, [account])
    return account


def _by_signature(request: HttpRequest, body: bytes, *, ours: str) -> ProviderAccount:
    """The account that a call of Twilio's is for. `ours` is the field with the clinic's own number."""
    check_type(request, JSON_TYPES | FORM_TYPES, "a form or JSON")
    fields = twilio_format.fields_of(body)
    candidates = accounts.by_twilio_sid(reading.text(fields.get("AccountSid")))
    if not candidates:
        raise NotFound("No clinic has this Twilio account. Enter its SID on the clinic's account.")
    _check_twilio(request, body, candidates)
    return accounts.of_number(
        candidates,
        service=reading.text(fields.get("MessagingServiceSid")),
        number=reading.text(fields.get(ours)),
    )


def _check_twilio(request: HttpRequest, body: bytes, candidates: list[ProviderAccount]) -> None:
    is_form = (request.content_type or "").lower() in FORM_TYPES
    verify.check_twilio(
        url=_public_url(request),
        parameters=twilio_format.parameters(body) if is_form else None,
        body=body,
        signature=request.headers.get(TWILIO_SIGNATURE, ""),
        tokens=accounts.twilio_tokens(candidates),
    )


def _public_url(request: HttpRequest) -> str:
    """The address as it was called from outside: behind a proxy only PUBLIC_URL tells it."""
    public: str = settings.PUBLIC_URL
    return public + request.get_full_path() if public else request.build_absolute_uri()


def _inbound(
    request: HttpRequest, body: bytes, account: ProviderAccount, *, by_token: bool
) -> HttpResponseBase:
    sms = FORMS[account.provider].inbound(body, zone=account.location.zone)
    key = inbound.key_of(sms.external_id, body)
    thread = "".join(filter(str.isdigit, sms.from_)) or sms.from_
    receipt = store(request, body, account, Kind.SMS_INBOUND, key=key, thread=thread, by_token=by_token)
    return _said(account, receipt)


def _receipt(
    request: HttpRequest, body: bytes, account: ProviderAccount, *, by_token: bool
) -> HttpResponseBase:
    form = FORMS[account.provider]
    told = form.receipt(body, zone=account.location.zone)
    receipt = store(
        request, body, account, Kind.SMS_RECEIPT, key=form.receipt_key(told, body),
        thread=told.provider_message_id, by_token=by_token, reference=request.GET.get(REFERENCE, ""),
    )  # fmt: skip
    return _said(account, receipt)


def _said(account: ProviderAccount, receipt: Any) -> HttpResponseBase:
    """What the provider wants to hear: Twilio takes the answer for the text of a reply, so it gets none."""
    if account.provider == Provider.TWILIO:
        return HttpResponse(NO_REPLY, content_type="text/xml")
    return answer(receipt)
