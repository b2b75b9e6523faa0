"""Keeping every contact's warmness equal to what its rows say.

`contacts.scoring` decides; here the rows are loaded and the scores stored, as sets. A score changes with a
touchpoint, an adjustment, the source or the intent; and, by the clock alone, 24 hours after a lead came in
that nobody answered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from contacts import events, scoring
from contacts.commands import WarmnessAdjustment
from contacts.locks import contacts_for_update
from contacts.models import Contact, ScoringTable, Touchpoint, WarmnessDelta, WarmnessHistory
from core import clock, work
from core import events as log
from core.causes import Cause
from core.events import NewEvent
from core.work import NewWork

FIRST_CONTACT_DUE = "contacts.first_contact_due"
CHECK_SIZE = 2000


@dataclass(frozen=True)
class Difference:
    """A contact whose stored score is not what its rows say."""

    contact_id: int
    stored: int
    recomputed: int


def weights_of(location_ids: Iterable[int]) -> dict[int, scoring.Weights]:
    """The weights of each location: the defaults with the location's own rows over them. One query."""
    wanted = set(location_ids)
    rows: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    table = ScoringTable.objects.filter(location__in=wanted)
    for location_id, kind, key, points in table.values_list("location_id", "kind", "key", "points"):
        rows[location_id].append((kind, key, points))
    return {pk: scoring.DEFAULT_WEIGHTS.with_rows(rows[pk]) for pk in wanted}


def scored_types(weights: Iterable[scoring.Weights]) -> set[str]:
    """The types of touchpoints that may change a score."""
    types = {scoring.CLICKED, *scoring.FIRST_CONTACT_TYPES}
    return types.union(*(table.engagement for table in weights))


@dataclass(frozen=True)
class Rows:
    """What a score is made of: touchpoints that may count, and adjustments."""

    touchpoints: list[Touchpoint]
    adjustments: list[WarmnessDelta]


_TOUCH = ("contact_id", "pk", "type", "at", "cause_kind", "details")
_DELTA = ("whose", "pk", "delta", "reason", "at")


def _counting(ids: Collection[int], weights: Mapping[int, scoring.Weights]) -> QuerySet[Touchpoint]:
    return Touchpoint.objects.filter(contact__in=ids, type__in=scored_types(weights.values()))


def _adjusting(ids: Collection[int]) -> QuerySet[WarmnessDelta]:
    # Adjustments are never moved: those of whoever was merged into a contact count for it where they stand.
    people = Contact.objects.filter(Q(pk__in=ids) | Q(merged_into__in=ids)).order_by().values("pk")
    return WarmnessDelta.objects.filter(contact__in=people).annotate(
        whose=Coalesce("contact__merged_into_id", "contact_id")
    )


def load(
    contacts: Collection[Contact], weights: Mapping[int, scoring.Weights]
) -> dict[int, scoring.WarmnessInputs]:
    """What the scores of these contacts depend on, by contact id. Two queries."""
    ids = [contact.pk for contact in contacts]
    touches = _counting(ids, weights).values_list(*_TOUCH)
    return _inputs(contacts, touches, _adjusting(ids).values_list(*_DELTA))


def _inputs(
    contacts: Collection[Contact], touchpoints: Iterable[Any], adjustments: Iterable[Any]
) -> dict[int, scoring.WarmnessInputs]:
    touches: dict[int, list[scoring.Touch]] = defaultdict(list)
    for contact_id, pk, kind, at, cause_kind, details in touchpoints:
        message, by_scanner = str(details.get("message", "")), bool(details.get("by_scanner", False))
        touches[contact_id].append(scoring.Touch(pk, kind, at, cause_kind, message, by_scanner))
    deltas: dict[int, list[scoring.Adjustment]] = defaultdict(list)
    for contact_id, pk, delta, reason, at in adjustments:
        deltas[contact_id].append(scoring.Adjustment(pk, delta, reason, at))
    return {
        contact.pk: scoring.WarmnessInputs(
            intent=contact.intent, source=contact.source, touches=touches[contact.pk],
            adjustments=deltas[contact.pk], lead_at=contact.lead_at,
        )
        for contact in contacts
    }  # fmt: skip


Weights = Mapping[int, scoring.Weights]


def scores(
    contacts: Collection[Contact], *, at: datetime, weights: Weights | None = None
) -> dict[int, scoring.Score]:
    """The explained scores of these contacts at a moment, by contact id. Three queries; nothing is written.

    For a past moment the rows of that time count, with today's intent, source and weights. `weights` saves a
    query for who has them.
    """
    if weights is None:
        weights = weights_of(contact.location_id for contact in contacts)
    inputs = load(contacts, weights)
    return {
        contact.pk: scoring.warmness(inputs[contact.pk], now=at, weights=weights[contact.location_id])
        for contact in contacts
    }


def explain(contact: Contact) -> tuple[scoring.Score, Rows]:
    """The contact's score now with every part, and the rows behind it. Three queries."""
    weights = weights_of([contact.location_id])
    rows = Rows(list(_counting([contact.pk], weights)), list(_adjusting([contact.pk])))
    touches = ([getattr(row, name) for name in _TOUCH] for row in rows.touchpoints)
    deltas = ([getattr(row, name) for name in _DELTA] for row in rows.adjustments)
    inputs = _inputs([contact], touches, deltas)[contact.pk]
    return scoring.warmness(inputs, now=clock.now(), weights=weights[contact.location_id]), rows


def rescore(
    contacts: Mapping[int, Contact],
    causes: Mapping[int, Cause],
    weights: Weights | None = None,
    *,
    tell: bool = True,
) -> None:
    """Bring the stored scores of locked contacts up to date; each crossing upwards is told once, if `tell`."""
    now = clock.now()
    history, crossed, moved = [], [], []
    present = [contact for contact in contacts.values() if contact.merged_into_id is None]
    for pk, score in scores(present, at=now, weights=weights).items():
        contact, previous = contacts[pk], contacts[pk].warmness_score
        if score.value == previous:
            continue
        contact.warmness_score, contact.updated_at = score.value, now
        moved.append(contact)
        history.append(_history(contact, score, now))
        if tell:
            crossed += _crossings(contact, previous, score.value, causes[pk])
    if moved:
        Contact.objects.bulk_update(moved, ["warmness_score", "updated_at"])
        WarmnessHistory.objects.bulk_create(history)
        log.record_many(crossed)


def _history(contact: Contact, score: scoring.Score, now: datetime) -> WarmnessHistory:
    return WarmnessHistory(
        contact=contact, location_id=contact.location_id, score=score.value, parts=score.points(), at=now
    )


def _crossings(contact: Contact, previous: int, score: int, cause: Cause) -> list[NewEvent]:
    return [
        NewEvent(
            type=events.WARMNESS_THRESHOLD,
            cause=cause,
            location_id=contact.location_id,
            contact_id=contact.pk,
            data={"threshold": passed.threshold, "score": passed.score, "previous": passed.previous},
        )
        for passed in scoring.crossings(previous, score)
    ]


@transaction.atomic
def recalculate_warmness(contact_ids: Iterable[int], *, cause: Cause) -> list[Contact]:
    """Compute and store the scores of these contacts, as a set."""
    contacts = contacts_for_update(contact_ids)
    rescore(contacts, dict.fromkeys(contacts, cause))
    return list(contacts.values())


@transaction.atomic
def adjust_warmness(adjustments: Sequence[WarmnessAdjustment]) -> list[WarmnessDelta]:
    """Add points to (or take them from) scores, as a set.

    Each is a row, so a recalculation never loses it.
    """
    contacts = contacts_for_update(item.contact_id for item in adjustments)
    now = clock.now()
    rows = WarmnessDelta.objects.bulk_create(
        WarmnessDelta(
            contact_id=item.contact_id, location_id=contacts[item.contact_id].location_id, delta=item.delta,
            reason=item.reason[:120], at=now, cause_kind=item.cause.kind, cause_id=str(item.cause.id),
        )
        for item in adjustments
    )  # fmt: skip
    rescore(contacts, {item.contact_id: item.cause for item in adjustments})
    return rows


def expect_first_contact(contacts: Iterable[Contact]) -> None:
    """Look at these leads again 24 hours after they came in:
    silence costs points, and no row will tell of it.
    """
    work.enqueue_many([
        NewWork(
            handler=FIRST_CONTACT_DUE, location_id=contact.location_id, subject=f"contact:{contact.pk}",
            due_at=contact.lead_at + scoring.UNANSWERED,
            dedupe_key=f"first-contact:{contact.pk}:{contact.lead_at:%Y%m%d%H%M%S}",
        )
        for contact in contacts
        if contact.lead_at is not None
    ])  # fmt: skip


def differences(location_id: int | None = None) -> Iterator[Difference]:
    """Contacts whose stored score is not what their rows say; none, when all is well.

    Reads in sets of CHECK_SIZE. A contact changed meanwhile is looked at once more before it is told of.
    """
    last: int | None = 0
    while last is not None:
        found, last = _differences_after(last, location_id)
        yield from found


def _differences_after(last: int, location_id: int | None) -> tuple[list[Difference], int | None]:
    """Those of the next CHECK_SIZE contacts, and the last contact looked at; None when there are no more."""
    contacts = Contact.objects.filter(merged_into__isnull=True).order_by("pk")
    if location_id is not None:
        contacts = contacts.filter(location=location_id)
    chunk = list(contacts.filter(pk__gt=last)[:CHECK_SIZE])
    suspects = [difference.contact_id for difference in _compare(chunk)] if chunk else []
    found = _compare(list(contacts.filter(pk__in=suspects))) if suspects else []
    return found, chunk[-1].pk if len(chunk) == CHECK_SIZE else None


def _compare(contacts: list[Contact]) -> list[Difference]:
    found = scores(contacts, at=clock.now())
    return [
        Difference(contact.pk, contact.warmness_score, found[contact.pk].value)
        for contact in contacts
        if found[contact.pk].value != contact.warmness_score
    ]


def check(location_id: int, *, cause: Cause) -> list[Difference]:
    """The proof that a location's stored scores equal recomputed ones; what differs is corrected and returned."""
    found: list[Difference] = []
    last: int | None = 0
    while last is not None:
        part, last = check_part(location_id, after=last, cause=cause)
        found += part
    return found


def check_part(location_id: int, *, after: int, cause: Cause) -> tuple[list[Difference], int | None]:
    """`check` for CHECK_SIZE contacts behind the contact `after`; and behind whom to go on, None at the end."""
    found, last = _differences_after(after, location_id)
    recalculate_warmness([item.contact_id for item in found], cause=cause)
    return found, last
