"""What carriers do on their own account: opt-outs, pictures, receipts with our reference, pauses, pace."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from django.db import connection

from contacts import consent
from contacts.models import Consent
from core.causes import Cause
from core.models import Event
from integrations import inbound, pacing
from integrations.models import AccountPause, Kind, Provider, ProviderAccount, SenderPace
from integrations.ports import Capabilities, DeliveryReceipt, LookupAnswer, SendOutcome
from messaging import inbound as texts
from messaging import jobs, reasons, sending
from messaging.models import BlockedNumber, Message, SendAttempt
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.fakes.twilio import FakeTwilio
from tests.integrations.test_sms_providers_doors import through
from tests.messaging.conftest import RULE, fresh

CLINIC = "+61290000000"


def queue(contact, key="k1", **more):
    more.setdefault("template", "welcome_lead")
    return queue_messages([NewMessage(contact_id=contact.pk, dedupe_key=key, cause=RULE, **more)])[0].message


def consent_of(contact):
    return consent.consent_for(contact.location_id, [contact.phone])[contact.phone]


# Opt-outs


def test_a_refusal_because_of_an_opt_out_is_taken_for_one(gateway, anna):
    gateway.answers = [SendOutcome("refused", error_code="opted_out")]
    message = queue(anna)
    sending.send_due()

    assert (fresh(message).status, fresh(message).reason) == ("failed", "opted_out")
    assert consent_of(anna) == {("sms", purpose): "withdrawn" for purpose in ("service", "care", "marketing")}
    assert Event.objects.filter(type="opt_out", contact_id=anna.pk).count() == 1
    other = queue(anna, "k2", template="review_request")
    sending.send_due()
    assert (fresh(other).status, fresh(other).reason) == ("suppressed", "opted_out")
    assert len(gateway.sent) == 1


def test_a_number_that_is_a_landline_is_remembered(gateway, anna):
    gateway.answers = [SendOutcome("refused", error_code="landline")]
    queue(anna)
    sending.send_due()
    assert BlockedNumber.objects.get().address == anna.phone
    assert not Consent.objects.filter(state="withdrawn").exists()


@pytest.mark.parametrize("code", ["unreachable_phone", "filtered", "twilio_39999"])
def test_what_may_pass_blocks_no_number_and_has_words(gateway, anna, code):
    gateway.answers = [SendOutcome("refused", error_code=code)]
    message = queue(anna)
    sending.send_due()
    assert not BlockedNumber.objects.exists()
    assert reasons.words(fresh(message).reason).endswith(".")


@pytest.fixture
def twilio(client, sydney, account, gateway, settings):
    """The clinic's Twilio number; texts are posted through the front door."""
    settings.PUBLIC_URL = "https://cms.example"
    with FakeTwilio(sms_url="https://cms.example/webhooks/twilio/sms") as fake:
        account.provider = Provider.TWILIO
        account.credentials = {"account_sid": fake.account_sid, "auth_token": fake.auth_token}
        account.save()
        fake.deliver = through(client)
        yield fake


def replies():
    return list(Message.objects.filter(template__name__in=("stop_reply", "help_reply")))


@pytest.mark.parametrize("advanced", [False, True])
def test_stop_opts_out_and_is_not_answered_twice(twilio, anna, run_work, advanced):
    twilio.advanced_opt_out = advanced
    assert twilio.reply(anna.phone, CLINIC, "STOP")[0] == 200
    run_work()
    assert set(consent_of(anna).values()) == {"withdrawn"}
    assert replies() == []


def test_a_wish_that_twilio_does_not_know_is_answered_by_us(twilio, anna, run_work):
    twilio.reply(anna.phone, CLINIC, "please stop texting me")
    run_work()
    assert set(consent_of(anna).values()) == {"withdrawn"}
    assert len(replies()) == 1


def test_a_word_of_the_clinics_own_at_twilio_opts_out_as_well(twilio, anna, run_work):
    twilio.reply(anna.phone, CLINIC, "Genug", OptOutType="STOP")
    run_work()
    assert set(consent_of(anna).values()) == {"withdrawn"}
    assert Message.objects.get(direction="inbound").intent == "stop"


def test_help_is_answered_once_by_whoever_is_first(twilio, anna, run_work):
    twilio.reply(anna.phone, CLINIC, "HELP")
    run_work()
    assert replies() == []


def test_start_gives_back_and_a_yes_that_frees_the_number_at_twilio_does_not(twilio, anna, run_work):
    twilio.reply(anna.phone, CLINIC, "STOP")
    twilio.reply(anna.phone, CLINIC, "YES", OptOutType="START")
    run_work()
    assert consent_of(anna)["sms", "service"] == "withdrawn"
    twilio.reply(anna.phone, CLINIC, "START")
    run_work()
    assert (consent_of(anna)["sms", "service"], consent_of(anna)["sms", "marketing"]) == (
        "granted",
        "withdrawn",
    )


def test_pictures_are_kept_as_links(twilio, anna, run_work):
    twilio.reply(anna.phone, CLINIC, "Is this normal?", NumMedia="1", MediaUrl0="https://api.twilio.com/m/1")
    run_work()
    assert Message.objects.get(direction="inbound").media == ["https://api.twilio.com/m/1"]


# Receipts


def unknown(gateway, contact):
    gateway.answers = [SendOutcome("unknown")]
    message = queue(contact)
    sending.send_due()
    return message


def apply(account, told, *, reference=""):
    body = b"message_id=p-1&status=delivered"
    receipt, _ = inbound.store(
        inbound.Delivery(
            account, Kind.SMS_RECEIPT, f"receipt:{uuid4()}", "p-1", body,
            headers={inbound.REFERENCE: reference} if reference else {},
        )
    )  # fmt: skip
    return texts.apply_receipt(told, account=account, receipt=receipt, cause=Cause.provider(account.pk))


@pytest.mark.parametrize("where", ["body", "address"])
@pytest.mark.parametrize(
    ("status", "becomes"), [("accepted", "sent"), ("delivered", "delivered"), ("failed", "failed")]
)
def test_a_receipt_with_our_reference_settles_a_call_without_an_end(
    gateway, account, anna, where, status, becomes
):
    message = unknown(gateway, anna)
    reference = str(message.public_id)
    told = DeliveryReceipt("p-1", status, reference=reference if where == "body" else "")
    apply(account, told, reference=reference if where == "address" else "")

    assert (fresh(message).status, fresh(message).provider_message_id) == (becomes, "p-1")
    assert len(gateway.sent) == 1


@pytest.mark.parametrize("reference", ["", "nonsense", "0197f2a0-7c1e-7b3a-9d4e-5f60718293a4"])
def test_a_receipt_of_nobodys_waits_and_is_then_ignored(gateway, account, anna, now, reference):
    message = unknown(gateway, anna)
    told = DeliveryReceipt("p-1", "delivered", reference=reference)
    with pytest.raises(texts.NotYet):
        apply(account, told)
    assert fresh(message).status == "unknown"


def test_a_reference_says_nothing_of_a_message_whose_call_has_not_ended(gateway, account, anna):
    message = queue(anna)
    [claimed], _ = sending.claim()
    sending.begin(claimed)
    with pytest.raises(texts.NotYet):
        apply(account, DeliveryReceipt("p-1", "delivered", reference=str(message.public_id)))


# Asking


def test_an_absence_counts_only_once_the_providers_list_has_caught_up(gateway, anna, now):
    gateway.capabilities = replace(gateway.capabilities, search_lag=timedelta(minutes=5))
    gateway.looked_up = LookupAnswer("absent")
    message = unknown(gateway, anna)
    now.advance(timedelta(seconds=60))
    jobs.send_due()
    assert (fresh(message).status, len(gateway.sent)) == ("unknown", 1)
    now.advance(timedelta(minutes=4))
    jobs.send_due()
    jobs.send_due()
    assert (fresh(message).status, len(gateway.sent)) == ("sent", 2)


def test_what_is_found_and_is_another_message_settles_nothing(gateway, sydney, anna, now):
    first = queue(anna)
    sending.send_due()
    gateway.answers = [SendOutcome("unknown")]
    second = queue(make_contact(sydney, name="Ben Lee"), "k2")
    sending.send_due()
    gateway.looked_up = LookupAnswer("found", fresh(first).provider_message_id, "delivered")
    now.advance(timedelta(seconds=60))
    jobs.send_due()
    assert fresh(second).status == "unknown"


# Pauses


def test_an_account_without_credit_is_not_asked_again_for_every_text(gateway, sydney, anna, now):
    gateway.answers = [SendOutcome("retry", error_code="no_credit")] * 2
    first = queue(anna)
    others = [queue(make_contact(sydney, name=f"Person {n}"), f"k-{n}") for n in range(3)]
    sending.send_due()

    assert len(gateway.sent) == 1
    assert {(fresh(m).status, fresh(m).reason) for m in (first, *others)} == {("held", "no_credit")}
    now.advance(timedelta(minutes=15))
    jobs.reconsider()
    sending.send_due()
    assert len(gateway.sent) == 2, "one asks whether it is mended"
    now.advance(timedelta(minutes=15))
    jobs.reconsider()
    sending.send_due()
    assert {fresh(m).status for m in (first, *others)} == {"sent"}
    assert not AccountPause.objects.exists()


def test_wrong_credentials_hold_every_text_of_the_account(gateway, sydney, anna):
    gateway.answers = [SendOutcome("retry", error_code="bad_credentials")]
    messages = [queue(anna), queue(make_contact(sydney, name="Ben Lee"), "k2")]
    sending.send_due()
    assert [fresh(m).status for m in messages] == ["held", "held"]
    assert len(gateway.sent) == 1


def test_another_worker_keeps_to_the_pause_too(gateway, account, anna, now):
    pacing.pause(account.pk, reason="busy", until=now.at + timedelta(seconds=30))
    pacing.pause(account.pk, reason="busy", until=now.at + timedelta(seconds=10))
    message = queue(anna)
    sending.send_due()
    assert (fresh(message).status, fresh(message).next_try_at) == ("queued", now.at + timedelta(seconds=30))
    now.advance(timedelta(seconds=31))
    sending.send_due()
    assert fresh(message).status == "sent"


def test_a_text_that_was_taken_or_lost_pauses_nothing(gateway, anna):
    gateway.answers = [SendOutcome("unknown", error_code="no_answer")]
    queue(anna)
    sending.send_due()
    assert pacing.pause_of(ProviderAccount.objects.get()) is None


# Pace


@pytest.fixture
def paced(gateway, account, monkeypatch):
    """A carrier that takes a text a second; what the sender slept."""
    gateway.capabilities = Capabilities(paced=True)
    account.senders.update(per_second=1)
    slept = []
    monkeypatch.setattr(sending, "sleep", slept.append)
    return slept


def busy_for(account, seconds):
    """As if others had taken the sender's turns so far."""
    pacing.Turns().take(account.senders.get())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_senderpace SET free_at = clock_timestamp() + make_interval(secs => %s)",
            [seconds],
        )


def test_a_text_whose_turn_is_near_waits_for_it_and_goes(paced, gateway, account, anna):
    busy_for(account, 2)
    message = queue(anna)
    sending.send_due()
    assert fresh(message).status == "sent"
    [seconds] = paced
    assert 0 < seconds <= 2


def test_texts_whose_turns_are_far_off_go_back_in_line_spread_over_them(paced, gateway, sydney, account, now):
    busy_for(account, 3600)
    people = [make_contact(sydney, name=f"Person {n}") for n in range(4)]
    messages = [fresh(queue(person, f"k-{person.pk}")) for person in people]
    sending.send_due()

    assert (gateway.sent, paced) == ([], [])
    left = [fresh(message) for message in messages]
    assert {(m.status, m.attempts) for m in left} == {("queued", 0)}
    tries = [m.next_try_at for m in left]
    assert tries == sorted(set(tries))
    assert tries[0] > now.at + timedelta(minutes=59)


def test_whoever_opts_out_while_a_text_waits_for_its_turn_gets_none(
    paced, gateway, sydney, account, anna, monkeypatch
):
    def stop(seconds):
        consent.set_consent(
            location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service", "care", "marketing"],
            state="withdrawn", basis="reply", cause=Cause.system("test"),
        )  # fmt: skip

    busy_for(account, 2)
    message = queue(anna)
    monkeypatch.setattr(sending, "sleep", stop)
    sending.send_due()
    assert fresh(message).status == "suppressed"
    assert not SendAttempt.objects.exists()


def test_turns_are_shared_by_all_workers(account):
    sender = account.senders.get()
    sender.per_second = 1
    busy_for(account, 100)
    one, two = pacing.Turns(patience=500), pacing.Turns(patience=500)
    waits = [turns.take(sender) for turns in (one, two, one, two)]
    assert [turn.taken for turn in waits] == [True] * 4
    steps = [later.seconds - earlier.seconds for earlier, later in pairwise(waits)]
    assert all(0 < step <= 1 for step in steps), "each a second after the other, less what passes meanwhile"
    assert SenderPace.objects.count() == 1


def test_a_turn_too_far_off_is_left_to_others(account):
    sender = account.senders.get()
    sender.per_second = 1
    busy_for(account, 100)
    before = SenderPace.objects.get().free_at
    turn = pacing.Turns(patience=50).take(sender)
    assert not turn.taken
    assert 50 < turn.seconds <= 100
    assert SenderPace.objects.get().free_at == before


def test_a_sender_that_rested_has_no_turns_to_make_up_for(account):
    sender = account.senders.get()
    sender.per_second = 1
    busy_for(account, -3600)
    turns = pacing.Turns(patience=500)
    assert turns.take(sender).seconds == 0
    assert 0 < turns.take(sender).seconds <= 1


def test_the_on_screen_phone_has_no_pace(gateway, sydney, account, anna):
    queue(anna)
    sending.send_due()
    assert not SenderPace.objects.exists()
