"""The simulated clinics from outside and inside: what newcomers do at their doors, and what the desk does about it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from avatar_cms.demo import actions, desk, wix
from avatar_cms.demo.diary import Slot
from avatar_cms.demo.people import Person
from avatar_cms.demo.timeline import Plan, Step
from avatar_cms.demo.world import World
from avatar_cms.simulation.people import Dice, Newcomer
from bookings import services as booking_services
from bookings.models import LIVE, STANDING, Booking, Status
from contacts import services as contact_services
from contacts.services import ContactUpdate, Touch
from core import clock
from core.causes import Cause
from core.errors import Conflict
from integrations import inbound
from integrations.models import Kind, ProviderAccount
from messaging import phone
from messaging.models import Direction, Message
from tasks import services as task_services
from tasks.models import Task

#: How often the same delivery arrives twice, and how often a pending booking comes before it is confirmed.
TWICE, PENDING_FIRST = 0.1, 0.08
#: How many visits that are over get their outcome on the day; the others are chased.
RECORDED, ATTENDED = 0.93, 0.87
ROUND = 40


@dataclass
class OnlineBooking:
    """What somebody booked at Wix for the `count`-th time: its present time, and how often Wix told of it."""

    person: int
    count: int
    slot: Slot
    service: str
    sequence: int = 1
    cancelled: bool = False

    @property
    def id(self) -> str:
        return f"sim-{self.person}-{self.count}"


@dataclass
class Clinic:
    """Both demo clinics, their diaries, and what each newcomer has booked online."""

    world: World
    plan: Plan
    dice: Dice
    online: dict[int, OnlineBooking] = field(default_factory=dict)
    _deliveries: int = 0

    # Newcomers

    def comes(self, person: Newcomer) -> None:
        """Somebody turns up, in their way."""
        {"books": self.books, "calls": self.calls, "asks": self.asks}[person.way](person)

    def asks(self, person: Newcomer) -> None:
        """A lead: a form or a chat tells of somebody who wants to know more."""
        contact_services.match_or_create(
            location=self.world.locations[person.clinic], name=person.name, phone=person.phone, email=person.email,
            source=person.source, intent=person.intent, is_lead=True,
            touch=Touch(source=person.source, channel="website", campaign="simulation"), cause=Cause.system("web_form"),
        )  # fmt: skip

    def calls(self, person: Newcomer) -> None:
        """Somebody rings, is entered, and gets a visit at once, as far as the clinic is open."""
        location = self.world.locations[person.clinic]
        if not location.hours.is_open(clock.now()):
            self.asks(person)
            return
        contact = contact_services.match_or_create(
            location=location, name=person.name, phone=person.phone, email=person.email, source="phone",
            intent=person.intent, cause=self.world.staff(person.clinic),
        ).contact  # fmt: skip
        actions.book(self.world, contact, person.service, self._slot(person, "calls"))

    def books(self, person: Newcomer) -> None:
        """A visit is booked at Wix, unless the person has one there already."""
        if self._upcoming(person) is not None:
            return
        before = self.online.get(person.number)
        count = 1 if before is None else before.count + 1
        booking = OnlineBooking(person.number, count, self._slot(person, "books", count), person.service)
        self.online[person.number] = booking
        if self.dice.of("pending", booking.id).random() < PENDING_FIRST:
            self._wix(person, booking, "created", status="PENDING")
            booking.sequence += 1
            self._wix(person, booking, "confirmed")
        else:
            self._wix(person, booking, "created")

    def moves(self, person: Newcomer) -> None:
        booking = self._upcoming(person)
        if booking is not None:
            booking.slot = self._slot(person, "moves", booking.sequence)
            booking.sequence += 1
            self._wix(person, booking, "rescheduled")

    def cancels(self, person: Newcomer) -> None:
        booking = self._upcoming(person)
        if booking is not None:
            booking.sequence, booking.cancelled = booking.sequence + 1, True
            self._wix(person, booking, "canceled")

    def says(self, person: Newcomer, body: str) -> None:
        """A text arrives, as the on-screen phone's provider delivers it."""
        self._deliveries += 1
        account = phone.account_of(self.world.locations[person.clinic])
        sms = {
            "message_id": f"sim-text-{self._deliveries}", "from": person.phone, "to": "", "body": body,
            "timestamp": clock.now().isoformat(),
        }  # fmt: skip
        self._deliver(account, Kind.SMS_INBOUND, sms["message_id"], person.phone.removeprefix("+"), sms)

    def undeliverable(self, message: Message) -> None:
        """The phone company reports that a landline takes no texts."""
        told = {"message_id": message.provider_message_id, "status": "failed", "error": "landline"}
        key = f"receipt:failed:{message.provider_message_id}"
        self._deliver(message.provider_account, Kind.SMS_RECEIPT, key, message.provider_message_id, told)

    def _upcoming(self, person: Newcomer) -> OnlineBooking | None:
        """The person's booking at Wix, if it lies ahead and still stands here."""
        booking = self.online.get(person.number)
        if booking is None or booking.cancelled or booking.slot.start <= clock.now():
            return None
        stands = Booking.objects.filter(external_id=booking.id, source="wix", status__in=LIVE, outcome="none")
        return booking if stands.exists() else None

    def _slot(self, person: Newcomer, *about: object) -> Slot:
        location = self.world.locations[person.clinic]
        chance = self.dice.of("slot", person.number, *about)
        day = location.local(clock.now()).date() + timedelta(days=chance.randint(1, 12))
        return self.plan.diaries[person.clinic].book(day, person.service)

    def _wix(self, person: Newcomer, booking: OnlineBooking, kind: str, *, status: str = "") -> None:
        location = self.world.locations[person.clinic]
        named = Person(person.name, person.clinic, person.phone)
        twice = self.dice.of("twice", booking.id, booking.sequence).random() < TWICE
        for _ in range(1 + twice):
            wix.deliver(
                location, named, person.phone, booking.id, booking.slot, booking.service, kind=kind,
                sequence=booking.sequence, status=status,
            )  # fmt: skip

    def _deliver(
        self, account: ProviderAccount | None, kind: Kind, key: str, thread: str, fields: dict[str, str]
    ) -> None:
        assert account is not None
        body = json.dumps(fields).encode()
        inbound.store(
            inbound.Delivery(account=account, kind=kind, key=key, thread=thread, body=body, by_token=True)
        )

    # Patients of old, who are due again in these weeks

    def remembers(self, number: int, due: datetime) -> None:
        """A patient from before, entered at the desk with the day on which they should come again."""
        code = list(self.world.locations)[number % 2]
        contact = contact_services.create_contact(
            location=self.world.locations[code], is_lead=False, cause=self.world.staff(code),
            fields={
                "name": f"Patient Oldham {number}", "phone": f"+614009{number:05}", "source": "existing_patient",
                "is_existing_patient": True,
            },
        ).contact  # fmt: skip
        day = {"recall_due_date": contact.location.local(due).date()}
        contact_services.update_contacts([ContactUpdate(contact.pk, day, cause=self.world.staff(code))])

    # The desk

    def works(self, clinic: str) -> None:
        """One round at the desk's queue."""
        step = Step(clock.now(), 0, "desk_works", clinic, {"limit": ROUND})
        desk.work(self.world, self.plan, step, hands={**desk.HANDS, Task.Type.REPLY_NEEDED: self._replies})

    def closes(self, clinic: str) -> None:
        """Before going home the desk says who came today; what it forgets is chased tomorrow."""
        over = Booking.objects.filter(
            location=self.world.locations[clinic], status__in=STANDING, outcome="none", ends_at__lte=clock.now(),
            outcome_asked_at__isnull=True,
        )  # fmt: skip
        for booking in over.order_by("appointment_datetime", "pk"):
            chance = self.dice.of(
                "outcome", booking.external_id, booking.appointment_datetime, booking.contact.name
            )
            if chance.random() < RECORDED:
                outcome = "attended" if chance.random() < ATTENDED else "no_show"
                cause = self.world.staff(clinic)
                booking_services.record_outcome(booking_id=booking.pk, outcome=outcome, cause=cause)

    def _replies(self, world: World, plan: Plan, task: Task, dice: Random) -> None:
        """The desk reads what was written, does what it asks for, and closes the task."""
        said = (
            Message.objects.filter(contact=task.contact, direction=Direction.INBOUND).order_by("-pk").first()
        )
        visit = (
            Booking.objects.live(clock.now())
            .filter(contact=task.contact)
            .order_by("appointment_datetime")
            .first()
        )
        if said is not None and visit is not None and visit.status != Status.PENDING:
            act = {"cancel": self._cancels_for, "reschedule": self._moves_for}.get(said.intent)
            if act is not None:
                act(visit)
        if task.contact is not None:
            world.answer(task.contact, desk.WHICH if visit is None else SEEN_TO)
        task.refresh_from_db()
        if task.is_open:
            task_services.complete_task(
                task.pk, outcome="success", cause=world.staff(visit_code(world, task))
            )

    def _cancels_for(self, visit: Booking) -> None:
        cause = self.world.staff(visit.location.code)
        booking_services.cancel_booking(booking_id=visit.pk, reason="The patient asked for it.", cause=cause)

    def _moves_for(self, visit: Booking) -> None:
        diary = self.plan.diaries[visit.location.code]
        day = visit.location.local(visit.appointment_datetime).date() + timedelta(days=3)
        doctor = visit.practitioner.name if visit.practitioner is not None else ""
        slot = diary.book(day, visit.service.name, practitioner=doctor)
        try:
            booking_services.reschedule_booking(
                booking_id=visit.pk,
                appointment_datetime=slot.start,
                cause=self.world.staff(visit.location.code),
            )
        except Conflict as refused:
            if refused.code != "overlap":
                raise


SEEN_TO = "Hi {first_name}, thanks for your text, we have seen to it. {clinic}, {clinic_phone}."


def visit_code(world: World, task: Task) -> str:
    """The code of the clinic a task belongs to."""
    return next(code for code, location in world.locations.items() if location.pk == task.location_id)
