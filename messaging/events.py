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
NUMBER_BLOCKED = events.define("number_blocked", label="Number cannot be reached", keys={"number", "code"})
NUMBER_LIFTED = events.define(
    "number_lifted", label="Texts may go to a number again", keys={"number", "code"}
)
MESSAGES_WAIT = events.define("messages_wait", label="Messages of the clinic wait", keys={"reason"})
MESSAGE_STORM = events.define("message_storm", label="Many messages at once are held", keys={"storm"})
STORM_LET_GO = events.define("storm_let_go", label="Held storm let go", keys={"storm", "count"})
STORM_DROPPED = events.define("storm_dropped", label="Held storm dropped", keys={"storm", "count"})
BULK_CONFIRMED = events.define("bulk_confirmed", label="Bulk text confirmed", keys={"bulk", "recipients"})
BULK_CANCELLED = events.define("bulk_cancelled", label="Bulk text cancelled", keys={"bulk", "withdrawn"})
BULK_DONE = events.define("bulk_done", label="Bulk text done", keys={"bulk"})
_TALK = {"conversation", "to"}
CONVERSATION_ASSIGNED = events.define("conversation_assigned", label="Conversation assigned", keys=_TALK)
CONVERSATION_SNOOZED = events.define(
    "conversation_snoozed", label="Conversation snoozed", keys={"conversation", "until"}
)
CONVERSATION_CLOSED = events.define("conversation_closed", label="Conversation closed", keys={"conversation"})
CONVERSATION_OPENED = events.define(
    "conversation_opened", label="Conversation open again", keys={"conversation"}
)
