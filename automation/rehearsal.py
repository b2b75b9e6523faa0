"""What rules would make of an act on visits, for `bookings.previews`: the rules run in the act's own transaction,
which the preview rolls back. So what is foretold is what the same rules, texts and quiet hours will do.

Steps that wait are taken too, to show their texts; they are marked `later`, because they are judged again when due.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from accounts.models import Location
from automation.delayed import delayed_action
from automation.executor import DELAYED
from automation.handlers import RUN_RULES, run_rules
from bookings import previews
from bookings.models import Booking
from bookings.previews import Consequences, Text
from core.models import Event, Work
from messaging import reasons
from messaging.models import Direction, Message, Status
from messaging.planning import WITHDRAWABLE
from messaging.quiet import QuietHours
from tasks.models import Task

#: Rules that set each other off: the engine stops a chain long before.
ROUNDS = 6

_NOTES = {
    Location.AutomationMode.SHADOW: "This clinic is not live yet: rules are recorded, and nothing is sent.",
    Location.AutomationMode.OFF: "Automation is switched off at this clinic, so nothing is sent.",
}


@dataclass(frozen=True)
class _Marks:
    """Where the tables stood before the act, and which messages were waiting."""

    work: int
    message: int
    task: int
    waiting: dict[int, tuple[object, object]]
    open_tasks: frozenset[int]


def begin(contact_ids: Collection[int]) -> previews.Follow:
    """Remember how things stand; the answer says what an act has changed."""
    marks = _marks(contact_ids)

    def follow(visits: Sequence[Booking]) -> Consequences:
        locations = {visit.location_id: visit.location for visit in visits}
        return _follow({visit.contact_id for visit in visits}, locations.values(), marks)

    return follow


def rehearse(contact_ids: Collection[int], location: Location, act: Callable[[], object]) -> Consequences:
    """What an act on contacts of one clinic would lead to. It is done and rolled back; raises what it raises."""
    with transaction.atomic():
        marks = _marks(contact_ids)
        act()
        found = _follow(contact_ids, [location], marks)
        transaction.set_rollback(True)
    return found


def _marks(contact_ids: Collection[int]) -> _Marks:
    waiting = Message.objects.filter(contact_id__in=contact_ids, status__in=WITHDRAWABLE)
    return _Marks(
        work=_last(Work),
        message=_last(Message),
        task=_last(Task),
        waiting={pk: (status, at) for pk, status, at in waiting.values_list("pk", "status", "send_at")},
        open_tasks=frozenset(
            Task.objects.filter(contact_id__in=contact_ids, status__in=Task.OPEN).values_list("pk", flat=True)
        ),
    )


def _last(model: type[Work] | type[Message] | type[Task]) -> int:
    return int(model._default_manager.aggregate(last=Max("pk"))["last"] or 0)


def _follow(contacts: Collection[int], places: Iterable[Location], marks: _Marks) -> Consequences:
    delayed = _run(contacts, marks.work)
    going: list[Text] = []
    kept_back: list[Text] = []
    for message in _new(contacts, marks):
        text = _text(message, delayed.get(message.pk))
        (going if message.status in (Status.QUEUED, Status.SCHEDULED) else kept_back).append(text)
    notes = {_NOTES.get(Location.AutomationMode(place.automation_mode), "") for place in places}
    return Consequences(
        going=tuple(sorted(going, key=lambda text: (text.at is not None, text.at))),
        withdrawn=_withdrawn(marks),
        kept_back=tuple(kept_back),
        tasks=tuple(_tasks(contacts, marks)),
        closed_tasks=Task.objects.filter(pk__in=marks.open_tasks).exclude(status__in=Task.OPEN).count(),
        note="".join(sorted(notes)) if "" not in notes else "",
    )


def _run(contacts: Collection[int], mark: int) -> dict[int, Work]:
    """Let the rules hear of what was recorded. Returns, by message, the waiting step that it came from."""
    seen = mark
    for _ in range(ROUNDS):
        items = _items(contacts, seen, RUN_RULES)
        if not items:
            break
        seen = max(item.pk for item in items)
        run_rules(items)
    made: dict[int, Work] = {}
    for item in _items(contacts, mark, DELAYED):
        before = _last(Message)
        delayed_action([item])
        made |= dict.fromkeys(Message.objects.filter(pk__gt=before).values_list("pk", flat=True), item)
    return made


def _items(contacts: Collection[int], mark: int, handler: str) -> list[Work]:
    """What the act made, in the order in which a worker would take it, with its events."""
    subjects = [f"contact:{pk}" for pk in contacts]
    items = list(
        Work.objects.filter(pk__gt=mark, handler=handler, subject__in=subjects).order_by("due_at", "pk")
    )
    events = Event.objects.in_bulk([item.event_id for item in items if item.event_id is not None])
    for item in items:
        item.event = events.get(item.event_id or 0)
    return items


def _new(contacts: Collection[int], marks: _Marks) -> list[Message]:
    rows = Message.objects.filter(
        contact_id__in=contacts, pk__gt=marks.message, direction=Direction.OUTBOUND
    ).select_related("template", "location")
    return list(rows.order_by("pk"))


def _withdrawn(marks: _Marks) -> tuple[Text, ...]:
    gone = Message.objects.filter(pk__in=marks.waiting).exclude(status__in=WITHDRAWABLE)
    return tuple(
        _text(message) for message in gone.select_related("template", "location").order_by("send_at", "pk")
    )


def _text(message: Message, step: Work | None = None) -> Text:
    at = message.send_at if message.status != Status.QUEUED else None
    if step is not None:
        place = message.location
        quiet = QuietHours(place.quiet_hours_start, place.quiet_hours_end)
        at = quiet.next_allowed(step.due_at, place.zone)
    return Text(
        contact_id=message.contact_id,
        name=message.template.name.replace("_", " ") if message.template else message.get_channel_display(),
        body=message.body,
        at=at,
        reason=reasons.words(message.reason),
        later=step is not None,
    )


def _tasks(contacts: Collection[int], marks: _Marks) -> list[str]:
    rows = Task.objects.filter(contact_id__in=contacts, pk__gt=marks.task, status__in=Task.OPEN)
    return [
        f"{task.get_type_display()}, due {task.location.local(task.due_datetime):%a %-d %b, %H:%M}"
        for task in rows.select_related("location").order_by("due_datetime", "pk")
    ]


def connect() -> None:
    """Called when the app is ready."""
    previews.followers.register("automation", begin)
