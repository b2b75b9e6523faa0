"""Lists of what belongs to contacts: found by the person in any spelling, seen only in one's own clinics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Location
from accounts.staff_parts import NewestValuesFilter
from bookings.models import Booking
from contacts.models import Contact
from core import clock
from core.models import Event
from messaging.models import Conversation, Message
from tasks.admin import TaskAdmin
from tasks.models import Task
from tests.factories.bookings import make_booking, make_service
from tests.factories.contacts import make_contact

pytestmark = pytest.mark.django_db

LISTS = ("bookings_booking", "tasks_task", "messaging_message", "messaging_conversation")


def with_everything(contact: Contact) -> Contact:
    """A contact with one row in each of the lists."""
    make_booking(contact)
    Task.objects.create(
        location=contact.location, contact=contact, type="call_patient", due_datetime=contact.created_at
    )
    talk = Conversation.objects.create(location=contact.location, contact=contact, channel="sms")
    Message.objects.create(
        location=contact.location, contact=contact, conversation=talk, direction="in", status="received",
        address=contact.phone, body="See you then", dedupe_key=f"text of {contact.pk}",
    )  # fmt: skip
    return contact


def listed(browser: Client, name: str, text: str) -> str:
    answer = browser.get(reverse(f"admin:{name}_changelist"), {"q": text})
    assert answer.status_code == 200
    return " ".join(str(row.contact) for row in answer.context["cl"].result_list)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("text", ["lidn nora", "0412 345 671", "345671", "nora@exa"])
def test_rows_are_found_by_their_person_in_any_spelling(sydney, pages, name, text):
    with_everything(make_contact(sydney, name="Nora Lind", phone="+61412345671", email="nora@example.com"))
    with_everything(make_contact(sydney, name="Peter Vogt", phone="+61498765432"))

    assert listed(pages("staff"), name, text) == "Nora Lind"


@pytest.mark.parametrize("name", LISTS)
def test_rows_of_another_clinic_are_not_found(sydney, pages, name):
    with_everything(
        make_contact(Location.objects.get(code="melbourne"), name="Nora Lind", phone="+61412345671")
    )

    assert listed(pages("staff"), name, "nora") == ""
    assert listed(pages("admin"), name, "nora") == "Nora Lind"


def test_a_visit_is_found_by_the_id_that_the_provider_gave_it(sydney, pages):
    nora = with_everything(make_contact(sydney, name="Nora Lind", phone="+61412345671"))
    with_everything(make_contact(sydney, name="Peter Vogt", phone="+61498765432"))
    Booking.objects.filter(contact=nora).update(source="wix", external_id="abc-123")

    assert listed(pages("staff"), "bookings_booking", "abc-123") == "Nora Lind"


@pytest.mark.parametrize("name", LISTS)
def test_no_search_compares_the_names_of_everybody(sydney, pages, name):
    with_everything(make_contact(sydney, name="Nora Lind", phone="+61412345671"))
    browser = pages("staff")

    with CaptureQueriesContext(connection) as queries:
        listed(browser, name, "nora")

    assert not [each["sql"] for each in queries if "LIKE" in each["sql"].upper()]


def test_visits_are_listed_by_the_clinics_own_day(sydney, pages, frozen_time):
    frozen_time(datetime(2026, 11, 23, 22, 0, tzinfo=UTC))  # Tuesday morning in Sydney
    for hours, name in ((-12, "Monday"), (3, "Tuesday"), (24, "Wednesday"), (24 * 9, "Next week")):
        make_booking(make_contact(sydney, name=name), at=clock.now() + timedelta(hours=hours))

    def listed_when(when: str) -> list[str]:
        answer = pages("staff").get(reverse("admin:bookings_booking_changelist"), {"when": when})
        return [str(row.contact) for row in answer.context["cl"].result_list]

    assert listed_when("today") == ["Tuesday"]
    assert listed_when("tomorrow") == ["Wednesday"]
    assert listed_when("next7") == ["Wednesday", "Tuesday"]
    assert listed_when("last7") == ["Monday"]
    assert listed_when("any other word") == ["Next week", "Wednesday", "Tuesday", "Monday"]


def test_filters_offer_what_the_person_may_see(sydney, pages):
    make_booking(make_contact(sydney, name="Nora Lind"))
    make_service(sydney, name="Sydney scan")
    make_service(Location.objects.get(code="melbourne"), name="Melbourne scan")

    html = pages("staff").get(reverse("admin:bookings_booking_changelist")).content.decode()

    assert "Sydney scan" in html
    assert "Melbourne scan" not in html


def test_filters_offer_the_values_of_the_newest_rows_and_the_chosen_one(sydney, pages, monkeypatch):
    monkeypatch.setattr(NewestValuesFilter, "newest", 1)
    make_booking(make_contact(sydney))

    def offered(**asked: str) -> set[str]:
        answer = pages("admin").get(reverse("admin:core_event_changelist"), asked)
        spec = next(
            spec for spec in answer.context["cl"].filter_specs if getattr(spec, "field_path", "") == "type"
        )
        return set(spec.lookup_choices)

    newest = Event.objects.latest("pk").type
    oldest = Event.objects.exclude(type=newest).earliest("pk").type
    assert offered() == {newest}
    assert offered(type=oldest) == {newest, oldest}


def test_a_later_page_goes_on_where_the_one_before_ended(sydney, pages, monkeypatch):
    monkeypatch.setattr(TaskAdmin, "list_per_page", 2)
    names = [f"Patient {number}" for number in range(5)]
    for number, name in enumerate(names):
        one = make_contact(sydney, name=name)
        Task.objects.create(
            location=sydney, contact=one, type="call_patient",
            due_datetime=one.created_at + timedelta(hours=number),
        )  # fmt: skip

    def shown(page: int) -> list[str]:
        answer = pages("staff").get(reverse("admin:tasks_task_changelist"), {"p": page})
        return [str(row.contact) for row in answer.context["cl"].result_list]

    everyone = [*shown(1), *shown(2), *shown(3)]
    monkeypatch.setattr(TaskAdmin, "list_per_page", 40)
    assert everyone == shown(1)
    assert sorted(everyone) == names
