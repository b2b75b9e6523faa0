"""How the demo's colleagues work their queue: the most urgent first, as a person at the desk would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random

from django.db.models import F, Q

from accounts.models import Location
from avatar_cms.demo import actions
from avatar_cms.demo.timeline import Plan, Step
from avatar_cms.demo.world import World
from bookings import services as booking_services
from bookings.models import STANDING, Booking
from contacts import services as contact_services
from contacts.services import NewTouchpoint, StageMove
from core import clock
from core.causes import Cause
from messaging import services as message_services
from messaging.models import Conversation, Direction
from tasks import queue, services
from tasks.models import Task

#: What is due within this is taken along.
SOON = timedelta(hours=6)
CALLS = (("connected", 62), ("voicemail", 20), ("no_answer", 15), ("wrong_number", 3))
#: How often somebody who was reached books a new visit.
REBOOKS = {
    Task.Type.RESCUE_CALL: 0.65, Task.Type.NO_SHOW_FOLLOWUP: 0.5, Task.Type.RECALL_CALL: 0.5, Task.Type.CALL: 0.55,
}  # fmt: skip
ANSWERS = {
    "parking": "Hi {first_name}, yes, there is a car park right behind us. See you soon, {clinic}.",
    "long": "Hi {first_name}, please plan about an hour. See you soon, {clinic}.",
    "bring": "Hi {first_name}, you need nothing but your Medicare card. See you soon, {clinic}.",
    "husband": "Hi {first_name}, of course, there is room for both of you. See you soon, {clinic}.",
    "Saturdays": "Hi {first_name}, we are open on Saturdays from 9 am to 1 pm. {clinic}, {clinic_phone}.",
}
HELLO = "Hi {first_name}, it is {clinic}. Would you like us to find you a time? Reply here or call {clinic_phone}."

WHICH = "Hi {first_name}, thanks for your text. Which visit do you mean? {clinic}, {clinic_phone}."

#: How one kind of task is dealt with.
Hand = Callable[[World, Plan, Task, Random], None]


def work(world: World, plan: Plan, step: Step, *, hands: Mapping[str, Hand] | None = None) -> None:
    """One round at a clinic's desk: answer what patients asked, then take the tasks that are due, each with the
    hand for its type.
    """
    hands = HANDS if hands is None else hands
    location = world.locations[step.who]
    limit = int(step.given["limit"])
    _answer_questions(world, location, limit)
    soon = clock.now() + SOON
    due = Task.objects.filter(
        queue.awake(clock.now()), location=location, status__in=Task.OPEN, due_datetime__lte=soon
    )
    ranked = queue.with_score(due, as_of=clock.now()).order_by("-score", "due_datetime", "pk")  # type: ignore[misc]
    related = ("contact__location", "contact__guardian", "booking__service", "booking__practitioner")
    for task in ranked.select_related(*related)[:limit]:
        dice = plan.chance(task.type, task.contact and task.contact.name, clock.now())
        hands.get(task.type, _done)(world, plan, task, dice)


def _answer_questions(world: World, location: Location, limit: int) -> None:
    """Read what came in since somebody last looked; questions get an answer."""
    unseen = Conversation.objects.filter(location=location, last_inbound_at__isnull=False).filter(
        Q(seen_at__isnull=True) | Q(seen_at__lt=F("last_inbound_at"))
    )
    for conversation in unseen.select_related("contact__location").order_by("last_inbound_at")[:limit]:
        said = conversation.messages.filter(direction=Direction.INBOUND).order_by("-pk").first()
        words = said.body if said is not None and said.intent == "question" else ""
        answer = next((text for word, text in ANSWERS.items() if word in words), "")
        if answer:
            world.answer(conversation.contact, answer)
        else:
            message_services.mark_seen(conversation_id=conversation.pk)


# Tasks


def _done(
    world: World, plan: Plan, task: Task, dice: Random, *, outcome: str = "success", notes: str = ""
) -> None:
    services.complete_task(task.pk, outcome=outcome, notes=notes, cause=_cause(world, task))


def _call(world: World, plan: Plan, task: Task, dice: Random) -> None:
    outcome = dice.choices([name for name, _ in CALLS], [weight for _, weight in CALLS])[0]
    _done(world, plan, task, dice, outcome=outcome)
    contact, booking = task.contact, task.booking
    if outcome != "connected" or contact is None:
        return
    if task.type in (Task.Type.WELCOME_CALL, Task.Type.CONFIRMATION_CALL):
        if booking is not None:
            # What was done earlier in this round may have been about the same visit.
            booking.refresh_from_db(fields=["status", "appointment_datetime"])
        if booking is not None and _confirmable(booking) and dice.random() < 0.7:
            booking_services.confirm_booking(booking_id=booking.pk, cause=_cause(world, task))
    elif dice.random() < REBOOKS.get(Task.Type(task.type), 0):
        _book_anew(world, plan, task, dice)


def _confirmable(booking: Booking) -> bool:
    return (
        booking.status in STANDING
        and booking.status != "confirmed"
        and booking.appointment_datetime > clock.now()
    )


def _book_anew(world: World, plan: Plan, task: Task, dice: Random) -> None:
    """They are glad that somebody called, and take the next time that suits."""
    assert task.contact is not None
    if Booking.objects.live(clock.now()).filter(contact=task.contact).exists():
        return
    diary = plan.diaries[task.contact.location.code]
    service = task.booking.service.name if task.booking is not None else "Skin cancer check"
    day = task.contact.location.local(clock.now()).date() + timedelta(days=dice.randint(4, 9))
    for _ in range(5):
        if actions.book(world, task.contact, service, diary.book(day, service)) is not None:
            return


def _write(world: World, plan: Plan, task: Task, dice: Random) -> None:
    if task.contact is not None:
        world.answer(task.contact, HELLO)
    _done(world, plan, task, dice)


def _ask_for(template: str, stage: str) -> Callable[[World, Plan, Task, Random], None]:
    """Ask for a review or a referral: by text where the patient agreed to such texts at the desk."""

    def ask(world: World, plan: Plan, task: Task, dice: Random) -> None:
        contact, cause = task.contact, _cause(world, task)
        if contact is None or dice.random() < 0.6:
            _done(world, plan, task, dice, outcome="not_needed", notes="Better not to ask this time.")
            return
        if contact.reach_phone and dice.random() < 0.7:
            contact_services.set_consent(
                location_id=contact.location_id, address=contact.reach_phone, channel="sms", purposes=["marketing"],
                state="granted", basis="form", wording="You may text me about reviews and offers.", source="desk",
                cause=cause, contact_id=contact.pk,
            )  # fmt: skip
        message_services.send_text(
            contact_id=contact.pk, template=template, cause=cause, key=f"demo:{task.pk}"
        )
        if contact.current_pipeline == "post_appointment":
            contact_services.move_stages([StageMove(contact.pk, "post_appointment", stage, cause=cause)])
        _done(world, plan, task, dice)
        if template == "review_request" and dice.random() < 0.5:
            review = NewTouchpoint(contact.pk, "review_received", source="google", cause=cause)
            contact_services.log_touchpoints([review])

    return ask


def _record(world: World, plan: Plan, task: Task, dice: Random) -> None:
    """Recording what became of the visit closes the task by itself."""
    assert task.booking_id is not None
    outcome = "attended" if dice.random() < 0.85 else "no_show"
    booking_services.record_outcome(booking_id=task.booking_id, outcome=outcome, cause=_cause(world, task))


def _not_one(world: World, plan: Plan, task: Task, dice: Random) -> None:
    _done(world, plan, task, dice, outcome="not_needed", notes="Two people of one family.")


def _by_phone(world: World, plan: Plan, task: Task, dice: Random) -> None:
    _done(world, plan, task, dice, notes="A landline: we call instead.")


def _reply(world: World, plan: Plan, task: Task, dice: Random) -> None:
    if task.contact is not None:
        world.answer(task.contact, WHICH)
    _done(world, plan, task, dice)


def _move_apart(world: World, plan: Plan, task: Task, dice: Random) -> None:
    """Of two visits at one time one is moved to the next day that has room."""
    booking = task.booking
    if booking is not None and _confirmable(booking) and task.contact is not None:
        diary = plan.diaries[task.contact.location.code]
        day = task.contact.location.local(booking.appointment_datetime).date() + timedelta(days=1)
        doctor = booking.practitioner.name if booking.practitioner is not None else ""
        slot = diary.book(day, booking.service.name, practitioner=doctor)
        booking_services.reschedule_booking(
            booking_id=booking.pk, appointment_datetime=slot.start, cause=_cause(world, task)
        )
    _done(world, plan, task, dice)


def _cause(world: World, task: Task) -> Cause:
    code = next(code for code, location in world.locations.items() if location.pk == task.location_id)
    return world.staff(code)


HANDS: dict[str, Hand] = {
    **dict.fromkeys(sorted(Task.CALL_TYPES), _call),
    Task.Type.SMS_FOLLOWUP: _write,
    Task.Type.REVIEW_REQUEST: _ask_for("review_request", "review_requested"),
    Task.Type.REFERRAL_INVITE: _ask_for("referral_invite", "referral_invited"),
    Task.Type.RECORD_OUTCOME: _record,
    Task.Type.DUPLICATE_CHECK: _not_one,
    Task.Type.DELIVERY_PROBLEM: _by_phone,
    Task.Type.REPLY_NEEDED: _reply,
    Task.Type.RECONCILE: _move_apart,
}
