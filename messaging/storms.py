"""Storms: far more automatic messages of one rule than on any ordinary day, all at once.

A rule that was written wrongly, or events that came in by the thousand, would text everybody before anybody looks.
So what goes beyond the clinic's limit within a minute is held, as one storm, until a person lets it go or drops it.
Reminders are planned one by one for their own times and are not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Count

from accounts.models import Location
from contacts import locks as contact_locks
from core import clock, doorbell, events
from core.causes import Cause
from core.errors import Conflict, NotFound
from core.registry import Registry
from messaging.events import MESSAGE_STORM, STORM_DROPPED, STORM_LET_GO
from messaging.models import Category, Message, Status, Storm

WITHIN = timedelta(minutes=1)
#: Messages that one rule may send within that time where the location's `storm_limit` says nothing else.
LIMIT = 60
DROPPED = "storm_dropped"
_KEPT_BACK = (Status.SUPPRESSED, Status.SKIPPED, Status.EXPIRED, Status.CANCELLED)
_GOING = (Status.SCHEDULED, Status.QUEUED)

NamesOf = Callable[[Iterable[int]], Mapping[int, str]]
#: Kind of origin ("rule") -> what finds the names of several by inner id; filled by the apps above.
names: Registry[NamesOf] = Registry("origin of messages")


def origin_of(cause: Cause) -> str:
    """The rule behind a cause, for example "rule:12"; empty when none is."""
    if cause.kind != "rule_run" or not cause.chain:
        return ""
    return f"rule:{cause.chain[-1].partition(':')[0]}"[:40]


def hold_back(rows: Sequence[Message]) -> None:
    """Hold those of a set of new, unsaved messages that go beyond a rule's limit. They are to go now, in order.

    Call it in the transaction that writes them. Two queries, and one or two more for each storm.
    """
    counted = [
        row for row in rows if row.origin and row.status in _GOING and row.category != Category.REMINDER
    ]
    if not counted:
        return
    # Two workers that count at once would each find room for the same texts: the second waits for the first's commit.
    contact_locks.hold(f"messaging:{row.location_id}:storm" for row in counted)
    lately = _lately(counted)
    held: dict[tuple[int, str], list[Message]] = {}
    for row in counted:
        key = (row.location_id, row.origin)
        lately[key] += 1
        if lately[key] > limit_of(row.location):
            held.setdefault(key, []).append(row)
    for _, found in sorted(held.items()):
        storm = _storm(found[0])
        for row in found:
            row.status, row.reason, row.storm = Status.HELD, "storm", storm


def limit_of(location: Location) -> int:
    """How many messages one rule may send here within a minute."""
    own = location.settings if isinstance(location.settings, dict) else {}
    limit: int = own.get("storm_limit", LIMIT)
    return limit


def _lately(rows: Iterable[Message]) -> Counter[tuple[int, str]]:
    found = (
        Message.objects.filter(
            location_id__in={row.location_id for row in rows},
            origin__in={row.origin for row in rows},
            created_at__gt=clock.now() - WITHIN,
        )
        .exclude(category=Category.REMINDER)
        .exclude(status__in=_KEPT_BACK)
        .values("location_id", "origin")
        .annotate(count=Count("id"))
    )
    return Counter({(row["location_id"], row["origin"]): row["count"] for row in found})


def _storm(message: Message) -> Storm:
    """The storm that waits, locked: whoever decides about it decides about these messages too, or finds none."""
    storm, made = Storm.objects.select_for_update(no_key=True, of=("self",)).get_or_create(
        location_id=message.location_id, origin=message.origin, state=Storm.State.WAITING
    )
    if made:
        _tell(MESSAGE_STORM, storm, message.cause)
    return storm


@transaction.atomic
def let_go(storm_id: int, *, cause: Cause) -> int:
    """Put a storm's messages in line; each is judged once more before it goes. Returns how many.

    Raises Conflict when somebody decided before.
    """
    storm = _waiting(storm_id)
    count = _held(storm, status=Status.QUEUED, reason="", next_try_at=None)
    _settle(storm, Storm.State.LET_GO, cause)
    _tell(STORM_LET_GO, storm, cause, count=count)
    doorbell.ring_on_commit()
    return count


@transaction.atomic
def drop(storm_id: int, *, cause: Cause) -> int:
    """Withdraw a storm's messages for good. Returns how many. Raises Conflict when somebody decided before."""
    storm = _waiting(storm_id)
    count = _held(storm, status=Status.CANCELLED, reason=DROPPED)
    _settle(storm, Storm.State.DROPPED, cause)
    _tell(STORM_DROPPED, storm, cause, count=count)
    return count


def _waiting(storm_id: int) -> Storm:
    storm = Storm.objects.select_for_update(no_key=True, of=("self",)).filter(pk=storm_id).first()
    if storm is None:
        raise NotFound("There is no such storm.")
    if storm.state != Storm.State.WAITING:
        raise Conflict("Somebody decided about these messages already.", code="settled")
    return storm


def _held(storm: Storm, **changes: object) -> int:
    held = Message.objects.filter(storm=storm, status=Status.HELD, reason="storm")
    return held.update(**changes, updated_at=clock.now())


def _settle(storm: Storm, state: str, cause: Cause) -> None:
    storm.state, storm.settled_at = state, clock.now()
    storm.settled_by_kind, storm.settled_by_id = cause.kind, str(cause.id)
    storm.save()


def _tell(type: events.EventType, storm: Storm, cause: Cause, **data: int) -> None:
    events.record(
        type, cause=cause, location_id=storm.location_id, data={"storm": str(storm.public_id), **data},
        source="user" if cause.kind == "user" else "system",
    )  # fmt: skip


def named(storms: Iterable[Storm]) -> dict[int, str]:
    """What the desk calls the rules behind these storms, by the storm's inner id; one query for each kind."""
    rows = list(storms)
    wanted: dict[str, set[int]] = {}
    for storm in rows:
        kind, _, pk = storm.origin.partition(":")
        if pk.isdigit():
            wanted.setdefault(kind, set()).add(int(pk))
    known = {
        f"{kind}:{pk}": name
        for kind, ids in wanted.items()
        if kind in names
        for pk, name in names.get(kind)(ids).items()
    }
    return {storm.pk: known.get(storm.origin, storm.origin) for storm in rows}
