"""One thing a person did to a row or to many: done in parts, watched, stopped, taken back.

    action = start("contacts.move_stage", location=here, user=me, parameters={…}, items=[contact.pk, …])
    action = do_one("tasks.snooze", location=here, user=me, parameters={…}, item=task.pk)   # raises what refused it
    cancel(action, user=me)
    undo(action, user=me)

Up to `INLINE` rows are done in the caller's request, more by work items, `PART` rows each. An item and its effect
commit together, and so does the next part's work item: a worker that dies leaves nothing half done, and whoever takes
over does nothing twice. The action's row is locked first, then what the kind locks, contacts first.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max, QuerySet

from accounts import access
from accounts.desk_kinds import Doing, Kind, Line, back_one_by_one, followers, kinds, one_by_one, withdrawers
from accounts.events import (
    DESK_ACTION_CANCELLED,
    DESK_ACTION_FINISHED,
    DESK_ACTION_STARTED,
    DESK_ACTION_UNDONE,
)
from accounts.models import DeskAction, DeskActionItem, Location, User
from core import clock, events, work
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import Conflict, DomainError, Invalid, NotFound
from core.models import Event, Work

__all__ = [
    "Doing", "Kind", "back_one_by_one", "cancel", "do_one", "followed", "kinds", "one_by_one", "open_items", "start",
    "undo", "why_not_undo",
]  # fmt: skip

logger = logging.getLogger(__name__)

HANDLER = "accounts.desk_action"
INLINE = 50
PART = 100
MOST = 5_000
UNDO_FOR = timedelta(days=30)
FAILED = "Something went wrong with this one. It was noted for whoever looks after the system."
GONE = "It is no longer there."

State, Outcome = DeskAction.State, DeskActionItem.Outcome
_CAN_BE_UNDONE = (State.DONE, State.CANCELLED, State.UNDONE_PARTLY)

declare("desk_action.part", "desk_action.item")


# Doing


@transaction.atomic
def start(
    kind: str,
    *,
    location: Location,
    user: User,
    items: Iterable[int],
    parameters: Mapping[str, Any] | None = None,
    reason: str = "",
) -> DeskAction:
    """Write down an act on rows of one clinic (inner ids, in order) and do it, or begin to.

    What is refused stands in the items. Raises NotAllowed when this person may not, NotFound for a row that is not
    theirs to act on, Invalid for none or too many.
    """
    action = _written(kind, location, user, list(dict.fromkeys(items)), parameters or {}, reason)
    if action.total <= INLINE:
        _part(action, INLINE)
    else:
        _enqueue(action)
    return action


@transaction.atomic
def do_one(
    kind: str,
    *,
    location: Location,
    user: User,
    item: int,
    parameters: Mapping[str, Any] | None = None,
    reason: str = "",
) -> DeskAction:
    """Do an act to one row, so that it can be undone. A refusal is raised, and nothing is written."""
    action = _written(kind, location, user, [item], parameters or {}, reason)
    _part(action, 1, raising=True)
    return action


def _written(
    kind: str, location: Location, user: User, ids: list[int], parameters: Mapping[str, Any], reason: str
) -> DeskAction:
    what = kinds.get(kind)
    if not ids:
        raise Invalid("Choose at least one row.", code="nothing_chosen")
    if len(ids) > MOST:
        raise Invalid(f"At most {MOST:,} rows at once; these are {len(ids):,}.", code="too_many")
    access.check(user, what.gate, what.resource, location)
    path = access.access_of(what.rows().model).location
    theirs = access.visible(what.rows().model, user, what.gate).filter(**{path: location.pk}, pk__in=ids)
    if theirs.count() != len(ids):
        raise NotFound("Some of these rows are not there, or belong to another clinic.")
    action = DeskAction.objects.create(
        location=location, user=user, kind=kind, label=what.words(parameters)[:160], parameters=dict(parameters),
        reason=reason, total=len(ids),
    )  # fmt: skip
    whose = what.contacts(ids)
    DeskActionItem.objects.bulk_create(
        [DeskActionItem(action=action, subject_id=pk, contact_id=whose.get(pk)) for pk in ids],
        batch_size=1000,
    )
    _tell(DESK_ACTION_STARTED, action, user, total=len(ids))
    return action


def _enqueue(action: DeskAction) -> None:
    work.enqueue(
        HANDLER,
        location_id=action.location_id,
        subject=f"desk_action:{action.pk}",
        args={"action": action.pk},
    )


@work.handler(HANDLER)
def go_on(items: list[Work]) -> None:
    """Do, or undo, the next part of an act, unless it was stopped meanwhile."""
    for item in items:
        action = _locked(item.args["action"])
        more = False
        if action.state == State.RUNNING:
            more = _part(action, PART)
        elif action.state == State.UNDOING:
            more = _part_back(action, PART)
        if more:
            _enqueue(action)


def _locked(pk: int) -> DeskAction:
    rows = DeskAction.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("location", "user", "undone_by").get(pk=pk)


def _part(action: DeskAction, size: int, *, raising: bool = False) -> bool:
    """Do the next rows of a locked action. Returns whether any are left."""
    items = list(action.items.filter(outcome=Outcome.WAITING).order_by("pk")[: size + 1])
    more, items = len(items) > size, items[:size]
    doing = Doing(action.location, action.user, action.parameters, action.reason)
    kind = kinds.get(action.kind)
    kind.lock([item.subject_id for item in items])
    if raising:
        _attempt(kind, doing, items, raising=True)
    else:
        for failed in _each_alone(kind, items, lambda some: _attempt(kind, doing, some)):
            failed.outcome, failed.why, failed.at = Outcome.FAILED, FAILED, clock.now()
    crashpoint("desk_action.item")
    DeskActionItem.objects.bulk_update(items, ["outcome", "why", "before", "after", "events", "at"])
    action.done += sum(item.outcome in (Outcome.DONE, Outcome.ALREADY) for item in items)
    action.refused += sum(item.outcome in (Outcome.REFUSED, Outcome.FAILED) for item in items)
    if already := sum(item.outcome == Outcome.ALREADY for item in items):
        action.result = {**action.result, "already": action.already + already}
    if not more:
        action.state, action.finished_at = State.DONE, clock.now()
        _tell(DESK_ACTION_FINISHED, action, action.user, done=action.done, refused=action.refused)
    action.save()
    crashpoint("desk_action.part")
    return more


def _each_alone(
    kind: Kind, items: Sequence[DeskActionItem], act: Callable[[Sequence[DeskActionItem]], None]
) -> list[DeskActionItem]:
    """Act on these rows as a set; when that breaks, on one by one, so that one that is poisoned fails alone.

    Returns those that failed. What says that all of it is to be tried again (a deadlock) is raised.
    """
    try:
        with transaction.atomic():
            act(items)
    except (DomainError, OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(items) > 1:
            return [failed for item in items for failed in _each_alone(kind, [item], act)]
        said = {"kind": kind.label, "item": items[0].pk, "error": work.describe(error)}
        logger.error("desk action failed", extra=said)
        return list(items)
    return []


def _attempt(kind: Kind, doing: Doing, items: Sequence[DeskActionItem], *, raising: bool = False) -> None:
    ids = [item.subject_id for item in items]
    last = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    before = kind.read(ids)
    there = [pk for pk in ids if pk in before]
    gone = {pk: NotFound(GONE) for pk in ids if pk not in before}
    refused = {**gone, **kind.run(doing, there)}
    if raising and refused:
        raise next(iter(refused.values()))
    after, told = kind.read(there), _recorded(last, doing, items)
    for item in items:
        pk = item.subject_id
        item.before, item.after, item.at = before.get(pk), after.get(pk), clock.now()
        item.events, item.why = told.get(item.pk, []), ""
        if pk in refused:
            item.outcome, item.why = Outcome.REFUSED, refused[pk].message[:400]
        else:
            item.outcome = Outcome.ALREADY if item.before == item.after else Outcome.DONE


def _recorded(last: int, doing: Doing, items: Sequence[DeskActionItem]) -> dict[int, list[int]]:
    """The events each row's act recorded: by this person, of its contact, since the contact was locked."""
    by_contact: dict[int | None, list[DeskActionItem]] = {}
    for item in items:
        if item.contact_id is not None:
            by_contact.setdefault(item.contact_id, []).append(item)
    rows = Event.objects.filter(
        pk__gt=last, cause_kind=doing.cause.kind, cause_id=doing.cause.id, contact_id__in=by_contact
    )
    found: dict[int, list[int]] = {}
    for pk, contact_id in rows.order_by("pk").values_list("pk", "contact_id"):
        for item in by_contact[contact_id]:
            found.setdefault(item.pk, []).append(pk)
    return found


# Stopping


@transaction.atomic
def cancel(action: DeskAction, *, user: User) -> DeskAction:
    """Stop an act, or its undo: what is done stays, the rest is left. Twice is a no-op.

    Raises NotAllowed for who may not do the act, Conflict when nothing is left to stop.
    """
    row = _checked(action, user)
    if row.state == State.UNDOING:
        return _finish_undo(row, user)
    if row.state == State.CANCELLED:
        return row
    if row.state != State.RUNNING:
        raise Conflict("All of it is done; nothing is left to stop.", code="done")
    left = row.items.filter(outcome=Outcome.WAITING).update(outcome=Outcome.LEFT)
    row.state, row.finished_at = State.CANCELLED, clock.now()
    row.save()
    _tell(DESK_ACTION_CANCELLED, row, user, done=row.done, left=left)
    return row


# Undoing


def why_not_undo(action: DeskAction, user: User) -> str:
    """Why this person cannot undo it now; "" when they can."""
    kind = kinds.get(action.kind) if action.kind in kinds else None
    if kind is None or kind.undo is None:
        return kind.no_undo if kind is not None else "This kind of act is not known any more."
    if not access.allowed(user, kind.gate, kind.resource, action.location_id):
        return "Your account may not undo this."
    if action.state == State.UNDONE:
        return "It is undone."
    if action.state not in _CAN_BE_UNDONE:
        return "It is still going on."
    if clock.now() - action.created_at > UNDO_FOR:
        return f"It is more than {UNDO_FOR.days} days ago."
    if not action.changed:
        return "Nothing was changed."
    return ""


@transaction.atomic
def undo(action: DeskAction, *, user: User) -> DeskAction:
    """Put back what each row was before, unless somebody changed it since; `why_not_undone` says which and why.

    What these set off and has not happened yet is withdrawn. Raises NotAllowed, or Conflict when it cannot be
    undone (see `why_not_undo`).
    """
    row = _checked(action, user)
    if why := why_not_undo(row, user):
        raise Conflict(why, code="cannot_be_undone")
    row.state, row.undone_by = State.UNDOING, user
    open_items(row).update(asked_at=None)
    row.save()
    if row.done <= INLINE:
        _part_back(row, INLINE)
    else:
        _enqueue(row)
    return row


def open_items(action: DeskAction) -> QuerySet[DeskActionItem]:
    """What was done and is not undone."""
    return action.items.filter(outcome=Outcome.DONE, undone_at__isnull=True)


def _part_back(action: DeskAction, size: int) -> bool:
    """Undo the next rows of a locked action. Returns whether any are left."""
    found = list(open_items(action).filter(asked_at__isnull=True).order_by("-pk")[: size + 1])
    more, items = len(found) > size, found[:size]
    user = action.undone_by or action.user
    kind, doing = kinds.get(action.kind), Doing(action.location, user, action.parameters, action.reason)
    kind.lock_back(items) if kind.lock_back else kind.lock([item.subject_id for item in items])
    for failed in _each_alone(kind, items, lambda some: _take_back(kind, doing, some, action)):
        failed.undone_at, failed.why_not_undone = None, FAILED
    for item in items:
        item.asked_at = clock.now()
    DeskActionItem.objects.bulk_update(items, ["undone_at", "why_not_undone", "asked_at"])
    action.undone += sum(item.undone_at is not None for item in items)
    if not more:
        _finish_undo(action, user)
    else:
        action.save()
    crashpoint("desk_action.part")
    return more


def _take_back(kind: Kind, doing: Doing, items: Sequence[DeskActionItem], action: DeskAction) -> None:
    now = kind.read([item.subject_id for item in items])
    going: dict[int, DeskActionItem] = {}
    for item in items:
        if why := changed_since(kind, item, now.get(item.subject_id)):
            item.why_not_undone = why[:400]
        else:
            going[item.subject_id] = item
    assert kind.undo is not None
    refused = kind.undo(doing, {pk: item.before or {} for pk, item in going.items()})
    for pk, item in going.items():
        if pk in refused:
            item.why_not_undone = refused[pk].message[:400]
        else:
            item.undone_at, item.why_not_undone = clock.now(), ""
    if undone := [item for item in going.values() if item.undone_at is not None]:
        _withdraw(action, kind, undone, doing)


def _withdraw(action: DeskAction, kind: Kind, undone: Sequence[DeskActionItem], doing: Doing) -> None:
    withdrawn = Counter[str](action.result.get("withdrawn", {}))
    if told := [pk for item in undone for pk in item.events]:
        for _, withdraw in withdrawers.items():
            withdrawn.update(withdraw(told, doing.cause))
    if kind.withdraw is not None:
        withdrawn.update(kind.withdraw(undone, doing.cause))
    action.result = {**action.result, "withdrawn": dict(withdrawn)}


def changed_since(kind: Kind, item: DeskActionItem, found: Mapping[str, Any] | None) -> str:
    """Why a row whose state is now `found` cannot be put back: it is gone, or other than this act left it."""
    if found is None:
        return GONE
    after = item.after or {}
    watched = (name for name in found if name not in kind.aside)
    names = [name.replace("_", " ") for name in watched if found[name] != after.get(name)]
    return f"It was changed since: {', '.join(names)}." if names else ""


def _finish_undo(action: DeskAction, user: User) -> DeskAction:
    kept = open_items(action).count()
    action.state = State.UNDONE_PARTLY if kept else State.UNDONE
    action.undone_at = clock.now()
    action.save()
    _tell(DESK_ACTION_UNDONE, action, user, undone=action.undone, kept=kept)
    return action


def followed(action: DeskAction, user: User) -> list[Line]:
    """What has followed from it, what was sent first. Reads the first thousand rows of a larger act."""
    items, kind = action.items.filter(outcome=Outcome.DONE).order_by("pk")[:1000], kinds.get(action.kind)
    ids = [pk for found in items.values_list("events", flat=True) for pk in found]
    lines = [line for _, follow in followers.items() for line in follow(ids, user)] if ids else []
    if kind.follow is not None:
        lines += kind.follow(list(items), user)
    return sorted(lines, key=lambda line: not line.sent)


def _checked(action: DeskAction, user: User) -> DeskAction:
    row, kind = _locked(action.pk), kinds.get(action.kind)
    access.check(user, kind.gate, kind.resource, row.location)
    return row


def _tell(type: events.EventType, action: DeskAction, user: User, **data: int) -> None:
    events.record(
        type, cause=Cause.user(user.pk), location_id=action.location_id, source="user",
        data={"action": str(action.public_id), "kind": action.kind, **data},
    )  # fmt: skip
