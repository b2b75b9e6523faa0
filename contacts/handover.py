"""Contacts of somebody who left: they get the owner whom the admin named, or none."""

from __future__ import annotations

from accounts import access, roles
from accounts.models import User
from contacts import editing
from contacts.commands import ContactUpdate
from contacts.models import Contact
from core import events, work
from core.causes import Cause
from core.models import Work

HAND_OVER = "contacts.hand_over"
BATCH = 500


@work.handler(HAND_OVER)
def hand_over(items: list[Work]) -> None:
    """Give the leaver's contacts a new owner, a part at a time. An account that was opened again keeps its own."""
    for item in items:
        if item.event is not None:
            user_id, to_id = item.event.data["user"], item.event.data["hand_over_to"]
            cause = item.event.cause
        else:
            user_id, to_id = item.args["user"], item.args["hand_over_to"]
            cause = Cause.system(HAND_OVER)
        if User.objects.filter(pk=user_id, is_active=True).exists():
            continue
        rows = list(
            Contact.objects.filter(owner_id=user_id).order_by("pk").values_list("pk", "location_id")[:BATCH]
        )
        to = User.objects.filter(pk=to_id, is_active=True).first()
        editing.update_contacts(
            [
                ContactUpdate(
                    pk,
                    {
                        "owner_id": to.pk
                        if to and access.allowed(to, roles.UPDATE, "contacts", place)
                        else None
                    },
                    cause=cause,
                )
                for pk, place in rows
            ]
        )
        if len(rows) == BATCH:
            args = {"user": user_id, "hand_over_to": to_id}
            work.enqueue(HAND_OVER, location_id=item.location_id, subject=item.subject, args=args)


def connect() -> None:
    """Called when the app is ready."""
    events.subscribe(("user_deactivated",), handler=HAND_OVER)
