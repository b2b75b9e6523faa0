"""May these messages go out? The facts for `policy`, gathered for a whole set in a fixed number of queries.

Asked when messages are queued, when they are claimed, and for each once more right before its call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts import sending_stops
from accounts.models import SendingStop
from bookings import selectors as booking_selectors
from bookings.models import LIVE, Booking
from bookings.models import Status as BookingStatus
from contacts import consent as contact_consent
from core import clock
from core.events import record_many
from core.rows import update_rows
from integrations.models import SenderIdentity
from messaging import failover, kept_back, limits, numbers, policy, rendering, safety, segments, values
from messaging.models import Category, Channel, Message, Purpose, Template
from messaging.quiet import QuietHours

#: Answers to STOP and HELP: they go out whatever was opted out of.
CARRIER_REPLIES = frozenset({"stop_reply", "help_reply"})
#: Follow-ups that are only true while the visit's outcome is this one.
NEEDS_OUTCOME = {
    "thank_you_attended": Booking.Outcome.ATTENDED,
    "review_request": Booking.Outcome.ATTENDED,
    "no_show_followup": Booking.Outcome.NO_SHOW,
}
#: A template of this ending is the same reminder for a visit that is confirmed: it asks for no answer.
CONFIRMED = "_confirmed"
#: What asks somebody to book or to answer: pointless once they have booked.
ASKS_TO_BOOK = frozenset(
    {"cancellation_rescue", "no_show_followup", "recall_reminder", "follow_up_no_response"}
)
VISIT_VALUES = frozenset({"date", "time", "practitioner", "doctor_name"})


@dataclass(frozen=True)
class Verdict:
    """What may become of one message: the decision, and the text and sender it would go with. `instead` is the
    template whose wording stands in for its own, `missing` the placeholders that have no value.
    """

    decision: policy.Decision
    address: str
    subject: str
    body: str
    segments: int
    cost_cents: int
    sender: SenderIdentity | None
    instead: Template | None = None
    missing: tuple[str, ...] = ()

    @property
    def may_go(self) -> bool:
        return self.decision.kind == "send"


@dataclass
class Facts:
    """What the set's messages are judged by, loaded once."""

    now: datetime
    stops: Mapping[int, str]
    consents: dict[int, dict[str, Any]]
    blocked: set[tuple[int, str]]
    senders: failover.Senders
    spent: dict[int, int]
    lately: dict[tuple[int, str], limits.Lately]
    said: set[tuple[str, str]]
    next_visits: Mapping[int, Booking]
    last_visits: Mapping[int, Any]
    booked_at: Mapping[int, datetime]
    for_confirmed: Mapping[tuple[int, str, str], Template]


def load(ids: Iterable[int], *, lock: bool = False, fence: int | None = None) -> list[Message]:
    """Messages with all they are judged by, in the order of `ids`, in one query. Locked in order of id."""
    wanted = list(ids)
    if not wanted:
        return []
    rows = with_all().filter(pk__in=wanted)
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",)).order_by("pk")
    if fence is not None:
        rows = rows.filter(fence=fence)
    found = {message.pk: message for message in rows}
    return [found[pk] for pk in wanted if pk in found]


def with_all() -> QuerySet[Message]:
    """Messages with all they are judged by."""
    return Message.objects.select_related(
        "location",
        "contact__guardian",
        "conversation",
        "booking__practitioner",
        "template",
        "provider_account__pause",
    )


def judge(messages: Sequence[Message]) -> list[Verdict]:
    """One verdict for each message, in order. The messages need not be saved; nothing is changed."""
    if not messages:
        return []
    facts = gather(messages)
    return [judge_by(facts, message) for message in messages]


def settle(messages: Sequence[Message], verdicts: Sequence[Verdict]) -> list[Message]:
    """Write down, as a set, why messages do not go now; returns those that may. Leases of the others end."""
    going, changed, told = [], [], []
    for message, verdict in zip(messages, verdicts, strict=True):
        if verdict.may_go:
            going.append(message)
            continue
        put(message, verdict)
        changed.append(message)
        if verdict.decision.kind != "wait":
            told.append(message)
    update_rows(
        changed, ("status", "reason", "send_at", "lease_until", "address", "dedupe_key", "updated_at")
    )
    record_many(kept_back.told_of(told))
    return going


def put(message: Message, verdict: Verdict) -> None:
    """Set status, reason and time as the decision says. Saves nothing."""
    decision = verdict.decision
    message.status = decision.status
    message.reason = "" if decision.reason in ("allowed", "not_due") else decision.reason
    message.address = verdict.address
    message.lease_until = None
    message.updated_at = clock.now()
    if decision.until is not None:
        message.send_at = decision.until
    if decision.reason == "outcome_changed" and message.pk is not None:
        # The outcome may be changed back, and then the same is wanted again.
        message.dedupe_key = f"{message.dedupe_key}:withdrawn:{message.pk}"


def fill(message: Message, verdict: Verdict) -> None:
    """Put the final text and its price on the message. Saves nothing."""
    message.address = verdict.address
    message.subject = verdict.subject
    message.body = verdict.body
    message.segments = verdict.segments
    message.cost_cents = verdict.cost_cents
    if message.template is not None and not message.wording:
        message.asks_answer = message.template.asks_answer and verdict.instead is None


def gather(messages: Sequence[Message], *, played: bool = False) -> Facts:
    """What these messages are judged by, as of now. Whoever plays time forward (`played`) counts what numbers get, and
    knows the visits, past ones too, and the templates: these are left empty.
    """
    now = clock.now()
    locations = {message.location_id: message.location for message in messages}
    addresses: dict[int, set[str]] = defaultdict(set)
    for message in messages:
        addresses[message.location_id].add(address_of(message))
    everybody = {address for found in addresses.values() for address in found if address}
    contact_ids = {message.contact_id for message in messages}
    names = {name for message in messages for name in rendering.placeholders(words_of(message)[1])}
    seeking = set() if played else {message.contact_id for message in messages if message.booking_id is None}
    asking = [] if played else [message for message in messages if _asks_to_book(message)]
    ours = [message.pk for message in messages if message.pk is not None]
    return Facts(
        now=now,
        stops={pk: stop.kind for pk, stop in sending_stops.stopped_for(locations).items()},
        consents={pk: contact_consent.consent_for(pk, found) for pk, found in addresses.items()},
        blocked=numbers.blocked(locations, everybody),
        senders=failover.load(messages, everybody),
        spent=limits.spent_today(locations.values(), now),
        lately={} if played else limits.what_numbers_got(locations, everybody, now, but=ours),
        said=set() if played else limits.said_lately(everybody, now, but=ours),
        next_visits=booking_selectors.next_visits(seeking, now) if seeking and names & VISIT_VALUES else {},
        last_visits=values.last_visits(contact_ids) if "months" in names and not played else {},
        booked_at=booking_selectors.last_booked({m.contact_id for m in asking}, now),
        for_confirmed={} if played else _for_confirmed(messages),
    )


def _for_confirmed(messages: Sequence[Message]) -> dict[tuple[int, str, str], Template]:
    """The wordings that stand in where the visit is confirmed already, by location, name and language."""
    asking = [message for message in messages if _asks_in_vain(message)]
    if not asking:
        return {}
    names = {f"{message.template.name}{CONFIRMED}" for message in asking if message.template is not None}
    rows = Template.objects.filter(
        location_id__in={message.location_id for message in asking}, name__in=names, channel=Channel.SMS,
        is_active=True,
    )  # fmt: skip
    return {(row.location_id, row.name, row.language): row for row in rows}


def _asks_in_vain(message: Message) -> bool:
    """A reminder that asks for a yes which the patient has given."""
    return (
        message.category == Category.REMINDER
        and message.template is not None
        and message.template.asks_answer
        and not message.wording
        and message.booking is not None
        and message.booking.status == BookingStatus.CONFIRMED
    )


def _instead(message: Message, facts: Facts) -> Template | None:
    if message.template is None or not _asks_in_vain(message):
        return None
    key = (message.location_id, f"{message.template.name}{CONFIRMED}", message.template.language)
    return facts.for_confirmed.get(key)


def _asks_to_book(message: Message) -> bool:
    return (
        limits.automated(message) and message.template is not None and message.template.name in ASKS_TO_BOOK
    )


def judge_by(facts: Facts, message: Message) -> Verdict:
    """The verdict on one message by these facts, to which it adds what it will have sent. No query."""
    address = address_of(message)
    instead = _instead(message, facts)
    subject, words = words_of(message) if instead is None else (instead.subject, instead.body)
    booking = message.booking or facts.next_visits.get(message.contact_id)
    filled = values.for_message(
        contact=message.contact,
        location=message.location,
        booking=booking,
        last_visit=facts.last_visits.get(message.contact_id),
    )
    missing: tuple[str, ...] = ()
    try:
        subject, body = rendering.render(subject, filled), rendering.render(words, filled)
    except rendering.MissingValue as error:
        missing, body = error.names, rendering.render_known(words, filled)
    size = segments.measure(body).count if message.channel == Channel.SMS else 0
    cost = segments.cost_cents(size, thousandths_per_segment=safety.price_of(message.location))
    sender = facts.senders.sender_for(message)
    decision = (
        _before_policy(message, address, facts, missing=bool(missing))
        or _policy(message, facts, address=address, cost=cost, has_sender=sender is not None)
    )  # fmt: skip
    if decision.kind == "send" and missing:
        decision = policy.Decision("hold", "missing_value")
    if decision.kind == "send" and limits.automated(message) and (address, body) in facts.said:
        decision = policy.Decision("suppress", "duplicate")
    if decision.kind == "send":
        facts.spent[message.location_id] = facts.spent.get(message.location_id, 0) + cost
        facts.lately.setdefault((message.location_id, address), limits.Lately()).add(message)
    return Verdict(decision, address, subject, body, size, cost, sender, instead, missing)


def _before_policy(message: Message, address: str, facts: Facts, *, missing: bool) -> policy.Decision | None:
    """What policy has no word for: people who are gone, numbers that are not there, a corrected outcome."""
    if message.contact.merged_into_id is not None:
        return policy.Decision("suppress", "merged")
    if message.contact.deleted_at is not None:
        return policy.Decision("suppress", "contact_hidden")
    if not address:
        return policy.Decision("suppress", "no_number")
    if address in facts.senders.ours and limits.automated(message):
        return policy.Decision("suppress", "own_number")
    if not words_of(message)[1] or _switched_off(message):
        return policy.Decision("hold", "no_template")
    if missing and message.bulk_id is not None:
        # One of many: nobody is to look for a value for each, it was said before the send was confirmed.
        return policy.Decision("skip", "missing_value")
    wanted = NEEDS_OUTCOME.get(message.template.name) if message.template is not None else None
    if wanted is not None and message.booking is not None and message.booking.outcome != wanted:
        return policy.Decision("skip", "outcome_changed")
    booked_at = facts.booked_at.get(message.contact_id)
    if booked_at is not None and booked_at >= message.created_at and _asks_to_book(message):
        return policy.Decision("skip", "booked_meanwhile")
    return None


def _policy(message: Message, facts: Facts, *, address: str, cost: int, has_sender: bool) -> policy.Decision:
    location = message.location
    said = facts.consents[message.location_id].get(address, {})
    lately = facts.lately.get((message.location_id, address), limits.Lately())
    stop = facts.stops.get(message.location_id)
    states = {purpose: said.get((message.channel, purpose)) for purpose in Purpose.values}
    request = policy.Request(
        purpose=message.purpose,
        zone=location.zone,
        mode=location.automation_mode,  # type: ignore[arg-type]
        automated=limits.automated(message),
        quiet=QuietHours(location.quiet_hours_start, location.quiet_hours_end),
        send_at=message.send_at,
        expires_at=message.expires_at,
        consent=states[message.purpose] or contact_consent.DEFAULTS[message.purpose],  # type: ignore[arg-type]
        opted_out=states[Purpose.SERVICE] == "withdrawn",
        blocked_number=(message.location_id, address) in facts.blocked,
        carrier_reply=message.template is not None and message.template.name in CARRIER_REPLIES,
        reply=limits.is_answer(message),
        acted_at=message.acted_at,
        visit=_visit(message),
        kill_switch=stop == SendingStop.Kind.KILL_SWITCH,
        safe_mode=stop == SendingStop.Kind.SAFE_MODE,
        has_sender=has_sender,
        care_sent=lately.care,
        care_limit=location.settings.get("care_limit", limits.CARE_LIMIT),
        marketing_sent=lately.marketing,
        marketing_limit=location.settings.get("marketing_limit", limits.MARKETING_LIMIT),
        automatic_sent=lately.automatic,
        automatic_limit=location.settings.get("automatic_limit", limits.AUTOMATIC_LIMIT),
        answers_sent=lately.answers,
        answers_limit=location.settings.get("answers_limit", limits.ANSWERS_LIMIT),
        spent_cents=facts.spent.get(message.location_id, 0),
        cost_cents=cost,
        cap_cents=None if message.channel == Channel.EMAIL else location.daily_sms_cap_cents,
        let_go=message.let_go_at is not None,
    )
    return policy.may_send(request, now=facts.now)


def _visit(message: Message) -> policy.Visit | None:
    """The visit that must still stand: only for messages that announce one."""
    booking = message.booking
    if message.visit_at is None or booking is None:
        return None
    return policy.Visit(
        start=booking.appointment_datetime,
        planned_for=message.visit_at,
        cancelled=booking.status not in LIVE,
        over=booking.outcome != Booking.Outcome.NONE,
    )


def _switched_off(message: Message) -> bool:
    return message.template is not None and not message.wording and not message.template.is_active


def words_of(message: Message) -> tuple[str, str]:
    """Subject and text with placeholders: the message's own, else its template's present wording."""
    if message.wording or message.template is None:
        return message.subject, message.wording
    return message.template.subject, message.template.body


def address_of(message: Message) -> str:
    """Where it goes now: the person's own number or, in a household, its owner's."""
    if message.channel == Channel.EMAIL:
        return message.contact.email
    return message.contact.reach_phone
