"""Twilio's wire format: the form that sends a text, its answers, and its webhooks. Pure.

Its webhooks are forms, or JSON objects with the same names. A reference of ours travels in the address that
Twilio reports to, because it brings back nothing else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from integrations import reading
from integrations.answers import Answer, cents, count
from integrations.ports import (
    CarrierWord,
    Checked,
    DeliveryReceipt,
    InboundSms,
    LookupAnswer,
    OutboundSms,
    ReceiptStatus,
    SendOutcome,
)

LONGEST_VALIDITY = 36_000  # seconds
PAGE_SIZE = 200
MAX_MEDIA = 10

STATUSES: Mapping[str, ReceiptStatus] = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "sent",
    "partially_delivered": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
# Twilio's numbers of errors, in our words.
ERRORS: Mapping[str, str] = {
    "20003": "bad_credentials",
    "20005": "no_credit",
    "20403": "bad_credentials",
    "20404": "bad_credentials",
    "20429": "busy",
    "21211": "invalid_number",
    "21212": "no_sender",
    "21266": "invalid_number",
    "21408": "country_not_allowed",
    "21601": "no_sender",
    "21602": "empty",
    "21603": "no_sender",
    "21606": "no_sender",
    "21608": "no_route",
    "21610": "opted_out",
    "21611": "busy",
    "21612": "no_route",
    "21614": "invalid_number",
    "21617": "too_long",
    "21635": "landline",
    "21659": "no_sender",
    "21660": "no_sender",
    "21661": "no_sender",
    "21703": "no_sender",
    "30001": "busy",
    "30002": "no_credit",
    "30003": "unreachable_phone",
    "30004": "blocked",
    "30005": "invalid_number",
    "30006": "landline",
    "30007": "filtered",
    "30032": "sender_not_registered",
    "30034": "sender_not_registered",
    "30036": "expired",
    "63038": "busy",
}
#: Refused now, and nothing wrong with the text: tried again.
PASSING = frozenset({"busy"})
#: Words by which Twilio blocks or frees a number, and answers the person, where nobody set up others.
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
OTHER_WORDS = frozenset({"START", "UNSTOP", "HELP", "INFO"})
_OPT_OUT_TYPES: Mapping[str, CarrierWord] = {"STOP": "stop", "START": "start", "HELP": "help"}


# Sending


def request(sms: OutboundSms, *, service: str, status_callback: str, now: datetime) -> dict[str, str]:
    """The form that sends a text: from its sender, which is one of the Messaging Service's where there is one."""
    form = {"To": sms.to, "From": sms.from_, "Body": sms.body}
    if service:
        form["MessagingServiceSid"] = service
    if status_callback:
        form["StatusCallback"] = status_callback
    if sms.expires_at is not None:
        left = int((sms.expires_at - now).total_seconds())
        form["ValidityPeriod"] = str(min(max(left, 1), LONGEST_VALIDITY))
    return form


def outcome(answer: Answer, *, currency: str, now: datetime) -> SendOutcome:
    """What an answer to sending means."""
    said = answer.json()
    sid = reading.message_id(said.get("sid"))
    kind = answer.kind(readable=bool(sid))
    if kind == "accepted":
        return SendOutcome(
            "accepted",
            provider_message_id=sid,
            segments=count(said.get("num_segments")),
            cost_cents=cents(said.get("price"), price_currency=said.get("price_unit"), currency=currency),
        )
    if kind == "unknown" or not answer.request_left:
        return SendOutcome(kind, error_code=answer.word())
    code = error_word(said.get("code")) or answer.word()
    if code in PASSING:
        kind = "retry"
    return SendOutcome(kind, error_code=code, retry_after=answer.pause(now))


def error_word(code: object) -> str:
    """Our word for an error of Twilio's; its own number where we have none, "" where it gives none."""
    number = reading.text(code)
    return ERRORS.get(number, f"twilio_{number[:20]}") if number and number != "0" else ""


# Asking


def search(sms: OutboundSms) -> dict[str, str]:
    """The query that lists what went to a number, newest first.

    It names no day: one that waits in Twilio's queue has no day of sending yet and would be left out.
    """
    return {"To": sms.to, "PageSize": str(PAGE_SIZE)}


def found(answer: Answer, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
    """Whether a text is among those listed: by its letters and its time, as Twilio keeps no reference.

    Two that read alike cannot be told apart, one that only ends like it may be it with a line put before (as a trial
    account does), and a list that goes on may hold it further down: unsure.
    """
    said = answer.json()
    listed = said.get("messages")
    if answer.status != 200 or not isinstance(listed, list):
        return LookupAnswer("unsure")
    rows = [row for row in listed if isinstance(row, Mapping)]
    alike = [row for row in rows if _may_be(row, sms, sent_after)]
    matches = [row for row in alike if _letters(row.get("body")) == _letters(sms.body)]
    if len(matches) == 1:
        return _found(matches[0])
    if alike or len(rows) < len(listed) or not _reaches_back(said, rows, sent_after):
        return LookupAnswer("unsure")
    return LookupAnswer("absent")


def _found(row: Mapping[str, object]) -> LookupAnswer:
    sid = reading.message_id(row.get("sid"))
    status = STATUSES.get(reading.text(row.get("status")), "accepted")
    return LookupAnswer("found", provider_message_id=sid, status=status) if sid else LookupAnswer("unsure")


def _may_be(row: Mapping[str, object], sms: OutboundSms, sent_after: datetime) -> bool:
    if str(row.get("direction", "")).startswith("inbound") or reading.text(row.get("to")) != sms.to:
        return False
    at = _created(row)
    in_time = at is None or at >= sent_after - timedelta(seconds=1)
    return in_time and _letters(row.get("body")).endswith(_letters(sms.body))


def _letters(words: object) -> str:
    """A text without what a provider may change on the way: spaces, quotes, dashes and accents."""
    if not isinstance(words, str):
        return ""
    bare = "".join(filter(str.isalnum, unicodedata.normalize("NFKD", words)))
    return bare.casefold() or "".join(words.split())


def _reaches_back(said: Mapping[str, object], rows: Sequence[Mapping[str, object]], to: datetime) -> bool:
    """Whether the list is known to hold everything since `to`."""
    if not said.get("next_page_uri"):
        return True
    oldest = _created(rows[-1]) if rows else None
    return oldest is not None and oldest < to


def _created(row: Mapping[str, object]) -> datetime | None:
    try:
        at = parsedate_to_datetime(str(row.get("date_created") or ""))
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def checked(answer: Answer) -> Checked:
    """What asking for the account itself showed."""
    said = answer.json()
    if answer.status == 200:
        status = reading.text(said.get("status"))
        if status == "active":
            return Checked(True, "Twilio knows the account, and it is active.")
        return Checked(False, f"Twilio knows the account, but it is {status or 'in an unknown state'}.")
    if answer.status in (401, 403, 404):
        return Checked(False, "Twilio does not accept these credentials. Copy the SID and the token again.")
    if not answer.request_left:
        return Checked(False, "Twilio could not be reached. Is this server connected to the internet?")
    return Checked(False, "Twilio gave no usable answer. Try again in a minute.")


# Webhooks


def parameters(body: bytes) -> dict[str, list[str]]:
    """Every field of a form with all its values, empty ones too: what the signature covers."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=reading.MAX_FIELDS)
    except ValueError:
        reading.fail("", "this is not a form that can be read.")
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def fields_of(body: bytes) -> Mapping[str, object]:
    """The fields of a webhook, form or JSON; of a repeated one, the first."""
    return reading.json_object(body) if body.lstrip().startswith(b"{") else reading.form(body)


def parse_inbound(body: bytes, *, zone: ZoneInfo) -> InboundSms:
    """A text that came in."""
    fields = fields_of(body)
    sid = _sid(fields)
    sender = reading.sender(fields.get("From"))
    if not sender:
        reading.fail("From", "the sender's number is missing.")
    words = fields.get("Body")
    body_text = reading.clean(words) if isinstance(words, str) else ""
    word = _OPT_OUT_TYPES.get(reading.text(fields.get("OptOutType")).upper(), "")
    lone = "".join(filter(str.isalnum, body_text)).upper()
    return InboundSms(
        external_id=sid,
        from_=sender,
        to=reading.sender(fields.get("To")),
        body=body_text,
        media=_media(fields),
        carrier_word=word,
        carrier_answered=bool(word) or lone in STOP_WORDS | OTHER_WORDS,
    )


def parse_receipt(body: bytes, *, zone: ZoneInfo) -> DeliveryReceipt:
    """How far a text that went out has come; a status we do not know says that Twilio has it, no more."""
    fields = fields_of(body)
    status = status_of(fields)
    if not status:
        reading.fail("MessageStatus", "the message's status is missing.")
    told = STATUSES.get(status, "accepted")
    return DeliveryReceipt(
        provider_message_id=_sid(fields),
        status=told,
        at=_done_at(fields.get("RawDlrDoneDate")),
        error=error_word(fields.get("ErrorCode")) if told == "failed" else "",
    )


def status_of(fields: Mapping[str, object]) -> str:
    """The status a callback tells, as Twilio writes it."""
    return reading.first(fields.get("MessageStatus"), fields.get("SmsStatus")).lower()[:20]


def receipt_key(told: DeliveryReceipt, body: bytes) -> str:
    """A receipt's identity: it says each thing of a message once."""
    return f"receipt:{status_of(fields_of(body))}:{told.provider_message_id}"


def _sid(fields: Mapping[str, object]) -> str:
    names = ("MessageSid", "SmsSid", "SmsMessageSid")
    sid = next((found for name in names if (found := reading.message_id(fields.get(name)))), "")
    return sid or reading.fail("MessageSid", "the message's id is missing.")


def _media(fields: Mapping[str, object]) -> tuple[str, ...]:
    links = (
        fields.get(f"MediaUrl{number}")
        for number in range(count(fields.get("NumMedia"), most=MAX_MEDIA) or 0)
    )
    return tuple(link for link in links if isinstance(link, str) and link.startswith("https://"))


def _done_at(value: object) -> datetime | None:
    """When the phone company was done, as YYMMDDhhmm in UTC."""
    try:
        return datetime.strptime(reading.text(value), "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
