"""Numbers that cannot be reached by text: remembered when a provider says so for good, lifted by a text from them
or by a person who says why.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from core import clock, events
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from messaging.events import NUMBER_BLOCKED, NUMBER_LIFTED
from messaging.models import BlockedNumber, Message

WROTE = "A text came from it."


def block(message: Message, *, code: str, cause: Cause) -> BlockedNumber:
    """Remember that a message's number cannot be reached. Told once, until it is lifted."""
    row, made = BlockedNumber.objects.get_or_create(
        location_id=message.location_id,
        address=message.address,
        lifted_at=None,
        defaults={"error_code": code, "message": message},
    )
    if made:
        _tell(NUMBER_BLOCKED, row, cause, contact_id=message.contact_id)
    return row


def blocked(location_ids: Iterable[int], addresses: Iterable[str]) -> set[tuple[int, str]]:
    """Which of these numbers cannot be reached, as (location id, number); one query."""
    rows = BlockedNumber.objects.filter(
        location_id__in=list(location_ids), address__in=list(addresses), lifted_at__isnull=True
    )
    return set(rows.values_list("location_id", "address"))


def standing(location_id: int, address: str) -> BlockedNumber | None:
    """What stands against texts to a number at a clinic, if anything does."""
    return BlockedNumber.objects.filter(
        location_id=location_id, address=address, lifted_at__isnull=True
    ).first()


def heard_from(location_id: int, address: str, *, cause: Cause) -> None:
    """A text came from a number, so it can be reached after all. Call it in a transaction."""
    row = standing(location_id, address)
    if row is not None:
        _lift(row, WROTE, cause)


@transaction.atomic
def lift(number_id: int, *, reason: str, cause: Cause) -> BlockedNumber:
    """Let texts go to a number again. Raises Invalid without a reason, Conflict when it was lifted before."""
    reason = reason.strip()
    if not reason:
        raise Invalid(
            "Say why texts may go there again.", code="reason_required", fields={"reason": "Say why."}
        )
    row = BlockedNumber.objects.select_for_update(no_key=True, of=("self",)).filter(pk=number_id).first()
    if row is None:
        raise NotFound("There is no such number.")
    if row.lifted_at is not None:
        raise Conflict("Texts may go to this number already.", code="lifted")
    _lift(row, reason, cause)
    return row


def _lift(row: BlockedNumber, reason: str, cause: Cause) -> None:
    row.lifted_at, row.lifted_reason = clock.now(), reason[:200]
    row.lifted_by_kind, row.lifted_by_id = cause.kind, str(cause.id)
    row.save()
    _tell(NUMBER_LIFTED, row, cause, contact_id=None)


def _tell(type: events.EventType, row: BlockedNumber, cause: Cause, *, contact_id: int | None) -> None:
    events.record(
        type,
        cause=cause,
        location_id=row.location_id,
        contact_id=contact_id,
        data={"number": str(row.public_id), "code": row.error_code},
        source="user" if cause.kind == "user" else "system",
    )
