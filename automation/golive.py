"""What may still be done about visits from before a clinic went live. Pure.

Whoever goes live has a diary already: nobody in it should get a confirmation of a visit booked weeks ago, or
thanks for one that is long over. What was booked before gets its reminders and its place before the visit,
where an answer to a reminder is looked for; of what was over before, only the records are kept.
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


def limit(happening: Happening, *, live_since: datetime | None, over_at: datetime | None) -> Limit | None:
    """The limit on what a happening may lead to. `over_at` is the end of its visit; times are aware.

    A booking counts as made when its provider says that it was.
    """
    if happening.taken_over:
        return BOOKED_BEFORE
    if live_since is None:
        return None
    if happening.type == "booking_created" and happening.occurred_at < live_since:
        return BOOKED_BEFORE
    if happening.type == "booking_outcome_updated" and over_at is not None and over_at < live_since:
        return OVER_BEFORE
    return None
