"""People from a row of Today: compare two who may be one, correct a number, give the task to a colleague."""

from __future__ import annotations

from typing import cast

from django.urls import reverse

from accounts import access, roles
from accounts.models import User
from contacts import duplicates
from contacts import services as contact_services
from contacts.models import Contact
from core.causes import Cause
from core.errors import Invalid
from tasks import row_parts, services
from tasks.acts import assign
from tasks.models import Task
from tasks.row_parts import Act, Context, Done, Given, Panel, person_of

_SHOWN = (
    ("name", "Name"), ("phone", "Phone"), ("email", "E-mail"), ("warmness_score", "Warmness"),
    ("recall_due_date", "Recall due"), ("notes", "Notes"),
)  # fmt: skip


def _suspects(contact: Contact, user: User) -> list[Contact]:
    ids = [row.pk for row in duplicates.suspects(contact.pk)]
    visible = access.visible(Contact.objects.live(), user, roles.UPDATE).filter(pk__in=ids)
    return list(
        visible.filter(location_id=contact.location_id).select_related("guardian", "location").order_by("pk")
    )


def compare_asked(task: Task, given: Given, user: User) -> Context:
    """The person beside each one who may be the same."""
    contact = person_of(task)
    pairs = []
    for other in _suspects(contact, user):
        rows = [
            {"label": label, "mine": getattr(contact, name), "theirs": getattr(other, name)}
            for name, label in _SHOWN
        ]
        rows = [row for row in rows if row["mine"] or row["theirs"]]
        pairs.append({"other": other, "rows": rows})
    more = reverse("admin:contacts_contact_merge", args=(contact.public_id,))
    return {"contact": contact, "pairs": pairs, "more": more}


def compare(task: Task, given: Given, user: User) -> Done:
    """Merge the two, keeping the one or the other, or say that they are two people."""
    contact = person_of(task)
    access.check_on(user, roles.UPDATE, contact)
    other = next((row for row in _suspects(contact, user) if str(row.public_id) == given.get("with")), None)
    if other is None:
        raise Invalid("Nobody thinks any more that these two are one.", fields={"with": "unknown"})
    cause, answer = Cause.user(user.pk), given.get("answer", "")
    services.check_free(task, cause)
    if answer == "different":
        contact_services.dismiss_duplicate(contact_id=contact.pk, other_id=other.pk, cause=cause)
        said = "Kept apart. This pair will not be asked about again."
    elif answer in ("keep_this", "keep_other"):
        keep, away = (contact, other) if answer == "keep_this" else (other, contact)
        contact_services.merge_contacts(keep_id=keep.pk, away_id=away.pk, cause=cause)
        said = "Merged. The page of the person can take it back."
    else:
        raise Invalid("Say whether they are one person.", fields={"answer": "required"})
    still = Task.objects.get(pk=task.pk)
    if still.is_open and not duplicates.suspects(cast(int, still.contact_id)):
        services.complete_task(task.pk, outcome=Task.Outcome.SUCCESS, cause=cause)
    return Done(said)


def number_asked(task: Task, given: Given, user: User) -> Context:
    """The number as it is, or as it was typed."""
    contact = person_of(task)
    return {"contact": contact, "phone": given.get("phone") or contact.phone}


def number(task: Task, given: Given, user: User) -> Done:
    """Correct the number. A task that asked for just that is finished."""
    contact = person_of(task)
    access.check_on(user, roles.UPDATE, contact)
    phone = given.get("phone", "").strip()
    if not phone:
        raise Invalid("Type the number.", fields={"phone": "required"})
    cause = Cause.user(user.pk)
    contact_services.update_contact(contact_id=contact.pk, fields={"phone": phone}, cause=cause)
    if task.type in (Task.Type.CUSTOM, Task.Type.DELIVERY_PROBLEM):
        services.complete_task(task.pk, outcome=Task.Outcome.SUCCESS, cause=cause)
        return Done(f"The number of {contact} is corrected.")
    return Done(f"The number of {contact} is corrected: call them now.")


def assign_asked(task: Task, given: Given, user: User) -> Context:
    """Who works on this clinic's tasks."""
    return {"workers": access.people(roles.UPDATE, "tasks", [task.location_id])[task.location_id]}


def connect() -> None:
    """Register the panels and acts."""
    # A merge locks two people, the first in order of id first: the task's own lock would come too early.
    row_parts.panels.register("compare", Panel("tasks/_compare.html", compare_asked, "One person or two?"))
    row_parts.acts.register("compare", Act(compare, guarded=False))
    row_parts.panels.register("number", Panel("tasks/_number.html", number_asked, "The phone number"))
    row_parts.acts.register("number", Act(number))
    row_parts.panels.register("assign", Panel("tasks/_assign.html", assign_asked, "Give it to a colleague"))
    row_parts.acts.register("assign", Act(assign, guarded=False))
