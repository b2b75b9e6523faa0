"""What can happen to a contact. Data holds ids, codes and field names, never personal values."""

from __future__ import annotations

from core import events

CONTACT_CREATED = events.define("contact_created", label="Contact created", keys=("source",))
LEAD_CREATED = events.define("lead_created", label="Lead created", keys=("source",))
CONTACT_UPDATED = events.define("contact_updated", label="Contact changed", keys=("fields",))
CONTACT_DELETED = events.define("contact_deleted", label="Contact hidden")
CONTACT_REVIVED = events.define("contact_revived", label="Contact brought back")
DUPLICATE_SUSPECTED = events.define(
    "duplicate_suspected", label="Two contacts may be one person", keys=("other",)
)
DUPLICATE_DISMISSED = events.define(
    "duplicate_dismissed", label="Two contacts are not one person", keys=("other",)
)
CONTACT_MERGED = events.define(
    "contact_merged",
    label="Another contact was merged into this one",
    keys=("away", "fields", "moved", "from_stage", "to_stage"),
)
CONTACT_UNMERGED = events.define(
    "contact_unmerged",
    label="A merge was undone: two contacts again",
    keys=("keep", "away", "kept", "moved", "stayed"),
)
STAGE_MOVED = events.define(
    "stage_moved",
    label="Contact moved stage",
    keys=("from_pipeline", "from_stage", "to_pipeline", "to_stage", "reason"),
)
STAGE_MOVE_UNDONE = events.define(
    "stage_move_undone",
    label="A move to another stage was undone",
    keys=("from_pipeline", "from_stage", "to_pipeline", "to_stage"),
)
TOUCHPOINT_LOGGED = events.define("touchpoint_logged", label="Touchpoint logged", keys=("type", "touchpoint"))
WARMNESS_THRESHOLD = events.define(
    "warmness_threshold", label="Contact became hot", keys=("threshold", "score", "previous")
)
CONSENT_CHANGED = events.define(
    "consent_changed", label="Consent changed", keys=("channel", "purposes", "state")
)
SCORING_CHANGED = events.define("scoring_changed", label="Score weights changed", keys=("weights",))
