"""Reading facts: what is known of whom a set of events is about, in a few queries however many they are.

Only the groups of fields that somebody looks at are read. Free text (a message's words, custom fields) serves
conditions and is never stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from accounts.models import Location
from automation import fields, golive, visit_facts
from automation.condition_tree import FieldSpec
from automation.subjects import NO_RECALL, Happening, Recall, Subject
from bookings.models import Booking, ServiceType, Status, Urgency
from contacts import pipeline
from contacts import services as contact_services
from contacts.models import Contact, Touchpoint
from contacts.vocabulary import ConsentState, Intent, Source, TouchpointType
from core.models import Event
from messaging.models import Message
from tasks.models import Task

HIDDEN = "The contact is hidden."
MERGED = "The contact was merged into another one."
PRIVATE = frozenset(spec.name for spec in fields.FIELDS.values() if spec.private)


@lru_cache(maxsize=1)
def registry() -> Mapping[str, FieldSpec]:
    """The fields with the values that a choice may have, so that a rule with a misspelt one cannot be
    saved.
    """
    stages = {place.stage: label for place, label in pipeline.STAGE_LABELS.items()}
    pipelines = dict(pipeline.PIPELINE_LABELS)
    outcomes = dict(Booking.Outcome.choices)
    choices: dict[str, dict[str, str]] = {
        "intent": dict(Intent.choices),
        "source": dict(Source.choices),
        "current_pipeline": pipelines,
        "from_pipeline": pipelines,
        "to_pipeline": pipelines,
        "current_stage": stages,
        "from_stage": stages,
        "to_stage": stages,
        "service_type": dict(ServiceType.choices),
        "urgency_level": dict(Urgency.choices),
        "status": dict(Status.choices),
        "outcome": outcomes,
        "old_outcome": outcomes,
        "new_outcome": outcomes,
        "payment_status": dict(Booking.Payment.choices),
        "consent.*": dict(ConsentState.choices),
        "touchpoint_type": dict(TouchpointType.choices),
        "task_type": dict(Task.Type.choices),
        "task_outcome": {value: label for value, label in Task.Outcome.choices if value},
    }
    return {
        name: replace(spec, choices=choices[name]) if name in choices else spec
        for name, spec in fields.FIELDS.items()
    }


@dataclass(frozen=True)
class Wanted:
    """Which groups of facts to read."""

    tasks: bool = True
    consent: bool = True

    @classmethod
    def of(cls, names: Collection[str]) -> Wanted:
        """The groups that these fields need."""
        return cls(
            tasks="open_tasks" in names,
            consent=any(name.startswith("consent.") for name in names),
        )


EVERYTHING = Wanted()


def load(
    happenings: Sequence[Happening],
    events: Mapping[int, Mapping[str, object]],
    *,
    now: datetime,
    locations: Mapping[int, Location],
    wanted: Wanted = EVERYTHING,
) -> dict[int, Subject]:
    """The subject of each happening, by event id. `events` are their event facts (see `event_facts`)."""
    contacts = _contacts({h.contact_id for h in happenings if h.contact_id is not None})
    visits = visit_facts.Visits(happenings, now)
    tasks = open_tasks(contacts) if wanted.tasks else {}
    consents = consent_facts(contacts.values()) if wanted.consent else {}
    others = visits.others()
    recalls = visit_facts.recalls(happenings, contacts, visits)
    clocks = {pk: clock_facts(location, now) for pk, location in locations.items()}
    closings = {pk: location.end_of_business_day(now) for pk, location in locations.items()}
    subjects = {}
    for happening in happenings:
        contact = contacts.get(happening.contact_id or 0)
        booking = visits.of(happening)
        known: dict[str, object] = {
            **clocks[happening.location_id],
            **events.get(happening.event_id, {}),
        }
        if contact is not None:
            known["open_tasks"] = sorted(tasks.get(contact.pk, ()))
            known["has_future_booking"] = contact.pk in visits.next
            known |= consents.get(contact.pk, {})
        if booking is not None:
            known["has_other_live_booking"] = booking.pk in others
        subjects[happening.event_id] = assemble(
            happening, known, contact=contact, booking=booking, location=locations[happening.location_id],
            closing=closings[happening.location_id], recall=recalls.get(happening.contact_id or 0, NO_RECALL),
            now=now,
        )  # fmt: skip
    return subjects


def assemble(
    happening: Happening, known: Mapping[str, object], *, contact: Contact | None, booking: Booking | None,
    location: Location, closing: datetime, recall: Recall, now: datetime,
) -> Subject:  # fmt: skip
    """A happening with its facts: what is `known` already, and what its contact and its visit say. No query."""
    facts: dict[str, object] = {**known}
    if contact is not None:
        facts |= _contact_facts(contact, now)
    if booking is not None:
        facts |= visit_facts.values(booking, now)
    return Subject(
        happening=happening,
        facts=facts,
        zone=location.zone,
        closing=closing,
        visit=None if booking is None else visit_facts.visit(booking),
        absent=_absent(contact),
        recall=recall,
        limit=golive.limit(
            happening,
            live_since=location.live_since,
            over_at=None if booking is None else booking.ends_at,
            now=now,
        ),
    )


def of_person(
    happening: Happening, known: Mapping[str, object], *, contact: Contact | None, own: Booking | None,
    live: Sequence[Booking], open_tasks: Iterable[str], consents: Mapping[str, object], location: Location,
    closing: datetime, now: datetime, recall: Recall = NO_RECALL,
) -> Subject:  # fmt: skip
    """A happening with its facts, for one person whose rows are at hand: `own` is the visit it speaks of, `live` are
    the visits ahead, soonest first; `closing` is when the clinic's business day ends. No query.
    """
    visit = own if happening.booking_id is not None else next(iter(live), None)
    known = {**known, **consents}
    if contact is not None:
        known |= {"open_tasks": sorted(open_tasks), "has_future_booking": bool(live)}
    if visit is not None:
        known["has_other_live_booking"] = any(other.pk != visit.pk for other in live)
    return assemble(
        happening, known, contact=contact, booking=visit, location=location,
        closing=closing, recall=recall, now=now,
    )  # fmt: skip


def stored(facts: Mapping[str, object]) -> dict[str, Any]:
    """Facts as a snapshot keeps them: without free text, as JSON."""
    return {name: _json(value) for name, value in sorted(facts.items()) if not is_private(name)}


def is_private(name: str) -> bool:
    """Whether a fact is somebody's own words."""
    return name in PRIVATE or f"{name.partition('.')[0]}.*" in PRIVATE


def public_names() -> list[str]:
    """Facts that a text of a rule may quote in {braces}."""
    return [name for name in fields.FIELDS if not is_private(name) and not name.endswith(".*")]


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


# Contacts


def _contacts(ids: Iterable[int]) -> dict[int, Contact]:
    wanted = set(ids)
    if not wanted:
        return {}
    rows = Contact.objects.filter(pk__in=wanted).select_related("owner", "guardian").defer("notes")
    return {contact.pk: contact for contact in rows}


def _absent(contact: Contact | None) -> str:
    if contact is None:
        return ""
    if contact.merged_into_id is not None:
        return MERGED
    return HIDDEN if contact.deleted_at is not None else ""


def _contact_facts(contact: Contact, now: datetime) -> dict[str, object]:
    custom = contact.custom_fields if isinstance(contact.custom_fields, Mapping) else {}
    return {
        **{name: read(contact, now) for name, read in CONTACT_READERS.items()},
        **{f"custom.{key}": value for key, value in custom.items()},
    }


def _seconds_since(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else (now - at).total_seconds()


def _no_reply(contact: Contact, now: datetime) -> bool:
    asked, answered = contact.last_outbound_at, contact.last_inbound_at
    return asked is not None and (answered is None or answered < asked)


CONTACT_READERS: Mapping[str, Callable[[Contact, datetime], object]] = {
    "warmness_score": lambda contact, now: contact.warmness_score,
    "intent": lambda contact, now: contact.intent,
    "source": lambda contact, now: contact.source,
    "current_pipeline": lambda contact, now: contact.current_pipeline,
    "current_stage": lambda contact, now: contact.current_stage,
    "is_existing_patient": lambda contact, now: contact.is_existing_patient,
    "is_high_risk": lambda contact, now: contact.is_high_risk,
    "tags": lambda contact, now: list(contact.tags),
    "owner": lambda contact, now: contact.owner.email if contact.owner is not None else None,
    "recall_due_date": lambda contact, now: contact.recall_due_date,
    "last_touchpoint_age_seconds": lambda contact, now: _seconds_since(contact.last_touchpoint_at, now),
    "no_reply_received": _no_reply,
    "stage_age_seconds": lambda contact, now: _seconds_since(contact.stage_entered_at, now),
}


def open_tasks(contacts: Mapping[int, Contact]) -> dict[int, set[str]]:
    """The types of each contact's open tasks; one query."""
    found: dict[int, set[str]] = defaultdict(set)
    if contacts:
        rows = Task.objects.filter(contact_id__in=contacts, status__in=Task.OPEN)
        for contact_id, kind in rows.values_list("contact_id", "type"):
            found[contact_id].add(kind)
    return found


def consent_facts(contacts: Iterable[Contact]) -> dict[int, dict[str, object]]:
    """`consent.marketing` is that of texts, `consent.email_marketing` that of e-mails."""
    by_location: dict[int, list[Contact]] = defaultdict(list)
    for contact in contacts:
        by_location[contact.location_id].append(contact)
    found: dict[int, dict[str, object]] = {}
    for location_id, group in by_location.items():
        addresses = [a for contact in group for a in (contact.reach_phone, contact.email) if a]
        states = contact_services.consent_for(location_id, addresses)
        found |= {contact.pk: consents_of(contact.reach_phone, contact.email, states) for contact in group}
    return found


def consents_of(phone: str, email: str, states: Mapping[str, contact_services.States]) -> dict[str, object]:
    """The consents of one person, from what stands for the number and the e-mail that reach them. No query."""
    found: dict[str, object] = {}
    for channel, prefix, address in (("sms", "", phone), ("email", "email_", email)):
        said = states.get(address, {})
        for purpose, default in contact_services.CONSENT_DEFAULTS.items():
            state = said.get((channel, purpose), default) if address else None
            found[f"consent.{prefix}{purpose}"] = state and str(state)
    return found


# Events and the clock


def event_facts(events: Collection[Event]) -> dict[int, dict[str, object]]:
    """What each event itself says, by its id. A message's words are read from its row, in one query."""
    ids = {event.data["message"] for event in events if event.type in _WORDED and "message" in event.data}
    rows = Message.objects.filter(pk__in=ids).values_list("pk", "public_id", "body") if ids else ()
    messages = {pk: (str(public_id), body) for pk, public_id, body in rows}
    touches = _touches(events)
    found = {}
    for event in events:
        read = EVENT_READERS.get(event.type, {})
        facts = {name: event.data.get(key) for name, key in read.items()}
        if event.type in _WORDED:
            facts["message_id"], facts["message_body"] = messages.get(event.data.get("message"), (None, None))
        if event.type == TOUCHPOINT_LOGGED:
            facts |= touches.get(event.data.get("touchpoint"), {})
        if event.type in _SOURCED:
            facts["event_source"] = event.data.get("source") or event.source
        found[event.pk] = facts
    return found


def _touches(events: Collection[Event]) -> dict[object, dict[str, object]]:
    """Link and campaign of touchpoints that were logged, by id; one query. A link is told without its query,
    which may hold personal data.
    """
    ids = {
        event.data.get("touchpoint")
        for event in events
        if event.type == TOUCHPOINT_LOGGED and event.data.get("type") in _LED_HERE
    } - {None}
    rows = Touchpoint.objects.filter(pk__in=ids).values_list("pk", "channel", "details") if ids else ()
    return {
        pk: {
            "link": str(details.get("link") or details.get("url") or "").partition("?")[0].partition("#")[0],
            "campaign": details.get("campaign") or details.get("utm_campaign") or channel,
        }
        for pk, channel, details in rows
    }


TOUCHPOINT_LOGGED = "touchpoint_logged"
#: Touchpoints that a link or a campaign led to.
_LED_HERE = frozenset(
    {
        TouchpointType.AD_CLICK, TouchpointType.LANDING_PAGE_VISIT, TouchpointType.FORM_SUBMIT,
        TouchpointType.RESOURCE_DOWNLOAD, TouchpointType.BOOKING_LINK_CLICK, TouchpointType.MANYCHAT_SUBSCRIBE,
        TouchpointType.MANYCHAT_FLOW_COMPLETE, TouchpointType.MANYCHAT_BUTTON_CLICK,
        TouchpointType.MANYCHAT_INTERACTION, TouchpointType.EMAIL_OPENED, TouchpointType.EMAIL_CLICKED,
        TouchpointType.LEAD_CREATED,
    }
)  # fmt: skip
_WORDED = frozenset({"sms_received", "message_received"})
_SOURCED = frozenset({"contact_created", "lead_created", "booking_created"})
_STAGES = {name: name for name in ("from_pipeline", "from_stage", "to_pipeline", "to_stage")}
#: event -> fact -> key of its data
EVENT_READERS: Mapping[str, Mapping[str, str]] = {
    "contact_updated": {"changed_fields": "fields"},
    "sms_received": {"message_intent": "intent", "reply_is_clear": "clear"},
    "message_received": {"message_intent": "intent"},
    "message_sent": {"template": "template", "category": "category"},
    "message_failed": {"message_reason": "reason"},
    "message_held": {"message_reason": "reason"},
    "messages_wait": {"message_reason": "reason"},
    "message_ambiguous": {"message_intent": "intent"},
    "reply_needed": {"message_intent": "intent", "message_reason": "reason"},
    "booking_outcome_updated": {"old_outcome": "old", "new_outcome": "new"},
    "stage_moved": _STAGES,
    TOUCHPOINT_LOGGED: {"touchpoint_type": "type"},
    "warmness_threshold": {"threshold": "threshold"},
    "task_created": {"task_type": "type"},
    "task_completed": {"task_type": "type", "task_outcome": "outcome"},
    "task_overdue": {"task_type": "type"},
}


def clock_facts(location: Location, now: datetime) -> dict[str, object]:
    """What the clock says at a location."""
    local = location.local(now)
    return {
        "local_hour": local.hour,
        "local_weekday": fields.DAYS[local.weekday()],
        "in_opening_hours": location.hours.is_open(now),
    }
