"""How far texts to many are, in the bar of all long work: on their own page and on “What was done”."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts import access, pages, progress
from accounts.models import User
from accounts.progress import Bar, Long
from accounts.staff_links import change_url
from core import clock
from core.api_audit import note
from messaging import bulk
from messaging.models import BulkSend

BAR = "messaging_bulk_bar"
#: Sends that have ended are shown among what is done for this long.
SHOWN_FOR = timedelta(days=7)
MOST = 5
#: They go at the sender's pace, and wait for the morning: seconds between two looks.
EVERY = 5

_TONES = {BulkSend.State.SENDING: "on", BulkSend.State.DONE: "good", BulkSend.State.CANCELLED: "warn"}


def bar(row: BulkSend, found: bulk.Progress) -> Bar:
    """How far it is: what has gone out or will not, of all it was confirmed for."""
    going = row.state == BulkSend.State.SENDING
    # Who is not queued yet waits too; who was withdrawn, or may not be written to, is settled.
    settled = found.queued - found.left
    parts = [f"{found.sent} of {row.recipients} sent"]
    if settled > found.sent:
        parts.append(f"{settled - found.sent} not sent")
    if going:
        parts.append(f"{max(0, row.recipients - settled)} still to go")
    return Bar(
        name=f"Text to {row.label}: progress", done=settled, total=row.recipients, going=going,
        words=", ".join(parts), address=reverse(f"admin:{BAR}", args=[row.public_id]), every=EVERY,
    )  # fmt: skip


def long_work(user: User) -> list[Long]:
    """Confirmed sends of this person's clinics that go on or have ended lately, latest first."""
    lately = Q(state=BulkSend.State.SENDING) | Q(finished_at__gte=clock.now() - SHOWN_FOR)
    rows = (
        access.visible(BulkSend, user).filter(lately, confirmed_at__isnull=False).select_related("location")
    )
    found = list(rows.order_by("-id")[:MOST])
    so_far = bulk.progress_of(found)
    return [
        Long(
            title=f"Text to {row.label}", address=change_url(row), at=row.location.local(row.confirmed_at),
            where=row.location.name, state=row.get_state_display(), tone=_TONES[BulkSend.State(row.state)],
            bar=bar(row, so_far[row.pk]),
        )
        for row in found
        if row.confirmed_at is not None
    ]  # fmt: skip


def bar_view(request: HttpRequest, bulk_id: UUID) -> HttpResponse:
    """The bar alone, as htmx asks for it while the send goes on."""
    row = access.get_visible_or_404(BulkSend.objects.select_related("location"), request.user, bulk_id)
    note(request, [row])
    return progress.refreshed(request, bar(row, bulk.progress(row)))


def connect() -> None:
    """Called from AppConfig.ready()."""
    progress.long_work.register("messaging.bulk", long_work)
    pages.extra.register(BAR, pages.Page("messages/bulk/<uuid:bulk_id>/bar/", bar_view))
