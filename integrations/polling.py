"""Asking providers for what their webhooks did not bring, and confirming what was stored.

Every quarter of an hour, for each login; not in safe mode, where another installation may live on those lists. What is
listed is stored under the key that its webhook would have had, so that nothing is there twice, and confirmed only once
that is committed: a run that dies in between does it again. No transaction is open while a provider is called. Two
runs at once do no harm.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from accounts import sending_stops
from core.errors import DomainError
from core.registry import Registry
from integrations import accounts, inbound, sms_forms
from integrations.models import Kind, ProviderAccount, Receipt

logger = logging.getLogger(__name__)

#: Lists read of one login and kind in a run, and real seconds that a run may take; the next one goes on.
MOST_LISTS = 10
SECONDS = 90.0
#: Under this name a receipt's headers say that nothing but a list brought it.
POLLED = "Polled"
#: As many deliveries in a row from a list show that webhooks fail; one may have overtaken its webhook.
TELLING = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """One thing of a list: the provider's id of it, and its body as a webhook would have brought it."""

    id: str
    body: bytes


class Lists(Protocol):
    """A provider's lists of what came in and was not confirmed yet. Never called inside a transaction."""

    def waiting(self, kind: Kind) -> list[Listed] | None:
        """The beginning of the list; None when the provider does not tell."""
        ...

    def confirm(self, kind: Kind, ids: Sequence[str]) -> bool:
        """Take these off the list. Whether all are off it."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """What a provider has lists of, and who asks for them."""

    kinds: tuple[Kind, ...]
    lists: Callable[[ProviderAccount], Lists]


_sources: Registry[Source] = Registry("provider with lists")


def register(provider: str, source: Source) -> None:
    """Ask this provider's accounts. Called from AppConfig.ready()."""
    _sources.register(provider, source)


def only_by_asking(account: ProviderAccount) -> bool:
    """Whether the latest deliveries all came from lists, so that its webhooks seem to fail."""
    if account.provider not in _sources:
        return False
    latest = Receipt.objects.filter(account=account).order_by("-id").values_list("headers", flat=True)
    seen = [POLLED in headers for headers in latest[:TELLING]]
    return len(seen) == TELLING and all(seen)


def poll() -> int:
    """Ask all of them. Returns how many deliveries were new."""
    started, new = monotonic(), 0
    for sharing in _logins():
        for kind in _sources.get(sharing[0].provider).kinds:
            if monotonic() - started > SECONDS:
                return new
            new += _poll(sharing, kind, until=started + SECONDS)
    return new


def _logins() -> list[list[ProviderAccount]]:
    """The accounts behind each login, in an order of chance: where time runs out, it is not always the same that
    wait."""
    found: dict[tuple[str, ...], list[ProviderAccount]] = {}
    known = [account for provider, _ in _sources.items() for account in accounts.enabled(provider)]
    stops = sending_stops.stopped_for({account.location_id for account in known})
    for account in known:
        stop = stops.get(account.location_id)
        login = accounts.login(account)
        if login and (stop is None or stop.kind != sending_stops.Kind.SAFE_MODE):
            found.setdefault((account.provider, *login), []).append(account)
    logins = list(found.values())
    random.shuffle(logins)
    return logins


def _poll(sharing: Sequence[ProviderAccount], kind: Kind, *, until: float) -> int:
    asked = _sources.get(sharing[0].provider).lists(sharing[0])
    new = 0
    for _ in range(MOST_LISTS):
        listed = asked.waiting(kind)
        if not listed:
            if listed is None:
                logger.warning("list not read", extra={"account": sharing[0].pk, "kind": str(kind)})
            break
        new += sum(_store(sharing, kind, each.body) for each in listed)
        ids = [each.id for each in listed if each.id]
        if not ids or not asked.confirm(kind, ids) or monotonic() > until:
            break
    return new


def _store(sharing: Sequence[ProviderAccount], kind: Kind, body: bytes) -> bool:
    """Keep one thing as its webhook would have been kept. Whether it was new."""
    try:
        delivery = sms_forms.delivery(sharing[0], kind, body, sharing=sharing)
    except DomainError:
        # Kept all the same: it is parked where a person sees it, and does not stand in the list for ever.
        key = inbound.key_of("", body)
        delivery = inbound.Delivery(account=sharing[0], kind=kind, key=key, thread=key, body=body)
    delivery.headers[POLLED] = "yes"
    return inbound.store(delivery)[1]
