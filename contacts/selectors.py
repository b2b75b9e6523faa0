"""Reading contacts: the timeline, what is shown beside each contact, the board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet

from accounts import access
from accounts.models import Location, User
from contacts import consent, pipeline, scoring, search, vocabulary, warmness
from contacts.models import Contact
from contacts.pipeline import Place
from contacts.timeline import of_delta, of_touchpoint, timeline
from core import clock

__all__ = [
    "Extras",
    "board",
    "consent_shown",
    "extras",
    "find",
    "merged_into",
    "moment_of",
    "timeline",
    "warmness_explained",
]


@dataclass(frozen=True)
class Extras:
    """What is shown beside a contact and costs queries of its own:
    the explained score, and consent by channel.
    """

    warmness: scoring.Score
    consent: dict[str, dict[str, str]]


def merged_into(public_id: str, user: User) -> Contact | None:
    """The contact that a merged one is now, if this person may see it; None for an id of no merged contact."""
    try:
        away = access.visible(Contact, user).filter(public_id=public_id, merged_into__isnull=False)
        return access.visible(Contact, user).filter(pk__in=away.values("merged_into")).first()
    except (ValidationError, ValueError):
        return None


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

    Three queries.
    """
    score, rows = warmness.explain(contact)
    touches = {row.pk: of_touchpoint(row) for row in rows.touchpoints}
    deltas = {row.pk: of_delta(row) for row in rows.adjustments}
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


def find(
    contacts: QuerySet[Contact], text: str, *, locations: Collection[Location], home: Location | None = None
) -> QuerySet[Contact]:
    """Those of `contacts` that match what was typed, best first: a name with typos and in any order, a phone in any
    spelling or some of its digits, an e-mail. `locations` is where the person may look, `home` where they work now.
    """
    regions = Counter(location.region for location in locations)
    region = home.region if home else regions.most_common(1)[0][0] if regions else None
    return search.search(
        contacts, text, location_ids=[location.pk for location in locations], region=region,
        home_id=home.pk if home else None,
    )  # fmt: skip


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
