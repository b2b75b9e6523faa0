"""The one table of work: deliveries, receipts to apply, delayed actions, local schedules.

A worker claims due items in a short transaction (SKIP LOCKED, a lease, a fencing number, the database's clock),
runs their handler, and commits the effect together with "done". So an effect happens once, whoever dies when; and
what is not done is found again when its lease runs out.

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
from django.db.models import F

from core import clock, doorbell, log_context
from core.crashpoints import crashpoint, declare
from core.errors import Conflict
from core.models import Event, Work
from core.registry import Registry

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)
MAX_TRIES = 5
FIRST_RETRY = timedelta(seconds=5)
CLAIM_SIZE = 200
WORKER_ENDED = "The worker ended while doing this."
#: The same, of an item that was claimed anew since.
WORKER_ENDED_BEFORE = "A worker ended while doing this earlier."

declare("work.claimed", "work.foretold", "work.handled", "work.done", "work.failed")

HandlerFunction = Callable[[list[Work]], None]


class Park(Exception):
    """Raised by a handler: trying again cannot help, a person must look."""


class LeaseLost(Exception):
    """Another worker took the items over; what this one did is rolled back."""


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

    An event is never changed; its handler finds the contact of the item's subject in it (see `claim`).
    """
    waiting = (Work.State.PENDING, Work.State.CLAIMED, Work.State.PARKED)
    names = [name for name, _ in _handlers.items()]
    items = Work.objects.filter(handler__in=names, subject=old, state__in=waiting)
    if only is not None:
        items = items.filter(pk__in=list(only))
    ids = sorted(items.values_list("pk", flat=True))
    Work.objects.filter(pk__in=ids, subject=old, state__in=waiting).update(subject=new)
    return ids


def waiting_for(subject: str, *, events: Iterable[int]) -> list[int]:
    """The items of a subject that wait, or were parked, and deliver one of these events."""
    waiting = (Work.State.PENDING, Work.State.CLAIMED, Work.State.PARKED)
    found = Work.objects.filter(subject=subject, state__in=waiting, event_id__in=list(events))
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
    feared = {(item.handler, item.subject or item.pk) for item in claimed if _was_deadly(item)}
    groups: dict[tuple[bool, str], list[Work]] = defaultdict(list)
    for item in claimed:
        groups[(item.handler, item.subject or item.pk) in feared, item.handler].append(item)
    for (_, name), items in sorted(groups.items(), key=lambda group: group[0][0]):
        yield name, items


def _was_deadly(item: Work) -> bool:
    return item.last_error in (WORKER_ENDED, WORKER_ENDED_BEFORE)


# A worker that dies leaves behind much that it had claimed and not begun: that counts as no try. What it had begun
# is known by `_foretell`; of a first try, which nothing foretells, the next one is.
_HEADS = """
UPDATE core_work SET state = 'claimed', fence = fence + 1, lease_until = {now} + %(lease)s,
    attempts = CASE WHEN state = 'pending' OR last_error = %(ended)s THEN attempts + 1 ELSE greatest(attempts, 2) END,
    last_error = CASE WHEN last_error = %(ended)s THEN %(ended_before)s ELSE last_error END
WHERE id IN (
    SELECT w.id FROM core_work w
    WHERE w.state IN ('pending', 'claimed') AND w.due_at <= {now} AND w.handler = ANY(%(handlers)s)
      AND (w.retry_at IS NULL OR w.retry_at <= {now})
      AND (w.state = 'pending' OR w.lease_until < {now})
      AND (w.subject = '' OR NOT EXISTS (
          SELECT 1 FROM core_work e
          WHERE e.handler = w.handler AND e.subject = w.subject AND e.state IN ('pending', 'claimed')
            AND (e.due_at, e.id) < (w.due_at, w.id)))
    ORDER BY w.due_at, w.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id, handler, subject
"""

# Behind a claimed head nobody else can claim: its followers wait for it. So a batch may take them along.
_FOLLOWERS = """
UPDATE core_work SET state = 'claimed', fence = fence + 1, attempts = attempts + 1, lease_until = {now} + %(lease)s
WHERE id IN (
    SELECT f.id FROM unnest(%(names)s::text[], %(subjects)s::text[], %(heads)s::bigint[]) AS h(handler, subject, head)
    CROSS JOIN LATERAL (
        SELECT w.id FROM core_work w
        WHERE w.handler = h.handler AND w.subject = h.subject AND w.state = 'pending' AND w.id <> h.head
          AND w.due_at <= {now} AND w.retry_at IS NULL
        ORDER BY w.due_at, w.id LIMIT 20) f
    LIMIT %(limit)s)
RETURNING id
"""


def claim(*, limit: int = CLAIM_SIZE) -> list[Work]:
    """Claim due items in order, committing the claim. Those past `expires_at` end as expired, unrun."""
    moved = clock.overridden()
    now = "%(now)s::timestamptz" if moved else "clock_timestamp()"
    parameters: dict[str, Any] = {
        "now": moved, "lease": LEASE, "limit": limit, "handlers": [name for name, _ in _handlers.items()],
        "ended": WORKER_ENDED, "ended_before": WORKER_ENDED_BEFORE,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_HEADS.format(now=now), parameters)
        heads = cursor.fetchall()
        ids = [row[0] for row in heads]
        ordered = [row for row in heads if row[2] and _handlers.get(row[1]).batch > 1]
        if ordered and len(ids) < limit:
            parameters |= {
                "names": [row[1] for row in ordered],
                "subjects": [row[2] for row in ordered],
                "heads": [row[0] for row in ordered],
                "limit": limit - len(ids),
            }
            cursor.execute(_FOLLOWERS.format(now=now), parameters)
            ids += [row[0] for row in cursor.fetchall()]
        if not ids:
            return []
        items = list(Work.objects.filter(pk__in=ids).order_by("due_at", "id"))
        live = _without_deadly(_without_expired(items))
    _load_events(live)
    return live


def _without_expired(items: list[Work]) -> list[Work]:
    now = clock.now()
    late = [item.pk for item in items if item.expires_at is not None and item.expires_at <= now]
    if late:
        Work.objects.filter(pk__in=late).update(state=Work.State.EXPIRED, finished_at=now, lease_until=None)
    return [item for item in items if item.pk not in set(late)]


def _without_deadly(items: list[Work]) -> list[Work]:
    """Items that ended their worker at every try are parked: nobody was left to do it then."""
    deadly = {item.pk for item in items if item.attempts > MAX_TRIES and _was_deadly(item)}
    if deadly:
        logger.error("work ends its workers", extra={"items": sorted(deadly)})
        Work.objects.filter(pk__in=deadly).update(
            state=Work.State.PARKED, finished_at=clock.now(), lease_until=None, retry_at=None,
            last_error=WORKER_ENDED,
        )  # fmt: skip
    return [item for item in items if item.pk not in deadly]


def _load_events(items: list[Work]) -> None:
    wanted = {item.event_id for item in items if item.event_id is not None}
    events = Event.objects.in_bulk(wanted) if wanted else {}
    for item in items:
        item.event = events.get(item.event_id) if item.event_id is not None else None
        kind, _, pk = item.subject.partition(":")
        if item.event is not None and item.event.contact_id is not None and kind == "contact":
            # Whoever the event spoke of may have been merged into another since.
            item.event.contact_id = int(pk)


def _run_in_batches(handler: Handler, items: list[Work]) -> None:
    """Run claimed items in order; behind one that failed, those of its subject wait."""
    blocked: set[str] = set()
    for batch in _batches(items, handler.batch):
        for item in batch:
            if item.subject in blocked:
                _release(item)
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
        _foretell(items[0])
        crashpoint("work.foretold")
    ids = log_context.some([item.pk for item in items])
    event_id = items[0].event_id if len(items) == 1 else None
    with log_context.bound(handler=handler.name, work=ids, event_id=event_id), transaction.atomic():
        handler.function(items)
        crashpoint("work.handled")
        _finish(items)
    crashpoint("work.done")


def _foretell(item: Work) -> None:
    """Commit, before an item is tried again, what is to be read of it should its worker not live to tell."""
    if not _mine(item).update(last_error=WORKER_ENDED, lease_until=clock.sql_now() + LEASE):
        raise LeaseLost


def _run_one_by_one(handler: Handler, items: list[Work]) -> set[str]:
    """A batch failed: each item alone, so that a poisoned one fails alone and only its own followers wait."""
    blocked: set[str] = set()
    for item in items:
        if item.subject and item.subject in blocked:
            _release(item)
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


def _finish(items: list[Work]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE core_work w SET state = 'done', finished_at = %s, lease_until = NULL, last_error = ''
               FROM unnest(%s::bigint[], %s::int[]) AS t(id, fence)
               WHERE w.id = t.id AND w.fence = t.fence AND w.state = 'claimed'""",
            [clock.now(), [item.pk for item in items], [item.fence for item in items]],
        )
        if cursor.rowcount != len(items):
            raise LeaseLost


def _mine(item: Work) -> Any:
    return Work.objects.filter(pk=item.pk, fence=item.fence, state=Work.State.CLAIMED)


def _release(item: Work) -> None:
    _mine(item).update(state=Work.State.PENDING, lease_until=None, attempts=F("attempts") - 1)


def _fail(item: Work, error: Exception) -> None:
    """Back in line with a growing pause, or parked: at once when asked to, else after MAX_TRIES."""
    park = isinstance(error, Park) or item.attempts >= MAX_TRIES
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
    _mine(item).update(lease_until=None, last_error=describe(error), **changes)
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
