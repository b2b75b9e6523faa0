"""Providers at the desk: accounts and what was delivered."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from core import clock
from integrations import inbound
from integrations.models import ProviderAccount, Receipt, SenderIdentity
from integrations.seeds import seed
from tests.clinic import pages, staff
from tests.fakes.wix_rest import FakeWixRest
from tests.integrations.conftest import SECRET
from tests.webhooks.wix_builder import WixBooking, delivery, signature, simple

__all__ = ["pages", "staff"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def sydney(staff: Any) -> Any:
    from accounts.models import Location

    return Location.objects.get(code="sydney")


def press(client: Any, row: Any, name: str) -> Any:
    model = row._meta.model_name
    address = reverse(f"admin:integrations_{model}_{name}", args=(row.public_id,))
    return client.post(address, {"_form_submitted": "on"}, follow=True)


def test_seeds_make_the_demo_accounts_and_keep_what_is_there(staff):
    seed(demo=True)
    account = ProviderAccount.objects.get(external_instance_id="demo-instance")
    assert (account.provider, account.location.name) == ("wix", "Avatar Imaging Sydney")
    assert ProviderAccount.objects.filter(provider="console").count() == 2
    assert all(sender.usable for sender in SenderIdentity.objects.all())
    ProviderAccount.objects.filter(pk=account.pk).update(external_instance_id="the real one")
    seed(demo=True)
    assert (ProviderAccount.objects.count(), SenderIdentity.objects.count()) == (4, 4)


def test_a_new_address_is_shown_once_and_works(pages, wix, client, post_jwt):
    said = press(pages("manager"), wix, "new_address").content.decode()
    path = re.search(r"/webhooks/wix/bookings/[\w-]+", said)
    assert path is not None
    assert post_jwt(delivery("confirmed"), path=path.group()).status_code == 200
    wix.refresh_from_db()
    assert path.group().rsplit("/", 1)[1] != wix.webhook_token_hash
    shown = pages("manager").get(reverse("admin:integrations_provideraccount_change", args=(wix.public_id,)))
    assert path.group() not in shown.content.decode()


def test_a_secret_is_typed_never_shown_and_the_old_one_still_fits(pages, wix, post_simple):
    address = reverse("admin:integrations_provideraccount_change", args=(wix.public_id,))
    client = pages("manager")
    form = {"name": "Wix", "enabled": "on", "external_instance_id": "demo-instance", "public_key": ""}
    for secret in ("the first secret", "the second secret"):
        client.post(address, {**form, "webhook_secret": secret})
    wix.refresh_from_db()
    assert wix.credentials == {
        "webhook_secret": "the second secret",
        "previous_webhook_secret": "the first secret",
    }
    assert "secret" not in re.sub(r"webhook_secret|[Oo]ld", "", client.get(address).content.decode()).replace(
        "Webhook secret", ""
    )
    client.post(address, {**form, "webhook_secret": ""})
    wix.refresh_from_db()
    assert wix.credentials["webhook_secret"] == "the second secret"
    from tests.factories.integrations import token_of

    path = f"/webhooks/wix/bookings/{token_of(wix)}"
    body = simple("created")
    assert post_simple(body, path=path, signature=signature(body, "the first secret")).status_code == 200
    assert post_simple(body, path=path, signature=signature(body, SECRET)).status_code == 401


def test_a_parked_delivery_is_listed_without_its_body_and_applied_again(pages, wix, post_jwt, run_work):
    post_jwt(delivery("confirmed", WixBooking(instance_id="unknown")))
    run_work()
    receipt = Receipt.objects.get()
    client = pages("manager")
    listed = client.get("/admin/integrations/receipt/").content.decode()
    assert "unknown_instance" in listed
    detail = client.get(
        reverse("admin:integrations_receipt_change", args=(receipt.public_id,))
    ).content.decode()
    assert "Ana" not in detail
    assert receipt.body[:40] not in detail
    wix.external_instance_id = "unknown"
    wix.save()
    press(client, receipt, "again")
    run_work()
    receipt.refresh_from_db()
    assert receipt.state == "applied"
    again = press(client, receipt, "again").content.decode()
    assert "can be applied again" in again


def test_staff_look_and_do_not_touch(pages, wix, post_jwt, run_work):
    post_jwt(delivery("confirmed", WixBooking(instance_id="unknown")))
    run_work()
    client = pages("staff")
    assert client.get("/admin/integrations/receipt/").status_code == 200
    assert press(client, Receipt.objects.get(), "again").status_code == 403
    assert press(client, wix, "new_address").status_code == 403
    assert Receipt.objects.get().state == "parked"
    assert inbound.UNKNOWN_INSTANCE in Receipt.objects.get().error


def test_missed_bookings_are_looked_for_by_a_button_and_the_page_says_what_was_found(
    pages, wix, settings, run_work
):
    address = reverse("admin:integrations_provideraccount_change", args=(wix.public_id,))
    client = pages("manager")
    assert "Never looked through." in client.get(address).content.decode()
    assert "type its API key and site id" in press(client, wix, "look_through").content.decode()
    with FakeWixRest() as site:
        settings.WIX_API_URL = site.url
        wix.credentials = {"api_key": site.key, "site_id": site.site}
        wix.save()
        start = clock.now() + timedelta(days=3)
        site.book(WixBooking(start=start).entity("CONFIRMED"), at=clock.now() - timedelta(hours=1))
        press(client, wix, "look_through")
        run_work()
    shown = client.get(address).content.decode()
    assert "1 booking seen, 1 found that no webhook had told of, 1 of them applied." in shown
    assert "wix-api-key" not in shown
    assert press(pages("staff"), wix, "look_through").status_code == 403
