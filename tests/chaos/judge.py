"""What rows and journals say when everything is quiet again: I1 to I6, and that every delivery had its effect."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Q

from automation.invariants import unknown_ones_are_shown
from bookings.models import Booking
from core import clock, invariants
from core.models import Event, Work
from integrations.models import OutboundCall, Receipt
from messaging.models import Message
from tests.chaos.poster import Post

ARRIVED = ("sent", "delivered")
#: States in which a message may stand for good; `scheduled` ones have a time to come.
ENDS = (*ARRIVED, "failed", "suppressed", "skipped", "expired", "cancelled", "parked", "received")


@dataclass
class Verdict:
    """Breaches in words, and the figures of the run."""

    breaches: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def check(self, invariant: str, wrong: list[Any], words: str) -> None:
        """A breach when there is anything wrong; a few of what is are named."""
        if wrong:
            self.breaches.append(f"{invariant}: {len(wrong)} {words}, for example {wrong[:3]}")


def unfinished() -> str:
    """What is still to be done now; empty when the system is idle."""
    now = clock.now()
    open_ = {
        "work": Work.objects.filter(Q(state="pending", due_at__lte=now) | Q(state="claimed")),
        "messages": Message.objects.filter(
            Q(status__in=("queued", "claimed", "sending"))
            | Q(status="scheduled", send_at__lte=now)
            | Q(status="unknown", next_try_at__isnull=False)
        ),
        "deliveries": Receipt.objects.filter(state="stored"),
        "calls": OutboundCall.objects.filter(state__in=("waiting", "calling")),
    }
    left = {name: rows.count() for name, rows in open_.items()}
    return ", ".join(f"{count} {name}" for name, count in left.items() if count)


def read(journal: Path) -> list[dict[str, Any]]:
    """The lines of a journal."""
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def judge(posts: list[Post], taken: Path, texts: Path, *, since: datetime, settles: bool) -> Verdict:
    """Judge a run. `settles`: the provider can be asked or told twice, so that nothing may stay unknown."""
    verdict = Verdict()
    _deliveries(verdict, posts, {line["key"] for line in read(taken)})
    _visits(verdict, posts)
    _messages(verdict, read(texts), settles=settles)
    _work(verdict)
    for breach in invariants.check_all(clock.now(), since=since):
        verdict.breaches.append(f"{breach.invariant}: {breach.what} {breach.ids[:3]}")
    return verdict


def _deliveries(verdict: Verdict, posts: list[Post], taken: set[str]) -> None:
    """I6: what was answered with 2xx is there once, and was applied or stands where a person sees it."""
    states = dict(Receipt.objects.exclude(kind="sms_receipt").values_list("external_id", "state"))
    verdict.check("I6", sorted(taken - states.keys()), "deliveries were answered with 2xx and are lost")
    lying = sorted(key for key in taken if states.get(key) in ("stored", "waiting", "fetching"))
    verdict.check("I6", lying, "deliveries were never applied")
    parked = sorted(key for key in taken if states.get(key) == "parked")
    verdict.check("I6", parked, "deliveries are parked, and none was wrong")
    verdict.check("I6", sorted({post.key for post in posts} - taken), "deliveries were never taken")
    verdict.figures["deliveries answered 2xx"] = len(taken)


def _visits(verdict: Verdict, posts: list[Post]) -> None:
    """Every effect once: one visit for each booking, one confirmation for each visit, one inbound text for each."""
    booked = {f"b-{post.patient}" for post in posts if post.what == "confirmed"}
    cancelled = {f"b-{post.patient}" for post in posts if post.what == "canceled"}
    rows = Booking.objects.values_list("external_id", "status")
    counts = Counter(external_id for external_id, _ in rows)
    verdict.check("I6", sorted(booked ^ counts.keys()), "visits are missing or too many")
    wrong = [key for key, status in rows if (status == "cancelled") != (key in cancelled)]
    verdict.check("I6", sorted(wrong), "visits do not stand as they were told")
    confirmations = Counter(
        Message.objects.filter(template__name__startswith="booking_confirmation").values_list(
            "booking__external_id", flat=True
        )
    )
    begun = Event.objects.filter(type="booking_created").values_list("booking_id", flat=True)
    keys = dict(Booking.objects.values_list("pk", "external_id"))
    created = Counter(keys[pk] for pk in begun)
    # Told by posters side by side, a cancellation may come before its booking, which then never stood.
    untold = sorted(
        key for key in booked if created[key] != 1 and not (key in cancelled and created[key] == 0)
    )
    verdict.check("I1", untold, "visits were not told of exactly once")
    missing = sorted(key for key in booked if confirmations[key] != created[key])
    verdict.check("I1", missing, "visits have not exactly one confirmation for each time they were told of")
    inbound = Counter(Message.objects.filter(direction="inbound").values_list("address", flat=True))
    verdict.check("I6", [n for n, count in inbound.items() if count > 1], "replies were taken twice")
    for type_ in ("booking_created", "booking_cancelled", "message_sent"):
        told = Counter(
            Event.objects.filter(type=type_).values_list(
                "data__message" if type_ == "message_sent" else "booking_id", flat=True
            )
        )
        verdict.check("I6", [key for key, count in told.items() if count > 1], f"were told twice as {type_}")
    verdict.figures["visits"] = len(counts)


def _messages(verdict: Verdict, texts: list[dict[str, Any]], *, settles: bool) -> None:
    """I1 to I4, by the provider's journal."""
    accepted = Counter(line["reference"] for line in texts)
    doubled = sorted(reference for reference, count in accepted.items() if count > 1)
    verdict.check("I2", doubled, "texts went out more than once")
    states = {
        str(pk): status
        for pk, status in Message.objects.filter(direction="outbound").values_list("public_id", "status")
    }
    verdict.check("I2", sorted(accepted.keys() - states.keys()), "texts went out that nobody wrote")
    lost = sorted(pk for pk, status in states.items() if status in ARRIVED and pk not in accepted)
    verdict.check("I2", lost, "texts count as sent and never reached the provider (lost)")
    may_be_out = (*ARRIVED, "unknown", "failed")
    denied = sorted(pk for pk in accepted if states.get(pk) not in may_be_out)
    verdict.check("I1", denied, "texts went out, and their messages say otherwise")
    now = clock.now()
    open_ = Message.objects.filter(direction="outbound").exclude(status__in=ENDS).exclude(status="unknown")
    open_ = open_.exclude(status="scheduled", send_at__gt=now)
    verdict.check("I3", list(open_.values_list("pk", "status")), "messages came to no end")
    held = Message.objects.filter(status="held")
    verdict.check("I3", list(held.values_list("pk", "reason")), "messages are held, and nothing was amiss")
    unknown = Message.objects.filter(status="unknown")
    if settles:
        verdict.check("I1", list(unknown.values_list("pk", flat=True)), "messages are still unknown")
    later = unknown_ones_are_shown(now + timedelta(minutes=31), now)
    verdict.check("I1", [pk for breach in later for pk in breach.ids], "unknown messages have no task")
    verdict.figures["outbound messages by state"] = dict(Counter(states.values()))
    verdict.figures["texts accepted by the provider"] = sum(accepted.values())
    verdict.figures["duplicates"] = len(doubled)
    verdict.figures["lost"] = len(lost)
    verdict.figures["unknown, each with a task"] = unknown.count()
    verdict.figures["once unknown, settled since"] = (
        Event.objects.filter(type="message_unknown").values("data__message").distinct().count()
        - unknown.count()
    )


def _work(verdict: Verdict) -> None:
    parked = Work.objects.filter(state="parked")
    verdict.check(
        "I6", list(parked.values_list("handler", "last_error")), "work items are parked, and none was poison"
    )
    verdict.figures["work items done"] = Work.objects.filter(state="done").count()
