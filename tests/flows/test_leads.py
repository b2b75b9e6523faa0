"""Every way a lead comes in ends in one contact; a booking finds it, takes its attribution and moves it on."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from accounts.models import Location, User
from bookings.models import Booking
from contacts.models import Contact, StageChange, Touchpoint
from core import work
from core.models import Event
from integrations.models import Provider
from messaging.models import Message
from tasks.models import Task
from tests.factories.integrations import make_account, token_of
from tests.integrations.test_once import at_once
from tests.webhooks.wix_builder import WixBooking

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PHONE = "+61412345678"


@pytest.fixture
def doors(clinic: None, settings: Any) -> dict[str, Callable[[], None]]:
    """Each way Ana comes in, by name."""
    sydney = Location.objects.get(code="sydney")
    settings.META_APP_SECRET = "app secret"
    page = make_account(sydney, Provider.META, external_instance_id="page-1")
    form = token_of(make_account(sydney, Provider.WEB_FORM))
    chat = token_of(make_account(sydney, Provider.MANYCHAT))
    texts = itertools.count()

    def post(path: str, body: dict[str, Any], **headers: str) -> None:
        raw = json.dumps(body).encode()
        signed = hmac.new(b"app secret", raw, hashlib.sha256).hexdigest()
        given = {"X-Hub-Signature-256": f"sha256={signed}"} if "meta" in path else {}
        answer = Client().generic("POST", path, raw, content_type="application/json", headers=given)
        assert answer.status_code == 200, answer.content

    def web_form() -> None:
        post(
            f"/webhooks/forms/{form}",
            {
                "name": "Ana Silva",
                "phone": "0412 345 678",
                "email": "ana@example.com",
                "gclid": "G",
                "form": "Contact",
            },
        )

    def manychat() -> None:
        who = {"id": "77", "name": "Ana Silva", "phone": "+61 412 345 678", "email": "Ana@Example.com"}
        post(f"/webhooks/manychat/{chat}", {"event": "subscriber_created", "subscriber": who})

    def meta() -> None:
        answers = [
            {"name": "full_name", "values": ["Ana Silva"]},
            {"name": "phone_number", "values": [PHONE]},
        ]
        value = {"leadgen_id": "1", "page_id": page.external_instance_id, "field_data": answers}
        post(
            "/webhooks/meta/leads",
            {"entry": [{"id": "page-1", "changes": [{"field": "leadgen", "value": value}]}]},
        )

    def sms() -> None:
        body = {
            "message_id": f"in-{next(texts)}",
            "from": PHONE,
            "to": "",
            "body": "Do you have time on Tuesday?",
        }
        post(f"/webhooks/sms/inbound/{settings.SMS_WEBHOOK_TOKEN}", body)

    return {"web_form": web_form, "manychat": manychat, "meta": meta, "sms": sms}


SOURCES = {"web_form": "google_ads", "manychat": "manychat", "meta": "meta_form", "sms": "sms"}


@pytest.mark.django_db
@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(SOURCES, 2)))
def test_two_sources_in_any_order_are_one_contact_with_the_first_touch_of_the_first(
    first: str, second: str, doors: Any, run_work: Any, frozen_time: Any
) -> None:
    time = frozen_time(NOW)
    doors[first]()
    run_work()
    time.advance(timedelta(minutes=10))
    doors[second]()
    run_work()
    contact = Contact.objects.get()
    assert (contact.phone, contact.source) == (PHONE, SOURCES[first])
    assert contact.first_touch["source"] == SOURCES[first]
    assert contact.last_touch["source"] == SOURCES[second]
    assert contact.name == "Ana Silva"
    assert Event.objects.filter(type="lead_created").count() == 1
    told = set(Touchpoint.objects.filter(contact=contact).values_list("source", flat=True))
    assert {SOURCES[first], SOURCES[second]} <= told
    assert Message.objects.filter(template__name="welcome_lead").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pair", list(itertools.combinations(SOURCES, 2)), ids="-".join)
def test_two_sources_at_the_same_moment_are_one_contact(
    pair: tuple[str, str], doors: Any, run_work: Any
) -> None:
    at_once(2, lambda number: doors[pair[number]]())
    at_once(3, lambda _: work.drain())
    run_work()
    contact = Contact.objects.get()
    assert contact.name == "Ana Silva"
    assert Event.objects.filter(type="lead_created").count() == 1
    told = set(Touchpoint.objects.filter(contact=contact).values_list("source", flat=True))
    assert {SOURCES[name] for name in pair} <= told


@pytest.mark.django_db
@pytest.mark.parametrize(
    "booked_as", [{"phone": "0412 345 678", "email": ""}, {"phone": "", "email": "ANA@example.com"}], ids=str
)
def test_a_booking_finds_the_lead_takes_its_attribution_and_moves_it_through_booked(
    booked_as: dict[str, str], doors: Any, wix: Any, run_work: Any, frozen_time: Any
) -> None:
    time = frozen_time(NOW)
    doors["web_form"]()
    run_work()
    time.advance(timedelta(hours=1))
    doors["manychat"]()
    run_work()
    time.advance(timedelta(hours=1))
    lead = Contact.objects.get()
    visit_at = datetime(2026, 12, 1, 15, 0, tzinfo=SYDNEY)
    booking = WixBooking(start=visit_at, contact_id="w-1", **booked_as)
    wix("created", booking, sequence=1, at=time.at)
    wix("confirmed", booking, sequence=2, at=time.at)
    run_work()

    visit = Booking.objects.get()
    assert visit.contact == lead
    assert visit.first_touch_attribution["source"] == "google_ads"
    assert visit.first_touch_attribution["gclid"] == "G"
    assert visit.last_touch_attribution["source"] == "manychat"
    places = list(StageChange.objects.order_by("pk").values_list("to_stage", flat=True))
    assert places[-2:] == ["booked", "booking_confirmed"]
    lead.refresh_from_db()
    assert lead.source == "google_ads"
    assert not Task.objects.filter(type="sms_followup", status__in=Task.OPEN).exists()


@pytest.mark.django_db
def test_the_page_tells_how_they_came_and_what_they_answered(
    doors: Any, run_work: Any, client: Client
) -> None:
    doors["web_form"]()
    run_work()
    doors["manychat"]()
    run_work()
    client.force_login(User.objects.get(email="staff@demo.test"))
    contact = Contact.objects.get()
    page = client.get(f"/admin/contacts/contact/{contact.public_id}/panel/attribution/").content.decode()
    assert "First: Google ad" in page
    assert "Latest: ManyChat" in page
    assert "a Google ad" in page
    answer = client.get(f"/api/contacts/{contact.public_id}").json()
    [sent] = [line for line in answer["touchpoints"] if line["type"] == "form_submit"]
    assert sent["details"]["gclid"] == "G"


@pytest.mark.django_db
def test_a_phone_enquiry_typed_at_the_desk_is_a_lead(clinic: None, client: Client, run_work: Any) -> None:
    client.force_login(User.objects.get(email="staff@demo.test"))
    sydney = Location.objects.get(code="sydney")
    fields = {
        "location": sydney.pk, "name": "Ana Silva", "phone": "0412 345 678", "email": "", "source": "phone",
        "intent": "procedure", "tags": "", "notes": "Rang about a mole removal.", "is_lead": "on", "owner": "",
    }  # fmt: skip
    answer = client.post("/admin/contacts/contact/add/", fields)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    run_work()
    contact = Contact.objects.get()
    assert (contact.source, contact.intent, contact.notes) == (
        "phone",
        "procedure",
        "Rang about a mole removal.",
    )
    assert contact.first_touch["source"] == "phone"
    assert Event.objects.filter(type="lead_created").count() == 1
    assert Message.objects.filter(template__name="welcome_lead").count() == 1
    again = client.post("/admin/contacts/contact/add/", fields)
    assert again.status_code == 200, "this person is here already"
    assert Contact.objects.count() == 1
