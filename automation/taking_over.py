"""Going live: what was only recorded before, and what is done about it now.

Visits that are booked already get their reminders (`automation.golive`); the occasions that clock rules met
in shadow are free again, so that a recall noticed the week before is not lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import F, QuerySet, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from accounts.events import AUTOMATION_MODE_CHANGED
from accounts.models import Location
from automation import executor, golive
from automation.handlers import RUN_RULES
from automation.models import ActionRun, RuleRun
from automation.triggers import CLOCK
from bookings.events import BOOKING_CREATED
from bookings.models import STANDING, Booking
from contacts import locks as contact_locks
from core import clock, events, work
from core.models import Event, Work
from core.work import NewWork

GO_LIVE = "automation.go_live"
TO_DO = "The clinic went live: to be done now."


@work.handler(GO_LIVE)
def go_live(items: list[Work]) -> None:
    """Take over what a clinic that goes live has already."""
    for item in items:
        event = item.event
        if event is None or event.data["mode"] != Location.AutomationMode.LIVE:
            continue
        location = Location.objects.get(pk=event.location_id or 0)
        if location.automation_mode != Location.AutomationMode.LIVE:
            continue  # It was switched back before its turn came.
        ahead = dict(
            Booking.objects.live(clock.now())
            .filter(location=location, status__in=STANDING)
            .values_list("pk", "contact_id")
        )
        contact_locks.lock_those_there(ahead.values())
        _free_occasions(location)
        _do_what_was_held(location, ahead)
        _hear_of_bookings(location, ahead, since=event.pk)


def _free_occasions(location: Location) -> None:
    """What clock rules would have done in shadow they may do now, where there still is a reason to."""
    free_occasions(RuleRun.objects.filter(location=location, rule__is_shadow=False))


def free_occasions(runs: QuerySet[RuleRun]) -> None:
    """Let clock rules act on what they only recorded: these runs in shadow keep their record, not their anchor."""
    runs.filter(state=RuleRun.State.MATCHED, rule__trigger=CLOCK).exclude(
        anchor__startswith="shadow:"
    ).update(
        anchor=Concat(Value("shadow:"), Cast(F("pk"), CharField()), Value(":"), F("anchor")),
        updated_at=clock.now(),
    )


def _do_what_was_held(location: Location, ahead: Iterable[int]) -> None:
    """Runs of bookings recorded in shadow: reminders and stages are done now, the rest never."""
    runs = RuleRun.objects.filter(
        location=location,
        state=RuleRun.State.MATCHED,
        rule__trigger=BOOKING_CREATED.name,
        rule__is_shadow=False,
        booking_id__in=ahead,
    )
    steps: dict[int, list[ActionRun]] = defaultdict(list)
    held = ActionRun.objects.filter(run__in=runs, state=ActionRun.State.HELD).select_related("run")
    for row in held.order_by("run_id", "step"):
        steps[row.run_id].append(row)
    now, waiting = clock.now(), []
    for row in (row for rows in steps.values() for row in rows):
        if golive.BOOKED_BEFORE.allows(row.type):
            row.state, row.reason, row.run_at = ActionRun.State.PENDING, TO_DO, now
            key = f"go-live:{row.run_id}:{row.step}"
            waiting.append(executor.delayed(row.run, row.step, due_at=now, key=key))
        else:
            row.state, row.reason = ActionRun.State.SKIPPED, golive.BOOKED_BEFORE.reason
    ActionRun.objects.bulk_update(
        [row for rows in steps.values() for row in rows], ["state", "reason", "run_at"], batch_size=500
    )
    RuleRun.objects.filter(pk__in=steps).update(state=RuleRun.State.RUNNING, finished_at=None, updated_at=now)
    work.enqueue_many(waiting)


def _hear_of_bookings(location: Location, ahead: Iterable[int], *, since: int) -> None:
    """Visits booked while automation was off are heard of now; what has a run already is not run again."""
    booked = (
        Event.objects.filter(type=BOOKING_CREATED.name, booking_id__in=list(ahead))
        .order_by("booking_id", "-pk")
        .distinct("booking_id")
    )
    work.enqueue_many(
        [
            NewWork(
                handler=RUN_RULES,
                location_id=location.pk,
                subject=f"contact:{event.contact_id}",
                dedupe_key=f"go-live:{since}:{event.pk}",
                args={"taken_over": True},
                event_id=event.pk,
            )
            for event in booked
        ]
    )


def connect() -> None:
    """Hear of clinics that change how automation works for them."""
    events.subscribe([AUTOMATION_MODE_CHANGED.name], handler=GO_LIVE)
