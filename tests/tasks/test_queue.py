from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Location
from contacts.models import ScoringTable
from core import clock
from core.causes import Cause
from core.errors import Malformed
from tasks import priority, queue, services
from tasks.models import Task
from tests.factories.contacts import make_contact

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
CAUSE = Cause.system("test")


def make_task(location: Location, *, due: datetime = NOW, **fields: Any) -> Task:
    contact = make_contact(location)
    wish = services.NewTask(contact_id=contact.pk, type="call", due_at=due, cause=CAUSE)
    task = services.create_tasks([wish])[0].task
    Task.objects.filter(pk=task.pk).update(**fields)
    task.refresh_from_db()
    return task


@pytest.mark.django_db
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(Task.Type.values),
            st.sampled_from(["", "high", "medium", "low"]),
            st.integers(0, 100),
            st.sampled_from([0, 50, 100, 150]),
            st.integers(-3 * 3600, 7 * 3600),
            st.integers(0, 999_999),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_query_scores_as_the_table_does(sydney: Location, rows: list[tuple[Any, ...]]) -> None:
    contact = make_contact(sydney)
    Task.objects.all().delete()
    Task.objects.bulk_create(
        Task(
            location=sydney, contact=contact, type=kind, urgency=urgency, warmness=warmness, priority_floor=floor,
            status="completed", completed_at=NOW, cause_kind="system", cause_id="test",
            due_datetime=NOW - timedelta(seconds=late, microseconds=micro),
        )
        for kind, urgency, warmness, floor, late, micro in rows
    )  # fmt: skip
    for task in queue.with_score(Task.objects.all(), as_of=NOW):
        assert task.score == queue.explain(task, now=NOW, own={}).score  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_location_may_weigh_its_own_tasks(sydney: Location, melbourne: Location) -> None:
    here, there = make_task(sydney), make_task(melbourne)
    ScoringTable.objects.update_or_create(
        location=sydney, kind=priority.BASE, key="other", defaults={"points": 90}
    )
    own = queue.weights_by_location([sydney.pk, melbourne.pk])
    scores = {t.pk: t.score for t in queue.with_score(Task.objects.all(), as_of=NOW, own=own)}  # type: ignore[attr-defined]
    for task in (here, there):
        assert scores[task.pk] == queue.explain(task, now=NOW, own=own).score
    assert scores[here.pk] - scores[there.pk] == 40


@pytest.mark.django_db
def test_pages_follow_one_another_while_the_clock_runs_on(sydney: Location) -> None:
    with clock.frozen(NOW):
        made = [make_task(sydney, due=NOW - timedelta(minutes=20 * n), warmness=n % 3) for n in range(9)]
    seen: list[int] = []
    cursor, now = None, NOW
    while True:
        page = queue.page(Task.objects.all(), now=now, location_ids=[sydney.pk], size=2, cursor=cursor)
        assert page.as_of == NOW
        seen += [task.pk for task in page.tasks]
        cursor, now = page.next_cursor, now + timedelta(minutes=50)
        if cursor is None:
            break
    expected = sorted(made, key=lambda t: (-queue.explain(t, now=NOW, own={}).score, t.due_datetime, t.pk))
    assert seen == [task.pk for task in expected]


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["x", "e30", "WzFd", "!!!!", "WyIyMDI2LTAxLTAxIiwxLCIyMDI2LTAxLTAxIiwxXQ"])
def test_a_foreign_cursor_is_refused(cursor: str, sydney: Location) -> None:
    with pytest.raises(Malformed, match="first page"):
        queue.page(Task.objects.all(), now=NOW, location_ids=[], size=2, cursor=cursor)


@pytest.mark.django_db
def test_today_ends_at_each_clinics_own_midnight(sydney: Location, melbourne: Location) -> None:
    Location.objects.filter(pk=melbourne.pk).update(time_zone="Australia/Perth")
    melbourne.refresh_from_db()
    at = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)  # Sydney is past its midnight by then, Perth is not
    for location in (sydney, melbourne):
        make_task(location, due=at)
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    places = [sydney, melbourne]
    today = Task.objects.filter(queue.due_by("today", now=now, locations=places))
    assert [task.location for task in today] == [melbourne]
    assert queue.counts(Task.objects.all(), now=now, locations=places) == {
        "overdue": 0,
        "today": 1,
        "upcoming": 1,
    }
