"""What the messages of a rule tried on the past come to: worded, measured and priced as messaging does it.

An estimate: names, visits, templates and prices are those of now. What consent would have kept back is no step that was
done (`automation.past.texts`). Reads only, in a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from accounts.models import Location
from automation import actions
from automation.actions.messages import about
from automation.models import RuleRun
from automation.past.addresses import Addresses
from automation.past.question import PastStep, Question, Verdict
from bookings.models import Booking
from contacts.models import Contact
from core.causes import Cause, CauseKind
from messaging import judging, planning, queueing, rendering, safety, segments, values, wordings
from messaging.models import Channel, Message, Template
from messaging.planning import ReminderPlan
from messaging.queueing import NewMessage

OWN_WORDS = "a text of its own"
_CAUSE = Cause.system("back_test")


@dataclass(frozen=True, slots=True)
class Text:
    """One message that would have been put in line. `kept` is the code of the reason why it would not have gone, empty
    where it would; costs are in cents.
    """

    template: str
    channel: str
    segments: int = 0
    cost_cents: int = 0
    kept: str = ""


@dataclass
class _Known:
    """What the messages are worded from."""

    location: Location
    contacts: Mapping[int, Contact]
    bookings: Mapping[int, Booking]
    templates: dict[tuple[str, str], dict[str, Template]]
    addresses: Addresses
    last_visits: Mapping[int, date] = field(default_factory=dict)


def texts_of(question: Question, verdicts: Sequence[Verdict]) -> list[Text]:
    """The messages of verdicts that matched, in order. The same about the same thing goes once."""
    asked = [
        (verdict, step)
        for verdict in verdicts
        for step in verdict.steps
        if step.done
        and isinstance(step.action, actions.SendSms | actions.SendEmail | actions.ScheduleReminders)
    ]
    if not asked:
        return []
    known = _known(question.location, [verdict for verdict, _ in asked])
    messages = [
        (wish, _message(known, wish, step))
        for verdict, step in asked
        for wish in _wishes(question, known, verdict, step)
        if wish.contact_id in known.contacts
    ]
    if any("months" in rendering.placeholders(judging.words_of(message)[1]) for _, message in messages):
        known.last_visits = values.last_visits(known.contacts)
    seen = _sent_by_others(question, {wish.dedupe_key for wish, _ in messages})
    found = []
    for wish, message in messages:
        found.append(_text(known, wish, message, "duplicate" if wish.dedupe_key in seen else wish.skip))
        seen.add(wish.dedupe_key)
    return found


def _sent_by_others(question: Question, keys: Collection[str]) -> set[str]:
    """Which of these keys belong to real messages that are not the doing of the asked rule: the same goes once,
    whoever asks.
    """
    real = list(
        Message.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", "cause_kind", "cause_id")
    )
    runs = {cause_id for _, kind, cause_id in real if kind == CauseKind.RULE_RUN}
    own = RuleRun.objects.filter(pk__in=[int(pk) for pk in runs], rule_id=question.text.rule_id)
    mine = {str(pk) for pk in own.values_list("pk", flat=True)} if runs else set()
    return {
        key for key, kind, cause_id in real if key and not (kind == CauseKind.RULE_RUN and cause_id in mine)
    }


def _known(location: Location, verdicts: Sequence[Verdict]) -> _Known:
    contacts = Contact.objects.select_related("guardian").in_bulk(
        {verdict.contact_id for verdict in verdicts if verdict.contact_id is not None}
    )
    bookings = Booking.objects.select_related("practitioner").in_bulk(
        {verdict.booking_id for verdict in verdicts if verdict.booking_id is not None}
    )
    for contact in contacts.values():
        contact.location = location
    for booking in bookings.values():
        booking.location = location
    templates: dict[tuple[str, str], dict[str, Template]] = {}
    for one in Template.objects.filter(location=location):
        templates.setdefault((one.name, one.channel), {})[one.language] = one
    return _Known(location, contacts, bookings, templates, Addresses.of(contacts.values()))


def _wishes(question: Question, known: _Known, verdict: Verdict, step: PastStep) -> Iterator[NewMessage]:
    action: Any = step.action
    if isinstance(action, actions.ScheduleReminders):
        booking = known.bookings.get(verdict.booking_id or 0)
        if booking is not None:
            plan = ReminderPlan(booking.pk, action.offsets, action.templates, _CAUSE)
            yield from planning.reminder_wishes(plan, booking, step.at)
    elif verdict.contact_id is not None:
        what = about(question.trigger, verdict.booking_id, verdict.anchor)
        yield NewMessage(
            contact_id=verdict.contact_id, booking_id=verdict.booking_id, template=action.template or "",
            body=action.message or "", cause=_CAUSE, send_at=step.at,
            dedupe_key=action.once_per(what, rule_key=question.text.key, step=step.index),
            channel=Channel.EMAIL if isinstance(action, actions.SendEmail) else Channel.SMS,
            subject=getattr(action, "subject", None) or "",
        )  # fmt: skip


def _message(known: _Known, wish: NewMessage, step: PastStep) -> Message:
    contact = known.contacts[wish.contact_id]
    by_language = known.templates.get((wish.template, wish.channel), {})
    template = wordings.choose(by_language, contact.language)
    message = queueing.unsaved(
        wish, contact, template if template and template.is_active else None, now=step.at
    )
    message.booking = known.bookings.get(wish.booking_id or 0)
    return message


def _text(known: _Known, wish: NewMessage, message: Message, kept: str) -> Text:
    name = wish.template or OWN_WORDS
    _, words = judging.words_of(message)
    filled = values.for_message(
        contact=message.contact, location=known.location, booking=message.booking,
        last_visit=known.last_visits.get(message.contact_id),
    )  # fmt: skip
    address = known.addresses.phone if message.channel == Channel.SMS else known.addresses.email
    if not kept and not address(message.contact, message.created_at):
        kept = "no_number"
    if kept or not words:
        return Text(name, message.channel, kept=kept or "no_template")
    try:
        body = rendering.render(words, filled)
    except rendering.MissingValue:
        return Text(name, message.channel, kept="missing_value")
    if message.channel != Channel.SMS:
        return Text(name, message.channel)
    size = segments.measure(body).count
    price = safety.price_of(known.location)
    return Text(name, message.channel, size, segments.cost_cents(size, thousandths_per_segment=price))
