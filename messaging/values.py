"""What stands behind each placeholder, for one message. Dates and times are the clinic's local ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import Max, Q

from accounts.models import Location
from bookings.models import Booking
from contacts.identity import name_tokens
from contacts.models import Contact
from contacts.vocabulary import PUBLIC_LABELS, Intent

#: How a text addresses a person whose name is not known.
NAMELESS = "there"


def for_message(
    *, contact: Contact, location: Location, booking: Booking | None, last_visit: date | None = None
) -> dict[str, object]:
    """A value for each placeholder that has one. `booking` is the visit the message speaks of."""
    values: dict[str, object] = {
        "name": contact.name,
        "first_name": first_name(contact.name),
        "intent": PUBLIC_LABELS.get(Intent(contact.intent), "") if contact.intent else "",
        **of_clinic(location),
        "months": months_between(last_visit, contact.recall_due_date),
    }
    if booking is not None:
        practitioner = str(booking.practitioner) if booking.practitioner is not None else ""
        values |= {
            "date": spoken_date(booking.appointment_datetime, location),
            "time": spoken_time(booking.appointment_datetime, location),
            "doctor_name": practitioner,
            "practitioner": practitioner,
        }
    return values


def of_clinic(location: Location) -> dict[str, object]:
    """A value for each placeholder that the clinic itself fills; empty where it has not been typed."""
    own = location.settings if isinstance(location.settings, Mapping) else {}
    return {
        "clinic": location.name,
        "clinic_phone": location.phone,
        "address": location.address,
        "booking_link": location.booking_link,
        "review_link": location.review_link,
        "referral_link": own.get("referral_link") or location.booking_link,
        "incentive": own.get("referral_incentive", ""),
    }


def first_name(name: str) -> str:
    """The name to greet with, without a title; "there" when nothing is known."""
    for word in name.split():
        if name_tokens(word) and not word.endswith("."):
            return word.strip(",;")
    return NAMELESS


def spoken_date(moment: datetime, location: Location) -> str:
    """The local day, for example "Tue 24 Nov"."""
    local = location.local(moment)
    return f"{local:%a} {local.day} {local:%b}"


def spoken_time(moment: datetime, location: Location) -> str:
    """The local time, for example "2:30 pm"."""
    local = location.local(moment)
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def months_between(earlier: date | None, later: date | None) -> str:
    """Whole months, rounded; empty when either is unknown."""
    if earlier is None or later is None or later <= earlier:
        return ""
    return str(max(1, round((later - earlier).days / 30.44)))


def last_visits(contact_ids: Iterable[int]) -> dict[int, date]:
    """The day (UTC) of each contact's last attended visit, in one query."""
    rows: Any = (
        Booking.objects.filter(Q(contact_id__in=list(contact_ids)), outcome="attended")
        .values("contact_id")
        .annotate(last=Max("appointment_datetime"))
        .values_list("contact_id", "last")
    )
    return {contact_id: last.date() for contact_id, last in rows}
