"""The other reading of conditions: as a database query over contacts (domain.md §5).

A clock rule and a segment look for contacts with it; the predicate over facts then decides. A reading
may select too many, never too few, and says whether it is exact.

Each node is read twice: `may` selects every contact whose facts could satisfy it, `must` only those whose
facts surely do. They are the same where the reading is exact, and `not` swaps them. Every leaf is
two-valued: NULL never leaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from accounts.models import Location
from automation import conditions, facts
from automation.condition_tree import All, Leaf, Moment, Node, Not
from bookings.models import Booking
from contacts.models import Contact
from tasks.models import Task

NOTHING = Q(pk__in=[])
EVERYTHING = ~NOTHING
NEXT_VISIT = "next_visit_id"


@dataclass(frozen=True)
class Reading:
    """What a tree selects: all that may satisfy it, and only what must. Exact when the two are one."""

    may: Q
    must: Q
    exact: bool


@dataclass(frozen=True)
class _Here:
    """When and where the question is asked."""

    now: datetime
    location: Location

    def bounds(self, moment: Moment) -> tuple[datetime, datetime]:
        return moment.bounds(now=self.now, zone=self.location.zone)

    def day(self, moment: Moment) -> date:
        meant = moment.resolve(now=self.now, zone=self.location.zone)
        assert not isinstance(meant, datetime)
        return meant


def candidates(node: Node, *, location: Location, now: datetime) -> tuple[QuerySet[Contact], bool]:
    """The location's contacts that may satisfy the tree, and whether the selection is exact."""
    reading = read(node, location=location, now=now)
    return base(location, now).filter(reading.may), reading.exact


def base(location: Location, now: datetime) -> QuerySet[Contact]:
    """The location's contacts, each with the id of its next visit."""
    upcoming = (
        Booking.objects.filter(contact_id=OuterRef("pk")).live(now).order_by("appointment_datetime", "pk")
    )
    return (
        Contact.objects.live()
        .filter(location=location)
        .annotate(**{NEXT_VISIT: Subquery(upcoming.values("pk")[:1])})
    )


def read(node: Node, *, location: Location, now: datetime) -> Reading:
    """A tree as a condition on `base`."""
    return _read(node, _Here(now, location))


def _read(node: Node, here: _Here) -> Reading:
    if isinstance(node, Leaf):
        found = _leaf(node, here)
        return Reading(EVERYTHING, NOTHING, False) if found is None else Reading(found, found, True)
    if isinstance(node, Not):
        inner = _read(node.part, here)
        return Reading(~inner.must, ~inner.may, inner.exact)
    parts = [_read(part, here) for part in node.parts]
    may, must = (EVERYTHING, EVERYTHING) if isinstance(node, All) else (NOTHING, NOTHING)
    for part in parts:
        may, must = (
            (may & part.may, must & part.must)
            if isinstance(node, All)
            else (may | part.may, must | part.must)
        )
    return Reading(may, must, all(part.exact for part in parts))


def _leaf(leaf: Leaf, here: _Here) -> Q | None:
    """The leaf as a two-valued condition; None when no query says the same."""
    if leaf.spec.scope == "clock":
        return _known_now(leaf, here)
    reader = _READERS.get(leaf.field)
    try:
        return None if reader is None else reader(leaf, here)
    except OverflowError:
        # A duration longer than time itself: the predicate knows.
        return None


def _known_now(leaf: Leaf, here: _Here) -> Q:
    seen = facts.clock_facts(here.location, here.now)
    verdict = conditions.evaluate(leaf, seen, now=here.now, zone=here.location.zone)
    return EVERYTHING if verdict.ok else NOTHING


def _several(leaf: Leaf) -> list[Any]:
    """The operands of a leaf, as a list also where it has but one."""
    return list(leaf.wanted) if isinstance(leaf.wanted, tuple) else [leaf.wanted]


# Readers of one field. Each answers None for an operator it has no words for.

_Reader = Callable[[Leaf, _Here], Q | None]


def _present(column: str, *, text: bool) -> Q:
    present = Q(**{f"{column}__isnull": False})
    return present & ~Q(**{column: ""}) if text else present


def _plain(column: str, *, text: bool = False) -> _Reader:
    """A column that holds the fact itself."""

    def read(leaf: Leaf, here: _Here) -> Q | None:
        present, wanted = _present(column, text=text), leaf.wanted
        if leaf.op == "exists":
            return present if wanted else ~present
        if leaf.op in ("eq", "ne"):
            same = Q(**{column: wanted})
        elif leaf.op in ("in", "not_in"):
            same = Q(**{f"{column}__in": wanted})
        elif leaf.op == "between":
            same = Q(**{f"{column}__range": wanted})
        elif leaf.op in ("gt", "gte", "lt", "lte"):
            same = Q(**{f"{column}__{leaf.op}": wanted})
        else:
            return None
        return present & ~same if leaf.op in ("ne", "not_in") else present & same

    return read


def _date(column: str) -> _Reader:
    """A column that holds a local day."""

    def read(leaf: Leaf, here: _Here) -> Q | None:
        present = _present(column, text=False)
        if leaf.op == "exists":
            return present if leaf.wanted else ~present
        if leaf.op == "between":
            low, high = _several(leaf)
            return present & Q(**{f"{column}__range": (here.day(low), here.day(high))})
        assert isinstance(leaf.wanted, Moment)
        day = here.day(leaf.wanted)
        if leaf.op == "ne":
            return present & ~Q(**{column: day})
        return present & Q(**{column if leaf.op == "eq" else f"{column}__{leaf.op}": day})

    return read


def _whole(column: str) -> _Reader:
    """A column of whole numbers. Asked about a fraction, the database would cut it off, so it is not asked."""

    def read(leaf: Leaf, here: _Here) -> Q | None:
        present, wanted = _present(column, text=False), leaf.wanted
        if leaf.op == "exists":
            return present if wanted else ~present
        if leaf.op == "between":
            low, high = _several(leaf)
            return present & Q(**{f"{column}__gte": low, f"{column}__lte": high})
        if leaf.op in _MIRRORED:
            return present & Q(**{f"{column}__{leaf.op}": wanted})
        same = Q(**{f"{column}__in": [item for item in _several(leaf) if item == int(item)]})
        return present & (same if leaf.op in ("eq", "in") else ~same)

    return read


_MIRRORED = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte"}


def _since(column: str) -> _Reader:
    """A column that holds a moment, of which the fact is the age in seconds."""

    def at(seconds: object, here: _Here) -> datetime:
        # A whole number of microseconds on either side, or the two readings part over a rounding.
        if not isinstance(seconds, int | float) or round(seconds * 1_000_000) != seconds * 1_000_000:
            raise OverflowError
        return here.now.astimezone(UTC) - timedelta(seconds=seconds)

    def read(leaf: Leaf, here: _Here) -> Q | None:
        present, wanted = _present(column, text=False), leaf.wanted
        if leaf.op == "exists":
            return present if wanted else ~present
        if leaf.op in _MIRRORED:
            return present & Q(**{f"{column}__{_MIRRORED[leaf.op]}": at(wanted, here)})
        if leaf.op == "between":
            low, high = _several(leaf)
            return present & Q(**{f"{column}__lte": at(low, here), f"{column}__gte": at(high, here)})
        moments = [at(item, here) for item in (wanted if isinstance(wanted, tuple) else (wanted,))]
        same = Q(**{f"{column}__in": moments})
        return present & same if leaf.op in ("eq", "in") else present & ~same

    return read


def _hours_ahead(leaf: Leaf, here: _Here) -> Q | None:
    """Hours from now to the visit. Whole and half hours are compared exactly; others are left to the
    predicate.
    """
    column = "appointment_datetime"
    present = _present(column, text=False)
    if leaf.op == "exists":
        return present if leaf.wanted else ~present
    wanted = leaf.wanted if isinstance(leaf.wanted, tuple) else (leaf.wanted,)
    if any(not isinstance(item, int | float) or item * 2 != int(item * 2) for item in wanted):
        return None
    moments = [here.now + timedelta(hours=item) for item in wanted if isinstance(item, int | float)]
    if leaf.op in _MIRRORED:
        return present & Q(**{f"{column}__{leaf.op}": moments[0]})
    if leaf.op == "between":
        return present & Q(**{f"{column}__range": moments})
    same = Q(**{f"{column}__in": moments})
    return present & same if leaf.op in ("eq", "in") else present & ~same


def _tags(leaf: Leaf, here: _Here) -> Q | None:
    wanted = leaf.wanted
    if leaf.op == "exists":
        # A list is known even when it is empty.
        return EVERYTHING if wanted else NOTHING
    if leaf.op == "contains":
        return Q(tags__contains=[wanted])
    if leaf.op in ("in", "not_in"):
        same = Q(tags__overlap=list(wanted))  # type: ignore[arg-type]
        return same if leaf.op == "in" else ~same
    if leaf.op in ("eq", "ne"):
        names = _several(leaf)
        same = Q(tags__contains=names, tags__contained_by=names)
        return same if leaf.op == "eq" else ~same
    return None


def _truth(condition: Callable[[_Here], Q]) -> _Reader:
    """A yes or no that every contact has."""

    def read(leaf: Leaf, here: _Here) -> Q | None:
        if leaf.op == "exists":
            return EVERYTHING if leaf.wanted else NOTHING
        holds = condition(here)
        return holds if bool(leaf.wanted) is (leaf.op == "eq") else ~holds

    return read


def _unanswered(here: _Here) -> Q:
    asked = Q(last_outbound_at__isnull=False)
    silent = Q(last_inbound_at__isnull=True) | Q(last_inbound_at__lt=F("last_outbound_at"))
    return asked & silent


def _open_tasks(leaf: Leaf, here: _Here) -> Q | None:
    """The kinds of the contact's open tasks; a list, known even when it is empty."""
    if leaf.op == "exists":
        return EVERYTHING if leaf.wanted else NOTHING
    tasks = Task.objects.filter(contact_id=OuterRef("pk"), status__in=Task.OPEN)
    if leaf.op == "contains":
        return Q(Exists(tasks.filter(type=leaf.wanted)))
    names = _several(leaf)
    if leaf.op in ("in", "not_in"):
        some = Q(Exists(tasks.filter(type__in=names)))
        return some if leaf.op == "in" else ~some
    same = ~Q(Exists(tasks.exclude(type__in=names)))
    for name in names:
        same &= Q(Exists(tasks.filter(type=name)))
    return same if leaf.op == "eq" else ~same


def _of_next_visit(reader: _Reader) -> _Reader:
    """A field of the booking: asked of the contact's next visit; without one it is missing."""

    def read(leaf: Leaf, here: _Here) -> Q | None:
        missing = leaf.op == "exists" and not leaf.wanted
        asked = leaf if not missing else Leaf(leaf.path, leaf.field, leaf.spec, "exists", True)
        wanted = reader(asked, here)
        if wanted is None:
            return None
        holds = Q(Exists(Booking.objects.filter(pk=OuterRef(NEXT_VISIT)).filter(wanted)))
        return ~holds if missing else holds

    return read


def _another_visit(here: _Here) -> Q:
    live = Booking.objects.filter(contact_id=OuterRef("pk")).live(here.now).exclude(pk=OuterRef(NEXT_VISIT))
    return Q(Exists(live))


def _other_visit(leaf: Leaf, here: _Here) -> Q | None:
    with_visit = Q(**{f"{NEXT_VISIT}__isnull": False})
    if leaf.op == "exists":
        return with_visit if leaf.wanted else ~with_visit
    another = _another_visit(here)
    return with_visit & (another if bool(leaf.wanted) is (leaf.op == "eq") else ~another)


_READERS: Mapping[str, _Reader] = {
    "warmness_score": _whole("warmness_score"),
    "intent": _plain("intent", text=True),
    "source": _plain("source", text=True),
    "current_pipeline": _plain("current_pipeline", text=True),
    "current_stage": _plain("current_stage", text=True),
    "is_existing_patient": _truth(lambda here: Q(is_existing_patient=True)),
    "is_high_risk": _truth(lambda here: Q(is_high_risk=True)),
    "tags": _tags,
    "owner": _plain("owner__email", text=True),
    "recall_due_date": _date("recall_due_date"),
    "last_touchpoint_age_seconds": _since("last_touchpoint_at"),
    "no_reply_received": _truth(_unanswered),
    "stage_age_seconds": _since("stage_entered_at"),
    "open_tasks": _open_tasks,
    "has_future_booking": _truth(lambda here: Q(**{f"{NEXT_VISIT}__isnull": False})),
    "service": _of_next_visit(_plain("service__name", text=True)),
    "service_type": _of_next_visit(_plain("service_type", text=True)),
    "urgency_level": _of_next_visit(_plain("urgency_level", text=True)),
    "practitioner": _of_next_visit(_plain("practitioner__name", text=True)),
    "status": _of_next_visit(_plain("status", text=True)),
    "outcome": _of_next_visit(_plain("outcome", text=True)),
    "payment_status": _of_next_visit(_plain("payment_status", text=True)),
    "hours_to_appointment": _of_next_visit(_hours_ahead),
    "has_other_live_booking": _other_visit,
}
