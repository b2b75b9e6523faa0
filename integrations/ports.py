"""What the apps and the providers say to each other: plain data and Protocols, in nobody's wire format.

A provider module turns what arrived into one of these, or one of these into a call. Times are aware
datetimes in UTC, phone numbers stand as the provider wrote them (matching normalises them), money is
integer cents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

SendKind = Literal["accepted", "refused", "retry", "unknown"]
ReceiptStatus = Literal["accepted", "sent", "delivered", "failed"]
LookupKind = Literal["found", "absent", "unsure"]
BookingKind = Literal[
    "created",
    "confirmed",
    "rescheduled",
    "canceled",
    "declined",
    "updated",
    "markedAsPending",
    "number_of_participants_updated",
]
BookingForm = Literal["jwt", "simple", "automation", "read"]
FoundBy = Literal["", "first_run", "later_run"]
CarrierWord = Literal["", "stop", "start", "help"]

#: What the codes of failures mean, in our words. A provider's own code is kept, with its name before it, where
#: none of these fits.
ERRORS: dict[str, str] = {
    # The person or the number.
    "opted_out": "The person asked the phone company not to be texted.",
    "invalid_number": "The provider says that there is no such number.",
    "landline": "The number is a landline, which takes no texts.",
    "blocked": "The phone company blocks texts to this number.",
    "no_route": "The provider cannot reach this number from the clinic's.",
    "unreachable_phone": "The phone was switched off or out of reach for too long.",
    "expired": "The phone company gave up before the phone could be reached.",
    # The text.
    "filtered": "The phone company took the text for spam.",
    "too_long": "The text is too long for the provider.",
    "empty": "The text is empty.",
    "duplicate": "The provider took it for a repetition of an earlier text and kept it back.",
    # The clinic.
    "no_credit": "The provider's credit is used up.",
    "bad_credentials": "The provider does not accept the account's credentials.",
    "no_sender": "The provider does not let the account send from this number or name.",
    "sender_not_registered": "The sender is not registered with the phone companies.",
    "country_not_allowed": "The provider's account may not text this country.",
    # The connection.
    "busy": "The provider is busy.",
    "not_connected": "The provider could not be reached.",
    "undelivered": "The phone company could not deliver it.",
}


# Text messages, outward


@dataclass(frozen=True, slots=True)
class OutboundSms:
    """One text to hand to a gateway. `reference` is our own id of the message (its public id): sent along
    where the provider echoes one, and used as the idempotency key where it knows such a thing."""

    to: str
    from_: str
    body: str
    reference: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutboundEmail:
    """One e-mail to hand over, in plain text. `from_` is an address, or a name with one; `headers` go along."""

    to: str
    from_: str
    subject: str
    body: str
    reference: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What became of one call.

    accepted: the provider has it. refused: it said no for good. retry: provably not accepted, may be tried
    again after `retry_after` seconds. unknown: the request left and no usable answer came; never sent again
    blindly. `error_code` is one of ERRORS, or the provider's own. `cost_cents` is in the location's currency.
    """

    kind: SendKind
    provider_message_id: str = ""
    error_code: str = ""
    retry_after: float | None = None
    segments: int | None = None
    cost_cents: int | None = None


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """What a provider says when asked about a message whose sending was left unknown.

    found: it has it (with its id and how far it got). absent: it surely never accepted it, so sending again
    is safe. unsure: it cannot say, a person must decide.
    """

    kind: LookupKind
    provider_message_id: str = ""
    status: ReceiptStatus = "accepted"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can be relied on for, each proven by its contract test."""

    idempotency: timedelta | None = None
    """For how long after the first call a second one with the same reference is answered, not sent twice. None:
    every call is a text."""
    search: bool = False
    """`lookup` can find a message, or prove that there is none."""
    search_ref: bool = False
    """`lookup` goes by our reference, so that its answer does not hang on what the text said."""
    search_lag: timedelta = timedelta(0)
    """How long after a call `absent` proves nothing yet: the provider's list may be behind."""
    echo_ref: bool = False
    """Receipts carry our reference back."""
    receipts: bool = False
    """Delivery receipts arrive."""
    batch: int = 1
    """How many texts one call takes at most."""
    paced: bool = False
    """A carrier stands behind it, which takes only so many texts a second from one sender."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a try of an account's connection showed, in words for staff."""

    works: bool
    words: str


class SmsGateway(Protocol):
    """What speaks to an SMS provider. Never called inside a transaction."""

    @property
    def capabilities(self) -> Capabilities: ...

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        """Hand texts over in one call, `capabilities.batch` of them at most; their references differ.

        One outcome for each, in the order of `texts`. A text of which the answer says nothing is unknown, whatever
        it says of the others. Answers for every fault it can name; an error it raises counts as unknown for all.
        """
        ...

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        """Ask what became of a text that was handed over at or after `sent_after`."""
        ...

    def check(self) -> Checked:
        """Try the account's credentials without sending anything."""
        ...


class EmailGateway(Protocol):
    """What hands e-mails over. Never called inside a transaction."""

    def send(self, email: OutboundEmail) -> SendOutcome:
        """Hand one e-mail over. Answers for every fault it can name; an error it raises counts as unknown."""
        ...


# Text messages, inward


@dataclass(frozen=True, slots=True)
class InboundSms:
    """A text somebody sent to one of our numbers. `external_id` is the provider's id of it; `at` is when the
    provider says it came, None where it does not say.

    `media` holds links to pictures. `carrier_word` is what the provider took the text for: by STOP it has
    blocked the number, by START freed it. `carrier_answered` means that it has answered the person itself.
    """

    external_id: str
    from_: str
    to: str
    body: str
    at: datetime | None = None
    media: tuple[str, ...] = ()
    carrier_word: CarrierWord = ""
    carrier_answered: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """How far a text we sent has come, in our four words. `error` is the code of a failure (one of ERRORS, or
    the provider's own), `reference` ours, where the provider brings it back, `segments` how many it charges for,
    where it says so here."""

    provider_message_id: str
    status: ReceiptStatus
    at: datetime | None = None
    error: str = ""
    reference: str = ""
    segments: int | None = None


# Bookings, inward


@dataclass(frozen=True, slots=True)
class Customer:
    """The person a provider's booking names, as it wrote them; an empty text where it said nothing."""

    name: str = ""
    phone: str = ""
    email: str = ""
    contact_id: str = ""


@dataclass(frozen=True, slots=True)
class BookingDelivery:
    """One thing a booking provider told us about one booking.

    `status` and `payment_status` stand as the provider wrote them (CREATED, CONFIRMED, PAID, …).
    `sequence` orders the deliveries of one booking, None where the form carries no order.
    `external_event_id` is empty where the form has none: the delivery's key is then the hash of its body.
    `triggered_by_anonymize` means that the provider erased the person: nothing may be sent because of it.
    `revision` numbers the booking's states at the provider, `updated_at` is when the present one came to be,
    `booked_at` when the booking was made. `found` is set where the booking was read from the provider's list:
    by the first look at it, or by a later one.
    """

    kind: BookingKind
    booking_id: str
    form: BookingForm
    external_event_id: str = ""
    sequence: int | None = None
    occurred_at: datetime | None = None
    status: str = ""
    start: datetime | None = None
    end: datetime | None = None
    service_id: str = ""
    service_name: str = ""
    staff_name: str = ""
    staff_id: str = ""
    customer: Customer = field(default_factory=Customer)
    payment_status: str = ""
    instance_id: str = ""
    previous_start: datetime | None = None
    triggered_by_anonymize: bool = False
    revision: int | None = None
    updated_at: datetime | None = None
    booked_at: datetime | None = None
    found: FoundBy = ""


# Leads, inward

LeadKind = Literal["form", "subscribed", "completed", "changed", "interacted"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of the way somebody came to us.

    `utm` and `clicks` hold utm_* values and click ids such as gclid, `ids` the advertiser's ids of campaign,
    ad set, ad and form. `referrer` and `landing_page` are addresses without their query.
    """

    utm: Mapping[str, str] = field(default_factory=dict)
    clicks: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    campaign: str = ""
    referrer: str = ""
    landing_page: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """A box that somebody ticked: texts or e-mails (the channels) may be sent to them; `marketing` as well,
    or only what is about their care. `wording` is what they read, empty where the form did not say."""

    channels: tuple[Literal["sms", "email"], ...]
    marketing: bool
    wording: str = ""


@dataclass(frozen=True, slots=True)
class LeadDelivery:
    """Somebody told us of themselves by a form, an ad or a chat.

    `form` names the form or flow. `intent` and `heard_from` stand as the person gave them. `answers` hold
    whatever else was asked, by field name. `trap` means that a field was filled in which people do not see;
    `test` that the provider sent made-up values to try the connection.
    """

    kind: LeadKind
    person: Customer
    external_event_id: str = ""
    instance_id: str = ""
    form: str = ""
    occurred_at: datetime | None = None
    intent: str = ""
    heard_from: str = ""
    resource: str = ""
    buttons: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    permissions: tuple[Permission, ...] = ()
    arrival: Arrival = field(default_factory=Arrival)
    language: str = ""
    trap: bool = False
    test: bool = False


FetchKind = Literal["found", "retry", "wait", "refused", "gone"]


@dataclass(frozen=True, slots=True)
class FetchAnswer:
    """What came of asking a provider for what its delivery only named.

    found: `body` is the answer. retry: nothing usable came, try again. wait: the account asks too often, not
    again for `retry_after` seconds. refused: it does not let us in, until somebody changes the account.
    gone: it does not have it. `code` is the provider's code of an error.
    """

    kind: FetchKind
    body: bytes = b""
    code: str = ""
    retry_after: float | None = None


def delivery_key(external_id: str, body: bytes) -> str:
    """The key under which a delivery is stored once: the provider's event id, else its body's hash."""
    return external_id or "sha256:" + hashlib.sha256(body).hexdigest()
