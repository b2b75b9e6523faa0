"""Between claim and call everything may change: `begin` judges it all once more, and nothing that may not go is
called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from accounts import sending_stops
from bookings import services as booking_services
from contacts import services as contact_services
from core.causes import Cause
from integrations.models import ProviderAccount, SenderIdentity
from messaging import jobs, numbers, sending
from messaging.models import Message, SendAttempt, Template
from messaging.services import CancelMessages, NewMessage, cancel_pending_messages, queue_messages
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, fresh

TEST = Cause.system("test")


@dataclass
class Claimed:
    """A message that is claimed, and the world around it."""

    message: Message
    booking: Any
    contact: Any
    location: Any
    now: Any


def opt_out(it: Claimed, *purposes: str) -> None:
    contact_services.set_consent(
        location_id=it.location.pk, address=it.contact.phone, channel="sms",
        purposes=list(purposes or ("service", "care", "marketing")), state="withdrawn", basis="reply", cause=TEST,
    )  # fmt: skip


def move(it: Claimed) -> None:
    booking_services.reschedule_booking(
        booking_id=it.booking.pk,
        appointment_datetime=it.booking.appointment_datetime + timedelta(hours=1),
        cause=TEST,
    )


def settings(it: Claimed, **more: Any) -> None:
    it.location.settings = {**it.location.settings, **more}
    it.location.save()


def already_got_one(it: Claimed) -> None:
    """Another worker sent the same number what fills its cap."""
    Message.objects.create(
        location=it.location, contact=it.contact, conversation=it.message.conversation, address=it.contact.phone,
        purpose=it.message.purpose, category=it.message.category, status="sent", sent_at=NOW, send_at=NOW,
        cause_kind="system", cause_id="test", cost_cents=50, body="Another",
    )  # fmt: skip


def fill(it: Claimed, **limits: int) -> None:
    settings(it, **limits)
    already_got_one(it)


def spend(it: Claimed) -> None:
    it.location.daily_sms_cap_cents = 51
    it.location.save()
    already_got_one(it)


def hide(it: Claimed) -> None:
    contact_services.delete_contact(contact_id=it.contact.pk, cause=TEST)


CHANGES: dict[str, tuple[str, Callable[[Claimed], object], str, str]] = {
    "opted out": ("service", opt_out, "suppressed", "opted_out"),
    "opted out of care alone": ("care", lambda it: opt_out(it, "care"), "suppressed", "opted_out"),
    "marketing withdrawn": ("marketing", lambda it: opt_out(it, "marketing"), "suppressed", "opted_out"),
    "visit moved": ("visit", move, "skipped", "visit_moved"),
    "visit cancelled": (
        "visit",
        lambda it: booking_services.cancel_booking(booking_id=it.booking.pk, reason="ill", cause=TEST),
        "skipped",
        "visit_cancelled",
    ),
    "messages of the visit withdrawn": (
        "visit",
        lambda it: cancel_pending_messages([CancelMessages(it.booking.pk, "booking_cancelled", TEST)]),
        "cancelled",
        "booking_cancelled",
    ),
    "quiet hours began": (
        "late care",
        lambda it: it.now.advance(timedelta(seconds=60)),
        "scheduled",
        "quiet_hours",
    ),
    "too late": (
        "service",
        lambda it: Message.objects.filter(pk=it.message.pk).update(expires_at=NOW),
        "expired",
        "too_late",
    ),
    "care cap": ("care", lambda it: fill(it, care_limit=1), "suppressed", "cap"),
    "marketing cap": ("marketing", lambda it: fill(it, marketing_limit=1), "suppressed", "cap"),
    "automatic cap": ("service", lambda it: fill(it, automatic_limit=1), "suppressed", "cap"),
    "the day's cost": ("service", spend, "held", "cap"),
    "kill switch": (
        "service",
        lambda it: sending_stops.stop(kind="kill_switch", reason="Look first", cause=TEST),
        "held",
        "kill_switch",
    ),
    "automation off": (
        "service",
        lambda it: type(it.location).objects.filter(pk=it.location.pk).update(automation_mode="off"),
        "suppressed",
        "automation_off",
    ),
    "template switched off": (
        "service",
        lambda it: Template.objects.filter(pk=it.message.template_id).update(is_active=False),
        "held",
        "no_template",
    ),
    "sender switched off": (
        "service",
        lambda it: SenderIdentity.objects.update(enabled=False),
        "held",
        "no_sender",
    ),
    "sender's registration refused": (
        "service",
        lambda it: SenderIdentity.objects.update(registration="refused"),
        "held",
        "no_sender",
    ),
    "account switched off": (
        "service",
        lambda it: ProviderAccount.objects.update(enabled=False),
        "held",
        "no_sender",
    ),
    "number cannot be reached": (
        "service",
        lambda it: numbers.block(fresh(it.message), code="landline", cause=TEST),
        "suppressed",
        "blocked_number",
    ),
    "contact deleted": ("service", hide, "suppressed", "contact_hidden"),
}
TEMPLATES = {
    "service": "welcome_lead", "visit": "booking_confirmation", "care": "recall_reminder",
    "late care": "recall_reminder", "marketing": "referral_invite",
}  # fmt: skip


@pytest.fixture
def claimed(gateway, sydney, anna, book, now):
    def make(kind):
        booking = book(anna) if kind == "visit" else None
        contact_services.set_consent(
            location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["marketing"], state="granted",
            basis="form", cause=TEST,
        )  # fmt: skip
        if kind == "late care":
            now.set(NOW.replace(hour=8, minute=59, second=30))
        wish = NewMessage(
            anna.pk, "k1", TEST, template=TEMPLATES[kind], booking_id=booking.pk if booking else None
        )
        [result] = queue_messages([wish])
        [batch], _ = sending.claim()
        assert fresh(result.message).status == "claimed"
        return batch, Claimed(fresh(result.message), booking, anna, sydney, now)

    return make


@pytest.mark.parametrize(("kind", "change", "status", "reason"), CHANGES.values(), ids=CHANGES.keys())
def test_what_changes_between_claim_and_call_keeps_the_text_back(
    gateway, claimed, kind, change, status, reason
):
    batch, world = claimed(kind)
    change(world)
    assert sending.begin(batch) is None

    assert (fresh(world.message).status, fresh(world.message).reason) == (status, reason)
    assert (gateway.sent, SendAttempt.objects.count()) == ([], 0)


@pytest.mark.parametrize("kind", TEMPLATES)
def test_what_did_not_change_goes(gateway, claimed, kind):
    batch, world = claimed(kind)
    ready = sending.begin(batch)
    assert ready.messages == [world.message]
    assert fresh(world.message).status == "sending"


def test_texts_held_for_a_template_go_once_it_is_switched_on_again(gateway, sydney, now):
    contact = make_contact(sydney, name="Ben Lee")
    [result] = queue_messages([NewMessage(contact.pk, "k1", TEST, template="welcome_lead")])
    template = Template.objects.filter(pk=result.message.template_id)
    template.update(is_active=False)
    sending.send_due()
    assert (fresh(result.message).status, fresh(result.message).reason) == ("held", "no_template")
    template.update(is_active=True)
    now.advance(timedelta(minutes=15))
    jobs.reconsider()
    sending.send_due()
    assert fresh(result.message).status == "sent"
