"""What rules do with people."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from accounts.models import Location
from automation.doing.base import Done, Order, State
from contacts import services as contact_services
from contacts import warmness
from contacts.models import Contact, Touchpoint
from core import clock

MATCHED = "The person was matched or made when the event came in."
IN_TIMELINE = "The timeline has it already."


def calculate_warmness(orders: Sequence[Order]) -> list[Done]:
    causes = {o.intent.contact_id: o.cause for o in orders}
    with transaction.atomic():
        warmness.rescore(contact_services.contacts_for_update(causes), causes)
    return [Done() for _ in orders]


def adjust_warmness(orders: Sequence[Order]) -> list[Done]:
    rows = contact_services.adjust_warmness(
        [
            contact_services.WarmnessAdjustment(
                o.intent.contact_id, o.intent.delta, o.intent.reason, cause=o.cause
            )
            for o in orders
        ]
    )
    return [Done(result={"warmness_delta": row.pk}) for row in rows]


def move_stages(orders: Sequence[Order]) -> list[Done]:
    results = contact_services.move_stages(
        [
            contact_services.StageMove(
                o.intent.contact_id, o.intent.pipeline, o.intent.stage, o.intent.reason, cause=o.cause
            )
            for o in orders
        ]
    )
    return [
        Done(State.FAILED, result.refused) if result.refused else Done(result={"moved": result.moved})
        for result in results
    ]


def update_contacts(orders: Sequence[Order]) -> list[Done]:
    contact_services.update_contacts(
        [
            contact_services.ContactUpdate(o.intent.contact_id, dict(o.intent.fields), cause=o.cause)
            for o in orders
        ]
    )
    return [Done() for _ in orders]


def tag_contacts(orders: Sequence[Order]) -> list[Done]:
    contact_services.tag_contacts(
        [
            contact_services.TagChange(o.intent.contact_id, o.intent.add, o.intent.remove, cause=o.cause)
            for o in orders
        ]
    )
    return [Done() for _ in orders]


def match_contacts(orders: Sequence[Order]) -> list[Done]:
    """Whom an event is about is a contact already; others are matched one by one, each behind its own locks."""
    ids = {o.intent.contact_id for o in orders if o.intent.contact_id is not None}
    known = Contact.objects.in_bulk(ids) if ids else {}
    places = Location.objects.in_bulk({o.intent.location_id for o in orders})
    return [
        Done(reason=MATCHED, result={"contact": str(known[o.intent.contact_id].public_id)})
        if o.intent.contact_id is not None
        else _match(o, places[o.intent.location_id])
        for o in orders
    ]


def _match(order: Order, location: Location) -> Done:
    wish = order.intent
    result = contact_services.match_or_create(
        location=location,
        name=wish.name,
        phone=wish.phone,
        email=wish.email,
        source=wish.source or "other",
        cause=order.cause,
    )
    return Done(result={"contact": str(result.contact.public_id), "created": result.created})


def log_touchpoints(orders: Sequence[Order]) -> list[Done]:
    logged = _arrivals(orders)
    fresh = [o for o in orders if _arrival(o) not in logged]
    ids = {o.intent.contact_id for o in orders if o.intent.is_attribution or o.intent.update_last_touch}
    sources = dict(Contact.objects.filter(pk__in=ids).values_list("pk", "source")) if ids else {}
    made = iter(
        contact_services.log_touchpoints(
            [
                contact_services.NewTouchpoint(
                    o.intent.contact_id,
                    o.intent.type,
                    source=sources.get(o.intent.contact_id, ""),
                    details={} if o.intent.booking_id is None else {"booking": o.intent.booking_id},
                    is_attribution=o.intent.is_attribution,
                    update_last_touch=o.intent.update_last_touch,
                    cause=o.cause,
                )
                for o in fresh
            ]
        )
    )
    _touch_last([logged[_arrival(o)] for o in orders if _arrival(o) in logged and o.intent.update_last_touch])
    return [
        Done(reason=IN_TIMELINE, result={"touchpoint": str(logged[_arrival(o)].public_id)})
        if _arrival(o) in logged
        else Done(result={"touchpoint": str(next(made).public_id)})
        for o in orders
    ]


def _touch_last(rows: Sequence[Touchpoint]) -> None:
    """Make touchpoints that stand in the timeline the last touch of their contacts."""
    if not rows:
        return
    contacts = contact_services.contacts_for_update(row.contact_id for row in rows)
    for row in rows:
        contact = contacts[row.contact_id]
        touch = {"source": row.source, "channel": row.channel, "type": row.type, "at": row.at.isoformat()}
        contact.last_touch = {key: value for key, value in touch.items() if value}
        contact.updated_at = clock.now()
    Contact.objects.bulk_update(list(contacts.values()), ["last_touch", "updated_at"])


def _arrival(order: Order) -> tuple[int, str, str]:
    return order.intent.contact_id, order.intent.type, order.intent.message


def _arrivals(orders: Sequence[Order]) -> dict[tuple[int, str, str], Touchpoint]:
    """What the arrival of a message logged already, by contact, type and message."""
    messages = {o.intent.message for o in orders if o.intent.message}
    if not messages:
        return {}
    rows = Touchpoint.objects.filter(
        contact_id__in={o.intent.contact_id for o in orders},
        type__in={o.intent.type for o in orders},
        details__message__in=messages,
    )
    return {(row.contact_id, row.type, row.details["message"]): row for row in rows}


def set_recall_dates(orders: Sequence[Order]) -> list[Done]:
    contact_services.set_recall_date(
        [contact_services.RecallDate(o.intent.contact_id, o.intent.date, cause=o.cause) for o in orders]
    )
    return [
        Done(result={"date": o.intent.date and o.intent.date.isoformat(), "booking": o.intent.booking_id})
        for o in orders
    ]
