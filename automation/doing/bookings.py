"""What rules do with visits."""

from __future__ import annotations

from collections.abc import Sequence

from automation.doing.base import Done, Order, State
from bookings import services as booking_services


def set_booking_status(orders: Sequence[Order]) -> list[Done]:
    results = booking_services.set_status(
        [
            booking_services.StatusChange(
                booking_id=o.intent.booking_id, status=o.intent.status, cause=o.cause
            )
            for o in orders
        ]
    )
    return [
        Done(State.FAILED, result.refused) if result.refused else Done(result={"changed": result.changed})
        for result in results
    ]
