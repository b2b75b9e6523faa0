"""Moving contacts along the pipelines. `contacts.pipeline` knows the moves; here they happen, as sets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from contacts import events, pipeline
from contacts.commands import MoveResult, StageMove
from contacts.locks import contacts_for_update
from contacts.models import Contact, StageChange
from contacts.pipeline import Place
from core import clock
from core import events as log
from core.causes import Cause
from core.errors import DomainError
from core.events import NewEvent

_CODE = re.compile(r"[a-z0-9_]{1,60}")


@dataclass
class _Plan:
    """What a set of moves comes to, before anything is written."""

    now: datetime
    moved: dict[int, Contact] = field(default_factory=dict)
    changes: list[StageChange] = field(default_factory=list)
    told: list[NewEvent] = field(default_factory=list)

    def step(self, contact: Contact, target: Place, move: StageMove) -> None:
        source = where(contact)
        self.changes.append(
            StageChange(
                contact=contact, location_id=contact.location_id, from_pipeline=source.pipeline,
                from_stage=source.stage, to_pipeline=target.pipeline, to_stage=target.stage, at=self.now,
                reason=move.reason, cause_kind=move.cause.kind, cause_id=str(move.cause.id),
            )
        )  # fmt: skip
        self.told.append(
            NewEvent(
                type=events.STAGE_MOVED,
                cause=move.cause,
                location_id=contact.location_id,
                contact_id=contact.pk,
                data={
                    "from_pipeline": source.pipeline,
                    "from_stage": source.stage,
                    "to_pipeline": target.pipeline,
                    "to_stage": target.stage,
                    "reason": _code(move.reason),
                },
            )
        )
        contact.current_pipeline, contact.current_stage = target
        contact.stage_entered_at = contact.updated_at = self.now
        self.moved[contact.pk] = contact


def where(contact: Contact) -> Place:
    """Where the contact stands."""
    return Place(contact.current_pipeline, contact.current_stage)


@transaction.atomic
def move_stages(moves: Sequence[StageMove]) -> list[MoveResult]:
    """Make moves, as a set and in order; a refused one changes nothing and says why in its result.

    A contact that gets a booking passes through `booked`: one StageChange and one event for each step. A
    person may make the table's moves only, and gives a reason where one is needed.
    """
    contacts = contacts_for_update(move.contact_id for move in moves)
    plan = _Plan(clock.now())
    results = []
    for move in moves:
        contact = contacts[move.contact_id]
        try:
            steps = _steps(contact, move)
        except DomainError as error:
            results.append(MoveResult(contact.pk, False, error))
            continue
        for target in steps:
            plan.step(contact, target, move)
        results.append(MoveResult(contact.pk, bool(steps)))
    _carry_out(plan)
    return results


def move_stage(move: StageMove) -> MoveResult:
    """Make one move. Raises MoveRefused (409) naming both stages, or Invalid (422) for a missing reason or a
    stage that does not exist."""
    (result,) = move_stages([move])
    if result.error is not None:
        raise result.error
    return result


def follow(contact: Contact, steps: Sequence[Place], move: StageMove) -> None:
    """Take a locked contact along these steps without telling rules of it: nothing new happened to the person.

    Writes the StageChange rows; the caller saves the contact and records why.
    """
    plan = _Plan(clock.now())
    for target in steps:
        plan.step(contact, target, move)
    StageChange.objects.bulk_create(plan.changes)


@transaction.atomic
def take_move_back(*, contact_id: int, place: Place, since: datetime, cause: Cause) -> Contact:
    """Undo a move: the contact stands again where it stood, since then (aware). Another such is a no-op.

    No rule hears of it as of a move: stage_move_undone is recorded. The way back need not be in the table.
    """
    contact = contacts_for_update([contact_id])[contact_id]
    was = where(contact)
    if was == place:
        return contact
    follow(contact, [place], StageMove(contact.pk, *place, "undone", cause=cause))
    contact.stage_entered_at = since
    Contact.objects.bulk_update(
        [contact], ["current_pipeline", "current_stage", "stage_entered_at", "updated_at"]
    )
    data = {
        "from_pipeline": was.pipeline, "from_stage": was.stage, "to_pipeline": place.pipeline, "to_stage": place.stage,
    }  # fmt: skip
    log.record(
        events.STAGE_MOVE_UNDONE, cause=cause, location_id=contact.location_id, contact_id=contact.pk, data=data,
        source="user" if cause.kind == "user" else "system",
    )  # fmt: skip
    return contact


def _steps(contact: Contact, move: StageMove) -> tuple[Place, ...]:
    target = pipeline.place(move.pipeline, move.stage)
    if move.cause.kind == "user":
        return pipeline.staff_path(where(contact), target, reason=move.reason)
    return pipeline.path(where(contact), target)


def _carry_out(plan: _Plan) -> None:
    if not plan.moved:
        return
    Contact.objects.bulk_update(
        list(plan.moved.values()), ["current_pipeline", "current_stage", "stage_entered_at", "updated_at"]
    )
    StageChange.objects.bulk_create(plan.changes)
    log.record_many(plan.told)


def _code(reason: str) -> str:
    """What an event may hold of a reason:
    a code as it is; of a person's own words only that there are some.
    """
    if not reason or _CODE.fullmatch(reason):
        return reason
    return "in_words"
