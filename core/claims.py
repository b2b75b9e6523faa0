"""Holding work: a claim, what is written down of it, and its end. The running itself is `core.work`.

A claim is a short transaction with SKIP LOCKED; it gives a lease on the database's clock and a fence that grows with
each claim. Whatever a worker writes of an item afterwards is written where the fence still is its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet

from core import clock
from core.models import Event, Work

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)
MAX_TRIES = 5
WORKER_ENDED = "The worker ended while doing this."
#: The same, of an item that was claimed anew since.
WORKER_ENDED_BEFORE = "A worker ended while doing this earlier."


class LeaseLost(Exception):
    """Another worker took the items over; what this one did is rolled back."""


# A worker that dies leaves behind much that it had claimed and not begun: that counts as no try. What it had begun
# is known by `foretell`; of a first try, which nothing foretells, the next one is.
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


def claim(batches: Mapping[str, int], *, limit: int) -> list[Work]:
    """Claim due items in order, committing the claim. Those past `expires_at` end as expired, unrun.

    `batches` says of each handler how many of its items go together.
    """
    moved = clock.overridden()
    now = "%(now)s::timestamptz" if moved else "(clock_timestamp() + %(ahead)s)"
    parameters: dict[str, Any] = {
        "now": moved, "ahead": clock.ahead(), "lease": LEASE, "limit": limit, "handlers": list(batches),
        "ended": WORKER_ENDED, "ended_before": WORKER_ENDED_BEFORE,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_HEADS.format(now=now), parameters)
        heads = cursor.fetchall()
        ids = [row[0] for row in heads]
        ordered = [row for row in heads if row[2] and batches[row[1]] > 1]
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
    deadly = {item.pk for item in items if item.attempts > MAX_TRIES and was_deadly(item)}
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
        _be_about_subject(item)


def reread_subjects(items: Sequence[Work]) -> None:
    """Read again, in one query, what claimed items are about: it may have become another since the claim."""
    subjects = dict(Work.objects.filter(pk__in=[item.pk for item in items]).values_list("pk", "subject"))
    for item in items:
        item.subject = subjects.get(item.pk, item.subject)
        _be_about_subject(item)


def _be_about_subject(item: Work) -> None:
    kind, _, pk = item.subject.partition(":")
    if item.event is not None and item.event.contact_id is not None and kind == "contact":
        # Whoever the event spoke of may have been merged into another since.
        item.event.contact_id = int(pk)


def was_deadly(item: Work) -> bool:
    """Whether a worker ended while doing it."""
    return item.last_error in (WORKER_ENDED, WORKER_ENDED_BEFORE)


def foretell(item: Work) -> None:
    """Commit, before an item is tried again, what is to be read of it should its worker not live to tell."""
    if not mine(item).update(last_error=WORKER_ENDED, lease_until=clock.sql_now() + LEASE):
        raise LeaseLost


def finish(items: list[Work]) -> None:
    """Mark them done in the transaction of their effect; raises LeaseLost unless all are still held."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE core_work w SET state = 'done', finished_at = %s, lease_until = NULL, last_error = ''
               FROM unnest(%s::bigint[], %s::int[]) AS t(id, fence)
               WHERE w.id = t.id AND w.fence = t.fence AND w.state = 'claimed'""",
            [clock.now(), [item.pk for item in items], [item.fence for item in items]],
        )
        if cursor.rowcount != len(items):
            raise LeaseLost


def mine(item: Work) -> QuerySet[Work]:
    """The row of a claimed item, where nobody else has claimed it since."""
    return Work.objects.filter(pk=item.pk, fence=item.fence, state=Work.State.CLAIMED)


def release(item: Work) -> None:
    """Give back what was claimed and not tried."""
    mine(item).update(state=Work.State.PENDING, lease_until=None, attempts=F("attempts") - 1)
