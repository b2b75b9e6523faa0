"""What a rule can start on, and which fields of the event it then knows.

Pure. A name here is the name of an event; `cron_check` is the clock, whose event is `rule_due`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from automation.condition_tree import Scope

CLOCK = "cron_check"
RULE_DUE = "rule_due"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One thing a rule can start on. `fields` are the event fields it carries; `contact` says whether it is
    about one.
    """

    name: str
    label: str
    fields: frozenset[str] = frozenset()
    contact: bool = True

    @property
    def scopes(self) -> Collection[Scope]:
        """What conditions may look at."""
        if self.name == CLOCK:
            return ("contact", "booking", "clock")
        return ("contact", "booking", "event", "clock") if self.contact else ("event", "clock")


_MESSAGE = frozenset({"message_body", "message_intent"})
_REPLY = frozenset({"message_intent"})
_SENT = frozenset({"template", "category"})
_OUTCOMES = frozenset({"old_outcome", "new_outcome"})
_TOUCH = frozenset({"touchpoint_type", "link", "campaign"})
_STAGES = frozenset({"from_pipeline", "from_stage", "to_pipeline", "to_stage"})

TRIGGERS: Mapping[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        Trigger("contact_created", "A contact is created", frozenset({"event_source"})),
        Trigger("lead_created", "A lead comes in", frozenset({"event_source"})),
        Trigger("contact_updated", "A contact is changed", frozenset({"changed_fields"})),
        Trigger("sms_received", "A text comes in", _MESSAGE | {"reply_is_clear"}),
        Trigger("message_received", "A message comes in on any channel", _MESSAGE),
        Trigger("message_sent", "A message has been sent", _SENT),
        Trigger("message_failed", "A message could not be delivered", frozenset({"message_reason"})),
        Trigger("message_held", "A message is held", frozenset({"message_reason"})),
        Trigger("messages_wait", "Messages of the clinic wait", frozenset({"message_reason"}), contact=False),
        Trigger("message_storm", "Many messages of one rule are held", contact=False),
        Trigger("message_unknown", "Nobody knows whether a message went out"),
        Trigger("message_ambiguous", "An answer could mean several visits", _REPLY),
        Trigger("reply_needed", "A person should answer a message", _REPLY | {"message_reason"}),
        Trigger("booking_created", "A visit is booked", frozenset({"event_source"})),
        Trigger("booking_rescheduled", "A visit is moved"),
        Trigger("booking_cancelled", "A visit is cancelled"),
        Trigger("booking_confirmed", "A visit is confirmed"),
        Trigger("booking_outcome_updated", "A visit's outcome is recorded", _OUTCOMES),
        Trigger("booking_outcome_missing", "A visit is over and has no outcome"),
        Trigger("stage_moved", "A contact moves to another stage", _STAGES),
        Trigger("touchpoint_logged", "A touchpoint is logged", _TOUCH),
        Trigger("warmness_threshold", "A contact becomes hot", frozenset({"threshold"})),
        Trigger("task_created", "A task is created", frozenset({"task_type"})),
        Trigger("task_completed", "A task is completed", frozenset({"task_type", "task_outcome"})),
        Trigger("task_overdue", "A task is overdue", frozenset({"task_type"})),
        Trigger("webhook_failed", "A webhook could not be applied", contact=False),
        Trigger("call_failed", "A call to another system did not arrive", contact=False),
        Trigger(CLOCK, "The clock: every hour or every day"),
    )
}

CHOICES = [(trigger.name, trigger.label) for trigger in TRIGGERS.values()]


def event_names() -> list[str]:
    """The events that are delivered to the rules."""
    return [RULE_DUE if name == CLOCK else name for name in TRIGGERS]
