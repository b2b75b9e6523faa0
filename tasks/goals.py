"""Goals: what happened that makes an open task needless. Such a task closes itself and says why.

| type | closes when |
|---|---|
| call, call_hot_lead | a visit is booked; a `call` that a person asked for stays |
| sms_followup | a visit is booked, or a person texts them |
| welcome_call | the visit's outcome is recorded, or the visit is cancelled |
| rescue_call, recall_call, recall_reminder | a visit is booked |
| no_show_followup | a visit is booked, or the outcome is corrected |
| confirmation_call | the visit is confirmed, moved, cancelled or over |
| review_request | a review came in, or the outcome is corrected |
| referral_invite | the outcome is corrected |
| reply_needed | a person texts them |
| record_outcome | the outcome is recorded, or the visit is cancelled |
| delivery_problem | a later text is delivered, and of none is it unknown whether it went out |
| reconcile of two visits at one time | they no longer clash |
| duplicate_check | the two were merged, or somebody said that they are two people, and no other pair is left |
| any | the contact is removed |

Rules close more, as their packs say: a reply closes a lead's calls, a cancellation all tasks of its visit. What only
a person can answer (`tasks.sets.still_asking`) stays, also after a cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bookings.models import Booking
from bookings.services import clashing
from contacts import duplicates
from contacts import locks as contact_locks
from core import work
from core.causes import Cause
from core.models import Event, Work
from tasks import services
from tasks.models import Task

#: Categories of texts that answer nobody, though a person may have sent them.
NO_ANSWER = ("campaign", "review", "referral", "recall")


def _always(event: Event) -> bool:
    return True


def _written_by_a_person(event: Event) -> bool:
    return event.cause_kind == "user" and event.data["category"] not in NO_ANSWER


def _no_other_double(event: Event) -> bool:
    return not duplicates.suspects(event.contact_id or 0)


def _touchpoint(type_: str) -> Callable[[Event], bool]:
    def is_it(event: Event) -> bool:
        return bool(event.data["type"] == type_)

    return is_it


def _outcome(old: str) -> Callable[[Event], bool]:
    def was_it(event: Event) -> bool:
        return bool(event.data["old"] == old)

    return was_it


@dataclass(frozen=True)
class Goal:
    """Types of task that an event makes needless when it is so, with the reason staff read.

    `of_booking`: only those of the event's booking; `by_system`: only those that nobody made by hand; `even_asking`:
    also those that ask what only a person can answer.
    """

    types: tuple[str, ...]
    reason: str
    of_booking: bool = False
    by_system: bool = False
    even_asking: bool = False
    when: Callable[[Event], bool] = _always


GOALS: dict[str, tuple[Goal, ...]] = {
    "booking_created": (
        Goal(
            ("rescue_call", "no_show_followup", "recall_call", "recall_reminder", "call_hot_lead", "sms_followup"),
            "A visit is booked.",
        ),
        Goal(("call",), "A visit is booked.", by_system=True),
    ),
    "booking_confirmed": (Goal(("confirmation_call",), "The visit is confirmed.", of_booking=True),),
    "booking_rescheduled": (Goal(("confirmation_call",), "The visit was moved.", of_booking=True),),
    "booking_cancelled": (
        Goal(("confirmation_call", "welcome_call", "record_outcome"), "The visit was cancelled.", of_booking=True),
    ),
    "booking_outcome_missing": (Goal(("confirmation_call",), "The visit is over.", of_booking=True),),
    "booking_outcome_updated": (
        Goal(
            ("record_outcome", "confirmation_call", "welcome_call"), "The outcome is recorded.",
            of_booking=True, when=_outcome("none"),
        ),
        Goal(
            ("review_request", "referral_invite"), "The outcome was corrected.",
            of_booking=True, when=_outcome("attended"),
        ),
        Goal(("no_show_followup",), "The outcome was corrected.", of_booking=True, when=_outcome("no_show")),
    ),
    "message_sent": (
        Goal(("reply_needed", "sms_followup"), "A colleague wrote to them.", when=_written_by_a_person),
    ),
    "touchpoint_logged": (
        Goal(("delivery_problem",), "A later text was delivered.", when=_touchpoint("sms_delivered")),
        Goal(("review_request",), "They left a review.", when=_touchpoint("review_received")),
    ),
    "contact_merged": (Goal(("duplicate_check",), "Merged.", when=_no_other_double),),
    "contact_deleted": (Goal(tuple(Task.Type.values), "The contact was removed.", even_asking=True),),
}  # fmt: skip

#: After these a clash of two visits may be gone.
MAY_END_A_CLASH = (
    "booking_cancelled", "booking_rescheduled", "booking_updated", "booking_outcome_updated",
    "booking_expired",
)  # fmt: skip


@work.handler("tasks.goals", batch=100)
def close_met_goals(items: list[Work]) -> None:
    """Close what an event made needless, unless the event is the very reason the task exists."""
    contact_locks.lock_for(items)
    services.cancel_tasks_many(
        [
            wish
            for item in items
            if item.event is not None and item.event.contact_id is not None
            for wish in _wishes(item.event)
        ]
    )


def _wishes(event: Event) -> Iterable[services.CancelTasks]:
    cause = Cause("system", "tasks.goals", event.cause.chain)
    for goal in GOALS[event.type]:
        if goal.when(event):
            yield services.CancelTasks(
                reason=goal.reason, cause=cause, contact_id=event.contact_id, types=goal.types,
                booking_id=event.booking_id if goal.of_booking else None, made_before=event.recorded_at,
                created_by=Task.CreatedBy.SYSTEM if goal.by_system else "", even_asking=goal.even_asking,
            )  # fmt: skip


@work.handler("tasks.two_people")
def close_answered_duplicates(items: list[Work]) -> None:
    """Somebody said that two contacts are two people: the question is answered, unless a third one is in it."""
    for event in (item.event for item in items if item.event is not None):
        for contact_id in sorted({event.contact_id or 0, event.data["other"]}):
            asked = Task.objects.filter(
                contact_id=contact_id, type=Task.Type.DUPLICATE_CHECK, status__in=Task.OPEN
            )
            task_id = asked.values_list("pk", flat=True).first()
            if task_id is not None and not duplicates.suspects(contact_id):
                services.complete_task(task_id, outcome=Task.Outcome.NOT_NEEDED, cause=event.cause)


@work.handler("tasks.clashes", batch=100)
def close_ended_clashes(items: list[Work]) -> None:
    """Close the tasks about two visits at one time that no longer are: the one or the other was moved or ended."""
    shown = Task.objects.filter(
        type=Task.Type.RECONCILE, status__in=Task.OPEN, booking__isnull=False,
        location_id__in={item.event.location_id for item in items if item.event is not None},
    )  # fmt: skip
    visits = dict(shown.order_by("pk").values_list("pk", "booking_id"))
    still = set(clashing(Booking.objects.filter(pk__in=visits.values())).values_list("pk", flat=True))
    services.cancel_tasks_many(
        [
            services.CancelTasks(
                reason="The two visits no longer clash.", cause=Cause.system("tasks.clashes"),
                booking_id=booking_id, types=(Task.Type.RECONCILE,),
            )
            for booking_id in visits.values()
            if booking_id not in still
        ]
    )  # fmt: skip
