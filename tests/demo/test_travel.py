"""The demo's clock goes to a moment ahead by way of everything that falls due, and never back."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Location, User
from avatar_cms.demo import travel
from bookings.models import Service
from bookings.services import create_booking
from contacts.services import create_contact
from core import clock, ticks, work
from core.causes import Cause
from core.errors import Conflict, Invalid, NotConfigured
from core.models import Heartbeat
from messaging import sending
from messaging.models import Message

DESK = Cause.system("tests")


@pytest.fixture
def demo(db: None, settings: Any, tmp_path: Path) -> Iterator[Location]:
    """The demo clinics, whose clock may be moved."""
    settings.DEMO_CLOCK_FILE = str(tmp_path / "clock.json")
    settings.ENVIRONMENT_NAME = "demo"
    call_command("seed", verbosity=0)
    travel.follow()
    yield Location.objects.get(code="sydney")
    clock.follow(None)


@pytest.fixture
def visit(demo: Location) -> Any:
    """A visit in four days at ten, whose texts are planned."""
    person = create_contact(
        location=demo, fields={"name": "Ana Silva", "phone": "0491570156"}, is_lead=False, cause=DESK
    ).contact
    day = demo.local(clock.now()).date() + timedelta(days=4)
    start = datetime(day.year, day.month, day.day, 10, tzinfo=demo.zone)
    service = Service.objects.get(location=demo, name="Skin cancer check")
    booking = create_booking(
        location=demo, contact_id=person.pk, service=service, appointment_datetime=start, cause=DESK
    )
    work.drain()
    return booking


def arrive() -> None:
    while travel.state().is_moving:
        ticks.run("10s")


def test_what_falls_due_on_the_way_happens_at_its_time(demo: Location, visit: Any) -> None:
    travel.begin(visit.appointment_datetime)
    arrive()

    assert abs(clock.now() - visit.appointment_datetime) < timedelta(minutes=1)
    reminders = Message.objects.filter(booking=visit, category="reminder", sent_at__isnull=False)
    for text in reminders:
        assert timedelta(0) <= text.sent_at - text.send_at < timedelta(minutes=2)
    assert {text.template.name for text in reminders} == {"reminder_48hr", "reminder_24hr", "reminder_2hr"}


def test_it_goes_forward_only_and_not_for_ever(demo: Location) -> None:
    for wrong in (clock.now() - timedelta(hours=1), clock.now() + timedelta(days=40)):
        with pytest.raises(Invalid):
            travel.begin(wrong)
    assert not travel.state().is_moving


def test_it_does_not_set_out_twice_and_can_be_stopped(demo: Location) -> None:
    travel.begin(clock.now() + timedelta(days=2))
    with pytest.raises(Conflict):
        travel.begin(clock.now() + timedelta(days=3))
    travel.stop()
    assert ticks.run("10s") >= 0
    assert clock.ahead() == timedelta(0)


def test_one_worker_travels(demo: Location) -> None:
    travel.begin(clock.now() + timedelta(hours=1))
    with Path(f"{travel._file().with_suffix('.traveller')}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert travel.go() == 0
    assert travel.go() > 0


def test_a_worker_that_dies_on_the_way_is_followed_by_another(
    demo: Location, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel.begin(clock.now() + timedelta(days=1))
    with monkeypatch.context() as broken:
        broken.setattr(work, "drain", lambda: 1 / 0)
        ticks.run("10s")
    assert travel.state().is_moving
    arrive()
    assert clock.ahead() > timedelta(hours=23)


def test_signs_of_life_move_along(demo: Location) -> None:
    ticks.beat("worker")
    travel.begin(clock.now() + timedelta(days=1))
    arrive()
    assert clock.now() - Heartbeat.objects.get(name="worker").at < timedelta(minutes=1)


def test_only_a_demos_clock_moves(settings: Any) -> None:
    settings.DEMO_CLOCK_FILE = ""
    with pytest.raises(NotConfigured):
        travel.begin(datetime.now(UTC) + timedelta(hours=1))
    assert travel.go() == 0


# The page


def at_the_desk(client: Client, who: str) -> Client:
    client.force_login(User.objects.get(email=f"{who}@demo.test"))
    return client


def test_the_card_moves_the_clock_and_says_what_happened(client: Client, visit: Any) -> None:
    desk = at_the_desk(client, "staff")
    answer = desk.post(reverse("admin:demo_clock_move"), {"to": "tomorrow"})
    assert answer["Location"] == reverse("admin:messaging_phone")
    assert "On the way to" in desk.get(reverse("admin:messaging_phone")).content.decode()
    arrive()
    sending.send_due()
    page = desk.get(reverse("admin:demo_clock")).content.decode()
    assert "booking_confirmation" in page
    assert "Ana Silva" in page
    assert ", 09:00" in page
    assert "Demo · " in desk.get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(
    "wrong", [{"to": "nowhere"}, {"to": "at", "at": "soon"}, {"to": "at", "at": "2020-01-01T09:00"}]
)
def test_a_wrong_wish_is_explained_and_moves_nothing(
    client: Client, demo: Location, wrong: dict[str, str]
) -> None:
    desk = at_the_desk(client, "staff")
    answer = desk.post(reverse("admin:demo_clock_move"), wrong, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "said" in answer["HX-Trigger"]
    assert not travel.state().is_moving


def test_who_only_reads_sees_the_time_and_moves_nothing(client: Client, demo: Location) -> None:
    desk = at_the_desk(client, "readonly")
    assert desk.post(reverse("admin:demo_clock_move"), {"to": "hour"}).status_code == 403
    page = desk.get(reverse("admin:messaging_phone")).content.decode()
    assert "Clock of this demo" in page
    assert "Tomorrow 9:00" not in page


def test_elsewhere_there_is_no_card_and_no_tour(client: Client, demo: Location, settings: Any) -> None:
    settings.DEMO_CLOCK_FILE, settings.ENVIRONMENT_NAME = "", "staging"
    desk = at_the_desk(client, "admin")
    page = desk.get(reverse("admin:messaging_phone")).content.decode()
    assert "Clock of this demo" not in page
    assert "tour-stops" not in page
    assert desk.post(reverse("admin:demo_clock_move"), {"to": "hour"}).status_code == 404
    assert desk.get(reverse("admin:demo_clock")).content == b""


def test_every_stop_of_the_tour_has_its_page(client: Client, demo: Location) -> None:
    desk = at_the_desk(client, "admin")
    stops = desk.get(reverse("admin:index")).context["tour"]
    assert next(stop["title"] for stop in stops) == "Welcome to the desk"
    for stop in stops:
        assert desk.get(stop["page"]).status_code == 200, stop
