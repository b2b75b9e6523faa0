from __future__ import annotations

import threading
import time

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from core import events, work
from core.causes import Cause
from core.models import Event, Work
from core.registry import Registry

CAUSE = Cause.system("test")


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> events.EventType:
    """A declared event type that one handler hears of, in registries of this test's own."""
    monkeypatch.setattr(events, "_types", Registry("event type"))
    monkeypatch.setattr(events, "_subscribers", {"happened": ["listener"], "silent": []})
    monkeypatch.setattr(work, "_handlers", Registry("work handler"))
    work.handler("listener")(lambda items: None)
    events.define("silent", label="Silent")
    return events.define("happened", label="It happened", keys=("what",))


@pytest.mark.django_db
def test_an_event_and_its_delivery_are_written_together(
    happened: events.EventType,
) -> None:
    event = events.record(happened, cause=CAUSE, location_id=7, contact_id=9, data={"what": "x"})
    assert event is not None
    item = Work.objects.get(event_id=event.pk)
    assert (item.handler, item.subject, item.location_id, item.state) == (
        "listener",
        "contact:9",
        7,
        "pending",
    )


@pytest.mark.django_db
def test_an_event_about_nobody_is_ordered_by_its_location(
    happened: events.EventType,
) -> None:
    events.record(happened, cause=CAUSE, location_id=7)
    assert Work.objects.get().subject == "location:7"


@pytest.mark.django_db
def test_an_event_nobody_hears_of_makes_no_work(happened: events.EventType) -> None:
    events.record(events.get("silent"), cause=CAUSE, location_id=7)
    assert Event.objects.count() == 1
    assert not Work.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_recording_outside_a_transaction_is_refused(happened: events.EventType) -> None:
    with pytest.raises(RuntimeError, match="in the transaction of its change"):
        events.record(happened, cause=CAUSE, location_id=7)


@pytest.mark.django_db
def test_undeclared_data_and_undeclared_types_are_refused(
    happened: events.EventType,
) -> None:
    with pytest.raises(ValueError, match=r"\['name'\]"):
        events.record(happened, cause=CAUSE, location_id=7, data={"name": "Ana"})
    with pytest.raises(LookupError):
        events.record(events.EventType("unheard", "?", frozenset()), cause=CAUSE, location_id=7)


@pytest.mark.django_db
def test_a_known_dedupe_key_records_nothing(happened: events.EventType) -> None:
    assert events.record(happened, cause=CAUSE, location_id=7, dedupe_key="once") is not None
    assert events.record(happened, cause=CAUSE, location_id=7, dedupe_key="once") is None
    twice = events.NewEvent(type=happened, cause=CAUSE, location_id=7, dedupe_key="two")
    assert len(events.record_many([twice, twice])) == 1
    assert (Event.objects.count(), Work.objects.count()) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_rival_that_records_the_same_key_is_waited_for_and_nobody_fails(
    happened: events.EventType,
) -> None:
    found: list[Event | None] = []

    def rival() -> None:
        try:
            with transaction.atomic():
                found.append(events.record(happened, cause=CAUSE, location_id=7, dedupe_key="once"))
                Event.objects.count()  # The transaction is still good.
        finally:
            connection.close()

    with transaction.atomic():
        assert events.record(happened, cause=CAUSE, location_id=7, dedupe_key="once") is not None
        thread = threading.Thread(target=rival)
        thread.start()
        wait_until_somebody_waits_for_us()
    thread.join()
    assert found == [None]
    assert (Event.objects.count(), Work.objects.count()) == (1, 1)


def wait_until_somebody_waits_for_us() -> None:
    waiting = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')"
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone() == (True,):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.django_db
def test_events_with_keys_cost_the_same_however_many(
    happened: events.EventType, django_assert_num_queries: object
) -> None:
    for length in (3, 60):
        news = [
            events.NewEvent(
                type=happened, cause=CAUSE, location_id=7, contact_id=n, dedupe_key=f"{length}-{n}"
            )
            for n in range(length)
        ]
        with django_assert_num_queries(3):  # type: ignore[operator]
            recorded = events.record_many(news)
        assert [event.contact_id for event in recorded] == list(range(length))
        assert set(Work.objects.values_list("event_id", flat=True)) >= {event.pk for event in recorded}


@pytest.mark.django_db
def test_a_set_of_events_costs_the_same_however_long(
    happened: events.EventType, django_assert_num_queries: object
) -> None:
    for length in (3, 60):
        news = [
            events.NewEvent(type=happened, cause=CAUSE, location_id=7, contact_id=n) for n in range(length)
        ]
        with django_assert_num_queries(2):  # type: ignore[operator]
            events.record_many(news)


@pytest.mark.django_db
def test_the_chain_of_rules_travels_with_the_event(happened: events.EventType) -> None:
    event = events.record(happened, cause=Cause.rule_run(5, ("3:9",)), location_id=7)
    assert event is not None
    event.refresh_from_db()
    assert (event.depth, event.cause) == (1, Cause.rule_run(5, ("3:9",)))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE core_event SET type = 'x'",
        "DELETE FROM core_event",
        "TRUNCATE core_event",
        "UPDATE core_auditentry SET status = 1",
        "DELETE FROM core_auditentry",
        "TRUNCATE core_auditentry",
    ],
)
def test_the_log_cannot_be_changed(happened: events.EventType, statement: str) -> None:
    events.record(happened, cause=CAUSE, location_id=7)
    with (
        pytest.raises(
            (InternalError, IntegrityError, Exception),
            match=r"append-only|permission denied",
        ),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Event.objects.get().type == "happened"
