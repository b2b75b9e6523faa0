"""ClickSend's wire format: the JSON that sends a text, its answers, and its webhooks. Pure.

Its webhooks are forms unless the rule at ClickSend says JSON. Some fields come under an older name as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from integrations import reading
from integrations.answers import Answer, cents, count, part, parts, rows_of
from integrations.ports import (
    Checked,
    DeliveryReceipt,
    InboundSms,
    LookupAnswer,
    OutboundSms,
    ReceiptStatus,
    SendKind,
    SendOutcome,
)

SOURCE = "avatar-cms"
#: It takes a thousand; the answer to so many might be given up for its length.
BATCH = 100
PAGE_SIZE = 100
MOST_PAGES = 20
SUCCESS = "SUCCESS"

# What ClickSend says of each message, in our words; whatever else it says is a refusal too.
ERRORS: Mapping[str, str] = {
    "INVALID_RECIPIENT": "invalid_number",
    "INVALID_SENDER_ID": "no_sender",
    "INVALID_RETURN_ADDRESS": "no_sender",
    "COUNTRY_NOT_ENABLED": "country_not_allowed",
    "INSUFFICIENT_CREDIT": "no_credit",
    "MISSING_REQUIRED_FIELDS": "empty",
    "UNAUTHORIZED": "bad_credentials",
    "TOO_MANY_REQUESTS": "busy",
    "THROTTLED": "busy",
    "OPTED_OUT": "opted_out",
    "RECIPIENT_OPTED_OUT": "opted_out",
}
#: Refused now, and nothing wrong with the text: it may go later.
PASSING = frozenset({"busy", "no_credit", "bad_credentials"})
STATUS_CODES: Mapping[str, ReceiptStatus] = {
    "200": "sent",
    "201": "delivered",
    # Failed for the moment: ClickSend goes on trying.
    "300": "accepted",
    "301": "failed",
}
# What the words beside a failure speak of; the first that fits.
_ABOUT: tuple[tuple[str, str], ...] = (
    ("opted out", "opted_out"),
    ("opt-out", "opted_out"),
    ("unsubscribed", "opted_out"),
    ("landline", "landline"),
    ("invalid", "invalid_number"),
    ("unknown subscriber", "invalid_number"),
    ("unallocated", "invalid_number"),
    ("not in service", "invalid_number"),
    ("blacklist", "blocked"),
    ("blocked", "blocked"),
    ("barred", "blocked"),
    ("spam", "filtered"),
    ("filtered", "filtered"),
    ("expired", "expired"),
    ("absent", "unreachable_phone"),
    ("switched off", "unreachable_phone"),
)


# Sending


def request(texts: Sequence[OutboundSms]) -> dict[str, object]:
    """The JSON that sends texts. Without a sender ClickSend uses a shared number."""
    return {"messages": [_asked(sms) for sms in texts]}


def _asked(sms: OutboundSms) -> dict[str, str]:
    message = {"source": SOURCE, "to": sms.to, "body": sms.body, "custom_string": sms.reference}
    return {**message, "from": sms.from_} if sms.from_ else message


def outcomes(
    answer: Answer, texts: Sequence[OutboundSms], *, currency: str, now: datetime
) -> list[SendOutcome]:
    """What an answer to sending means for each text. 200 alone says nothing: each has a status of its own, and one
    that the answer does not name is unknown.
    """
    kind = answer.kind()
    if kind == "accepted":
        said = answer.json()
        rows = rows_of(
            texts,
            parts(part(said.get("data")).get("messages")),
            reference=lambda row: row.get("custom_string"),
            number="to",
        )
        return [_each(row, answer, said, currency) for row in rows]
    return [_of_the_call(kind, answer, now)] * len(texts)


def _of_the_call(kind: SendKind, answer: Answer, now: datetime) -> SendOutcome:
    if kind == "unknown" or not answer.request_left:
        return SendOutcome(kind, error_code=answer.word())
    code = ERRORS.get(reading.text(answer.json().get("response_code")).upper(), answer.word())
    if kind == "refused":
        kind = _refusal(code)
    return SendOutcome(kind, error_code=code, retry_after=answer.pause(now))


def _each(
    row: Mapping[str, object], answer: Answer, said: Mapping[str, object], currency: str
) -> SendOutcome:
    status = reading.text(row.get("status")).upper()
    sid = reading.message_id(row.get("message_id"))
    if not status or (status == SUCCESS and not sid):
        return SendOutcome("unknown", error_code=answer.word())
    if status == SUCCESS:
        return _accepted(row, sid, said, currency)
    code = ERRORS.get(status, f"clicksend_{status.lower()[:40]}")
    return SendOutcome(_refusal(code), error_code=code)


def _refusal(code: str) -> SendKind:
    return "retry" if code in PASSING else "refused"


def _accepted(row: Mapping[str, object], sid: str, said: Mapping[str, object], currency: str) -> SendOutcome:
    money = part(part(said.get("data")).get("_currency"))
    return SendOutcome(
        "accepted",
        provider_message_id=sid,
        segments=count(row.get("message_parts")),
        cost_cents=cents(
            row.get("message_price"), price_currency=money.get("currency_name_short"), currency=currency
        ),
    )


# Asking


def search(*, sent_after: datetime, page: int) -> dict[str, str]:
    """The query for one page of what was sent since then."""
    return {"date_from": str(int(sent_after.timestamp())), "page": str(page), "limit": str(PAGE_SIZE)}


def found(answer: Answer, sms: OutboundSms) -> LookupAnswer | None:
    """Whether a text is on this page of the history, by our reference. None: it may be on the next one.

    Absent says that this was the last page and none of the earlier ones had it either.
    """
    page = part(answer.json().get("data"))
    rows = page.get("data")
    if answer.status != 200 or not isinstance(rows, list):
        return LookupAnswer("unsure")
    for row in parts(rows):
        if reading.text(row.get("custom_string")) == sms.reference:
            return _found(row)
    here, last = (count(page.get(name), most=MOST_PAGES) for name in ("current_page", "last_page"))
    if here is None or last is None:
        return LookupAnswer("unsure")
    return LookupAnswer("absent") if here >= last else None


def _found(row: Mapping[str, object]) -> LookupAnswer:
    sid = reading.message_id(row.get("message_id"))
    status = STATUS_CODES.get(reading.text(row.get("status_code")), "accepted")
    return LookupAnswer("found", provider_message_id=sid, status=status) if sid else LookupAnswer("unsure")


def first_page() -> dict[str, str]:
    """The query for the beginning of a list."""
    return {"page": "1", "limit": str(PAGE_SIZE)}


def listed(answer: Answer) -> list[Mapping[str, object]] | None:
    """The rows of one page of a list; None when it did not come."""
    rows = part(answer.json().get("data")).get("data")
    return parts(rows) if answer.status == 200 and isinstance(rows, list) else None


def checked(answer: Answer) -> Checked:
    """What asking for the account itself showed."""
    if answer.status == 200:
        data = part(answer.json().get("data"))
        balance = reading.text(data.get("balance"))
        money = reading.text(part(data.get("_currency")).get("currency_name_short"))
        left = f" Its balance is {money} {balance}." if balance and money else ""
        return Checked(True, f"ClickSend accepts the credentials.{left}")
    if answer.status in (401, 403):
        return Checked(False, "ClickSend does not accept these credentials. Copy user name and key again.")
    if not answer.request_left:
        return Checked(False, "ClickSend could not be reached. Is this server connected to the internet?")
    return Checked(False, "ClickSend gave no usable answer. Try again in a minute.")


# Webhooks


def fields_of(body: bytes) -> Mapping[str, object]:
    """The fields of a webhook, form or JSON."""
    return (
        reading.json_object(body) if body.lstrip().startswith((b"{", b"\xef\xbb\xbf")) else reading.form(body)
    )


def parse_inbound(body: bytes, *, zone: ZoneInfo) -> InboundSms:
    """A text that came in. Without an id its key is the hash of its body."""
    fields = fields_of(body)
    sender = reading.sender(fields.get("from")) or reading.sender(fields.get("sms"))
    if not sender:
        reading.fail("from", "the sender's number is missing.")
    words = next((text for name in ("body", "message") if isinstance(text := fields.get(name), str)), "")
    return InboundSms(
        external_id=reading.message_id(fields.get("message_id") or fields.get("messageid")),
        from_=sender,
        to=reading.sender(fields.get("to")) or reading.sender(fields.get("originalsenderid")),
        body=reading.clean(words),
        at=reading.moment_or_none(fields.get("timestamp"), zone),
    )


def parse_receipt(body: bytes, *, zone: ZoneInfo) -> DeliveryReceipt:
    """How far a text that went out has come; a code we do not know says that ClickSend has it, no more."""
    fields = fields_of(body)
    message_id = reading.message_id(fields.get("message_id") or fields.get("messageid"))
    if not message_id:
        reading.fail("message_id", "the message's id is missing.")
    code = reading.text(fields.get("status_code"))
    if not code:
        reading.fail("status_code", "the status is missing.")
    status = STATUS_CODES.get(code, "accepted")
    return DeliveryReceipt(
        provider_message_id=message_id,
        status=status,
        at=reading.moment_or_none(fields.get("timestamp"), zone),
        error=_error(fields) if status == "failed" else "",
        reference=reading.first(fields.get("custom_string"), fields.get("customstring")),
    )


def receipt_key(told: DeliveryReceipt, body: bytes) -> str:
    """A receipt's identity: what it says of which message, and when."""
    fields = fields_of(body)
    code, at = (reading.text(fields.get(name))[:20] for name in ("status_code", "timestamp"))
    return f"receipt:{code}:{at}:{told.provider_message_id}"


def _error(fields: Mapping[str, object]) -> str:
    said = " ".join(reading.text(fields.get(name)) for name in ("error_text", "status_text")).lower()
    return next((word for part, word in _ABOUT if part in said), "undelivered")
