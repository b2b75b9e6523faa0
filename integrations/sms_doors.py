"""Doors of SMS providers: a text that came in, and how far one of the clinic's has come.

An address with a token names the account and so the provider; Twilio may also call two fixed addresses, and
says in what it sends which account is meant. Twilio signs every call, wherever it goes. MessageMedia has one
address for both things, may show a secret in a header, and signs where the account has its public key.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core.errors import NotFound
from integrations import accounts, reading, sms_forms, verify
from integrations.doors import FORM_TYPES, JSON_TYPES, answer, check_type, door, store
from integrations.models import Kind, Provider, ProviderAccount
from integrations.providers import messagemedia_format, twilio_format

SMS_PROVIDERS = (Provider.CONSOLE, Provider.CLICKSEND, Provider.TWILIO)
TWILIO_SIGNATURE = "X-Twilio-Signature"
#: Of MessageMedia's account webhook: the header that we have it send.
TOKEN_HEADER = "X-Avatar-Token"
#: In the address Twilio reports to: our reference of the message.
REFERENCE = "ref"
NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


@door
def sms_inbound(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """A text that somebody sent to the clinic."""
    return _keep(request, body, _by_token(request, body, token), Kind.SMS_INBOUND, by_token=True)


@door
def sms_receipt(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """How far a text of the clinic's has come."""
    return _keep(request, body, _by_token(request, body, token), Kind.SMS_RECEIPT, by_token=True)


@door
def twilio_sms(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """A text that somebody sent to one of the clinic's Twilio numbers."""
    account = _by_signature(request, body, ours="To")
    return _keep(request, body, account, Kind.SMS_INBOUND, by_token=False)


@door
def twilio_status(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """How far a text has come that Twilio carries."""
    account = _by_signature(request, body, ours="From")
    return _keep(request, body, account, Kind.SMS_RECEIPT, by_token=False)


@door
def sms_callback(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """MessageMedia tells of a text, ours or somebody's to us; the body says which."""
    account = _of_messagemedia(request, body, token)
    kind = Kind.SMS_RECEIPT if messagemedia_format.is_receipt(body) else Kind.SMS_INBOUND
    return _keep(request, body, account, kind, by_token=True)


@door
def sms_opt_out(request: HttpRequest, body: bytes, token: str) -> HttpResponseBase:
    """MessageMedia took a text for an opt-out and lets no text through to that number any more."""
    account = _of_messagemedia(request, body, token)
    return _keep(request, messagemedia_format.as_opt_out(body), account, Kind.SMS_INBOUND, by_token=True)


def _by_token(request: HttpRequest, body: bytes, token: str) -> ProviderAccount:
    account = accounts.by_token(token, providers=SMS_PROVIDERS)
    check_type(request, JSON_TYPES | FORM_TYPES, "JSON or a form")
    if account.provider == Provider.TWILIO:
        _check_twilio(request, body, [account])
    return account


def _of_messagemedia(request: HttpRequest, body: bytes, token: str) -> ProviderAccount:
    """The account of an address that was entered at MessageMedia, or that went along with a text. Only the first kind
    can show a header.
    """
    went_along = "." in token
    if went_along:
        account = accounts.by_callback(token, provider=Provider.MESSAGEMEDIA)
    else:
        account = accounts.by_token(token, providers=(Provider.MESSAGEMEDIA,))
    check_type(request, JSON_TYPES, "JSON")
    own = accounts.credentials(account)
    if not went_along and own.get("webhook_secret"):
        secrets = (own["webhook_secret"], own.get("previous_webhook_secret", ""))
        if not verify.secret_fits(request.headers.get(TOKEN_HEADER, ""), secrets):
            raise verify.BadSignature(f"The header {TOKEN_HEADER} is missing or wrong.")
    if own.get("public_key"):
        address = urlsplit(_public_url(request))
        verify.check_messagemedia(
            request_line=f"POST {address._replace(scheme='', netloc='').geturl()} HTTP/1.1",
            date=request.headers.get("Date", ""),
            body=body,
            signature=request.headers.get("X-Messagemedia-Signature", ""),
            digest=request.headers.get("X-Messagemedia-Digest-Type", ""),
            cipher=request.headers.get("X-Messagemedia-Cipher-Type", ""),
            public_keys=(own["public_key"], own.get("previous_public_key", "")),
        )
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


def _keep(
    request: HttpRequest, body: bytes, account: ProviderAccount, kind: Kind, *, by_token: bool
) -> HttpResponseBase:
    sharing = accounts.sharing(account) if by_token else ()
    delivery = sms_forms.delivery(account, kind, body, sharing=sharing)
    receipt = store(
        request, body, delivery.account, kind, key=delivery.key, thread=delivery.thread, by_token=by_token,
        reference=request.GET.get(REFERENCE, "") if kind == Kind.SMS_RECEIPT else "",
    )  # fmt: skip
    return _said(account, receipt)


def _said(account: ProviderAccount, receipt: Any) -> HttpResponseBase:
    """What the provider wants to hear: Twilio takes the answer for the text of a reply, so it gets none."""
    if account.provider == Provider.TWILIO:
        return HttpResponse(NO_REPLY, content_type="text/xml")
    return answer(receipt)
