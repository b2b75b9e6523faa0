"""What must be true between messages and tasks, which do not know each other. See `core.invariants`."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from core import invariants
from core.invariants import NAMED, Breach, breach_of
from messaging.invariants import unknown_without_an_end
from messaging.models import SendAttempt
from tasks.models import Task


def unknown_ones_are_shown(now: datetime, since: datetime) -> list[Breach]:
    """I1: what is unknown for half an hour was put before a person: a task that stands, or was closed since."""
    first_call = (
        SendAttempt.objects.filter(message=OuterRef(OuterRef("pk"))).order_by("pk").values("started_at")[:1]
    )
    tasks = Task.objects.filter(contact_id=OuterRef("contact_id"), type=Task.Type.DELIVERY_PROBLEM)
    shown = tasks.filter(Q(status__in=Task.OPEN) | Q(updated_at__gte=first_call))
    unseen = unknown_without_an_end(now).filter(~Exists(shown))
    return breach_of(
        "I1",
        "Nobody knows whether a text went out, and nobody was told.",
        unseen.order_by("pk").values_list("pk", flat=True)[: NAMED + 1],
    )


def connect() -> None:
    """Register it. Called once, from AppConfig.ready()."""
    invariants.register("I1 unknown messages nobody sees", unknown_ones_are_shown)
