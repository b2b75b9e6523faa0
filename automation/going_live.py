"""Going live: the visits that are in the diary already get their reminders, and nothing else.

While a clinic was in shadow its rules acted on nothing, so nobody planned the reminders of what was booked then.
"""

from __future__ import annotations

from accounts.events import AUTOMATION_MODE_CHANGED
from accounts.models import Location
from automation import engine, facts, rulebook
from automation.intents import ScheduleReminders
from automation.subjects import Happening
from bookings.models import Booking
from core import clock, events, work
from core.causes import Cause
from core.models import Event, Work
from messaging import services as messages

PLAN_REMINDERS = "automation.plan_reminders"
BOOKED = "booking_created"
PART = 200


@work.handler(PLAN_REMINDERS)
def plan_reminders(items: list[Work]) -> None:
    """Plan what the clinic's rules would have planned for each visit to come; a part at a time."""
    for item in items:
        location = Location.objects.get(pk=item.location_id or 0)
        if location.automation_mode != Location.AutomationMode.LIVE or not _went_live(item):
            continue
        last = plan_part(location, after=int(item.args.get("after", 0)))
        if last is not None:
            work.enqueue(PLAN_REMINDERS, location_id=location.pk, subject=item.subject, args={"after": last})


def _went_live(item: Work) -> bool:
    event = Event.objects.filter(pk=item.event_id).first() if item.event_id else None
    return event is None or event.data.get("mode") == Location.AutomationMode.LIVE


def plan_part(location: Location, *, after: int) -> int | None:
    """Plan reminders for the next visits behind the booking `after`; behind which to go on, None at the end.

    A visit whose reminders are planned gets none twice.
    """
    now = clock.now()
    to_come = Booking.objects.standing().filter(
        location=location, outcome=Booking.Outcome.NONE, appointment_datetime__gt=now, pk__gt=after
    )
    visits = list(to_come.order_by("pk")[:PART])
    rules = rulebook.active([location.pk], [BOOKED]).get((location.pk, BOOKED), [])
    texts = engine.in_order([rulebook.text_of(rule) for rule in rules])
    subjects = facts.load(
        [_booked(visit) for visit in visits], {}, now=now, locations={location.pk: location}
    )
    plans = []
    for visit in visits:
        for plan in engine.decide(subjects[visit.pk], texts, now=now) if visit.pk in subjects else ():
            wanted = (step.intent for step in plan.steps if isinstance(step.intent, ScheduleReminders))
            plans += [
                messages.ReminderPlan(visit.pk, intent.offsets, intent.templates, Cause.system("going_live"))
                for intent in wanted
            ]
    messages.schedule_reminders(plans)
    return visits[-1].pk if len(visits) == PART else None


def _booked(visit: Booking) -> Happening:
    """The visit's booking, as if it were told now."""
    return Happening(
        event_id=visit.pk,
        type=BOOKED,
        location_id=visit.location_id,
        anchor="",
        cause=Cause.system("going_live"),
        occurred_at=visit.became_live_at or visit.created_at,
        contact_id=visit.contact_id,
        booking_id=visit.pk,
    )


def connect() -> None:
    """Called from AppConfig.ready()."""
    events.subscribe([AUTOMATION_MODE_CHANGED.name], handler=PLAN_REMINDERS)
