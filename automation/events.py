"""What automation records. `rule` and `version` are a rule's public id and a version's number."""

from __future__ import annotations

from core import events

RULE_DUE = events.define("rule_due", label="A clock rule came due", keys=("rule", "anchor"))
RULE_STOPPED = events.define("rule_stopped", label="Rule stopped", keys=("rule", "reason"))
RULE_CHANGED = events.define("rule_changed", label="Rule changed", keys=("rule", "version"))
STAFF_NOTIFIED = events.define("staff_notified", label="Staff notified", keys=("rule", "text_key"))
