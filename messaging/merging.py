"""Conversations and messages of two contacts that become one.

The survivor has one conversation a channel, with everything that was said. What has not been sent goes to the
survivor and is judged anew; where the survivor awaits the same, it is sent once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import F, Max

from contacts import merging, unmerging
from contacts.merge_journal import values
from contacts.merging import Merge
from contacts.unmerging import Undo
from messaging import judging, limits, policy
from messaging.models import CLAIMABLE, PENDING, Conversation, Message

_FOLDED = (
    "state", "assigned_to", "handled_by", "seen_at", "snoozed_until", "last_message_at", "last_inbound_at",
    "updated_at",
)  # fmt: skip
_CHANGED = (
    "state", "assigned_to_id", "handled_by", "seen_at", "snoozed_until", "last_message_at", "last_inbound_at",
)  # fmt: skip


def move_conversations(merge: Merge) -> int:
    """Give the survivor the other's conversations; where it has one of that channel, their messages go there."""
    rows = list(
        Conversation.objects.filter(contact_id__in=[merge.keep.pk, merge.away.pk])
        .select_for_update(no_key=True, of=("self",))
        .order_by("pk")
    )
    before = {row.pk: values(row, _CHANGED) for row in rows}
    own = {row.channel: row for row in rows if row.contact_id == merge.keep.pk}
    theirs = [row for row in rows if row.contact_id == merge.away.pk]
    doubles = [row for row in theirs if row.channel in own]
    for row in doubles:
        here = own[row.channel].pk
        merge.journal.repoint(
            Message.objects.filter(conversation=row), "conversation_id", old=row.pk, new=here
        )
        _fold(own[row.channel], row)
        row.state, row.snoozed_until = Conversation.State.CLOSED, None
        row.seen_at = row.last_message_at = row.last_inbound_at = None
    alone = [row.pk for row in theirs if row.channel not in own]
    for row in rows:
        row.updated_at = merge.now
        merge.journal.changed(row, before[row.pk])
    Conversation.objects.bulk_update(rows, _FOLDED)
    merge.repoint(Conversation.objects.filter(pk__in=alone), "contact_id")
    return len(theirs)


def _fold(row: Conversation, other: Conversation) -> None:
    """Put into one row what the two say together: what nobody has seen in either is unseen, open in either is open."""
    unseen = [one for one in (row, other) if one.unseen]
    row.seen_at = _first([one.seen_at for one in unseen]) if unseen else _last(row.seen_at, other.seen_at)
    states = {row.state, other.state}
    row.state = next(state for state in Conversation.State.values if state in states)
    row.snoozed_until = (
        _last(row.snoozed_until, other.snoozed_until) if row.state == Conversation.State.SNOOZED else None
    )
    row.last_message_at = _last(row.last_message_at, other.last_message_at)
    row.last_inbound_at = _last(row.last_inbound_at, other.last_inbound_at)
    row.assigned_to_id = row.assigned_to_id or other.assigned_to_id
    if Conversation.Handler.PERSON in (row.handled_by, other.handled_by):
        row.handled_by = Conversation.Handler.PERSON


def _first(moments: Sequence[datetime | None]) -> datetime | None:
    known = [moment for moment in moments if moment is not None]
    return min(known) if len(known) == len(moments) else None


def _last(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def move_messages(merge: Merge) -> int:
    """Give the survivor the other's messages, and settle those that nobody has handed over yet."""
    waiting = Message.objects.filter(contact=merge.away, status__in=CLAIMABLE).order_by("pk")
    ids = list(waiting.values_list("pk", flat=True))
    twins = Message.objects.filter(contact=merge.keep, status__in=PENDING)
    wanted = set(twins.values_list(*_WHAT)) if ids else set()
    moved = merge.repoint(Message.objects.filter(contact=merge.away), "contact_id")
    messages = judging.load(ids, lock=True)
    verdicts = [
        replace(verdict, decision=policy.Decision("suppress", "merged"))
        if limits.automated(message) and message.template_id and _what(message) in wanted
        else verdict
        for message, verdict in zip(messages, judging.judge(messages), strict=True)
    ]
    judging.settle(messages, verdicts)
    return moved


def part(undo: Undo) -> None:
    """Each has its own messages in its own conversations again, and what waits is judged by its own number."""
    people = [undo.keep.pk, undo.away.pk]
    for stray in Message.objects.filter(contact__in=people).exclude(conversation__contact=F("contact")).values(
        "contact", "conversation", "channel"
    ).distinct():  # fmt: skip
        here = _own_conversation(stray["contact"], stray["channel"], like=stray["conversation"])
        Message.objects.filter(contact=stray["contact"], conversation=stray["conversation"]).update(
            conversation=here
        )
    _date_anew(Conversation.objects.filter(contact__in=people).order_by("pk"))
    waiting = Message.objects.filter(contact__in=people, status__in=CLAIMABLE).order_by("pk")
    messages = judging.load(waiting.values_list("pk", flat=True), lock=True)
    judging.settle(messages, judging.judge(messages))


def _own_conversation(contact_id: int, channel: str, *, like: int) -> Conversation:
    """The contact's conversation of a channel, or a new one in the state of another."""
    other = Conversation.objects.get(pk=like)
    state = {name: getattr(other, name) for name in ("location", *_CHANGED)}
    return Conversation.objects.get_or_create(contact_id=contact_id, channel=channel, defaults=state)[0]


def _date_anew(rows: Iterable[Conversation]) -> None:
    """The last moments of conversations, by the messages that are in them now."""
    found = {
        row["conversation"]: row
        for row in Message.objects.filter(conversation__in=rows).order_by().values("conversation").annotate(
            came=Max("received_at"), went=Max("sent_at")
        )
    }  # fmt: skip
    for row in rows:
        said = found.get(row.pk, {"came": None, "went": None})
        row.last_inbound_at, row.last_message_at = said["came"], _last(said["came"], said["went"])
        row.save(update_fields=["last_inbound_at", "last_message_at"])


_WHAT = ("channel", "template_id", "booking_id")


def _what(message: Message) -> tuple[Any, ...]:
    """What a message would say: of two automatic ones that say the same, one is enough."""
    return tuple(getattr(message, name) for name in _WHAT)


def connect() -> None:
    """Called when the app is ready."""
    merging.movers.register("messaging.conversation", move_conversations)
    merging.movers.register("messaging.message", move_messages)
    unmerging.afterwards.register("messaging", part)
