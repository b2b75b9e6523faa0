"""Where the composer posts to: put a template in, look at what would go out, send."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, live, pages
from accounts.models import User
from accounts.staff import cause_of, refusal_text
from contacts.models import Contact
from core.api_audit import note
from core.errors import DomainError
from core.ids import uuid7
from messaging import composer, reasons
from messaging.composer import Written
from messaging.models import Message, Status

FORM = "messaging/_composer_form.html"


def _person(request: HttpRequest, contact: str, action: str) -> Contact:
    rows = Contact.objects.live().select_related("location", "guardian")
    person = access.get_visible_or_404(rows, request.user, contact)
    access.check(request.user, action, "messages", person.location)
    note(request, [person], personal=True)
    return person


@require_http_methods(["GET", "POST"])
def compose(request: HttpRequest, contact: str) -> HttpResponse:
    """The composer as a page of its own, and what its buttons do: `act` is fill, look or send."""
    if request.method == "GET":
        person = _person(request, contact, "read")
        return _page(request, person, Written.of(request.GET))
    person = _person(request, contact, "create")
    written = Written.of(request.POST)
    act = request.POST.get("act") or "send"
    if act == "fill":
        return _fill(request, person, written)
    if act == "look" and not live.is_live(request):
        return _page(request, person, written, look=True)
    try:
        message = composer.send(person, written, cause_of(request))
    except DomainError as refusal:
        return _refused(request, person, written, refusal)
    return _sent(request, person, message)


def _fill(request: HttpRequest, person: Contact, written: Written) -> HttpResponse:
    if written.template:
        try:
            written = composer.fill(person, written, cause_of(request))
        except DomainError as refusal:
            return _refused(request, person, written, refusal)
    if live.is_live(request):
        return render(request, FORM, {"compose": _context(request, person, written)})
    return _page(request, person, written, look=True)


def _refused(request: HttpRequest, person: Contact, written: Written, refusal: DomainError) -> HttpResponse:
    """The box as it was, and why; a text whose key stood for another one gets a key of its own."""
    words = f"Not sent. {refusal_text(refusal)}"
    if refusal.code == "key_reused":
        before = composer.sent_text(written, cause_of(request))
        words = f"“{before}” was sent. What stands here now was not: send it too if it should go."
        written = Written(str(uuid7()), written.body, written.template, "", written.purpose, written.at)
    if live.is_live(request):
        context = {"compose": _context(request, person, written, error=words)}
        return render(request, FORM, context, status=422)
    return _page(request, person, written, error=words, look=True, status=422)


def _sent(request: HttpRequest, person: Contact, message: Message) -> HttpResponse:
    note(request, [message])
    words, bad = said_of(message)
    compose = _context(request, person, None, sent=True) or {}
    if live.is_live(request):
        return live.said(render(request, FORM, {"compose": compose}), words, bad=bad)
    return live.answer(request, FORM, {"compose": compose}, back=compose["back"], text=words, bad=bad)


def said_of(message: Message) -> tuple[str, bool]:
    """What became of a text that was just written, in words, and whether that is bad news."""
    if message.status == Status.SCHEDULED and message.send_at is not None:
        why = f" {reasons.words(message.reason)}" if message.reason else ""
        return f"Planned for {message.location.local(message.send_at):%a %d %b, %H:%M}.{why}", False
    if message.status in (Status.SUPPRESSED, Status.SKIPPED, Status.EXPIRED, Status.HELD):
        return f"Not sent. {reasons.words(message.reason)}", True
    return "Sent.", False


def _context(
    request: HttpRequest, person: Contact, written: Written | None, **more: Any
) -> dict[str, Any] | None:
    back = request.POST.get("back") or request.GET.get("back") or ""
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return composer.for_contact(
        person, cast(User, request.user), written=written, back=back if safe else "", **more
    )


def _page(
    request: HttpRequest, person: Contact, written: Written, *, error: str = "", look: bool = False,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    context: dict[str, Any] = {"compose": _context(request, person, written, error=error)}
    if look:
        context |= _look(person, written, request)
    title = f"Write to {person.name or person.reach_phone}"
    return render(
        request,
        "messaging/compose.html",
        pages.context(request, title=title, person=person, **context),
        status=status,
    )


def _look(person: Contact, written: Written, request: HttpRequest) -> dict[str, Any]:
    try:
        return {"preview": composer.preview(person, written, cause_of(request))}
    except DomainError as refusal:
        return {"refusal": refusal_text(refusal)}


@require_POST
def compose_preview(request: HttpRequest, contact: str) -> HttpResponse:
    """What the text as it stands would become, asked while it is written."""
    person = _person(request, contact, "create")
    return render(
        request, "messaging/_composer_preview.html", _look(person, Written.of(request.POST), request)
    )


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    for name, route, view in (
        ("messaging_compose", "messages/compose/<uuid:contact>/", compose),
        ("messaging_compose_preview", "messages/compose/<uuid:contact>/preview/", compose_preview),
    ):
        pages.extra.register(name, pages.Page(route, pages.refusing(view)))
