"""Holding a wording against the past: part by part, contact by contact. Nothing is written.

What happened is as it was, with all that rules did about it then; what the asked rule would itself have changed is
not played on.
"""

from __future__ import annotations

from automation import engine, facts
from automation.engine import Outcome
from automation.handlers import happening_of
from automation.models import Rule
from automation.past import by_clock, handled, verdicts
from automation.past.people import People
from automation.past.question import Played, Question
from automation.triggers import CLOCK, TRIGGERS
from contacts.models import Contact
from core.models import Event

#: People looked at together; fewer where each is looked at every hour, so that a part takes seconds.
PART, HOURLY_PART = 250, 25
#: What is about no contact.
NOBODY = (0, 0)


def parts(question: Question, *beside: Question) -> list[tuple[int, int]]:
    """Ranges of contacts to look at one by one: first and last id of each; `NOBODY` for what is about no contact.
    Each is to be asked of this question and of those beside it, which start on the same.
    """
    own = [] if question.trigger == CLOCK else [NOBODY]
    if not TRIGGERS[question.trigger].contact:
        return own
    ids = list(Contact.objects.filter(location=question.location).order_by("pk").values_list("pk", flat=True))
    hourly = any(one.every == Rule.Every.HOURLY for one in (question, *beside))
    size = HOURLY_PART if hourly else PART
    return own + [(ids[start], ids[min(start + size, len(ids)) - 1]) for start in range(0, len(ids), size)]


def play(question: Question, part: tuple[int, int]) -> Played:
    """What the wording would have made of a part of the past. A fixed number of queries."""
    if question.text.broken:
        raise ValueError(question.text.broken)
    return by_clock.play(question, *part) if question.trigger == CLOCK else _events(question, *part)


def _events(question: Question, first: int, last: int) -> Played:
    found = Event.objects.filter(
        type=question.trigger, location_id=question.location.pk, recorded_at__gte=question.since,
        recorded_at__lt=question.until,
    )  # fmt: skip
    about = found.filter(contact_id__isnull=True) if (first, last) == NOBODY else found.filter(
        contact_id__range=(first, last)
    )  # fmt: skip
    happened = list(about.order_by("pk"))
    if not happened:
        return Played()
    moments = handled.moments(happened, first, last)
    known = facts.event_facts(happened)
    people = People(
        question.location, first, last, wanted=verdicts.wanted(question.text),
        bookings={event.booking_id for event in happened if event.booking_id is not None},
    )  # fmt: skip
    live_since = question.location.live_since
    played = Played()
    for event in happened:
        moment = moments[event.pk]
        taken_over = live_since is not None and event.recorded_at < live_since <= moment.at
        happening = happening_of(event, taken_over=taken_over)
        subject = people.subject(happening, known[event.pk], moment)
        plan = engine.plan_run(subject, question.text, now=moment.at)
        if plan.outcome is Outcome.NOT_MATCHED:
            played.not_matched += 1
        else:
            played.verdicts.append(
                verdicts.verdict(question, people, plan, subject, known[event.pk], moment.at)
            )
    return played
