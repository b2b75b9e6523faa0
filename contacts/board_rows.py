"""What stands on the pipeline board: columns with counts and time in stage, and their cards, a part at a time.

Each part costs the same few index reads however many contacts there are: a column is read newest first along
`contact_column`, its count stops at `MOST_COUNTED`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from statistics import median

from django.db.models import (
    CharField,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import ExtractDay
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts import pages
from accounts.models import Location, User
from contacts import pipeline, scoring, selectors
from contacts.models import Contact
from contacts.pipeline import Place
from core import clock
from core.numbers import whole
from core.registry import Registry

MOST_COUNTED = 1_000
#: Cards of a column at first, more than a screen holds, and in each part that follows.
FIRST, PAGE = 12, 25
STALE_AFTER = timedelta(days=14)

#: What apps above say of contacts on a card and in the search: name -> ids of contacts -> words by contact.
card_words: Registry[Callable[[Sequence[int]], Mapping[int, str]]] = Registry("words on a card")
#: By what else the board can be narrowed: name -> (label, a queryset narrowed).
narrowers: Registry[tuple[str, Callable[[QuerySet[Contact]], QuerySet[Contact]]]] = Registry("board filter")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a pipeline is shown. `owner` is "", "me", "nobody" or a public id."""

    pipeline: str
    location: Location
    owner: str = ""
    source: str = ""
    intent: str = ""
    band: str = ""
    stale: bool = False
    more: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One contact on the board. `targets` are the places it may be moved to."""

    contact: Contact
    days: int
    touched: str
    words: tuple[str, ...]
    targets: tuple[tuple[str, str], ...]
    places: str

    @property
    def page(self) -> SafeString:
        return pages.address("contacts_contact_change", self.contact.public_id)

    @property
    def move_at(self) -> SafeString:
        return pages.address("contacts_board_move", self.contact.public_id)

    @property
    def options(self) -> SafeString:
        """Its targets as a list to choose from: the same for all cards of a column, so drawn once."""
        return _options(self.targets)


@cache
def _options(targets: tuple[tuple[str, str], ...]) -> SafeString:
    return format_html_join("", '<option value="{}">{}</option>', targets)


@dataclass(slots=True)
class Column:
    """A stage: how many stand here, for how long, and the newest of them. `after` leads to the next part."""

    place: Place
    label: str
    count: int = 0
    capped: bool = False
    median_days: int | None = None
    oldest_days: int | None = None
    cards: list[Card] = field(default_factory=list)
    after: str = ""

    @property
    def count_words(self) -> str:
        return f"{MOST_COUNTED:,}+" if self.capped else f"{self.count:,}"

    @property
    def time_words(self) -> str:
        """How long they are here: the median and the longest; of a column too full to count, the longest alone."""
        if self.oldest_days is None:
            return "nobody"
        parts = [] if self.median_days is None else [f"median {_days(self.median_days)}"]
        return ", ".join([*parts, f"longest {_days(self.oldest_days)}"])

    @property
    def needs_reason(self) -> bool:
        return self.place in pipeline.REASON_NEEDED


def narrowed(contacts: QuerySet[Contact], wanted: Wanted, user: User) -> QuerySet[Contact]:
    """Those of the contacts, already limited to what the person may see, that the board is to show."""
    rows = contacts.filter(
        location=wanted.location, deleted_at__isnull=True, merged_into__isnull=True, current_pipeline=wanted.pipeline
    )  # fmt: skip
    if wanted.owner == "me":
        rows = rows.filter(owner=user)
    elif wanted.owner == "nobody":
        rows = rows.filter(owner__isnull=True)
    elif wanted.owner:
        rows = rows.filter(owner__public_id=wanted.owner)
    if wanted.source:
        rows = rows.filter(source=wanted.source)
    if wanted.intent:
        rows = rows.filter(intent="" if wanted.intent == "unknown" else wanted.intent)
    if wanted.band:
        rows = rows.filter(warmness_score__range=scoring.BANDS[wanted.band])
    if wanted.stale:
        quiet = Q(last_touchpoint_at__lt=clock.now() - STALE_AFTER) | Q(last_touchpoint_at__isnull=True)
        rows = rows.filter(quiet)
    for name in wanted.more:
        rows = narrowers.get(name)[1](rows)
    if wanted.text:
        rows = selectors.find(rows, wanted.text, locations=[wanted.location])
    return rows


def columns(rows: QuerySet[Contact], wanted: Wanted, *, cards: bool = True) -> list[Column]:
    """The columns of a pipeline, in its order; with their first cards unless only the figures are wanted."""
    places = [Place(wanted.pipeline, stage) for stage in pipeline.PIPELINES[wanted.pipeline]]
    found = {place.stage: Column(place, pipeline.STAGE_LABELS[place]) for place in places}
    _measure(rows, found)
    if cards:
        _fill(rows, found)
    return list(found.values())


def next_cards(rows: QuerySet[Contact], place: Place, *, after: str) -> tuple[list[Card], str]:
    """The next part of a column after a card, and what leads on; "" at its end. A garbled `after` begins anew."""
    column = rows.filter(current_stage=place.stage)
    since, _, key = after.partition("~")
    pk, moment = whole(key), None
    with suppress(ValueError):
        moment = parse_datetime(since)
    if pk is not None and moment is not None and moment.tzinfo is not None:
        older = Q(stage_entered_at__lt=moment) | Q(stage_entered_at=moment, pk__lt=pk)
        column = column.filter(stage_entered_at__lte=moment).filter(older)
    ids = list(column.order_by("-stage_entered_at", "-pk").values_list("pk", flat=True)[: PAGE + 1])
    made = as_cards(ids[:PAGE])
    return made, _after(made) if len(ids) > PAGE else ""


def as_cards(ids: Sequence[int]) -> list[Card]:
    """Cards of these contacts, in their order; a fixed number of queries."""
    contacts = Contact.objects.select_related("owner").in_bulk(ids)
    said = [words(ids) for _, words in card_words.items()] if ids else []
    now = clock.now()
    return [
        _card(contacts[pk], [text[pk] for text in said if pk in text], now) for pk in ids if pk in contacts
    ]


def _card(contact: Contact, words: Iterable[str], now: datetime) -> Card:
    at = contact.last_touchpoint_at
    targets = _targets(Place(contact.current_pipeline, contact.current_stage))
    return Card(
        contact=contact,
        days=max(0, (now - contact.stage_entered_at).days),
        touched="never in touch" if at is None else f"last touch {_ago((now - at).days)}",
        words=tuple(words),
        targets=targets,
        places=" ".join(name for name, _ in targets),
    )


@cache
def _targets(here: Place) -> tuple[tuple[str, str], ...]:
    return tuple((str(place), _target_label(here, place)) for place in pipeline.targets(here))


def _target_label(here: Place, place: Place) -> str:
    return pipeline.STAGE_LABELS[place] if place.pipeline == here.pipeline else pipeline.label(place)


def _measure(rows: QuerySet[Contact], found: Mapping[str, Column]) -> None:
    """Counts and times in stage of all columns, in two queries."""
    days: dict[str, list[int]] = {stage: [] for stage in found}
    for stage, count in _united(rows, found, "-stage_entered_at", MOST_COUNTED + 1):
        days[stage].append(count)
    oldest = dict(_united(rows, found, "stage_entered_at", 1))
    for stage, column in found.items():
        column.capped = len(days[stage]) > MOST_COUNTED
        column.count = min(len(days[stage]), MOST_COUNTED)
        if stage in oldest:
            column.oldest_days = max(0, oldest[stage])
        if days[stage] and not column.capped:
            column.median_days = max(0, int(median(days[stage])))


def _united(rows: QuerySet[Contact], found: Iterable[str], order: str, most: int) -> list[tuple[str, int]]:
    """Stage and whole days in it of so many contacts of each column. The database counts the days: thousands of
    moments would be dear to read.
    """
    here_for = ExpressionWrapper(Value(clock.now(), DateTimeField()) - F("stage_entered_at"), DurationField())
    by_id = "pk" if not order.startswith("-") else "-pk"
    parts = [
        rows.filter(current_stage=stage).order_by(order, by_id)
        .annotate(column=Value(stage, output_field=CharField()), days=ExtractDay(here_for))
        .values_list("column", "days")[:most]
        for stage in found
    ]  # fmt: skip
    return list(parts[0].union(*parts[1:], all=True))


def _fill(rows: QuerySet[Contact], found: Mapping[str, Column]) -> None:
    parts = [
        rows.filter(current_stage=stage).order_by("-stage_entered_at", "-pk")
        .annotate(column=Value(stage, output_field=CharField()), card=F("pk"))
        .values_list("column", "card", "stage_entered_at")[: FIRST + 1]
        for stage in found
    ]  # fmt: skip
    picked: dict[str, list[tuple[datetime, int]]] = {stage: [] for stage in found}
    for stage, pk, since in parts[0].union(*parts[1:], all=True):
        picked[stage].append((since, pk))
    ids = [pk for rows_ in picked.values() for _, pk in sorted(rows_, reverse=True)[:FIRST]]
    cards = {card.contact.pk: card for card in as_cards(ids)}
    for stage, column in found.items():
        column.cards = [cards[pk] for _, pk in sorted(picked[stage], reverse=True)[:FIRST] if pk in cards]
        column.after = _after(column.cards) if len(picked[stage]) > FIRST else ""


def _after(cards: Sequence[Card]) -> str:
    if not cards:
        return ""
    last = cards[-1].contact
    return f"{last.stage_entered_at.isoformat()}~{last.pk}"


def _days(count: int) -> str:
    return "under a day" if count == 0 else f"{count} day{'s' if count != 1 else ''}"


def _ago(days: int) -> str:
    return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"
