"""By which of its clinic's senders a message goes: the preferred one, and another account where that one fails."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from core import clock
from integrations import pacing
from integrations.models import ProviderAccount, SenderIdentity
from messaging import delivery
from messaging.models import Channel, Message, SendAttempt

#: A provider that is busy for no longer is waited for, not passed by.
SHORTLY = timedelta(minutes=1)


@dataclass(frozen=True)
class Senders:
    """What a set of messages may go by. `ours` are those of the addresses asked about that are senders' own,
    whoever's.
    """

    ours: frozenset[str]
    _usable: Mapping[tuple[int, bool], Sequence[SenderIdentity]]
    _tried: Mapping[int, Counter[int]]

    def sender_for(self, message: Message) -> SenderIdentity | None:
        """The preferred sender whose account failed the message least and is not left alone; if all are, of all."""
        usable = self._usable_for(message)
        there = [sender for sender in usable if not _left_alone(sender.account)]
        tried = self._tried_for(message)
        return min(there or usable, key=lambda sender: tried[sender.account_id], default=None)

    def has_another(self, message: Message) -> bool:
        """Whether there is an account that has not failed the message and is not left alone now."""
        tried = self._tried_for(message)
        return any(
            not tried[sender.account_id] and not _left_alone(sender.account)
            for sender in self._usable_for(message)
        )

    def _usable_for(self, message: Message) -> Sequence[SenderIdentity]:
        return self._usable.get((message.location_id, message.channel == Channel.EMAIL), ())

    def _tried_for(self, message: Message) -> Counter[int]:
        return self._tried.get(message.pk or 0, Counter())


def load(messages: Sequence[Message], addresses: Iterable[str] = ()) -> Senders:
    """The senders of the messages' clinics, in one query, and one more when some of them were tried before."""
    places, asked = {message.location_id for message in messages}, set(addresses)
    rows = list(
        SenderIdentity.objects.filter(Q(location_id__in=places) | Q(value__in=asked))
        .select_related("account__pause")
        .order_by("-is_default", "id")
    )
    ours = frozenset(row.value for row in rows if row.value in asked)
    return Senders(ours, _by_location(rows, places), _tried(messages))


def goes_elsewhere(messages: Sequence[Message]) -> set[int]:
    """The ids of those messages for which their clinic has another account."""
    if not messages:
        return set()
    senders = load(messages)
    return {message.pk for message in messages if senders.has_another(message)}


def _by_location(
    rows: Iterable[SenderIdentity], location_ids: Collection[int]
) -> dict[tuple[int, bool], list[SenderIdentity]]:
    """The senders each location may use for texts and those for e-mails (True), the preferred ones in front."""
    found: dict[tuple[int, bool], list[SenderIdentity]] = defaultdict(list)
    for sender in rows:
        if sender.location_id in location_ids and sender.account.enabled and sender.usable:
            found[sender.location_id, sender.is_email].append(sender)
    return found


def _tried(messages: Iterable[Message]) -> dict[int, Counter[int]]:
    """How often each account failed each of these messages, for no fault of theirs."""
    again = [message.pk for message in messages if message.attempts and message.pk is not None]
    tried: dict[int, Counter[int]] = defaultdict(Counter)
    if again:
        rows = SendAttempt.objects.filter(
            message_id__in=again, outcome__in=("retry", "refused"), error_code__in=delivery.ACCOUNTS_FAULT
        )
        for message_id, account_id in rows.values_list("message_id", "account_id"):
            tried[message_id][account_id] += 1
    return tried


def _left_alone(account: ProviderAccount) -> bool:
    """Whether the account is paused, for longer than it takes to be less busy."""
    pause = pacing.pause_of(account)
    return pause is not None and (pause.reason != "busy" or pause.until - clock.now() > SHORTLY)
