"""The page of a conversation: what was said, a box to write in, and what may be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib import messages as flash
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, pages, staff
from accounts.models import Location
from accounts.staff import cause_of, refusal_text
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.causes import Cause
from core.errors import DomainError, Invalid
from core.localtime import start_of_day
from messaging import numbers, reasons, services, threads
from messaging.models import Conversation, Status

#: When a conversation that rests is taken up again, in days from today at nine; 0 is in an hour.
SNOOZES = {"hour": 0, "tomorrow": 1, "days": 3, "week": 7}
AT = timedelta(hours=9)


@require_http_methods(["GET", "POST"])
def conversation_page(request: HttpRequest, conversation: str) -> HttpResponse:
    """A conversation as staff see it, with what waits and what was not sent; and a box to write in."""
    rows = Conversation.objects.select_related(
        "contact__location", "contact__guardian", "assigned_to", "location"
    )
    talk = access.get_visible_or_404(rows, request.user, conversation)
    note(request, [talk, talk.contact], personal=True)
    may_write = access.allowed(request.user, "create", "messages", talk.location_id)
    if request.method == "POST":
        return _write(request, talk)
    if may_write and talk.unseen:
        services.mark_seen(conversation_id=talk.pk)
    context = {
        "talk": talk,
        "person": talk.contact,
        "bubbles": threads.of_contact(talk.contact)[::-1],
        "may_write": may_write,
        "number": numbers.standing(talk.location_id, talk.contact.reach_phone),
    }
    if request.headers.get("HX-Request"):
        return render(request, "messaging/_conversation_thread.html", context)
    context["may_move"] = access.allowed_on(request.user, "update", talk)
    context["people"] = staff.colleagues(request) if context["may_move"] else ()
    context["until"] = talk.location.local(talk.snoozed_until) if talk.snoozed_until is not None else None
    title = talk.contact.name or talk.contact.reach_phone
    return render(request, "messaging/conversation.html", pages.context(request, title=title, **context))


def _write(request: HttpRequest, talk: Conversation) -> HttpResponse:
    access.check(request.user, "create", "messages", talk.location_id)
    try:
        sent = services.send_text(
            contact_id=talk.contact_id, body=request.POST.get("body", ""), cause=cause_of(request)
        )
    except DomainError as refusal:
        flash.error(request, refusal.message)
    else:
        services.mark_seen(conversation_id=talk.pk)
        if sent.message.status not in (Status.QUEUED, Status.SCHEDULED):
            flash.warning(request, f"Not sent: {reasons.words(sent.reason)}")
    return HttpResponseRedirect(reverse("admin:messaging_conversation_thread", args=(talk.public_id,)))


def write_to(request: HttpRequest, contact: str) -> HttpResponse:
    """Open the conversation with a contact, making it when there is none."""
    person = access.get_visible_or_404(Contact.objects.live(), request.user, contact)
    access.check(request.user, "create", "messages", person.location_id)
    talk, _ = Conversation.objects.get_or_create(
        contact=person, channel="sms", defaults={"location_id": person.location_id}
    )
    return HttpResponseRedirect(reverse("admin:messaging_conversation_thread", args=(talk.public_id,)))


@require_POST
def move(request: HttpRequest, conversation: str, what: str) -> HttpResponse:
    """Assign, snooze, close, reopen."""
    rows = Conversation.objects.select_related("location")
    talk = access.get_visible_or_404(rows, request.user, conversation, "update")
    note(request, [talk], personal=True)
    if what not in _MOVES:
        raise Http404("There is no such move.")
    try:
        said = _MOVES[what](request, talk, cause_of(request))
    except DomainError as refusal:
        flash.error(request, refusal_text(refusal))
    else:
        flash.success(request, said)
    return HttpResponseRedirect(reverse("admin:messaging_conversation_thread", args=(talk.public_id,)))


def _assign(request: HttpRequest, talk: Conversation, cause: Cause) -> str:
    asked = request.POST.get("assigned_to", "")
    to = next((one for one in staff.colleagues(request) if str(one.public_id) == asked), None)
    if asked and to is None:
        raise Invalid("There is no such colleague here.", fields={"assigned_to": "unknown"})
    services.assign_conversation(conversation_id=talk.pk, to=to, cause=cause)
    return f"It is {to}'s now." if to is not None else "It is nobody's now."


def _snooze(request: HttpRequest, talk: Conversation, cause: Cause) -> str:
    until = _moment(request.POST.get("until", ""), talk.location)
    services.snooze_conversation(conversation_id=talk.pk, until=until, cause=cause)
    return f"It rests until {talk.location.local(until):%a %d %b, %H:%M}, or until the patient writes."


def _moment(choice: str, location: Location) -> datetime:
    if choice not in SNOOZES:
        raise Invalid(f"Snooze until one of: {', '.join(SNOOZES)}.", fields={"until": "unknown"})
    now = clock.now()
    if choice == "hour":
        return now + timedelta(hours=1)
    day = location.local(now).date() + timedelta(days=SNOOZES[choice])
    return start_of_day(day, location.zone) + AT


def _close(request: HttpRequest, talk: Conversation, cause: Cause) -> str:
    services.close_conversation(conversation_id=talk.pk, cause=cause)
    return "It is closed. A new message opens it again."


def _reopen(request: HttpRequest, talk: Conversation, cause: Cause) -> str:
    services.reopen_conversation(conversation_id=talk.pk, cause=cause)
    return "It is open again."


_MOVES: dict[str, Callable[[HttpRequest, Conversation, Cause], str]] = {
    "assign": _assign, "snooze": _snooze, "close": _close, "reopen": _reopen,
}  # fmt: skip


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    for name, route, view in (
        ("messaging_conversation_thread", "messages/conversation/<uuid:conversation>/", conversation_page),
        ("messaging_conversation_move", "messages/conversation/<uuid:conversation>/<slug:what>/", move),
        ("messaging_write", "messages/write/<uuid:contact>/", write_to),
    ):
        pages.extra.register(name, pages.Page(route, pages.refusing(view)))
