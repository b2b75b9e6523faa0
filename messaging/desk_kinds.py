"""What staff do with conversations so that it can be taken back: whose they are, rest, and end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.desk_kinds import Doing, Kind, State, back_one_by_one, kinds, one_by_one
from accounts.models import User
from contacts.locks import contacts_for_update
from core import clock
from core.errors import Invalid
from messaging import talks
from messaging.models import Conversation

ASSIGN = "messaging.assign"
SNOOZE = "messaging.snooze"
CLOSE = "messaging.close"


def _lock(ids: Sequence[int]) -> None:
    rows = Conversation.objects.filter(pk__in=ids)
    contacts_for_update(rows.values_list("contact_id", flat=True))
    list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk"))


def _contacts(ids: Sequence[int]) -> dict[int, int]:
    return dict(Conversation.objects.filter(pk__in=ids).values_list("pk", "contact_id"))


def _whose(ids: Sequence[int]) -> dict[int, State]:
    rows = Conversation.objects.filter(pk__in=ids).values_list("pk", "assigned_to_id")
    return {pk: {"assigned_to": to} for pk, to in rows}


def _standing(ids: Sequence[int]) -> dict[int, State]:
    rows = Conversation.objects.filter(pk__in=ids).values_list("pk", "state", "snoozed_until")
    return {
        pk: {"state": state, "snoozed_until": until.isoformat() if until else None}
        for pk, state, until in rows
    }


def _colleague(pk: int | None) -> User | None:
    if pk is None:
        return None
    found = User.objects.filter(pk=pk).first()
    if found is None:
        raise Invalid("That colleague is no longer there.", code="no_colleague")
    return found


def _assign(doing: Doing, pk: int) -> None:
    talks.assign_conversation(
        conversation_id=pk, to=_colleague(doing.parameters["assigned_to"]), cause=doing.cause
    )


def _assign_back(doing: Doing, pk: int, before: State) -> None:
    talks.assign_conversation(conversation_id=pk, to=_colleague(before["assigned_to"]), cause=doing.cause)


def _snooze(doing: Doing, pk: int) -> None:
    until = datetime.fromisoformat(doing.parameters["until"])
    talks.snooze_conversation(conversation_id=pk, until=until, cause=doing.cause)


def _close(doing: Doing, pk: int) -> None:
    talks.close_conversation(conversation_id=pk, cause=doing.cause)


def _stand_back(doing: Doing, pk: int, before: State) -> None:
    """As it stood; one whose rest would be over by now is open."""
    talks.reopen_conversation(conversation_id=pk, cause=doing.cause)
    until = datetime.fromisoformat(before["snoozed_until"]) if before["snoozed_until"] else None
    if before["state"] == Conversation.State.CLOSED:
        talks.close_conversation(conversation_id=pk, cause=doing.cause)
    elif until is not None and until > clock.now():
        talks.snooze_conversation(conversation_id=pk, until=until, cause=doing.cause)


def connect() -> None:
    """Called from AppConfig.ready()."""
    shared: dict[str, Any] = {
        "resource": "messages", "model": "messaging.Conversation", "lock": _lock, "contacts": _contacts,
        "related": ("contact", "location"), "title": lambda row: row.contact.name or "Unnamed",
    }  # fmt: skip
    made = {
        ASSIGN: Kind(
            label="Conversation assigned", read=_whose, run=one_by_one(_assign), undo=back_one_by_one(_assign_back),
            **shared,
        ),
        SNOOZE: Kind(
            label="Conversation snoozed", read=_standing, run=one_by_one(_snooze), undo=back_one_by_one(_stand_back),
            **shared,
        ),
        CLOSE: Kind(
            label="Conversation closed", read=_standing, run=one_by_one(_close), undo=back_one_by_one(_stand_back),
            **shared,
        ),
    }  # fmt: skip
    for name, kind in made.items():
        kinds.register(name, kind)
