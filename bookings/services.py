"""Everything that changes bookings. Doors and other apps call these; what takes a list costs the same few
queries however long the list is.
"""

from __future__ import annotations

from bookings.commands import ChangeResult, OutcomeChange, StatusChange
from bookings.moves import (
    arrive,
    cancel_booking,
    confirm_booking,
    record_outcome,
    record_outcomes,
    set_status,
    take_arrival_back,
)
from bookings.overlap import clashing
from bookings.provider import apply_provider_event
from bookings.timed import ask_for_outcomes, expire_pending
from bookings.visits import (
    change_booking,
    create_booking,
    reinstate_booking,
    reschedule_booking,
    update_booking,
)

__all__ = [
    "ChangeResult",
    "OutcomeChange",
    "StatusChange",
    "apply_provider_event",
    "arrive",
    "ask_for_outcomes",
    "cancel_booking",
    "change_booking",
    "clashing",
    "confirm_booking",
    "create_booking",
    "expire_pending",
    "record_outcome",
    "record_outcomes",
    "reinstate_booking",
    "reschedule_booking",
    "set_status",
    "take_arrival_back",
    "update_booking",
]
