"""What "Why?" on a person's page says of each rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from accounts.models import Location, Membership, User
from automation.models import ActionRun, Rule
from bookings.models import Booking
from contacts.models import Contact
from messaging.models import Message
from tests.automation.conftest import NOW


def test_why_tells_the_fate_of_a_message_and_is_filtered_by_rule(
    clinic: Location, anna: Contact, book: Callable[..., Booking], run_work: Callable[[], int], client: Any,
    queries: Any,
) -> None:  # fmt: skip
    staff = User.objects.create_user("desk@clinic.test", "a long password 1", name="Desk")
    Membership.objects.create(user=staff, location=clinic, role="staff")
    client.force_login(staff)
    book(anna)
    run_work()
    page = f"/admin/contacts/contact/{anna.public_id}/panel/why/"
    step = ActionRun.objects.filter(run__contact=anna, result__has_key="message").first()
    assert step is not None
    Message.objects.filter(public_id=step.result["message"]).update(status="suppressed", reason="by_staff")
    text = client.get(page).content.decode()
    assert f"/admin/messaging/message/{step.result['message']}/change/" in text
    assert "A person cancelled it." in text
    assert "<strong>Fired" in text
    few = queries(lambda: client.get(page))
    assert few <= 25
    book(anna, at=NOW + timedelta(days=7))
    run_work()
    assert queries(lambda: client.get(page)) <= few

    rule = step.run.rule
    other = Rule.objects.filter(runs__contact=anna).exclude(pk=rule.pk).first()
    assert other is not None
    shown = client.get(page, {"rule": str(rule.public_id)}).content.decode().split("Why?</h3>", 1)[1]
    assert rule.name in shown
    assert other.name not in shown
    refused = client.get(page, {"rule": "nonsense"}, follow=True).content.decode()
    assert "There is no such rule at this clinic." in refused
