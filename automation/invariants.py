"""What must be true between messages and tasks, which do not know each other: held here, and asked by
`core.invariants`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core import invariants
from core.invariants import Breach, breach_of
from messaging.invariants import unknown_without_an_end
from messaging.models import Channel, Message, SendAttempt, Status
from tasks import sets
from tasks.models import Task


def unknown_ones_are_shown(now: datetime, since: datetime) -> list[Breach]:
    """I1: what is unknown for half an hour was put before a person: a task that stands, or was closed since."""
    overlooked = unseen(unknown_without_an_end(now)).order_by("pk")
    return breach_of("I1", "Nobody knows whether a text went out, and nobody was told.", overlooked)


def unseen(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Those without a delivery task that stands or was closed since: since the first call, or since the message
    changed last where no call is known.
    """
    calls = SendAttempt.objects.filter(message=OuterRef(OuterRef("pk"))).order_by("pk").values("started_at")
    since = Coalesce(Subquery(calls[:1]), OuterRef("updated_at"))
    tasks = Task.objects.filter(contact_id=OuterRef("contact_id"), type=Task.Type.DELIVERY_PROBLEM)
    return messages.filter(~Exists(tasks.filter(Q(status__in=Task.OPEN) | Q(updated_at__gte=since))))


def about_unknown_texts(tasks: Sequence[Task]) -> set[int]:
    """Ids of the delivery tasks whose person has a text of which nobody knows whether it went out."""
    unknown = Message.objects.filter(
        contact_id__in={task.contact_id for task in tasks if task.contact_id}, status=Status.UNKNOWN
    ).exclude(channel=Channel.WEBCHAT)
    people = set(unknown.values_list("contact_id", flat=True))
    return {task.pk for task in tasks if task.contact_id in people}


def connect() -> None:
    """Register them. Called once, from AppConfig.ready()."""
    sets.still_asking.register(Task.Type.DELIVERY_PROBLEM, about_unknown_texts)
    invariants.register("I1 unknown messages nobody sees", unknown_ones_are_shown)
