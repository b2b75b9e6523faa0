"""What an action makes happen that rules can start on, with what is known of it beforehand. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from automation.actions.base import Action


@dataclass(frozen=True, slots=True)
class Following:
    """An event that an action leads to. `facts` are those that are certain; every other one may be anything."""

    event: str
    facts: Mapping[str, object] = field(default_factory=dict)


#: What may become of a message, beside being sent.
_MISHAPS = ("message_failed", "message_held", "message_unknown", "message_storm", "messages_wait")

_Reader = Callable[[Any, Mapping[str, str]], Iterable[Following]]


def of_action(action: Action, categories: Mapping[str, str] | None = None) -> list[Following]:
    """The events an action leads to. `categories` are those of the clinic's templates, by name."""
    reader = _READERS.get(action.kind)
    return [] if reader is None else list(reader(action, categories or {}))


def _sent(template: str | None, touchpoint: str, categories: Mapping[str, str]) -> Iterable[Following]:
    facts: dict[str, object] = {} if template is None else {"template": template}
    if template is not None and template in categories:
        facts["category"] = categories[template]
    yield Following("message_sent", facts)
    yield Following("touchpoint_logged", {"touchpoint_type": touchpoint, "link": None})
    yield from (Following(name) for name in _MISHAPS)


def _reminders(action: Any, categories: Mapping[str, str]) -> Iterable[Following]:
    for template in action.templates:
        yield from _sent(template, "sms_sent", categories)


def _task(type: str) -> Iterable[Following]:
    yield Following("task_created", {"task_type": type})
    yield Following("task_overdue", {"task_type": type})


def _moved(action: Any, categories: Mapping[str, str]) -> Iterable[Following]:
    facts: dict[str, object] = {"to_stage": action.stage, "current_stage": action.stage}
    if action.pipeline:
        facts |= {"to_pipeline": action.pipeline, "current_pipeline": action.pipeline}
    yield Following("stage_moved", facts)


def _changed(*names: str) -> Iterable[Following]:
    yield Following("contact_updated", {"changed_fields": list(names)})


def _visit(action: Any, categories: Mapping[str, str]) -> Iterable[Following]:
    yield Following(f"booking_{action.status}", {"status": action.status})


_READERS: Mapping[str, _Reader] = {
    "send_sms": lambda action, categories: _sent(action.template, "sms_sent", categories),
    "send_email": lambda action, categories: _sent(action.template, "email_sent", categories),
    "schedule_reminders": _reminders,
    "create_task": lambda action, categories: _task(action.task_type),
    "update_task": lambda action, categories: (
        Following("task_overdue", {"task_type": kind}) for kind in (action.task_types if action.is_timed else ())
    ),
    "notify_staff": lambda action, categories: _task(action.task_type) if action.task_type else (),
    "update_pipeline": _moved,
    "move_pipeline": _moved,
    "update_warmness": lambda action, categories: [Following("warmness_threshold")] if action.delta > 0 else [],
    "calculate_warmness": lambda action, categories: [Following("warmness_threshold")],
    "log_touchpoint": lambda action, categories: [
        Following("touchpoint_logged", {"touchpoint_type": action.touchpoint_type}), Following("warmness_threshold"),
    ],
    "update_booking": _visit,
    "create_booking": lambda action, categories: [Following("booking_created")] if action.service else [],
    "match_or_create_contact": lambda action, categories: (
        [Following("contact_created")] if action.phone or action.email else []
    ),
    "update_contact": lambda action, categories: _changed(*action.fields.model_dump(exclude_none=True)),
    "add_tag": lambda action, categories: _changed("tags"),
    "remove_tag": lambda action, categories: _changed("tags"),
    "assign_to_staff": lambda action, categories: _changed("owner"),
    "calculate_recall_date": lambda action, categories: _changed("recall_due_date"),
    "call_webhook": lambda action, categories: [Following("call_failed")],
}  # fmt: skip
