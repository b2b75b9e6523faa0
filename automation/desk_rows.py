"""What messaging gives to the rows of Today: their last words with a box to answer, the right template, what failed.

Tasks and messages do not see each other; this app sees both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from accounts import access, roles
from accounts.models import User
from automation.invariants import about_unknown_texts
from automation.models import Rule
from contacts.models import Contact
from core.causes import Cause
from core.errors import Invalid
from core.ids import uuid7
from messaging import composer, reasons
from messaging import services as message_services
from messaging.models import TROUBLE, Channel, Direction, Message, Status
from tasks import next_steps, row_parts
from tasks import services as task_services
from tasks.models import Task
from tasks.row_parts import Act, Context, Done, Given, Panel, Part

WORDS_SHOWN = 3
#: A person has to say what became of these.
UNSETTLED = (Status.UNKNOWN, Status.PARKED)
#: Sending a text is all that these tasks ask for.
ENDS_WITH_A_TEXT = frozenset(
    {"sms_followup", "recall_reminder", "review_request", "referral_invite", "reply_needed"}
)
#: task type -> the rule that sends the invitation when it is done.
INVITING = {"review_request": "c5", "referral_invite": "c6"}


# Their words, and the answer


def words(tasks: Sequence[Task], user: User, now: datetime) -> dict[int, Context]:
    """The last things each person wrote, oldest first, and a key for the answer. One query."""
    people = {task.contact_id for task in tasks if task.contact_id is not None}
    latest = _latest(user, people, WORDS_SHOWN, direction=Direction.INBOUND)
    found = {}
    for task in tasks:
        said = latest.get(task.contact_id or 0, [])[::-1]
        found[task.pk] = {
            "said": [{"body": row.body, "at": task.location.local(row.at)} for row in said],
            "version": said[-1].pk if said else 0,
            "key": str(uuid7()),
            "may_write": access.allowed(user, roles.CREATE, "messages", task.location_id),
            "thread": _thread(task),
        }
    return found


def _latest(user: User, people: set[int], most: int, **which: Any) -> dict[int, list[Message]]:
    rows = access.visible(Message, user).filter(contact_id__in=people, channel=Channel.SMS, **which)
    place = Window(RowNumber(), partition_by=[F("contact_id")], order_by=F("id").desc())
    found: dict[int, list[Message]] = {}
    for row in rows.annotate(place=place).filter(place__lte=most).order_by("-id"):
        found.setdefault(row.contact_id, []).append(row)
    return found


def _thread(task: Task) -> str:
    if task.contact is None:
        return ""
    return reverse("admin:messaging_write", args=(task.contact.public_id,))


def _person(task: Task, user: User) -> Contact:
    """Whom the task is about, if this person may write to them."""
    if task.contact is None:
        raise Invalid("This task is about nobody.", code="no_person")
    access.check(user, roles.CREATE, "messages", task.location)
    return task.contact


def _key(given: Given) -> str:
    return str(given.get("key") or uuid7())[:60]


def reply(task: Task, given: Given, user: User) -> Done:
    """Answer in one's own words, and finish the task: it asked for just that."""
    contact = _person(task, user)
    body = given.get("body", "").strip()
    if not body:
        raise Invalid("Write an answer first.", fields={"body": "empty"})
    cause = Cause.user(user.pk)
    composer.send(contact, composer.Written(key=_key(given), body=body), cause)
    task_services.complete_task(task.pk, outcome=Task.Outcome.SUCCESS, cause=cause)
    return Done(f"Sent to {contact}.")


# The right text


def text_asked(task: Task, given: Given, user: User) -> Context:
    """The text as it would read for this person, with its size, its price, and what stands in its way."""
    contact = _person(task, user)
    cause = Cause.user(user.pk)
    shown = composer.for_contact(contact, user) or {}
    choice = given.get("template") or _fitting(task, shown.get("templates", []))
    body = given.get("body", "")
    written = composer.Written(key=_key(given), body=body, template=choice)
    if choice and not body.strip():
        written = composer.fill(contact, written, cause)
    return {
        "contact": contact, "written": written, "chosen": choice, "templates": shown.get("templates", []),
        "preview": composer.preview(contact, written, cause), "ends": task.type in ENDS_WITH_A_TEXT,
        "phone": contact.reach_phone,
    }  # fmt: skip


def _fitting(task: Task, offered: list[tuple[str, list[tuple[str, str]]]]) -> str:
    wanted = next_steps.TEMPLATES.get(task.type, "")
    names = [value for _, choices in offered for value, _ in choices]
    return next((value for value in names if value.partition(":")[0] == wanted), "")


def text(task: Task, given: Given, user: User) -> Done:
    """Send the text as it stands in the box. A task that asked for a text is finished; a call stays, unless the
    person says otherwise.
    """
    contact = _person(task, user)
    cause = Cause.user(user.pk)
    composer.send(contact, composer.Written.of(given), cause)
    if task.type in ENDS_WITH_A_TEXT or given.get("finish"):
        outcome = Task.Outcome.SUCCESS if task.type in ENDS_WITH_A_TEXT else Task.Outcome.NOT_NEEDED
        task_services.complete_task(task.pk, outcome=outcome, cause=cause)
        return Done(f"Sent to {contact}. The task is done.")
    return Done(f"Sent to {contact}. The task stays.")


def invite(task: Task, given: Given, user: User) -> Done:
    """Ask for a review or a referral. The rule sends the text when the task is done; without it, it is sent here."""
    contact = _person(task, user)
    cause = Cause.user(user.pk)
    by_rule = Rule.objects.filter(location=task.location, key=INVITING[task.type], is_active=True).exists()
    if not by_rule:
        choice = next_steps.TEMPLATES[task.type]
        composer.send(contact, composer.Written(key=f"invite:{task.public_id}", template=choice), cause)
    task_services.complete_task(task.pk, outcome=Task.Outcome.SUCCESS, cause=cause)
    return Done(f"{contact} is invited by text, if they agreed to such texts.")


# What failed


def failed(tasks: Sequence[Task], user: User, now: datetime) -> dict[int, Context]:
    """The text that made the trouble, why, and what can be done about it; without a person, where to look."""
    people = {task.contact_id for task in tasks if task.contact_id is not None}
    latest = _latest(user, people, 1, direction=Direction.OUTBOUND, status__in=TROUBLE)
    found: dict[int, Context] = {}
    for task in tasks:
        message = next(iter(latest.get(task.contact_id or 0, [])), None)
        if message is None and task.contact_id is not None:
            continue
        found[task.pk] = {
            "message": message,
            "at": task.location.local(message.at) if message is not None else None,
            "why": reasons.words(message.reason) if message is not None else "",
            "unsettled": message is not None and message.status in UNSETTLED,
            "version": message.pk if message is not None else 0,
            "may_write": access.allowed(user, roles.CREATE, "messages", task.location_id),
            "places": () if message is not None else _PLACES[task.type],
        }
    return found


#: Where to look about what concerns no person: (words, address by name).
_PLACES = {
    "delivery_problem": (
        ("Held storms", "admin:messaging_storm_changelist"), ("Messages", "admin:messaging_message_changelist"),
        ("Set-up", "admin:accounts_setup"),
    ),
    "reconcile": (
        ("Parked deliveries", "admin:integrations_receipt_changelist"),
        ("Calls to others", "admin:integrations_outboundcall_changelist"),
    ),
}  # fmt: skip


def no_person(tasks: Sequence[Task], user: User, now: datetime) -> dict[int, Context]:
    """Where to look about a notice that concerns no person."""
    return {task.pk: {"places": _PLACES[task.type]} for task in tasks if task.contact_id is None}


def _troubled(task: Task, user: User) -> Message:
    contact = _person(task, user)
    found = _latest(user, {contact.pk}, 1, direction=Direction.OUTBOUND, status__in=TROUBLE).get(contact.pk)
    if not found:
        raise Invalid("There is no text any more that has not arrived.", code="nothing_failed")
    return found[0]


def resend(task: Task, given: Given, user: User) -> Done:
    """Send the text that failed once more, and finish the task."""
    message, cause = _troubled(task, user), Cause.user(user.pk)
    if message.status in UNSETTLED:
        message_services.resolve(message_id=message.pk, was_sent=False, cause=cause)
    elif message.status == Status.HELD:
        message_services.send_now(message_id=message.pk, cause=cause)
    else:
        # The words as they stand: a template would be filled for a visit that may have moved.
        written = composer.Written(key=f"again:{message.public_id}", body=message.body)
        composer.send(_person(task, user), written, cause)
    return _said_of_one(task, f"It goes out to {task.contact} again.", cause)


def was_sent(task: Task, given: Given, user: User) -> Done:
    """Nobody knew whether it went out; it did."""
    message, cause = _troubled(task, user), Cause.user(user.pk)
    message_services.resolve(message_id=message.pk, was_sent=True, cause=cause)
    return _said_of_one(task, "Noted: it was sent.", cause)


def _said_of_one(task: Task, words: str, cause: Cause) -> Done:
    """Finish the task, unless it is unknown of another text to the same person, too, whether it went out."""
    if about_unknown_texts([task]):
        return Done(f"{words} The task stays: another text may not have gone out.")
    task_services.complete_task(task.pk, outcome=Task.Outcome.SUCCESS, cause=cause)
    return Done(words)


def connect() -> None:
    """Join the rows of Today."""
    row_parts.parts.register("words", Part(("reply_needed",), words, "automation/desk/words.html"))
    row_parts.parts.register("failed", Part(("delivery_problem",), failed, "automation/desk/failed.html"))
    row_parts.parts.register("places", Part(("reconcile",), no_person, "automation/desk/places.html"))
    row_parts.panels.register("text", Panel("automation/desk/text.html", text_asked, "Text them"))
    for key, run in (
        ("reply", reply), ("text", text), ("invite", invite), ("resend", resend), ("was_sent", was_sent),
    ):  # fmt: skip
        row_parts.acts.register(key, Act(run))
