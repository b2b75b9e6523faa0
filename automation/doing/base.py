"""Orders and their outcomes: what every part of doing shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from automation.models import ActionRun
from core.causes import Cause

State = ActionRun.State


@dataclass(frozen=True)
class Order:
    """An intent, and on whose behalf it is carried out. `rule` is the rule's public id."""

    intent: Any
    cause: Cause
    rule: str


@dataclass(frozen=True)
class Done:
    """How it came out. `reason` is empty where the plan's own reason says enough; `result` holds ids."""

    state: str = State.DONE
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)


Doer = Callable[[Sequence[Order]], list[Done]]
