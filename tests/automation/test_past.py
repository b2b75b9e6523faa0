"""What was known in the past, and what rules make of it: as it was known, and as it really came."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Location
from automation import facts, rulebook, services, visit_facts
from automation.engine import Outcome
from automation.models import FactChange, Rule, RuleRun
from automation.past import journal
from automation.past import play as past
from automation.past.journal import Moment
from automation.past.people import People
from automation.past.question import Played, Question
from automation.subjects import Happening
from avatar_cms.simulation.play import Simulation, furnish
from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact
from core import clock
from core.clock import Frozen
from core.errors import DomainError
from core.models import Event
from tasks import services as task_services
from tasks.models import Task
from tests.automation.conftest import CAUSE, NOW, fresh
from tests.factories.bookings import make_booking, make_practitioner
from tests.factories.contacts import log, make_contact

#: How long the simulated clinics are played; a quarter is `DAYS=90`.
DAYS = int(os.environ.get("DAYS", "6"))
EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
REAL = {RuleRun.State.NOT_MATCHED: Outcome.NOT_MATCHED, RuleRun.State.STOPPED: Outcome.STOPPED}
TASK = [{"type": "create_task", "task_type": "call"}]


def ask(rule: Rule, since: datetime, until: datetime) -> Question:
    return Question(
        location=rule.location, text=rulebook.text_of(rule), trigger=rule.trigger, since=since, until=until,
        every=rule.every, anchor=rule.anchor,
    )  # fmt: skip


def played(question: Question) -> Played:
    whole = Played()
    for part in past.parts(question):
        one = past.play(question, part)
        whole.verdicts += one.verdicts
        whole.not_matched += one.not_matched
    return whole


# What was known


class Life:
    """Random doings with two people of one clinic, and what was known after each."""

    def __init__(self, clinic: Location, now: Frozen) -> None:
        self.clinic, self.now = clinic, now
        self.people = [make_contact(clinic, name=f"Person {n}", phone=f"+6141200010{n}") for n in range(2)]
        self.seen: list[tuple[Happening, Moment, dict[str, object]]] = []

    def do(self, what: str, who: int, number: int) -> None:
        contact = Contact.objects.get(pk=self.people[who].pk)
        visit = Booking.objects.filter(contact=contact).order_by("-pk").first()
        task = Task.objects.filter(contact=contact, status__in=Task.OPEN).order_by("-pk").first()
        places = (("lead_to_booking", "contacted"), ("lead_to_booking", "engaged"), ("recall", "recall_due"))
        try:
            with transaction.atomic():
                match what:
                    case "touch":
                        log(
                            contact, ("sms_sent", "sms_received", "call_attempted", "form_submit")[number % 4]
                        )
                    case "move":
                        place = places[number % 3]
                        contact_services.move_stage(
                            contact_services.StageMove(contact.pk, *place, cause=CAUSE)
                        )
                    case "tag":
                        change = contact_services.TagChange(contact.pk, (f"tag {number % 3}",), cause=CAUSE)
                        contact_services.tag_contacts([change])
                    case "recall":
                        day = NOW.date() + timedelta(days=number)
                        contact_services.set_recall_date(
                            [contact_services.RecallDate(contact.pk, day, cause=CAUSE)]
                        )
                    case "consent":
                        contact_services.set_consent(
                            location_id=self.clinic.pk, address=contact.phone, channel="sms", purposes=["marketing"],
                            state=("granted", "withdrawn")[number % 2], basis="staff", cause=CAUSE,
                        )  # fmt: skip
                    case "hide":
                        contact_services.delete_contact(contact_id=contact.pk, cause=CAUSE)
                    case "show":
                        contact_services.undo_delete(contact_id=contact.pk, cause=CAUSE)
                    case "task" if task is None:
                        Task.objects.create(
                            location=self.clinic, contact=contact, type="call", due_datetime=self.now.at,
                            cause_kind="user", cause_id="1",
                        )  # fmt: skip
                    case "complete" if task is not None:
                        task_services.complete_task(task.pk, cause=CAUSE, outcome="success")
                    case "book":
                        make_booking(contact, at=self.now.at + timedelta(hours=number), cause=CAUSE)
                    case "reschedule" if visit is not None:
                        booking_services.reschedule_booking(
                            booking_id=visit.pk, appointment_datetime=self.now.at + timedelta(hours=number),
                            cause=CAUSE,
                        )  # fmt: skip
                    case "confirm" if visit is not None:
                        booking_services.confirm_booking(booking_id=visit.pk, cause=CAUSE)
                    case "cancel" if visit is not None:
                        booking_services.cancel_booking(booking_id=visit.pk, cause=CAUSE)
                    case "attended" if visit is not None:
                        booking_services.record_outcome(booking_id=visit.pk, outcome="attended", cause=CAUSE)
                    case "merge":
                        contact_services.merge_contacts(
                            keep_id=self.people[1 - who].pk, away_id=contact.pk, cause=CAUSE
                        )
        except DomainError:
            return

    def look(self) -> None:
        """Remember what is known of each person, and of their latest visit, right now."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sequence_last_value('automation_factchange_id_seq')")
            moment = Moment(self.now.at, cursor.fetchone()[0])
        for contact in self.people:
            visit = Booking.objects.filter(contact_id=contact.pk).order_by("-pk").first()
            for booking_id in {None, None if visit is None else visit.pk}:
                happening = Happening(
                    event_id=contact.pk, type="contact_updated", location_id=self.clinic.pk, anchor="", cause=CAUSE,
                    occurred_at=self.now.at, contact_id=contact.pk, booking_id=booking_id,
                )  # fmt: skip
                known = facts.load([happening], {}, now=self.now.at, locations={self.clinic.pk: self.clinic})
                self.seen.append((happening, moment, dict(known[contact.pk].facts)))


doings = st.tuples(
    st.sampled_from(
        ["touch", "move", "tag", "recall", "consent", "hide", "show", "task", "complete", "book", "reschedule",
         "confirm", "cancel", "attended", "merge"]
    ),
    st.integers(0, 1),
    st.integers(1, 99),
)  # fmt: skip


@settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(script=st.lists(st.tuples(doings, st.sampled_from([0, 1, 3600, 86400])), min_size=1, max_size=14))
def test_what_was_known_then_is_known_later(bare: Location, now: Frozen, script: list[Any]) -> None:
    now.set(NOW)
    with transaction.atomic():
        life = Life(bare, now)
        life.look()
        for (what, who, number), seconds in script:
            now.advance(timedelta(seconds=seconds))
            life.do(what, who, number)
            life.look()
        now.advance(timedelta(days=3))
        ids = [contact.pk for contact in life.people]
        visits = set(Booking.objects.values_list("pk", flat=True))
        people = People(bare, min(ids), max(ids), wanted=facts.EVERYTHING, bookings=visits)
        for happening, moment, known in life.seen:
            assert _but_consent(people.subject(happening, {}, moment).facts) == _but_consent(known)
            if not any(other.at == moment.at and other != moment for _, other, _ in life.seen):
                by_time = people.subject(happening, {}, Moment(moment.at))
                assert _but_consent(by_time.facts) == _but_consent(known)
        transaction.set_rollback(True)


def _but_consent(known: Any) -> dict[str, object]:
    """Consent is told by the time alone, and of the number a person has at the end."""
    return {name: value for name, value in known.items() if not name.startswith("consent.")}


def test_consent_is_known_as_it_stood_for_the_number_of_the_time(bare: Location, now: Frozen) -> None:
    ann = make_contact(bare, name="Ann", phone="+61412000109")
    said = []
    for state in ("granted", "withdrawn", "granted"):
        now.advance(timedelta(hours=1))
        contact_services.set_consent(
            location_id=bare.pk, address=ann.phone, channel="sms", purposes=["marketing"], state=state,
            basis="staff", cause=CAUSE,
        )  # fmt: skip
        said.append((now.at, state))
    happening = Happening(1, "contact_updated", bare.pk, "", CAUSE, now.at, contact_id=ann.pk)
    before_that = now.advance(timedelta(hours=1))
    now.advance(timedelta(hours=1))
    contact_services.update_contact(contact_id=ann.pk, fields={"phone": "+61412000119"}, cause=CAUSE)
    people = People(bare, ann.pk, ann.pk, wanted=facts.EVERYTHING)
    for at, state in [(NOW, "none"), *said, (before_that, "granted"), (now.at, "none")]:
        assert people.subject(happening, {}, Moment(at)).facts["consent.marketing"] == state


class _Asked:
    """A row that remembers which of its own columns are looked at."""

    def __init__(self, row: Any) -> None:
        object.__setattr__(self, "row", row)
        object.__setattr__(self, "names", set())

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self.row, name)


def test_every_column_that_facts_look_at_is_in_the_journal(bare: Location, now: Frozen) -> None:
    ann = make_contact(bare, name="Ann", phone="+61412000109")
    visit = make_booking(ann, practitioner=make_practitioner(bare), cause=CAUSE)
    contact_services.tag_contacts([contact_services.TagChange(ann.pk, ("new",), cause=CAUSE)])
    booking_services.confirm_booking(booking_id=visit.pk, cause=CAUSE)
    looked: dict[str, set[str]] = {}
    for kind, row, readers in (
        ("contact", fresh(ann), facts.CONTACT_READERS), ("booking", visit, visit_facts.BOOKING_READERS),
    ):  # fmt: skip
        asked = _Asked(row)
        for read in readers.values():
            read(asked, now.at)  # type: ignore[operator]
        looked[kind] = {name for name in asked.names if hasattr(type(row), name)}
    kept = {
        kind: set(FactChange.objects.filter(kind=kind, before__isnull=False).latest("pk").before)
        for kind in looked
    }
    columns = {
        model: {field.name: field.attname for field in model._meta.concrete_fields}
        for model in (Contact, Booking)
    }
    for kind, model in (("contact", Contact), ("booking", Booking)):
        assert {columns[model][name] for name in looked[kind]} <= kept[kind]


def test_the_journal_holds_nobodys_name_number_or_words(bare: Location, now: Frozen) -> None:
    ann = make_contact(
        bare, name="Ann Secret", phone="+61412000109", email="secret@example.com", notes="secret"
    )
    contact_services.update_contact(
        contact_id=ann.pk, fields={"custom_fields": {"allergy": "secret"}, "intent": "procedure"}, cause=CAUSE
    )
    kept = str(list(FactChange.objects.values_list("before", flat=True))).casefold()
    assert "intent" in kept
    assert "secret" not in kept
    assert ann.phone not in kept


def test_old_entries_are_forgotten(bare: Location, now: Frozen) -> None:
    ann = make_contact(bare, name="Ann", phone="+61412000109")
    now.advance(journal.KEPT + timedelta(days=1))
    log(ann, "form_submit")
    young = set(FactChange.objects.filter(at=now.at).values_list("pk", flat=True))
    assert journal.forget_old() == 1
    assert set(FactChange.objects.values_list("pk", flat=True)) == young != set()
    assert journal.forget_old() == 0


# What rules make of it


def test_a_new_rule_meets_what_happened_before_it_was_written_as_it_was_then(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule]
) -> None:
    ann, ben = (
        make_contact(bare, name=name, phone=f"+6141200011{n}") for n, name in enumerate(("Ann", "Ben"))
    )
    moves = (("contacted", ann), ("contacted", ben), ("engaged", ann))
    for stage, contact in moves:
        now.advance(timedelta(days=1))
        move = contact_services.StageMove(contact.pk, "lead_to_booking", stage, cause=CAUSE)
        contact_services.move_stage(move)
        now.advance(timedelta(hours=1))
        log(contact, "form_submit")
    now.advance(timedelta(days=1))
    rule = write_rule(
        [
            *TASK,
            {"type": "add_tag", "tag": "waited", "delay_seconds": 3 * 86400,
             "conditions": {"current_stage": {"eq": "contacted"}}},
        ],
        trigger="touchpoint_logged", conditions={"current_stage": {"eq": "contacted"}},
    )  # fmt: skip
    found = played(ask(rule, NOW, now.at))
    assert [(one.contact_id, one.outcome) for one in found.verdicts] == [
        (ann.pk, Outcome.MATCHED), (ben.pk, Outcome.MATCHED),
    ]  # fmt: skip
    # Three days after her first form Ann was engaged; of Ben nobody can know yet.
    assert [[step.done for step in one.steps] for one in found.verdicts] == [[True, False], [True, False]]
    assert "engaged" in found.verdicts[0].steps[1].reason
    assert found.not_matched == Event.objects.filter(type="touchpoint_logged").count() - 2
    assert not RuleRun.objects.filter(rule=rule).exists()


def test_a_rule_by_the_clock_fires_once_for_each_occasion(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule]
) -> None:
    ann = make_contact(bare, name="Ann", phone="+61412000110")
    log(ann, "form_submit")
    now.advance(timedelta(days=4))
    log(ann, "form_submit")
    now.advance(timedelta(days=4))
    rule = write_rule(
        TASK, trigger="cron_check", every="hourly", anchor="silence",
        conditions={"last_touchpoint_age_seconds": {"gte": 2 * 86400}},
    )  # fmt: skip
    found = played(ask(rule, NOW, now.at))
    assert [one.at for one in found.verdicts] == [NOW + timedelta(days=2), NOW + timedelta(days=6)]
    assert found.not_matched == 0


def test_the_cost_of_a_part_does_not_grow_with_its_people(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule], queries: Callable[..., int]
) -> None:
    rules = [
        write_rule(TASK, trigger="touchpoint_logged", conditions={"not": {"open_tasks": {"contains": "call"}}}),
        write_rule(
            TASK, trigger="cron_check", every="daily", anchor="outbound",
            conditions={"consent.marketing": {"eq": "none"}},
        ),
    ]  # fmt: skip

    def cost() -> list[int]:
        found = []
        for rule in rules:
            question = ask(rule, NOW, now.at)
            (part,) = [part for part in past.parts(question) if part != past.NOBODY]
            found.append(queries(lambda q=question, p=part: past.play(q, p)))  # type: ignore[misc]
        return found

    def live(people: range) -> None:
        for n in people:
            contact = make_contact(bare, name=f"Person {n}", phone=f"+614120003{n:02}")
            log(contact, "sms_sent")
            make_booking(contact, cause=CAUSE)
        now.advance(timedelta(days=1))

    live(range(2))
    few = cost()
    live(range(2, 20))
    assert cost() == few
    assert max(few) <= 14


# What really came of them


class Edited(Simulation):
    """Half-way, rules are changed: what they say from then on is to be foretold by the changed wordings."""

    edited_at: datetime

    def _plan_desks(self) -> None:
        super()._plan_desks()
        self._at(self.end - timedelta(days=DAYS) / 2, self._edit)

    def _edit(self) -> None:
        # At this very moment a rule may have been met in its old wording.
        self.edited_at = clock.now() + timedelta(microseconds=1)
        for key, more in CHANGES.items():
            for rule in Rule.objects.filter(key=key).select_related("location", "current"):
                wanted = services.input_of(rule)
                conditions = {"all": [wanted.conditions, more]} if wanted.conditions else more
                services.save_rule(
                    rule.pk, wanted=services.RuleInput(**{**vars_of(wanted), "conditions": conditions}),
                    author=None, cause=CAUSE,
                )  # fmt: skip


def vars_of(wanted: services.RuleInput) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in services.RuleInput.__dataclass_fields__}


#: By rule, what it asks for more from half-way on.
CHANGES = {
    "a1": {"source": {"ne": "phone"}},
    "a3": {"warmness_score": {"gte": 20}},
    "a5": {"open_tasks": {"exists": True}},
    "b1": {"hours_to_appointment": {"gte": 48}},
    "b5": {"local_hour": {"gte": 10}},
    "b6": {"consent.care": {"ne": "withdrawn"}},
}


@pytest.mark.slow
def test_every_verdict_on_simulated_days_is_the_one_that_was_really_given(db: None) -> None:
    furnish()
    simulation = Edited(int(os.environ.get("SEED", "31")), DAYS, a_day=4)
    ended = simulation.run() + timedelta(minutes=1)
    compared = Counter[str]()
    for rule in Rule.objects.filter(is_active=True).select_related("location", "current").order_by("pk"):
        since = simulation.edited_at if rule.key in CHANGES else ended - timedelta(days=DAYS + 1)
        compared += _compare(rule, since, ended)
    print(dict(compared))
    assert compared["events"] > 20 * DAYS
    assert min(compared["clock"], compared["steps"], compared["of changed rules"]) > DAYS


def _compare(rule: Rule, since: datetime, until: datetime) -> Counter[str]:
    found = played(ask(rule, since, until))
    runs = RuleRun.objects.filter(rule=rule, created_at__gte=since).prefetch_related("actions")
    real = Counter((run.anchor, REAL.get(RuleRun.State(run.state), Outcome.MATCHED)) for run in runs)
    fired = Counter({key: n for key, n in real.items() if key[1] is not Outcome.NOT_MATCHED})
    said = Counter((one.anchor, one.outcome) for one in found.verdicts)
    assert said == fired, (rule.key, rule.location.code, said - fired, fired - said)
    taken = {(run.anchor, step.step): step.state == "done" for run in runs for step in run.actions.all()}
    foretold = {(one.anchor, step.index): step.done for one in found.verdicts for step in one.steps}
    assert foretold == taken, (rule.key, rule.location.code)
    total = said.total()
    if not rule.every:
        assert found.not_matched == (real - fired).total(), rule.key
        total = real.total()
    counted = Counter({"clock" if rule.every else "events": total, "steps": len(foretold)})
    if rule.key in CHANGES:
        counted["of changed rules"] = total
    return counted
