"""A visit from its booking to its confirmation by text, through Twilio, ClickSend and MessageMedia."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from accounts.models import Location
from bookings.models import Booking
from core import clock, ticks
from core.models import Event
from integrations.models import Provider, ProviderAccount, Receipt, SenderIdentity
from messaging.models import BlockedNumber, Message
from tasks.models import Task
from tests.factories.integrations import token_of
from tests.fakes.clicksend import FakeClickSend
from tests.fakes.messagemedia import FakeMessageMedia
from tests.fakes.server import FakeProvider
from tests.fakes.twilio import FakeTwilio
from tests.integrations.test_sms_providers_doors import through
from tests.webhooks.wix_builder import WixBooking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clinic")]

SYDNEY = ZoneInfo("Australia/Sydney")
PUBLIC = "https://cms.example"
PATIENT, CLINIC = "+61412345678", "+61480000001"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
#: What each provider calls delivered and failed for good, and how it says that the number is a landline.
WORDS = {
    "twilio": ("delivered", "undelivered", "30006"),
    "clicksend": ("201", "301", "Landline number"),
    "messagemedia": ("delivered", "failed", "413"),
}
EARLY = {"twilio": "sent", "clicksend": "200", "messagemedia": "enroute"}


def replace_phone(provider: str, **credentials: str) -> ProviderAccount:
    """Sydney sends by this provider instead of the on-screen phone."""
    location = Location.objects.get(code="sydney")
    location.sender_identities.update(enabled=False)
    account = ProviderAccount.objects.create(
        location=location, provider=provider, name="Texts", credentials=credentials
    )
    SenderIdentity.objects.create(
        location=location, account=account, value=CLINIC, registration="not_needed", per_second=1000
    )
    return account


@pytest.fixture(params=["twilio", "clicksend", "messagemedia"])
def phone(
    request: pytest.FixtureRequest, client: Client, clinic: None, settings: Any
) -> Iterator[FakeProvider]:
    settings.PUBLIC_URL = PUBLIC
    fake: FakeProvider
    if request.param == "twilio":
        fake = FakeTwilio(sms_url=f"{PUBLIC}/webhooks/twilio/sms")
        settings.TWILIO_API_URL = fake.url
        replace_phone(Provider.TWILIO, account_sid=fake.account_sid, auth_token=fake.auth_token)
    elif request.param == "messagemedia":
        fake = FakeMessageMedia(secret="shh")
        settings.MESSAGEMEDIA_API_URL = fake.url
        key, secret = fake.login
        token = token_of(
            replace_phone(Provider.MESSAGEMEDIA, api_key=key, api_secret=secret, webhook_secret="shh")
        )
        fake.callback_url = f"{PUBLIC}/webhooks/sms/callback/{token}"
        fake.opt_out_url = f"{PUBLIC}/webhooks/sms/opt-out/{token}"
    else:
        fake = FakeClickSend()
        settings.CLICKSEND_API_URL = fake.url
        token = token_of(replace_phone(Provider.CLICKSEND, username=fake.login[0], api_key=fake.login[1]))
        fake.inbound_url = f"{PUBLIC}/webhooks/sms/inbound/{token}"
        fake.receipt_url = f"{PUBLIC}/webhooks/sms/receipt/{token}"
    fake.deliver, fake.now = through(client), clock.now
    with fake:
        yield fake


@pytest.fixture
def booked(phone: FakeProvider, wix: Callable[..., None], run_work: Any, frozen_time: Any) -> Any:
    """A visit booked at Wix; its confirmation has gone out unless a fault was scripted. The clock stands still."""

    def book(*faults: str) -> Any:
        time = frozen_time(NOW)
        phone.script(*faults)
        visit = WixBooking(start=datetime(2026, 12, 1, 15, 0, tzinfo=SYDNEY), phone="0412 345 678")
        wix("created", visit, sequence=1, status="CONFIRMED", at=time.at)
        run_work()
        return time

    return book


def confirmation() -> Message:
    return Message.objects.get(template__name="booking_confirmation")


def test_a_visit_is_confirmed_by_text(phone, booked, run_work):
    booked()
    [accepted] = phone.journal
    sent = confirmation()
    assert (accepted["to"], accepted["from"], accepted["body"]) == (PATIENT, CLINIC, sent.body)
    assert (sent.status, sent.provider_message_id, sent.sender) == ("sent", accepted["id"], CLINIC)

    assert phone.report(accepted["id"], WORDS[phone.name][0])[0] == 200
    run_work()
    assert confirmation().status == "delivered"

    assert phone.reply(PATIENT, CLINIC, "YES")[0] == 200
    run_work()
    assert Booking.objects.get().status == "confirmed"
    assert [row["body"] for row in phone.journal][1:] == [
        Message.objects.get(template__name="confirm_reply").body
    ]


def test_receipts_that_come_late_twice_or_backwards_change_nothing(phone, booked, run_work):
    booked()
    good, bad, _ = WORDS[phone.name]
    early = EARLY[phone.name]
    for status in (good, early, bad, good, good):
        assert phone.report(phone.journal[0]["id"], status)[0] == 200
        run_work()
    assert confirmation().status == "delivered"


def test_a_landline_is_remembered_and_somebody_is_asked_to_call(phone, booked, run_work):
    booked()
    _, bad, landline = WORDS[phone.name]
    phone.report(phone.journal[0]["id"], bad, error=landline)
    run_work()
    assert (confirmation().status, confirmation().reason) == ("failed", "landline")
    assert BlockedNumber.objects.get().address == PATIENT
    assert Task.objects.filter(type="delivery_problem").count() == 1


#: Those that can be asked what became of a text.
asked = pytest.mark.parametrize("phone", ["twilio", "clicksend"], indirect=True)
only_messagemedia = pytest.mark.parametrize("phone", ["messagemedia"], indirect=True)


@asked
@pytest.mark.parametrize("fault", ["accept_then_reset", "accept_then_500", "malformed"])
def test_a_text_without_an_answer_is_found_at_the_provider_and_not_sent_twice(phone, booked, run_work, fault):
    time = booked(fault)
    assert confirmation().status == "unknown"
    time.advance(timedelta(seconds=61))
    run_work()
    assert (confirmation().status, confirmation().provider_message_id) == ("sent", phone.journal[0]["id"])
    assert len(phone.journal) == 1


def test_a_text_without_an_answer_is_settled_by_its_receipt(phone, booked, run_work):
    booked("accept_then_reset")
    phone.report(phone.journal[0]["id"], WORDS[phone.name][0])
    run_work()
    assert (confirmation().status, len(phone.journal)) == ("delivered", 1)


@asked
def test_a_text_that_never_arrived_is_sent_again_once_that_is_sure(phone, booked, run_work):
    time = booked("reset")
    time.advance(timedelta(seconds=61))
    run_work()
    assert (confirmation().status, phone.journal) == ("unknown", [])
    time.advance(timedelta(minutes=5))
    run_work()
    assert (confirmation().status, len(phone.journal)) == ("sent", 1)


def test_without_credit_the_text_is_kept_until_there_is_some(phone, booked, run_work):
    time = booked("no_credit")
    assert (confirmation().status, confirmation().reason, phone.journal) == ("held", "no_credit", [])
    from messaging import jobs

    time.advance(timedelta(minutes=16))
    jobs.reconsider()
    run_work()
    assert confirmation().status == "sent"


def test_whoever_stopped_texts_at_the_provider_is_opted_out_here(phone, booked, run_work):
    booked("opted_out")
    assert (confirmation().status, confirmation().reason) == ("failed", "opted_out")
    assert confirmation().contact.consents.filter(state="withdrawn", channel="sms").count() == 3


def test_a_throttled_account_waits_and_then_sends(phone, booked, run_work):
    time = booked("busy")
    assert confirmation().status == "queued"
    time.advance(timedelta(minutes=1))
    run_work()
    assert (confirmation().status, len(phone.journal)) == ("sent", 1)


# Reminders, answers and opt-outs


def test_a_reminder_goes_out_and_a_yes_confirms_the_visit(phone, booked, run_work):
    time = booked()
    time.set(datetime(2026, 11, 29, 15, 1, tzinfo=SYDNEY))
    run_work()
    reminder = Message.objects.get(template__name="reminder_48hr")
    assert (reminder.status, phone.journal[-1]["body"]) == ("sent", reminder.body)
    good, bad, _ = WORDS[phone.name]
    for status in (good, EARLY[phone.name], good, bad, EARLY[phone.name]):
        assert phone.report(phone.journal[-1]["id"], status)[0] == 200
    run_work()
    reminder.refresh_from_db()
    assert reminder.status == "delivered"

    assert phone.reply(PATIENT, CLINIC, "yes")[0] == 200
    run_work()
    assert Booking.objects.get().status == "confirmed"


def test_after_a_stop_no_reminder_goes_out(phone, booked, run_work):
    time = booked()
    sent = len(phone.journal)
    phone.reply(PATIENT, CLINIC, "STOP")
    run_work()
    assert confirmation().contact.consents.filter(state="withdrawn", channel="sms").count() == 3
    assert Message.objects.filter(direction="inbound").count() == 1
    assert Event.objects.filter(type="opt_out").count() == 1
    answers = len(phone.journal) - sent
    assert answers == (phone.name == "clicksend"), "none of ours where the provider has blocked the number"
    time.set(datetime(2026, 11, 29, 15, 1, tzinfo=SYDNEY))
    run_work()
    assert Message.objects.get(template__name="reminder_48hr").status == "suppressed"
    assert len(phone.journal) == sent + answers


@only_messagemedia
@pytest.mark.parametrize("fault", ["accept_then_reset", "accept_then_500", "malformed"])
def test_what_messagemedia_cannot_be_asked_is_settled_by_its_list_of_receipts(phone, booked, run_work, fault):
    phone.silent = True
    time = booked(fault)
    time.advance(timedelta(minutes=40))
    run_work()
    assert confirmation().status == "unknown"
    phone.report(phone.journal[0]["id"], "submitted")
    ticks.run("15min")
    run_work()
    assert (confirmation().status, confirmation().provider_message_id) == ("sent", phone.journal[0]["id"])
    assert len(phone.journal) == 1


@only_messagemedia
def test_what_messagemedia_never_had_is_left_to_a_person(phone, booked, run_work):
    time = booked("reset")
    time.advance(timedelta(minutes=40))
    run_work()
    assert (confirmation().status, phone.journal) == ("unknown", [])


@only_messagemedia
@pytest.mark.parametrize("words", ["STOP", "no more of these thanks"])
@pytest.mark.parametrize("first", ["text", "opt_out"])
def test_a_text_and_the_news_of_its_opt_out_are_one_text(phone, booked, run_work, words, first):
    booked()
    fields = {"reply_id": "R-1", "source_number": PATIENT, "destination_number": CLINIC, "content": words}
    moves = [lambda: phone.reply(PATIENT, CLINIC, words, reply_id="R-1"), lambda: phone.opt_out(fields)]
    for move in moves if first == "text" else reversed(moves):
        assert move()[0] == 200
        run_work()
    assert Message.objects.filter(direction="inbound").count() == 1
    assert confirmation().contact.consents.filter(state="withdrawn", channel="sms").count() == 3
    assert Event.objects.filter(type="opt_out").count() == 1


@pytest.mark.parametrize("phone", ["clicksend", "messagemedia"], indirect=True)
def test_a_text_whose_webhook_was_lost_is_found_in_the_list_and_understood(phone, booked, run_work):
    booked()
    phone.silent = True
    phone.reply(PATIENT, CLINIC, "yes")
    run_work()
    assert Booking.objects.get().status == "scheduled"
    ticks.run("15min")
    run_work()
    assert Booking.objects.get().status == "confirmed"


@pytest.mark.parametrize("phone", ["clicksend", "messagemedia"], indirect=True)
def test_a_receipt_that_came_to_another_clinic_of_the_same_login_finds_its_text(phone, booked, run_work):
    booked()
    ours = ProviderAccount.objects.get(provider=phone.name)
    theirs = ProviderAccount.objects.create(
        location=Location.objects.get(code="melbourne"), provider=phone.name, name="Texts",
        credentials=ours.credentials,
    )  # fmt: skip
    door = "receipt" if phone.name == "clicksend" else "callback"
    phone.receipt_url = phone.callback_url = f"{PUBLIC}/webhooks/sms/{door}/{token_of(theirs)}"
    phone.messages[phone.journal[0]["id"]]["callback_url"] = ""
    more = {"metadata": {}} if phone.name == "messagemedia" else {"custom_string": ""}
    phone.report(phone.journal[0]["id"], WORDS[phone.name][0], **more)
    run_work()
    assert Receipt.objects.get(kind="sms_receipt").account == theirs
    assert confirmation().status == "delivered"


@only_messagemedia
def test_how_many_segments_were_charged_for_is_kept(phone, booked, run_work):
    booked()
    before = confirmation().segments
    phone.report(phone.journal[0]["id"], "delivered", billing_units=before + 2)
    run_work()
    assert (confirmation().segments, confirmation().status) == (before + 2, "delivered")
