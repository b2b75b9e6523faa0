"""What one person's messages will become if nothing else changes: the sender, played forward without a database.

`Outbox.of(contact)` reads, in a fixed number of queries, what waits and all that it is judged by. Then it is pure:
messages are put in, withdrawn, and sent at moments still to come, by the same judgement as the sender's
(`judging.judge_by`). Limits count what this number got until now and what it will get; of what the clinic will spend
on others on a later day nothing is known. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Q

from bookings.models import STANDING, Booking
from contacts.models import Contact
from core import localtime
from messaging import judging, limits, queueing, reasons, wordings
from messaging.models import PENDING, Channel, Direction, Message, Status, Template
from messaging.planning import ReminderPlan, reminder_wishes
from messaging.queueing import NewMessage

WAITING = (*PENDING, Status.CLAIMED)


@dataclass
class Coming:
    """A message on its way. `origin` is whatever its owner wants to know it by. `end` is empty while it waits, then
    "sent", or the status it ended in; `reason` a code.
    """

    message: Message
    due: datetime
    origin: object = None
    end: str = ""
    reason: str = ""
    body: str = ""
    subject: str = ""
    address: str = ""

    @property
    def why(self) -> str:
        """The reason in words for staff."""
        return reasons.words(self.reason)


@dataclass(frozen=True)
class _Got:
    """A message that its number got, or will have got."""

    at: datetime
    message: Message
    words: tuple[str, str]


@dataclass
class Outbox:
    """One person's messages, from now on."""

    contact: Contact
    facts: judging.Facts
    templates: dict[tuple[str, str], dict[str, Template]]
    keys: set[str]
    coming: list[Coming] = field(default_factory=list)
    got: list[_Got] = field(default_factory=list)
    visits: list[Booking] = field(default_factory=list)

    @classmethod
    def of(
        cls, contact: Contact, now: datetime, bookings: Sequence[Booking] = (), last_visit: date | None = None
    ) -> Outbox:
        """What waits for this person. Eight queries. Messages share these `bookings` with whoever plays, who also
        knows the day (UTC) of the last visit they came to.
        """
        rows, received = _read(contact, now)
        shared = {booking.pk: booking for booking in bookings}
        for row in rows:
            row.contact = contact
            row.booking = shared.get(row.booking_id or 0, row.booking)
        facts = judging.gather([*rows, *_probes(contact, now)], played=True)
        facts.last_visits = {} if last_visit is None else {contact.pk: last_visit}
        templates: dict[tuple[str, str], dict[str, Template]] = {}
        for one in Template.objects.filter(location=contact.location_id):
            templates.setdefault((one.name, one.channel), {})[one.language] = one
        facts.for_confirmed = {
            (contact.location_id, name, language): one
            for (name, channel), found in templates.items()
            for language, one in found.items()
            if name.endswith(judging.CONFIRMED) and channel == Channel.SMS and one.is_active
        }
        keys = Message.objects.filter(contact=contact, dedupe_key__isnull=False).values_list(
            "dedupe_key", flat=True
        )
        box = cls(contact, facts, templates, set(filter(None, keys)), visits=list(bookings))
        box.coming = [Coming(row, _due(row, now)) for row in rows]
        box.got = [_Got(row.sent_at or now, row, (row.address, row.body)) for row in received]
        for coming in box.coming:
            if coming.message.status == Status.HELD:
                coming.end, coming.reason = Status.HELD, coming.message.reason
                coming.body, coming.address = coming.message.body, coming.message.address
        return box

    def next_due(self) -> datetime | None:
        """When the next message falls due."""
        return min((each.due for each in self.coming if not each.end), default=None)

    def queue(
        self, wish: NewMessage, booking: Booking | None, now: datetime, origin: object = None
    ) -> Coming | None:
        """Put a message in line; None where its business cause has one already, or it would only be noted."""
        if wish.dedupe_key in self.keys:
            return None
        self.keys.add(wish.dedupe_key)
        by_language = self.templates.get((wish.template, wish.channel), {})
        template = wordings.choose(by_language, wish.language or self.contact.language)
        message = queueing.unsaved(
            wish, self.contact, template if template and template.is_active else None, now=now
        )
        message.booking = booking
        if booking is not None and message.category in queueing.VISIT_BOUND:
            message.visit_at = booking.appointment_datetime
        coming = Coming(message, message.send_at or now, origin)
        self.coming.append(coming)
        if wish.skip:
            coming.end, coming.reason = Status.SKIPPED, wish.skip
        else:
            self._judge(coming, now, planning=True)
        return coming

    def plan_reminders(
        self, plan: ReminderPlan, booking: Booking, now: datetime, origin: object = None
    ) -> None:
        """Plan a visit's reminders, and withdraw those of another time."""
        if booking.status not in STANDING or booking.outcome != Booking.Outcome.NONE:
            return
        for each in self.coming:
            old = each.message
            if (
                not each.end and old.booking_id == booking.pk and old.category == "reminder"
                and old.visit_at != booking.appointment_datetime
            ):  # fmt: skip
                each.end, each.reason = Status.SKIPPED, "visit_moved"
        for wish in reminder_wishes(plan, booking, now):
            self.queue(wish, booking, now, origin)

    def withdraw(self, booking_id: int, reason: str) -> None:
        """Withdraw what a visit's messages have not said yet."""
        for each in self.coming:
            if not each.end and each.message.booking_id == booking_id:
                each.end, each.reason = Status.CANCELLED, reason

    def send_due(self, now: datetime) -> list[Coming]:
        """Judge what is due, and send what may go; what went, in the sender's order."""
        due = [each for each in self.coming if not each.end and each.due <= now]
        due.sort(key=lambda each: (each.message.rank, each.due, each.message.pk or 1 << 62))
        for each in due:
            self._judge(each, now)
        return [each for each in due if each.end == "sent"]

    def _judge(self, coming: Coming, now: datetime, *, planning: bool = False) -> None:
        message = coming.message
        verdict = judging.judge_by(self._facts_at(now), message)
        decision = verdict.decision
        judging.fill(message, verdict)
        coming.body, coming.subject, coming.address = verdict.body, verdict.subject, verdict.address
        if planning and (decision.kind == "send" or queueing.passes_by_then(message, decision, now)):
            return
        if decision.kind == "send":
            coming.end, coming.due = "sent", now
            self.got.append(_Got(now, message, (verdict.address, verdict.body)))
        elif decision.kind == "wait":
            coming.due = message.send_at = decision.until or now
            coming.reason = decision.reason if decision.reason != "not_due" else ""
        else:
            coming.end, coming.reason = decision.status, decision.reason

    def _facts_at(self, now: datetime) -> judging.Facts:
        location = self.contact.location
        lately: dict[tuple[int, str], limits.Lately] = {}
        for each in self.got:
            lately.setdefault((location.pk, each.words[0]), limits.Lately()).add(each.message, now - each.at)
        today = localtime.start_of_day(localtime.local_day(now, location.zone), location.zone)
        # Until midnight it is known what the clinic has spent; of later days only what this person's texts cost.
        known = self.facts.spent if self.facts.now >= today else {}
        own = sum(each.message.cost_cents for each in self.got if each.at >= max(today, self.facts.now))
        return replace(
            self.facts, now=now, lately=lately,
            spent={location.pk: known.get(location.pk, 0) + own},
            said={each.words for each in self.got if each.at >= now - limits.SAME_AGAIN},
            **self._visits_at(now),
        )  # fmt: skip

    def _visits_at(self, now: datetime) -> dict[str, Any]:
        ahead = [visit for visit in self.visits if visit.is_live(now)]
        ahead.sort(key=lambda visit: (visit.appointment_datetime, visit.pk))
        booked = [visit.became_live_at for visit in ahead if visit.became_live_at is not None]
        return {
            "next_visits": {self.contact.pk: ahead[0]} if ahead else {},
            "booked_at": {self.contact.pk: max(booked)} if booked else {},
        }


def _due(row: Message, now: datetime) -> datetime:
    return max(filter(None, (row.send_at, row.next_try_at)), default=now)


def _read(contact: Contact, now: datetime) -> tuple[list[Message], list[Message]]:
    """What waits for the person, and what their number and address got within the longest time that a limit looks
    back; one query.
    """
    addresses = [address for address in (contact.reach_phone, contact.email) if address]
    received = Q(
        location=contact.location_id, address__in=addresses, direction=Direction.OUTBOUND,
        status__in=limits.ON_ITS_WAY, sent_at__gte=now - limits.A_MONTH,
    )  # fmt: skip
    rows = judging.with_all().filter(Q(contact=contact, status__in=WAITING) | received)
    found: tuple[list[Message], list[Message]] = ([], [])
    for row in rows.order_by("send_at", "pk"):
        found[row.status not in WAITING].append(row)
    return found


def _probes(contact: Contact, now: datetime) -> list[Message]:
    """Nobody's messages, one for each channel and asking for everything, so that the facts know of both."""
    return [
        Message(
            location=contact.location, contact=contact, channel=channel, purpose="service", category="reply",
            wording="-", cause_kind="rule_run", cause_id="", send_at=now, created_at=now,
        )
        for channel in (Channel.SMS, Channel.EMAIL)
    ]  # fmt: skip
