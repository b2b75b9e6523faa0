"""One tree of conditions, two readings: the query never misses whom the predicate accepts, and where it says that it is
exact the two agree."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import Location, User
from automation import clock_rules, conditions, facts, query, seeds
from automation.condition_parser import ALLOWED
from automation.subjects import Subject
from bookings.models import Booking, Practitioner, Service
from contacts import pipeline
from contacts.models import Contact
from contacts.vocabulary import Intent, Source
from tasks.models import Task
from tests.automation.conftest import NOW

TAGS = ["vip", "new", "slow", "éclair"]
SCOPES = ("contact", "booking", "clock")
AGES = [0, 1, 3600, 14400, 86400]
WORDS = ["Skin check", "skin", "Dr Lee", "DR LEE", "x", "alpha@demo.test", "y|yes"]


class People:
    """Everyone at a location, with what is known of each."""

    def __init__(self, location: Location, subjects: dict[int, Subject]) -> None:
        self.location, self.subjects = location, subjects

    def __repr__(self) -> str:
        return f"{len(self.subjects)} people"


def population(location: Location, seed: int) -> None:
    """Contacts of every kind, with and without visits, tasks, touches; some values sit right on a boundary."""
    pick = random.Random(seed)
    owner = User.objects.create_user(f"alpha{seed}@demo.test", name="Alpha")
    services = [
        Service.objects.create(location=location, name=name, service_type=kind, urgency_level=urgency)
        for name, kind, urgency in [("Skin check", "routine", "low"), ("Mole", "procedure", "high")]
    ]
    doctors = [
        None,
        *(Practitioner.objects.create(location=location, name=f"{n}") for n in ("Dr Lee", "Dr Ö")),
    ]
    for number in range(40):
        place = pick.choice(list(pipeline.STAGE_LABELS))
        contact = Contact.objects.create(
            location=location, name=f"C{number}", current_pipeline=place.pipeline, current_stage=place.stage,
            stage_entered_at=ago(pick), warmness_score=pick.choice([0, 39, 40, 69, 70, 100]),
            intent=pick.choice(["", *Intent.values]), source=pick.choice(Source.values),
            is_existing_patient=pick.random() < 0.5, is_high_risk=pick.random() < 0.5,
            tags=sorted(pick.sample(TAGS, pick.randrange(3))), owner=pick.choice([None, owner]),
            recall_due_date=pick.choice([None, NOW.date() + timedelta(days=pick.randrange(-3, 4))]),
            last_touchpoint_at=pick.choice([None, ago(pick)]), last_inbound_at=pick.choice([None, ago(pick)]),
            last_outbound_at=pick.choice([None, ago(pick)]), custom_fields=pick.choice([{}, {"size": "big"}]),
        )  # fmt: skip
        for kind in pick.sample(["call", "custom", "sms_followup"], pick.randrange(3)):
            Task.objects.create(
                location=location, contact=contact, type=kind, due_datetime=NOW, cause_kind="system", cause_id="t",
                status=pick.choice(["todo", "in_progress", "cancelled"]),
            )  # fmt: skip
        for _ in range(pick.randrange(3)):
            visit(location, contact, services, doctors, pick)
    Contact.objects.create(location=location, name="Hidden", deleted_at=NOW)


def ago(pick: random.Random) -> Any:
    return NOW - timedelta(seconds=pick.choice([*AGES, 14401, 90 * 86400]))


def visit(
    location: Location, contact: Contact, services: list[Service], doctors: list[Any], pick: random.Random
) -> None:
    at = NOW + timedelta(minutes=pick.choice([-60, -10, 0, 60, 1199, 1200, 1201, 2880]))
    service = pick.choice(services)
    Booking.objects.create(
        location=location, contact=contact, service=service, service_type=service.service_type,
        urgency_level=service.urgency_level, practitioner=pick.choice(doctors), appointment_datetime=at,
        ends_at=at + timedelta(minutes=30), overlap_accepted=True,
        status=pick.choice(["pending", "scheduled", "confirmed", "rescheduled", "cancelled"]),
        outcome=pick.choice(["none", "none", "attended"]), payment_status=pick.choice(["unpaid", "paid"]),
    )  # fmt: skip


def operand(kind: str, op: str, choices: Mapping[str, str]) -> st.SearchStrategy[Any]:
    one: st.SearchStrategy[Any]
    if kind == "number":
        one = st.sampled_from([-1, 0, 0.5, 1, 19.75, 20, 20.5, 39, 40, 69.5, 70, 100])
    elif kind == "duration":
        one = st.sampled_from([*AGES, 0.5, 14400.0000001, 1e18, -5])
    elif kind == "bool":
        one = st.booleans()
    elif kind in ("date", "datetime"):
        one = st.sampled_from(["today", "-1d", "+2d", "+1w", "2026-11-23", "2026-11-20"])
    elif kind == "list":
        one = st.sampled_from([*TAGS, "call", "custom"])
    else:
        one = st.sampled_from(sorted(choices) or WORDS)
    if op == "exists":
        return st.booleans()
    if op == "matches":
        return st.sampled_from(["y|yes", ".*", "n.*", "(routine|low)"])
    if op == "between":
        return st.tuples(one, one).map(
            lambda pair: sorted(pair) if kind in ("number", "duration") else list(pair)
        )
    if op in ("in", "not_in") or (kind == "list" and op != "contains"):
        return st.lists(one, min_size=0 if op in ("eq", "ne") else 1, max_size=3, unique=True)
    return one if op not in ("eq", "ne") else st.one_of(one, st.none())


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    known = [spec for spec in facts.registry().values() if spec.scope in SCOPES]
    spec = draw(st.sampled_from(known))
    name = {"consent.*": "consent.marketing", "custom.*": "custom.size"}.get(spec.name, spec.name)
    op = draw(st.sampled_from(ALLOWED[spec.type]))
    return {name: {op: draw(operand(spec.type, op, spec.choices))}}


TREES = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)


@pytest.fixture(params=[1, 2])
def people(request: pytest.FixtureRequest, bare: Location) -> People:
    population(bare, request.param)
    ids = list(Contact.objects.live().values_list("pk", flat=True))
    return People(bare, clock_rules.look(bare, ids, NOW))


def check(people: People, tree: dict[str, Any]) -> bool:
    location, subjects = people.location, people.subjects
    node = conditions.parse(tree, facts.registry(), scopes=SCOPES)
    accepted = {
        pk
        for pk, subject in subjects.items()
        if conditions.evaluate(node, subject.facts, now=NOW, zone=subject.zone).ok
    }
    reading = query.read(node, location=location, now=NOW)
    base = query.base(location, NOW)
    may = set(base.filter(reading.may).values_list("pk", flat=True))
    must = set(base.filter(reading.must).values_list("pk", flat=True))
    assert must <= accepted <= may, tree
    if reading.exact:
        assert must == accepted == may, tree
    return reading.exact


@settings(
    max_examples=80, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
@given(tree=TREES)
@example(tree={"not": {"no_reply_received": True}})
@example(tree={"not": {"hours_to_appointment": {"lte": 20}}})
@example(tree={"hours_to_appointment": {"between": [0, 20]}})
@example(tree={"not": {"all": [{"status": "confirmed"}, {"consent.marketing": "none"}]}})
@example(tree={"not": {"any": [{"custom.size": "big"}, {"tags": {"contains": "vip"}}]}})
@example(tree={"last_touchpoint_age_seconds": {"gte": 14400}})
@example(tree={"stage_age_seconds": {"lt": 1e18}})
@example(tree={"has_other_live_booking": False})
@example(tree={"open_tasks": {"eq": []}})
@example(tree={"open_tasks": {"ne": ["call"]}})
@example(tree={"recall_due_date": {"lte": "today"}})
def test_the_query_never_misses_whom_the_predicate_accepts(people: People, tree: dict[str, Any]) -> None:
    check(people, tree)


def test_every_delivered_clock_rule_is_read_without_missing_anybody(people: People) -> None:
    by_clock = {key: rule for key, rule in seeds.packs().items() if rule["trigger"] == "cron_check"}
    assert set(by_clock) == {"a3", "b5", "c3", "c4"}
    exact = {key for key, rule in by_clock.items() if check(people, rule["conditions"])}
    assert exact == {"b5", "c3", "c4"}, "consent, of which A3 asks, is left to the predicate"


def every_leaf() -> list[tuple[str, str]]:
    inexact = {"consent.*", "custom.*"}
    return [
        (name, op)
        for name, spec in facts.registry().items()
        if spec.scope in SCOPES and name not in inexact
        for op in ALLOWED[spec.type]
        if not (op == "matches" and spec.scope != "clock") and not (op == "contains" and spec.type == "text")
    ]


OPERANDS: dict[str, dict[str, Any]] = {
    "number": {"between": [0, 70], "in": [0, 20], "not_in": [0, 20], "": 20},
    "duration": {"between": [1, 14400], "in": [1, 3600], "not_in": [1], "": 14400},
    "date": {"between": ["-1d", "+2d"], "": "today"},
    "bool": {"": True},
    "list": {"contains": "vip", "": ["vip", "call"]},
    "text": {"in": ["Skin check"], "not_in": ["Dr Lee"], "": "Dr Lee"},
}


def test_every_comparison_that_rules_use_is_read_exactly(people: People) -> None:
    for name, op in every_leaf():
        spec = facts.registry()[name]
        if op == "exists":
            wanted: Any = True
        elif spec.type == "choice":
            first = sorted(spec.choices)[0]
            wanted = [first] if op in ("in", "not_in") else first
        else:
            wanted = OPERANDS[spec.type].get(op, OPERANDS[spec.type][""])
        assert check(people, {name: {op: wanted}}), (name, op)
        assert check(people, {"not": {name: {op: wanted}}}), (name, op)


def test_free_text_and_consent_are_left_to_the_predicate(people: People) -> None:
    for tree in (
        {"consent.marketing": "none"}, {"custom.size": "big"}, {"service": {"contains": "skin"}},
        {"current_stage": {"matches": "n.*"}}, {"stage_age_seconds": {"gt": 1e18}},
        {"hours_to_appointment": {"lt": 0.1}},
    ):  # fmt: skip
        assert not check(people, tree), tree


def test_a_query_looks_only_at_contacts_that_are_there_and_here(
    people: People,
) -> None:
    location, subjects = people.location, people.subjects
    other = Location.objects.create(name="Elsewhere", code="elsewhere")
    Contact.objects.create(location=other, name="Stranger")
    found, exact = query.candidates(conditions.All(()), location=location, now=NOW)
    assert exact
    assert set(found.values_list("pk", flat=True)) == set(subjects)
