"""Contacts as they stood at moments of the past, and what rules would have known of them. Nothing is written.

Stage, warmness, tags, visits, tasks and the like are as the journal says; consent is as it stood for the number and
e-mail of that time. Custom fields and the clinic's settings are as they are now: nothing tells how they were.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from accounts.models import Location, User
from automation import facts
from automation.facts import Wanted
from automation.past import journal
from automation.past.addresses import Addresses
from automation.past.journal import Journal, Made, Moment, Values
from automation.past.recalls import RecallDates
from automation.past.texts import Texts
from automation.subjects import NO_RECALL, Happening, Recall, Subject
from automation.visit_facts import visit
from bookings.models import Booking, Practitioner, Service
from contacts import services as contact_services
from contacts.models import Contact
from tasks.models import Task

#: After every entry there may be.
NEVER_CHANGED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Standing:
    """One contact at one point of the journal; no contact where it was not there yet."""

    contact: Contact | None
    visits: tuple[Booking, ...]
    open_tasks: tuple[str, ...]

    def live(self, at: datetime) -> list[Booking]:
        """The visits ahead, soonest first."""
        return [one for one in self.visits if one.is_live(at)]


@dataclass(frozen=True, slots=True)
class _Task:
    contact_id: int | None
    type: str
    status: str
    created_at: datetime | None = None


class People:
    """The contacts with ids from `first` to `last` at one location, read once in a fixed number of queries."""

    def __init__(
        self, location: Location, first: int, last: int, *, wanted: Wanted, bookings: Collection[int] = ()
    ) -> None:
        self.location, self.wanted = location, wanted
        # The journal comes last: a change that comes in between is then told by it, whichever way its row was read.
        had = journal.rows_of(first, last)
        rows = Contact.objects.filter(pk__range=(first, last), location=location)
        self.contacts = {
            row.pk: row for row in rows.select_related("owner", "guardian").defer("notes").order_by("pk")
        }
        self.bookings = self._read_bookings(had["booking"] | set(bookings))
        self.tasks = self._read_tasks(had["task"]) if wanted.tasks else {}
        self.journal = Journal.of(first, last)
        self.journal.make(self._made())
        self._standing: dict[int, tuple[int, Standing]] = {}
        self._clock: dict[datetime, dict[str, object]] = {}
        self._closings: dict[datetime, datetime] = {}
        self._of = {"booking": self._by_contact(self.bookings), "task": self._by_contact(self.tasks)}

    def _made(self) -> Iterator[Made]:
        """When the rows were made."""
        for pk, contact in self.contacts.items():
            yield contact.created_at, "contact", pk, pk
        for pk, booking in self.bookings.items():
            yield booking.created_at, "booking", pk, booking.contact_id
        for pk, task in self.tasks.items():
            if task.created_at is not None:
                yield task.created_at, "task", pk, task.contact_id

    def _read_bookings(self, more: Collection[int]) -> dict[int, Booking]:
        found = Booking.objects.filter(contact_id__in=list(self.contacts)).select_related(
            "service", "practitioner"
        )
        known = {row.pk: row for row in found}
        missing = set(more) - known.keys()
        if missing:
            rows = Booking.objects.filter(pk__in=missing).select_related("service", "practitioner")
            known |= {row.pk: row for row in rows}
        return known

    def _read_tasks(self, more: Collection[int]) -> dict[int, _Task]:
        known: dict[int, _Task] = {}
        for rows in (
            Task.objects.filter(contact_id__in=list(self.contacts)), Task.objects.filter(pk__in=more),
        ):  # fmt: skip
            values = rows.values_list("pk", "contact_id", "type", "status", "created_at")
            known |= {pk: _Task(about, type, status, made) for pk, about, type, status, made in values}
        return known

    def _by_contact(self, rows: Mapping[int, Booking] | Mapping[int, _Task]) -> dict[int, set[int]]:
        found: dict[int, set[int]] = defaultdict(set)
        for pk, row in rows.items():
            if row.contact_id is not None:
                found[row.contact_id].add(pk)
        return found

    @cached_property
    def _owners(self) -> dict[int, User]:
        return User.objects.in_bulk()

    @cached_property
    def _services(self) -> dict[int, Service]:
        return Service.objects.filter(location=self.location).in_bulk()

    @cached_property
    def _practitioners(self) -> dict[int, Practitioner]:
        return Practitioner.objects.filter(location=self.location).in_bulk()

    @cached_property
    def consents(self) -> dict[str, list[contact_services.Said]]:
        """All that was said of each of their addresses."""
        present = {a for one in self.contacts.values() for a in (one.reach_phone, one.email) if a}
        return contact_services.consent_history(self.location.pk, present | self.addresses.all())

    @cached_property
    def addresses(self) -> Addresses:
        """What they were reached on."""
        return Addresses.of(self.contacts.values())

    @cached_property
    def texts(self) -> Texts:
        """Whether they could be written to."""
        return Texts(self)

    @cached_property
    def recall_dates(self) -> RecallDates:
        """Which visits gave them their recall dates."""
        return RecallDates.of(self.contacts)

    # At a moment

    def position(self, contact_id: int | None, moment: Moment) -> int:
        """How far the changes of a contact had come; moments with the same answer found the contact alike."""
        line = self.journal.contacts.get(contact_id or 0)
        if line is None:
            return NEVER_CHANGED if moment.position is None else moment.position
        return line.position(moment)

    def standing(self, contact_id: int, position: int) -> Standing:
        """How a contact stood."""
        known = self._standing.get(contact_id)
        if known is not None and known[0] == position:
            return known[1]
        standing = Standing(
            self._contact(contact_id, position),
            tuple(self._visits(contact_id, position)),
            tuple(sorted(self._tasks(contact_id, position))),
        )
        self._standing[contact_id] = (position, standing)
        return standing

    def standing_at(self, contact_id: int | None, moment: Moment) -> Standing:
        """How a contact stood at a moment; nobody where there is none."""
        if contact_id is None:
            return Standing(None, (), ())
        return self.standing(contact_id, self.position(contact_id, moment))

    def _contact(self, pk: int, position: int) -> Contact | None:
        present = self.contacts.get(pk)
        changed, before = self.journal.before("contact", pk, position)
        if present is None or not changed:
            return present
        if before is None:
            return None
        row = copy(present)
        row._state = copy(present._state)
        row._state.fields_cache = dict(present._state.fields_cache)
        for name, value in before.items():
            setattr(row, name, value)
        if row.owner_id is not None:
            row.owner = self._owners.get(row.owner_id)
        return row

    def booking(self, pk: int, position: int) -> Booking | None:
        """A visit as it stood; None when it was not there."""
        present = self.bookings.get(pk)
        changed, before = self.journal.before("booking", pk, position)
        if present is None or not changed:
            return present
        return None if before is None else self._visit(present, before)

    def _visit(self, present: Booking, before: Values) -> Booking:
        row = copy(present)
        row._state = copy(present._state)
        row._state.fields_cache = dict(present._state.fields_cache)
        for name, value in before.items():
            if name not in ("service_id", "practitioner_id"):
                setattr(row, name, value)
        if before["service_id"] != present.service_id:
            row.service = self._services.get(before["service_id"], present.service)
        if before["practitioner_id"] != present.practitioner_id:
            row.practitioner = self._practitioners.get(before["practitioner_id"])
        return row

    def _visits(self, contact_id: int, position: int) -> list[Booking]:
        ids = self._of["booking"].get(contact_id, set()) | self.journal.had.get(
            ("booking", contact_id), set()
        )
        found = [self.booking(pk, position) for pk in ids]
        theirs = [one for one in found if one is not None and one.contact_id == contact_id]
        return sorted(theirs, key=lambda one: (one.appointment_datetime, one.pk))

    def _tasks(self, contact_id: int, position: int) -> set[str]:
        found = set()
        for pk in self._of["task"].get(contact_id, set()) | self.journal.had.get(("task", contact_id), set()):
            changed, before = self.journal.before("task", pk, position)
            row = self.tasks.get(pk)
            if changed:
                row = (
                    None if before is None else _Task(before["contact_id"], before["type"], before["status"])
                )
            if row is not None and row.contact_id == contact_id and row.status in Task.OPEN:
                found.add(row.type)
        return found

    def subject(self, happening: Happening, said: Mapping[str, object], moment: Moment) -> Subject:
        """A happening with what was known at that moment."""
        at, contact_id = moment.at, happening.contact_id
        standing = self.standing_at(contact_id, moment)
        position = self.position(contact_id, moment)
        own = None if happening.booking_id is None else self.booking(happening.booking_id, position)
        recall = NO_RECALL
        if happening.type == "booking_outcome_updated":
            recall = self._recall(happening, standing, at)
        return facts.of_person(
            happening, {**self.clock(at), **said}, contact=standing.contact, own=own, live=standing.live(at),
            open_tasks=standing.open_tasks, consents=self._consent(standing.contact, at), location=self.location,
            closing=self._closing(at), recall=recall, now=at,
        )  # fmt: skip

    def clock(self, at: datetime) -> dict[str, object]:
        """What the clock said."""
        if at not in self._clock:
            self._clock[at] = facts.clock_facts(self.location, at)
        return self._clock[at]

    def _closing(self, at: datetime) -> datetime:
        if at not in self._closings:
            self._closings[at] = self.location.end_of_business_day(at)
        return self._closings[at]

    def _consent(self, contact: Contact | None, at: datetime) -> dict[str, object]:
        if contact is None or not self.wanted.consent:
            return {}
        phone, email = self.addresses.phone(contact, at), self.addresses.email(contact, at)
        states = {
            address: contact_services.states_at(self.consents.get(address, ()), at)
            for address in (phone, email)
            if address
        }
        return facts.consents_of(phone, email, states)

    def _recall(self, happening: Happening, standing: Standing, at: datetime) -> Recall:
        attended = [one for one in standing.visits if one.outcome == Booking.Outcome.ATTENDED]
        date = None if standing.contact is None else standing.contact.recall_due_date
        given_by = None
        if standing.contact is not None and date is not None:
            given_by = self.recall_dates.given_by(standing.contact.pk, date, at, happening.event_id)
        return Recall(visit(attended[-1]) if attended else None, given_by)
