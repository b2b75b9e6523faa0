"""The timeline that a story is told on: steps, each at a moment, about a person or a clinic's desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from avatar_cms.demo.diary import Diary, Slot
from avatar_cms.demo.people import PEOPLE

DAYS_BACK = 60
DAYS_AHEAD = 14
YES = ("Yes", "Yes please", "Yep, see you then", "YES", "Yes thank you", "Confirmed, thanks")


@dataclass(frozen=True, order=True)
class Step:
    """Something that happens. `action` is a name in `actions.ACTIONS`; `who` a person's name or a clinic's code."""

    at: datetime
    number: int
    action: str = field(compare=False)
    who: str = field(compare=False)
    given: Mapping[str, Any] = field(compare=False, default_factory=dict)


@dataclass
class Plan:
    """What will happen, gathered step by step. Chance is the same for the same seed, whatever was asked before."""

    seed: int
    until: datetime
    diaries: dict[str, Diary]
    steps: list[Step] = field(default_factory=list)
    _visits: list[tuple[str, datetime]] = field(default_factory=list)

    def chance(self, *about: object) -> Random:
        """Dice of one's own for a question."""
        return Random(":".join(map(str, (self.seed, *about))))

    def diary(self, who: str) -> Diary:
        return self.diaries[PEOPLE[who].clinic]

    def day(self, who: str, offset: int) -> date:
        """A calendar day so many days from today, where that person's clinic is."""
        return self.diary(who).today + timedelta(days=offset)

    def ago(self, *, hours: float = 0, minutes: float = 0) -> datetime:
        return self.until - timedelta(hours=hours, minutes=minutes)

    def add(self, at: datetime, action: str, who: str, **given: Any) -> None:
        self.steps.append(Step(at, len(self.steps), action, who, given))

    def says(self, who: str, at: datetime, body: str) -> datetime:
        at = self.moment(who, at)
        self.add(at, "says", who, body=body)
        return at

    def moment(self, who: str, at: datetime) -> datetime:
        """When a person does what they mean to do at about that time: until lately, at midday or in the evening."""
        if self._lately(who, at):
            return at
        spread = self.chance("moment", who, at).uniform(0, 2.8)
        return self._next(who, at, ("12:03", "19:02")) + timedelta(minutes=spread)

    def desk_time(self, who: str, at: datetime) -> datetime:
        """When the desk gets round to something: at the next of its quiet moments."""
        walls = ("09:12", "11:42", "14:22", "16:52") if self._lately(who, at) else ("12:08", "17:05")
        return self._next(who, at, walls)

    def _next(self, who: str, at: datetime, walls: tuple[str, ...]) -> datetime:
        diary = self.diary(who)
        day = at.astimezone(diary.hours.zone).date()
        moments = (diary.at(day + timedelta(days=n), wall) for n in (0, 1) for wall in walls)
        return next(moment for moment in moments if moment >= at)

    def _lately(self, who: str, at: datetime) -> bool:
        diary = self.diary(who)
        return diary.lately(at.astimezone(diary.hours.zone).date())

    def visit(
        self, who: str, service: str, *, day: date, booked: datetime, by: str = "wix", wall: str = "",
        answers: str = "", ending: str = "attended", status: str = "", lost: datetime | None = None,
    ) -> Slot:  # fmt: skip
        """Book a visit on or after a day, and plan what becomes of it.

        by: wix or desk. answers: booked, reminded, or nothing. ending: attended, no_show, open (nobody says), or
        cancelled_by_… and moved_by_… wix, text or phone. `lost` is when it is cancelled at Wix, whatever else.
        """
        slot = self.diary(who).book(day, service, wall=wall)
        return self.visit_at(
            slot, who, service, booked=booked, by=by, answers=answers, ending=ending, status=status, lost=lost
        )

    def visit_at(
        self, slot: Slot, who: str, service: str, *, booked: datetime, by: str = "wix", answers: str = "",
        ending: str = "attended", status: str = "", lost: datetime | None = None,
    ) -> Slot:  # fmt: skip
        """The same for a time that is given, taken or not."""
        self._visits.append((who, slot.start))
        booked = self.moment(who, booked)
        about = {"slot": slot, "service": service, "id": f"demo-booking-{len(self._visits)}"}
        self.add(booked, f"books_{by}", who, status=status, **about)
        self._answer(who, slot, booked, answers)
        what, _, how = ending.partition("_by_")
        if what == "cancelled":
            self._cancelled(who, about, booked, how)
        elif what == "moved":
            slot = self._moved(who, about, booked, how)
        if lost is not None:
            self.add(lost, "cancels_wix", who, **about)
        elif what in ("attended", "moved", "no_show"):
            self._ends(who, slot, "no_show" if what == "no_show" else "attended")
        return slot

    def comes_about(self, who: str, day: date) -> bool:
        """Whether somebody has a visit within a few days of that one."""
        starts = [start.date() for person, start in self._visits if person == who]
        return any(abs(start - day) < timedelta(days=6) for start in starts)

    def _answer(self, who: str, slot: Slot, booked: datetime, answers: str) -> None:
        dice = self.chance("answers", who, slot.start)
        if answers == "booked":
            at = booked + timedelta(minutes=dice.randint(2, 50))
        elif answers == "reminded":
            at = slot.start - timedelta(hours=24) + timedelta(minutes=dice.randint(4, 90))
        else:
            return
        at = max(self.moment(who, at), booked + timedelta(minutes=7))
        if at < slot.start:
            self.add(at, "says", who, body=dice.choice(YES))

    def _cancelled(self, who: str, about: dict[str, Any], booked: datetime, how: str) -> None:
        dice = self.chance("cancels", who, about["slot"].start)
        at = max(booked + timedelta(hours=2), about["slot"].start - timedelta(hours=dice.randint(20, 60)))
        at = self.moment(who, at)
        if how == "wix":
            self.add(at, "cancels_wix", who, **about)
            return
        if how == "text":
            self.says(who, at, "Please cancel my appointment, something came up at work")
        at = self.desk_time(who, at + timedelta(minutes=4))
        self.add(at, "desk_cancels", who, reason="The patient asked for it.", **about)

    def _moved(self, who: str, about: dict[str, Any], booked: datetime, how: str) -> Slot:
        slot: Slot = about["slot"]
        later = self.diary(who).today.fromordinal(self._day_of(who, slot).toordinal() + 2)
        new = self.diary(who).book(later, about["service"], practitioner=slot.practitioner)
        at = self.moment(who, max(booked + timedelta(hours=1), slot.start - timedelta(hours=44)))
        if how == "wix":
            self.add(at, "moves_wix", who, new=new, **about)
            return new
        if how == "text":
            self.says(who, at, "Can we move it to next week?")
        at = self.desk_time(who, at + timedelta(minutes=4))
        self.add(at, "desk_moves", who, new=new, **about)
        return new

    def _ends(self, who: str, slot: Slot, ending: str) -> None:
        if ending == "attended" and self._lately(who, slot.start):
            self.add(slot.start - timedelta(minutes=4), "arrives", who, slot=slot)
        today = self._day_of(who, slot) == self.diary(who).today
        at = (
            slot.end + timedelta(minutes=12)
            if today
            else self.desk_time(who, slot.end + timedelta(minutes=5))
        )
        self.add(at, "desk_records", who, slot=slot, outcome=ending)

    def _day_of(self, who: str, slot: Slot) -> date:
        return slot.start.astimezone(self.diary(who).hours.zone).date()
