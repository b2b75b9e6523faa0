"""POST /api/bookings/sync: look for missed bookings now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from bookings.models import Booking
from integrations import reconciling
from integrations.models import ProviderAccount
from tests.bookings.conftest import NOW
from tests.factories.integrations import make_wix_account
from tests.fakes.wix_rest import FakeWixRest
from tests.webhooks.wix_builder import WixBooking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

SYNC = "/api/bookings/sync"


@pytest.fixture
def site(settings: Any) -> Iterator[FakeWixRest]:
    with FakeWixRest() as server:
        settings.WIX_API_URL = server.url
        server.book(WixBooking().entity("CONFIRMED"), at=NOW)
        yield server


@pytest.fixture
def account(sydney: Any, site: FakeWixRest) -> ProviderAccount:
    return make_wix_account(sydney, credentials={"api_key": site.key, "site_id": site.site})


def test_asked_once_it_says_what_will_happen_and_then_happens(api, account, run_work):
    staff = api("staff")
    answer = staff.post(SYNC)
    assert answer.status_code == 202, answer.content
    assert answer.json()["success"] is True
    assert answer.json()["accounts"] == [{"id": str(account.public_id), "changed_since": None}]
    again = staff.post(SYNC)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "sync_running")
    run_work()
    assert Booking.objects.get().external_id == "b-1"
    after = staff.post(SYNC)
    assert after.status_code == 202
    assert after.json()["accounts"][0]["changed_since"].startswith("2026-11-22T23:00:00")


def test_without_a_key_it_says_what_is_missing(api, sydney):
    make_wix_account(sydney)
    answer = api("staff").post(SYNC)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_configured")
    assert "API key" in answer.json()["error"]["message"]
    assert reconciling.run_due() == 0


def test_whoever_may_only_read_may_not_and_another_clinic_is_not_there(api, account, outsider):
    assert api("readonly").post(SYNC).status_code == 403
    client = APIClient()
    client.force_authenticate(outsider)
    elsewhere = client.post(SYNC, {"location_id": str(account.location.public_id)}, format="json")
    # As an id that is nobody's would be.
    assert (elsewhere.status_code, list(elsewhere.json()["error"]["fields"])) == (422, ["location_id"])
    assert client.post(SYNC).status_code == 503  # Their own clinic has no account.
    assert APIClient().post(SYNC).status_code == 401
    assert reconciling.run_due() == 0
