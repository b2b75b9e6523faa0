"""What callers hand to the booking services, and what they get back: plain data."""

from __future__ import annotations

from dataclasses import dataclass

from bookings.models import Booking
from core.causes import Cause
from core.errors import DomainError


@dataclass(frozen=True)
class StatusChange:
    """A wish to move a booking: `confirmed`, `cancelled`, or a pending one to `scheduled`. `reason` is free
    text and kept with a cancellation only.
    """

    booking_id: int
    status: str
    reason: str = ""
    cause: Cause | None = None


@dataclass(frozen=True)
class OutcomeChange:
    """What became of a visit: attended, no_show, or none to take it back."""

    booking_id: int
    outcome: str
    cause: Cause


@dataclass(frozen=True)
class ChangeResult:
    """What became of a wish. Not changed and nothing refused: the booking stood like that already."""

    booking: Booking
    changed: bool
    error: DomainError | None = None

    @property
    def refused(self) -> str:
        """Why the move was refused, for people; empty when it was not."""
        return self.error.message if self.error is not None else ""
