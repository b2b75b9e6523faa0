"""Tasks as rows of Today: place, reasons, worth, next steps; a page of them costs the same few queries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts import access, pages, roles
from accounts.models import Location, User
from accounts.staff_links import change_url
from bookings.models import Booking, Service, Status
from core import clock
from core.localtime import in_words
from tasks import calls, next_steps, priority, queue, row_parts, services, snoozing, worth
from tasks.models import Task
from tasks.next_steps import Step

CALL_OUTCOMES = (
    ("connected", "Spoke to them"), ("voicemail", "Left a voicemail"), ("no_answer", "No answer"),
    ("wrong_number", "Wrong number"),
)  # fmt: skip
OTHER_OUTCOMES = (("success", "Done"), ("not_needed", "Not needed"))
TITLES: dict[str, Any] = dict(Task.Type.choices)
OUTCOMES: dict[str, Any] = dict(Task.Outcome.choices)


@dataclass(frozen=True)
class Row:
    """One task as the queue shows it: its place, why it is there, what it is worth, and what may be done with it.

    Times are words on the clinic's clock, and addresses are ready: a page shows hundreds of both.
    """

    task: Task
    place: priority.Priority
    timeframe: priority.Timeframe
    due: str
    visit: str
    held_by: str
    held_until: str
    may_act: bool
    back: str
    presets: list[tuple[str, str]]
    steps: tuple[Step, ...]
    worth: str
    warmth: str
    again: str
    parts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    typed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> SafeString:
        return SafeString(self.task.public_id)

    @property
    def acts_at(self) -> SafeString:
        """The address under which its acts and panels are: `start/`, `panel/book/`."""
        return SafeString(pages.address("tasks_act", self.task.public_id, "act").removesuffix("act/"))

    @property
    def page(self) -> str:
        return change_url(self.task)

    @property
    def person_page(self) -> str:
        contact = self.task.contact
        return change_url(contact) if contact else ""

    @property
    def visit_page(self) -> str:
        booking = self.task.booking
        return change_url(booking) if booking else ""

    @property
    def rank(self) -> str:
        """Its place in words: "HIGH 112"."""
        return f"{self.place.category} {self.place.score}"

    @property
    def title(self) -> str:
        return str(TITLES.get(self.task.type, self.task.type))

    @property
    def ended(self) -> str:
        """How it was completed, in words."""
        return str(OUTCOMES.get(self.task.outcome, self.task.outcome))

    @property
    def is_call(self) -> bool:
        return self.task.type in Task.CALL_TYPES

    @property
    def outcomes(self) -> tuple[tuple[str, str], ...]:
        """How it may be completed."""
        return CALL_OUTCOMES if self.is_call else OTHER_OUTCOMES

    @property
    def endings(self) -> SafeString:
        """Buttons for its outcomes: the same for all rows of a kind, so drawn once."""
        return _endings(self.outcomes)

    @property
    def try_again(self) -> str:
        """When to call again if nobody answers: as it was typed, else as is usual after so many attempts."""
        return str(self.typed.get("again") or self.again)

    @property
    def why(self) -> str:
        """Its reasons in one line."""
        return " ".join(self.place.reasons)

    @property
    def offers_done(self) -> bool:
        """Whether "Done" is among the outcomes, because no step says so."""
        return all(step.key != "done" for step in self.steps)

    @property
    def free(self) -> bool:
        """Whether this person may act on it now: nobody else is on it."""
        return self.may_act and self.held_by in ("", "you")

    @property
    def version(self) -> str:
        """Changes when the row would look different."""
        said = (
            self.task.status, self.held_by, self.held_until, self.due, self.task.notes, self.task.assigned_to_id,
            self.place.score, self.back, self.timeframe, [step.key for step in self.steps], self.worth,
            [context.get("version") for _, context in self.parts],
        )  # fmt: skip
        return hashlib.blake2s(repr(said).encode(), digest_size=6).hexdigest()


@cache
def _endings(outcomes: tuple[tuple[str, str], ...]) -> SafeString:
    button = '<button class="dk-button" name="outcome" value="{}">{}</button>'
    return format_html_join("", button, outcomes)


_SHOWN = (
    *(field.name for field in Task._meta.concrete_fields),
    "contact__public_id", "contact__name", "contact__phone", "contact__intent", "contact__guardian__name",
    "contact__guardian__phone", "booking__public_id", "booking__appointment_datetime", "booking__ends_at",
    "booking__status", "booking__outcome", "booking__price_cents", "booking__service__name",
    "booking__service__price_cents", "assigned_to__name", "assigned_to__email", "claimed_by__name",
    "location__name", "location__time_zone", "location__currency",
)  # fmt: skip


def full(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """With all that a row and its acts look at."""
    return tasks.select_related(
        "contact__guardian", "booking__service", "assigned_to", "claimed_by", "location"
    )


def shown(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """With what rows show, and no more: for lists."""
    return full(tasks).only(*_SHOWN)


def rows_of(
    tasks: Sequence[Task], user: User, *, now: datetime, own: Mapping[int, priority.Weights],
    typed: Mapping[str, Any] | None = None, parts: bool = True,
) -> list[Row]:  # fmt: skip
    """Rows for these tasks, in their order. `own` are the locations' own weights; `typed` is put back into a form;
    without `parts` they have only what is the task's own.
    """
    known = frozenset(row_parts.acts)
    found = _parts(tasks, user, now) if parts else {}
    values = _worth(tasks)
    return [
        _row(task, user, now, dict(own), known, found.get(task.pk, []), values.get(task.pk, ""), typed or {})
        for task in tasks
    ]


def _row(
    task: Task, user: User, now: datetime, own: dict[int, priority.Weights], known: frozenset[str],
    parts: list[tuple[str, dict[str, Any]]], value: str, typed: Mapping[str, Any],
) -> Row:  # fmt: skip
    location: Location = task.location
    until, asleep = task.claimed_until, task.snoozed_until
    held = task.claimed_by is not None and until is not None and until > now
    presets = snoozing.offered(now=now, zone=location.zone)
    return Row(
        task=task,
        place=queue.explain(task, now=now, own=own),
        timeframe=priority.timeframe(task.due_datetime, now, location.zone),
        due=in_words(location.local(task.due_datetime)),
        visit=in_words(location.local(task.booking.appointment_datetime)) if task.booking else "",
        held_by=_holder(task, user) if held else "",
        held_until=f"{location.local(until):%H:%M}" if held and until else "",
        may_act=access.allowed(user, roles.UPDATE, "tasks", location),
        back=in_words(location.local(asleep)) if asleep and asleep > now else "",
        presets=presets,
        steps=tuple(
            step
            for step in next_steps.steps(situation(task, now=now, known=known))
            if parts or step.how != next_steps.How.HERE
        ),
        worth=value,
        warmth=f"{worth.warmth(task.warmness)} ({task.warmness})" if task.contact_id else "",
        again=next_steps.second_try(task.attempts, {key for key, _ in presets}, services.MOST_ATTEMPTS),
        parts=parts,
        typed=typed,
    )


def _holder(task: Task, user: User) -> str:
    if task.claimed_by_id == user.pk:
        return "you"
    return str((task.claimed_by and task.claimed_by.name) or "a colleague")


def situation(task: Task, *, now: datetime, known: frozenset[str]) -> next_steps.Situation:
    """What a task's steps are chosen by."""
    booking: Booking | None = task.booking
    visit, can_confirm = "", False
    if booking is not None:
        unknown = booking.outcome == Booking.Outcome.NONE and booking.status != Status.CANCELLED
        visit = ("over" if booking.ends_at <= now else "ahead") if unknown else "closed"
        can_confirm = visit == "ahead" and booking.status in (Status.SCHEDULED, Status.RESCHEDULED)
    contact = task.contact
    return next_steps.Situation(
        type=task.type,
        person=contact is not None,
        phone=contact is not None and bool(contact.reach_phone),
        visit=visit,
        can_confirm=can_confirm,
        wrong_number=calls.WRONG_NUMBER_NOTE in task.notes,
        known=known,
    )


def _parts(tasks: Sequence[Task], user: User, now: datetime) -> dict[int, list[tuple[str, dict[str, Any]]]]:
    found: dict[int, list[tuple[str, dict[str, Any]]]] = {}
    for _, part in row_parts.parts.items():
        mine = [task for task in tasks if task.type in part.types]
        if mine:
            for pk, context in part.load(mine, user, now).items():
                found.setdefault(pk, []).append((part.template, context))
    return found


def _worth(tasks: Sequence[Task]) -> dict[int, str]:
    """What each is worth, in words: its visit's price, the last attended one's, or what the clinic usually charges."""
    without = [task for task in tasks if task.contact_id is not None and not _price(task.booking)]
    last: dict[int, int] = {}
    prices: dict[int, list[worth.Price]] = {}
    if without:
        attended = Booking.objects.filter(
            contact_id__in={task.contact_id for task in without}, outcome=Booking.Outcome.ATTENDED
        )
        newest = attended.order_by("contact_id", "-appointment_datetime", "-pk").distinct("contact_id")
        for contact_id, agreed, usual in newest.values_list(
            "contact_id", "price_cents", "service__price_cents"
        ):
            last[contact_id] = agreed or usual or 0
        offered = Service.objects.filter(
            location_id__in={task.location_id for task in without}, is_active=True, price_cents__gt=0
        ).order_by()
        for location_id, kind, risky, cents in offered.values_list(
            "location_id", "service_type", "is_high_risk", "price_cents"
        ):
            prices.setdefault(location_id, []).append(worth.Price(kind, risky, cents or 0))
    found = {}
    for task in tasks:
        contact, location = task.contact, task.location
        found[task.pk] = worth.words(
            currency=location.currency,
            visit_cents=_price(task.booking),
            recall_cents=last.get(contact.pk) if contact else None,
            lead_cents=worth.usual_price(contact.intent, prices.get(location.pk, [])) if contact else None,
        )
    return found


def _price(booking: Booking | None) -> int:
    return (booking.price_cents or booking.service.price_cents or 0) if booking is not None else 0


def one(task_id: int, user: User, *, typed: Mapping[str, Any] | None = None) -> Row:
    """The row of one task, read anew."""
    task = full(Task.objects.all()).get(pk=task_id)
    own = queue.weights_by_location([task.location_id])
    return rows_of([task], user, now=clock.now(), own=own, typed=typed)[0]
