"""How much went out lately: what a clinic spent today, and what each number got. Asked for a whole set at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, Sum

from accounts.models import Location
from core import localtime
from messaging import safety
from messaging.models import Category, Direction, Message, Purpose, Status

#: Care and marketing messages that one number gets in 30 days at most, automatic ones within a day, automatic
#: answers within an hour; where the location's settings say nothing else.
CARE_LIMIT = 6
MARKETING_LIMIT = 4
AUTOMATIC_LIMIT = 12
ANSWERS_LIMIT = 2
A_MONTH = timedelta(days=30)
A_DAY = timedelta(hours=24)
AN_HOUR = timedelta(hours=1)
#: The same automatic words to the same number within this time are sent once.
SAME_AGAIN = timedelta(minutes=10)
ON_ITS_WAY = (Status.SENDING, Status.UNKNOWN, Status.SENT, Status.DELIVERED)


@dataclass
class Lately:
    """What a number got lately: care and marketing in 30 days, automatic messages in a day, automatic answers in an
    hour.
    """

    care: int = 0
    marketing: int = 0
    automatic: int = 0
    answers: int = 0

    def add(self, message: Message, ago: timedelta = timedelta()) -> None:
        """Count one more that is on its way, or went out so long `ago`."""
        self.care += ago <= A_MONTH and message.purpose == Purpose.CARE
        self.marketing += ago <= A_MONTH and message.purpose == Purpose.MARKETING
        self.automatic += ago <= A_DAY and automated(message)
        self.answers += ago <= AN_HOUR and automated(message) and is_answer(message)


def automated(message: Message) -> bool:
    """Whether no person sent it: the clinic's automation mode then decides."""
    return message.cause_kind != "user"


def is_answer(message: Message) -> bool:
    """Whether it is a turn of a conversation."""
    return message.exempt_quiet or message.category == Category.REPLY


def spent_today(locations: Iterable[Location], now: datetime) -> dict[int, int]:
    """Cents each location that has a cap spent since its own midnight, sends on their way included."""
    capped = [location for location in locations if location.daily_sms_cap_cents is not None]
    today = Q(pk__in=())
    for location in capped:
        midnight = localtime.start_of_day(localtime.local_day(now, location.zone), location.zone)
        today |= Q(location=location, sent_at__gte=midnight)
    spent: dict[int, int] = defaultdict(int)
    # One look-up by index each; as one condition they would read all that a location ever sent.
    gone, going = (
        Message.objects.filter(where, direction=Direction.OUTBOUND)
        .values("location_id")
        .annotate(spent=Sum("cost_cents"))
        .values_list("location_id", "spent")
        for where in (today, Q(location__in=capped, status=Status.SENDING, sent_at__isnull=True))
    )
    for location_id, cents in gone.union(going, all=True):
        spent[location_id] += cents
    return spent


def spent_up(location_ids: Iterable[int], now: datetime) -> set[int]:
    """Those of these locations whose cost cap leaves no room for another text today."""
    locations = list(Location.objects.filter(pk__in=list(location_ids)))
    spent = spent_today(locations, now)
    return {
        location.pk
        for location in locations
        if location.daily_sms_cap_cents is not None
        and spent.get(location.pk, 0) + safety.least_cost(location) > location.daily_sms_cap_cents
    }


def what_numbers_got(
    location_ids: Iterable[int], addresses: Iterable[str], now: datetime, *, but: Iterable[int] = ()
) -> dict[tuple[int, str], Lately]:
    """What each number got lately, what is on its way there included, but not these messages; in one query."""
    answers = Q(exempt_quiet=True) | Q(category=Category.REPLY)
    automatic = ~Q(cause_kind="user")
    # Another worker's call that has begun, or of which nobody knows the end, counts as one that arrived.
    going = Q(sent_at__isnull=True, status__in=(Status.SENDING, Status.UNKNOWN))
    rows = (
        Message.objects.filter(
            going | Q(sent_at__gte=now - A_MONTH),
            location_id__in=list(location_ids), address__in=list(addresses), direction=Direction.OUTBOUND,
        )
        .exclude(pk__in=list(but))
        .values("location_id", "address")
        .annotate(
            care=Count("id", filter=Q(purpose=Purpose.CARE)),
            marketing=Count("id", filter=Q(purpose=Purpose.MARKETING)),
            automatic=Count("id", filter=automatic & (going | Q(sent_at__gte=now - A_DAY))),
            answered=Count("id", filter=automatic & answers & (going | Q(sent_at__gte=now - AN_HOUR))),
        )
    )  # fmt: skip
    return {
        (row["location_id"], row["address"]): Lately(
            row["care"], row["marketing"], row["automatic"], row["answered"]
        )
        for row in rows
    }


def said_lately(addresses: Iterable[str], now: datetime, *, but: Iterable[int] = ()) -> set[tuple[str, str]]:
    """What was said to each number within ten minutes, but by these messages; as (number, words)."""
    rows = (
        Message.objects.filter(
            address__in=list(addresses), direction=Direction.OUTBOUND, status__in=ON_ITS_WAY
        )
        .exclude(pk__in=list(but))
        .filter(Q(sent_at__gte=now - SAME_AGAIN) | Q(sent_at__isnull=True, updated_at__gte=now - SAME_AGAIN))
    )
    return set(rows.values_list("address", "body"))
