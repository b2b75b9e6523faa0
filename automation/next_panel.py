""" "What next?" on the contact's page: all that the person will receive, and withdrawing one of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import access, live, pages
from accounts.models import User
from accounts.staff import cause_of, refusal_text
from automation import delayed, forecast
from automation.models import ActionRun
from contacts import panels
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.errors import DomainError, NotFound
from messaging import services as message_services
from messaging.models import Message


def for_contact(contact: Contact, user: User) -> dict[str, Any] | None:
    """What the panel shows."""
    found = forecast.upcoming(contact, now=clock.now())
    going = [item for item in found.items if item.will_go]
    return {
        "going": going,
        "kept": [item for item in found.items if not item.will_go],
        "steps": found.steps,
        "until": found.until,
        "may_withdraw": access.allowed(user, "update", "messages", contact.location_id),
    }


@require_POST
def withdraw(request: HttpRequest, contact: str) -> HttpResponse:
    """Withdraw a message that waits, or a step that waits, of a contact."""
    person = access.get_visible_or_404(Contact.objects.live(), request.user, contact)
    access.check(request.user, "update", "messages", person.location_id)
    note(request, [person], personal=True)
    bad = False
    try:
        text = _withdraw(request, person)
    except DomainError as refusal:
        text, bad = refusal_text(refusal), True
    back = reverse("admin:contacts_contact_change", args=(person.public_id,))
    if live.is_live(request):
        return live.said(HttpResponse(status=422 if bad else 204), text, bad=bad)
    return live.answer(request, "", {}, back=back, text=text, bad=bad)


def _withdraw(request: HttpRequest, person: Contact) -> str:
    if "step" in request.POST:
        rows = ActionRun.objects.filter(run__contact=person, public_id=_id(request, "step"))
        row = rows.first()
        if row is None:
            raise NotFound("There is no such step.")
        delayed.withdraw_step(row.pk, reason=request.POST.get("reason", ""), cause=cause_of(request))
        return "Withdrawn: the step will not be taken."
    message = Message.objects.filter(contact=person, public_id=_id(request, "message")).first()
    if message is None:
        raise NotFound("There is no such message.")
    message_services.cancel_message(message_id=message.pk, cause=cause_of(request))
    return "Withdrawn: it will not be sent."


def _id(request: HttpRequest, name: str) -> str:
    try:
        return str(UUID(request.POST.get(name, "")))
    except ValueError:
        raise NotFound("There is no such thing to withdraw.") from None


def connect() -> None:
    """Called when the app is ready."""
    panels.register_panel(
        "next", "What next?", 10, template="automation/next_panel.html", context=for_contact, aside=True,
        lazy=True, resource="messages",
    )  # fmt: skip
    pages.extra.register(
        "automation_withdraw", pages.Page("upcoming/<uuid:contact>/withdraw/", pages.refusing(withdraw))
    )
