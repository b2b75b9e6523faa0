"""Reading the list of actions that staff write as JSON, or saying where and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from automation import actions
from automation.actions import PLACEHOLDER, Action
from core.errors import Invalid

AnyAction: TypeAlias = Annotated[
    actions.CalculateWarmness
    | actions.UpdateWarmness
    | actions.SendSms
    | actions.SendEmail
    | actions.CancelPendingMessages
    | actions.CreateTask
    | actions.UpdateTask
    | actions.AssignToStaff
    | actions.CancelPendingTasks
    | actions.CancelAllTasks
    | actions.UpdatePipeline
    | actions.MatchOrCreateContact
    | actions.CreateBooking
    | actions.UpdateBooking
    | actions.UpdateContact
    | actions.AddTag
    | actions.RemoveTag
    | actions.LogTouchpoint
    | actions.ScheduleReminders
    | actions.CalculateRecallDate
    | actions.NotifyStaff
    | actions.CallWebhook,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(list[AnyAction])
_TAGS = frozenset(
    tag
    for kind in Action.__subclasses__()
    for tag in kind.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
)
MAX_ACTIONS = 30


def read_actions(raw: object, *, facts: Sequence[str]) -> list[Action]:
    """The actions of a rule. `facts` are the names that {placeholders} may use.

    Raises Invalid (code `invalid_actions`) naming the path of every error, as in `actions[1].due_in_seconds`.
    """
    if not isinstance(raw, list | tuple):
        raise _invalid({"actions": "this must be a list of actions."})
    if len(raw) > MAX_ACTIONS:
        raise _invalid({"actions": f"a rule may have {MAX_ACTIONS} actions at most."})
    try:
        found: list[Action] = _ADAPTER.validate_python(raw, strict=True)
    except ValidationError as error:
        raise _invalid(
            {_path(part["loc"]): _words(part["msg"]) for part in reversed(error.errors())}
        ) from None
    wrong = {
        f"actions[{i}].{name}": f"there is no fact {{{unknown}}}."
        for i, action in enumerate(found)
        for name, text in action.texts()
        for unknown in _unknown(text, facts)
    }
    if wrong:
        raise _invalid(wrong)
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rule's list of actions."""
    return _ADAPTER.json_schema()


def _invalid(errors: dict[str, str]) -> Invalid:
    where, what = min(errors.items())
    return Invalid(f"{where}: {what}", code="invalid_actions", fields=errors)


def _path(loc: Sequence[int | str]) -> str:
    path = "actions"
    for depth, part in enumerate(loc):
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (depth == 1 and part in _TAGS):
            path += f".{part}"
    return path


def _words(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:] + ("" if text.endswith(".") else ".")


def _unknown(text: str, facts: Sequence[str]) -> list[str]:
    return [name for name in PLACEHOLDER.findall(text) if name not in facts]
