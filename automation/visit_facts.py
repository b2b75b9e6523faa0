"""Facts about visits: the one a happening speaks of, and those that a recall date comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from automation.models import ActionRun
from automation.subjects import Happening, Recall, Visit
from bookings.models import Booking
from contacts.models import Contact

#: What may give, move or take back a recall date.
_RECALLING = frozenset({"booking_outcome_updated"})


class Visits:
    """The bookings that happenings speak of: their own, else the contact's next one."""

    def __init__(self, happenings: Sequence[Happening], now: datetime) -> None:
        self.now = now
        own = {h.booking_id for h in happenings if h.booking_id is not None}
        self.own: dict[int, Booking] = {}
        if own:
            rows = Booking.objects.filter(pk__in=own).select_related("service", "practitioner")
            self.own = {booking.pk: booking for booking in rows}
        self.live: dict[int, list[Booking]] = defaultdict(list)
        contacts = {h.contact_id for h in happenings if h.contact_id is not None}
        if contacts:
            live = Booking.objects.filter(contact_id__in=contacts).live(now)
            for booking in live.select_related("service", "practitioner").order_by(
                "appointment_datetime", "pk"
            ):
                self.live[booking.contact_id].append(booking)
        self.next = {contact_id: bookings[0] for contact_id, bookings in self.live.items()}

    def of(self, happening: Happening) -> Booking | None:
        if happening.booking_id is not None:
            return self.own.get(happening.booking_id)
        return self.next.get(happening.contact_id or 0)

    def others(self) -> frozenset[int]:
        """Bookings beside which their contact has another live one."""
        mentioned = (*self.own.values(), *self.next.values())
        return frozenset(
            booking.pk
            for booking in mentioned
            if any(other.pk != booking.pk for other in self.live.get(booking.contact_id, ()))
        )


def values(booking: Booking, now: datetime) -> dict[str, object]:
    """The fields of a booking."""
    return {name: read(booking, now) for name, read in BOOKING_READERS.items()}


BOOKING_READERS: Mapping[str, Callable[[Booking, datetime], object]] = {
    "service": lambda booking, now: booking.service.name,
    "service_type": lambda booking, now: booking.service_type,
    "urgency_level": lambda booking, now: booking.urgency_level,
    "practitioner": lambda booking, now: (
        booking.practitioner.name if booking.practitioner is not None else None
    ),
    "status": lambda booking, now: booking.status,
    "outcome": lambda booking, now: booking.outcome,
    "payment_status": lambda booking, now: booking.payment_status,
    "hours_to_appointment": lambda booking, now: (booking.appointment_datetime - now).total_seconds() / 3600,
}


def visit(booking: Booking) -> Visit:
    """What recall and texts need to know of it."""
    practitioner = booking.practitioner
    return Visit(
        id=booking.pk,
        at=booking.appointment_datetime,
        service_type=booking.service_type,
        high_risk_service=booking.service.is_high_risk,
        service_recall_days=booking.service.recall_interval_days,
        practitioner_recall_days=practitioner.recall_interval_days if practitioner is not None else None,
    )


def recalls(
    happenings: Sequence[Happening], contacts: Mapping[int, Contact], visits: Visits
) -> dict[int, Recall]:
    """Where the recall dates of contacts come from, by contact: asked only for what may change them, that is
    an attendance, and an outcome that takes one back.
    """
    about = {
        h.contact_id: visits.of(h) for h in happenings if h.type in _RECALLING and h.contact_id in contacts
    }
    came = {pk for pk, seen in about.items() if seen is not None and seen.outcome == Booking.Outcome.ATTENDED}
    dated = {pk for pk in about.keys() - came if pk is not None and contacts[pk].recall_due_date is not None}
    given = _given(contacts, dated) if dated else {}
    asked = {pk for pk in (*came, *given) if pk is not None}
    if not asked:
        return {}
    attended = (
        Booking.objects.filter(contact_id__in=asked, outcome=Booking.Outcome.ATTENDED)
        .select_related("service", "practitioner")
        .order_by("contact_id", "-appointment_datetime", "-pk")
        .distinct("contact_id")
    )
    last = {booking.contact_id: visit(booking) for booking in attended}
    return {pk: Recall(last.get(pk), given.get(pk)) for pk in asked}


def _given(contacts: Mapping[int, Contact], ids: set[int]) -> dict[int, int]:
    """The visit whose attendance gave the present recall date, by contact; none for a date that staff set."""
    rows = (
        ActionRun.objects.filter(
            run__contact_id__in=ids, type="calculate_recall_date", state=ActionRun.State.DONE
        )
        .order_by("run__contact_id", "-pk")
        .distinct("run__contact_id")
        .values_list("run__contact_id", "run__booking_id", "result")
    )
    found = {}
    for contact_id, booking_id, result in rows:
        date = contacts[contact_id].recall_due_date
        if date is not None and result.get("date") == date.isoformat():
            found[contact_id] = result.get("booking", booking_id)
    return found
