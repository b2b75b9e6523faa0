from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Location, Membership, User
from bookings import services as booking_services
from bookings.models import Booking, Service
from contacts.models import Contact
from core import clock
from core.causes import Cause
from core.clock import Frozen
from integrations import gateways
from integrations.models import Provider, ProviderAccount, SenderIdentity
from integrations.ports import Capabilities, LookupAnswer, OutboundSms, SendOutcome
from messaging import wordings
from messaging.models import Message
from tests.factories.contacts import make_contact

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday noon in Sydney."""
RULE = Cause.rule_run("run-1", ("7:1",))


class FakeGateway:
    """Keeps what it was given; answers with `answers` in turn, then accepts everything."""

    def __init__(self) -> None:
        self.sent: list[OutboundSms] = []
        self.answers: list[SendOutcome | Exception] = []
        self.looked_up: LookupAnswer = LookupAnswer("unsure")
        self.capabilities = Capabilities(search=True, receipts=True)
        self.before_answering: Callable[[OutboundSms], None] = lambda sms: None

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        return [self._send(sms) for sms in texts]

    def _send(self, sms: OutboundSms) -> SendOutcome:
        self.sent.append(sms)
        self.before_answering(sms)
        answer = (
            self.answers.pop(0)
            if self.answers
            else SendOutcome("accepted", f"id-{sms.reference}", cost_cents=8)
        )
        if isinstance(answer, Exception):
            raise answer
        return answer

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        return self.looked_up

    @property
    def texts(self) -> list[str]:
        return [sms.body for sms in self.sent]


@pytest.fixture
def now() -> Iterator[Frozen]:
    """Time stands still; `now.advance(...)` moves it."""
    with clock.frozen(NOW) as frozen:
        yield frozen


def make_sydney() -> Location:
    """A clinic that is live, with all its templates."""
    location = Location.objects.create(
        name="Avatar Imaging Sydney", code="sydney", phone="02 9000 0000", address="1 Bridge St, Sydney",
        booking_link="https://book.example/sydney", review_link="https://review.example/sydney",
        automation_mode="live", live_since=clock.now() - timedelta(days=90),
    )  # fmt: skip
    wordings.add_missing(location.pk)
    return location


def make_account(location: Location) -> ProviderAccount:
    """Its account with the on-screen phone, and the number it sends from."""
    account = ProviderAccount.objects.create(
        location=location, provider=Provider.CONSOLE, name="On-screen phone"
    )
    SenderIdentity.objects.create(
        location=location, account=account, value="+61290000000", registration="not_needed", per_second=100
    )
    return account


@pytest.fixture
def sydney(db: None, now: Frozen) -> Location:
    return make_sydney()


@pytest.fixture
def account(sydney: Location) -> ProviderAccount:
    return make_account(sydney)


@pytest.fixture
def gateway(account: ProviderAccount, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    fake = FakeGateway()
    monkeypatch.setattr(gateways, "for_account", lambda account: fake)
    return fake


@pytest.fixture
def anna(sydney: Location) -> Contact:
    return make_contact(sydney, name="Anna Smith", phone="+61412000001", source="wix")


@pytest.fixture
def service(sydney: Location) -> Service:
    return Service.objects.create(location=sydney, name="Skin cancer check")


@pytest.fixture
def book(sydney: Location, service: Service) -> Callable[..., Booking]:
    def make(contact: Contact, *, at: datetime | None = None, **more: Any) -> Booking:
        return booking_services.create_booking(
            location=sydney, contact_id=contact.pk, service=service, cause=Cause.system("test"),
            appointment_datetime=at or NOW + timedelta(days=5, hours=2), **more,
        )  # fmt: skip

    return make


@pytest.fixture
def receptionist(sydney: Location) -> User:
    return member(sydney, "staff", "staff@clinic.test")


@pytest.fixture
def reader(sydney: Location) -> User:
    return member(sydney, "readonly", "reader@clinic.test")


@pytest.fixture
def manager(sydney: Location) -> User:
    return member(sydney, "manager", "manager@clinic.test")


@pytest.fixture
def stranger(db: None) -> User:
    melbourne = Location.objects.create(name="Avatar Imaging Melbourne", code="melbourne")
    return member(melbourne, "manager", "stranger@clinic.test")


def member(location: Location, role: str, email: str) -> User:
    user = User.objects.create_user(email, "a long password 1", name=role.title())
    Membership.objects.create(user=user, location=location, role=role)
    return user


def fresh(message: Message) -> Message:
    """The row as it now is."""
    return Message.objects.get(pk=message.pk)


@pytest.fixture(scope="session")
def beside_a_browser() -> Iterator[None]:
    """A browser keeps an event loop in this thread until the session ends; databases are emptied beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield
