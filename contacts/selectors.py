"""Reading contacts: the timeline, what is shown beside each contact, the board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, F, Q, QuerySet

from accounts import access
from accounts.models import Location, User
from contacts import consent, events, pipeline, scoring, search, vocabulary, warmness
from contacts.models import Consent, Contact, StageChange, Touchpoint, WarmnessDelta
from contacts.pipeline import Place
from core import clock
from core.errors import Malformed
from core.models import Event

TOUCHPOINT, STAGE, WARMNESS, CONSENT, MERGE = "touchpoint", "stage", "warmness", "consent", "merge"
_RANKS = {MERGE: -1, CONSENT: 0, WARMNESS: 1, STAGE: 2, TOUCHPOINT: 3}


@dataclass(frozen=True)
class Moment:
    """One line of a contact's timeline. `kind` says what it is of, `text` is for people, `answers` is what the
    person wrote in a form or chat."""

    kind: str
    pk: int
    at: datetime
    type: str
    text: str
    cause_kind: str
    cause_id: str
    source: str = ""
    channel: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> tuple[datetime, int, int]:
        """Where it stands in the order of a timeline."""
        return self.at, _RANKS[self.kind], self.pk

    @property
    def cursor(self) -> str:
        """Names this line, for asking what came before it."""
        return f"{self.at.isoformat()}~{self.kind}~{self.pk}"


@dataclass(frozen=True)
class Extras:
    """What is shown beside a contact and costs queries of its own:
    the explained score, and consent by channel.
    """

    warmness: scoring.Score
    consent: dict[str, dict[str, str]]


def timeline(contact: Contact, *, limit: int = 50, before: str = "") -> list[Moment]:
    """The latest moments of a contact, newest first; with `before` (a cursor) those that came before it.

    Each kind of row is read at most `limit` times through its index, so a long history costs no more than a
    short one.
    """
    cut = _cut(before) if before else None
    found: list[Moment] = []
    for kind, rows, moment in _sources(contact):
        rows = _before(rows, _RANKS[kind], cut) if cut else rows
        found += [moment(row) for row in rows.order_by("-at", "-pk")[:limit]]
    return sorted(found, key=lambda line: line.place, reverse=True)[:limit]


def merged_into(public_id: str, user: User) -> Contact | None:
    """The contact that a merged one is now, if this person may see it; None for an id of no merged contact."""
    try:
        away = access.visible(Contact, user).filter(public_id=public_id, merged_into__isnull=False)
        return access.visible(Contact, user).filter(pk__in=away.values("merged_into")).first()
    except (ValidationError, ValueError):
        return None


def _sources(contact: Contact) -> list[tuple[str, QuerySet[Any], Callable[[Any], Moment]]]:
    address = Q(contact=contact)
    # Logs are never moved: those of whoever was merged into this contact are read where they stand.
    people = Contact.objects.filter(Q(pk=contact.pk) | Q(merged_into=contact)).order_by().values("pk")
    if contact.reach_phone or contact.email:
        address |= Q(location=contact.location_id, address__in=[contact.reach_phone, contact.email])
    sources: list[tuple[str, QuerySet[Any], Callable[[Any], Moment]]] = [
        (TOUCHPOINT, Touchpoint.objects.filter(contact=contact), _of_touchpoint),
        (STAGE, StageChange.objects.filter(contact__in=people), _of_stage),
        (WARMNESS, WarmnessDelta.objects.filter(contact__in=people), _of_delta),
        (CONSENT, Consent.objects.filter(address), _of_consent),
    ]
    merges = Event.objects.filter(
        contact_id__in=people, type__in=(events.CONTACT_MERGED.name, events.CONTACT_UNMERGED.name)
    )
    sources.append((MERGE, merges.annotate(at=F("occurred_at")), _of_merge))
    return sources


def _cut(cursor: str) -> tuple[datetime, int, int]:
    try:
        at, kind, pk = cursor.split("~")
        moment = datetime.fromisoformat(at.replace(" ", "+"))
        if moment.tzinfo is None:
            raise ValueError(cursor)
        return moment, _RANKS[kind], int(pk)
    except (ValueError, KeyError):
        raise Malformed(
            "The cursor of the timeline cannot be read. Start again without it.", code="bad_cursor"
        ) from None


def _before(rows: QuerySet[Any], rank: int, cut: tuple[datetime, int, int]) -> QuerySet[Any]:
    at, cut_rank, pk = cut
    if rank < cut_rank:
        return rows.filter(at__lte=at)
    if rank > cut_rank:
        return rows.filter(at__lt=at)
    return rows.filter(at__lte=at).exclude(at=at, pk__gte=pk)


def _of_touchpoint(row: Touchpoint) -> Moment:
    text = vocabulary.LABELS.get(row.type, row.type)
    shown = {
        "source": row.source,
        "channel": row.channel,
        "details": row.details,
        "answers": row.answers or {},
    }
    return Moment(TOUCHPOINT, row.pk, row.at, row.type, text, row.cause_kind, row.cause_id, **shown)


def _of_stage(row: StageChange) -> Moment:
    there = pipeline.label(Place(row.to_pipeline, row.to_stage))
    details = {"from_stage": row.from_stage, "to_stage": row.to_stage, "reason": row.reason}
    text = f"Moved to {there}" if row.from_stage else f"Began in {there}"
    return Moment(STAGE, row.pk, row.at, "stage_moved", text, row.cause_kind, row.cause_id, details=details)


def _of_delta(row: WarmnessDelta) -> Moment:
    details = {"delta": row.delta, "reason": row.reason}
    text = f"Warmness {row.delta:+d}"
    return Moment(
        WARMNESS, row.pk, row.at, "warmness_adjusted", text, row.cause_kind, row.cause_id, details=details
    )


def _of_merge(row: Any) -> Moment:
    merged = row.type == events.CONTACT_MERGED.name
    fields = row.data["fields" if merged else "kept"]
    text = "Another record of this person was merged into this one" if merged else "A merge was undone"
    details = {"fields": fields, "moved": row.data["moved"]}
    return Moment(MERGE, row.pk, row.at, row.type, text, row.cause_kind, row.cause_id, details=details)


def _of_consent(row: Consent) -> Moment:
    details = {"channel": row.channel, "purpose": row.purpose, "state": row.state, "basis": row.basis}
    return Moment(
        CONSENT,
        row.pk,
        row.at,
        "consent_changed",
        f"Consent: {row}",
        row.cause_kind,
        row.cause_id,
        details=details,
    )


def extras(contacts: Collection[Contact]) -> dict[int, Extras]:
    """What stands beside each of these contacts, by id.

    A few queries for all of them; select `guardian` along.
    """
    scores = warmness.scores(contacts, at=clock.now())
    states: dict[int, dict[str, Any]] = {}
    for location_id in {contact.location_id for contact in contacts}:
        here = [contact for contact in contacts if contact.location_id == location_id]
        addresses = [address for c in here for address in (c.reach_phone, c.email)]
        states[location_id] = consent.consent_for(location_id, addresses)
    return {
        contact.pk: Extras(
            scores[contact.pk],
            consent.summary(contact.reach_phone, contact.email, states[contact.location_id]),
        )
        for contact in contacts
    }


def warmness_explained(contact: Contact) -> list[dict[str, Any]]:
    """Every part of the score with its lines, each with the touchpoints or adjustments behind it.

    Five queries.
    """
    score = warmness.explain(contact)
    ids = {pk for part in score.parts if part.name != "adjustments" for pk in part.rows}
    touches = {row.pk: _of_touchpoint(row) for row in Touchpoint.objects.filter(pk__in=ids)}
    adjusted = WarmnessDelta.objects.filter(Q(contact=contact) | Q(contact__merged_into=contact))
    deltas = {row.pk: _of_delta(row) for row in adjusted}
    parts = []
    for part in score.parts:
        known = deltas if part.name == "adjustments" else touches
        lines = part.lines or (scoring.Line(part.points, part.reason, part.rows),)
        shown = [
            {
                "points": line.points,
                "reason": line.reason,
                "rows": [known[pk] for pk in line.rows if pk in known],
            }
            for line in lines
        ]
        parts.append({"name": part.name, "points": part.points, "reason": part.reason, "lines": shown})
    return parts


def consent_shown(contact: Contact) -> list[dict[str, Any]]:
    """Consent as staff read it: each channel with its address and what stands for each purpose. One query."""
    states = consent.consent_for(contact.location_id, [contact.reach_phone, contact.email])
    addresses = {vocabulary.Channel.SMS: contact.reach_phone, vocabulary.Channel.EMAIL: contact.email}
    return [
        {
            "channel": vocabulary.Channel(channel).label,
            "address": addresses[vocabulary.Channel(channel)],
            "purposes": [
                {
                    "purpose": vocabulary.Purpose(purpose).label,
                    "state": state,
                    "label": vocabulary.ConsentState(state).label,
                }
                for purpose, state in purposes.items()
            ],
        }
        for channel, purposes in consent.summary(contact.reach_phone, contact.email, states).items()
    ]


def moment_of(text: str) -> datetime | None:
    """The moment a touch was written with; None where it cannot be read."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def find(contacts: QuerySet[Contact], text: str, *, locations: Collection[Location]) -> QuerySet[Contact]:
    """Those of `contacts` that match what was typed, best first; `locations` is where the person may look."""
    regions = Counter(location.region for location in locations)
    region = regions.most_common(1)[0][0] if regions else None
    return search.search(contacts, text, location_ids=[location.pk for location in locations], region=region)


def board(contacts: QuerySet[Contact]) -> list[dict[str, Any]]:
    """The pipelines with their stages and how many of these contacts stand in each."""
    counted = contacts.order_by().values_list("current_pipeline", "current_stage").annotate(count=Count("pk"))
    counts = {Place(name, stage): count for name, stage, count in counted}
    return [
        {
            "name": name,
            "label": pipeline.PIPELINE_LABELS[name],
            "count": sum(counts.get(Place(name, stage), 0) for stage in stages),
            "stages": [
                {
                    "name": stage,
                    "label": pipeline.STAGE_LABELS[Place(name, stage)],
                    "count": counts.get(Place(name, stage), 0),
                }
                for stage in stages
            ],
        }
        for name, stages in pipeline.PIPELINES.items()
    ]
