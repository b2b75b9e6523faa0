"""What tasks hear of: wishes that other apps cannot make themselves, goals that were met, the passing of time.

Everything that wants a human is a task; a task whose goal is met closes itself and says why (`tasks.goals`).
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection, transaction

from accounts.models import Location
from contacts import locks as contact_locks
from core import clock, events, ticks, work
from core.causes import Cause
from core.events import NewEvent, record_many
from core.models import Event, Work
from tasks import goals, handover, priority, services
from tasks.events import TASK_OVERDUE
from tasks.models import Task

DUPLICATES_WITHIN = timedelta(days=1)
OVERDUE_BATCH = 500
STILL_NO_OUTCOME = "The day ended without it: did the patient come?"


def connect() -> None:
    """Subscribe; called once the apps are ready."""
    events.subscribe(("duplicate_suspected", "booking_clash"), handler="tasks.wishes")
    events.subscribe(goals.GOALS, handler="tasks.goals")
    events.subscribe(("duplicate_dismissed",), handler="tasks.two_people")
    events.subscribe(goals.MAY_END_A_CLASH, handler="tasks.clashes")
    handover.connect()
    ticks.register("1min", "tasks.hand_over", handover.tick)
    ticks.register("1min", "tasks.refresh", refresh_copies)
    ticks.register("1min", "tasks.overdue", tell_overdue)


@work.handler("tasks.wishes", batch=100)
def make_wishes(items: list[Work]) -> None:
    """A possible duplicate and a clash of visits want a person."""
    contact_locks.lock_for(items)
    happened = [item.event for item in items if item.event is not None]
    locations = Location.objects.in_bulk({event.location_id for event in happened})
    services.create_tasks([_wish(event, locations[event.location_id or 0]) for event in happened])


def _wish(event: Event, location: Location) -> services.NewTask:
    cause = Cause("system", "tasks.wishes", event.cause.chain)
    if event.type == "duplicate_suspected":
        return services.NewTask(
            contact_id=event.contact_id, type="duplicate_check", due_at=clock.now() + DUPLICATES_WITHIN,
            notes="This person shares a phone or e-mail with another contact. Are they the same?", cause=cause,
        )  # fmt: skip
    return services.NewTask(
        contact_id=event.contact_id, booking_id=event.booking_id, type="reconcile", priority="high",
        due_at=location.end_of_business_day(clock.now()),
        notes="Two visits stand at one time for one practitioner or room. Move one of them.", cause=cause,
    )  # fmt: skip


def refresh_copies() -> int:
    """Bring the copies that order the queue in line with their contact and booking. One statement, which waits
    for nobody: what somebody holds is put right at the next tick.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH stale AS (
                   SELECT t.id, c.warmness_score, COALESCE(b.urgency_level, t.urgency) AS urgency
                   FROM tasks_task t
                   JOIN contacts_contact c ON c.id = t.contact_id
                   LEFT JOIN bookings_booking b ON b.id = t.booking_id
                   WHERE t.status IN ('todo', 'in_progress')
                     AND (t.warmness <> c.warmness_score OR t.urgency <> COALESCE(b.urgency_level, t.urgency))
                   ORDER BY t.id FOR UPDATE OF t SKIP LOCKED)
               UPDATE tasks_task t SET warmness = stale.warmness_score, urgency = stale.urgency
               FROM stale WHERE stale.id = t.id"""
        )
        return 0  # keeping copies true is not work that a relay should wait for


def tell_overdue() -> int:
    """Record task_overdue, once for each task, and make a visit still without its outcome pressing."""
    now = clock.now()
    with transaction.atomic():
        late = list(
            Task.objects.filter(status__in=Task.OPEN, due_datetime__lt=now, overdue_told_at__isnull=True)
            .select_for_update(no_key=True, skip_locked=True, of=("self",))
            .order_by("due_datetime", "pk")[:OVERDUE_BATCH]
        )
        for task in late:
            task.overdue_told_at = now
            if task.type == Task.Type.RECORD_OUTCOME:
                task.priority_floor = max(task.priority_floor, priority.FLOORS["urgent"])
                task.notes = f"{task.notes}\n{STILL_NO_OUTCOME}".strip()
        Task.objects.bulk_update(late, ["overdue_told_at", "priority_floor", "notes"])
        record_many(
            [
                NewEvent(
                    type=TASK_OVERDUE, cause=Cause.clock("tasks.overdue"), location_id=task.location_id,
                    contact_id=task.contact_id, booking_id=task.booking_id,
                    data={"task": str(task.public_id), "type": task.type},
                )
                for task in late
            ]
        )  # fmt: skip
    return len(late)
