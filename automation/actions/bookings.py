"""Actions that book a visit or change one. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from automation import intents
from automation.actions.base import Action, NotNow, the_contact, the_visit
from automation.intents import Intent
from automation.subjects import Subject
from core import localtime

Label = Annotated[str, StringConstraints(max_length=255, strip_whitespace=True)]


class CreateBooking(Action):
    """Books a visit for the contact, counted in days from the visit the event is about, else from now.

    Without a service: the visit that the event is about, which was stored when the event came in.
    """

    title = "Book a visit"
    type: Literal["create_booking"]
    capture_attribution: bool = Field(
        default=True, description="Keep with the visit how the person first and last came to us."
    )
    service: Label = ""
    practitioner: Label = ""
    in_days: int | None = Field(default=None, ge=0, le=366)
    at: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = Field(
        default=None,
        title="Time of day",
        description="The clinic's time of day, as in 14:30; the visit's own unless given.",
    )

    @model_validator(mode="after")
    def whole(self) -> Self:
        if self.service and self.in_days is None:
            raise ValueError("say in how many days (in_days) the visit is.")
        if not self.service and (self.in_days is not None or self.at or self.practitioner):
            raise ValueError("give the service that is booked.")
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        happening = subject.happening
        if not self.service:
            if happening.booking_id is None:
                raise NotNow("The event is about no visit, and no service is given to book one.")
            return intents.BookVisit(
                the_contact(subject),
                happening.location_id,
                happening.booking_id,
                capture_attribution=self.capture_attribution,
            )
        return intents.BookVisit(
            the_contact(subject),
            happening.location_id,
            None,
            service=self.service,
            at=self._moment(subject, now),
            practitioner=self.practitioner,
            capture_attribution=self.capture_attribution,
        )

    def _moment(self, subject: Subject, now: datetime) -> datetime:
        own = subject.visit.at if subject.visit is not None else None
        if self.at is None and own is None:
            raise NotNow("No time of day is given, and there is no visit to take it from.")
        base = own or now
        clock = time.fromisoformat(self.at) if self.at else base.astimezone(subject.zone).time()
        day = subject.local_day(base) + timedelta(days=self.in_days or 0)
        moment = localtime.to_utc(datetime.combine(day, clock), subject.zone)
        if moment <= now:
            raise NotNow("That time has passed.")
        return moment


class UpdateBooking(Action):
    """Confirms the visit, or cancels it."""

    title = "Confirm or cancel the visit"
    type: Literal["update_booking"]
    status: Literal["confirmed", "cancelled"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.SetBookingStatus(the_visit(subject), self.status)
