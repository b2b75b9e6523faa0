"""Many at once end like one by one: the same happenings, run in batches of 1 and of 100, leave the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Location
from automation.models import ActionRun, RuleRun
from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact, StageChange, Touchpoint, WarmnessDelta
from core import work
from core.clock import Frozen
from core.errors import DomainError
from messaging import sending
from messaging.models import Message
from tasks.models import Task
from tests.automation.conftest import CAUSE, NOW, fresh
from tests.factories.contacts import log

PEOPLE = 3
BODIES = ("Yes", "Please cancel", "Where do I park?", "STOP", "thanks")
happenings = st.one_of(
    st.tuples(st.just("book"), st.integers(0, PEOPLE - 1), st.integers(3, 150)),
    st.tuples(st.just("move"), st.integers(0, PEOPLE - 1), st.integers(3, 150)),
    st.tuples(st.just("cancel"), st.integers(0, PEOPLE - 1), st.none()),
    st.tuples(st.just("attended"), st.integers(0, PEOPLE - 1), st.none()),
    st.tuples(st.just("no_show"), st.integers(0, PEOPLE - 1), st.none()),
    st.tuples(st.just("text"), st.integers(0, PEOPLE - 1), st.sampled_from(BODIES)),
    st.tuples(st.just("call"), st.integers(0, PEOPLE - 1), st.none()),
    st.tuples(st.just("work"), st.none(), st.integers(0, 600)),
)


def rows(model: Any, *fields: str, order: tuple[str, ...] = ("pk",)) -> list[Any]:
    return list(model.objects.order_by(*order).values_list(*fields))


def ending() -> dict[str, list[Any]]:
    """What stands at the end, each contact's in order, without ids."""
    by = ("contact__name", "pk")
    return {
        "contacts": rows(
            Contact, "name", "current_pipeline", "current_stage", "warmness_score", "recall_due_date",
            "is_existing_patient", order=("name",),
        ),
        "bookings": rows(Booking, "contact__name", "status", "outcome", "appointment_datetime", order=by),
        "stages": rows(StageChange, "contact__name", "from_stage", "to_stage", "reason", order=by),
        "touchpoints": sorted(rows(Touchpoint, "contact__name", "type", "at")),
        "warmness": rows(WarmnessDelta, "contact__name", "delta", "reason", order=by),
        "messages": sorted(
            rows(Message, "contact__name", "direction", "template__name", "status", "reason", "send_at", "body"),
            key=str,
        ),
        "tasks": sorted(
            rows(
                # Not why it was closed: a rule and a met goal may both want that, and handlers keep their order
                # apart from each other.
                Task, "contact__name", "type", "status", "due_datetime", "priority_floor",
                "booking__appointment_datetime",
            ),
            key=str,
        ),
        "runs": rows(RuleRun, "contact__name", "rule__key", "state", "reason", order=by),
        "actions": rows(
            ActionRun, "run__contact__name", "run__rule__key", "step", "state", "reason",
            order=("run__contact__name", "run__pk", "step"),
        ),
    }  # fmt: skip


class Day:
    """Plays happenings against the delivered rules."""

    def __init__(
        self, people: list[Contact], book: Callable[..., Booking], texts: Callable[..., Message], now: Frozen
    ) -> None:
        self.people, self.book, self.texts, self.now = people, book, texts, now

    def play(self, script: list[tuple[str, Any, Any]]) -> None:
        self.now.set(NOW)
        for what, who, value in [*script, ("work", None, 0), ("work", None, 600)]:
            self.now.advance(timedelta(seconds=7))
            if what == "work":
                self.now.advance(timedelta(seconds=value))
                while work.drain() + sending.send_due():
                    pass
            else:
                self._happen(what, self.people[who], value)

    def _happen(self, what: str, person: Contact, value: Any) -> None:
        visit = Booking.objects.filter(contact=person).exclude(status="cancelled").order_by("pk").last()
        try:
            if what == "book":
                self.book(person, at=self.now.at + timedelta(hours=value), practitioner=None)
            elif what == "text":
                self.texts(fresh(person), value)
            elif what == "call":
                log(person, "call_attempted", cause=CAUSE)
            elif visit is None:
                return
            elif what == "move":
                at = self.now.at + timedelta(hours=value)
                booking_services.reschedule_booking(booking_id=visit.pk, appointment_datetime=at, cause=CAUSE)
            elif what == "cancel":
                booking_services.cancel_booking(booking_id=visit.pk, cause=CAUSE)
            else:
                booking_services.record_outcome(booking_id=visit.pk, outcome=what, cause=CAUSE)
        except DomainError:
            return


@pytest.fixture
def people(clinic: Location) -> list[Contact]:
    made = [
        contact_services.match_or_create(
            location=clinic, name=f"Person {letter}", phone=f"041200000{n}", source="web_form", cause=CAUSE,
            is_lead=n % 2 == 0,
        ).contact
        for n, letter in enumerate("ABC")
    ]  # fmt: skip
    work.drain()
    sending.send_due()
    return made


@settings(
    max_examples=8, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(script=st.lists(happenings, min_size=1, max_size=14))
def test_batches_of_one_and_of_a_hundred_end_alike(
    people: list[Contact], book: Callable[..., Booking], texts: Callable[..., Message], now: Frozen,
    script: list[tuple[str, Any, Any]],
) -> None:  # fmt: skip
    day = Day(people, book, texts, now)
    endings = []
    for size in (1, 100):
        with pytest.MonkeyPatch.context() as patch, transaction.atomic():
            handlers = {
                name: replace(handler, batch=min(size, handler.batch))
                for name, handler in work._handlers.items()
            }
            patch.setattr(work._handlers, "_items", handlers)
            day.play(script)
            endings.append(ending())
            transaction.set_rollback(True)
    for what, alone in endings[0].items():
        assert endings[1][what] == alone, what
