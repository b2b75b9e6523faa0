"""A clinic group's two years, written as rows: in proportion to the contacts, skewed as life is, lawful for every
constraint. Nothing here runs services: the rows are what services would have left, as far as pages read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections, models

from accounts.models import Location, Membership, User
from benchmarks import checking, names, rows
from bookings.models import Practitioner, Room, Service
from contacts import pipeline, search
from contacts.models import Contact
from core import clock
from messaging.models import Template
from tests.harness import servers

DAYS = 730
#: Of twenty contacts, how many are of each clinic.
SHARES = {"sydney": 8, "melbourne": 7, "brisbane": 5}
PRACTITIONERS = 10
SLOTS = 14
SLOT_MINUTES = 40
AHEAD = 0.1
_BATCH = 2_000


def fill(contacts: int, at: datetime) -> None:
    """Write everything; `at` is the present moment of these clinics. `contacts` is a multiple of 20."""
    settings.DEMO_PASSWORD = settings.DEMO_PASSWORD or "not-used-by-anybody"
    with clock.frozen(at - timedelta(days=DAYS)):
        call_command("seed", verbosity=0)
    with clock.frozen(at):
        _furnish()
        _contacts(contacts, at)
        with servers.address().connect(connections["owner"].settings_dict["NAME"]) as superuser:
            superuser.execute("ANALYZE contacts_contact")
            rows.Writer(superuser.cursor(), at=at, contacts=contacts).write()
    checking.check()


def _furnish() -> None:
    """A third clinic, enough practitioners and rooms for full diaries, and somebody at every desk."""
    sydney = Location.objects.get(code="sydney")
    Location.objects.get_or_create(
        code="brisbane",
        defaults={
            "name": "Avatar Imaging Brisbane", "time_zone": "Australia/Brisbane", "holiday_state": "QLD",
            "phone": "+61755501000", "automation_mode": sydney.automation_mode, "live_since": sydney.live_since,
        },
    )  # fmt: skip
    call_command("seed", verbosity=0)
    chance = Random(7)
    for location in Location.objects.all():
        for number in range(PRACTITIONERS - location.practitioners.count()):
            Practitioner.objects.create(location=location, name=f"Dr {names.name(chance)} {number + 1}")
        if not location.rooms.exists():
            Room.objects.create(location=location, name="Imaging room")
        _offer(location, sydney)
        for number in range(6):
            person = User.objects.create(
                email=f"desk{number}@{location.code}.test", name=names.name(chance), default_location=location
            )
            Membership.objects.create(user=person, location=location, role=Membership.Role.STAFF)


def _offer(location: Location, like: Location) -> None:
    """What another clinic offers and sends, where this one has nothing yet."""
    for model in (Service, Template):
        if not model.objects.filter(location=location).exists():
            for row in model.objects.filter(location=like):
                values = {field.attname: getattr(row, field.attname) for field in _own(model)}
                model.objects.create(**values | {"location_id": location.pk})


def _own(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if field.name not in ("id", "public_id")]


def _contacts(count: int, at: datetime) -> None:
    """Contacts in the order in which they came, twenty by twenty over the clinics, with what finds them."""
    chance = Random(20)
    codes = [code for code, share in SHARES.items() for _ in range(share)]
    locations = {location.code: location for location in Location.objects.all()}
    owners = {code: list(User.objects.filter(memberships__location__code=code)) for code in SHARES}
    places = list(pipeline.STAGE_LABELS)
    began = at - timedelta(days=DAYS)
    for start in range(0, count, _BATCH):
        batch = [
            _contact(
                chance, number, locations[codes[number % 20]], owners[codes[number % 20]], places,
                began + (at - began) * (number / count),
            )
            for number in range(start, min(count, start + _BATCH))
        ]  # fmt: skip
        Contact.objects.bulk_create(batch)
        search.refresh(batch)


def _contact(
    chance: Random,
    number: int,
    location: Location,
    owners: Sequence[User],
    places: Sequence[Any],
    since: datetime,
) -> Contact:
    called = names.name(chance)
    place = places[int(len(places) * chance.random() ** 1.5)]
    ascii_name = "".join(letter for letter in called.lower() if letter.isascii() and letter.isalpha())
    return Contact(
        location=location, name=called, phone=f"+614{10_000_000 + number * 7}",
        email=f"{ascii_name}{number}@example.com" if chance.random() < 0.7 else "",
        source=chance.choice(("wix", "google_ads", "meta_form", "phone", "referral", "web_form", "walk_in")),
        intent=chance.choice(("", "procedure", "routine_check", "high_risk", "follow_up")),
        current_pipeline=place.pipeline, current_stage=place.stage,
        stage_entered_at=since + (clock.now() - since) * chance.random(),
        warmness_score=int(100 * chance.random() ** 2.5), is_existing_patient=chance.random() < 0.6,
        is_high_risk=chance.random() < 0.05, owner=chance.choice(owners) if chance.random() < 0.4 else None,
        lead_at=since, last_touchpoint_at=since + (clock.now() - since) * chance.random() ** 0.5, created_at=since,
        recall_due_date=_recall(chance) if chance.random() < 0.2 else None,
        deleted_at=clock.now() if chance.random() < 0.005 else None,
        tags=["vip"] if chance.random() < 0.03 else [],
    )  # fmt: skip


def _recall(chance: Random) -> date:
    return (clock.now() + timedelta(days=chance.randrange(-60, 365))).date()
