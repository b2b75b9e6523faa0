from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Location, User
from core import clock
from tests.factories.contacts import make_contact
from tests.tasks.test_queue import NOW, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon(frozen_time: Any) -> None:
    frozen_time(NOW)


def test_today_lists_the_most_pressing_first_and_says_why(pages: Any, sydney: Location) -> None:
    make_task(sydney)
    make_task(sydney, warmness=50)
    make_task(sydney, priority_floor=150, notes="Asked for Friday.")
    html = pages("staff").get("/admin/").content.decode()
    assert html.index("URGENT 150") < html.index("MEDIUM 50")
    for words in ("URGENT 150", "Raised to at least 150.", "Asked for Friday.", "Attended this week"):
        assert words in html


def test_a_call_is_completed_from_today_with_how_it_went(pages: Any, sydney: Location) -> None:
    task = make_task(sydney)
    client: Client = pages("staff")
    url = f"/admin/today/{task.public_id}/complete/"
    refused = client.post(url, {"next": "/admin/?timeframe=now"}, follow=True)
    assert "Say how the call went" in refused.content.decode()
    answer = client.post(url, {"outcome": "no_answer", "notes": "Rang out", "next": "/admin/?timeframe=now"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/?timeframe=now")
    task.refresh_from_db()
    assert (task.status, task.outcome, task.notes) == ("completed", "no_answer", "Rang out")


def test_a_snoozed_task_leaves_today_until_tomorrow_morning(pages: Any, sydney: Location) -> None:
    task = make_task(sydney)
    client: Client = pages("staff")
    client.post(f"/admin/today/{task.public_id}/snooze/", {"until": "tomorrow"})
    task.refresh_from_db()
    assert sydney.local(task.snoozed_until).strftime("%H:%M") == "09:00"
    assert str(task.public_id) not in client.get("/admin/").content.decode()


def test_a_started_task_shows_whose_it_is(pages: Any, sydney: Location) -> None:
    task = make_task(sydney)
    pages("manager").post(f"/admin/today/{task.public_id}/start/")
    assert "with Morgan Manager" in pages("staff").get("/admin/").content.decode()
    refused = pages("staff").post(f"/admin/today/{task.public_id}/start/", follow=True)
    assert "Morgan Manager is working on this task right now" in refused.content.decode()


def test_never_back_to_a_foreign_site(pages: Any, sydney: Location) -> None:
    task = make_task(sydney)
    answer = pages("staff").post(f"/admin/today/{task.public_id}/start/", {"next": "https://evil.example/"})
    assert answer["Location"] == "/admin/"


def test_readers_see_no_buttons_and_strangers_no_task(pages: Any, sydney: Location, outsider: User) -> None:
    task = make_task(sydney)
    assert "Complete</button>" not in pages("readonly").get("/admin/").content.decode()
    url = f"/admin/today/{task.public_id}/start/"
    assert pages("readonly").post(url).status_code == 403
    assert pages(outsider).post(url).status_code == 404
    assert pages("staff").get(url).status_code == 405
    assert pages("staff").post(f"/admin/today/{task.public_id}/dance/").status_code == 404


def test_the_list_and_page_of_tasks_open_in_order(pages: Any, sydney: Location) -> None:
    task = make_task(sydney, priority_floor=150)
    client: Client = pages("staff")
    assert "URGENT 150" in client.get("/admin/tasks/task/").content.decode()
    page = client.get(f"/admin/tasks/task/{task.public_id}/change/").content.decode()
    assert "Raised to at least 150." in page


def test_a_task_is_made_by_hand(pages: Any, sydney: Location) -> None:
    contact = make_contact(sydney)
    form = {
        "type": "custom", "due_datetime_0": "2026-03-03", "due_datetime_1": "09:00", "contact": contact.pk,
        "booking": "", "assigned_to": "", "notes": "Send the map", "priority": "high",
    }  # fmt: skip
    answer = pages("staff").post("/admin/tasks/task/add/", form)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    task = contact.tasks.get()
    assert (task.created_by, task.priority_floor, task.notes) == ("staff", 100, "Send the map")
    assert sydney.local(task.due_datetime).strftime("%d %H:%M") == "03 09:00"


def test_a_task_asked_for_on_a_persons_page_leads_back_there_and_nowhere_else(
    pages: Any, sydney: Location
) -> None:
    contact = make_contact(sydney)
    person = f"/admin/contacts/contact/{contact.public_id}/change/"
    client = pages("staff")
    shown = client.get(person).content.decode()
    address = html.unescape(re.search(r'href="(/admin/tasks/task/add/[^"]*)"', shown)[1])  # type: ignore[index]
    form = {
        "type": "custom", "due_datetime_0": "2026-03-03", "due_datetime_1": "09:00", "contact": contact.pk,
        "booking": "", "assigned_to": "", "notes": "", "priority": "high",
    }  # fmt: skip
    assert client.post(address, form).headers["Location"] == person
    elsewhere = client.post("/admin/tasks/task/add/?next=https://elsewhere.test/", form)
    assert elsewhere.headers["Location"] == "/admin/tasks/task/"


def test_today_costs_the_same_however_many_tasks(
    pages: Any, sydney: Location, django_assert_max_num_queries: Any
) -> None:
    client = pages("staff")
    for _ in range(2):
        for _ in range(10):
            make_task(sydney, due=clock.now() - timedelta(hours=1))
        with django_assert_max_num_queries(25):
            client.get("/admin/")
