"""What automation records. `rule` and `version` are a rule's public id and a version's number. A recovery is of
`kind` rescue or recall: `lost` is the visit that was cancelled before, `message` the recall text, by key.
"""

from __future__ import annotations

from core import events

RULE_DUE = events.define("rule_due", label="A clock rule came due", keys=("rule", "anchor"))
RULE_STOPPED = events.define("rule_stopped", label="Rule stopped", keys=("rule", "reason"))
RULE_CHANGED = events.define("rule_changed", label="Rule changed", keys=("rule", "version"))
STAFF_NOTIFIED = events.define("staff_notified", label="Staff notified", keys=("rule", "text_key"))
CONTACT_RECOVERED = events.define(
    "contact_recovered", label="Patient won back", keys=("kind", "lost", "message")
)
SEGMENT_CHANGED = events.define("segment_changed", label="Segment saved", keys=("segment",))
SEGMENT_DELETED = events.define("segment_deleted", label="Segment deleted", keys=("segment",))
