"""Which visit, and whom, a reply means (domain.md §5).

The visit of the latest message to that number that asked for an answer and has none yet, within 7 days; else
the number's only upcoming live visit. When several were asked, or could be meant, an answer that names one
settles it; otherwise a person decides, and nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Location
from bookings.models import STANDING, Booking
from contacts.identity import name_tokens
from contacts.models import Contact
from messaging.models import Direction, Message, Status

ASKED_WITHIN = timedelta(days=7)
#: Intents that decide something about a visit.
ABOUT_A_VISIT = frozenset({"confirm", "cancel", "reschedule"})
_ASKED = (Status.SENT, Status.DELIVERED, Status.UNKNOWN)


@dataclass(frozen=True)
class Meaning:
    """Who wrote and which visit is meant. Not `clear`: several could be, and a person must ask.

    `asked` holds the open questions that the reply answers.
    """

    contact: Contact
    booking: Booking | None
    clear: bool
    asked: tuple[Message, ...] = ()


def meaning_of(
    *, location: Location, address: str, people: Sequence[Contact], body: str, intent: str, now: datetime
) -> Meaning:
    """Who and what a text from `address` is about. `people` are those on that number, its owner first."""
    asked = _open_questions(location.pk, address, now)
    visits = _distinct(message.booking for message in asked if message.booking is not None)
    if not visits:
        visits = _upcoming(people, now)
    visit = visits[0] if len(visits) == 1 else _named(visits, people, body, location)
    if visit is not None:
        answered = tuple(message for message in asked if message.booking_id == visit.pk)
        return Meaning(visit.contact, visit, clear=True, asked=answered if intent in ABOUT_A_VISIT else ())
    person = _named_person(people, body) or people[0]
    unclear = len(visits) > 1 and intent in ABOUT_A_VISIT
    return Meaning(person, None, clear=not unclear)


def _open_questions(location_id: int, address: str, now: datetime) -> list[Message]:
    """Messages to that number that asked about a visit that still stands and were not answered, latest first."""
    return list(
        Message.objects.filter(
            location_id=location_id,
            address=address,
            direction=Direction.OUTBOUND,
            asks_answer=True,
            answered_by__isnull=True,
            status__in=_ASKED,
            sent_at__gte=now - ASKED_WITHIN,
            booking__status__in=STANDING,
            booking__outcome=Booking.Outcome.NONE,
            booking__appointment_datetime__gt=now,
        )
        .select_related("booking__contact")
        .order_by("-sent_at", "-id")
    )


def _upcoming(people: Sequence[Contact], now: datetime) -> list[Booking]:
    return list(
        Booking.objects.filter(
            contact_id__in=[person.pk for person in people],
            status__in=STANDING,
            outcome=Booking.Outcome.NONE,
            appointment_datetime__gt=now,
        )
        .select_related("contact")
        .order_by("appointment_datetime", "id")
    )


def _distinct(bookings: Iterable[Booking]) -> list[Booking]:
    return list({booking.pk: booking for booking in bookings}.values())


def _named(
    visits: Sequence[Booking], people: Sequence[Contact], body: str, location: Location
) -> Booking | None:
    """The one visit that the text names by its person, its day or its time; None unless exactly one."""
    if len(visits) < 2:
        return None
    person = _named_person([visit.contact for visit in visits], body)
    if person is not None:
        visits = [visit for visit in visits if visit.contact_id == person.pk]
        if len(visits) == 1:
            return visits[0]
    said = _plain(body)
    hits = [visit for visit in visits if _speaks_of(said, visit.appointment_datetime, location)]
    return hits[0] if len(hits) == 1 else None


def _named_person(people: Sequence[Contact], body: str) -> Contact | None:
    """The one person of several whose name stands in the text; names that several share tell nothing."""
    unique = list({person.pk: person for person in people}.values())
    if len(unique) < 2:
        return None
    said = set(name_tokens(body))
    shared = [set(name_tokens(person.name)) for person in unique]
    hits = []
    for person, tokens in zip(unique, shared, strict=True):
        others = set().union(*(names for names in shared if names is not tokens))
        if (tokens - others) & said:
            hits.append(person)
    return hits[0] if len(hits) == 1 else None


def _plain(body: str) -> str:
    return " " + re.sub(r"[^a-z0-9:./]+", " ", body.lower()).strip() + " "


def _speaks_of(said: str, moment: datetime, location: Location) -> bool:
    """Whether a text in plain form holds the day or the time of a visit, in one of their usual spellings."""
    local = location.local(moment)
    hour, minute = local.hour % 12 or 12, f"{local:%M}"
    half = "am" if local.hour < 12 else "pm"
    day, month = local.day, f"{local:%b}".lower()
    full_month = f"{local:%B}".lower()
    forms = {
        f"{local:%A}".lower(), f"{local:%a}".lower(), f"{local:%H}:{minute}", f"{hour}:{minute}", f"{hour}.{minute}",
        f"{hour}:{minute}{half}", f"{hour}.{minute}{half}", f"{hour}{minute}{half}", f"{day} {month}",
        f"{day} {full_month}", f"{month} {day}", f"{full_month} {day}", f"{day}/{local.month}",
        f"{day:02}/{local.month:02}",
        *(f"{day}{suffix}" for suffix in ("st", "nd", "rd", "th")),
        *((f"{hour}{half}", f"{hour} {half}") if minute == "00" else ()),
    }  # fmt: skip
    return any(f" {form} " in said for form in forms)
