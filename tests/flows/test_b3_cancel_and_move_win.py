"""B3: cancelled, no message of that visit leaves any more; moved, only the new time is used. On every path by which a
visit is cancelled or moved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from bookings.models import Booking
from core.clock import Frozen
from integrations import reconciling
from integrations.models import ProviderAccount
from messaging.models import Message
from tests.factories.integrations import been_through
from tests.fakes.wix_rest import FakeWixRest
from tests.webhooks.wix_builder import WixBooking

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clinic")]

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
VISIT = datetime(2026, 11, 27, 14, 0, tzinfo=SYDNEY)
LATER = datetime(2026, 11, 30, 16, 30, tzinfo=SYDNEY)
TURN = VISIT - timedelta(hours=30)
"""Between the 48 h and the 24 h reminder."""
WIX = WixBooking(start=VISIT, phone="0412 345 678")


class Clinic:
    """The ways in which a visit is cancelled (`to` None) or moved."""

    def __init__(self, client: Client, wix: Callable[..., None], site: FakeWixRest, now: Frozen) -> None:
        self.client, self.wix, self.site, self.now = client, wix, site, now

    def webhook(self, to: datetime | None) -> None:
        if to is None:
            self.wix("canceled", WIX, sequence=9, at=self.now.at)
        else:
            self.wix("rescheduled", WIX, sequence=9, start=to, at=self.now.at)

    def list(self, to: datetime | None) -> None:
        account = ProviderAccount.objects.get(provider="wix", location__code="sydney")
        account.credentials = {"api_key": self.site.key, "site_id": self.site.site}
        account.save()
        been_through(account, NOW)
        self.site.book(WIX.entity("CONFIRMED" if to else "CANCELED", to), at=self.now.at, made=NOW)
        reconciling.begin_all()
        reconciling.run_due()

    def api(self, to: datetime | None) -> None:
        self.client.force_login(User.objects.get(email="staff@demo.test"))
        address = f"/api/bookings/{Booking.objects.get(external_id=WIX.id).public_id}"
        moved = {"appointment_datetime": to.isoformat()} if to else {"reason": "ill"}
        body = json.dumps(moved)
        path = f"{address}/{'reschedule' if to else 'cancel'}"
        answer = self.client.post(path, body, content_type="application/json")
        assert answer.status_code == 200, answer.content

    def api_row(self, to: datetime | None) -> None:
        self.client.force_login(User.objects.get(email="staff@demo.test"))
        address = f"/api/bookings/{Booking.objects.get(external_id=WIX.id).public_id}"
        if to is None:
            assert self.client.delete(address).status_code == 204
        else:
            body = json.dumps({"appointment_datetime": to.isoformat()})
            assert self.client.patch(address, body, content_type="application/json").status_code == 200

    def admin(self, to: datetime | None) -> None:
        self.client.force_login(User.objects.get(email="manager@demo.test"))
        name = "cancel" if to is None else "reschedule"
        booking = Booking.objects.get(external_id=WIX.id)
        address = reverse(f"admin:bookings_booking_{name}", args=(booking.public_id,))
        form = {"_form_submitted": "on", "reason": "ill"}
        if to is not None:
            local = to.astimezone(SYDNEY)
            form |= {
                "appointment_datetime_0": f"{local:%Y-%m-%d}", "appointment_datetime_1": f"{local:%H:%M}",
                "appointment_datetime": f"{local:%Y-%m-%dT%H:%M}",
            }  # fmt: skip
        self.client.post(address, form, follow=True)


PATHS = [
    "list",
    *(pytest.param(path, marks=pytest.mark.slow) for path in ("webhook", "api", "api_row", "admin")),
]


@pytest.fixture
def now(clinic: None, frozen_time: Any) -> Frozen:
    return frozen_time(NOW)


@pytest.fixture
def change(
    now: Frozen, client: Client, wix: Callable[..., None], run_work: Any, settings: Any
) -> Iterator[Callable[..., Booking]]:
    """Book, live until TURN, then cancel or move on a path, and live on until after both times."""
    with FakeWixRest() as site:
        settings.WIX_API_URL = site.url

        def play(path: str, to: datetime | None) -> Booking:
            wix("confirmed", WIX, sequence=1, at=NOW)
            for moment in (NOW, VISIT - timedelta(hours=48), TURN):
                now.set(moment)
                run_work()
            assert Message.objects.get(template__name="reminder_48hr").status == "sent"
            getattr(Clinic(client, wix, site, now), path)(to)
            run_work()
            for moment in sorted(at - timedelta(hours=h) for at in (VISIT, LATER) for h in (48, 24, 2)):
                if moment > TURN:
                    now.set(moment)
                    run_work()
            return Booking.objects.get(external_id=WIX.id)

        yield play


def after_the_turn() -> list[Message]:
    rows = Message.objects.filter(sent_at__gte=TURN, category__in=("booking", "reminder")).order_by("sent_at")
    return list(rows.select_related("template"))


@pytest.mark.parametrize("path", PATHS)
def test_b3_cancelled_no_message_of_the_visit_leaves_any_more(
    path: str, change: Callable[..., Booking]
) -> None:
    booking = change(path, None)
    assert booking.status == "cancelled"
    assert after_the_turn() == []
    assert not Message.objects.filter(status__in=("scheduled", "queued"), category="reminder").exists()


@pytest.mark.parametrize("path", PATHS)
def test_b3_moved_only_the_new_time_is_used(path: str, change: Callable[..., Booking]) -> None:
    booking = change(path, LATER)
    assert (booking.status, booking.appointment_datetime) == ("rescheduled", LATER)
    sent = after_the_turn()
    assert [message.template.name for message in sent if message.template] == [
        "booking_rescheduled", "reminder_48hr", "reminder_24hr", "reminder_2hr",
    ]  # fmt: skip
    assert all("4:30 pm" in message.body and "30 Nov" in message.body for message in sent)
    assert all(message.visit_at == LATER for message in sent)
