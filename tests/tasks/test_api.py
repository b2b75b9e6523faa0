from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Location, User
from core import clock
from tasks.models import Task
from tests.factories.contacts import make_contact
from tests.tasks.test_queue import make_task

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(frozen_time: Any) -> clock.Frozen:
    """Monday 12:30 in Sydney."""
    frozen: clock.Frozen = frozen_time(NOW)
    return frozen


def test_the_default_list_is_mine_to_do_and_due_by_tonight(
    at: clock.Frozen, api: Any, sydney: Location, staff: dict[str, User]
) -> None:
    late, later, upcoming = (make_task(sydney, due=NOW + HOUR * n) for n in (-3, 2, 40))
    make_task(sydney, assigned_to=staff["manager"])
    make_task(sydney, snoozed_until=NOW + HOUR)
    make_task(sydney, status="completed", completed_at=NOW)
    answer = api("staff").get("/api/tasks").json()
    assert [row["id"] for row in answer["tasks"]] == [str(late.public_id), str(later.public_id)]
    assert answer["counts"] == {"overdue": 1, "today": 1, "upcoming": 1}
    assert (answer["next"], answer["previous"]) == (None, None)
    row = answer["tasks"][0]
    assert row["contact"] == {
        "id": str(late.contact.public_id),
        "name": "Jane Doe",
        "phone": late.contact.phone,
    }
    assert (row["priority_score"], row["priority_category"]) == (85, "MEDIUM")
    assert "Overdue: +60." in row["priority_reasons"]
    upcoming_ids = [t["id"] for t in api("staff").get("/api/tasks?timeframe=upcoming").json()["tasks"]]
    assert upcoming_ids == [str(upcoming.public_id)]


def test_pages_of_the_list_follow_by_their_links(at: clock.Frozen, api: Any, sydney: Location) -> None:
    made = [make_task(sydney, due=NOW - HOUR * n) for n in range(5)]
    client, seen, url = api("staff"), [], "/api/tasks?page_size=2"
    while url:
        answer = client.get(url).json()
        seen += [row["id"] for row in answer["tasks"]]
        url = answer["next"]
        at.advance(timedelta(minutes=4))
    assert seen == [str(task.public_id) for task in reversed(made)]


@pytest.mark.parametrize(
    "query",
    [
        "status=open2",
        "timeframe=soon",
        "priority=hot",
        "type=dance",
        "assigned_to=bob",
        "contact=7",
        "page_size=0",
        f"page_size={'9' * 5000}",
    ],
)
def test_a_filter_the_list_does_not_know_is_refused_by_name(query: str, api: Any, staff: Any) -> None:
    answer = api("staff").get(f"/api/tasks?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.json()["error"]["fields"]


def test_a_cursor_of_someone_elses_making_is_malformed(api: Any, staff: Any) -> None:
    assert api("staff").get("/api/tasks?cursor=abc").status_code == 400


@pytest.mark.parametrize(("name", "expected"), [("urgent", 1), ("high", 0), ("medium", 1), ("low", 0)])
def test_the_list_filters_by_category(
    name: str, expected: int, at: clock.Frozen, api: Any, sydney: Location
) -> None:
    make_task(sydney, priority_floor=150)
    make_task(sydney, warmness=60)
    answer = api("staff").get(f"/api/tasks?priority={name}").json()
    assert len(answer["tasks"]) == expected


def test_completing_a_call_needs_its_outcome_and_answers_the_task(api: Any, sydney: Location) -> None:
    task = make_task(sydney)
    client = api("staff")
    refused = client.post(f"/api/tasks/{task.public_id}/complete", {}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "outcome_required")
    done = client.post(f"/api/tasks/{task.public_id}/complete", {"outcome": "connected"}, format="json")
    assert done.status_code == 200
    assert done.json()["success"] is True
    assert done.json()["task"]["status"] == "completed"
    again = client.post(f"/api/tasks/{task.public_id}/complete", {"outcome": "connected"}, format="json")
    assert again.status_code == 409


def test_a_task_is_made_edited_snoozed_claimed_and_cancelled(
    at: clock.Frozen, api: Any, sydney: Location, staff: dict[str, User]
) -> None:
    client, contact = api("staff"), make_contact(sydney)
    body = {
        "contact_id": str(contact.public_id),
        "due_datetime": "2026-03-02T15:00:00+11:00",
        "priority": "high",
    }
    made = client.post("/api/tasks", body, format="json")
    assert made.status_code == 201, made.content
    url = f"/api/tasks/{made.json()['id']}"
    assert made.json()["priority_category"] == "HIGH"
    assert (
        client.patch(url, {"notes": "Prefers mornings."}, format="json").json()["notes"]
        == "Prefers mornings."
    )
    assert client.put(url, {"notes": "x"}, format="json").status_code == 422
    assert client.post(f"{url}/claim").json()["task"]["claimed_until"]
    assert client.post(f"{url}/start").json()["task"]["status"] == "in_progress"
    assert api("manager").post(f"{url}/claim").status_code == 409
    to = {"assigned_to": str(staff["manager"].public_id)}
    assert client.post(f"{url}/assign", to, format="json").json()["task"]["assigned_to"] == to["assigned_to"]
    assert client.post(f"{url}/snooze", {"until": "2026-03-01T00:00:00Z"}, format="json").status_code == 422
    assert client.post(f"{url}/snooze", {"until": "2026-03-03T00:00:00Z"}, format="json").status_code == 200
    assert client.post(f"{url}/cancel", {"reason": ""}, format="json").status_code == 422
    gone = client.post(f"{url}/cancel", {"reason": "Came by."}, format="json").json()["task"]
    assert (gone["status"], gone["closed_reason"]) == ("cancelled", "Came by.")


def test_readers_read_and_strangers_find_nothing(
    api: Any, sydney: Location, outsider: User, staff: dict[str, User]
) -> None:
    task = make_task(sydney)
    url = f"/api/tasks/{task.public_id}"
    reader = api("readonly")
    assert reader.get(url).status_code == 200
    for move in ("complete", "claim", "start", "snooze", "assign", "cancel"):
        assert reader.post(f"{url}/{move}", {}, format="json").status_code == 403
    stranger = api("mel")
    assert stranger.get(url).status_code == 404
    assert stranger.get("/api/tasks?assigned_to=anyone&timeframe=all").json()["tasks"] == []
    for move in ("complete", "claim", "start", "snooze", "assign", "cancel"):
        assert stranger.post(f"{url}/{move}", {}, format="json").status_code == 404
    contact = {"contact_id": str(task.contact.public_id), "due_datetime": "2026-03-02T00:00:00Z"}
    assert stranger.post("/api/tasks", contact, format="json").status_code == 422
    task.refresh_from_db()
    assert (task.status, Task.objects.count()) == ("todo", 1)


def test_the_list_costs_the_same_however_many_tasks(
    api: Any, sydney: Location, django_assert_max_num_queries: Any
) -> None:
    client = api("staff")
    for _ in range(2):
        for _ in range(12):
            make_task(sydney)
        with django_assert_max_num_queries(14):
            client.get("/api/tasks?timeframe=all")
