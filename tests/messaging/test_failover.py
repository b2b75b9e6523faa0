"""A clinic with two accounts: what one of them surely did not take goes by the other, and nothing else does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from core.causes import Cause
from core.models import Event
from integrations import gateways, pacing
from integrations.models import AccountPace, AccountPause, Provider, ProviderAccount, SenderIdentity
from integrations.ports import Capabilities, SendOutcome
from messaging import jobs, sending
from messaging.models import Message, SendAttempt
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, FakeGateway, fresh

TEST = Cause.system("test")


@pytest.fixture
def second(sydney, account):
    other = ProviderAccount.objects.create(location=sydney, provider=Provider.CONSOLE, name="Second")
    SenderIdentity.objects.create(
        location=sydney, account=other, value="+61290000002", registration="not_needed", per_second=100,
        is_default=False,
    )  # fmt: skip
    return other


@pytest.fixture
def lines(account, second, monkeypatch):
    """The gateways of the two accounts."""
    lines = {account.pk: FakeGateway(), second.pk: FakeGateway()}
    monkeypatch.setattr(gateways, "for_account", lambda account: lines[account.pk])
    return lines[account.pk], lines[second.pk]


@pytest.fixture
def queued(sydney):
    def make(count=1):
        people = [make_contact(sydney, name=f"Person {n}") for n in range(count)]
        wishes = [NewMessage(one.pk, f"k:{one.pk}", TEST, template="welcome_lead") for one in people]
        return [result.message for result in queue_messages(wishes)]

    return make


def until_idle():
    while sending.send_due():
        pass


def tries(message):
    rows = SendAttempt.objects.filter(message=message).order_by("id")
    return list(rows.values_list("account__name", "outcome", "error_code"))


@pytest.mark.parametrize(
    "answer",
    [
        SendOutcome("retry", error_code="not_connected"),
        SendOutcome("retry", error_code="no_credit"),
        SendOutcome("refused", error_code="no_credit"),
        SendOutcome("retry", error_code="bad_credentials"),
    ],
)
def test_what_one_account_surely_did_not_take_goes_by_the_next_at_once(lines, queued, answer):
    first, second = lines
    first.answers = [answer]
    [message] = queued()
    until_idle()

    assert (fresh(message).status, fresh(message).sender) == ("sent", "+61290000002")
    assert tries(message) == [
        ("On-screen phone", answer.kind, answer.error_code),
        ("Second", "accepted", ""),
    ]
    assert (len(first.sent), len(second.sent)) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (SendOutcome("unknown", error_code="no_answer"), "unknown"),
        (SendOutcome("unknown", error_code="http_500"), "unknown"),
        (ValueError("broken"), "unknown"),
        (SendOutcome("refused", error_code="opted_out"), "failed"),
        (SendOutcome("refused", error_code="invalid_number"), "failed"),
        (SendOutcome("refused", error_code="filtered"), "failed"),
        (SendOutcome("refused", error_code="too_long"), "failed"),
    ],
)
def test_what_may_have_gone_out_or_was_refused_for_the_person_or_the_text_goes_by_no_other(
    lines, queued, answer, status
):
    first, second = lines
    first.answers = [answer]
    [message] = queued()
    until_idle()

    assert fresh(message).status == status
    assert second.sent == []
    assert Event.objects.filter(type="opt_out").exists() is (getattr(answer, "error_code", "") == "opted_out")


def test_others_do_not_ask_the_account_whose_credit_is_used_up(lines, queued):
    first, second = lines
    first.answers = [SendOutcome("retry", error_code="no_credit")]
    messages = queued(5)
    until_idle()

    assert {fresh(message).status for message in messages} == {"sent"}
    assert (len(first.sent), len(second.sent)) == (1, 5)


def test_a_short_wait_is_waited_a_long_one_is_not(lines, queued, account, now):
    first, second = lines
    pacing.pause(account.pk, reason="busy", until=now.at + timedelta(seconds=30))
    [patient] = queued()
    until_idle()
    assert (fresh(patient).status, fresh(patient).next_try_at) == ("queued", now.at + timedelta(seconds=30))

    pacing.pause(account.pk, reason="busy", until=now.at + timedelta(minutes=10))
    [late] = queued()
    until_idle()
    assert (fresh(late).status, len(first.sent), len(second.sent)) == ("sent", 0, 1)


def test_when_both_fail_each_is_asked_once_and_then_it_is_held(lines, queued):
    first, second = lines
    for line in lines:
        line.answers = [SendOutcome("retry", error_code="no_credit")] * 9
    [message] = queued()
    until_idle()

    assert (fresh(message).status, fresh(message).reason) == ("held", "no_credit")
    assert (len(first.sent), len(second.sent)) == (1, 1)


def test_with_one_account_it_waits_as_ever(gateway, queued):
    gateway.answers = [SendOutcome("retry", error_code="not_connected")]
    [message] = queued()
    until_idle()
    assert (fresh(message).status, len(gateway.sent)) == ("queued", 1)
    assert fresh(message).next_try_at >= NOW + timedelta(seconds=30)


def test_another_locations_account_is_never_used(lines, queued, second, stranger):
    first, other = lines
    melbourne = stranger.memberships.get().location
    second.senders.update(location=melbourne)
    first.answers = [SendOutcome("retry", error_code="no_credit")]
    [message] = queued()
    until_idle()
    assert (fresh(message).status, other.sent) == ("held", [])


# The circuit


@pytest.mark.parametrize("code", ["not_connected", "http_503", "no_answer"])
def test_an_account_that_was_not_there_five_times_in_a_row_is_left_alone_and_tried_by_one_text(
    gateway, queued, account, now, code
):
    kind = "retry" if code == "not_connected" else "unknown"
    gateway.answers = [SendOutcome(kind, error_code=code)] * 6
    messages = queued(9)
    until_idle()
    assert len(gateway.sent) == 5
    assert Counter(fresh(message).status for message in messages) == {
        "queued" if kind == "retry" else "unknown": 9 if kind == "retry" else 5,
        **({} if kind == "retry" else {"queued": 4}),
    }

    now.advance(timedelta(seconds=61))
    until_idle()
    assert len(gateway.sent) == 6, "one text asks whether it is there again"
    now.advance(timedelta(seconds=61))
    until_idle()
    assert not AccountPause.objects.exists()
    assert len(gateway.sent) >= 9


def test_one_that_is_there_again_starts_the_count_anew(gateway, queued, account):
    bad = SendOutcome("retry", error_code="not_connected")
    gateway.answers = [bad, bad, bad, bad, SendOutcome("accepted", "id-5"), bad, bad, bad, bad]
    queued(9)
    until_idle()
    assert len(gateway.sent) == 9
    assert AccountPause.objects.get().failures == 4
    assert pacing.pause_of(ProviderAccount.objects.get(pk=account.pk)) is None


def test_while_one_account_is_left_alone_the_other_sends(lines, queued, account, now):
    first, second = lines
    for _ in range(5):
        pacing.broke(account.pk, reason="not_connected")
    queued(3)
    until_idle()
    assert (len(first.sent), len(second.sent)) == (0, 3)
    now.advance(timedelta(seconds=61))
    queued(1)
    until_idle()
    assert len(first.sent) == 1


# The account's own pace


def test_an_accounts_senders_together_keep_to_its_pace(account, sydney):
    account.per_second = 10
    one = account.senders.get()
    two = SenderIdentity.objects.create(location=sydney, account=account, value="Avatar", per_second=100)
    one.account = two.account = account
    turns = pacing.Turns(patience=500)
    waits = [turns.take(sender, 10).seconds for sender in (one, two, one)]

    assert waits[0] == 0
    assert 0 < waits[1] <= 1 < waits[2] <= 2
    assert AccountPace.objects.count() == 1
    assert pacing.pace_of(two) == 10


def test_no_more_leave_by_an_account_in_a_call_than_it_takes_in_a_second(lines, queued, account, monkeypatch):
    first, _ = lines
    first.capabilities = Capabilities(batch=100, paced=True)
    ProviderAccount.objects.filter(pk=account.pk).update(per_second=3)
    sizes, slept = [], []
    send_many = first.send_many
    first.send_many = lambda texts: (sizes.append(len(texts)), send_many(texts))[1]
    monkeypatch.setattr(sending, "sleep", slept.append)
    queued(7)
    sending.send_due()

    assert sizes == [3, 3, 1]
    assert len(slept) == 2


def test_an_account_without_a_limit_costs_no_turn(lines, queued):
    for line in lines:
        line.capabilities = replace(line.capabilities, paced=True)
    queued()
    jobs.send_due()
    assert not AccountPace.objects.exists()
    assert Message.objects.get().status == "sent"
