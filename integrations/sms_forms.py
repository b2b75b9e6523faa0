"""How each provider of texts writes what it tells, and under which key and for which clinic it is stored.

Doors and polling both take their deliveries from here, so that a text has one key whichever way it came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from integrations import accounts, inbound
from integrations.models import Kind, Provider, ProviderAccount
from integrations.ports import DeliveryReceipt, InboundSms
from integrations.providers import clicksend_format, console_format, messagemedia_format, twilio_format


def _id_of(told: InboundSms, body: bytes) -> str:
    return told.external_id


def _nobody(body: bytes) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Form:
    """A provider's way of writing the two things that it tells. `account_of` reads an account's public id where our
    own metadata come back."""

    inbound: Callable[..., InboundSms]
    receipt: Callable[..., DeliveryReceipt]
    receipt_key: Callable[[DeliveryReceipt, bytes], str]
    inbound_key: Callable[[InboundSms, bytes], str] = _id_of
    account_of: Callable[[bytes], str] = _nobody


FORMS: dict[str, Form] = {
    Provider.CONSOLE.value: Form(
        console_format.parse_inbound, console_format.parse_receipt, console_format.receipt_key
    ),
    Provider.CLICKSEND.value: Form(
        clicksend_format.parse_inbound, clicksend_format.parse_receipt, clicksend_format.receipt_key
    ),
    Provider.TWILIO.value: Form(
        twilio_format.parse_inbound, twilio_format.parse_receipt, twilio_format.receipt_key
    ),
    Provider.MESSAGEMEDIA.value: Form(
        messagemedia_format.parse_inbound, messagemedia_format.parse_receipt, messagemedia_format.receipt_key,
        messagemedia_format.inbound_key, messagemedia_format.account_of,
    ),
}  # fmt: skip


def delivery(
    account: ProviderAccount, kind: Kind, body: bytes, *, sharing: Sequence[ProviderAccount] = ()
) -> inbound.Delivery:
    """A verified body as it is stored. Of several accounts that share one at the provider, `sharing`, it goes to the
    one it is about; else to `account`. Malformed when it cannot be read.
    """
    form, zone = FORMS[account.provider], account.location.zone
    if kind == Kind.SMS_INBOUND:
        sms = form.inbound(body, zone=zone)
        key, number = inbound.key_of(form.inbound_key(sms, body), body), sms.to
        thread = "".join(filter(str.isdigit, sms.from_)) or sms.from_
    else:
        told = form.receipt(body, zone=zone)
        key, number, thread = form.receipt_key(told, body), "", told.provider_message_id
    if len(sharing) > 1:
        account = accounts.of_text(sharing, number=number, told=form.account_of(body), other=account)
    return inbound.Delivery(account=account, kind=kind, key=key, thread=thread, body=body)
