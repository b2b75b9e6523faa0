"""What the demo clinics offer. Only what is absent is added: what staff changed stays."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.models import Location
from bookings.models import Practitioner, Room, Service, ServiceType, Urgency

SERVICES: tuple[dict[str, Any], ...] = (
    {
        "name": "Skin cancer check",
        "service_type": ServiceType.ROUTINE,
        "urgency_level": Urgency.MEDIUM,
        "duration_minutes": 30,
        "price_cents": 18_000,
    },
    {
        "name": "Mole removal procedure",
        "service_type": ServiceType.PROCEDURE,
        "urgency_level": Urgency.HIGH,
        "duration_minutes": 45,
        "price_cents": 45_000,
    },
    {
        "name": "Follow-up",
        "service_type": ServiceType.FOLLOW_UP,
        "urgency_level": Urgency.LOW,
        "duration_minutes": 15,
        "price_cents": 9_000,
    },
    {
        "name": "High-risk full body imaging",
        "service_type": ServiceType.PROCEDURE,
        "urgency_level": Urgency.HIGH,
        "duration_minutes": 60,
        "price_cents": 60_000,
        "is_high_risk": True,
    },
    {
        "name": "Botox consult",
        "service_type": ServiceType.ROUTINE,
        "urgency_level": Urgency.LOW,
        "duration_minutes": 30,
        "price_cents": 12_000,
    },
)
PRACTITIONERS = {
    "sydney": ("Dr Priya Nair", "Dr Tom Becker"),
    "melbourne": ("Dr Grace Okafor", "Dr Luca Marino"),
}
ROOMS = ("Imaging room", "Treatment room")


@transaction.atomic
def seed(*, demo: bool = True) -> None:
    """With `demo`: five services, two practitioners and two rooms for each demo clinic; without, nothing."""
    if not demo:
        return
    for location in Location.objects.filter(code__in=PRACTITIONERS):
        offered = [
            Service.objects.get_or_create(location=location, name=values["name"], defaults=values)[0]
            for values in SERVICES
        ]
        for name in PRACTITIONERS[location.code]:
            _with_services(Practitioner, location, name, offered)
        for name in ROOMS:
            _with_services(Room, location, name, offered)


def _with_services(
    model: type[Practitioner] | type[Room], location: Location, name: str, offered: list[Service]
) -> None:
    row, made = model.objects.get_or_create(location=location, name=name)
    if made:
        row.services.set(offered)
