"""What must be true of messages and of the ledger of calls. See `core.invariants`."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet

from accounts.models import Location
from bookings.events import BOOKING_CANCELLED, BOOKING_RESCHEDULED
from bookings.models import LIVE
from contacts.models import Consent
from core import invariants
from core.invariants import OVERDUE, UNTENDED, Breach, breach_of
from core.models import Event
from messaging.judging import CARRIER_REPLIES
from messaging.models import Channel, Direction, Message, Purpose, SendAttempt, Status

#: As many of the newest calls are looked at; no index finds them by time.
NEWEST = 50_000
#: A visit may be cancelled while a message about it is being judged; the call is noted this much later at most.
JUDGING = timedelta(seconds=5)
#: Nobody knows for so long whether a text went out: by then a task must say so.
SHOWN_WITHIN = timedelta(minutes=30)
#: What a provider's own word put at "sent".
CONFIRMED = ("accepted", "found")


def nothing_outstays(now: datetime, since: datetime) -> list[Breach]:
    """I3: no message stands in a state that must end, beyond the moment by which it must."""
    leased = Message.objects.filter(
        status__in=(Status.CLAIMED, Status.SENDING), lease_until__lt=now - UNTENDED
    )
    waiting = Message.objects.filter(status__in=(Status.SCHEDULED, Status.QUEUED), rank__in=range(10))
    kept = Message.objects.filter(status=Status.HELD, expires_at__lt=now - OVERDUE)
    due = waiting.filter(send_at__lt=now - OVERDUE).filter(
        Q(next_try_at__isnull=True) | Q(next_try_at__lt=now - OVERDUE)
    )
    return [
        *breach_of("I3", "A message is being sent for longer than its lease.", leased),
        *breach_of("I3", "A message is due for over an hour, and nobody looked at it.", due),
        *breach_of("I3", "A held message has lost its meaning, and is still held.", kept),
    ]


def sent_ones_are_known_to_the_provider(now: datetime, since: datetime) -> list[Breach]:
    """I4: what counts as sent has its provider's id, unless a person said that it was sent."""
    lately = Message.objects.filter(
        location_id__in=list(Location.objects.values_list("pk", flat=True)), sent_at__gte=since
    )
    nameless = lately.filter(
        direction=Direction.OUTBOUND, status__in=(Status.SENT, Status.DELIVERED), provider_message_id=""
    )
    calls = SendAttempt.objects.filter(message=OuterRef("pk"))
    said_so = nameless.filter(Exists(calls.filter(outcome__in=CONFIRMED)) | ~Exists(calls))
    return breach_of("I4", "A message counts as sent, and its provider gave it no id.", said_so)


def nothing_was_called_after_a_no(now: datetime, since: datetime) -> list[Breach]:
    """I5: no call was begun for a number after its opt-out, nor for a visit after it was cancelled or moved."""
    calls = _calls_since(since)
    withdrawn = Consent.objects.filter(
        location_id=OuterRef("message__location_id"),
        address=OuterRef("message__address"),
        channel=OuterRef("message__channel"),
        state="withdrawn",
        at__lt=OuterRef("started_at"),
    ).filter(
        Q(purpose=Purpose.SERVICE) | Q(purpose=OuterRef("message__purpose")),
        Q(superseded_at__isnull=True) | Q(superseded_at__gt=OuterRef("started_at")),
    )
    unasked = calls.exclude(message__template__name__in=CARRIER_REPLIES).filter(Exists(withdrawn))
    about_visits = calls.filter(message__visit_at__isnull=False, message__booking__isnull=False)
    told = Event.objects.filter(
        booking_id=OuterRef("message__booking_id"), recorded_at__lt=OuterRef("started_at") - JUDGING
    )
    cancelled = about_visits.exclude(message__booking__status__in=LIVE).filter(
        Exists(told.filter(type=BOOKING_CANCELLED.name))
    )
    moved = about_visits.exclude(message__visit_at=F("message__booking__appointment_datetime")).filter(
        Exists(told.filter(type=BOOKING_RESCHEDULED.name, recorded_at__gt=OuterRef("message__created_at")))
    )
    found = (
        ("A text went to somebody who had opted out.", unasked),
        ("A text about a visit went out after the visit was cancelled.", cancelled),
        ("A text with an old time went out after the visit was moved.", moved),
    )
    return [breach for what, rows in found for breach in breach_of("I5", what, rows, name="message_id")]


def unknown_without_an_end(now: datetime) -> QuerySet[Message]:
    """Messages of which nobody knows for over half an hour whether they went out: each must be shown to a person."""
    begun = SendAttempt.objects.filter(message=OuterRef("pk"), started_at__gt=now - SHOWN_WITHIN)
    return (
        Message.objects.filter(status=Status.UNKNOWN).exclude(channel=Channel.WEBCHAT).filter(~Exists(begun))
    )


def _calls_since(since: datetime) -> QuerySet[SendAttempt]:
    newest = SendAttempt.objects.aggregate(newest=Max("pk"))["newest"] or 0
    return SendAttempt.objects.filter(pk__gt=newest - NEWEST, started_at__gte=since).order_by("pk")


def connect() -> None:
    """Register them. Called once, from AppConfig.ready()."""
    invariants.register("I3 messages past their deadline", nothing_outstays)
    invariants.register("I4 sent messages without an id", sent_ones_are_known_to_the_provider)
    invariants.register("I5 calls after a no", nothing_was_called_after_a_no)
