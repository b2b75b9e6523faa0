"""What may still be done about visits from before a clinic went live, or before we looked. Pure.

Whoever goes live has a diary already: nobody in it should get a confirmation of a visit booked weeks ago, or
thanks for one that is long over. What was booked before gets its reminders and its place before the visit,
where an answer to a reminder is looked for; of what was over before, only the records are kept. The same holds
for what the first look at a provider's list finds, and for what a later look finds long after it happened.
"""

from __future__ import annotations

from datetime import datetime

from automation.subjects import Happening, Limit

BOOKED_BEFORE = Limit(
    "This visit was booked before the clinic went live, so it gets reminders only.",
    only=frozenset({"schedule_reminders", "update_pipeline", "move_pipeline"}),
)
OVER_BEFORE = Limit(
    "This visit was over before the clinic went live, so nobody is written to or called about it.",
    never=frozenset({"send_sms", "send_email", "create_task", "start_conversation"}),
)
FOUND_AT_FIRST = Limit(
    "This visit was in the provider's diary before we first looked, so it gets reminders only.",
    only=BOOKED_BEFORE.only,
)
FOUND_OVER = Limit(
    "This was in the provider's diary before we first looked, so only the records are kept.",
    only=frozenset({"log_touchpoint"}),
)
FOUND_LATE = Limit(
    "This was found at the provider long after it happened, so nobody is written to about it.",
    never=frozenset({"send_sms", "send_email", "start_conversation"}),
)


def limit(
    happening: Happening, *, live_since: datetime | None, over_at: datetime | None, now: datetime
) -> Limit | None:
    """The limit on what a happening may lead to. `over_at` is the end of its visit; times are aware.

    A booking counts as made when its provider says that it was.
    """
    if happening.taken_over:
        return BOOKED_BEFORE
    if happening.found == "first_run":
        ahead = over_at is not None and over_at > now
        return FOUND_AT_FIRST if happening.type == "booking_created" and ahead else FOUND_OVER
    if live_since is not None and (before := _from_before(happening, live_since, over_at)) is not None:
        return before
    return FOUND_LATE if happening.found == "late" else None


def _from_before(happening: Happening, live_since: datetime, over_at: datetime | None) -> Limit | None:
    if happening.type == "booking_created" and happening.occurred_at < live_since:
        return BOOKED_BEFORE
    if happening.type == "booking_outcome_updated" and over_at is not None and over_at < live_since:
        return OVER_BEFORE
    return None
