"""The one table of work: deliveries, receipts to apply, delayed actions, local schedules.

A worker claims due items in a short transaction (SKIP LOCKED, a lease, a fencing number, the database's clock),
runs their handler, and commits the effect together with "done". So an effect happens once, whoever dies when; and
what is not done is found again when its lease runs out. Holding an item is `core.claims`.

Order: an item is not claimed while an earlier one of its subject and handler waits. "Earlier" is (due_at, id). A
retried item keeps its place, so its followers wait until it is done or parked.
"""

from __future__ import annotations

import logging
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from core import claims, clock, doorbell, log_context
from core.claims import LeaseLost
from core.crashpoints import crashpoint, declare
from core.errors import Conflict
from core.models import Event, Work
from core.registry import Registry

logger = logging.getLogger(__name__)

FIRST_RETRY = timedelta(seconds=5)
CLAIM_SIZE = 200

declare("work.claimed", "work.foretold", "work.handled", "work.done", "work.failed")

HandlerFunction = Callable[[list[Work]], None]


class Park(Exception):
    """Raised by a handler: trying again cannot help, a person must look."""


@dataclass(frozen=True)
class Handler:
    """What runs items of one kind: `function` gets at most `batch` items, within one transaction."""

    name: str
    function: HandlerFunction
    batch: int


@dataclass(frozen=True)
class NewWork:
    """An item about to be enqueued. `args` holds ids only; an empty `subject` asks for no order."""

    handler: str
    location_id: int | None
    subject: str = ""
    due_at: datetime | None = None
    expires_at: datetime | None = None
    dedupe_key: str | None = None
    args: dict[str, Any] = field(default_factory=dict)
    event_id: int | None = None


_handlers: Registry[Handler] = Registry("work handler")
#: What waits, and what was parked.
_UNDONE = (*Work.OPEN, Work.State.PARKED)


def handler(name: str, *, batch: int = 1) -> Callable[[HandlerFunction], HandlerFunction]:
    """Register the function that runs items called `name`. It may raise to be tried again, or `Park`."""

    def register(function: HandlerFunction) -> HandlerFunction:
        _handlers.register(name, Handler(name, function, batch))
        return function

    return register


def enqueue(handler: str, *, location_id: int | None, **fields: Any) -> None:
    """Enqueue one item; the fields are those of `NewWork`. A known dedupe key is a no-op."""
    enqueue_many([NewWork(handler=handler, location_id=location_id, **fields)])


def enqueue_many(news: Sequence[NewWork]) -> None:
    """Enqueue a set of items in one statement, in the caller's transaction, and ring if any is due."""
    now = clock.now()
    for new in news:
        _handlers.get(new.handler)
    Work.objects.bulk_create(
        (
            Work(
                handler=new.handler, location_id=new.location_id, subject=new.subject, due_at=new.due_at or now,
                expires_at=new.expires_at, dedupe_key=new.dedupe_key, args=new.args, event_id=new.event_id,
            )
            for new in news
        ),
        ignore_conflicts=True,
    )  # fmt: skip
    if any(new.due_at is None or new.due_at <= now for new in news):
        doorbell.ring_on_commit()


def cancel(dedupe_keys: Iterable[str]) -> int:
    """Withdraw items that have not run. Returns how many."""
    return Work.objects.filter(dedupe_key__in=list(dedupe_keys), state=Work.State.PENDING).update(
        state=Work.State.CANCELLED, finished_at=clock.now()
    )


def move_subject(old: str, new: str, *, only: Iterable[int] | None = None) -> list[int]:
    """Let what waits for one subject, and what was parked, be about another; all of it, or `only` these items.
    Returns the ids of the items.

    An event is never changed; its handler finds the contact of the item's subject in it (see `core.claims`).
    """
    names = [name for name, _ in _handlers.items()]
    items = Work.objects.filter(handler__in=names, subject=old, state__in=_UNDONE)
    if only is not None:
        items = items.filter(pk__in=list(only))
    ids = sorted(items.values_list("pk", flat=True))
    Work.objects.filter(pk__in=ids, subject=old, state__in=_UNDONE).update(subject=new)
    return ids


def waiting_for(subject: str, *, events: Iterable[int]) -> list[int]:
    """The items of a subject that wait, or were parked, and deliver one of these events."""
    found = Work.objects.filter(subject=subject, state__in=_UNDONE, event_id__in=list(events))
    return list(found.values_list("pk", flat=True))


def retry(work_id: int) -> None:
    """Put a parked item back in line, with all its tries. Conflict when it is not parked."""
    changed = Work.objects.filter(pk=work_id, state=Work.State.PARKED).update(
        state=Work.State.PENDING, attempts=0, retry_at=None, finished_at=None
    )
    if not changed:
        raise Conflict(
            "Only a parked item can be tried again; this one is not parked.",
            code="not_parked",
        )
    doorbell.ring_on_commit()


def replay(event: Event, handlers: Iterable[str]) -> int:
    """Deliver an event again to these handlers; whatever it did before is kept by their unique keys."""
    names = list(handlers)
    keys = [f"event:{event.pk}:{name}" for name in names]
    Work.objects.filter(dedupe_key__in=keys).exclude(state=Work.State.CLAIMED).update(
        state=Work.State.PENDING, attempts=0, retry_at=None, finished_at=None
    )
    subject = f"contact:{event.contact_id}" if event.contact_id else f"location:{event.location_id}"
    enqueue_many(
        [
            NewWork(
                handler=name,
                location_id=event.location_id,
                subject=subject,
                dedupe_key=key,
                event_id=event.pk,
            )
            for name, key in zip(names, keys, strict=True)
        ]
    )
    return len(names)


def drain(*, max_items: int | None = None, deadline: float | None = None) -> int:
    """Run due work until none is left, `max_items` were run, or `deadline` (of `time.monotonic`) has passed.

    Returns how many items were run (done, retried or parked).
    """
    ran = 0
    while max_items is None or ran < max_items:
        if deadline is not None and monotonic() > deadline:
            break
        claimed = claim(limit=CLAIM_SIZE if max_items is None else min(CLAIM_SIZE, max_items - ran))
        if not claimed:
            break
        crashpoint("work.claimed")
        for name, items in _turns(claimed):
            _run_in_batches(_handlers.get(name), items)
        ran += len(claimed)
    return ran


def _turns(claimed: list[Work]) -> Iterator[tuple[str, list[Work]]]:
    """Claimed items by handler. What a worker ended with before, and its subject's, comes last: whoever ends with it
    again leaves nothing undone.
    """
    feared = {(item.handler, item.subject or item.pk) for item in claimed if claims.was_deadly(item)}
    groups: dict[tuple[bool, str], list[Work]] = defaultdict(list)
    for item in claimed:
        groups[(item.handler, item.subject or item.pk) in feared, item.handler].append(item)
    for (_, name), items in sorted(groups.items(), key=lambda group: group[0][0]):
        yield name, items


def claim(*, limit: int = CLAIM_SIZE) -> list[Work]:
    """Claim due items of the registered handlers. See `core.claims.claim`."""
    return claims.claim({name: handler.batch for name, handler in _handlers.items()}, limit=limit)


def _run_in_batches(handler: Handler, items: list[Work]) -> None:
    """Run claimed items in order; behind one that failed, those of its subject wait."""
    blocked: set[str] = set()
    for batch in _batches(items, handler.batch):
        for item in batch:
            if item.subject in blocked:
                claims.release(item)
        going = [item for item in batch if item.subject not in blocked]
        if going:
            blocked |= _run(handler, going)


def _batches(items: list[Work], size: int) -> Iterator[list[Work]]:
    """Items in their order, at most `size` together. What was tried before goes alone: it may be why."""
    batch: list[Work] = []
    for item in items:
        if batch and (item.attempts > 1 or batch[-1].attempts > 1 or len(batch) == size):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _run(handler: Handler, items: list[Work]) -> set[str]:
    """Run a batch. Returns the subjects whose later items must wait, because one of theirs is not done."""
    subjects = {item.subject for item in items if item.subject}
    try:
        _attempt(handler, items)
    except LeaseLost:
        logger.warning(
            "lease lost",
            extra={"handler": handler.name, "items": [item.pk for item in items]},
        )
        return subjects
    except (OperationalError, InterfaceError) as error:
        # Deadlock, serialization failure, lock time-out, lost connection: nothing happened, all of it again.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        for item in items:
            _fail(item, error)
        return subjects
    except Exception as error:
        if len(items) > 1:
            return _run_one_by_one(handler, items)
        _fail(items[0], error)
        return subjects
    return set()


def _attempt(handler: Handler, items: list[Work]) -> None:
    if items[0].attempts > 1:
        claims.foretell(items[0])
        crashpoint("work.foretold")
    ids = log_context.some([item.pk for item in items])
    event_id = items[0].event_id if len(items) == 1 else None
    with log_context.bound(handler=handler.name, work=ids, event_id=event_id), transaction.atomic():
        handler.function(items)
        crashpoint("work.handled")
        claims.finish(items)
    crashpoint("work.done")


def _run_one_by_one(handler: Handler, items: list[Work]) -> set[str]:
    """A batch failed: each item alone, so that a poisoned one fails alone and only its own followers wait."""
    blocked: set[str] = set()
    for item in items:
        if item.subject and item.subject in blocked:
            claims.release(item)
            continue
        try:
            _attempt(handler, [item])
        except LeaseLost:
            logger.warning("lease lost", extra={"handler": handler.name, "items": [item.pk]})
            if item.subject:
                blocked.add(item.subject)
        except Exception as error:
            _fail(item, error)
            if item.subject:
                blocked.add(item.subject)
    return blocked


def _fail(item: Work, error: Exception) -> None:
    """Back in line with a growing pause, or parked: at once when asked to, else after claims.MAX_TRIES."""
    park = isinstance(error, Park) or item.attempts >= claims.MAX_TRIES
    logger.error(
        "work failed",
        extra={
            "handler": item.handler,
            "item": item.pk,
            "event_id": item.event_id,
            "error": type(error).__name__,
        },
    )
    if park:
        changes = {
            "state": Work.State.PARKED,
            "finished_at": clock.now(),
            "retry_at": None,
        }
    else:
        pause = FIRST_RETRY * 4 ** (item.attempts - 1)
        changes = {"state": Work.State.PENDING, "retry_at": clock.now() + pause}
    claims.mine(item).update(lease_until=None, last_error=describe(error), **changes)
    crashpoint("work.failed")


def describe(error: Exception) -> str:
    """Where and what kind, for the work page. Not the message of foreign errors: it may quote personal values."""
    if isinstance(error, Park):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = (
        f" at {frames[-1].filename.rsplit('/', 2)[-1]}:{frames[-1].lineno} in {frames[-1].name}"
        if frames
        else ""
    )
    return f"{type(error).__name__}{where}"
