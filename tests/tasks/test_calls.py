from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import Location, User
from contacts.models import Touchpoint
from core import clock
from core.causes import Cause
from core.errors import Conflict
from tasks import services
from tasks.models import Task
from tests.factories.contacts import make_contact
from tests.tasks.test_queue import make_task

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def at(frozen_time: Any) -> clock.Frozen:
    """Monday 12:30 in Sydney."""
    frozen: clock.Frozen = frozen_time(NOW)
    return frozen


def calls_of(contact: Any) -> list[str]:
    rows = Touchpoint.objects.filter(contact=contact, type__startswith="call_").order_by("pk")
    return [row.type for row in rows]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "touch"),
    [
        ("connected", "call_connected"),
        ("voicemail", "call_voicemail"),
        ("no_answer", "call_attempted"),
        ("wrong_number", "call_attempted"),
    ],
)
def test_a_call_is_logged_without_a_task(
    outcome: str, touch: str, at: clock.Frozen, api: Any, sydney: Location, staff: dict[str, User]
) -> None:
    contact = make_contact(sydney)
    url = f"/api/contacts/{contact.public_id}/log-call"
    answer = api("staff").post(url, {"outcome": outcome, "notes": "Asked about Friday."}, format="json")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert calls_of(contact) == [touch]
    assert contact.touchpoints.get(type=touch).staff == staff["staff"]
    contact.refresh_from_db()
    assert contact.notes == "2 Mar 2026, 12:30, call: Asked about Friday."
    assert Task.objects.filter(type="custom").count() == (outcome == "wrong_number")


@pytest.mark.django_db
def test_logging_a_call_is_for_those_who_may(api: Any, sydney: Location, outsider: User) -> None:
    contact = make_contact(sydney)
    url = f"/api/contacts/{contact.public_id}/log-call"
    assert api("readonly").post(url, {"outcome": "connected"}, format="json").status_code == 403
    assert api("mel").post(url, {"outcome": "connected"}, format="json").status_code == 404
    refused = api("staff").post(url, {"outcome": "waved"}, format="json")
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, ["outcome"])
    assert calls_of(contact) == []


@pytest.mark.django_db
def test_a_call_is_logged_from_the_contacts_page(pages: Any, sydney: Location, outsider: User) -> None:
    contact = make_contact(sydney)
    client = pages("staff")
    page = f"/admin/contacts/contact/{contact.public_id}/change/"
    url = f"/admin/log-call/{contact.public_id}/"
    assert url in client.get(page).content.decode()
    assert url not in pages("readonly").get(page).content.decode()
    answer = client.post(url, {"outcome": "voicemail", "notes": ""}, follow=True)
    assert "The call is logged." in answer.content.decode()
    assert "is not how a call went" in client.post(url, {"outcome": ""}, follow=True).content.decode()
    assert pages("readonly").post(url, {"outcome": "connected"}).status_code == 403
    assert pages(outsider).post(url, {"outcome": "connected"}).status_code == 404
    assert calls_of(contact) == ["call_voicemail"]


@pytest.mark.django_db
def test_a_wrong_number_leaves_a_task_to_correct_it(at: clock.Frozen, api: Any, sydney: Location) -> None:
    task = make_task(sydney)
    url = f"/api/tasks/{task.public_id}/complete"
    assert api("staff").post(url, {"outcome": "wrong_number"}, format="json").status_code == 200
    made = Task.objects.get(contact=task.contact, type="custom")
    assert (made.status, "number is wrong" in made.notes) == ("todo", True)


@pytest.mark.django_db
def test_nobody_answered_and_the_task_is_tried_again_from_today(
    at: clock.Frozen, pages: Any, sydney: Location
) -> None:
    task = make_task(sydney, status="in_progress")
    client = pages("staff")
    url = f"/admin/today/{task.public_id}/complete/"
    client.post(url, {"outcome": "no_answer", "again": "tomorrow", "notes": "Rang out."})
    task.refresh_from_db()
    assert (task.status, task.attempts, task.notes) == ("todo", 1, "Rang out.")
    assert sydney.local(task.due_datetime).strftime("%a %H:%M") == "Tue 09:00"
    assert calls_of(task.contact) == ["call_attempted"]
    html = client.get("/admin/?timeframe=upcoming").content.decode()
    assert "1 attempt without an answer" in html
    client.post(url, {"outcome": "connected", "again": "tomorrow"})
    task.refresh_from_db()
    assert (task.status, task.outcome) == ("completed", "connected")


@pytest.mark.django_db
def test_attempts_come_to_an_end(at: clock.Frozen, api: Any, sydney: Location) -> None:
    task = make_task(sydney)
    url = f"/api/tasks/{task.public_id}"
    body = {"outcome": "voicemail", "at": "2026-03-03T00:00:00Z"}
    client = api("staff")
    statuses = [client.post(f"{url}/try-again", body, format="json").status_code for _ in range(5)]
    assert statuses == [200] * 4 + [409]
    assert client.get(url).json()["attempts"] == 4
    assert calls_of(task.contact) == ["call_voicemail"] * 4
    past = {**body, "at": "2026-03-01T00:00:00Z"}
    assert client.post(f"{url}/try-again", past, format="json").status_code == 422
    reached = {**body, "outcome": "connected"}
    assert client.post(f"{url}/try-again", reached, format="json").status_code == 422


@pytest.mark.django_db
def test_a_claim_is_given_back_by_who_holds_it(at: clock.Frozen, api: Any, sydney: Location) -> None:
    task = make_task(sydney)
    url = f"/api/tasks/{task.public_id}"
    assert api("staff").post(f"{url}/start").status_code == 200
    assert api("manager").post(f"{url}/release").status_code == 409
    released = api("staff").post(f"{url}/release").json()["task"]
    assert (released["status"], released["claimed_until"]) == ("todo", None)
    assert api("manager").post(f"{url}/claim").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_who_claim_at_once_one_has_it(sydney: Location, staff: dict[str, User]) -> None:
    task = make_task(sydney)
    start, answers = threading.Barrier(2), []

    def claim(user: User) -> None:
        try:
            start.wait(10)
            services.claim_task(task.pk, user=user)
            answers.append("mine")
        except Conflict:
            answers.append("theirs")
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=(staff[name],)) for name in ("staff", "manager")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == ["mine", "theirs"]
    task.refresh_from_db()
    assert task.claimed_by in (staff["staff"], staff["manager"])


@pytest.mark.django_db
def test_a_snoozed_task_is_on_its_own_list_and_comes_back_on_time(
    at: clock.Frozen, pages: Any, api: Any, sydney: Location
) -> None:
    task = make_task(sydney)
    client = pages("staff")
    client.post(f"/admin/today/{task.public_id}/snooze/", {"until": "afternoon"})
    key = f"task-{task.public_id}"
    assert key not in client.get("/admin/").content.decode()
    asleep = client.get("/admin/?timeframe=snoozed").content.decode()
    assert key in asleep
    assert "snoozed until Mon 2 Mar, 15:00" in asleep
    listed = api("staff").get("/api/tasks?status=snoozed&timeframe=all").json()["tasks"]
    assert [row["id"] for row in listed] == [str(task.public_id)]
    at.set(datetime(2026, 3, 2, 4, 0, tzinfo=UTC))
    assert key in client.get("/admin/").content.decode()
    assert key not in client.get("/admin/?timeframe=snoozed").content.decode()


@pytest.mark.django_db
def test_today_shows_one_persons_tasks_by_priority_and_visits_without_outcome(
    at: clock.Frozen, pages: Any, sydney: Location, staff: dict[str, User]
) -> None:
    hers = make_task(sydney, assigned_to=staff["manager"], priority_floor=150)
    other = make_task(sydney, assigned_to=staff["manager"])
    services.create_tasks(
        [services.NewTask(make_contact(sydney).pk, "record_outcome", NOW, Cause.system("test"))]
    )
    client = pages("staff")
    assert "visit without an outcome" in client.get("/admin/").content.decode()
    found = client.get(f"/admin/?assigned_to={staff['manager'].public_id}&priority=urgent").content.decode()
    assert f"task-{hers.public_id}" in found
    assert f"task-{other.public_id}" not in found


@pytest.mark.django_db
def test_a_filter_of_an_unknown_name_is_refused_by_name(api: Any, sydney: Location) -> None:
    answer = api("staff").get("/api/tasks?assignee=me")
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["assignee"]
    make_task(sydney)
    assert len(api("staff").get("/api/tasks?assigned_to=none&timeframe=all").json()["tasks"]) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("day", [4, 5])
def test_a_late_visit_is_asked_for_by_closing_on_the_days_the_clocks_change(
    day: int, frozen_time: Any, sydney: Location
) -> None:
    """Saturday 3 and Sunday 4 October 2026 around the change: the clinic closes by its own clock."""
    frozen_time(datetime(2026, 10, day - 1, 1, 0, tzinfo=UTC))
    closing = sydney.local(sydney.end_of_business_day(clock.now()))
    assert closing.strftime("%a %H:%M") == {4: "Sat 13:00", 5: "Tue 17:30"}[day]
