"""When visits can be: the days a clinic works, and which of its practitioners is free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from accounts.hours import Hours
from bookings.seeds import PRACTITIONERS, SERVICES
from core import localtime

MINUTES: dict[str, int] = {service["name"]: service["duration_minutes"] for service in SERVICES}
STARTS = ("10:00", "14:00", "10:15", "14:15", "11:00", "15:00", "09:00", "16:00")
#: What happens together is played quickly. So, longer ago than this, the clinics saw patients on one day a week, and
#: people did things at midday or in the evening; in the last days they do them whenever they like.
LONG_AGO, LATELY = timedelta(days=8), timedelta(days=1)
STARTS_LONG_AGO = ("10:00", "10:15")
ROUNDS, ROUNDS_LONG_AGO = ("09:10", "11:40", "14:20", "16:50"), ("12:06", "17:06")
HORIZON = 40


@dataclass(frozen=True)
class Slot:
    """A time with a practitioner, known by name. `start` is UTC."""

    start: datetime
    minutes: int
    practitioner: str

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)


@dataclass
class Diary:
    """One clinic's days as seen from `today`, a local day, on which it works whatever day it is."""

    clinic: str
    hours: Hours
    today: date
    _taken: dict[str, list[Slot]] = field(default_factory=lambda: defaultdict(list))

    def at(self, day: date, wall: str, *, minutes: float = 0) -> datetime:
        """The instant at which the clinic's clock shows `wall` on a day, and so many minutes later."""
        start = localtime.to_utc(datetime.combine(day, time.fromisoformat(wall)), self.hours.zone)
        return start + timedelta(minutes=minutes)

    def works(self, day: date) -> bool:
        return day == self.today or bool(self.hours.spans(day))

    def long_ago(self, day: date) -> bool:
        return day < self.today - LONG_AGO

    def lately(self, day: date) -> bool:
        return day >= self.today - LATELY

    def workday(self, offset: int) -> date:
        """The working day so many working days from today; negative ones lie before."""
        step = 1 if offset > 0 else -1
        day, left = self.today, abs(offset)
        while left:
            day += timedelta(days=step)
            left -= self.works(day)
        return day

    def starts(self, day: date) -> tuple[str, ...]:
        """When visits may begin on a day. Long ago: on Tuesdays and Thursdays in turn."""
        if not self.works(day):
            return ()
        if self.long_ago(day):
            return STARTS_LONG_AGO if day.weekday() == 1 + 2 * (day.isocalendar().week % 2) else ()
        if day.weekday() == 5 and day != self.today:
            return tuple(start for start in STARTS if start < "11:30")
        return STARTS

    def rounds(self, day: date) -> tuple[str, ...]:
        """When the desk works its queue on a day. Long ago: after the visits, and on Fridays."""
        if not self.works(day):
            return ()
        if self.lately(day):
            return ROUNDS
        if not self.long_ago(day):
            return ROUNDS_LONG_AGO
        return ROUNDS_LONG_AGO[1:] if self.starts(day) else ROUNDS_LONG_AGO[:1] if day.weekday() == 4 else ()

    def book(self, day: date, service: str, *, wall: str = "", practitioner: str = "") -> Slot:
        """Take a free slot on the first working day from `day` on; at `wall` and with whom, where that is said."""
        for slot in self._slots(day, service, wall, practitioner):
            if self._free(slot):
                self._taken[slot.practitioner].append(slot)
                return slot
        raise LookupError(f"No free time for {service} from {day} on.")

    def _slots(self, day: date, service: str, wall: str, practitioner: str) -> Iterator[Slot]:
        doctors = (practitioner,) if practitioner else PRACTITIONERS[self.clinic]
        for offset in range(HORIZON):
            on = day + timedelta(days=offset)
            starts = self.starts(on)
            for start in (wall,) if wall and starts else starts:
                for doctor in doctors:
                    yield Slot(self.at(on, start), MINUTES[service], doctor)

    def _free(self, slot: Slot) -> bool:
        return all(
            slot.end <= other.start or slot.start >= other.end for other in self._taken[slot.practitioner]
        )
