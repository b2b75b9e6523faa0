"""The wire format of MessageMedia (Sinch Engage): the JSON that sends texts, its answers, and its webhooks. Pure.

What it tells comes in three ways and one shape: to the address that each text names, to the account's webhook by a
template of ours (docs/runbook.md), and in lists that are asked for. Our metadata comes back in all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from integrations import reading
from integrations.answers import Answer, count, part, parts, rows_of
from integrations.ports import (
    Checked,
    DeliveryReceipt,
    InboundSms,
    OutboundSms,
    ReceiptStatus,
    SendKind,
    SendOutcome,
)

#: As many texts as one call takes, and as many things as one list holds or one confirmation names.
BATCH = 100
#: Keys of our metadata: the message's reference, and the account's public id.
REFERENCE, ACCOUNT = "ref", "account"
#: Under this name, a body that our door marked says what happened.
EVENT, OPT_OUT = "event", "opt_out"

STATUSES: Mapping[str, ReceiptStatus] = {
    "queued": "accepted",
    "scheduled": "accepted",
    "processing": "accepted",
    "processed": "accepted",
    "enroute": "accepted",
    "held": "accepted",
    "submitted": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "expired": "failed",
    "rejected": "failed",
    "undeliverable": "failed",
    "failed": "failed",
    "cancelled": "failed",
}
# Its status codes for what failed, in our words.
ERRORS: Mapping[str, str] = {
    "301": "no_credit",
    "302": "blocked",
    "303": "no_sender",
    "304": "filtered",
    "305": "duplicate",
    "320": "expired",
    "330": "undelivered",
    "331": "undelivered",
    "332": "no_route",
    "333": "no_sender",
    "400": "undelivered",
    "401": "expired",
    "402": "undelivered",
    "403": "undelivered",
    "405": "undelivered",
    "410": "no_sender",
    "411": "invalid_number",
    "412": "blocked",
    "413": "landline",
    "414": "unreachable_phone",
}
# What a refusal's words speak of; the first that fits.
_ABOUT: tuple[tuple[str, str], ...] = (
    ("destination", "invalid_number"),
    ("source", "no_sender"),
    ("blacklist", "opted_out"),
    ("opted out", "opted_out"),
    ("content", "too_long"),
)
#: It blocks whoever texts one of these and nothing else, so that an answer of ours would not arrive.
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "OPTOUT"})
_NUMBER = re.compile(r"\+[0-9]+")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")


# Sending


def request(texts: Sequence[OutboundSms], *, account: str, callback: str) -> dict[str, object]:
    """The JSON that sends texts. Without a sender the account's own is used; `callback` is where to report to, and
    nowhere when it is empty."""
    return {"messages": [_asked(sms, account, callback) for sms in texts]}


def _asked(sms: OutboundSms, account: str, callback: str) -> dict[str, object]:
    message: dict[str, object] = {
        "content": sms.body,
        "destination_number": sms.to,
        "format": "SMS",
        "delivery_report": True,
        "metadata": {REFERENCE: sms.reference, ACCOUNT: account},
    }
    if sms.from_:
        message |= {"source_number": sms.from_, "source_number_type": _kind_of_sender(sms.from_)}
    if callback:
        message["callback_url"] = callback
    if sms.expires_at is not None:
        at = sms.expires_at.astimezone(UTC).isoformat(timespec="milliseconds")
        message["message_expiry_timestamp"] = at.replace("+00:00", "Z")
    return message


def _kind_of_sender(sender: str) -> str:
    if _NUMBER.fullmatch(sender):
        return "INTERNATIONAL"
    return "SHORTCODE" if _SHORT_CODE.fullmatch(sender) else "ALPHANUMERIC"


def outcomes(answer: Answer, texts: Sequence[OutboundSms], *, now: datetime) -> list[SendOutcome]:
    """What an answer to sending means for each text; one that it does not name is unknown. A refusal is one of all:
    nothing is sent when one of them is invalid.
    """
    kind = answer.kind()
    if kind == "accepted":
        rows = rows_of(
            texts,
            parts(answer.json().get("messages")),
            reference=lambda row: part(row.get("metadata")).get(REFERENCE),
            number="destination_number",
        )
        return [_each(row, answer) for row in rows]
    return [_of_the_call(kind, answer, now)] * len(texts)


def _of_the_call(kind: SendKind, answer: Answer, now: datetime) -> SendOutcome:
    code = answer.word()
    if kind == "refused":
        said = answer.json()
        details = said.get("details")
        words = " ".join(map(reading.text, details if isinstance(details, list) else []))
        words = f"{words} {reading.text(said.get('message'))}".lower()
        code = next((word for part, word in _ABOUT if part in words), code)
    return SendOutcome(kind, error_code=code, retry_after=answer.pause(now))


def _each(row: Mapping[str, object], answer: Answer) -> SendOutcome:
    sid = reading.message_id(row.get("message_id"))
    if not sid:
        return SendOutcome("unknown", error_code=answer.word())
    if STATUSES.get(_status(row)) == "failed":
        return SendOutcome("refused", provider_message_id=sid, error_code=_error(row))
    return SendOutcome("accepted", provider_message_id=sid)


def checked(answer: Answer) -> Checked:
    """What asking for the replies nobody confirmed yet showed."""
    if answer.status == 200:
        return Checked(True, "MessageMedia accepts the credentials.")
    if answer.status in (401, 403):
        return Checked(False, "MessageMedia does not accept these credentials. Copy key and secret again.")
    if not answer.request_left:
        return Checked(False, "MessageMedia could not be reached. Is this server connected to the internet?")
    return Checked(False, "MessageMedia gave no usable answer. Try again in a minute.")


# Webhooks


def is_receipt(body: bytes) -> bool:
    """Whether it tells of a text of ours; else somebody texted the clinic. Nothing but its ids says which."""
    fields = reading.json_object(body)
    return not is_opt_out(fields) and not _id(fields, "reply_id") and bool(_id(fields, "delivery_report_id"))


def is_opt_out(fields: Mapping[str, object]) -> bool:
    """Whether our door marked it as an opt-out."""
    return fields.get(EVENT) == OPT_OUT


def as_opt_out(body: bytes) -> bytes:
    """A body that came to the address for opt-outs, marked as one."""
    return json.dumps({**reading.json_object(body), EVENT: OPT_OUT}).encode()


def parse_inbound(body: bytes, *, zone: ZoneInfo) -> InboundSms:
    """A text that came in, or the news that somebody opted out by one."""
    fields = reading.json_object(body)
    sender = reading.sender(_told(fields.get("source_number")))
    if not sender:
        reading.fail("source_number", "the sender's number is missing.")
    stopped = is_opt_out(fields)
    words = reading.clean(_told(fields.get("content")))
    lone = "".join(filter(str.isalnum, words)).upper()
    return InboundSms(
        external_id=_id(fields, "reply_id"),
        from_=sender,
        to=reading.sender(_told(fields.get("destination_number"))),
        body=words or ("STOP" if stopped else ""),
        at=_moment(fields, zone),
        carrier_word="stop" if stopped else "",
        carrier_answered=stopped or lone in STOP_WORDS,
    )


def parse_receipt(body: bytes, *, zone: ZoneInfo) -> DeliveryReceipt:
    """How far a text that went out has come; a status we do not know says that MessageMedia has it, no more."""
    fields = reading.json_object(body)
    message_id = _id(fields, "message_id") or reading.fail("message_id", "the message's id is missing.")
    told = _status(fields) or reading.fail("status", "the status is missing.")
    status = STATUSES.get(told, "accepted")
    return DeliveryReceipt(
        provider_message_id=message_id,
        status=status,
        at=_moment(fields, zone),
        error=_error(fields) if status == "failed" else "",
        reference=reading.text(part(fields.get("metadata")).get(REFERENCE)),
        segments=count(fields.get("billing_units")),
    )


def inbound_key(told: InboundSms, body: bytes) -> str:
    """The key of a text under which it is stored once, however it came; of an opt-out, another one."""
    if not is_opt_out(reading.json_object(body)) or not told.external_id:
        return told.external_id
    return f"{OPT_OUT}:{told.external_id}"


def receipt_key(told: DeliveryReceipt, body: bytes) -> str:
    """A receipt's identity: its own id; without one, what it says of which message."""
    fields = reading.json_object(body)
    report = _id(fields, "delivery_report_id")
    return f"receipt:{report or f'{_status(fields)[:20]}:{told.provider_message_id}'}"


def account_of(body: bytes) -> str:
    """The public id of the account whose text it is about, "" where that is not told."""
    return reading.text(part(reading.json_object(body).get("metadata")).get(ACCOUNT))


# Lists that are asked for


def listed(answer: Answer, name: str) -> list[Mapping[str, object]] | None:
    """The things in a list that was asked for; None when it did not come."""
    rows = answer.json().get(name)
    return parts(rows) if answer.status == 200 and isinstance(rows, list) else None


# Reading


def _told(value: object) -> str:
    """A text; none where the account's template had nothing to put in the place of a name such as $moId."""
    return "" if not isinstance(value, str) or re.fullmatch(r"\$!?\w+", value) else value


def _id(fields: Mapping[str, object], name: str) -> str:
    return reading.message_id(_told(fields.get(name)))


def _status(fields: Mapping[str, object]) -> str:
    return reading.text(_told(fields.get("status"))).lower()


def _error(fields: Mapping[str, object]) -> str:
    """Our word for a failure: by its code, which only the account's webhook brings; else by its status."""
    code = reading.first(fields.get("status_code"), fields.get("error_code"))
    return ERRORS.get(code) or ("expired" if _status(fields) == "expired" else "undelivered")


def _moment(fields: Mapping[str, object], zone: ZoneInfo) -> datetime | None:
    """When it happened; a time that cannot be read is none, as the news itself matters more."""
    names = ("submitted_date", "date_received") if "status" in fields else ("date_received",)
    try:
        return reading.first_moment([(name, _told(fields.get(name))) for name in names], zone)
    except reading.Malformed:
        return None
