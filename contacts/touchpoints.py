"""Logging what happened between the clinic and its contacts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from contacts import events, warmness
from contacts.commands import NewTouchpoint
from contacts.locks import contacts_for_update
from contacts.models import Contact, Touchpoint
from contacts.vocabulary import CLICK_IDS, INBOUND, OUTBOUND, TRACES, TouchpointType
from core import clock
from core import events as log
from core.errors import Invalid
from core.events import NewEvent

_KEPT = frozenset((*TRACES, *CLICK_IDS))


@transaction.atomic
def log_touchpoints(news: Sequence[NewTouchpoint]) -> list[Touchpoint]:
    """Add touchpoints, as a set, and bring touches and warmness of their contacts up to date.

    The first touch is set once and stays; the last touch follows the latest moment, whatever arrives when. A
    lead_created touchpoint makes a contact a lead who was none. Raises Invalid for an unknown type, NotFound
    for an unknown contact.
    """
    if not news:
        return []
    unknown = sorted({new.type for new in news} - set(TouchpointType.values))
    if unknown:
        raise Invalid(
            f"There is no touchpoint {', '.join(unknown)}.", fields={"type": "Unknown type of touchpoint."}
        )
    contacts = contacts_for_update(new.contact_id for new in news)
    now = clock.now()
    rows = Touchpoint.objects.bulk_create(_row(new, contacts[new.contact_id], now) for new in news)
    _touch(news, rows, contacts)
    _score(rows, contacts, {new.contact_id: new.cause for new in news})
    log.record_many(
        [
            NewEvent(
                type=events.TOUCHPOINT_LOGGED,
                cause=new.cause,
                location_id=row.location_id,
                contact_id=row.contact_id,
                data={"type": row.type, "touchpoint": row.pk},
                occurred_at=row.at,
            )
            for new, row in zip(news, rows, strict=True)
        ]
    )
    return rows


def _row(new: NewTouchpoint, contact: Contact, now: datetime) -> Touchpoint:
    return Touchpoint(
        location_id=contact.location_id, contact=contact, at=new.at or now, type=new.type, source=new.source,
        channel=new.channel[:80], details=new.details, is_attribution_event=new.is_attribution,
        answers=new.answers or None,  # type: ignore[misc]
        staff_id=new.staff_id, cause_kind=new.cause.kind, cause_id=str(new.cause.id),
    )  # fmt: skip


def _touch(news: Sequence[NewTouchpoint], rows: Sequence[Touchpoint], contacts: dict[int, Contact]) -> None:
    """Moments and touches on the contacts; one statement."""
    columns = {"last_touchpoint_at", "updated_at"}
    leads = []
    for new, row in zip(news, rows, strict=True):
        contact = contacts[new.contact_id]
        contact.updated_at = row.created_at
        contact.last_touchpoint_at = _later(contact.last_touchpoint_at, row.at)
        if row.type in INBOUND:
            contact.last_inbound_at = _later(contact.last_inbound_at, row.at)
            columns.add("last_inbound_at")
        elif row.type in OUTBOUND:
            contact.last_outbound_at = _later(contact.last_outbound_at, row.at)
            columns.add("last_outbound_at")
        if row.type == TouchpointType.LEAD_CREATED and contact.lead_at is None:
            contact.lead_at = row.at
            leads.append(contact)
            columns.add("lead_at")
        if new.is_attribution and not contact.first_touch:
            contact.first_touch = _as_touch(row)
            columns.add("first_touch")
        if new.update_last_touch and is_latest(contact, row.at):
            contact.last_touch = _as_touch(row)
            columns.add("last_touch")
    Contact.objects.bulk_update(list(contacts.values()), sorted(columns))
    if leads:
        warmness.expect_first_contact(leads)


def _score(rows: Sequence[Touchpoint], contacts: dict[int, Contact], causes: dict[int, Any]) -> None:
    """Rescore those contacts a touchpoint of whom may count. A first contact counts from the lead on."""
    weights = warmness.weights_of(contact.location_id for contact in contacts.values())
    counting = warmness.scored_types(weights.values()) | {TouchpointType.LEAD_CREATED}
    concerned = {row.contact_id: contacts[row.contact_id] for row in rows if row.type in counting}
    if concerned:
        warmness.rescore(concerned, causes, weights)


def _later(known: datetime | None, at: datetime) -> datetime:
    return at if known is None or at > known else known


def is_latest(contact: Contact, at: datetime) -> bool:
    """Whether nothing later is known of how this contact came to us."""
    known = contact.last_touch.get("at")
    return not known or datetime.fromisoformat(known) <= at


def _as_touch(row: Touchpoint) -> dict[str, str]:
    """A touchpoint as a contact's first or last touch."""
    kept = {key: str(value) for key, value in row.details.items() if key in _KEPT or key.startswith("utm_")}
    touch = {**kept, "source": row.source, "channel": row.channel, "type": row.type, "at": row.at.isoformat()}
    return {key: value for key, value in touch.items() if value}
