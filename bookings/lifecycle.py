"""The life of a booking: which moves there are, what counts as live, and when an outcome may be recorded.

Pure. Statuses: ``pending`` awaits a confirmation and triggers nothing; ``scheduled`` stands; ``confirmed``
means the patient said yes (never what a provider calls confirmed); ``rescheduled`` stands at a new time;
``cancelled``. The outcome (none, attended, no_show) is apart from the status and may be corrected.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from core.errors import Conflict, Invalid
from core.machine import Machine

PENDING = "pending"
SCHEDULED = "scheduled"
CONFIRMED = "confirmed"
RESCHEDULED = "rescheduled"
CANCELLED = "cancelled"

STANDING = (SCHEDULED, CONFIRMED, RESCHEDULED)
"""The statuses that automation knows of."""
LIVE = (PENDING, *STANDING)
"""The statuses of a visit that may still take place."""
STATUSES = (*LIVE, CANCELLED)

NO_OUTCOME = "none"
ATTENDED = "attended"
NO_SHOW = "no_show"

STATUS = Machine(
    "booking",
    {
        PENDING: {SCHEDULED, CANCELLED},
        SCHEDULED: {CONFIRMED, RESCHEDULED, CANCELLED},
        CONFIRMED: {RESCHEDULED, CANCELLED},
        RESCHEDULED: {CONFIRMED, CANCELLED},
    },
)
"""What staff and rules may do. A provider is not asked: what it reports is so (bookings.deliveries)."""

OUTCOME = Machine(
    "booking's outcome",
    {
        NO_OUTCOME: {ATTENDED, NO_SHOW},
        ATTENDED: {NO_SHOW, NO_OUTCOME},
        NO_SHOW: {ATTENDED, NO_OUTCOME},
    },
)
"""Every outcome can be corrected into every other, and taken back."""

PENDING_FOR_PROVIDER = timedelta(hours=48)
PENDING_FOR_DEPOSIT = timedelta(minutes=30)


def is_live(status: str, outcome: str, ends_at: datetime, now: datetime) -> bool:
    """True for a visit that may still take place: a live status, no outcome, and not over at ``now``."""
    return status in LIVE and outcome == NO_OUTCOME and ends_at > now


def pending_until(now: datetime, *, awaits_deposit: bool) -> datetime:
    """When a booking that became pending at ``now`` lapses: 30 minutes for a deposit, else 48 hours."""
    return now + (PENDING_FOR_DEPOSIT if awaits_deposit else PENDING_FOR_PROVIDER)


def check_status(status: str, target: str, *, outcome: str = NO_OUTCOME) -> bool:
    """May staff or a rule move a booking to ``target``? True: do so; False: it is there already.

    Raises MoveRefused naming both states, and Conflict for a visit whose outcome is recorded.
    """
    if status == target:
        return False
    _check_no_outcome(outcome, target)
    STATUS.check(status, target)
    return True


def _check_no_outcome(outcome: str, target: str) -> None:
    if outcome != NO_OUTCOME:
        raise Conflict(
            f"The outcome of this visit is recorded as '{outcome}', so it cannot become '{target}'. "
            "Take the outcome back first.",
            code="outcome_recorded",
        )


def status_after_moving(status: str, *, outcome: str = NO_OUTCOME) -> str:
    """The status of a booking that staff move to another time: pending stays, a standing one is rescheduled.

    Raises MoveRefused for a cancelled booking, and Conflict for one whose outcome is recorded.
    """
    _check_no_outcome(outcome, RESCHEDULED)
    target = PENDING if status == PENDING else RESCHEDULED
    STATUS.check(status, target)
    return target


def status_after_reinstating(before: str, *, is_ahead: bool) -> str:
    """The status of a visit whose cancellation is taken back; ``before`` is what it was. One that stood and is still
    ahead stands anew, because the patient was told that it does not.
    """
    return RESCHEDULED if is_ahead and before in STANDING else before


def check_outcome(status: str, outcome: str, target: str) -> bool:
    """May the outcome become ``target``? True: record it; False: it is that already.

    Raises Invalid for an unknown outcome and Conflict for a booking that does not stand.
    """
    if target not in OUTCOME.states:
        raise Invalid(
            f"'{target}' is not an outcome. Use one of: {', '.join(OUTCOME.states)}.",
            code="unknown_outcome",
            fields={"outcome": f"Use one of: {', '.join(OUTCOME.states)}."},
        )
    if outcome == target:
        return False
    if status not in STANDING:
        raise Conflict(
            f"A booking that is '{status}' cannot get the outcome '{target}': only a visit that stands can.",
            code="booking_does_not_stand",
        )
    OUTCOME.check(outcome, target)
    return True
