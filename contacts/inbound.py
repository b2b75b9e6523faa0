"""How leads are applied: `integrations` stores what a form, an ad or a chat delivered and calls this.

Whoever it is becomes one contact, whatever told of them first: a lead when new, else the contact there is,
with one touchpoint more. `contacts.leads` reads what the words mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from contacts import consent, editing, identity, leads
from contacts.commands import ContactUpdate, NewTouchpoint, Touch
from contacts.matching import match_or_create
from contacts.models import Contact
from contacts.touchpoints import log_touchpoints
from contacts.vocabulary import TRACES, ConsentState, Intent, Purpose
from core import clock
from core.causes import Cause
from integrations import inbound
from integrations.models import Kind, ProviderAccount, Receipt
from integrations.ports import LeadDelivery, Permission

MADE_UP = "made_up_to_try_the_connection"
TRAPPED = "filled_in_by_a_machine"
#: Beyond this many a contact's custom fields take in no new ones; the touchpoint keeps them.
MOST_FIELDS = 200
_LONGEST_WORDING = 1000


def apply(
    parsed: LeadDelivery, *, account: ProviderAccount, receipt: Receipt, cause: Cause
) -> dict[str, str]:
    """Apply one lead; answers the contact's public id.

    What a machine filled in is set aside; once a person has it applied again it counts.
    """
    if parsed.test:
        raise inbound.Ignored(MADE_UP)
    if parsed.trap and not receipt.attempts:
        raise inbound.Ignored(TRAPPED)
    at = min(parsed.occurred_at or receipt.created_at, clock.now())
    source, intent = leads.source_of(parsed, account.provider), leads.intent_of(parsed.intent)
    person = parsed.person
    contact = match_or_create(
        location=account.location,
        name=person.name,
        phone=person.phone,
        email=person.email,
        external=(account.provider, person.contact_id[:128]) if person.contact_id else None,
        source=source,
        cause=cause,
        is_lead=True,
        intent=intent,
        touch=_touch(parsed, source, at),
        language=parsed.language,
    ).contact
    _learn(contact, parsed, intent, cause)
    log_touchpoints(list(_touchpoints(contact, parsed, source, at, cause)))
    for permission in parsed.permissions:
        _permit(contact, parsed, permission, source, cause)
    return {"contact": str(contact.public_id)}


def _touch(parsed: LeadDelivery, source: str, at: datetime) -> Touch:
    arrival = parsed.arrival
    kept = leads.details_of(arrival)
    return Touch(
        source=source,
        channel=parsed.form[:80],
        campaign=arrival.campaign,
        utm=dict(arrival.utm),
        clicks=dict(arrival.clicks),
        traces={name: value for name, value in kept.items() if name in TRACES},
        at=at,
    )


def _learn(contact: Contact, parsed: LeadDelivery, intent: str, cause: Cause) -> None:
    """Take over what the person said of themselves. What cannot be read as an intent is kept in their words."""
    said = dict(parsed.answers)
    if parsed.intent and not intent:
        said["intent_as_given"] = parsed.intent
    if parsed.heard_from:
        said["heard_from"] = parsed.heard_from
    known: Any = contact.custom_fields
    room = MOST_FIELDS - len(known)
    added = [name for name in said if name not in known][: max(room, 0)]
    fields: dict[str, Any] = {}
    if said:
        fields["custom_fields"] = {**known, **{n: v for n, v in said.items() if n in known or n in added}}
    if intent and intent != contact.intent and _may_change(contact, parsed):
        fields["intent"] = intent
    if fields:
        editing.update_contacts([ContactUpdate(contact.pk, fields, cause=cause)])


def _may_change(contact: Contact, parsed: LeadDelivery) -> bool:
    """A new enquiry says more than a general one; of what was said before, only a change of it takes it back."""
    return parsed.kind == "changed" or contact.intent in ("", Intent.GENERAL_INQUIRY)


def _touchpoints(
    contact: Contact, parsed: LeadDelivery, source: str, at: datetime, cause: Cause
) -> Iterator[NewTouchpoint]:
    asked = {"intent": parsed.intent, "heard_from": parsed.heard_from, **parsed.answers}
    answers = {name: said for name, said in asked.items() if said}
    for number, happening in enumerate(leads.happenings(parsed)):
        yield NewTouchpoint(
            contact.pk,
            happening.type,
            at=at,
            source=source,
            channel=happening.channel,
            details=dict(happening.details),
            answers=answers if number == 0 else None,
            is_attribution=happening.leads,
            update_last_touch=happening.leads,
            cause=cause,
        )


def _permit(
    contact: Contact, parsed: LeadDelivery, permission: Permission, source: str, cause: Cause
) -> None:
    """Record what a ticked box allows, for the phone and e-mail that were given with it.

    A form proves nothing of who filled it in: what somebody withdrew stays withdrawn until they say START.
    """
    phone = identity.read_phone(parsed.person.phone, contact.location.region).e164
    email = contact.email if parsed.person.email.strip().lower() == contact.email else ""
    asked = [Purpose.MARKETING] if permission.marketing else [Purpose.SERVICE, Purpose.CARE]
    for channel, address in (("sms", phone), ("email", email)):
        if channel not in permission.channels or not address:
            continue
        standing = consent.consent_for(contact.location_id, [address])[address]
        purposes = [p for p in asked if standing.get((channel, p.value)) != ConsentState.WITHDRAWN]
        if purposes:
            consent.set_consent(
                location_id=contact.location_id,
                address=address,
                channel=channel,
                purposes=[purpose.value for purpose in purposes],
                state=ConsentState.GRANTED,
                basis="form",
                wording=(permission.wording or f"A box ticked in “{parsed.form or 'a form'}”")[
                    :_LONGEST_WORDING
                ],
                source=source,
                cause=cause,
                contact_id=contact.pk,
            )


def connect() -> None:
    """Called from AppConfig.ready()."""
    inbound.register(Kind.LEAD, apply)
