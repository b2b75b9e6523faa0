"""Texts handed over together: in one call, begun and recorded as a set, each with an end of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.utils import IntegrityError
from django.test.utils import CaptureQueriesContext

from contacts import services as contact_services
from core.causes import Cause
from core.models import Event
from integrations import pacing
from integrations.models import SenderPace
from integrations.ports import Capabilities, SendOutcome
from messaging import judging, sending, settling
from messaging.models import Message, SendAttempt
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, fresh

TEST = Cause.system("test")


@pytest.fixture
def gateway(gateway):
    """One that takes a hundred in a call; `calls` says how many came in each."""
    gateway.capabilities = replace(gateway.capabilities, batch=100)
    gateway.calls = []
    send_many = gateway.send_many

    def counted(texts):
        gateway.calls.append(len(texts))
        return send_many(texts)

    gateway.send_many = counted
    return gateway


@pytest.fixture
def queued(sydney):
    def make(count, *, template="welcome_lead", label="Person"):
        people = [make_contact(sydney, name=f"{label} {n}") for n in range(count)]
        wishes = [NewMessage(one.pk, f"{label}:{one.pk}", TEST, template=template) for one in people]
        return [result.message for result in queue_messages(wishes)]

    return make


def statuses(messages):
    return [fresh(message).status for message in messages]


@pytest.mark.parametrize("count", [1, 20, 100])
def test_a_set_costs_the_same_statements_however_many_texts_it_holds(gateway, queued, count):
    messages = queued(count)
    with CaptureQueriesContext(connection) as queries:
        sending.send_due()

    assert set(statuses(messages)) == {"sent"}
    assert gateway.calls == [count]
    assert len(queries) <= 48
    assert Event.objects.filter(type="message_sent").count() == count
    assert SendAttempt.objects.filter(outcome="accepted", finished_at=NOW).count() == count


def test_each_text_of_a_call_ends_as_the_provider_says_of_it(gateway, queued):
    gateway.answers = [
        SendOutcome("refused", error_code="invalid_number"), SendOutcome("unknown"), SendOutcome("accepted", "id-3"),
        SendOutcome("retry", error_code="busy"), SendOutcome("refused", error_code="opted_out"),
    ]  # fmt: skip
    messages = queued(5)
    sending.send_due()

    assert gateway.calls == [5]
    assert statuses(messages) == ["failed", "unknown", "sent", "queued", "failed"]
    assert [fresh(message).attempts for message in messages] == [1] * 5
    outcomes = SendAttempt.objects.order_by("message_id").values_list("outcome", flat=True)
    assert list(outcomes) == ["refused", "unknown", "accepted", "retry", "refused"]


def test_whoever_opts_out_between_claim_and_call_leaves_the_set_alone(gateway, queued, sydney):
    messages = queued(3)
    [batch], _ = sending.claim()
    contact_services.set_consent(
        location_id=sydney.pk, address=messages[1].address, channel="sms", purposes=["service"],
        state="withdrawn", basis="reply", cause=TEST,
    )  # fmt: skip
    ready = sending.begin(batch)

    assert [message.pk for message in ready.messages] == [messages[0].pk, messages[2].pk]
    assert statuses(messages) == ["sending", "suppressed", "sending"]
    assert SendAttempt.objects.count() == 2


def test_one_that_another_worker_took_leaves_the_set_alone(gateway, queued):
    messages = queued(3)
    [batch], _ = sending.claim()
    Message.objects.filter(pk=messages[0].pk).update(fence=9)
    Message.objects.filter(pk=messages[1].pk).update(status="cancelled")
    ready = sending.begin(batch)

    assert [message.pk for message in ready.messages] == [messages[2].pk]
    assert SendAttempt.objects.get().message_id == messages[2].pk


def test_one_that_moved_on_during_the_call_keeps_the_others_from_nothing(gateway, queued):
    messages = queued(3)
    [batch], _ = sending.claim()
    ready = sending.begin(batch)
    answers = sending.call(ready)
    Message.objects.filter(pk=messages[1].pk).update(fence=9, status="queued")
    sending.record(ready.messages, answers)

    assert statuses(messages) == ["sent", "queued", "sent"]
    assert Event.objects.filter(type="message_sent").count() == 2


def test_when_the_set_cannot_be_stored_each_is_stored_by_itself(gateway, queued, now):
    gateway.answers = [SendOutcome("accepted", sid) for sid in ("same", "other", "same")]
    messages = queued(3)
    with pytest.raises(IntegrityError):
        sending.send_due()
    assert statuses(messages) == ["sent", "sent", "sending"]

    now.advance(timedelta(seconds=91))
    settling.recover_leases()
    assert statuses(messages) == ["sent", "sent", "unknown"]


def test_the_second_text_to_a_number_goes_when_what_became_of_the_first_is_known(gateway, anna):
    wishes = [
        NewMessage(anna.pk, f"k{n}", TEST, template=name)
        for n, name in enumerate(["welcome_lead", "welcome_lead", "thank_you_attended"])
    ]
    messages = [result.message for result in queue_messages(wishes)]
    sending.send_due()

    assert gateway.calls == [1, 1]
    assert statuses(messages) == ["sent", "suppressed", "sent"]


def test_service_shares_no_call_with_care(gateway, queued, now):
    care, service = queued(2, template="recall_reminder", label="Care"), queued(2, label="Service")
    sending.send_due()

    assert gateway.calls == [2, 2]
    assert [sms.reference for sms in gateway.sent] == [
        str(message.public_id) for message in [*service, *care]
    ]


def test_a_call_that_is_refused_as_a_whole_is_tried_again_one_by_one(gateway, queued, now):
    gateway.answers = [SendOutcome("refused", error_code="http_400")] * 4
    messages = queued(3)
    sending.send_due()
    assert statuses(messages) == ["queued"] * 3
    now.advance(timedelta(minutes=1))
    sending.send_due()

    assert gateway.calls == [3, 1, 1, 1]
    assert statuses(messages) == ["failed", "sent", "sent"]


@pytest.mark.parametrize("answered", [0, 2, 4])
def test_an_answer_for_more_or_fewer_texts_than_were_handed_over_proves_nothing(gateway, queued, answered):
    gateway.send_many = lambda texts: [SendOutcome("accepted", f"id-{n}") for n in range(answered)]
    messages = queued(3)
    sending.send_due()
    assert statuses(messages) == ["unknown"] * 3


def test_an_error_nobody_named_leaves_all_of_the_call_unknown(gateway, queued):
    gateway.answers = [SendOutcome("accepted", "id-1"), ValueError("broken")]
    messages = queued(3)
    sending.send_due()
    assert statuses(messages) == ["unknown"] * 3
    assert set(SendAttempt.objects.values_list("error_code", flat=True)) == {"ValueError"}


def test_no_more_go_in_one_call_than_the_carrier_takes_in_a_second(gateway, account, queued, monkeypatch):
    gateway.capabilities = Capabilities(batch=100, paced=True)
    account.senders.update(per_second=4)
    slept = []
    monkeypatch.setattr(sending, "sleep", slept.append)
    messages = queued(10)
    sending.send_due()

    assert gateway.calls == [4, 4, 2]
    assert set(statuses(messages)) == {"sent"}
    first, second = slept
    assert 0 < first <= 1 < second <= 2, "each call waits until the one before has had its second"


def test_a_set_takes_a_turn_for_each_of_its_texts(account):
    sender = account.senders.get()
    sender.per_second = 10
    turns = pacing.Turns(patience=500)
    assert turns.take(sender, 10).seconds == 0
    assert 0 < turns.take(sender, 5).seconds <= 1
    assert 0.5 < turns.take(sender).seconds <= 1.5
    assert SenderPace.objects.count() == 1


def test_an_account_that_said_no_is_tried_again_with_one_text(gateway, account, queued, now):
    pacing.pause(account.pk, reason="busy", until=now.at - timedelta(seconds=1))
    gateway.answers = [SendOutcome("retry", error_code="busy", retry_after=60)]
    messages = queued(3)
    sending.send_due()

    assert gateway.calls == [1]
    assert statuses(messages) == ["queued"] * 3


def test_a_message_that_cannot_be_judged_is_parked_and_keeps_no_other_back(gateway, queued, monkeypatch):
    messages = queued(4)
    judge = judging.judge_by

    def trip(facts, message):
        if message.pk == messages[2].pk:
            raise ZeroDivisionError
        return judge(facts, message)

    monkeypatch.setattr(judging, "judge_by", trip)
    sending.send_due()

    assert statuses(messages) == ["sent", "sent", "parked", "sent"]
    assert (fresh(messages[2]).reason, fresh(messages[2]).attempts) == ("broken", 0)
    assert Event.objects.get(type="message_failed").data == {"message": messages[2].pk, "reason": "broken"}
    assert sending.send_due() == 0
    assert settling.resolve(message_id=messages[2].pk, was_sent=False, cause=TEST).status == "queued"
