from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Location, Membership, User
from automation import seeds
from automation.models import Rule
from automation.services import RuleInput, create_rule
from bookings.models import Booking
from contacts.models import Contact
from core import clock, events, work
from core.causes import Cause
from core.clock import Frozen
from core.models import Event
from integrations.models import ProviderAccount
from messaging import inbound, wordings
from messaging.models import Message
from tests.automation.rule_forms import Desk
from tests.factories.bookings import make_booking, make_practitioner
from tests.factories.contacts import make_contact
from tests.factories.integrations import make_console_account, make_sender

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday noon in Sydney; the clinic closes at 17:30, which is 06:30 UTC."""
CLOSING = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
CAUSE = Cause.user(1)


@pytest.fixture
def now() -> Iterator[Frozen]:
    """Time stands still; `now.advance(...)` moves it."""
    with clock.frozen(NOW) as frozen:
        yield frozen


@pytest.fixture
def bare(db: None, now: Frozen) -> Location:
    """A clinic that is live and has templates, but no rule."""
    location = Location.objects.create(
        name="Avatar Imaging Sydney", code="sydney", phone="02 9000 0000", address="1 Bridge St, Sydney",
        booking_link="https://book.example/sydney", review_link="https://review.example/sydney",
        automation_mode="live", live_since=NOW - timedelta(days=90),
    )  # fmt: skip
    wordings.add_missing(location.pk)
    return location


@pytest.fixture
def account(bare: Location) -> ProviderAccount:
    account = make_console_account(bare)
    make_sender(account)
    return account


@pytest.fixture
def clinic(bare: Location, account: ProviderAccount) -> Location:
    """A clinic with the delivered rules."""
    seeds.seed(demo=False)
    return bare


@pytest.fixture
def anna(bare: Location) -> Contact:
    return make_contact(bare, name="Anna Smith", phone="+61412000001", source="wix")


@pytest.fixture
def book(bare: Location) -> Callable[..., Booking]:
    """A visit five days ahead, with a practitioner."""

    def make(contact: Contact, *, at: datetime | None = None, **fields: Any) -> Booking:
        fields.setdefault("practitioner", make_practitioner(bare))
        return make_booking(contact, at=at or NOW + timedelta(days=5), cause=CAUSE, **fields)

    return make


@pytest.fixture
def texts(account: ProviderAccount) -> Callable[..., Message]:
    """A patient's text arrives."""
    keys = iter(range(1000))

    def arrive(contact: Contact, body: str) -> Message:
        with transaction.atomic():
            return inbound.receive_inbound(
                account=account, from_=contact.reach_phone, to="", body=body, at=clock.now(),
                external_id=f"m{next(keys)}", key=f"k{next(keys)}", cause=Cause.provider(account.pk),
            )  # fmt: skip

    return arrive


@pytest.fixture
def write_rule(bare: Location) -> Callable[..., Rule]:
    """A rule of this test's own."""
    keys = iter(range(1000))

    def write(actions: list[dict[str, Any]], *, trigger: str = "stage_moved", **fields: Any) -> Rule:
        number = next(keys)
        key = fields.pop("key", f"own_{number}")
        fields.setdefault("conditions", {})
        wanted = RuleInput(name=f"Own rule {number}", trigger=trigger, actions=actions, **fields)
        return create_rule(location=bare, key=key, wanted=wanted, author=None, cause=CAUSE)

    return write


@pytest.fixture
def queries(db: None) -> Callable[[Callable[[], object]], int]:
    """How many queries a call makes."""

    def count(call: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as found:
            call()
        return len(found)

    return count


def happen(name: str, contact: Contact | None, **fields: Any) -> Event:
    """Record an event and leave its delivery waiting."""
    fields.setdefault("cause", CAUSE)
    fields.setdefault("location_id", None if contact is None else contact.location_id)
    with transaction.atomic():
        event = events.record(events.get(name), contact_id=None if contact is None else contact.pk, **fields)
    assert event is not None
    return event


def drain() -> int:
    """Run everything that is due, messages and ticks excepted."""
    return work.drain()


def fresh(row: Any) -> Any:
    """The row as it now is."""
    return type(row)._default_manager.get(pk=row.pk)


@pytest.fixture
def desk(clinic: Location) -> Desk:
    """Sign in by role at the clinic."""

    def log_in(role: str) -> Client:
        user = User.objects.create_user(f"{role}@{clinic.code}.test", name=role.title())
        Membership.objects.create(user=user, location=clinic, role=role)
        client = Client()
        client.force_login(user)
        return client

    return log_in
