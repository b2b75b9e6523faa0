"""The moving clock of a simulation: it stops wherever somebody acts or something falls due, and nothing else happens.

The clock is this process's alone (`core.clock`), so the database must be one that no worker looks at.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.core.management import call_command

from avatar_cms.demo.play import next_due, undisturbed
from avatar_cms.demo.timeline import Plan
from avatar_cms.demo.world import World
from avatar_cms.simulation.clinic import Clinic
from avatar_cms.simulation.people import Dice, Newcomer, newcomers, reaction
from bookings.models import Status
from core import clock, localtime, ticks, work
from core.models import Event
from messaging import sending
from messaging.models import Message

#: Where a simulation begins unless told otherwise: a Monday, so that Sydney's change of clocks lies within a quarter.
START = datetime(2026, 8, 3, tzinfo=UTC).date()
HOUR = timedelta(hours=1)
#: What falls due within this of something else is seen to together with it.
TOGETHER = timedelta(minutes=2)
ROUNDS = (time(9, 10), time(11, 40), time(14, 20), time(16, 40))
CLOSING = time(17, 5)
RECALLS_A_MONTH = 8

Progress = Callable[[int, int], None]


def furnish() -> None:
    """Seed the clinics, a week before the first day: nothing in their database tells when it really was made."""
    with clock.frozen(datetime.combine(START - timedelta(days=7), time(), UTC)):
        call_command("seed", verbosity=0)


@dataclass(order=True)
class Entry:
    """Something that will happen; those at one moment happen in the order in which they were thought of."""

    at: datetime
    number: int
    act: Callable[[], None] = field(compare=False)


@dataclass
class Simulation:
    """So many days of the demo clinics, with about `a_day` newcomers a day."""

    seed: int
    days: int
    a_day: float = 5
    progress: Progress = lambda day, days: None
    _entries: list[Entry] = field(default_factory=list)
    _count: int = 0
    _by_phone: dict[str, list[Newcomer]] = field(default_factory=dict)
    _heard: int = 0
    _got: dict[int, int] = field(default_factory=dict)

    def run(self) -> datetime:
        """Play it. Returns the moment at which it ended, with nothing due left undone."""
        self.dice = Dice(self.seed)
        world = World.of()
        zones = {code: location.zone for code, location in world.locations.items()}
        first = min(localtime.start_of_day(START, zone) for zone in zones.values())
        diaries = world.diaries(first)
        self.clinic = Clinic(world, Plan(seed=self.seed, until=first, diaries=diaries), self.dice)
        self.end = first + timedelta(days=self.days)
        with undisturbed(), clock.frozen(first) as self.now:
            self._live_since(first)
            self._plan_patients_of_old(first)
            for person in newcomers(self.dice, start=START, days=self.days, a_day=self.a_day, clinics=zones):
                self._at(person.at, lambda person=person: self._comes(person))  # type: ignore[misc]
            self._plan_desks()
            self._play()
            ticks.run("15min")
            self._settle()
        return self.end

    # What will happen

    def _at(self, at: datetime, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._entries, Entry(at, self._count, act))

    def _live_since(self, first: datetime) -> None:
        """The clinics went live before anything happens: nobody here was booked by an earlier system."""
        for location in self.clinic.world.locations.values():
            type(location).objects.filter(pk=location.pk).update(live_since=first - timedelta(days=1))

    def _plan_patients_of_old(self, first: datetime) -> None:
        for number in range(RECALLS_A_MONTH * max(1, self.days // 30)):
            due = first + timedelta(days=self.dice.of("recall", number).uniform(1, self.days))
            self._at(first + timedelta(minutes=1), lambda n=number, d=due: self.clinic.remembers(n, d))  # type: ignore[misc]

    def _plan_desks(self) -> None:
        for code, diary in self.clinic.plan.diaries.items():
            location = self.clinic.world.locations[code]
            for offset in range(self.days):
                day = START + timedelta(days=offset)
                if not location.hours.spans(day):
                    continue
                for wall in ROUNDS:
                    self._at(diary.at(day, f"{wall:%H:%M}"), lambda code=code: self.clinic.works(code))  # type: ignore[misc]
                self._at(diary.at(day, f"{CLOSING:%H:%M}"), lambda code=code: self.clinic.closes(code))  # type: ignore[misc]

    def _comes(self, person: Newcomer) -> None:
        self._by_phone.setdefault(person.phone, []).append(person)
        self.clinic.comes(person)

    # Playing

    def _play(self) -> None:
        hour = self.now.at
        while True:
            due = next_due(self.now.at)
            moments = [hour + HOUR, self._entries[0].at if self._entries else self.end, self.end]
            moment = min(*moments, due + TOGETHER) if due is not None else min(moments)
            self.now.set(max(self.now.at, moment))
            if moment >= hour + HOUR:
                hour += HOUR
                ticks.run("1min")
                self.progress(int((self.now.at - self.end).total_seconds() // 86400) + self.days, self.days)
            while self._entries and self._entries[0].at <= self.now.at:
                heapq.heappop(self._entries).act()
                self._settle()
            self._settle()
            if self.now.at >= self.end:
                return

    def _settle(self) -> None:
        """Do what is due; then people read what they got, and make up their minds."""
        work.drain()
        while sending.send_due():
            work.drain()
        self._read()

    def _read(self) -> None:
        told = Event.objects.filter(type="message_sent", pk__gt=self._heard).order_by("pk")
        rows = list(told.values_list("pk", "data"))
        if not rows:
            return
        self._heard = rows[-1][0]
        ids = [data["message"] for _, data in rows]
        messages = Message.objects.select_related(
            "contact", "template", "booking", "provider_account"
        ).in_bulk(ids)
        for pk in ids:
            self._reads(messages[pk])

    def _reads(self, message: Message) -> None:
        people = self._by_phone.get(message.address, [])
        person = next(
            (one for one in people if one.name == message.contact.name), people[0] if people else None
        )
        if person is None or message.template is None:
            return
        if person.landline:
            self._at(self.now.at + timedelta(minutes=12), lambda: self.clinic.undeliverable(message))
            return
        number = self._got[person.number] = self._got.get(person.number, 0) + 1
        confirmed = message.booking is not None and message.booking.status == Status.CONFIRMED
        wanted = reaction(self.dice, person, message.template.name, number, confirmed=confirmed)
        if wanted is None:
            return
        act = {
            "says": lambda: self.clinic.says(person, wanted.about),
            "books": lambda: self.clinic.books(person),
            "moves": lambda: self.clinic.moves(person),
            "cancels": lambda: self.clinic.cancels(person),
        }[wanted.act]
        self._at(self.now.at + wanted.after, act)
