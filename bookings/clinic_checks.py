"""What `doctor` asks of what a clinic offers and who does it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Exists, OuterRef, Q
from django.urls import reverse

from accounts import doctor
from accounts.doctor import Finding, Level
from accounts.models import Location
from bookings.models import Practitioner, Room, Service, ServiceType


def services(location: Location) -> Iterator[Finding]:
    """Something to book, and nothing made from a delivery that nobody has looked at."""
    link = reverse("admin:bookings_service_changelist")
    found = Service.objects.filter(location=location, is_active=True).aggregate(
        all=Count("pk"), unchecked=Count("pk", filter=Q(needs_review=True))
    )
    if not found["all"]:
        yield Finding(
            Level.MISSING, "Services", "The clinic offers nothing yet.", "Add its services.",
            reverse("admin:bookings_service_add"),
        )  # fmt: skip
    elif found["unchecked"]:
        yield Finding(
            Level.WARNING, "Services", f"{found['unchecked']} came with a booking and nobody has checked them.",
            "Set type and urgency, then untick “to be checked”.", f"{link}?needs_review__exact=1",
        )  # fmt: skip
    else:
        yield Finding(Level.OK, "Services", f"{found['all']} on offer.", link=link)


def practitioners(location: Location) -> Iterator[Finding]:
    """Somebody to see the patient, with a roster and, for procedures, a recall interval."""
    link = reverse("admin:bookings_practitioner_changelist")
    operates = Practitioner.services.through.objects.filter(
        practitioner=OuterRef("pk"), service__service_type=ServiceType.PROCEDURE,
        service__is_active=True, service__recall_interval_days__isnull=True,
    )  # fmt: skip
    found = list(
        Practitioner.objects.filter(location=location, is_active=True).annotate(operates=Exists(operates))
    )
    if not found:
        yield Finding(
            Level.MISSING, "Practitioners", "Nobody sees patients here yet.", "Add the practitioners.",
            reverse("admin:bookings_practitioner_add"),
        )  # fmt: skip
        return
    gaps = (
        ([row for row in found if row.needs_review], "came with a booking and nobody has checked them", "Check them."),
        ([row for row in found if not any(row.roster.values())], "no working hours", "Give their roster."),
        (
            [row for row in found if row.operates and row.recall_interval_days is None],
            "no recall interval after a procedure", "Say after how many days patients come again.",
        ),
    )  # fmt: skip
    for rows, what, todo in gaps:
        if rows:
            names = ", ".join(row.name for row in rows[:3]) + (" and others" if len(rows) > 3 else "")
            yield Finding(Level.WARNING, "Practitioners", f"{names}: {what}.", todo, link)
    if not any(rows for rows, _, _ in gaps):
        yield Finding(Level.OK, "Practitioners", f"{len(found)} with their working hours.", link=link)


def rooms(location: Location) -> Iterator[Finding]:
    """Rooms, which a small clinic may do without."""
    count = Room.objects.filter(location=location, is_active=True).count()
    link = reverse("admin:bookings_room_changelist")
    if count:
        yield Finding(Level.OK, "Rooms", f"{count} in use.", link=link)
    else:
        yield Finding(
            Level.WARNING, "Rooms", "There is none, so two visits are never kept apart by room.",
            "Add the rooms, unless the clinic does not plan by them.", reverse("admin:bookings_room_add"),
        )  # fmt: skip


def connect() -> None:
    """Called from AppConfig.ready()."""
    for check in (services, practitioners, rooms):
        doctor.checks.register(f"bookings.{check.__name__}", check)
