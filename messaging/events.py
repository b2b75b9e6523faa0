"""What this app records. `message` is a message's id; texts and numbers never appear here."""

from __future__ import annotations

from core import events

SMS_RECEIVED = events.define(
    "sms_received", label="Text received", keys={"message", "intent", "clear", "asked"}
)
MESSAGE_RECEIVED = events.define("message_received", label="Message received", keys={"message", "channel"})
MESSAGE_QUEUED = events.define("message_queued", label="Message queued", keys={"message", "template"})
MESSAGE_SENT = events.define("message_sent", label="Message sent", keys={"message", "template", "category"})
MESSAGE_FAILED = events.define("message_failed", label="Message failed", keys={"message", "reason"})
MESSAGE_UNKNOWN = events.define(
    "message_unknown", label="Message may or may not have been sent", keys={"message"}
)
MESSAGE_SUPPRESSED = events.define("message_suppressed", label="Message not sent", keys={"message", "reason"})
MESSAGE_HELD = events.define("message_held", label="Message held", keys={"message", "reason"})
MESSAGE_CANCELLED = events.define("message_cancelled", label="Message cancelled", keys={"message", "reason"})
MESSAGE_AMBIGUOUS = events.define(
    "message_ambiguous", label="Answer could mean several visits", keys={"message", "intent"}
)
REPLY_NEEDED = events.define(
    "reply_needed", label="A person should answer", keys={"message", "intent", "reason"}
)
OPT_OUT = events.define("opt_out", label="Opted out", keys={"channel"})
OPT_IN = events.define("opt_in", label="Opted in", keys={"channel"})
TEMPLATE_CREATED = events.define("template_created", label="Template created")
TEMPLATE_CHANGED = events.define("template_changed", label="Template changed", keys={"fields"})
