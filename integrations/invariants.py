"""What must be true of deliveries, fetches and calls to others. See `core.invariants`."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from accounts.models import Location
from core import invariants
from core.invariants import OVERDUE, UNTENDED, Breach, breach_of
from core.models import Work
from integrations.inbound import APPLY
from integrations.models import Fetch, OutboundCall, Receipt

#: As many of the newest deliveries are looked at for those that nobody fetches; no index finds them.
NEWEST = 20_000


def deliveries_are_applied(now: datetime, since: datetime) -> list[Breach]:
    """I6: what was answered with 2xx is applied, or stands where a person sees it."""
    parked = Work.objects.filter(handler=APPLY, state=Work.State.PARKED).order_by("-finished_at")
    shown = [args.get("receipt") for args in parked.values_list("args", flat=True)[:1000]]
    lying = Receipt.objects.filter(state=Receipt.State.STORED, updated_at__lt=now - OVERDUE).exclude(
        pk__in=[pk for pk in shown if pk is not None]
    )
    newest = Receipt.objects.aggregate(newest=Max("pk"))["newest"] or 0
    unasked = Receipt.objects.filter(
        pk__gt=newest - NEWEST, state=Receipt.State.FETCHING, fetch__next_at__isnull=True
    )
    late = Fetch.objects.filter(next_at__lt=now - OVERDUE)
    return [
        *breach_of("I6", "A delivery was stored and never applied.", lying),
        *breach_of("I6", "A delivery waits for its provider's answer, and nobody asks.", unasked),
        *breach_of("I6", "A fetch is due for over an hour.", late, name="receipt_id"),
    ]


def calls_are_tended(now: datetime, since: datetime) -> list[Breach]:
    """I6: no call to others beyond its lease, and none that is due and left lying."""
    left = OutboundCall.objects.filter(state=OutboundCall.State.CALLING, lease_until__lt=now - UNTENDED)
    late = OutboundCall.objects.filter(
        state=OutboundCall.State.WAITING,
        next_try_at__lt=now - OVERDUE,
        location__automation_mode=Location.AutomationMode.LIVE,
    )
    return [
        *breach_of("I6", "A call was begun and never ended.", left),
        *breach_of("I6", "A call is due for over an hour, and nobody makes it.", late),
    ]


def connect() -> None:
    """Register them. Called once, from AppConfig.ready()."""
    invariants.register("I6 deliveries", deliveries_are_applied)
    invariants.register("I6 calls to others", calls_are_tended)
