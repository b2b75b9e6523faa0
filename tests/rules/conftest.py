"""A clinic with the delivered rules, met by its front doors: Wix, texts, the staff's API, and a clock that moves.

One file for each rule. `clinic` does everything and answers with rows as they now are::

    def test_a_lead_who_replies_is_engaged(clinic):
        lee = clinic.lead("Lee", source="referral")
        clinic.text(lee, "Tell me more")
        assert clinic.stage(lee) == "lead_to_booking/engaged"

Time stands at `NOW` until `clinic.wait(hours=4)`; everything that is due is done before and after.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Location, Membership, User
from automation import seeds
from automation.models import ActionRun, Rule, RuleRun
from bookings.models import Booking, Practitioner, Service
from contacts.models import Contact
from core.clock import Frozen
from integrations import accounts
from messaging import wordings
from messaging.models import Message
from tasks.models import Task
from tests.factories.bookings import make_practitioner, make_service
from tests.factories.integrations import make_console_account, make_sender, make_wix_account
from tests.webhooks import wix_builder
from tests.webhooks.wix_builder import WixBooking

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday noon in Sydney."""
CLOSING = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""When the clinic closes on that Monday."""
NIGHT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
"""Nine in the evening of that Monday: quiet hours."""

HERE = Path(__file__).parent
_numbers = itertools.count(1)


class Clinic:
    """A clinic, its doors and its clock."""

    def __init__(self, location: Location, time: Frozen, run_work: Callable[[], int]) -> None:
        self.location, self.time, self.run_work = location, time, run_work
        self.wix_token = accounts.rotate_token(make_wix_account(location))
        console = make_console_account(location)
        make_sender(console)
        self.sms_token = accounts.rotate_token(console)
        self.staff = User.objects.create_user("sam@clinic.test", name="Sam Staff", default_location=location)
        Membership.objects.create(user=self.staff, location=location, role="manager")
        self.client = APIClient()
        self.client.force_authenticate(self.staff)
        self.public = APIClient()
        self._settle()  # the clock has looked for today

    # The clock

    @property
    def now(self) -> datetime:
        return self.time.at

    def wait(self, **time: float) -> None:
        """Let time pass, hour by hour, doing what falls due; `seconds=`, `hours=`, `days=`."""
        self.run_work()
        end = self.time.at + timedelta(**time)
        while self.time.at < end:
            self.time.set(min(end, self.time.at + timedelta(hours=1)))
            self._settle()

    def jump(self, to: datetime) -> None:
        """Move the clock at once, and do what is due then."""
        self.run_work()
        self.time.set(to)
        self._settle()

    def _settle(self) -> None:
        self.run_work()  # the minute's tick puts clock rules in line
        self.run_work()

    # Doors. Each does its work at once.

    def api(self, method: str, path: str, **data: Any) -> Any:
        """The staff's API; fails the test when it refuses."""
        answer = getattr(self.client, method)(f"/api/{path}", data, format="json")
        assert answer.status_code < 300, answer.content
        self.run_work()
        return answer.json() if answer.content else None

    def lead(self, name: str = "Lee Lead", **fields: Any) -> Contact:
        """A lead made at the desk."""
        return self.contact(name, is_lead=True, **fields)

    def contact(self, name: str = "Anna Smith", **fields: Any) -> Contact:
        """A contact made at the desk, who is no lead unless `is_lead` is given."""
        values = {"phone": f"+6149157{next(_numbers):04d}", "source": "other", "is_lead": False, **fields}
        made = self.api("post", "contacts", name=name, **values)
        return Contact.objects.get(public_id=made["id"])

    def change(self, contact: Contact, **fields: Any) -> None:
        """Edit a contact at the desk."""
        self.api("patch", f"contacts/{contact.public_id}", **fields)

    def move(self, contact: Contact, pipeline: str, stage: str, *, reason: str = "test") -> None:
        """Move a contact at the desk."""
        path = f"contacts/{contact.public_id}/move-stage"
        self.api("post", path, pipeline=pipeline, stage=stage, reason=reason)

    def book(
        self, contact: Contact, *, at: datetime | None = None, service: Service | None = None,
        practitioner: Practitioner | None = None,
    ) -> Booking:  # fmt: skip
        """A visit booked at the desk, five days ahead unless said."""
        made = self.api(
            "post", "bookings", contact=str(contact.public_id),
            service=str((service or make_service(self.location)).public_id),
            practitioner=str((practitioner or make_practitioner(self.location)).public_id),
            appointment_datetime=(at or self.now + timedelta(days=5)).isoformat(),
        )  # fmt: skip
        return Booking.objects.get(public_id=made["id"])

    def outcome(self, booking: Booking, outcome: str) -> None:
        """Record what became of a visit: attended, no_show or none."""
        path = {"attended": "complete", "no_show": "no-show", "none": "clear-outcome"}[outcome]
        self.api("post", f"bookings/{booking.public_id}/{path}")

    def cancel(self, booking: Booking) -> None:
        """Cancel a visit at the desk."""
        self.api("post", f"bookings/{booking.public_id}/cancel", reason="asked to")

    def visited(self, contact: Contact, outcome: str = "attended", **visit: Any) -> Booking:
        """A visit that took place, with its outcome recorded when it was over."""
        booking = self.book(contact, at=self.now + timedelta(hours=1), **visit)
        self.jump(booking.ends_at + timedelta(minutes=1))
        self.outcome(booking, outcome)
        return booking

    def task(self, contact: Contact, kind: str) -> None:
        """The desk makes itself a task about the contact."""
        self.api(
            "post", "tasks", contact_id=str(contact.public_id), type=kind, due_datetime=self.now.isoformat()
        )

    def finish(self, task: Task, outcome: str = "success") -> None:
        """Complete a task at the desk."""
        self.api("post", f"tasks/{task.public_id}/complete", outcome=outcome, notes="")

    def wix(
        self, kind: str, visit: WixBooking, *, sequence: int = 1, work: bool = True, **more: Any
    ) -> Booking | None:
        """A signed delivery of Wix; the booking it is about. Without `work` it waits to be handled."""
        more.setdefault("at", self.now)
        if kind == "created":
            more.setdefault("status", "CONFIRMED")
        body = wix_builder.delivery(kind, visit, sequence=sequence, **more)
        answer = self.public.generic(
            "POST", f"/webhooks/wix/bookings/{self.wix_token}", body, content_type="text/plain"
        )
        assert answer.status_code == 200, answer.content
        if work:
            self.run_work()
        return Booking.objects.filter(external_id=visit.id).first()

    def text(self, contact: Contact, body: str, *, id: str = "", work: bool = True) -> None:
        """A text of the contact arrives, under an id of the provider's. Without `work` it waits to be handled."""
        key = id or f"in-{next(_numbers)}"
        sms = {"message_id": key, "from": contact.reach_phone, "to": "", "body": body}
        answer = self.public.post(
            f"/webhooks/sms/inbound/{self.sms_token}", json.dumps(sms), content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
        if work:
            self.run_work()

    # What is to be seen

    def stage(self, contact: Contact) -> str:
        row = Contact.objects.get(pk=contact.pk)
        return f"{row.current_pipeline}/{row.current_stage}"

    def fresh(self, row: Any) -> Any:
        """The row as it now is."""
        return type(row)._default_manager.get(pk=row.pk)

    def tasks(self, contact: Contact) -> dict[str, Task]:
        """The open tasks about the contact, by type."""
        return {t.type: t for t in Task.objects.filter(contact=contact, status__in=Task.OPEN)}

    def messages(self, contact: Contact, template: str = "") -> list[Message]:
        """What was to go to the contact, oldest first; only of one template, if given."""
        rows = Message.objects.filter(contact=contact, direction="outbound").order_by("pk")
        return list(rows.filter(template__name=template) if template else rows)

    def sent(self, contact: Contact) -> list[str]:
        """Names of the templates of what did go out, oldest first."""
        rows = Message.objects.filter(contact=contact, sent_at__isnull=False, direction="outbound")
        return [message.template.name for message in rows.order_by("sent_at", "pk") if message.template]

    def runs(self, key: str, contact: Contact | None = None) -> list[RuleRun]:
        """Runs of a rule, oldest first."""
        rows = RuleRun.objects.filter(rule__key=key).order_by("pk")
        return list(rows if contact is None else rows.filter(contact=contact))

    def did(self, key: str, contact: Contact) -> list[RuleRun]:
        """Those runs of a rule that did something."""
        return [run for run in self.runs(key, contact) if run.state in ("done", "running", "failed")]

    def steps(self, run: RuleRun) -> list[ActionRun]:
        return list(run.actions.order_by("step"))

    def rule(self, key: str) -> Rule:
        return Rule.objects.select_related("current").get(location=self.location, key=key)

    def edit(self, key: str, **changes: Any) -> None:
        """Change a rule at the desk: conditions=, actions=, is_active=, name=."""
        self.api("patch", f"rules/{self.rule(key).public_id}", **changes)


@pytest.fixture
def clinic(db: None, frozen_time: Any, run_work: Any, settings: Any, tmp_path: Any) -> Clinic:
    """A live clinic in Sydney with the delivered rules and templates; it is Monday noon."""
    public = tmp_path / "wix.pub.pem"
    public.write_text(wix_builder.key_pair()[1])
    settings.WIX_PUBLIC_KEY_FILE = str(public)
    time = frozen_time(NOW)
    location = Location.objects.create(
        name="Avatar Imaging Sydney", code="sydney", phone="02 9000 0000", address="1 Bridge St, Sydney",
        booking_link="https://book.example/sydney", review_link="https://review.example/sydney",
        automation_mode="live", live_since=NOW - timedelta(days=90),
    )  # fmt: skip
    wordings.add_missing(location.pk)
    seeds.seed(demo=False)
    return Clinic(location, time, run_work)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of each rule runs with `make test`; its edges, repetitions and late cases with `make slow`."""
    here = [item for item in items if isinstance(item, pytest.Function) and item.path.parent == HERE]
    first: dict[Path, int] = {}
    for item in here:
        line = item.function.__code__.co_firstlineno
        first[item.path] = min(line, first.get(item.path, line))
    for item in here:
        if item.function.__code__.co_firstlineno != first[item.path]:
            item.add_marker(pytest.mark.slow)
