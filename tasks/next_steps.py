"""What to do next about a task: its steps, the best one first. Pure.

A step is a thing one does from the row itself: call, answer, text, confirm, move or book a visit, say what became of
it, compare two people, mend a number, finish. What a row cannot do (no phone, no visit, nobody to text) is left out,
and then the next best comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CALLS = frozenset(
    {
        "call", "call_hot_lead", "welcome_call", "rescue_call", "recall_call", "no_show_followup",
        "confirmation_call",
    }
)  # fmt: skip
INVITATIONS = frozenset({"review_request", "referral_invite"})
#: After a call of this type a visit may be booked.
MAY_BOOK = CALLS - {"welcome_call", "confirmation_call"}
#: The wording that fits a task of this type, by the name of its template.
TEMPLATES: dict[str, str] = {
    "call": "follow_up_no_response",
    "call_hot_lead": "follow_up_no_response",
    "welcome_call": "booking_confirmation",
    "sms_followup": "follow_up_no_response",
    "rescue_call": "cancellation_rescue",
    "recall_call": "recall_reminder",
    "recall_reminder": "recall_reminder",
    "no_show_followup": "no_show_followup",
    "confirmation_call": "reminder_24hr",
    "review_request": "review_request",
    "referral_invite": "referral_invite",
}


class How(StrEnum):
    """How a step is taken: dial, press once, open a panel in the row, or use what the row shows already."""

    DIAL = "dial"
    PRESS = "press"
    PANEL = "panel"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `key` is the act's name; `label` stands on its button."""

    key: str
    label: str
    how: How


@dataclass(frozen=True, slots=True)
class Situation:
    """What a row has to work with. `visit` is "" (none), "ahead", "over" or "closed" (outcome known or cancelled);
    `can_confirm` says that the visit stands and nobody said yes yet; `known` are the acts the system offers.
    """

    type: str
    person: bool = True
    phone: bool = True
    visit: str = ""
    can_confirm: bool = False
    wrong_number: bool = False
    known: frozenset[str] = frozenset()


CALL = Step("call", "Call", How.DIAL)
TEXT = Step("text", "Text", How.PANEL)
REPLY = Step("reply", "Answer", How.HERE)
CONFIRM = Step("confirm", "They said yes", How.PRESS)
MOVE = Step("move", "Move the visit", How.PANEL)
BOOK = Step("book", "Book a visit", How.PANEL)
ATTENDED = Step("attended", "Attended", How.PRESS)
NO_SHOW = Step("no_show", "Did not attend", How.PRESS)
COMPARE = Step("compare", "Compare the two", How.PANEL)
NUMBER = Step("number", "Correct the number", How.PANEL)
ADD_NUMBER = Step("number", "Add a number", How.PANEL)
INVITE = Step("invite", "Send the invitation", How.PRESS)
FAILED = Step("failed", "See what failed", How.HERE)
DONE = Step("done", "Done", How.PRESS)


def steps(situation: Situation) -> tuple[Step, ...]:
    """The steps that can be taken, best first; never empty. No step is offered twice."""
    wanted = [step for step in _wanted(situation) if _possible(step, situation)]
    if not wanted:
        wanted = [DONE]
    return tuple({step.key: step for step in reversed(wanted)}.values())[::-1]


def _wanted(at: Situation) -> list[Step]:
    if at.type in CALLS:
        sure = [CONFIRM, MOVE] if at.type == "confirmation_call" else []
        book = [BOOK] if at.type in MAY_BOOK else []
        move = [MOVE] if at.type == "welcome_call" else []
        return [CALL if at.phone else ADD_NUMBER, *sure, *book, TEXT, *move]
    if at.type in ("sms_followup", "recall_reminder"):
        return [TEXT if at.phone else ADD_NUMBER, BOOK, CALL]
    if at.type in INVITATIONS:
        return [INVITE, TEXT]
    if at.type == "reply_needed":
        return [REPLY, CALL, *([MOVE] if at.visit == "ahead" else [BOOK])]
    if at.type == "record_outcome":
        return [ATTENDED, NO_SHOW, CALL]
    if at.type == "duplicate_check":
        return [COMPARE, DONE]
    if at.type == "delivery_problem":
        return [FAILED, CALL, NUMBER, TEXT] if at.person else [DONE]
    if at.type == "reconcile":
        return [MOVE, CALL, DONE]
    return [NUMBER, CALL, DONE] if at.wrong_number else [DONE, CALL, TEXT]


def _possible(step: Step, at: Situation) -> bool:
    if step.key == "call":
        return at.phone
    if step.key in ("text", "reply"):
        return at.phone and step.key in at.known
    if step.key == "confirm":
        return at.can_confirm
    if step.key == "move":
        return at.visit == "ahead"
    if step.key in ("attended", "no_show"):
        return at.visit in ("over", "ahead")
    if step.key in ("book", "number", "compare"):
        return at.person
    return step.key == "done" or step.key in at.known


def second_try(attempts: int, offered: frozenset[str] | set[str], most: int) -> str:
    """When to call again if nobody answers: sooner first, then further apart; "" once it was tried often enough.

    `attempts` are the calls that reached nobody so far, `offered` the presets that can be chosen now.
    """
    if attempts + 2 >= most:
        return ""
    wanted = ("hour", "afternoon", "tomorrow")[min(attempts, 2) :]
    return next((preset for preset in wanted if preset in offered), "")
