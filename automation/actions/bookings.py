"""Actions that change a visit. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from automation import intents
from automation.actions.base import Action, the_visit
from automation.intents import Intent
from automation.subjects import Subject


class UpdateBooking(Action):
    type: Literal["update_booking"]
    status: Literal["confirmed", "cancelled"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.SetBookingStatus(the_visit(subject), self.status)
