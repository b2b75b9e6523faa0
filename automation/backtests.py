"""Trying a rule on the past: who would have got what in the last days, beside what the rule says now.

    test = ask(location=here, rule=rule, wording=wording, days=90, author=me, cause=cause)
    cancel(test.pk, cause=cause)

It is played part by part, each by a work item of its own. A part is read and decided in a READ ONLY transaction, so
that the database itself refuses to write or to send; what came out is stored afterwards, together with the item of the
next part. Who dies in between leaves nothing half done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection, transaction

from accounts.models import Location, User
from automation import backtest_figures, drafts, rulebook, services, triggers
from automation.backtest_figures import Figures, Met
from automation.backtest_models import MOST_DAYS, BackTest, BackTestHit
from automation.backtest_texts import texts_of
from automation.engine import Outcome, RuleText
from automation.events import BACK_TEST_ASKED, BACK_TEST_CANCELLED, BACK_TEST_ENDED
from automation.models import Rule, RuleDraft
from automation.past import play as past
from automation.past.question import Question, Verdict
from contacts import merging
from core import clock, work
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from core.events import EventType, record
from core.models import Work

logger = logging.getLogger(__name__)

PART = "automation.back_test_part"
#: Of each rule, or draft of a new one, so many are kept, and those that go on.
KEPT = 5
#: Of each test, so many occasions are stored; those beyond are counted only.
MOST_HITS = 5_000
#: What makes two wordings one: their name, priority and short name change nothing of what they do.
MATTERS = ("trigger", "every", "anchor", "conditions", "actions")

#: Parts that are texts, and the most characters a rule has room for.
_TEXTS: dict[str, int] = {
    name: getattr(Rule._meta.get_field(name), "max_length", None) or 0
    for name in ("name", "key", "trigger", "every", "anchor")
}

State, Alone = BackTest.State, BackTest.Alone
_GOING = (State.WAITING, State.RUNNING)


# Asking


@transaction.atomic
def ask(
    *, location: Location, wording: Mapping[str, Any], author: User | None, cause: Cause, rule: Rule | None = None,
    draft: RuleDraft | None = None, days: int = MOST_DAYS,
) -> BackTest:  # fmt: skip
    """Begin to try a wording of a rule, or of the draft of a new one, on the last so many days.

    The same question, beside the same live rule, asked again while it is being answered finds the first one; one that
    is stuck is ended, and asked anew. Of those that have ended, older ones than the newest five are deleted. Raises
    Invalid by path for a wording that is not finished, or for days that are not 1 to 90.
    """
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(
            f"Give a number of days from 1 to {MOST_DAYS}.", code="days", fields={"days": "not from 1 to 90."}
        )
    wanted = _plain(wording)
    services.check(location, drafts.input_of(wanted, Rule.Mode.LIVE))
    _hold(rule, draft)
    live, alone = _beside(wanted, rule)
    mine = BackTest.objects.filter(rule=rule, draft=draft)
    for going in mine.filter(state__in=_GOING, days=days):
        if (going.wording, going.live, going.alone) == (wanted, live, alone):
            if not is_stuck(going):
                return going
            _give_up(going.pk, cause)
    until = clock.now()
    test = BackTest.objects.create(
        location=location, rule=rule, draft=draft, wording=wanted, live=live, alone=alone, days=days,
        since=until - timedelta(days=days), until=until, author=author,
    )  # fmt: skip
    old = list(mine.order_by("-pk").values_list("pk", flat=True)[KEPT:])
    mine.filter(pk__in=old).exclude(state__in=_GOING).delete()
    _enqueue(test)
    _tell(BACK_TEST_ASKED, test, cause, days=days)
    return test


def _plain(wording: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a wording, empty texts as a rule holds them. Raises Invalid for what no rule could hold there."""
    wanted = {name: wording.get(name) for name in drafts.PARTS}
    wrong = {}
    for name, longest in _TEXTS.items():
        value = wanted[name] or ""
        if not isinstance(value, str):
            wrong[name] = ["this must be a text."]
        elif len(value) > longest:
            wrong[name] = [f"use {longest} characters at most."]
        wanted[name] = value
    if wrong:
        where, what = next(iter(wrong.items()))
        raise Invalid(f"{where}: {what[0]}", code="invalid_rule", fields=wrong)
    return wanted


def _hold(rule: Rule | None, draft: RuleDraft | None) -> None:
    """Two who ask at once ask one after the other."""
    if rule is not None:
        Rule.objects.select_for_update(no_key=True, of=("self",)).get(pk=rule.pk)
    elif (
        draft is None or RuleDraft.objects.select_for_update(no_key=True).filter(pk=draft.pk).first() is None
    ):
        raise NotFound("That draft is gone: somebody published or discarded it.")


def _give_up(test_id: int, cause: Cause) -> None:
    """End one that is stuck."""
    test = _locked(test_id)
    if test is not None and test.is_going:
        _end(test, State.FAILED)
        _tell(BACK_TEST_ENDED, test, cause, state=test.state)


def _beside(wanted: Mapping[str, Any], rule: Rule | None) -> tuple[dict[str, Any] | None, str]:
    """What the rule says now, to be compared; else why it cannot be."""
    if rule is None:
        return None, Alone.NEW
    live = drafts.wording_of(rule)
    if all(live[name] == wanted[name] for name in MATTERS):
        return None, Alone.SAME
    if (live["trigger"], live["anchor"]) != (wanted["trigger"], wanted["anchor"]):
        return None, Alone.OTHER_START
    try:
        rulebook.parse(live["trigger"], live["conditions"], live["actions"])
    except Invalid:
        return None, Alone.UNREADABLE
    return live, Alone.COMPARED


@transaction.atomic
def cancel(test_id: int, *, cause: Cause) -> BackTest:
    """Stop it; what was played stays. Twice is a no-op. Raises Conflict when it has ended already."""
    test = _locked(test_id)
    if test is None:
        raise NotFound("That back-test is gone: newer ones took its place.")
    if test.state == State.CANCELLED:
        return test
    if not test.is_going:
        raise Conflict("It has ended already; nothing is left to stop.", code="ended")
    work.cancel([_key(test)])
    _end(test, State.CANCELLED)
    _tell(BACK_TEST_CANCELLED, test, cause)
    return test


def _locked(test_id: int) -> BackTest | None:
    rows = BackTest.objects.select_for_update(no_key=True, of=("self",)).select_related("location")
    return rows.filter(pk=test_id).first()


def _end(test: BackTest, state: BackTest.State) -> None:
    test.state, test.finished_at = state, clock.now()
    test.save()


def subject_of(test: BackTest) -> str:
    """Of its work items."""
    return f"back_test:{test.pk}"


def is_stuck(test: BackTest) -> bool:
    """Whether a part was tried in vain too often, so that it waits for whoever looks after the system."""
    items = Work.objects.filter(handler=PART, subject=subject_of(test), state=Work.State.PARKED)
    return test.is_going and items.exists()


def _key(test: BackTest) -> str:
    return f"{subject_of(test)}:{test.parts_done}"


def _enqueue(test: BackTest) -> None:
    work.enqueue(
        PART, location_id=test.location_id, subject=subject_of(test), dedupe_key=_key(test),
        args={"back_test": test.pk, "part": test.parts_done},
    )  # fmt: skip


def _tell(type: EventType, test: BackTest, cause: Cause, **data: Any) -> None:
    record(
        type, cause=cause, location_id=test.location_id, data={"back_test": str(test.public_id), **data},
        source="user" if cause.kind == "user" else "system",
    )  # fmt: skip


# Playing


@work.handler(PART)
def play_parts(items: list[Work]) -> None:
    """Play the next part of a test, unless it was stopped meanwhile."""
    for item in items:
        go_on(item.args["back_test"], item.args["part"])


@transaction.atomic
def go_on(test_id: int, number: int) -> BackTest | None:
    """Play this part of a test and line up the next; the test as it then stands, None when it is gone.

    Does nothing for a part that is played already, or of a test that was stopped, also while the part was played.
    """
    test = BackTest.objects.select_related("location").filter(pk=test_id).first()
    if test is None or not test.is_going or test.parts_done != number:
        return test
    try:
        with read_only():
            parts = test.parts or _parts(test)
            found = _Found(test, parts[number]) if number < len(parts) else None
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # A deadlock, a lost connection, a worker out of time: all of it again.
    except Exception as error:
        logger.error("back-test failed", extra={"back_test": test_id, "error": work.describe(error)})
        return _settle(test_id, number, lambda row: _end(row, State.FAILED))

    def store(row: BackTest) -> None:
        row.parts = parts
        if found is not None:
            found.store(row)
            row.parts_done += 1
        if row.parts_done < len(parts):
            row.state = State.RUNNING
            row.save()
            _enqueue(row)
        else:
            _end(row, State.DONE)

    return _settle(test_id, number, store)


def _parts(test: BackTest) -> list[list[int]]:
    wordings = [test.wording] if test.live is None else [test.wording, test.live]
    return [list(part) for part in past.parts(*(question_of(test, wording) for wording in wordings))]


def _settle(test_id: int, number: int, change: Any) -> BackTest | None:
    """Change the test, unless it was stopped, deleted or played on by another meanwhile."""
    row = _locked(test_id)
    if row is None or not row.is_going or row.parts_done != number:
        return row
    change(row)
    if not row.is_going:
        _tell(BACK_TEST_ENDED, row, Cause.system("back_test"), state=row.state)
    return row


@contextmanager
def read_only() -> Iterator[None]:
    """Within it the database refuses every write; around it the caller's transaction may go on writing."""
    with transaction.atomic(), connection.cursor() as cursor:
        # PostgreSQL gives the outer transaction its own mode back when the savepoint ends.
        cursor.execute("SET TRANSACTION READ ONLY")
        yield


def question_of(test: BackTest, wording: Mapping[str, Any]) -> Question:
    """What is asked of the past with one of the test's two wordings. Raises Invalid for one that cannot be read."""
    node, steps = rulebook.parse(wording["trigger"], wording["conditions"], wording["actions"])
    text = RuleText(
        test.rule_id or 0, 0, wording["key"] or "draft", wording["name"], wording["priority"], node, steps
    )
    return Question(
        location=test.location, text=text, trigger=wording["trigger"], since=test.since, until=test.until,
        every=wording["every"] or "", anchor=wording["anchor"] or "",
    )  # fmt: skip


class _Found:
    """What one part of the past came to, by either wording."""

    def __init__(self, test: BackTest, part: Sequence[int]) -> None:
        question = question_of(test, test.wording)
        tried, draft_figures = _played(question, part)
        beside = question_of(test, test.live) if test.live is not None else None
        now, live_figures = _played(beside, part) if beside is not None else ([], {})
        self.met = backtest_figures.compare(question, tried, beside, now)
        self.times = _times(tried)
        self.figures: Figures = {"draft": draft_figures}
        if beside is not None:
            self.figures |= {"live": live_figures, "diff": backtest_figures.diff_of(self.met)}

    def store(self, test: BackTest) -> None:
        """Add the figures to the test's, and keep its occasions as far as there is room. Does not save the test."""
        room = max(0, MOST_HITS - test.figures.get("kept", 0))
        kept = self.met[:room]
        BackTestHit.objects.bulk_create([self._hit(test, met) for met in kept], batch_size=1000)
        backtest_figures.add(test.figures, self.figures)
        backtest_figures.add(test.figures, {"kept": len(kept), "beyond": len(self.met) - len(kept)})

    def _hit(self, test: BackTest, met: Met) -> BackTestHit:
        verdict = met.verdict
        return BackTestHit(
            test=test, by=met.by, outcome=str(verdict.outcome), anchor=verdict.anchor, contact_id=verdict.contact_id,
            booking_id=verdict.booking_id, at=verdict.at, reason=verdict.reason, steps=met.steps,
            live_steps=met.live_steps, times=self.times.get(verdict.contact_id or 0, 0),
        )  # fmt: skip


def _played(question: Question, part: Sequence[int]) -> tuple[list[Verdict], Figures]:
    first, last = part
    played = past.play(question, (first, last))
    texts = texts_of(question, played.verdicts)
    return played.verdicts, backtest_figures.figures_of(question, played, texts)


def _times(verdicts: Sequence[Verdict]) -> dict[int, int]:
    """On how many occasions the wording would have run, by contact."""
    found: dict[int, int] = {}
    for verdict in verdicts:
        if verdict.outcome is Outcome.MATCHED and verdict.contact_id is not None:
            found[verdict.contact_id] = found.get(verdict.contact_id, 0) + 1
    return found


def is_by_clock(test: BackTest) -> bool:
    """Whether it is a rule that runs by the clock."""
    return bool(test.wording["trigger"] == triggers.CLOCK)


def connect() -> None:
    """Called when the app is ready. When two people become one, what was found for either stays with it."""
    merging.movers.register("automation.backtesthit", merging.stays)
