"""What staff type to connect a provider, and the senders texts come from."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Location
from core.models import Event
from integrations import services
from integrations.models import ProviderAccount, SenderIdentity
from tests.clinic import pages, staff
from tests.webhooks.wix_builder import key_pair

__all__ = ["pages", "staff"]

pytestmark = pytest.mark.django_db
ADD_ACCOUNT = "/admin/integrations/provideraccount/add/"
ADD_SENDER = "/admin/integrations/senderidentity/add/"


@pytest.fixture
def sydney(staff: Any) -> Location:
    return Location.objects.get(code="sydney")


def change(row: Any) -> str:
    return reverse(f"admin:integrations_{row._meta.model_name}_change", args=(row.public_id,))


@pytest.fixture
def console(sydney: Location) -> ProviderAccount:
    return ProviderAccount.objects.create(location=sydney, provider="console", name="Screen")


@pytest.fixture
def twilio(sydney: Location) -> ProviderAccount:
    return ProviderAccount.objects.create(location=sydney, provider="twilio", name="Texts")


def test_an_account_is_made_first_and_then_asked_for_what_its_provider_wants(
    pages: Any, sydney: Location
) -> None:
    client = pages("manager")
    form = client.get(ADD_ACCOUNT)
    assert "webhook_secret" not in form.content.decode()
    answer = client.post(ADD_ACCOUNT, {"location": sydney.pk, "provider": "wix", "name": "Wix"})
    account = ProviderAccount.objects.get()
    assert answer["Location"] == change(account)
    shown = client.get(change(account)).content.decode()
    assert {"webhook_secret", "public_key", "external_instance_id"} <= set(re.findall(r'name="(\w+)"', shown))
    assert "Wix instance id" in shown
    assert Event.objects.get(type="provider_changed").data["fields"] == ["name"]


def test_the_on_screen_phone_asks_for_nothing(pages: Any, console: ProviderAccount) -> None:
    shown = pages("manager").get(change(console)).content.decode()
    names = set(re.findall(r'name="(\w+)"', shown))
    assert not {"webhook_secret", "public_key", "external_instance_id"} & names


def test_a_change_is_told_by_names_and_never_by_values(pages: Any, sydney: Location) -> None:
    account = ProviderAccount.objects.create(location=sydney, provider="wix", name="Wix")
    posted = {"name": "Wix", "enabled": "on", "external_instance_id": "abc", "webhook_secret": "hush-hush"}
    assert pages("manager").post(change(account), posted).status_code == 302
    event = Event.objects.get(type="provider_changed")
    assert event.data["fields"] == ["external_instance_id", "webhook_secret"]
    assert "hush" not in str(event.data)


def test_a_new_address_is_shown_whole(pages: Any, console: ProviderAccount) -> None:
    press = reverse("admin:integrations_provideraccount_new_address", args=(console.public_id,))
    said = pages("manager").post(press, {"_form_submitted": "on"}, follow=True).content.decode()
    assert re.search(r"Texts received: http://testserver/webhooks/sms/inbound/[\w-]{40,}", said)
    assert re.search(r"Delivery receipts: http://testserver/webhooks/sms/receipt/[\w-]{40,}", said)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("+61 (2) 5550-1000", "+61255501000"), ("Avatar", "Avatar"), (" My Clinic ", "My Clinic")],
)
def test_a_sender_is_a_number_or_a_name(
    pages: Any, console: ProviderAccount, typed: str, stored: str
) -> None:
    answer = pages("manager").post(ADD_SENDER, sender_form(console, value=typed))
    assert answer.status_code == 302, answer.context["errors"]
    assert SenderIdentity.objects.get().value == stored


def sender_form(account: ProviderAccount, **typed: Any) -> dict[str, Any]:
    return {
        "location": account.location_id, "account": account.pk, "value": "Avatar", "per_second": 1,
        "registration": "unregistered", "is_default": "on", "enabled": "on", **typed,
    }  # fmt: skip


@pytest.mark.parametrize("typed", ["12345", "A name that is too long", "Härzig", "Hi", "+123"])
def test_what_is_neither_a_number_nor_a_name_is_refused_at_the_field(
    pages: Any, console: ProviderAccount, typed: str
) -> None:
    answer = pages("manager").post(ADD_SENDER, sender_form(console, value=typed))
    errors = answer.context["adminform"].form.errors
    assert "3 to 11 plain letters" in str(errors["value"])
    assert not SenderIdentity.objects.exists()


def test_names_are_refused_where_carriers_refuse_them(
    pages: Any, sydney: Location, twilio: ProviderAccount
) -> None:
    Location.objects.filter(pk=sydney.pk).update(legal_profile="US")
    answer = pages("manager").post(ADD_SENDER, sender_form(twilio))
    assert "numbers only" in str(answer.context["adminform"].form.errors["value"])


def test_an_account_of_another_clinic_is_refused_at_the_field(pages: Any, console: ProviderAccount) -> None:
    melbourne = Location.objects.get(code="melbourne")
    answer = pages("admin").post(ADD_SENDER, sender_form(console, location=melbourne.pk))
    assert "account of this clinic" in str(answer.context["adminform"].form.errors["account"])


def test_one_sender_is_used_first(pages: Any, console: ProviderAccount) -> None:
    for value in ("First", "Second"):
        pages("manager").post(ADD_SENDER, sender_form(console, value=value))
    assert list(SenderIdentity.objects.filter(is_default=True).values_list("value", flat=True)) == ["Second"]


@pytest.mark.parametrize(
    ("law", "value", "wants"),
    [
        ("AU", "Avatar", "SMS Sender ID Register"),
        ("AU", "+61255501000", ""),
        ("US", "+14155550100", "A2P 10DLC"),
        ("CA", "+14165550100", ""),
    ],
)
def test_each_sender_says_what_the_law_wants_of_it(
    pages: Any, twilio: ProviderAccount, law: str, value: str, wants: str
) -> None:
    Location.objects.filter(pk=twilio.location_id).update(legal_profile=law)
    twilio.refresh_from_db()
    SenderIdentity.objects.create(location=twilio.location, account=twilio, value=value)
    shown = pages("manager").get("/admin/integrations/senderidentity/").content.decode()
    assert ("Wants " in shown, wants in shown) == (bool(wants), True)


def test_registration_moves_on_and_is_told(pages: Any, twilio: ProviderAccount) -> None:
    sender = SenderIdentity.objects.create(location=twilio.location, account=twilio, value="Avatar")
    posted = sender_form(twilio, registration="registered", register_name="ACMA", register_id="A-1")
    assert pages("manager").post(change(sender), posted).status_code == 302
    sender.refresh_from_db()
    assert (sender.usable, sender.register_id) == (True, "A-1")
    event = Event.objects.get(type="sender_changed")
    assert (event.data["registration"], event.cause_kind) == ("registered", "user")


def test_unknown_fields_are_refused(twilio: ProviderAccount) -> None:
    from core.causes import Cause
    from core.errors import Invalid

    with pytest.raises(Invalid, match="has no location"):
        services.create_sender(location_id=1, fields={"location": 2}, cause=Cause.system("test"))
    with pytest.raises(Invalid, match="has no provider"):
        services.update_account(
            account_id=twilio.pk, fields={"provider": "wix"}, credentials={}, cause=Cause.system("test")
        )


@pytest.mark.parametrize("provider", ["wix", "messagemedia"])
def test_a_key_that_checks_nothing_is_refused_beside_its_field(
    pages: Any, sydney: Location, provider: str
) -> None:
    account = ProviderAccount.objects.create(location=sydney, provider=provider, name="Door")
    posted = {"name": "Door", "enabled": "on", "public_key": "not a key"}
    answer = pages("manager").post(change(account), posted)
    assert answer.status_code == 200
    assert "cannot be read. Copy it again." in answer.content.decode()
    account.refresh_from_db()
    assert "public_key" not in account.credentials
    assert pages("manager").post(change(account), posted | {"public_key": key_pair()[1]}).status_code == 302
