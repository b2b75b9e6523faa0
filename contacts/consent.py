"""What the holders of phones and e-mail addresses allowed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from contacts import events
from contacts.locks import consent_lock, hold
from contacts.models import Consent
from contacts.vocabulary import Channel, ConsentState, Purpose
from core import clock
from core import events as log
from core.causes import Cause
from core.errors import Invalid

#: What counts where nobody said anything: writing to us about a visit implies answers about it, nothing more.
DEFAULTS: dict[str, str] = {
    Purpose.SERVICE: ConsentState.IMPLIED,
    Purpose.CARE: ConsentState.NONE,
    Purpose.MARKETING: ConsentState.NONE,
}

States = dict[tuple[str, str], str]


@transaction.atomic
def set_consent(
    *, location_id: int, address: str, channel: str, purposes: Sequence[str], state: str, basis: str,
    wording: str = "", source: str = "", cause: Cause, contact_id: int | None = None,
) -> list[Consent]:  # fmt: skip
    """Record what the holder of an address (E.164 or e-mail) said; it holds for everyone reached there.

    Returns the rows that are new. A withdrawal is only lifted by a grant: an implied consent, as from an
    import or an enquiry, leaves it standing.
    """
    address = address.strip().lower()
    _check(address, channel, purposes, state)
    hold([consent_lock(location_id, address)])
    now = clock.now()
    standing = {
        row.purpose: row
        for row in Consent.objects.filter(
            location_id=location_id,
            address=address,
            channel=channel,
            purpose__in=purposes,
            superseded_at__isnull=True,
        )
    }
    changed = [purpose for purpose in purposes if _changes(standing.get(purpose), state)]
    if not changed:
        return []
    Consent.objects.filter(pk__in=[standing[p].pk for p in changed if p in standing]).update(
        superseded_at=now, updated_at=now
    )
    rows = Consent.objects.bulk_create(
        Consent(
            location_id=location_id,
            address=address,
            channel=channel,
            purpose=purpose,
            state=state,
            basis=basis,
            wording=wording,
            source=source,
            contact_id=contact_id,
            at=now,
            cause_kind=cause.kind,
            cause_id=str(cause.id),
        )
        for purpose in changed
    )
    log.record(
        events.CONSENT_CHANGED, cause=cause, location_id=location_id, contact_id=contact_id,
        data={"channel": channel, "purposes": sorted(changed), "state": state},
    )  # fmt: skip
    return rows


def _changes(standing: Consent | None, state: str) -> bool:
    if standing is None:
        return True
    if standing.state == ConsentState.WITHDRAWN:
        return state == ConsentState.GRANTED
    return standing.state != state


def _check(address: str, channel: str, purposes: Sequence[str], state: str) -> None:
    wrong = {}
    if not address:
        wrong["address"] = "This person has neither a phone nor an e-mail for that channel."
    if channel not in Channel.values:
        wrong["channel"] = f"Choose one of: {', '.join(Channel.values)}."
    if not purposes or not set(purposes) <= set(Purpose.values):
        wrong["purposes"] = f"Choose from: {', '.join(Purpose.values)}."
    if state not in ConsentState.values:
        wrong["state"] = f"Choose one of: {', '.join(ConsentState.values)}."
    if wrong:
        raise Invalid("The consent could not be recorded.", fields=wrong)


def consent_for(location_id: int, addresses: Iterable[str]) -> dict[str, States]:
    """What stands now for these addresses: address -> (channel, purpose) -> state, in one query.

    Pairs that nobody spoke of are absent; `DEFAULTS` says what counts then. An expired consent counts as
    none.
    """
    wanted = {address for address in addresses if address}
    states: dict[str, States] = {address: {} for address in wanted}
    now = clock.now()
    rows = Consent.objects.filter(location_id=location_id, address__in=wanted, superseded_at__isnull=True)
    for row in rows.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now)).values_list(
        "address", "channel", "purpose", "state"
    ):
        address, channel, purpose, state = row
        states[address][channel, purpose] = state
    return states


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one channel and purpose, and how long it stood: from `at` until `ended`, if it ended."""

    pair: tuple[str, str]
    state: str
    at: datetime
    ended: datetime | None


def consent_history(location_id: int, addresses: Iterable[str]) -> dict[str, list[Said]]:
    """All that was ever said of these addresses, in order, in one query."""
    found: dict[str, list[Said]] = defaultdict(list)
    rows = Consent.objects.filter(location_id=location_id, address__in=set(addresses)).order_by("at", "pk")
    for address, channel, purpose, state, at, superseded, expires in rows.values_list(
        "address", "channel", "purpose", "state", "at", "superseded_at", "expires_at"
    ):
        ended = min(filter(None, (superseded, expires)), default=None)
        found[address].append(Said((channel, purpose), state, at, ended))
    return found


def states_at(history: Iterable[Said], at: datetime) -> States:
    """What stood at a moment, of one address; see `consent_for`."""
    return {
        said.pair: said.state for said in history if said.at <= at and (said.ended is None or said.ended > at)
    }


def summary(phone: str, email: str, states: dict[str, States]) -> dict[str, dict[str, str]]:
    """Consent of one person as people and clients read it: channel -> purpose -> state."""
    result = {}
    for channel, address in ((Channel.SMS, phone), (Channel.EMAIL, email)):
        if address:
            said = states.get(address, {})
            result[channel.value] = {
                purpose: said.get((channel.value, purpose), default) for purpose, default in DEFAULTS.items()
            }
    return result
