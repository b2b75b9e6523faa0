"""When sending goes on after a stop (`accounts.sending_stops`): what it held is put back in line at once."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts import sending_stops
from accounts.models import SendingStop
from core import clock, doorbell, events, work
from core.models import Work
from messaging.models import Message, Status

RELEASE = "messaging.release_held"
#: Held messages that are put back in line within one transaction.
BATCH = 1000


def held() -> QuerySet[Message]:
    """The messages that stops hold."""
    return Message.objects.filter(status=Status.HELD, reason__in=SendingStop.Kind.values)


def free(rows: QuerySet[Message]) -> QuerySet[Message]:
    """Those of these messages whose clinic may send now."""
    everywhere, stopped = sending_stops.where()
    return rows.none() if everywhere else rows.exclude(location_id__in=stopped)


@work.handler(RELEASE)
def release(items: list[Work]) -> None:
    """Put held messages back in line, a set at a time. The sender judges each anew: what is too late expires."""
    for item in items:
        if _release(item.location_id) == BATCH:
            part = int(item.args.get("part", 1)) + 1
            work.enqueue(
                RELEASE, location_id=item.location_id, event_id=item.event_id, args={"part": part},
                dedupe_key=f"release:{item.event_id}:{part}",
            )  # fmt: skip


def _release(location_id: int | None) -> int:
    rows = free(held())
    if location_id is not None:
        rows = rows.filter(location_id=location_id)
    ids = list(
        rows.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .order_by("rank", "send_at", "id")
        .values_list("pk", flat=True)[:BATCH]
    )
    doorbell.ring_on_commit()
    return Message.objects.filter(pk__in=ids).update(
        status=Status.QUEUED, reason="", next_try_at=None, updated_at=clock.now()
    )


def connect() -> None:
    """Called when the app is ready."""
    events.subscribe(("sending_resumed",), handler=RELEASE)
