"""What can happen in the story, each through the service or the door it happens through in a clinic.

Every action may be begun again after an interruption: what was done already is found, and left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from accounts.models import Location
from avatar_cms.demo import wix
from avatar_cms.demo.diary import Slot
from avatar_cms.demo.people import PEOPLE, STRANGER, Person
from avatar_cms.demo.timeline import Step
from avatar_cms.demo.world import World
from bookings import services as booking_services
from bookings.models import Booking, Practitioner, Service, Status
from contacts import services as contact_services
from contacts.models import Contact
from contacts.services import ContactUpdate, Touch
from core import clock
from core.causes import Cause
from core.errors import Conflict
from integrations import inbound
from integrations.models import Kind
from messaging import phone
from messaging.models import Direction, Message
from tasks import services as task_services
from tasks.models import Task

WEB_FORM = Cause.system("web_form")
EMAIL_LEAD = Person("Walter Penhaligon", "sydney")

Action = Callable[[World, Step], None]


def act(world: World, step: Step) -> None:
    """Let one step happen, at the moment the clock shows."""
    ACTIONS[step.action](world, step)


# People


def _lead_by_form(world: World, step: Step) -> None:
    person, given = PEOPLE[step.who], step.given
    _lead(world.location(person), person, **given)


def _lead_without_phone(world: World, step: Step) -> None:
    _lead(world.location(EMAIL_LEAD), EMAIL_LEAD, source="web_form", intent="general_inquiry")


def _lead(location: Location, person: Person, *, source: str, intent: str) -> None:
    utm = {"utm_source": source.split("_")[0], "utm_campaign": "spring-check"} if "_" in source else {}
    contact_services.match_or_create(
        location=location, name=person.name, phone=person.phone, email=person.email, source=source, intent=intent,
        is_lead=True, touch=Touch(source=source, channel="website", utm=utm), cause=WEB_FORM,
    )  # fmt: skip


def _lead_by_hand(world: World, step: Step) -> None:
    _enter(world, PEOPLE[step.who], is_lead=True, **step.given)


def _enters_patient(world: World, step: Step) -> None:
    _enter(world, PEOPLE[step.who], is_lead=False, source="existing_patient", is_existing_patient=True)


def _enter(world: World, person: Person, *, is_lead: bool, **fields: object) -> None:
    values = {"name": person.name, "phone": person.phone, "email": person.email, **fields}
    try:
        contact_services.create_contact(
            location=world.location(person), fields=values, is_lead=is_lead, cause=world.staff(person.clinic)
        )
    except Conflict as error:
        if error.code != "contact_exists":
            raise


def _asks_for_recall(world: World, step: Step) -> None:
    """The manager goes through the old files and wants somebody called."""
    contact, cause = world.contact(step.who), world.staff(PEOPLE[step.who].clinic)
    today = contact.location.local(clock.now()).date()
    contact_services.update_contacts([
        ContactUpdate(contact.pk, {"recall_due_date": today - timedelta(days=3)}, cause=cause)
    ])  # fmt: skip
    task_services.create_tasks([
        task_services.NewTask(
            contact_id=contact.pk, type=Task.Type.RECALL_CALL, due_at=clock.now() + timedelta(hours=4),
            notes="Last seen over a year ago.", created_by=Task.CreatedBy.STAFF, cause=cause,
        )
    ])  # fmt: skip


# Texts


def _says(world: World, step: Step) -> None:
    person = PEOPLE[step.who]
    number = PEOPLE[person.home].phone if person.home else person.phone
    _text(world.location(person), number, step)


def _stranger(world: World, step: Step) -> None:
    _text(world.location(STRANGER), STRANGER.phone, step)


def _text(location: Location, number: str, step: Step) -> None:
    """A text arrives, as the console provider delivers it."""
    account = phone.account_of(location)
    sms = {
        "message_id": f"demo-text-{step.number}", "from": number, "to": location.phone, "body": step.given["body"],
        "timestamp": clock.now().isoformat(),
    }  # fmt: skip
    _deliver(account, Kind.SMS_INBOUND, sms["message_id"], number.removeprefix("+"), sms)


def _undeliverable(world: World, step: Step) -> None:
    """The phone company cannot deliver texts to a landline."""
    person = PEOPLE[step.who]
    account = phone.account_of(world.location(person))
    sent = Message.objects.filter(
        address=person.phone, provider_account=account, status="sent", direction=Direction.OUTBOUND
    )
    for message_id in sent.order_by("pk").values_list("provider_message_id", flat=True):
        told = {"message_id": message_id, "status": "failed", "error": "landline"}
        _deliver(account, Kind.SMS_RECEIPT, f"receipt:failed:{message_id}", message_id, told)


def _deliver(account: Any, kind: Kind, key: str, thread: str, fields: Mapping[str, str]) -> None:
    inbound.store(
        inbound.Delivery(
            account=account,
            kind=kind,
            key=key,
            thread=thread,
            body=json.dumps(fields).encode(),
            by_token=True,
        )
    )


# Visits


def _wix(kind: str, sequence: int) -> Action:
    def deliver(world: World, step: Step) -> None:
        person, given = PEOPLE[step.who], step.given
        number = PEOPLE[person.home].phone if person.home else person.phone
        wix.deliver(
            world.location(person), person, number, given["id"], given.get("new", given["slot"]), given["service"],
            kind=kind, sequence=sequence, status=given.get("status", ""),
        )  # fmt: skip

    return deliver


def _books_desk(world: World, step: Step) -> None:
    """The patient calls; somebody not known yet is entered first."""
    person = PEOPLE[step.who]
    contact = world.find(step.who)
    if contact is None:
        home = PEOPLE[person.home].phone if person.home else person.phone
        contact = contact_services.match_or_create(
            location=world.location(person), name=person.name, phone=home, email=person.email, source="phone",
            cause=world.staff(person.clinic),
        ).contact  # fmt: skip
    book(world, contact, step.given["service"], step.given["slot"])


def book(world: World, contact: Contact, service: str, slot: Slot) -> Booking | None:
    """Book at the desk. None when that time is taken after all."""
    offered = Service.objects.get(location=contact.location, name=service)
    doctor = Practitioner.objects.get(location=contact.location, name=slot.practitioner)
    try:
        return booking_services.create_booking(
            location=contact.location, contact_id=contact.pk, service=offered, appointment_datetime=slot.start,
            practitioner=doctor, cause=world.staff(contact.location.code),
        )  # fmt: skip
    except Conflict as error:
        if error.code not in ("overlap", "already_booked"):
            raise
        return None


def _desk_moves(world: World, step: Step) -> None:
    booking = world.booking(step.who, step.given["slot"])
    if booking is not None:
        new: Slot = step.given["new"]
        booking_services.reschedule_booking(
            booking_id=booking.pk, appointment_datetime=new.start, cause=world.staff(PEOPLE[step.who].clinic)
        )
        world.answer(
            booking.contact, f"Done: we moved your visit to {new.start.astimezone(booking.location.zone):%A}."
        )


def _desk_cancels(world: World, step: Step) -> None:
    booking = world.booking(step.who, step.given["slot"])
    if booking is not None:
        cause = world.staff(PEOPLE[step.who].clinic)
        booking_services.cancel_booking(booking_id=booking.pk, reason=step.given["reason"], cause=cause)


def _arrives(world: World, step: Step) -> None:
    booking = world.booking(step.who, step.given["slot"])
    if booking is not None and booking.outcome == Booking.Outcome.NONE:
        booking_services.arrive(booking_id=booking.pk, cause=world.staff(PEOPLE[step.who].clinic))


def _desk_records(world: World, step: Step) -> None:
    booking = world.booking(step.who, step.given["slot"])
    if booking is not None and booking.status != Status.PENDING:
        booking_services.record_outcome(
            booking_id=booking.pk, outcome=step.given["outcome"], cause=world.staff(PEOPLE[step.who].clinic)
        )


ACTIONS: dict[str, Action] = {
    "lead_by_form": _lead_by_form,
    "lead_by_hand": _lead_by_hand,
    "lead_without_phone": _lead_without_phone,
    "enters_patient": _enters_patient,
    "asks_for_recall": _asks_for_recall,
    "says": _says,
    "stranger": _stranger,
    "undeliverable": _undeliverable,
    "books_wix": _wix("created", 1),
    "moves_wix": _wix("rescheduled", 2),
    "cancels_wix": _wix("canceled", 3),
    "books_desk": _books_desk,
    "desk_moves": _desk_moves,
    "desk_cancels": _desk_cancels,
    "arrives": _arrives,
    "desk_records": _desk_records,
}
