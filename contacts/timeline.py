"""What happened with a contact, newest first: rows of this app, and what other apps have to tell.

    timeline.sources.register("message", timeline.Source("Texts and e-mails", 4, rows, moment, resource="messages"))
    timeline.events.register("booking", timeline.Events("Visits", ("booking_created", …), words, resource="bookings"))

A source is rows with a moment `at`. Events are read from the log, those of all apps in one query; `words` gets the
events found and answers a text for each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet

from accounts import access
from accounts.models import User
from contacts import events as own_events
from contacts import pipeline, vocabulary
from contacts.models import Consent, Contact, StageChange, Touchpoint, WarmnessDelta
from contacts.pipeline import Place
from core.errors import Malformed
from core.models import Event
from core.registry import Registry

TOUCHPOINT, STAGE, WARMNESS, CONSENT, MERGE = "touchpoint", "stage", "warmness", "consent", "merge"
OWN = (TOUCHPOINT, STAGE, WARMNESS, CONSENT, MERGE)
"""The kinds that this app tells of; the timeline of the API."""

_EVENT_RANK = -1


@dataclass(frozen=True)
class Moment:
    """One line of a contact's timeline. `kind` says what it is of, `text` is for people, `answers` is what the
    person wrote in a form or chat, `body` the words of a message, `note` what else is to be known of it, `link`
    the address of its page.
    """

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
    body: str = ""
    note: str = ""
    link: str = ""

    @property
    def place(self) -> tuple[datetime, int, int]:
        """Where it stands in the order of a timeline."""
        return self.at, _rank(self.kind), self.pk

    @property
    def cursor(self) -> str:
        """Names this line, for asking what came before it."""
        return f"{self.at.isoformat()}~{self.kind}~{self.pk}"


@dataclass(frozen=True)
class Source:
    """Rows that stand in timelines. `rows` of a contact have a moment, by the name `column`; what happened in one
    moment stands in order of `rank`. `covers` are types of touchpoints that say the same and are left out beside it.
    `resource` is what a person must be allowed to read.
    """

    label: str
    rank: int
    rows: Callable[[Contact], QuerySet[Any]]
    moment: Callable[[Any], Moment]
    resource: str = "contacts"
    covers: frozenset[str] = frozenset()
    column: str = "at"


Words = Callable[[Sequence[Event]], Mapping[int, "Told"]]


@dataclass(frozen=True)
class Told:
    """An event in words, with the address of what it is about."""

    text: str
    note: str = ""
    link: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Events:
    """Events that stand in timelines: their types, and what puts a set of them into words, by the event's inner id."""

    label: str
    types: tuple[str, ...]
    words: Words
    resource: str = "contacts"
    covers: frozenset[str] = frozenset()


sources: Registry[Source] = Registry("source of timelines")
events: Registry[Events] = Registry("events of timelines")


def timeline(
    contact: Contact, *, limit: int = 50, before: str = "", kinds: Collection[str] = OWN
) -> list[Moment]:
    """The latest moments of a contact, newest first; with `before` (a cursor) those that came before it.

    Each kind of row is read at most `limit` times through its index, so a long history costs no more than a
    short one.
    """
    cut = _cut(before) if before else None
    found: list[Moment] = []
    for kind, source in sources.items():
        if kind in kinds:
            rows = _cut_off(_rows(source, kind, contact, kinds), source.rank, cut, source.column)
            found += [source.moment(row) for row in rows.order_by(f"-{source.column}", "-pk")[:limit]]
    found += _of_events(contact, [kind for kind, _ in events.items() if kind in kinds], limit, cut)
    return sorted(found, key=lambda line: line.place, reverse=True)[:limit]


def kinds_for(user: User, contact: Contact) -> dict[str, str]:
    """The kinds that this person may read about the contact, with what they are called."""
    told: list[tuple[str, Source | Events]] = [*sources.items(), *events.items()]
    return {
        kind: source.label
        for kind, source in told
        if access.allowed(user, "read", source.resource, contact.location_id)
    }


def _rank(kind: str) -> int:
    return sources.get(kind).rank if kind in sources else _EVENT_RANK


def _rows(source: Source, kind: str, contact: Contact, kinds: Collection[str]) -> QuerySet[Any]:
    rows = source.rows(contact)
    if kind == TOUCHPOINT:
        told: list[tuple[str, Source | Events]] = [*sources.items(), *events.items()]
        covered = {type for other, each in told if other in kinds for type in each.covers}
        rows = rows.exclude(type__in=covered) if covered else rows
    return rows


def _of_events(
    contact: Contact, kinds: Sequence[str], limit: int, cut: tuple[datetime, int, int] | None
) -> list[Moment]:
    kind_of = {type: kind for kind in kinds for type in events.get(kind).types}
    if not kind_of:
        return []
    rows = Event.objects.filter(contact_id__in=_people(contact), type__in=kind_of).annotate(
        at=F("occurred_at")
    )
    found = list(_cut_off(rows, _EVENT_RANK, cut).order_by("-at", "-pk")[:limit])
    told: dict[int, Told] = {}
    for kind in kinds:
        theirs = [event for event in found if kind_of[event.type] == kind]
        told |= events.get(kind).words(theirs) if theirs else {}
    return [
        Moment(
            kind_of[event.type], event.pk, event.occurred_at, event.type, told[event.pk].text, event.cause_kind,
            event.cause_id, details=dict(told[event.pk].details), note=told[event.pk].note, link=told[event.pk].link,
        )
        for event in found
        if event.pk in told
    ]  # fmt: skip


def _cut(cursor: str) -> tuple[datetime, int, int]:
    try:
        at, kind, pk = cursor.split("~")
        moment = datetime.fromisoformat(at.replace(" ", "+"))
        if moment.tzinfo is None or not (kind in sources or kind in events):
            raise ValueError(cursor)
        return moment, _rank(kind), int(pk)
    except ValueError:
        raise Malformed(
            "The cursor of the timeline cannot be read. Start again without it.", code="bad_cursor"
        ) from None


def _cut_off(
    rows: QuerySet[Any], rank: int, cut: tuple[datetime, int, int] | None, column: str = "at"
) -> QuerySet[Any]:
    if cut is None:
        return rows
    at, cut_rank, pk = cut
    if rank > cut_rank:
        return rows.filter(**{f"{column}__lt": at})
    rows = rows.filter(**{f"{column}__lte": at})
    return rows if rank < cut_rank else rows.exclude(**{column: at}, pk__gte=pk)


# What this app tells of


def _people(contact: Contact) -> QuerySet[Any, Any]:
    """Logs are never moved: those of whoever was merged into this contact are read where they stand."""
    return Contact.objects.filter(Q(pk=contact.pk) | Q(merged_into=contact)).order_by().values("pk")


def _consents(contact: Contact) -> QuerySet[Consent]:
    address = Q(contact=contact)
    if contact.reach_phone or contact.email:
        address |= Q(location=contact.location_id, address__in=[contact.reach_phone, contact.email])
    return Consent.objects.filter(address)


def of_touchpoint(row: Touchpoint) -> Moment:
    """A touchpoint as a line."""
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


def of_delta(row: WarmnessDelta) -> Moment:
    """An adjustment of warmness as a line."""
    details = {"delta": row.delta, "reason": row.reason}
    text = f"Warmness {row.delta:+d}"
    return Moment(
        WARMNESS, row.pk, row.at, "warmness_adjusted", text, row.cause_kind, row.cause_id, details=details
    )


def _of_consent(row: Consent) -> Moment:
    details = {"channel": row.channel, "purpose": row.purpose, "state": row.state, "basis": row.basis}
    text = f"Consent: {row}"
    return Moment(
        CONSENT, row.pk, row.at, "consent_changed", text, row.cause_kind, row.cause_id, details=details
    )


def _merges(rows: Sequence[Event]) -> dict[int, Told]:
    return {row.pk: _merge(row) for row in rows}


def _merge(row: Event) -> Told:
    merged = row.type == own_events.CONTACT_MERGED.name
    text = "Another record of this person was merged into this one" if merged else "A merge was undone"
    return Told(
        text, details={"fields": row.data["fields" if merged else "kept"], "moved": row.data["moved"]}
    )


def connect() -> None:
    """Called when the app is ready."""
    sources.register(
        TOUCHPOINT,
        Source("Touchpoints", 3, lambda contact: Touchpoint.objects.filter(contact=contact), of_touchpoint),
    )
    sources.register(
        STAGE,
        Source(
            "Stages", 2, lambda contact: StageChange.objects.filter(contact__in=_people(contact)), _of_stage
        ),
    )
    sources.register(
        WARMNESS,
        Source(
            "Warmness",
            1,
            lambda contact: WarmnessDelta.objects.filter(contact__in=_people(contact)),
            of_delta,
        ),
    )
    sources.register(CONSENT, Source("Consent", 0, _consents, _of_consent))
    types = (own_events.CONTACT_MERGED.name, own_events.CONTACT_UNMERGED.name)
    events.register(MERGE, Events("Merges", types, _merges))
