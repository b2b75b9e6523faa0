"""Saved segments: people found by what is known of them now, for texts to many and for lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import access
from accounts.models import Location, User
from automation import clock_rules, conditions, facts, query
from automation.condition_tree import Node, Scope
from automation.events import SEGMENT_CHANGED, SEGMENT_DELETED
from automation.models import SavedSegment
from core import clock
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from core.events import record
from messaging.audiences import Audience, audiences

PART = 500
#: People whose facts are looked at one by one for a count, where the database cannot tell alone.
LOOKED_AT = 5_000
KIND = "segment"
LONGEST_NAME = 120
CHANGED = "Somebody changed this segment meanwhile. Load the page anew and make your change again."
#: What conditions of a segment may look at.
SCOPES: tuple[Scope, ...] = ("contact",)
_REASONS: Mapping[Scope, str] = {
    "contact": "",
    "booking": "a segment is made of what is known of people; for visits ask 'has_future_booking'",
    "event": "only an event carries it, and a segment has none",
    "clock": "it depends on the time of day, and a segment is asked for at any time",
}


@dataclass(frozen=True)
class Count:
    """How many people meet conditions now. `at_least`: there are more, which were not looked at."""

    people: int
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'at least ' if self.at_least else ''}{self.people:,}"


def parse(raw: object) -> Node:
    """Conditions of a segment: as rules use them, about contacts alone. Raises Invalid by path."""
    return conditions.parse(raw, facts.registry(), scopes=SCOPES, reasons=_REASONS)


def sentence(raw: object) -> str:
    """The segment in plain words; what is wrong with it where it cannot be read."""
    try:
        node = parse(raw)
    except Invalid as error:
        return f"Cannot be read: {error.message}"
    return "Everyone." if node == conditions.All(()) else f"Everyone for whom {conditions.describe(node)}."


def members(location: Location, node: Node) -> Iterator[list[int]]:
    """Inner ids of the location's contacts that meet the conditions now, in parts, in order.

    A few queries for each part where the database cannot decide alone, one for all where it can.
    """
    now = clock.now()
    found, exact = query.candidates(node, location=location, now=now)
    ids = list(found.order_by("pk").values_list("pk", flat=True))
    if exact:
        yield ids
        return
    for start in range(0, len(ids), PART):
        looked = clock_rules.look(location, ids[start : start + PART], now)
        yield [
            pk
            for pk, subject in looked.items()
            if conditions.evaluate(node, subject.facts, now=now, zone=subject.zone).ok
        ]


def count(location: Location, node: Node) -> Count:
    """How many contacts meet the conditions now; counted no further than LOOKED_AT where each must be looked at."""
    now = clock.now()
    found, exact = query.candidates(node, location=location, now=now)
    if exact:
        return Count(found.count())
    ids = list(found.order_by("pk").values_list("pk", flat=True)[: LOOKED_AT + 1])
    looked = clock_rules.look(location, ids[:LOOKED_AT], now)
    people = sum(
        conditions.evaluate(node, subject.facts, now=now, zone=subject.zone).ok for subject in looked.values()
    )
    return Count(people, at_least=len(ids) > LOOKED_AT)


# Changing them


@transaction.atomic
def create_segment(*, location: Location, name: str, conditions: Any, cause: Cause) -> SavedSegment:
    """A new segment. Raises Invalid by path, Conflict when the location has one of that name."""
    return _save(SavedSegment(location=location), name, conditions, cause)


@transaction.atomic
def save_segment(
    segment_id: int, *, cause: Cause, name: str | None = None, conditions: Any = None, seen: str | None = None
) -> SavedSegment:
    """Change a segment's name, its conditions or both. `seen` is the moment it was last changed, as its writer knows
    it. Raises as `create_segment`; NotFound when it is gone, Conflict when somebody changed it since.
    """
    segment = SavedSegment.objects.select_for_update(no_key=True, of=("self",)).filter(pk=segment_id).first()
    if segment is None:
        raise NotFound("There is no such segment.")
    if seen is not None and seen != segment.updated_at.isoformat():
        raise Conflict(CHANGED, code="changed_meanwhile")
    return _save(
        segment,
        segment.name if name is None else name,
        segment.conditions if conditions is None else conditions,
        cause,
    )


def _save(segment: SavedSegment, name: str, raw: Any, cause: Cause) -> SavedSegment:
    segment.name = name.strip()
    if not segment.name:
        raise Invalid("Give the segment a name.", fields={"name": "Give it a name."})
    if len(segment.name) > LONGEST_NAME:
        raise Invalid(f"Give it a name of at most {LONGEST_NAME} letters.", fields={"name": "too long"})
    parse(raw)
    segment.conditions = raw
    try:
        segment.validate_constraints()
    except ValidationError as error:
        raise Conflict(
            " ".join(error.messages), code="name_taken", fields={"name": "Choose another one."}
        ) from error
    segment.save()
    _tell(SEGMENT_CHANGED, segment, cause)
    return segment


@transaction.atomic
def delete_segment(segment_id: int, *, cause: Cause) -> None:
    """Remove a segment. Texts that were sent to it keep their list of people; drafts for it cannot be sent."""
    segment = SavedSegment.objects.select_for_update(no_key=True, of=("self",)).filter(pk=segment_id).first()
    if segment is None:
        raise NotFound("There is no such segment.")
    _tell(SEGMENT_DELETED, segment, cause)
    segment.delete()


def _tell(type: Any, segment: SavedSegment, cause: Cause) -> None:
    record(
        type, cause=cause, location_id=segment.location_id, data={"segment": str(segment.public_id)},
        source="user" if cause.kind == "user" else "system",
    )  # fmt: skip


# As an audience of texts


def _choices(location: Location, user: User) -> list[tuple[str, str]]:
    rows = access.visible(SavedSegment, user).filter(location=location)
    return [(str(public_id), name) for public_id, name in rows.values_list("public_id", "name")]


def _find(location: Location, ref: str) -> tuple[str, Iterator[int]]:
    try:
        segment = SavedSegment.objects.filter(location=location, public_id=ref).first()
    except (ValidationError, ValueError):
        segment = None
    if segment is None:
        raise NotFound("There is no such segment at this location.")
    node = parse(segment.conditions)
    return segment.name, (pk for part in members(location, node) for pk in part)


def connect() -> None:
    """Let texts be sent to segments. Called from AppConfig.ready()."""
    audiences.register(KIND, Audience("Segment", _choices, _find))
