"""A visit from its booking to its confirmation by text, through Twilio and through ClickSend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from accounts.models import Location
from bookings.models import Booking
from core import clock
from integrations.models import Provider, ProviderAccount, SenderIdentity
from messaging.models import BlockedNumber, Message
from tasks.models import Task
from tests.factories.integrations import token_of
from tests.fakes.clicksend import FakeClickSend
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
WORDS = {"twilio": ("delivered", "undelivered", "30006"), "clicksend": ("201", "301", "Landline number")}


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


@pytest.fixture(params=["twilio", "clicksend"])
def phone(
    request: pytest.FixtureRequest, client: Client, clinic: None, settings: Any
) -> Iterator[FakeProvider]:
    settings.PUBLIC_URL = PUBLIC
    fake: FakeProvider
    if request.param == "twilio":
        fake = FakeTwilio(sms_url=f"{PUBLIC}/webhooks/twilio/sms")
        settings.TWILIO_API_URL = fake.url
        replace_phone(Provider.TWILIO, account_sid=fake.account_sid, auth_token=fake.auth_token)
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
    early = "sent" if phone.name == "twilio" else "200"
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
