"""What is done with a conversation at the desk: assign, snooze, close, reopen, mark unread, name a stranger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import access, desk_actions, live, pages, staff
from accounts.desk_pages import undo_address
from accounts.models import Location, User
from accounts.staff import cause_of, refusal_text
from contacts import services as contact_services
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.errors import DomainError, Invalid
from core.localtime import start_of_day
from messaging import desk_kinds, inbox_views, presence, services
from messaging.inbox_views import FOUND, SNOOZES, TALKS, Shown
from messaging.models import Conversation

#: The time of day at which one that rests for days is taken up again.
AT = timedelta(hours=9)


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
    """Do one thing with a conversation, and show the inbox as it then is."""
    talk = access.get_visible_or_404(TALKS, request.user, conversation, "update")
    note(request, [talk, talk.contact], personal=True)
    if what not in _MOVES:
        raise Http404("There is no such move.")
    undo, bad = "", False
    try:
        said, undo = _MOVES[what](request, talk)
    except DomainError as refusal:
        said, bad = refusal_text(refusal), True
    if live.is_live(request):
        return _drawn(request, talk, what, said, bad=bad, undo=undo)
    thread = reverse("admin:messaging_conversation_thread", args=(talk.public_id,))
    back = request.POST.get("back") or (reverse("admin:messaging_inbox") if what == "unread" else thread)
    return live.answer(request, "", {}, back=back, text=said, bad=bad, undo=undo)


def _drawn(
    request: HttpRequest, talk: Conversation, what: str, said: str, *, bad: bool, undo: str
) -> HttpResponse:
    """The list as it is now and, where the conversation is the one before their eyes, its head."""
    before = Shown.of(request.POST)
    is_open = before.talk == str(talk.public_id)
    context: dict[str, Any] = {"thread_version": before.thread}
    if is_open and what == "unread" and not bad:
        presence.gone(talk.pk, request.user)
        context["put_away"] = True
        before = Shown(before.folder, before.location, "", before.lines, "", before.unread)
    elif is_open:
        talk = access.get_visible_or_404(TALKS, request.user, talk.public_id)
        context = inbox_views.opened(request, talk, before)
        context |= inbox_views.beside(request, talk, context)
    context |= inbox_views.listed(request, inbox_views.with_thread(before, context))
    context |= {
        "thread_changed": is_open and not context.get("put_away"),
        "list_changed": before.folder != FOUND,
    }
    context["person_changed"] = what in ("name", "lead")
    response = render(request, "messaging/_inbox_live.html", context)
    return live.said(response, said, bad=bad, undo=undo)


def _do(request: HttpRequest, talk: Conversation, kind: str, **parameters: Any) -> str:
    """Do it as an act of the desk. Answers where it is taken back; "" when it changed nothing."""
    user = cast(User, request.user)
    action = desk_actions.do_one(kind, location=talk.location, user=user, item=talk.pk, parameters=parameters)
    return undo_address(action)


def _assign(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    asked = request.POST.get("assigned_to", "")
    to = next((one for one in staff.colleagues(request) if str(one.public_id) == asked), None)
    if asked and to is None:
        raise Invalid("There is no such colleague here.", fields={"assigned_to": "unknown"})
    undo = _do(request, talk, desk_kinds.ASSIGN, assigned_to=to.pk if to is not None else None)
    return f"It is {to}'s now." if to is not None else "It is nobody's now.", undo


def _mine(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    return "It is yours now.", _do(request, talk, desk_kinds.ASSIGN, assigned_to=request.user.pk)


def _snooze(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    until = _moment(request.POST.get("until", ""), talk.location)
    undo = _do(request, talk, desk_kinds.SNOOZE, until=until.isoformat())
    said = f"It rests until {talk.location.local(until):%a %d %b, %H:%M}, or until the patient writes."
    return said, undo


def _moment(choice: str, location: Location) -> datetime:
    if choice not in SNOOZES:
        raise Invalid(f"Snooze until one of: {', '.join(SNOOZES)}.", fields={"until": "unknown"})
    now, (_, days) = clock.now(), SNOOZES[choice]
    if not days:
        return now + timedelta(hours=1)
    day = location.local(now).date() + timedelta(days=days)
    return start_of_day(day, location.zone) + AT


def _close(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    return "It is closed. A new message opens it again.", _do(request, talk, desk_kinds.CLOSE)


def _reopen(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    services.reopen_conversation(conversation_id=talk.pk, cause=cause_of(request))
    return "It is open again.", ""


def _unread(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    services.mark_unread(conversation_id=talk.pk)
    return "It counts as unread again.", ""


def _name(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    access.check(request.user, "update", "contacts", talk.location_id)
    name = request.POST.get("name", "").strip()
    if not name:
        raise Invalid("Write the person's name.", fields={"name": "missing"})
    contact_services.update_contact(
        contact_id=talk.contact_id, fields={"name": name}, cause=cause_of(request)
    )
    return f"This number is {name}'s now.", ""


def _lead(request: HttpRequest, talk: Conversation) -> tuple[str, str]:
    access.check(request.user, "update", "contacts", talk.location_id)
    contact_services.make_lead(contact_id=talk.contact_id, cause=cause_of(request))
    return "A lead from now on: what the rules do with leads begins.", ""


#: Each does its act, and answers what to say and where it is taken back ("" where it is not).
_MOVES: dict[str, Callable[[HttpRequest, Conversation], tuple[str, str]]] = {
    "assign": _assign, "mine": _mine, "snooze": _snooze, "close": _close, "reopen": _reopen, "unread": _unread,
    "name": _name, "lead": _lead,
}  # fmt: skip


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    for name, route, view in (
        ("messaging_conversation_move", "messages/conversation/<uuid:conversation>/<slug:what>/", move),
        ("messaging_write", "messages/write/<uuid:contact>/", write_to),
    ):
        pages.extra.register(name, pages.Page(route, pages.refusing(view)))
