"""Actions in plain English, for the list of rules and for "what would it do?". Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from automation import conditions
from automation.engine import Step
from contacts import pipeline
from contacts.pipeline import Place

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def describe(step: Step) -> str:
    """One action: what, after how long, and on which condition of its own."""
    words = _WORDS[step.action.kind](step.action)
    if step.action.delay_seconds:
        words += f" after {length(step.action.delay_seconds)}"
    if step.is_conditional:
        words += f" (if {conditions.describe(step.conditions)})"
    return words


def length(seconds: int) -> str:
    """A number of seconds in the largest unit that divides it."""
    name, size = next((name, size) for name, size in _UNITS if seconds % size == 0)
    return f"{seconds // size} {name}{'' if seconds == size else 's'}"


def _spoken(code: str) -> str:
    return code.replace("_", " ")


def _task(action: Any) -> str:
    article = "an" if action.priority == "urgent" else "a"
    priority = f"{action.priority} " if action.priority else ""
    due = f", due in {length(action.due_in_seconds)}" if action.due_in_seconds else ", due now"
    if action.due_at:
        due = ", due by the end of the business day"
    return f"create {article} {priority}task {_spoken(action.task_type)}{due}"


def _whom(how: str, staff: str, skill: str) -> str:
    return {
        "owner": "the contact's owner",
        "named": staff,
        "round_robin": "the next in turn",
        "least_loaded": "whoever has the fewest open tasks",
        "by_skill": f"somebody who can do {skill}",
    }[how]


def _new_task(action: Any) -> str:
    words = _task(action)
    return f"{words}, for {_whom(action.assign, action.staff, action.skill)}" if action.assign else words


def _change_tasks(action: Any) -> str:
    changes = []
    if action.priority:
        changes.append(f"{action.priority} priority")
    if action.due_at:
        changes.append("due by the end of the business day")
    elif action.is_timed:
        changes.append(f"due in {length(action.due_in_seconds)}" if action.due_in_seconds else "due now")
    if action.assign:
        changes.append(f"for {_whom(action.assign, action.staff, action.skill)}")
    if action.notes:
        changes.append("with a note")
    return f"change open tasks {', '.join(map(_spoken, action.task_types))}: {', '.join(changes)}"


def _match(action: Any) -> str:
    if not (action.phone or action.email):
        return "make sure the person is a contact"
    return f"make sure {action.name or 'the person given'} is a contact"


def _book(action: Any) -> str:
    if not action.service:
        return "make sure the visit is stored"
    at = f" at {action.at}" if action.at else ""
    who = f" with {action.practitioner}" if action.practitioner else ""
    day = "the same day" if action.in_days == 0 else f"in {length(action.in_days * 86400)}"
    return f"book {action.service}{who} {day}{at}"


def _move(action: Any) -> str:
    label = pipeline.STAGE_LABELS.get(Place(action.pipeline, action.stage)) if action.pipeline else None
    if label is None:
        return f"move to the stage {_spoken(action.stage)}"
    return f"move to {pipeline.PIPELINE_LABELS[action.pipeline]}: {label}"


def _contact(action: Any) -> str:
    given = action.fields.model_dump(exclude_none=True)
    values = ", ".join(f"{_spoken(name)} to {_value(value)}" for name, value in given.items())
    return f"set {values}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _spoken(str(value))


def _reminders(action: Any) -> str:
    return f"plan reminders {', '.join(length(offset) for offset in action.offsets)} before the visit"


_CHANNELS = {"in_app": "", "email": "by e-mail", "slack": "in Slack"}


def _notify(action: Any) -> str:
    ways = [_CHANNELS[channel] for channel in action.channels if _CHANNELS[channel]]
    whom = f"tell {', '.join(action.to)}" if action.to else "tell the staff"
    if "in_app" in action.channels and ways:
        ways.insert(0, "on the home page")
    return f"{whom} {' and '.join(ways)}".strip()


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "calculate_warmness": lambda action: "work out the warmness",
    "update_warmness": lambda action: f"change the warmness by {action.delta:+d}",
    "send_email": lambda action: (
        f"e-mail {action.template}" if action.template else f'e-mail "{action.subject}"'
    ),
    "send_sms": lambda action: f"text {action.template}" if action.template else f'text "{action.message}"',
    "cancel_pending_messages": lambda action: "withdraw the visit's unsent messages",
    "create_task": _new_task,
    "update_task": _change_tasks,
    "assign_to_staff": lambda action: f"give the contact to {_whom(action.how, action.staff, action.skill)}",
    "match_or_create_contact": _match,
    "create_booking": _book,
    "cancel_pending_tasks": lambda action: f"close open tasks {', '.join(map(_spoken, action.task_types))}",
    "cancel_all_tasks": lambda action: "close the visit's open tasks",
    "update_pipeline": _move,
    "move_pipeline": _move,
    "update_booking": lambda action: f"mark the visit as {action.status}",
    "update_contact": _contact,
    "add_tag": lambda action: f"add the tag {action.tag}",
    "remove_tag": lambda action: f"remove the tag {action.tag}",
    "log_touchpoint": lambda action: f"log {_spoken(action.touchpoint_type)}",
    "schedule_reminders": _reminders,
    "calculate_recall_date": lambda action: "set the recall date",
    "notify_staff": _notify,
    "call_webhook": lambda action: f"call {urlsplit(action.url).hostname}",
}
