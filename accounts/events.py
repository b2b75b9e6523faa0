"""What happens to clinics themselves. Data holds codes and field names."""

from __future__ import annotations

from core import events

LOCATION_CREATED = events.define("location_created", label="A clinic was set up")
LOCATION_CHANGED = events.define(
    "location_changed", label="A clinic's settings were changed", keys={"fields"}
)
AUTOMATION_MODE_CHANGED = events.define(
    "automation_mode_changed",
    label="Automation was switched",
    keys={"mode", "previous", "forced", "missing"},
)
