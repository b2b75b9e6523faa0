"""What rules send to other systems: put in line here, in the transaction of the rule, and called outside of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from accounts import access, roles
from accounts.models import Location
from automation.doing.base import Done, Order, State
from bookings.models import Booking
from contacts.models import Contact
from core import clock
from integrations import outbox
from integrations.models import OutboundCall, Provider, ProviderAccount
from integrations.outbox import NewCall

NO_ACCOUNT = "The clinic has no webhook account to sign with. Add one under Providers."
NO_SLACK = "The clinic has no Slack account. Add one under Providers."
NO_READERS = "There is nobody at the clinic to send it to."
SUBJECT = "{clinic}: a rule has something to tell"
LONGEST_KEY = 200


def call_webhooks(orders: Sequence[Order]) -> list[Done]:
    accounts = _accounts(Provider.WEBHOOK, {o.intent.location_id for o in orders})
    contacts = _public_ids(Contact, [o.intent.contact_id for o in orders])
    bookings = _public_ids(Booking, [o.intent.booking_id for o in orders])
    places = Location.objects.in_bulk({o.intent.location_id for o in orders})
    wishes: list[NewCall | None] = []
    for o in orders:
        account = _named(accounts[o.intent.location_id], o.intent.account)
        body = {
            "type": o.intent.event,
            "timestamp": o.intent.occurred_at.isoformat(),
            "data": {
                "location": places[o.intent.location_id].code,
                "contact": contacts.get(o.intent.contact_id),
                "booking": bookings.get(o.intent.booking_id),
                "rule": o.rule,
                **o.intent.data,
            },
        }
        wishes.append(None if account is None else _webhook(o, account, body))
    made = iter(outbox.enqueue_calls([wish for wish in wishes if wish is not None]))
    return [
        Done(State.FAILED, NO_ACCOUNT) if wish is None else Done(result={"call": str(next(made).public_id)})
        for wish in wishes
    ]


def _webhook(order: Order, account: ProviderAccount, body: Mapping[str, Any]) -> NewCall:
    wish = order.intent
    return NewCall(
        location_id=wish.location_id,
        kind=OutboundCall.Kind.WEBHOOK,
        target=urlsplit(wish.url).hostname or "",
        payload={"url": wish.url, "body": body},
        dedupe_key=_key("webhook", wish.location_id, wish.cause_key),
        cause=order.cause,
        account_id=account.pk,
        contact_id=wish.contact_id,
    )


def notices(orders: Sequence[Order]) -> list[Done]:
    """The calls of notices that go beyond the home page: one for Slack, one for each reader of an e-mail."""
    away = [o for o in orders if set(o.intent.channels) - {"in_app"}]
    if not away:
        return [Done() for _ in orders]
    place_ids = {o.intent.location_id for o in away}
    slack = _accounts(Provider.SLACK, {o.intent.location_id for o in away if "slack" in o.intent.channels})
    mailed = {o.intent.location_id for o in away if "email" in o.intent.channels}
    readers = access.people(roles.UPDATE, "settings", mailed) if mailed else {}
    staff = access.people(roles.READ, "tasks", mailed) if mailed else {}
    places = Location.objects.in_bulk(place_ids)
    wishes: list[tuple[int, NewCall]] = []
    failed: dict[int, str] = {}
    for index, o in enumerate(orders):
        place = places.get(o.intent.location_id)
        if "slack" in o.intent.channels:
            account = _named(slack[o.intent.location_id], "")
            if account is None:
                failed[index] = NO_SLACK
            else:
                wishes.append((index, _slack(o, account)))
        if "email" in o.intent.channels and place is not None:
            here = {user.email for user in staff[place.pk]}
            chosen = [email for email in o.intent.to if email in here] if o.intent.to else None
            to = [user.email for user in readers[place.pk]] if chosen is None else chosen
            wishes += [(index, _email(o, place, email)) for email in to]
            if not to:
                failed[index] = NO_READERS
    made = outbox.enqueue_calls([wish for _, wish in wishes])
    ids: dict[int, list[str]] = defaultdict(list)
    for (index, _), call in zip(wishes, made, strict=True):
        ids[index].append(str(call.public_id))
    return [
        Done(
            State.FAILED if i in failed else State.DONE,
            failed.get(i, ""),
            {"calls": ids[i]} if ids[i] else {},
        )
        for i in range(len(orders))
    ]


def _slack(order: Order, account: ProviderAccount) -> NewCall:
    return NewCall(
        location_id=order.intent.location_id,
        kind=OutboundCall.Kind.SLACK,
        target="slack",
        payload={"text": order.intent.text},
        dedupe_key=_notice_key("slack", order),
        cause=order.cause,
        account_id=account.pk,
        contact_id=order.intent.contact_id,
    )


def _email(order: Order, place: Location, to: str) -> NewCall:
    who = hashlib.sha256(to.encode()).hexdigest()[:16]
    return NewCall(
        location_id=place.pk,
        kind=OutboundCall.Kind.EMAIL_NOTICE,
        target="e-mail",
        payload={
            "to": to,
            "subject": SUBJECT.format(clinic=place.name),
            "text": f"{order.intent.text}\n\n{place.name}, {place.local(clock.now()):%a %d %b %Y, %H:%M}",
        },
        dedupe_key=_notice_key(f"email:{who}", order),
        cause=order.cause,
        contact_id=order.intent.contact_id,
    )


def _notice_key(way: str, order: Order) -> str:
    return _key(way, order.intent.location_id, f"{order.intent.text_key}:{order.intent.anchor}")


def _key(way: str, location_id: int, cause: str) -> str:
    """A key of the business cause that fits its column."""
    whole = f"{way}:{location_id}:{cause}"
    return whole if len(whole) <= LONGEST_KEY else f"{way}:{hashlib.sha256(whole.encode()).hexdigest()}"


def _accounts(provider: str, location_ids: Collection[int]) -> dict[int, list[ProviderAccount]]:
    """The enabled accounts of a provider, by location, the oldest first; one query."""
    found: dict[int, list[ProviderAccount]] = {pk: [] for pk in location_ids}
    if location_ids:
        rows = ProviderAccount.objects.filter(provider=provider, location_id__in=location_ids, enabled=True)
        for account in rows.order_by("pk"):
            found[account.location_id].append(account)
    return found


def _named(accounts: Sequence[ProviderAccount], name: str) -> ProviderAccount | None:
    fitting = (account for account in accounts if not name or account.name.lower() == name.lower())
    return next(fitting, None)


def _public_ids(model: type[Any], ids: Sequence[int | None]) -> dict[int | None, str]:
    wanted = {pk for pk in ids if pk is not None}
    rows = model._default_manager.filter(pk__in=wanted).values_list("pk", "public_id") if wanted else ()
    return {pk: str(public_id) for pk, public_id in rows}
