"""The recall list: who is due again, when they were told, and whether they have booked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, QuerySet, Subquery

from accounts import access
from accounts.models import User
from bookings import selectors as booking_selectors
from bookings.models import Booking, Practitioner
from contacts.models import Contact
from messaging import reasons
from messaging.models import Category, Direction, Message

PAGE_SIZE = 50


@dataclass(frozen=True)
class Due:
    """One person on the list. `overdue` is in days, negative while the date is to come; `text` is the last
    recall message, sent or not; `booked` the visit they have ahead. Times are on the clinic's clock.
    """

    contact: Contact
    overdue: int
    last_visit: Booking | None
    last_visit_at: datetime | None
    text: Message | None
    texted_at: datetime | None
    booked: Booking | None
    booked_at: datetime | None

    @property
    def why_not(self) -> str:
        """Why the recall message did not go out, in words; empty for one that did or will."""
        return reasons.words(self.text.reason) if self.text is not None else ""


def recalls(
    user: User,
    *,
    until: date,
    since: date | None = None,
    practitioner: Practitioner | None = None,
    unbooked_at: datetime | None = None,
) -> QuerySet[Contact]:
    """Contacts whose recall date is from `since` up to and including `until`, the longest due first: those last
    seen by `practitioner`, and those without a visit ahead at `unbooked_at`, if asked.
    """
    people = access.visible(Contact.objects.live(), user).filter(recall_due_date__lte=until)
    if since is not None:
        people = people.filter(recall_due_date__gte=since)
    if practitioner is not None:
        attended = Booking.objects.filter(contact_id=OuterRef("pk"), outcome=Booking.Outcome.ATTENDED)
        latest = attended.order_by("-appointment_datetime", "-pk").values("practitioner_id")[:1]
        people = people.annotate(seen_by=Subquery(latest)).filter(seen_by=practitioner.pk)
    if unbooked_at is not None:
        people = people.exclude(pk__in=Booking.objects.live(unbooked_at).values("contact_id"))
    return people.select_related("location", "guardian").order_by("recall_due_date", "pk")


def page_of(people: QuerySet[Contact], number: str | int | None) -> Page[Contact]:
    """That page of the list, the nearest there is."""
    return Paginator(people, PAGE_SIZE).get_page(number)


def rows(people: Iterable[Contact], now: datetime) -> list[Due]:
    """What the list shows of these people; the same three queries however many."""
    shown = list(people)
    ids = [contact.pk for contact in shown]
    seen = {
        booking.contact_id: booking
        for booking in Booking.objects.filter(contact_id__in=ids, outcome=Booking.Outcome.ATTENDED)
        .select_related("service", "practitioner")
        .order_by("contact_id", "-appointment_datetime", "-pk")
        .distinct("contact_id")
    }
    texts = {
        message.contact_id: message
        for message in Message.objects.filter(
            contact_id__in=ids, category=Category.RECALL, direction=Direction.OUTBOUND
        )
        .defer("body", "wording")
        .order_by("contact_id", "-pk")
        .distinct("contact_id")
    }
    ahead = booking_selectors.next_visits(ids, now)
    return [
        _row(contact, seen.get(contact.pk), texts.get(contact.pk), ahead.get(contact.pk), now)
        for contact in shown
    ]


def _row(
    contact: Contact, seen: Booking | None, text: Message | None, booked: Booking | None, now: datetime
) -> Due:
    local = contact.location.local
    assert contact.recall_due_date is not None
    return Due(
        contact=contact,
        overdue=(local(now).date() - contact.recall_due_date).days,
        last_visit=seen,
        last_visit_at=local(seen.appointment_datetime) if seen is not None else None,
        text=text,
        texted_at=local(text.sent_at) if text is not None and text.sent_at is not None else None,
        booked=booked,
        booked_at=local(booked.appointment_datetime) if booked is not None else None,
    )


def month_of(day: date) -> tuple[date, date]:
    """First and last day of its month."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
