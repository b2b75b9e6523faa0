"""What happens to clinics and to their staff. Data holds ids, codes and field names, never names or addresses."""

from __future__ import annotations

from core import events
from core.models import Event

LOCATION_CREATED = events.define("location_created", label="A clinic was set up")
LOCATION_CHANGED = events.define(
    "location_changed", label="A clinic's settings were changed", keys={"fields"}
)
AUTOMATION_MODE_CHANGED = events.define(
    "automation_mode_changed",
    label="Automation was switched",
    keys={"mode", "previous", "forced", "missing"},
)
SENDING_STOPPED = events.define("sending_stopped", label="All sending was stopped", keys={"stop", "kind"})
SENDING_RESUMED = events.define("sending_resumed", label="Sending goes on", keys={"stop", "kind"})
USER_DEACTIVATED = events.define(
    "user_deactivated", label="Somebody of the staff left", keys=("user", "hand_over_to")
)
DESK_ACTION_STARTED = events.define(
    "desk_action_started", label="Something was done to chosen rows", keys={"action", "kind", "total"}
)
DESK_ACTION_FINISHED = events.define(
    "desk_action_finished",
    label="The last of chosen rows was done",
    keys={"action", "kind", "done", "refused"},
)
DESK_ACTION_CANCELLED = events.define(
    "desk_action_cancelled", label="An act on many rows was stopped", keys={"action", "kind", "done", "left"}
)
DESK_ACTION_UNDONE = events.define(
    "desk_action_undone", label="An act on chosen rows was undone", keys={"action", "kind", "undone", "kept"}
)


def last_hand_over(user_id: int) -> Event | None:
    """The event of the account's latest closing: `hand_over_to` names who takes over, None for nobody chosen."""
    return (
        Event.objects.filter(type=USER_DEACTIVATED.name, data__user=user_id)
        .order_by("-id")
        .first()
    )  # fmt: skip
