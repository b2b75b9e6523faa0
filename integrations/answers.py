"""What came back from a call to a provider, and what that proves. Pure.

Nothing that may have been taken is ever taken for refused: whatever is not proven safe to repeat is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from email.utils import parsedate_to_datetime

from integrations import reading
from integrations.ports import OutboundSms, SendKind

LONGEST_RETRY_AFTER = 6 * 3600.0  # seconds
# Refusals that are about us, not about the message: nothing was accepted, and it may go once that is mended.
NOT_OURS_TO_LOSE = frozenset({401, 402, 403, 407, 421, 425, 429})
#: The same, in our words, where the provider has none of its own.
WORDS = {401: "bad_credentials", 402: "no_credit", 403: "bad_credentials", 429: "busy"}
#: A price of more than this for one text is a mistake of somebody's.
HIGHEST_CENTS = 100_000


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended. `status` is None when no answer came; `request_left` is False when nothing can have
    reached the provider. `retry_after` is that header; `headers` are all of them, their names in lower case."""

    status: int | None = None
    body: bytes = b""
    retry_after: str = ""
    request_left: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Mapping[str, object]:
        """The JSON object that the body is; an empty one for anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def kind(self, *, readable: bool = True) -> SendKind:
        """What this end of a call to send proves."""
        return classify(request_left=self.request_left, http_status=self.status, readable=readable)

    def word(self) -> str:
        """A code for it where the body says nothing better."""
        if not self.request_left:
            return "not_connected"
        if self.status is None:
            return "no_answer"
        return WORDS.get(self.status, f"http_{self.status}")

    def pause(self, now: datetime) -> float | None:
        """The seconds that the provider asks us to wait."""
        return retry_after_seconds(self.retry_after, now=now)


def classify(*, request_left: bool, http_status: int | None, readable: bool = True) -> SendKind:
    """What an HTTP call's end proves. Whatever is not proven safe to repeat is unknown.

    `request_left` is False when nothing can have reached the provider (name not found, connection refused,
    TLS failed). `http_status` is None when no answer came. `readable` is False when the answer came but says
    nothing usable, or no id of the message.
    """
    if not request_left:
        return "retry"
    if http_status is None:
        return "unknown"
    if 200 <= http_status < 300:
        return "accepted" if readable else "unknown"
    if http_status in NOT_OURS_TO_LOSE:
        return "retry"
    return "refused" if 400 <= http_status < 500 and http_status != 408 else "unknown"


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """The seconds a Retry-After header asks for, given as seconds or as a date, six hours at
    most; None when it says nothing."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def cents(price: object, *, price_currency: object, currency: str) -> int | None:
    """A provider's price of one text in whole cents, rounded up; None where it has none yet, or in another
    currency than the clinic's."""
    if price is None or not currency or str(price_currency or "").upper() != currency.upper():
        return None
    try:
        found = (abs(Decimal(str(price))) * 100).to_integral_value(rounding=ROUND_UP)
    except (ArithmeticError, ValueError):
        return None
    return int(found) if found.is_finite() and found <= HIGHEST_CENTS else None


def count(value: object, *, most: int = 100) -> int | None:
    """A small whole number over nought, also where it came as text; None for anything else."""
    digits = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        return None
    return int(digits) if 0 < int(digits) <= most else None


def part(value: object) -> Mapping[str, object]:
    """An object inside an answer; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def parts(value: object) -> list[Mapping[str, object]]:
    """The objects of a list inside an answer, an empty one for each thing that is none."""
    return [part(each) for each in value] if isinstance(value, list) else []


def rows_of(
    texts: Sequence[OutboundSms],
    rows: Sequence[Mapping[str, object]],
    *,
    reference: Callable[[Mapping[str, object]], object],
    number: str,
) -> list[Mapping[str, object]]:
    """What the rows of an answer say of each text, by our reference; of one that they name twice or not at all,
    nothing.

    Rows without references are read in order, as far as their field `number` names our numbers in that order.
    """
    told = [reading.text(reference(row)) for row in rows]
    if not any(told) and len(rows) == len(texts):
        return [
            row if reading.text(row.get(number)) == sms.to else {}
            for row, sms in zip(rows, texts, strict=True)
        ]
    known = {name: row for name, row in zip(told, rows, strict=True) if told.count(name) == 1}
    return [known.get(sms.reference, {}) for sms in texts]
