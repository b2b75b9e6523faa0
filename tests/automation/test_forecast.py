"""What is forecast for a person is what is sent to them when nothing else changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Location, Membership, User
from automation import forecast
from automation.models import ActionRun, Rule
from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact
from core import clock
from core.clock import Frozen
from messaging.models import Message
from tests.automation.conftest import CAUSE, NOW, fresh
from tests.factories.contacts import make_contact
from tests.harness.tiers import tiers

STEP = timedelta(minutes=30)


def expected(contact: Contact) -> list[tuple[str, datetime, str]]:
    row = Contact.objects.select_related("location", "owner", "guardian").get(pk=contact.pk)
    found = forecast.upcoming(row, now=clock.now())
    return [(item.what, item.at, item.body) for item in found.items if item.will_go]


def let_pass(now: Frozen, run_work: Callable[[], int], days: int = 14) -> None:
    """Time goes on in steps; the first minute of each hour and half hour is seen."""
    until = now.at + timedelta(days=days)
    while now.at < until:
        now.set(min(until, now.at + STEP))
        run_work()


def got(contact: Contact, since: datetime) -> list[tuple[str, datetime, str]]:
    rows = Message.objects.filter(contact=contact, direction="outbound", sent_at__gt=since)
    return [
        (row.template.name if row.template else "a text of its own", row.sent_at, row.body)
        for row in rows.order_by("sent_at", "pk")
    ]


def assert_same(foretold: dict[str, list[Any]], happened: dict[str, list[Any]]) -> None:
    for name, lines in foretold.items():
        there = happened[name]
        assert [(what, body) for what, _, body in lines] == [(what, body) for what, _, body in there], name
        for (what, at, _), (_, sent, _) in zip(lines, there, strict=True):
            assert timedelta() <= sent - at < STEP + timedelta(minutes=1), (name, what, at, sent)


def opted_out(contact: Contact) -> None:
    contact_services.set_consent(
        location_id=contact.location_id, address=contact.phone, channel="sms",
        purposes=["service", "care", "marketing"], state="withdrawn", basis="reply", source="sms",
        cause=CAUSE, contact_id=contact.pk,
    )  # fmt: skip


@pytest.mark.parametrize("seed", tiers([1, 2, 3], slow=[1]))
def test_the_forecast_of_two_weeks_is_what_is_sent_when_nothing_changes(
    clinic: Location, book: Callable[..., Booking], now: Frozen, run_work: Callable[[], int], seed: int
) -> None:
    dice = random.Random(seed)
    people: dict[str, Contact] = {}

    def person(name: str, **fields: Any) -> Contact:
        number = f"+6141200{len(people):04}"
        people[name] = make_contact(clinic, name=f"{name.title()} Smith", phone=number, **fields)
        return people[name]

    # One at night, so that the reminder two hours before falls into quiet hours; one at a time of the dice.
    book(person("early"), at=NOW.replace(hour=22) + timedelta(days=3))
    book(person("any"), at=NOW + timedelta(days=dice.randint(1, 9), minutes=15 * dice.randint(0, 30)))
    two = person("two")
    book(two, at=NOW + timedelta(days=4))
    book(two, at=NOW + timedelta(days=6, hours=2))
    came, missed, gone = person("came"), person("missed"), person("gone")
    visits = [book(who, at=NOW + timedelta(hours=1 + place)) for place, who in enumerate((came, missed))]
    book(gone, at=NOW + timedelta(days=5))
    due = person("due")
    contact_services.set_recall_date(
        [contact_services.RecallDate(due.pk, (NOW + timedelta(days=5)).date(), cause=CAUSE)]
    )
    person("lead", source="web_form", is_lead=True)
    run_work()
    now.set(NOW + timedelta(hours=3))
    run_work()
    booking_services.record_outcome(booking_id=visits[0].pk, outcome="attended", cause=CAUSE)
    booking_services.record_outcome(booking_id=visits[1].pk, outcome="no_show", cause=CAUSE)
    opted_out(gone)
    run_work()

    began = now.at
    foretold = {name: expected(contact) for name, contact in people.items()}
    let_pass(now, run_work)
    assert_same(foretold, {name: got(contact, began) for name, contact in people.items()})
    assert [what for what, _, _ in foretold["came"]] == ["thank_you_attended"]
    assert foretold["due"][0][0] == "recall_reminder"
    assert len(foretold["early"]) >= 2
    assert foretold["gone"] == []


def test_a_forecast_writes_nothing_and_costs_the_same_however_much_happened(
    clinic: Location,
    anna: Contact,
    book: Callable[..., Booking],
    run_work: Callable[[], int],
    now: Frozen,
    queries: Any,
) -> None:
    book(anna)
    run_work()
    row = Contact.objects.select_related("location", "owner", "guardian").get(pk=anna.pk)
    few = queries(lambda: forecast.upcoming(row, now=clock.now()))
    book(anna, at=NOW + timedelta(days=7))
    book(anna, at=NOW + timedelta(days=8))
    run_work()
    rows = Message.objects.count()
    row = Contact.objects.select_related("location", "owner", "guardian").get(pk=anna.pk)
    assert queries(lambda: forecast.upcoming(row, now=clock.now())) <= few
    assert few <= 17
    assert Message.objects.count() == rows
    assert fresh(anna).current_stage == "booking_confirmed"


def test_rules_in_shadow_are_not_foretold(clinic: Location, anna: Contact) -> None:
    day = (NOW + timedelta(days=5)).date()
    contact_services.set_recall_date([contact_services.RecallDate(anna.pk, day, cause=CAUSE)])
    assert "recall_reminder" in [what for what, _, _ in expected(anna)]
    Rule.objects.filter(location=clinic).update(is_shadow=True)
    assert expected(anna) == []


def test_the_desk_sees_what_comes_and_withdraws_a_message_and_a_waiting_step(
    clinic: Location,
    anna: Contact,
    book: Callable[..., Booking],
    run_work: Callable[[], int],
    now: Frozen,
    client: Any,
    queries: Any,
) -> None:
    staff = User.objects.create_user("desk@clinic.test", "a long password 1", name="Desk")
    Membership.objects.create(user=staff, location=clinic, role="staff")
    client.force_login(staff)
    visit = book(anna, at=NOW + timedelta(hours=3))
    book(anna, at=NOW + timedelta(days=5))
    run_work()
    now.advance(timedelta(hours=4))
    booking_services.record_outcome(booking_id=visit.pk, outcome="attended", cause=CAUSE)
    run_work()
    fragment = {"headers": {"HX-Request": "true"}}
    panel = client.get(f"/admin/contacts/contact/{anna.public_id}/panel/next/", **fragment).content.decode()
    assert "Reminder 24hr" in panel
    assert "Thank you attended" in panel
    assert (
        queries(lambda: client.get(f"/admin/contacts/contact/{anna.public_id}/panel/next/", **fragment)) <= 25
    )
    answer = client.get(f"/api/contacts/{anna.public_id}/upcoming").json()
    assert {"reminder_24hr", "thank_you_attended"} <= {row["template"] for row in answer["results"]}

    message = Message.objects.get(template__name="reminder_24hr", status="scheduled")
    step = ActionRun.objects.get(state="pending")
    address = f"/admin/upcoming/{anna.public_id}/withdraw/"
    for given in ({"message": message.public_id}, {"step": step.public_id}):
        assert client.post(address, {**given, "reason": "Asked for by phone"}).status_code == 302
    assert fresh(message).status == "cancelled"
    assert (fresh(step).state, fresh(step).reason) == ("skipped", "Withdrawn by a person: Asked for by phone")
    found = {
        row["template"] for row in client.get(f"/api/contacts/{anna.public_id}/upcoming").json()["results"]
    }
    assert not {"reminder_24hr", "thank_you_attended"} & found


def test_who_may_only_read_withdraws_nothing(
    clinic: Location, anna: Contact, book: Callable[..., Booking], run_work: Callable[[], int], client: Any
) -> None:
    reader = User.objects.create_user("reader@clinic.test", "a long password 1", name="Reader")
    Membership.objects.create(user=reader, location=clinic, role="readonly")
    client.force_login(reader)
    book(anna)
    run_work()
    message = Message.objects.filter(status="scheduled").earliest("pk")
    panel = client.get(f"/admin/contacts/contact/{anna.public_id}/panel/next/").content.decode()
    assert "Reminder 48hr" in panel
    assert "<form" not in panel.split('id="panel-next"')[1].split("</section>")[0]
    address = f"/admin/upcoming/{anna.public_id}/withdraw/"
    assert client.post(address, {"message": message.public_id}).status_code == 403
    assert fresh(message).status == "scheduled"
