"""Kinds of acts at the desk: each app says how its own are done, read and taken back.

    kinds.register("contacts.move_stage", Kind(label="Move to another stage", resource="contacts", …))

`run` and `undo` get inner ids of rows that are locked, in the order in which they were chosen, and answer what was
refused of them; they call services, which record their events. `read` says the state that an undo puts back and by
which it sees that somebody changed the row since: codes, ids and times as JSON, never a personal value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction

from accounts import roles
from accounts.models import DeskActionItem, Location, User
from core.causes import Cause
from core.errors import DomainError
from core.registry import Registry

State = Mapping[str, Any]
Refusals = Mapping[int, DomainError]


@dataclass(frozen=True, slots=True)
class Doing:
    """An act as its kind sees it. `user` is who does or undoes it; `reason` is free text that a person typed."""

    location: Location
    user: User
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def cause(self) -> Cause:
        return Cause.user(self.user.pk)


def _no_lock(ids: Sequence[int]) -> None:
    return None


def _nobody(ids: Sequence[int]) -> dict[int, int]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of act is done. `model` ("contacts.Contact") is what it is done to; who may `gate` rows of
    `resource` may do and undo it.

    `lock` locks the rows in the house's order, contacts first. `read` is explained above; `contacts` says whose a
    row is. `said` puts a whole act into words from its parameters; `title` a row. `judge`, for a preview, answers what
    would be refused, without writing. `aside` names what of `read` the system changes by itself: it is put back, and is
    no sign that somebody changed the row.

    What a row's act led to is found by the events it recorded of the row's contact; `follow` and `withdraw` are for
    rows that are nobody's: what followed, and withdrawing what waits, counted. `lock_back` then locks for an undo
    instead of `lock`. Without `undo` it cannot be taken back, and `no_undo` says why.
    """

    label: str
    resource: str
    model: str
    read: Callable[[Sequence[int]], Mapping[int, State]]
    run: Callable[[Doing, Sequence[int]], Refusals]
    undo: Callable[[Doing, Mapping[int, State]], Refusals] | None = None
    lock: Callable[[Sequence[int]], object] = _no_lock
    contacts: Callable[[Sequence[int]], Mapping[int, int]] = _nobody
    said: Callable[[Mapping[str, Any]], str] | None = None
    judge: Callable[[Doing, Sequence[int]], Refusals] | None = None
    title: Callable[[Any], str] = str
    related: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    follow: Callable[[Sequence[DeskActionItem], User], Iterable[Line]] | None = None
    withdraw: Callable[[Sequence[DeskActionItem], Cause], Mapping[str, int]] | None = None
    lock_back: Callable[[Sequence[DeskActionItem]], object] | None = None
    gate: str = roles.UPDATE
    no_undo: str = "This cannot be undone."

    def words(self, parameters: Mapping[str, Any]) -> str:
        """The act in words, such as "Moved to Engaged"."""
        return self.said(parameters) if self.said is not None else self.label

    def rows(self) -> models.QuerySet[Any]:
        """Every row it could be done to; the caller narrows it by the gate."""
        from django.apps import apps

        return apps.get_model(self.model)._default_manager.select_related(*self.related)


kinds: Registry[Kind] = Registry("kind of desk action")


def one_by_one(act: Callable[[Doing, int], object]) -> Callable[[Doing, Sequence[int]], Refusals]:
    """A `run` made of a function for one row: each in a savepoint, a refusal leaves the others alone."""

    def run(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
        refused: dict[int, DomainError] = {}
        for pk in ids:
            try:
                with transaction.atomic():
                    act(doing, pk)
            except DomainError as refusal:
                refused[pk] = refusal
        return refused

    return run


def back_one_by_one(act: Callable[[Doing, int, State], object]) -> Callable[..., Refusals]:
    """An `undo` made of a function that is given one row and the state it had."""

    def undo(doing: Doing, before: Mapping[int, State]) -> Refusals:
        return one_by_one(lambda doing, pk: act(doing, pk, before[pk]))(doing, list(before))

    return undo


# What an act sets off, as apps above know it


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that will follow, or has followed: words, how often, and where to look."""

    text: str
    count: int = 1
    url: str = ""
    sent: bool = False
    """True for what has left the clinic and cannot be called back."""


#: What doing this would set off: (kind, doing, subjects) -> lines. Asked by previews; writes nothing.
foreseers: Registry[Callable[[str, Doing, Sequence[int]], Iterable[Line]]] = Registry("foreseer of an act")
#: What has followed from these events, for whoever may see it: (event ids, user) -> lines.
followers: Registry[Callable[[Sequence[int], User], Iterable[Line]]] = Registry("follower of events")
#: With an undo: withdraw what these events set off and has not happened yet. Answers how many of what.
withdrawers: Registry[Callable[[Sequence[int], Cause], Mapping[str, int]]] = Registry("withdrawer of events")


def foreseen(kind: str, doing: Doing, ids: Sequence[int]) -> list[Line]:
    """What doing this would set off."""
    return [line for _, foresee in foreseers.items() for line in foresee(kind, doing, ids)]
