"""A rule that runs by the clock, held against the hours or days of the past. Nothing is written.

A contact is looked at anew at each hour or day, as the clock's rules do, but only where the conditions have a chance
(`automation.past.stretches`) and there is something that was not met before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from automation import anchors, engine
from automation.clock_rules import anchor_facts, slot_of
from automation.engine import Outcome
from automation.handlers import happening_of
from automation.models import ClockLook, FactSnapshot, Rule, RuleRun
from automation.past import verdicts
from automation.past.journal import Moment
from automation.past.people import People
from automation.past.question import Played, Question
from automation.past.stretches import Look, Looks, Stretch
from automation.subjects import Happening, Subject
from automation.triggers import CLOCK, RULE_DUE
from automation.visit_facts import visit
from contacts.models import Contact, Touchpoint
from contacts.vocabulary import OUTBOUND
from core import localtime
from core.causes import Cause, CauseKind
from core.models import Event

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def play(question: Question, first: int, last: int) -> Played:
    """What the wording would have made of these contacts."""
    people = People(question.location, first, last, wanted=verdicts.wanted(question.text))
    seen = Looks(looks(question), question.text.conditions, people)
    clock = _ByClock(question, people, seen, _Past.of(question, first, last))
    played = Played()
    for pk in people.contacts:
        clock.follow(pk, played)
    return played


def looks(question: Question) -> list[Look]:
    """The hours or days between the question's times; those nobody looked at stand at their beginning."""
    made = ClockLook.objects.filter(
        location_id=question.location.pk, at__gte=question.since, at__lt=question.until,
        slot__startswith=f"{question.every}:",
    )  # fmt: skip
    known = {slot: Moment(at, position) for slot, at, position in made.values_list("slot", "at", "position")}
    for at in _beginnings(question):
        known.setdefault(slot_of(question.location, question.every, at), Moment(at))
    found = [Look(slot, moment) for slot, moment in known.items()]
    return sorted(found, key=lambda look: (look.moment.at, look.slot))


def _beginnings(question: Question) -> list[datetime]:
    location, found = question.location, []
    if question.every == Rule.Every.HOURLY:
        at = question.since.replace(minute=0, second=0, microsecond=0)
        while at < question.until:
            found.append(at)
            at += HOUR
    else:
        day = location.local(question.since).date()
        while (
            at := localtime.to_utc(datetime.combine(day, location.daily_at), location.zone)
        ) < question.until:
            found.append(at)
            day += DAY
    return [at for at in found if at >= question.since]


@dataclass(frozen=True)
class _Past:
    """What really came of the rule: what it had met before, when it was due, and which words were its own."""

    met: Mapping[int, set[str]]
    due: Mapping[str, tuple[Event, Moment]]
    spoke: Mapping[int, list[tuple[tuple[datetime, int], bool]]]

    @classmethod
    def of(cls, question: Question, first: int, last: int) -> _Past:
        met: dict[int, set[str]] = defaultdict(set)
        rule_id = question.text.rule_id
        if not rule_id:
            return cls(met, {}, {})
        about = {"contact_id__gte": first, "contact_id__lte": last}
        before = RuleRun.objects.filter(rule_id=rule_id, created_at__lt=question.since, **about)
        for contact_id, anchor in before.values_list("contact_id", "anchor"):
            met[contact_id].add(anchor)
        return cls(
            met, _due(question, about), _spoke(rule_id, about) if question.anchor == "outbound" else {}
        )


def _due(question: Question, about: Mapping[str, object]) -> dict[str, tuple[Event, Moment]]:
    """By the key of its event: when the rule was really due, and how things stood when that was handled."""
    start = f"rule-due:{question.text.rule_id}:"
    told = Event.objects.filter(
        type=RULE_DUE, dedupe_key__startswith=start, recorded_at__gte=question.since, **about
    )
    events = {event.pk: event for event in told}
    seen = FactSnapshot.objects.filter(event_id__in=list(events)).values_list("event_id", "at", "position")
    return {str(events[pk].dedupe_key): (events[pk], Moment(at, position)) for pk, at, position in seen}


def _spoke(rule_id: int, about: Mapping[str, object]) -> dict[int, list[tuple[tuple[datetime, int], bool]]]:
    """What went out to each contact, in order, and whether it was the rule's own doing."""
    rows = list(
        Touchpoint.objects.filter(type__in=OUTBOUND, **about).values_list(
            "contact_id", "at", "pk", "cause_kind", "cause_id"
        )
    )
    runs = {int(cause_id) for *_, kind, cause_id in rows if kind == CauseKind.RULE_RUN}
    mine = set(RuleRun.objects.filter(pk__in=runs, rule_id=rule_id).values_list("pk", flat=True))
    found: dict[int, list[tuple[tuple[datetime, int], bool]]] = defaultdict(list)
    for contact_id, at, pk, kind, cause_id in sorted(rows, key=lambda row: (row[1], row[2])):
        found[contact_id].append(((at, pk), kind == CauseKind.RULE_RUN and int(cause_id) in mine))
    return found


@dataclass(frozen=True)
class _ByClock:
    question: Question
    people: People
    looks: Looks
    past: _Past

    def follow(self, contact_id: int, played: Played) -> None:
        """Look at one contact from the first to the last hour or day."""
        met = set(self.past.met.get(contact_id, ()))
        looked, fired = False, False
        places = [self.people.position(contact_id, look.moment) for look in self.looks.all]
        for position, together in groupby(range(len(places)), key=places.__getitem__):
            standing = self.people.standing(contact_id, position)
            contact = standing.contact
            if contact is None or contact.deleted_at is not None or contact.merged_into_id is not None:
                continue
            looked = True
            numbers = list(together)
            stretch = Stretch(
                self.looks, range(numbers[0], numbers[-1] + 1), standing,
                read=lambda look, pk=contact_id: self._subject(pk, look),  # type: ignore[misc]
            )  # fmt: skip
            fired |= self._meet(contact, stretch, met, played)
        played.not_matched += looked and not fired

    def _meet(self, contact: Contact, stretch: Stretch, met: set[str], played: Played) -> bool:
        """Look at a contact for as long as nothing of it changed. Whether the rule would have run."""
        stands = self.question.anchor not in anchors.BY_TIME
        if stands and not self._occasion(contact, stretch, stretch.numbers[0], met):
            return False
        fired = False
        for number in stretch.hopeful():
            if self._look(contact, stretch, number, met, played):
                fired = True
                if stands:
                    break
        return fired

    def _subject(self, contact_id: int, look: Look) -> Subject:
        happening = Happening(
            event_id=0, type=CLOCK, location_id=self.question.location.pk, anchor="", cause=Cause.clock("look"),
            occurred_at=look.moment.at, contact_id=contact_id,
        )  # fmt: skip
        return self.people.subject(happening, {}, look.moment)

    def _occasion(self, contact: Contact, stretch: Stretch, number: int, met: set[str]) -> str:
        """The anchor at that look; empty where there is none, or it was met before."""
        at = self.looks.all[number].moment.at
        ahead = next(iter(stretch.standing.live(at)), None)
        known = anchor_facts(
            contact, None if ahead is None else visit(ahead), self.question.location.local(at).date(),
            answered=not self._spoke_last(contact),
        )  # fmt: skip
        anchor = anchors.anchor(self.question.anchor, known)
        return "" if anchor in met else anchor

    def _look(self, contact: Contact, stretch: Stretch, number: int, met: set[str], played: Played) -> bool:
        question, look = self.question, self.looks.all[number]
        at = look.moment.at
        anchor = self._occasion(contact, stretch, number, met)
        if not anchor:
            return False
        subject = stretch.subject(number)
        if engine.plan_run(subject, question.text, now=at).outcome is not Outcome.MATCHED:
            return False
        booking_id = subject.visit_id if question.anchor == "booking" else None
        told = self.past.due.get(f"rule-due:{question.text.rule_id}:{anchor}:{look.slot}")
        if told is not None:
            event, moment = told
            happening = happening_of(event)
        else:
            moment = look.moment
            happening = Happening(
                event_id=0, type=RULE_DUE, location_id=question.location.pk, anchor=anchor,
                cause=Cause.clock(question.every), occurred_at=at, contact_id=contact.pk, booking_id=booking_id,
            )  # fmt: skip
        subject = self.people.subject(happening, {}, moment)
        plan = engine.plan_run(subject, question.text, now=moment.at)
        if plan.outcome is Outcome.NOT_MATCHED:
            return False
        met.add(anchor)
        played.verdicts.append(verdicts.verdict(question, self.people, plan, subject, {}, moment.at))
        return True

    def _spoke_last(self, contact: Contact) -> bool:
        """Whether the last thing that had gone out was the rule's own doing."""
        words = self.past.spoke.get(contact.pk)
        if not words or contact.last_outbound_at is None:
            return False
        count = bisect_right(words, (contact.last_outbound_at, NEWEST), key=lambda word: word[0])
        return bool(count) and words[count - 1][1]


NEWEST = 2**63 - 1
