"""What automation records. `rule` and `version` are a rule's public id and a version's number. A recovery is of
`kind` rescue or recall: `lost` is the visit that was cancelled before, `message` the recall text, by key.
"""

from __future__ import annotations

from core import events

RULE_DUE = events.define("rule_due", label="A clock rule came due", keys=("rule", "anchor"))
RULE_STOPPED = events.define("rule_stopped", label="Rule stopped", keys=("rule", "reason"))
RULE_CHANGED = events.define("rule_changed", label="Rule changed", keys=("rule", "version"))
RULE_STEP_WITHDRAWN = events.define(
    "rule_step_withdrawn", label="A waiting step was withdrawn", keys=("run", "step")
)
STAFF_NOTIFIED = events.define("staff_notified", label="Staff notified", keys=("rule", "text_key"))
CONTACT_RECOVERED = events.define(
    "contact_recovered", label="Patient won back", keys=("kind", "lost", "message")
)
SEGMENT_CHANGED = events.define("segment_changed", label="Segment saved", keys=("segment",))
SEGMENT_DELETED = events.define("segment_deleted", label="Segment deleted", keys=("segment",))
RULE_DRAFT_SAVED = events.define("rule_draft_saved", label="Draft of a rule saved", keys=("draft",))
RULE_DRAFT_DISCARDED = events.define(
    "rule_draft_discarded", label="Draft of a rule discarded", keys=("draft",)
)
BACK_TEST_ASKED = events.define(
    "back_test_asked", label="A try of a rule on the past began", keys=("back_test", "days")
)
BACK_TEST_CANCELLED = events.define(
    "back_test_cancelled", label="A try of a rule on the past was stopped", keys=("back_test",)
)
BACK_TEST_ENDED = events.define(
    "back_test_ended", label="A try of a rule on the past ended", keys=("back_test", "state")
)
