"""What an act on visits will cause, before it is done: the texts that go, that are withdrawn, that stay.

The act is really done, whoever knows what follows from it lets that follow, and everything is rolled back. So a
preview cannot differ from what happens, unless something changes in between. Higher apps register how they follow
(`followers`); without any, a preview says nothing.

    previews.followers.register("automation", rehearsal.begin)
    foretold = previews.foretell(lambda: [services.cancel_booking(booking_id=7, cause=cause)], contact_ids=[3])
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from bookings.models import Booking
from core.registry import Registry


@dataclass(frozen=True, slots=True)
class Text:
    """One message. `at` is when it is to go or was to go (UTC), None for at once; `reason` says, in words for staff,
    why it does not go or why it waits. `later` marks one that is looked at again before it goes.
    """

    contact_id: int
    name: str
    body: str
    at: datetime | None = None
    reason: str = ""
    later: bool = False


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows from an act: messages by what becomes of them, and what staff will have to do. `note` says why
    nothing is sent at all, where that is so.
    """

    going: tuple[Text, ...] = ()
    withdrawn: tuple[Text, ...] = ()
    kept_back: tuple[Text, ...] = ()
    tasks: tuple[str, ...] = ()
    closed_tasks: int = 0
    note: str = ""

    def __bool__(self) -> bool:
        return bool(
            self.going or self.withdrawn or self.kept_back or self.tasks or self.closed_tasks or self.note
        )

    def __add__(self, other: Consequences) -> Consequences:
        return Consequences(
            self.going + other.going,
            self.withdrawn + other.withdrawn,
            self.kept_back + other.kept_back,
            self.tasks + other.tasks,
            self.closed_tasks + other.closed_tasks,
            self.note or other.note,
        )


@dataclass(frozen=True, slots=True)
class Foretold:
    """The visits as they would be (rows that are not in the database), and what would follow."""

    visits: list[Booking] = field(default_factory=list)
    consequences: Consequences = field(default_factory=Consequences)


#: Called after the act, within its transaction: what follows from it.
Follow = Callable[[Sequence[Booking]], Consequences]
#: Called before the act with the contacts it is about, as far as they exist.
Begin = Callable[[Collection[int]], Follow]

followers: Registry[Begin] = Registry("follower of visits")


def foretell(act: Callable[[], Sequence[Booking]], *, contact_ids: Collection[int] = ()) -> Foretold:
    """What `act`, which calls services and returns the visits it changed, would lead to. Nothing is kept.

    Raises whatever the act raises, so that a refusal is told before anything is confirmed.
    """
    with transaction.atomic():
        follows = [begin(contact_ids) for _, begin in followers.items()]
        visits = list(act())
        consequences = Consequences()
        for follow in follows:
            consequences += follow(visits)
        transaction.set_rollback(True)
    return Foretold(visits, consequences)
