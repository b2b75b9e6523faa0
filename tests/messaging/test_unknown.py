"""Texts of which nobody knows the end: asked about, called again where that is safe, and given to a person in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import sending_stops
from automation import seeds
from contacts import services as contact_services
from core.causes import Cause
from core.models import Event
from integrations import gateways, pacing
from integrations.models import Provider, ProviderAccount, SenderIdentity
from integrations.ports import Capabilities, LookupAnswer, SendOutcome
from messaging import jobs, repeating, sending, settling
from messaging.models import Message, SendAttempt, Template
from messaging.services import NewMessage, queue_messages
from tasks.models import Task
from tests.factories.contacts import make_contact
from tests.messaging.conftest import fresh

TEST = Cause.system("test")


def queue(contact, key="k1", **more):
    more.setdefault("template", "welcome_lead")
    return queue_messages([NewMessage(contact.pk, key, TEST, **more)])[0].message


@pytest.fixture
def unknown(gateway, anna):
    """A text whose call ended without an answer."""
    gateway.answers = [SendOutcome("unknown", error_code="no_answer")]
    message = queue(anna)
    sending.send_due()
    return message


@pytest.fixture
def remembers(gateway):
    """A provider that knows a second call by its reference for a day, and cannot be asked."""
    gateway.capabilities = Capabilities(idempotency=timedelta(hours=24))
    return gateway


# Calling again


def test_where_the_provider_knows_a_second_call_it_is_made_with_the_same_words(
    remembers, unknown, sydney, now
):
    Template.objects.filter(name="welcome_lead").update(body="{clinic} has new words")
    now.advance(timedelta(seconds=60))
    jobs.send_due()

    first, second = remembers.sent
    assert first == second
    assert (fresh(unknown).status, fresh(unknown).attempts) == ("sent", 2)
    rows = SendAttempt.objects.order_by("id").values_list("outcome", "error_code", "account__name")
    assert list(rows) == [("repeated", "no_answer", "On-screen phone"), ("accepted", "", "On-screen phone")]
    assert Event.objects.filter(type="message_sent").count() == 1


def test_the_second_call_of_a_worker_that_died_is_made_with_a_new_fence(remembers, anna, now):
    message = queue(anna)
    [batch], _ = sending.claim()
    dead = sending.begin(batch)
    now.advance(timedelta(seconds=91))
    jobs.send_due()

    assert (fresh(message).status, len(remembers.sent)) == ("sent", 1)
    sending.record(dead.messages, [SendOutcome("refused", error_code="filtered")])
    assert fresh(message).status == "sent", "what the dead one would have said comes too late"
    assert not SendAttempt.objects.filter(finished_at__isnull=True).exists()


@pytest.mark.parametrize(
    "answer",
    [
        SendOutcome("unknown", error_code="no_answer"),
        SendOutcome("refused", error_code="http_409"),
        SendOutcome("retry", error_code="busy"),
        SendOutcome("retry", error_code="not_connected"),
        ValueError("broken"),
    ],
)
def test_a_second_call_that_does_not_say_yes_proves_nothing_of_the_first(remembers, unknown, now, answer):
    remembers.answers = [answer] * 9
    now.advance(timedelta(seconds=60))
    jobs.send_due()
    assert fresh(unknown).status == "unknown"

    for _ in range(60):
        now.advance(timedelta(minutes=1))
        jobs.send_due()
    assert fresh(unknown).status == "unknown"
    assert len(remembers.sent) == 3, "at the moments when another provider would be asked"


def test_no_second_call_once_the_provider_may_have_forgotten_the_first(gateway, unknown, now):
    gateway.capabilities = Capabilities(idempotency=timedelta(minutes=2))
    now.advance(timedelta(minutes=6))
    jobs.send_due()
    assert (fresh(unknown).status, len(gateway.sent)) == ("unknown", 1)


def test_a_second_call_waits_for_a_visit_that_is_being_moved(remembers, anna, book, now):
    remembers.answers = [SendOutcome("unknown", error_code="no_answer")]
    message = queue(anna, template="booking_confirmation", booking_id=book(anna).pk)
    sending.send_due()
    now.advance(timedelta(seconds=60))
    [unknown] = settling._claim_unknown()
    with CaptureQueriesContext(connection) as asked:
        assert repeating.repeat(unknown)

    locked = [
        said["sql"].split(' FROM "')[1].split('"')[0] for said in asked if "FOR NO KEY UPDATE" in said["sql"]
    ]
    assert locked[:2] == ["bookings_booking", "messaging_message"]
    assert fresh(message).status == "sent"


@pytest.mark.parametrize("stop", ["opted_out", "stopped", "paused", "taken"])
def test_no_second_call_to_whoever_may_get_none_now(remembers, unknown, sydney, account, anna, now, stop):
    if stop == "opted_out":
        contact_services.set_consent(
            location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service"], state="withdrawn",
            basis="reply", cause=TEST,
        )  # fmt: skip
    elif stop == "stopped":
        sending_stops.stop(kind="kill_switch", reason="Look first", cause=TEST)
    elif stop == "paused":
        pacing.pause(account.pk, reason="no_credit", until=now.at + timedelta(hours=1))
    else:
        [message] = settling._claim_unknown() or [fresh(unknown)]
        Message.objects.filter(pk=message.pk).update(status="sent")
    now.advance(timedelta(seconds=60))
    jobs.send_due()
    assert len(remembers.sent) == 1
    assert fresh(unknown).status == ("sent" if stop == "taken" else "unknown")


def test_a_provider_that_can_be_asked_is_asked_where_no_second_call_may_be_made(
    remembers, unknown, sydney, anna, now
):
    remembers.capabilities = replace(remembers.capabilities, search=True)
    remembers.looked_up = LookupAnswer("found", "p-1", "delivered")
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service"], state="withdrawn",
        basis="reply", cause=TEST,
    )  # fmt: skip
    now.advance(timedelta(seconds=60))
    jobs.send_due()
    assert (fresh(unknown).status, len(remembers.sent)) == ("delivered", 1)


# Asking


def test_asking_takes_no_longer_than_its_time_and_goes_on_next_time(gateway, sydney, now, monkeypatch):
    gateway.answers = [SendOutcome("unknown")] * 3
    messages = [queue(make_contact(sydney, name=f"Person {n}"), f"k{n}") for n in range(3)]
    sending.send_due()
    asked = []

    def lookup(sms, *, sent_after):
        asked.append(sms.reference)
        seconds.now += 15
        return LookupAnswer("found", f"p-{sms.reference}", "sent")

    seconds = SimpleNamespace(now=0.0)
    monkeypatch.setattr(settling, "monotonic", lambda: seconds.now)
    gateway.lookup = lookup
    now.advance(timedelta(seconds=61))
    settling.ask_about_unknown()
    assert [fresh(message).status for message in messages] == ["sent", "sent", "unknown"]
    settling.ask_about_unknown()
    assert [fresh(message).status for message in messages] == ["sent"] * 3
    assert len(asked) == 3


# A person


@pytest.mark.parametrize(
    "kind", ["unsure", "absent_too_soon", "fails", "cannot_be_asked", "switched_off", "email", "forgets"]
)
def test_whatever_stays_unknown_has_a_task_within_half_an_hour(
    gateway, sydney, account, anna, now, run_work, monkeypatch, kind
):
    seeds.seed(demo=False)
    capabilities = {
        "cannot_be_asked": Capabilities(),
        "forgets": Capabilities(idempotency=timedelta(seconds=1)),
        "absent_too_soon": Capabilities(search=True, search_lag=timedelta(hours=1)),
    }
    gateway.capabilities = capabilities.get(kind, gateway.capabilities)
    if kind == "fails":
        monkeypatch.setattr(gateway, "lookup", lambda sms, *, sent_after: 1 / 0)
    if kind == "absent_too_soon":
        gateway.looked_up = LookupAnswer("absent")
    gateway.answers = [SendOutcome("unknown", error_code="no_answer")]
    message = _unknown_email(anna, sydney, monkeypatch) if kind == "email" else queue(anna)
    sending.send_due()
    if kind == "switched_off":
        ProviderAccount.objects.filter(pk=account.pk).update(enabled=False)
    for _ in range(30):
        now.advance(timedelta(minutes=1))
        jobs.send_due()
        run_work()

    assert fresh(message).status == "unknown"
    task = Task.objects.get(type="delivery_problem")
    assert (task.contact_id, task.status) == (anna.pk, "todo")
    assert task.created_at <= message.created_at + timedelta(minutes=30)
    assert len(gateway.sent) == (0 if kind == "email" else 1)


def _unknown_email(contact, location, monkeypatch):
    """An e-mail whose mail server was lost during the call."""
    contact_services.update_contact(contact_id=contact.pk, fields={"email": "anna@home.test"}, cause=TEST)
    mailer = ProviderAccount.objects.create(location=location, provider=Provider.EMAIL, name="E-mail")
    SenderIdentity.objects.create(
        location=location, account=mailer, value="hello@clinic.test", registration="not_needed"
    )
    lost = SimpleNamespace(send=lambda email: SendOutcome("unknown", error_code="no_answer"))
    monkeypatch.setattr(gateways, "email_for", lambda account: lost)
    return queue(contact, template="welcome_email", channel="email")
