"""Work that the clock does for contacts."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from accounts.models import Location
from contacts import search, warmness
from contacts.locks import lock_for
from contacts.models import Contact
from core import clock, localtime, ticks, work
from core.causes import Cause
from core.models import Work
from core.work import NewWork

logger = logging.getLogger(__name__)

CHECK_WARMNESS = "contacts.check_warmness"
CHECK_SEARCH = "contacts.check_search"
RESCORE_LOCATION = "contacts.rescore_location"


@work.handler(warmness.FIRST_CONTACT_DUE, batch=100)
def first_contact_due(items: list[Work]) -> None:
    """24 hours after a lead came in: if nobody answered, that costs points."""
    lock_for(items)
    ids = {int(item.subject.removeprefix("contact:")) for item in items}
    warmness.recalculate_warmness(ids, cause=Cause.clock("first_contact"))


@work.handler(CHECK_WARMNESS)
def check_warmness(items: list[Work]) -> None:
    """Every night: stored scores must be what their rows say. A part at a time, so that no lease runs out."""
    for item in items:
        if item.location_id is None:
            continue
        found, last = warmness.check_part(
            item.location_id, after=int(item.args.get("after", 0)), cause=Cause.clock("warmness_check")
        )
        if found:
            logger.error("warmness differed", extra={"location": item.location_id, "contacts": len(found)})
        if last is not None:
            work.enqueue(
                CHECK_WARMNESS, location_id=item.location_id, subject=item.subject, args={"after": last}
            )


@work.handler(CHECK_SEARCH)
def check_search(items: list[Work]) -> None:
    """Every night: contacts must be found by what they are called now. A part at a time."""
    for item in items:
        if item.location_id is None:
            continue
        wrong, last = search.mend_part(item.location_id, after=int(item.args.get("after", 0)))
        if wrong:
            logger.error("search keys differed", extra={"location": item.location_id, "contacts": len(wrong)})
        if last is not None:
            work.enqueue(
                CHECK_SEARCH, location_id=item.location_id, subject=item.subject, args={"after": last}
            )


@work.handler(RESCORE_LOCATION)
def rescore_location(items: list[Work]) -> None:
    """A location's weights changed: every contact of it is scored anew, a part at a time."""
    for item in items:
        after = int(item.args.get("after", 0))
        ids = list(
            Contact.objects.filter(location=item.location_id, pk__gt=after)
            .order_by("pk")
            .values_list("pk", flat=True)[: warmness.CHECK_SIZE]
        )
        warmness.recalculate_warmness(ids, cause=Cause.system("scoring_changed"))
        if len(ids) == warmness.CHECK_SIZE:
            work.enqueue(
                RESCORE_LOCATION, location_id=item.location_id, subject=item.subject, args={"after": ids[-1]}
            )


def plan_checks() -> int:
    """See that each location's next nightly checks are in line. Returns how many were put there."""
    now = clock.now()
    wanted = {}
    for location in Location.objects.only("pk", "time_zone", "daily_at"):
        due = next_check(location, now)
        for name, handler in (("warmness-check", CHECK_WARMNESS), ("search-check", CHECK_SEARCH)):
            key = f"{name}:{location.pk}:{due:%Y%m%d}"
            wanted[key] = NewWork(
                handler=handler, location_id=location.pk, subject=f"location:{location.pk}", due_at=due,
                dedupe_key=key,
            )  # fmt: skip
    known = set(Work.objects.filter(dedupe_key__in=wanted).values_list("dedupe_key", flat=True))
    missing = [item for key, item in wanted.items() if key not in known]
    work.enqueue_many(missing)
    return len(missing)


def next_check(location: Location, now: datetime) -> datetime:
    """When the location's daily work comes next, in UTC."""
    day = localtime.local_day(now, location.zone)
    due = localtime.to_utc(datetime.combine(day, location.daily_at), location.zone)
    if due > now:
        return due
    return localtime.to_utc(datetime.combine(day + timedelta(days=1), location.daily_at), location.zone)


def connect() -> None:
    """Called when the app is ready."""
    ticks.register("15min", "contacts.plan_checks", plan_checks)
