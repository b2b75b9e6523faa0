"""Is what a simulation left behind lawful? Read from the rows alone, by rules written down here a second time.

Each check returns what it found wrong, each with the public id of the row; an empty list is what is hoped for. Nothing
here asks `messaging.policy` or `contacts.pipeline` whether they were right, but for the tables of domain words.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from automation.models import ActionRun, RuleRun
from bookings.models import LIVE, STANDING, Booking, Status
from contacts import pipeline
from contacts.models import Consent, Contact, StageChange
from contacts.pipeline import Place
from core.models import Event, Work
from integrations.models import Receipt
from messaging import reasons
from messaging.models import CLAIMABLE, Category, Direction, Message
from messaging.models import Status as MessageStatus
from tasks.models import Task

CARRIER_REPLIES = ("stop_reply", "help_reply")
WENT_OUT = (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.FAILED)
JUST_ACTED = timedelta(minutes=15)
#: How late a moment may be looked at: what falls due together is seen to together.
LATE = timedelta(minutes=65)


@dataclass(frozen=True)
class Breach:
    """One thing that ought not to be: which law, which row, what stands there."""

    law: str
    row: str
    what: str


def judge(now: datetime) -> list[Breach]:
    """Everything that is not as it should be at `now`, when nothing that was due is left to do."""
    return [breach for law in LAWS for breach in law(now)]


# Contacts and visits


def stages(now: datetime) -> Iterable[Breach]:
    """Every contact's moves form one chain of lawful moves that ends where the contact stands."""
    moves: dict[int, list[StageChange]] = defaultdict(list)
    for change in StageChange.objects.order_by("pk"):
        moves[change.contact_id].append(change)
    for contact in Contact.objects.order_by("pk"):
        at = Place(contact.current_pipeline, contact.current_stage)
        chain = [Place(move.to_pipeline, move.to_stage) for move in moves[contact.pk]]
        if at not in pipeline.STAGE_LABELS:
            yield Breach("stages", str(contact.public_id), f"stands at {at}, which is no stage")
        if chain and chain[-1] != at:
            yield Breach(
                "stages", str(contact.public_id), f"stands at {at}, but was moved to {chain[-1]} last"
            )
        for before, move in pairwise(moves[contact.pk]):
            left = Place(move.from_pipeline, move.from_stage)
            if left != Place(before.to_pipeline, before.to_stage):
                yield Breach("stages", str(contact.public_id), f"left {left} without having come there")
        for move in moves[contact.pk]:
            left, came = Place(move.from_pipeline, move.from_stage), Place(move.to_pipeline, move.to_stage)
            # A booking takes its contact along from wherever they are, by way of `booked`.
            if move.from_stage and came != pipeline.BOOKED and not pipeline.allowed(left, came):
                yield Breach("stages", str(contact.public_id), f"{left} to {came} is no lawful move")


def next_visits(now: datetime) -> Iterable[Breach]:
    """A stage speaks of the next visit: whoever has one ahead stands before it, and nobody else waits for one."""
    ahead = set(
        Booking.objects.filter(status__in=STANDING, ends_at__gt=now, outcome="none").values_list(
            "contact", flat=True
        )
    )
    unresolved = set(
        Booking.objects.filter(status__in=STANDING, ends_at__lte=now, outcome="none").values_list(
            "contact", flat=True
        )
    )
    for contact in Contact.objects.order_by("pk"):
        waits = contact.current_pipeline == pipeline.PRE_APPOINTMENT
        if contact.pk in ahead and not waits:
            yield Breach(
                "next_visits", str(contact.public_id), f"has a visit ahead but is {contact.current_stage}"
            )
        if waits and contact.pk not in ahead | unresolved:
            yield Breach("next_visits", str(contact.public_id), f"is {contact.current_stage} without a visit")


def visits(now: datetime) -> Iterable[Breach]:
    """A visit that is over has an outcome, or a task that asks for it; no pending one has lapsed unseen."""
    asked = set(
        Task.objects.filter(type="record_outcome", status__in=Task.OPEN).values_list("booking", flat=True)
    )
    for booking in Booking.objects.order_by("pk"):
        row = str(booking.public_id)
        over = booking.ends_at + timedelta(hours=1) + LATE <= now
        if booking.status in STANDING and over and booking.outcome == "none" and booking.pk not in asked:
            yield Breach("visits", row, "is over, without an outcome and without a task that asks for it")
        if (
            booking.status == Status.PENDING
            and booking.expires_at is not None
            and booking.expires_at + LATE <= now
        ):
            yield Breach("visits", row, "is still pending after its time")
        if booking.status not in STANDING and booking.outcome != "none":
            yield Breach("visits", row, f"is {booking.status} and yet {booking.outcome}")
    live = Booking.objects.filter(status__in=LIVE, practitioner__isnull=False, overlap_accepted=False)
    for first, second in pairwise(live.order_by("practitioner", "appointment_datetime", "pk")):
        if first.practitioner_id == second.practitioner_id and first.ends_at > second.appointment_datetime:
            yield Breach("visits", str(second.public_id), "stands at the time of another one")


def leads(now: datetime) -> Iterable[Breach]:
    """No lead is left alone: it is written to, called, or lost with a reason; none is dormant unseen."""
    silent = now - timedelta(days=91)
    left = Contact.objects.filter(current_pipeline=pipeline.LEAD_TO_BOOKING, deleted_at__isnull=True)
    for contact in left.exclude(current_stage="dead_lost").order_by("pk"):
        if contact.last_touchpoint_at is not None and contact.last_touchpoint_at < silent:
            yield Breach("leads", str(contact.public_id), "has heard nothing for three months")


# Messages


def explained(now: datetime) -> Iterable[Breach]:
    """Every text went out, waits for its time, or says in words why not; and says who or what wanted it."""
    runs = {str(pk) for pk in RuleRun.objects.values_list("pk", flat=True)}
    for message in _outbound():
        row = str(message.public_id)
        if message.status in CLAIMABLE:
            waits_until = message.next_try_at or message.send_at
            if waits_until is None or waits_until + LATE <= now:
                yield Breach("explained", row, f"is {message.status} though its time has come")
        elif message.status not in WENT_OUT and message.reason not in reasons.WORDS:
            yield Breach(
                "explained", row, f"is {message.status} because of {message.reason!r}, which says nothing"
            )
        if message.cause_kind == "rule_run" and message.cause_id not in runs:
            yield Breach("explained", row, "comes from a run of a rule that is not there")


def windows(now: datetime) -> Iterable[Breach]:
    """Nothing went out at night but what answers somebody who had just acted, nor after it had lost its meaning."""
    for message in _outbound().filter(sent_at__isnull=False):
        row, at = str(message.public_id), message.sent_at
        assert at is not None
        wall = message.location.local(at).time()
        starts, ends = message.location.quiet_hours_start, message.location.quiet_hours_end
        quiet = wall >= starts or wall < ends
        acted = message.acted_at is not None and at - message.acted_at <= JUST_ACTED + timedelta(minutes=2)
        answers = message.exempt_quiet or message.category == Category.REPLY
        if quiet and not (acted or answers):
            yield Breach("windows", row, f"went out at {wall:%H:%M}")
        if message.expires_at is not None and at >= message.expires_at:
            yield Breach("windows", row, "went out after it had lost its meaning")
        if message.category == Category.REMINDER and message.visit_at is not None and at >= message.visit_at:
            yield Breach("windows", row, "reminded of a visit that had begun")


def opt_outs(now: datetime) -> Iterable[Breach]:
    """After STOP nothing but the answer to it went to that number, until START."""
    said = Consent.objects.filter(channel="sms", purpose="service", state="withdrawn").order_by("pk")
    spells = [(row.location_id, row.address, row.at, row.superseded_at) for row in said]
    for location_id, address, since, until in spells:
        sent = _outbound().filter(location_id=location_id, address=address, sent_at__gt=since)
        for message in sent if until is None else sent.filter(sent_at__lt=until):
            if message.template is None or message.template.name not in CARRIER_REPLIES:
                yield Breach("opt_outs", str(message.public_id), "went to a number that had said STOP")


def about_visits(now: datetime) -> Iterable[Breach]:
    """No confirmation or reminder of a visit that was cancelled, over, or at another time when it went out."""
    moved: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for event in Event.objects.filter(type="booking_rescheduled").order_by("pk"):
        moved[event.booking_id or 0].append((event.recorded_at, datetime.fromisoformat(event.data["new"])))
    bound = _outbound().filter(
        category__in=("booking", "reminder"), sent_at__isnull=False, booking__isnull=False
    )
    for message in bound:
        booking, at, row = message.booking, message.sent_at, str(message.public_id)
        assert booking is not None
        assert at is not None
        if (
            booking.cancelled_at is not None
            and booking.cancelled_at < at
            and booking.status == Status.CANCELLED
        ):
            yield Breach("about_visits", row, "went out after the visit was cancelled")
        known = [new for when, new in moved[booking.pk] if when <= at]
        if known and message.visit_at is not None and message.visit_at != known[-1]:
            yield Breach("about_visits", row, "spoke of the visit's earlier time")


def once(now: datetime) -> Iterable[Breach]:
    """The same words about the same thing went to the same person once."""
    said = Counter(
        (message.contact_id, message.template_id, message.booking_id, message.visit_at, message.body)
        for message in _outbound().filter(
            status__in=(MessageStatus.SENT, MessageStatus.DELIVERED), booking__isnull=False,
            category__in=("booking", "reminder", "rescue", "review", "referral", "recall"),
        )
    )  # fmt: skip
    for (contact_id, *_), count in said.items():
        if count > 1:
            yield Breach("once", f"contact {contact_id}", f"was told the same {count} times")


def _outbound() -> Any:
    rows = Message.objects.filter(direction=Direction.OUTBOUND).order_by("pk")
    return rows.select_related("location", "booking", "template")


# Work, rules, tasks


def work_done(now: datetime) -> Iterable[Breach]:
    """Nothing is parked, nothing that was due is left, no delivery failed."""
    for item in Work.objects.filter(state="parked"):
        yield Breach("work_done", item.handler, f"is parked: {item.last_error[:80]}")
    for item in Work.objects.filter(state__in=("pending", "claimed"), due_at__lte=now - LATE):
        yield Breach("work_done", item.handler, "was due and was not done")
    for receipt in Receipt.objects.exclude(state__in=("applied", "ignored")):
        yield Breach("work_done", str(receipt.public_id), f"a delivery is {receipt.state}: {receipt.error}")


def rules(now: datetime) -> Iterable[Breach]:
    """No rule failed or was stopped, and no step waits beyond its time."""
    for run in RuleRun.objects.filter(state__in=("failed", "stopped")).select_related("rule"):
        yield Breach("rules", f"{run.rule.key} {run.public_id}", f"{run.state}: {run.reason[:80]}")
    for step in ActionRun.objects.filter(state="failed").select_related("run__rule"):
        yield Breach("rules", f"{step.run.rule.key} {step.type}", f"failed: {step.reason[:80]}")
    for step in ActionRun.objects.filter(state="pending", run_at__lte=now - LATE):
        yield Breach("rules", step.type, "waits beyond its time")


def tasks(now: datetime) -> Iterable[Breach]:
    """Every closed task says how it ended; one that is overdue was told of once."""
    for task in Task.objects.exclude(status__in=Task.OPEN).order_by("pk"):
        if not (task.closed_reason if task.status == Task.Status.CANCELLED else task.outcome):
            yield Breach("tasks", f"{task.type} {task.public_id}", f"is {task.status} and does not say why")


LAWS: tuple[Callable[[datetime], Iterable[Breach]], ...] = (
    stages, next_visits, visits, leads, explained, windows, opt_outs, about_visits, once, work_done, rules, tasks,
)  # fmt: skip


# What it comes to


def figures() -> dict[str, int]:
    """How much happened."""
    sent = Message.objects.filter(direction=Direction.OUTBOUND, status__in=(MessageStatus.SENT, "delivered"))
    return {
        "people": Contact.objects.count(),
        "visits": Booking.objects.count(),
        "attended": Booking.objects.filter(outcome="attended").count(),
        "did not attend": Booking.objects.filter(outcome="no_show").count(),
        "cancelled": Booking.objects.filter(status=Status.CANCELLED).count(),
        "texts sent": sent.count(),
        "texts received": Message.objects.filter(direction=Direction.INBOUND).count(),
        "texts kept back": Message.objects.filter(direction=Direction.OUTBOUND, status__in=KEPT_BACK).count(),
        "tasks": Task.objects.count(),
        "rule runs": RuleRun.objects.exclude(state="not_matched").count(),
        "events": Event.objects.count(),
    }


KEPT_BACK = ("suppressed", "skipped", "held", "expired", "cancelled", "parked")


def digest() -> str:
    """A fingerprint of everything that matters, without ids: the same for two runs that went alike."""
    said = hashlib.sha256()
    for rows in (
        Contact.objects.values_list("name", "phone", "current_pipeline", "current_stage", "warmness_score"),
        Contact.objects.values_list("name", "phone", "recall_due_date", "is_existing_patient"),
        Booking.objects.values_list("contact__name", "contact__phone", "appointment_datetime", "status", "outcome"),
        Message.objects.values_list("address", "direction", "status", "reason", "body", "send_at", "sent_at"),
        Task.objects.values_list("contact__name", "type", "status", "due_datetime", "outcome", "closed_reason"),
        StageChange.objects.values_list("contact__name", "contact__phone", "to_pipeline", "to_stage", "at"),
        RuleRun.objects.values_list("rule__key", "contact__name", "state", "reason"),
        Event.objects.values_list("type", "recorded_at", "source", "cause_kind"),
    ):  # fmt: skip
        for row in sorted(json.dumps(row, default=str) for row in rows):
            said.update(row.encode())
    return said.hexdigest()[:16]
