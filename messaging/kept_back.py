"""What is told of messages that do not go out: each by itself, and once for all what its clinic must mend."""

from __future__ import annotations

from collections.abc import Iterable

from core import clock
from core.events import NewEvent
from messaging.events import MESSAGE_HELD, MESSAGE_SUPPRESSED, MESSAGES_WAIT
from messaging.models import Message, Status

#: Held for these reasons, all messages of the clinic wait for the same thing, which somebody must do.
CLINICS_TO_MEND = frozenset({"no_sender", "no_credit", "cap", "no_template"})


def told_of(messages: Iterable[Message]) -> list[NewEvent]:
    """The events that tell of those messages that are kept back for good or for a person."""
    kept = (Status.SUPPRESSED, Status.SKIPPED, Status.EXPIRED, Status.HELD)
    # A storm is told of once, for all that it holds.
    told = [message for message in messages if message.status in kept and message.reason != "storm"]
    return [*map(_not_sent, told), *waiting_events(told)]


def waiting_events(messages: Iterable[Message]) -> list[NewEvent]:
    """What tells a clinic that its messages wait for something it must do: once a day for each reason."""
    waiting = {
        (message.location_id, message.reason): message
        for message in messages
        if message.status == Status.HELD and message.reason in CLINICS_TO_MEND
    }
    return [
        NewEvent(
            type=MESSAGES_WAIT,
            cause=message.cause,
            location_id=message.location_id,
            data={"reason": message.reason},
            dedupe_key=f"messages_wait:{message.location_id}:{message.reason}:"
            f"{message.location.local(clock.now()):%Y%m%d}",
        )
        for message in waiting.values()
    ]


def _not_sent(message: Message) -> NewEvent:
    held = message.status == Status.HELD
    return NewEvent(
        type=MESSAGE_HELD if held else MESSAGE_SUPPRESSED,
        cause=message.cause,
        location_id=message.location_id,
        contact_id=message.contact_id,
        booking_id=message.booking_id,
        data={"message": message.pk, "reason": message.reason},
        # What is held is looked at again and again: told once for each reason.
        dedupe_key=f"message_held:{message.pk}:{message.reason}" if held else None,
    )
