"""The inbox page: folders, a list, one conversation with its person; and its live parts.

What the page shows stands in a form of hidden fields (`Shown`), which every request of its parts brings along: so the
server knows what has changed since, and answers 204 when nothing has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from accounts import access, live, pages, staff
from accounts.models import User
from bookings import selectors as booking_selectors
from contacts import selectors as contact_selectors
from core import clock
from core.api_audit import note
from core.numbers import whole
from messaging import composer, inbox, numbers, presence, services, threads
from messaging.models import Conversation

TALKS = Conversation.objects.select_related(
    "contact__location", "contact__guardian", "assigned_to", "location"
)
FOUND = "found"
#: When a conversation that rests is taken up again: words, and days from today (0 is in an hour).
SNOOZES = {
    "tomorrow": ("until tomorrow", 1),
    "hour": ("for an hour", 0),
    "days": ("for three days", 3),
    "week": ("for a week", 7),
}


@dataclass(frozen=True)
class Shown:
    """What a browser shows: a folder of some clinics, a conversation, and in which versions."""

    folder: str = "unread"
    location: str = ""
    talk: str = ""
    lines: str = ""
    thread: str = ""
    unread: int = 0

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Shown:
        """As a request says; what makes no sense counts as not said."""
        folder = given.get("folder", "")
        return cls(
            folder=folder if folder in inbox.FOLDERS or folder == FOUND else "unread",
            location=given.get("location", "")[:40], talk=given.get("talk", "")[:40],
            lines=given.get("lines", "")[:60], thread=given.get("thread", "")[:60],
            unread=whole(given.get("unread", "")) or 0,
        )  # fmt: skip

    @property
    def query(self) -> str:
        """Folder and clinic as the query of an address."""
        said = {"folder": "unread" if self.folder == FOUND else self.folder, "location": self.location}
        return urlencode({key: value for key, value in said.items() if value})


@require_http_methods(["GET", "POST"])
def inbox_page(request: HttpRequest) -> HttpResponse:
    """The inbox without a conversation. A POST looks for people, so that what was typed stands in no address."""
    access.check(request.user, "read", "messages")
    shown = Shown.of(request.GET if request.method == "GET" else request.POST)
    text = request.POST.get("q", "").strip()[:100]
    if request.method == "POST" and not text and shown.folder == FOUND:
        shown = Shown.of({**request.POST.dict(), "folder": "all"})
    context = listed(request, shown, text=text, after=request.GET.get("after", ""))
    if live.is_live(request):
        part = "_inbox_more" if request.GET.get("after") else "_inbox_found"
        return render(request, f"messaging/{part}.html", context)
    return render(request, "messaging/inbox.html", pages.context(request, title="Inbox", **context))


def listed(request: HttpRequest, shown: Shown, *, text: str = "", after: str = "") -> dict[str, Any]:
    """Folders and list. Five queries."""
    user = cast(User, request.user)
    every = inbox.locations(user)
    places = [one for one in every if str(one.public_id) == shown.location] or every
    if text:
        found = inbox.find(user, places, text)
    elif shown.folder == FOUND:
        found = inbox.Page([], "", FOUND)
    else:
        found = inbox.page(user, inbox.FOLDERS[shown.folder], places, after=after)
    note(request, [line.talk for line in found.lines], personal=True)
    counts = inbox.counts(user, places)
    if places == every:
        request.unread_talks = counts["unread"]  # type: ignore[attr-defined]
    lines = hashlib.blake2s(f"{found.version}{counts}".encode(), digest_size=6).hexdigest()
    folder = FOUND if text else shown.folder
    return {
        "shown": Shown(folder, shown.location, shown.talk, lines, shown.thread, counts["unread"]),
        "folders": [
            (one.key, one.label, _capped(counts.get(one.key, 0)), one.key == folder)
            for one in inbox.FOLDERS.values()
        ],
        "page": found, "text": text, "places": every, "several": len(every) > 1, "is_first": not after,
        "may_move": access.allowed(user, "update", "messages"),
        "inbox_url": reverse("admin:messaging_inbox"), "live_url": reverse("admin:messaging_inbox_live"),
    }  # fmt: skip


def _capped(count: int) -> str:
    return f"{inbox.CAP}+" if count > inbox.CAP else str(count or "")


def opened(request: HttpRequest, talk: Conversation, shown: Shown, *, typing: bool = False) -> dict[str, Any]:
    """One conversation: messages, what may be done with it, its person, who else looks at it."""
    user = cast(User, request.user)
    person = talk.contact
    note(request, [talk, person], personal=True)
    may_write = access.allowed(user, "create", "messages", talk.location_id)
    bubbles, before = threads.page(person)
    others = presence.here(talk.pk, user, typing=typing) if may_write else []
    back = f"{reverse('admin:messaging_conversation_thread', args=(talk.public_id,))}?{shown.query}"
    return {
        "talk": talk, "person": person, "bubbles": bubbles, "before": before, "others": others,
        "may_write": may_write, "may_move_it": access.allowed_on(user, "update", talk),
        "number": numbers.standing(talk.location_id, person.reach_phone), "snoozes": SNOOZES,
        "until": talk.location.local(talk.snoozed_until) if talk.snoozed_until is not None else None,
        "thread_version": _version(talk, bubbles, others), "back": back, "me": user,
    }  # fmt: skip


def _version(talk: Conversation, bubbles: list[threads.Bubble], others: list[tuple[str, bool]]) -> str:
    told = (
        threads.version_of(bubbles), talk.state, talk.assigned_to_id, talk.snoozed_until, talk.contact.name, others
    )  # fmt: skip
    return hashlib.blake2s(repr(told).encode(), digest_size=6).hexdigest()


def beside(request: HttpRequest, talk: Conversation, opened_: dict[str, Any]) -> dict[str, Any]:
    """What only the whole conversation shows: whom it can be given to, the person, the composer."""
    user, person = cast(User, request.user), talk.contact
    return {
        "people": staff.colleagues(request) if opened_["may_move_it"] else (),
        "visit": booking_selectors.next_visits([person.pk], clock.now()).get(person.pk),
        "consent": contact_selectors.consent_shown(person),
        "may_edit": access.allowed(user, "update", "contacts", person.location_id),
        "compose": composer.for_contact(person, user, back=opened_["back"]),
    }


@require_GET
def conversation_page(request: HttpRequest, conversation: str) -> HttpResponse:
    """A conversation in the inbox; asked by the inbox itself, only that part."""
    talk = access.get_visible_or_404(TALKS, request.user, conversation)
    said = request.GET.dict()
    shown = Shown.of({**said, "folder": said.get("folder") or "all", "talk": str(talk.public_id)})
    _look(request, talk)
    context = opened(request, talk, shown)
    context |= beside(request, talk, context) | listed(request, with_thread(shown, context))
    if live.is_live(request):
        return render(request, "messaging/_inbox_opened.html", context)
    title = talk.contact.name or talk.contact.reach_phone or "Conversation"
    return render(request, "messaging/inbox.html", pages.context(request, title=title, **context))


def with_thread(shown: Shown, context: dict[str, Any]) -> Shown:
    """What is shown once the conversation of `context` is."""
    version = context["thread_version"]
    return Shown(shown.folder, shown.location, shown.talk, shown.lines, version, shown.unread)


def _look(request: HttpRequest, talk: Conversation) -> None:
    """Somebody who could answer has it before their eyes."""
    if talk.unseen and access.allowed(request.user, "create", "messages", talk.location_id):
        services.mark_seen(conversation_id=talk.pk)
        talk.seen_at = clock.now()


@require_GET
def inbox_live(request: HttpRequest) -> HttpResponse:
    """What has changed since the page was drawn; 204 when nothing has."""
    access.check(request.user, "read", "messages")
    given = request.GET.dict()
    before = Shown.of(given)
    context: dict[str, Any] = {"thread_version": ""}
    if before.talk:
        talk = access.get_visible_or_404(TALKS, request.user, before.talk)
        if given.get("visible") == "1":
            _look(request, talk)
        context = opened(request, talk, before, typing=given.get("typing") == "1")
    context |= listed(request, with_thread(before, context))
    after: Shown = context["shown"]
    context["thread_changed"] = bool(before.talk) and after.thread != before.thread
    context["list_changed"] = before.folder != FOUND and after.lines != before.lines
    if not context["thread_changed"] and not context["list_changed"]:
        return HttpResponse(status=204)
    if context["thread_changed"]:
        context["people"] = staff.colleagues(request) if context["may_move_it"] else ()
    context["news"] = _news(context) if after.unread > before.unread else ""
    return render(request, "messaging/_inbox_live.html", context)


def _news(context: dict[str, Any]) -> str:
    newest = next((line.talk for line in context["page"].lines if line.talk.unseen), None)
    count = context["shown"].unread
    who = f" from {newest.contact.name or newest.contact.reach_phone}" if newest is not None else ""
    return f"New message{who}. {_capped(count)} unread."


@require_GET
def earlier(request: HttpRequest, conversation: str) -> HttpResponse:
    """Messages before those that are shown."""
    talk = access.get_visible_or_404(TALKS, request.user, conversation)
    note(request, [talk, talk.contact], personal=True)
    before = whole(request.GET.get("before", "")) or 0
    bubbles, more = threads.page(talk.contact, before=before)
    context = {"talk": talk, "bubbles": bubbles, "before": more}
    if live.is_live(request):
        return render(request, "messaging/_inbox_earlier.html", context)
    title = talk.contact.name or talk.contact.reach_phone
    return render(request, "messaging/earlier.html", pages.context(request, title=title, **context))


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    for name, route, view in (
        ("messaging_inbox", "inbox/", inbox_page),
        ("messaging_inbox_live", "inbox/live/", inbox_live),
        ("messaging_conversation_thread", "messages/conversation/<uuid:conversation>/", conversation_page),
        ("messaging_conversation_earlier", "messages/conversation/<uuid:conversation>/earlier/", earlier),
    ):
        pages.extra.register(name, pages.Page(route, pages.refusing(view)))
