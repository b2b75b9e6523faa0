"""Conversations of somebody who left: they go to whom the admin named, or back to everybody."""

from __future__ import annotations

from accounts import access, roles
from accounts.models import User
from core import clock, events, work
from core.models import Work
from messaging.models import Conversation

HAND_OVER = "messaging.hand_over"


@work.handler(HAND_OVER)
def hand_over(items: list[Work]) -> None:
    """Give the leaver's conversations to somebody else. An account that was opened again keeps its own."""
    for item in items:
        if item.event is None:
            continue
        user_id, to_id = item.event.data["user"], item.event.data["hand_over_to"]
        if User.objects.filter(pk=user_id, is_active=True).exists():
            continue
        held = Conversation.objects.filter(assigned_to=user_id)
        places = set(held.values_list("location_id", flat=True))
        to = User.objects.filter(pk=to_id, is_active=True).first()
        theirs = {pk for pk in places if to is not None and access.allowed(to, roles.UPDATE, "messages", pk)}
        rows = list(held.select_for_update(no_key=True).order_by("pk"))
        for row in rows:
            row.assigned_to = to if row.location_id in theirs else None
            row.updated_at = clock.now()
        Conversation.objects.bulk_update(rows, ["assigned_to", "updated_at"], batch_size=500)


def connect() -> None:
    """Called when the app is ready."""
    events.subscribe(("user_deactivated",), handler=HAND_OVER)
