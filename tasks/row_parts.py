"""What rows of Today are made of beside the task itself: parts, panels and acts, which any app may register.

    row_parts.acts.register("reply", row_parts.Act(reply))                # POST today/<task>/reply/
    row_parts.panels.register("text", row_parts.Panel(template, context)) # opened in the row, or as a page of its own
    row_parts.parts.register("words", row_parts.Part(("reply_needed",), load, template))

This is how messaging, a sibling, is heard here: `automation` registers for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import User
from bookings.models import Booking
from contacts.models import Contact
from core.errors import Invalid
from core.registry import Registry
from tasks.models import Task

Given = Mapping[str, Any]
Context = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What an act says afterwards, and the address that takes it back with a POST, if any."""

    text: str
    undo: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """Something done from a row; `run` gets the task, what was posted, and who did it, and raises a DomainError to
    refuse. A `guarded` act runs under the task's lock, on a task that is open and that no colleague holds.
    """

    run: Callable[[Task, Given, User], Done]
    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Panel:
    """What is asked before the act of the same name. `context` gets the task, what was typed, and who asks."""

    template: str
    context: Callable[[Task, Given, User], Context]
    title: str


@dataclass(frozen=True, slots=True)
class Part:
    """What an app shows in rows of these types. `load` answers by task id, in the same few queries however many; a key
    `version` in an answer says when it has changed.
    """

    types: tuple[str, ...]
    load: Callable[[Sequence[Task], User, datetime], Mapping[int, Context]]
    template: str


def person_of(task: Task) -> Contact:
    """Whom the task is about. Raises Invalid for one about nobody."""
    if task.contact is None:
        raise Invalid("This task is about nobody.", code="no_person")
    return task.contact


def visit_of(task: Task) -> Booking:
    """The visit the task is about. Raises Invalid for one about none."""
    if task.booking is None:
        raise Invalid("This task is about no visit.", code="no_visit")
    return task.booking


acts: Registry[Act] = Registry("act of a row of Today")
panels: Registry[Panel] = Registry("panel of a row of Today")
parts: Registry[Part] = Registry("part of a row of Today")
