"""Random sequences of merge, change, message, visit and undo, beside a model that holds nothing but lists.

After each step every row is with the contact the model says, none is with a merged one, and none is gone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from contacts import services, warmness
from contacts.merge_models import ContactMerge
from contacts.models import Contact, Touchpoint
from core.errors import Conflict
from messaging.models import Message
from tests.factories.contacts import CAUSE, log, make_contact
from tests.harness.tiers import tiers
from tests.merging.test_what_hangs_on_contacts import ask, queue
from tests.messaging.conftest import NOW

FIELDS = ("notes", "language", "intent", "name")
MINUTE = timedelta(minutes=1)


@dataclass
class Record:
    """A merge as the model remembers it."""

    keep: int
    away: int
    rows: list[Any]
    before: dict[str, str]
    after: dict[str, str]


@dataclass
class Model:
    """Who has which rows and values, who was merged into whom, and the visit a row hangs on."""

    owner: dict[Any, int] = field(default_factory=dict)
    visit: dict[Any, Any] = field(default_factory=dict)
    values: dict[int, dict[str, str]] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    stack: list[Record] = field(default_factory=list)

    def live(self) -> list[int]:
        return [pk for pk in self.values if pk not in self.merged]

    def merge(self, keep: int, away: int) -> None:
        rows = [row for row, who in self.owner.items() if who == away]
        self.owner |= dict.fromkeys(rows, keep)
        before = dict(self.values[keep])
        theirs = self.values[away]
        self.values[keep] = {name: before[name] or theirs[name] for name in before} | {
            "notes": _both(before["notes"], theirs["notes"])
        }
        self.merged |= {pk: keep for pk, into in self.merged.items() if into == away} | {away: keep}
        self.stack.append(Record(keep, away, rows, before, dict(self.values[keep])))

    def legal(self) -> list[Record]:
        last = {record.keep: record for record in self.stack}
        return [record for keep, record in last.items() if keep not in self.merged]

    def undo(self, record: Record) -> None:
        self.stack.remove(record)
        gone = [row for row in record.rows if self.owner[row] == record.keep]
        self.owner |= dict.fromkeys(gone, record.away)
        hanging = [
            row for row, visit in self.visit.items() if visit in gone and self.owner[row] == record.keep
        ]
        self.owner |= dict.fromkeys(hanging, record.away)
        for name, value in self.values[record.keep].items():
            if value == record.after[name]:
                self.values[record.keep][name] = record.before[name]
        del self.merged[record.away]
        inner = {one.away for one in self.stack if self._within(one, record.away)}
        self.merged |= {pk: record.away for pk in inner if pk in self.merged}

    def _within(self, one: Record, who: int) -> bool:
        over = {r.away: r.keep for r in self.stack}
        here = one.away
        while here in over:
            here = over[here]
        return here == who


def _both(mine: str, theirs: str) -> str:
    if not theirs or theirs in mine:
        return mine
    return f"{mine}\n\n{theirs}" if mine else theirs


class Run:
    """One random sequence against the services and the model."""

    def __init__(self, seed: int, sydney: Any, book: Any, now: Any) -> None:
        self.random, self.book, self.now = random.Random(seed), book, now
        self.model, self.count = Model(), 0
        self.sydney, self.seed = sydney, seed
        for _ in range(4):
            self.add(make_contact(sydney, name=self.word("Person"), email=f"{self.word('p')}@x.au"))

    def word(self, stem: str) -> str:
        self.count += 1
        return f"{stem} {self.seed % 100_000}x{self.count}".replace(" ", "" if stem == "p" else " ")

    def add(self, contact: Contact) -> None:
        self.model.values[contact.pk] = {name: getattr(contact, name) for name in FIELDS}

    def someone(self) -> Contact:
        return Contact.objects.get(pk=self.random.choice(self.model.live()))

    def has(self, row: Any, visit: Any = None) -> None:
        key = (type(row), row.pk)
        self.model.owner[key] = row.contact_id
        if visit is not None:
            self.model.visit[key] = visit

    def edit(self) -> None:
        contact, name = self.someone(), self.random.choice(("notes", "language", "name"))
        value = self.word("n")[:12]
        services.update_contact(contact_id=contact.pk, fields={name: value}, cause=CAUSE)
        self.model.values[contact.pk][name] = value

    def touch(self) -> None:
        self.has(log(self.someone(), "form_submit"))

    def write(self) -> None:
        self.has(queue(self.someone(), "welcome_lead", self.word("key"), send_at=NOW + timedelta(days=9)))

    def task(self) -> None:
        contact = self.someone()
        self.has(ask(contact, self.random.choice(("custom", "call")), notes=self.word("t")))

    def visit(self) -> None:
        contact, self.count = self.someone(), self.count + 1
        visit = self.book(contact, at=NOW + timedelta(days=3, hours=2 * self.count))
        self.has(visit)
        kept = self.model
        key = (type(visit), visit.pk)
        if self.random.random() < 0.7:
            task = ask(Contact.objects.get(pk=kept.owner[key]), "confirmation_call", booking_id=visit.pk)
            self.has(task, visit=key)

    def of_visit(self) -> None:
        visits = [key for key in self.model.owner if key[0].__name__ == "Booking"]
        if visits:
            key = self.random.choice(visits)
            who = Contact.objects.get(pk=self.model.owner[key])
            self.has(queue(who, "reminder_24hr", self.word("r"), booking_id=key[1]), visit=key)

    def merge(self) -> None:
        live = self.model.live()
        if len(live) > 1:
            keep, away = self.random.sample(live, 2)
            services.merge_contacts(keep_id=keep, away_id=away, cause=CAUSE)
            self.model.merge(keep, away)

    def undo(self) -> None:
        legal = self.model.legal()
        for record in self.model.stack:
            if record not in legal and self.random.random() < 0.3:
                with pytest.raises(Conflict):
                    services.unmerge_contact(contact_id=record.away, cause=CAUSE)
        if legal:
            record = self.random.choice(legal)
            services.unmerge_contact(contact_id=record.away, cause=CAUSE)
            self.model.undo(record)

    def step(self) -> None:
        self.now.advance(MINUTE)
        doing = [self.edit, self.touch, self.write, self.task, self.visit, self.of_visit]
        self.random.choice([*doing, self.merge, self.merge, self.merge, self.undo, self.undo, self.undo])()

    def check(self) -> None:
        owner: dict[Any, int] = {}
        for kind in {kind for kind, _ in self.model.owner}:
            owner |= {(kind, pk): who for pk, who in kind.objects.values_list("pk", "contact_id")}
        assert {key: owner.get(key) for key in self.model.owner} == self.model.owner, self.seed
        people = Contact.objects.filter(pk__in=self.model.values)
        assert (
            dict(people.filter(merged_into__isnull=False).values_list("pk", "merged_into"))
            == self.model.merged
        ), self.seed
        for contact in people:
            found = {name: getattr(contact, name) for name in FIELDS}
            assert found == self.model.values[contact.pk], (self.seed, contact.pk)
        for kind in (Touchpoint, Message):
            assert not kind.objects.filter(contact__merged_into__isnull=False).exists(), (self.seed, kind)
        strays = Message.objects.exclude(conversation__contact=F("contact"))
        assert not strays.exists(), self.seed
        assert list(warmness.differences(self.sydney.pk)) == [], self.seed


def _run(seed: int, steps: int, *fixtures: Any) -> None:
    run = Run(seed, *fixtures)
    for _ in range(steps):
        run.step()
        run.check()
    # Everything can be undone, last first, and then everybody is there again.
    while legal := run.model.legal():
        services.unmerge_contact(contact_id=legal[0].away, cause=CAUSE)
        run.model.undo(legal[0])
        run.check()
    assert Contact.objects.live().filter(pk__in=run.model.values).count() == len(run.model.values)
    assert not ContactMerge.objects.filter(undone_at__isnull=True).exists()


def test_b10_undo_restores_after_any_sequence(sydney, book, now) -> None:
    for seed in random.sample(range(10**6), 2):
        _run(seed, 14, sydney, book, now)


@pytest.mark.parametrize("part", tiers(range(10), slow=[0]))
def test_b10_undo_restores_after_300_sequences(sydney, book, now, part) -> None:
    for seed in random.sample(range(10**6), 30):
        _run(seed, 16, sydney, book, now)
