"""One person as they are now, read once, for `automation.forecast_play` to play forward. Nothing is written."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Case, Q, Subquery, Value, When
from django.db.models.functions import Cast

from automation import facts
from automation.models import ActionRun, Rule, RuleRun
from automation.subjects import Happening, Subject
from bookings.models import Booking
from contacts import scoring, warmness
from contacts.models import Contact, Touchpoint
from contacts.vocabulary import OUTBOUND
from core.models import Event, Work
from messaging.foresight import Outbox
from messaging.models import Message
from tasks.models import Task

LATELY = timedelta(days=60)


@dataclass
class OpenTask:
    """An open task: what it is of, and when it falls due."""

    type: str
    booking_id: int | None
    due: datetime
    told: bool = False


@dataclass
class World:
    """All that decides what a person will receive. The contact and the visits are copies that may be changed; rules in
    shadow are not among `rules`: nothing comes of them.
    """

    now: datetime
    contact: Contact
    visits: list[Booking]
    rules: list[Rule]
    tasks: list[OpenTask]
    outbox: Outbox
    waiting: list[ActionRun]
    events: dict[int, Event]
    known: dict[int, dict[str, object]]
    consents: dict[str, object]
    met: set[tuple[int, str]]
    inputs: scoring.WarmnessInputs
    weights: scoring.Weights
    spoke: int | None = None
    #: The runs behind what waits, and the one that spoke last, by their id as causes write it.
    runs: dict[str, Any] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, contact: Contact, now: datetime) -> World:
        """Read in a fixed number of queries, however much happened."""
        contact = copy(contact)
        waiting = list(
            ActionRun.objects.filter(run__contact=contact, state=ActionRun.State.PENDING)
            .select_related("run__rule__current", "run__version", "run__location")
            .order_by("run_at", "pk")
        )
        visits, last_visit = _visits(contact, now, {row.run.booking_id for row in waiting} - {None})
        rules = list(
            Rule.objects.filter(
                location=contact.location_id, is_active=True, is_shadow=False, current__isnull=False
            )
            .select_related("current")
            .order_by("priority", "key")
        )
        for rule in rules:
            rule.location = contact.location
        events = Event.objects.in_bulk({row.run.event_id for row in waiting}) if waiting else {}
        weights = warmness.weights_of([contact.location_id])
        met, begun = _met([rule.pk for rule in rules if rule.every], contact)
        tasks = Task.objects.filter(contact=contact, status__in=Task.OPEN)
        outbox = Outbox.of(contact, now, visits, last_visit)
        runs = _runs_behind([each.message for each in outbox.coming], contact)
        return cls(
            now=now, contact=contact, visits=visits, rules=rules,
            tasks=[
                OpenTask(type, booking_id, due, told is not None)
                for type, booking_id, due, told in tasks.values_list(
                    "type", "booking_id", "due_datetime", "overdue_told_at"
                )
            ],
            outbox=outbox, waiting=waiting, events=events,
            known=facts.event_facts(list(events.values())),
            consents=facts.consents_of(
                contact.reach_phone, contact.email, outbox.facts.consents[contact.location_id]
            ),
            met=met,
            inputs=warmness.load([contact], weights)[contact.pk], weights=weights[contact.location_id],
            spoke=next((run.rule_id for run in runs.values() if run.spoke), None), runs=runs, begun=begun,
        )  # fmt: skip

    def visit(self, pk: int | None) -> Booking | None:
        """The visit of this id, if it is one of the person's."""
        return next((visit for visit in self.visits if visit.pk == pk), None)

    def live(self, at: datetime) -> list[Booking]:
        """The visits ahead, soonest first."""
        return sorted(
            (visit for visit in self.visits if visit.is_live(at)),
            key=lambda visit: (visit.appointment_datetime, visit.pk),
        )

    def subject(self, happening: Happening, said: dict[str, object], at: datetime) -> Subject:
        """A happening with the facts of that moment."""
        location = self.contact.location
        return facts.of_person(
            happening, {**facts.clock_facts(location, at), **said}, contact=self.contact,
            own=self.visit(happening.booking_id), live=self.live(at), open_tasks={task.type for task in self.tasks},
            consents=self.consents, location=location, closing=location.end_of_business_day(at), now=at,
        )  # fmt: skip


def _visits(contact: Contact, now: datetime, asked: set[int | None]) -> tuple[list[Booking], date | None]:
    """Visits ahead or lately and those that a waiting step is about; and the day (UTC) of the last one attended,
    however long ago.
    """
    own = Booking.objects.filter(contact=contact)
    attended = own.filter(outcome=Booking.Outcome.ATTENDED).order_by("-appointment_datetime")
    last = Q(pk=Subquery(attended.values("pk")[:1]))
    found = own.filter(Q(ends_at__gt=now - LATELY) | Q(pk__in=asked) | last)
    rows = list(found.select_related("service", "practitioner"))
    days = [row.appointment_datetime.date() for row in rows if row.outcome == Booking.Outcome.ATTENDED]
    return [row for row in rows if row.ends_at > now - LATELY or row.pk in asked], max(days, default=None)


def _met(clock_rules: list[int], contact: Contact) -> tuple[set[tuple[int, str]], set[str]]:
    """What these rules of the clock have met with this person, as (rule, anchor); and the hours and days of the clinic
    whose rules were looked at lately, by key. One query.
    """
    ran = RuleRun.objects.filter(rule_id__in=clock_rules).order_by().values_list("rule_id", "anchor")
    looked = Work.objects.filter(
        handler="automation.clock_rules", subject=f"location:{contact.location_id}", dedupe_key__isnull=False
    )
    lately = looked.order_by("-pk").values_list(Value(0, BigIntegerField()), "dedupe_key")[:4]
    rows = set(ran.filter(contact=contact).union(ran.filter(booking__contact=contact), lately))
    return {row for row in rows if row[0]}, {key for rule, key in rows if not rule}


def _runs_behind(messages: list[Message], contact: Contact) -> dict[str, Any]:
    """The runs that these messages come from, and the one (`spoke`) whose doing was the last thing that went out, by
    their id as causes write it. No run spoke where a person's word was the last, or nothing went out.
    """
    wanted = [
        int(each.cause_id) for each in messages if each.cause_kind == "rule_run" and each.cause_id.isdigit()
    ]
    last = Touchpoint.objects.filter(contact=contact, type__in=OUTBOUND).order_by("-at", "-pk")
    run = Case(
        When(cause_kind="rule_run", cause_id__regex=r"^\d{1,18}$", then=Cast("cause_id", BigIntegerField()))
    )
    spoke = Subquery(last.values_list(run)[:1])
    rows = RuleRun.objects.annotate(spoke=Case(When(pk=spoke, then=True), default=False))
    return {str(run.pk): run for run in rows.filter(Q(pk__in=wanted) | Q(pk=spoke)).select_related("rule")}
