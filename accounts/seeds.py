"""The demo clinics and their staff. Roles need no rows: they are a table in `accounts.roles`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Location, Membership, User
from core import clock

DEMO_LIVE_FOR = timedelta(days=90)

SYDNEY: dict[str, Any] = {
    "name": "Avatar Imaging Sydney",
    "code": "sydney",
    "time_zone": "Australia/Sydney",
    "phone": "+61255501000",
    "address": "12 Demo Street, Sydney NSW 2000",
    "booking_link": "https://book.example.com/sydney",
    "review_link": "https://review.example.com/sydney",
    "holiday_state": "NSW",
}
MELBOURNE: dict[str, Any] = {
    "name": "Avatar Imaging Melbourne",
    "code": "melbourne",
    "time_zone": "Australia/Melbourne",
    "phone": "+61355501000",
    "address": "34 Demo Lane, Melbourne VIC 3000",
    "booking_link": "https://book.example.com/melbourne",
    "review_link": "https://review.example.com/melbourne",
    "holiday_state": "VIC",
}


@dataclass(frozen=True, slots=True)
class DemoUser:
    email: str
    name: str
    role: str


DEMO_USERS = (
    DemoUser("admin@demo.test", "Alex Admin", Membership.Role.ADMIN),
    DemoUser("manager@demo.test", "Morgan Manager", Membership.Role.MANAGER),
    DemoUser("staff@demo.test", "Sam Staff", Membership.Role.STAFF),
    DemoUser("readonly@demo.test", "Riley Reader", Membership.Role.READONLY),
)


@transaction.atomic
def seed(*, demo: bool = True) -> None:
    """Add what is absent, known by location code and e-mail; never change what is there.

    With `demo`, the two clinics and four people whose password is settings.DEMO_PASSWORD; without, nothing.
    """
    if not demo:
        return
    locations = {values["code"]: _location(values) for values in (SYDNEY, MELBOURNE)}
    for person in DEMO_USERS:
        _user(person, home=locations["sydney"])


def _location(values: dict[str, Any]) -> Location:
    """A demo clinic is live since before its history, because its texts go no further than a screen."""
    live = {"automation_mode": Location.AutomationMode.LIVE, "live_since": clock.now() - DEMO_LIVE_FOR}
    found, _made = Location.objects.get_or_create(code=values["code"], defaults=values | live)
    return found


def _user(person: DemoUser, *, home: Location) -> None:
    if User.objects.filter(email=person.email).exists():
        return
    user = User(email=person.email, name=person.name, default_location=home)
    user.set_password(settings.DEMO_PASSWORD)
    user.full_clean()
    user.save()
    location = None if person.role == Membership.Role.ADMIN else home
    Membership.objects.create(user=user, role=person.role, location=location)
