"""Sending is stopped (`accounts.sending_stops`): nothing is claimed past it, and all of it goes on afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts import sending_stops
from accounts.models import Location
from contacts.models import Contact
from core.causes import Cause
from messaging import sending
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.messaging.conftest import RULE, FakeGateway, fresh

TEST = Cause.system("test")


def queue(contact: Contact, key: str = "k1") -> Message:
    wish = NewMessage(contact_id=contact.pk, dedupe_key=key, cause=RULE, template="welcome_lead")
    return queue_messages([wish])[0].message


@pytest.mark.parametrize("kind", ["kill_switch", "safe_mode"])
def test_nothing_is_called_while_sending_is_stopped(
    kind: str, anna: Contact, gateway: FakeGateway, run_work: Callable[[], int]
) -> None:
    waiting = queue(anna)
    [batch], _ = sending.claim()
    sending_stops.stop(kind=kind, reason="Look first", cause=TEST)
    sending.send_due()
    run_work()
    assert (fresh(waiting).status, gateway.sent) == ("claimed", [])
    assert sending.begin(batch) is None
    assert (fresh(waiting).status, fresh(waiting).reason, gateway.sent) == ("held", kind, [])


def test_what_a_person_stopped_goes_on_afterwards(
    anna: Contact, gateway: FakeGateway, run_work: Callable[[], int]
) -> None:
    sending_stops.stop(kind="kill_switch", reason="Look first", cause=TEST)
    waiting = queue(anna)
    run_work()
    sending_stops.resume(kind="kill_switch", cause=TEST)
    run_work()
    assert (fresh(waiting).status, len(gateway.sent)) == ("sent", 1)


def test_a_stop_at_one_clinic_leaves_the_others_alone(
    anna: Contact, gateway: FakeGateway, run_work: Callable[[], int]
) -> None:
    elsewhere = Location.objects.create(name="Elsewhere", code="elsewhere")
    sending_stops.stop(kind="kill_switch", reason="Look first", cause=TEST, location_id=elsewhere.pk)
    message = queue(anna)
    run_work()
    assert (fresh(message).status, len(gateway.sent)) == ("sent", 1)
