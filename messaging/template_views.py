"""What the page of a template asks for: the wording as somebody would read it, on a phone, and an earlier one back."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib import messages as flash
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, live, pages
from accounts.models import User
from accounts.staff import cause_of, change_url, refusal_text
from contacts.models import Contact
from contacts.templatetags.contacts_tags import spoken
from core import clock
from core.api_audit import note
from core.errors import DomainError, Invalid, NotAllowed
from core.ids import uuid7
from core.numbers import whole
from messaging import services, template_editor, trying_out
from messaging.models import Channel, Template


def _template(request: HttpRequest, template: UUID, action: str = "read") -> Template:
    rows = Template.objects.select_related("location")
    row = access.get_visible_or_404(rows, cast(User, request.user), template, action)
    note(request, [row])
    return row


@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, template: UUID | None = None) -> HttpResponse:
    """The live part of the page, for the form as it stands; a page of its own for who asks without scripts."""
    access.check(request.user, "read", "settings")
    row = _template(request, template) if template is not None else None
    wording = template_editor.written(request, row, {})
    panel = template_editor.panel(request, wording)
    if live.is_live(request):
        return render(request, "messaging/_template_live.html", {"panel": panel})
    title = f"How {spoken(row.name)} reads" if row is not None else "How it reads"
    context = pages.context(request, title=title, panel=panel, template=row, action=request.path)
    return render(request, "messaging/template_preview.html", context)


@require_http_methods(["GET", "POST"])
def on_phone(request: HttpRequest, template: UUID) -> HttpResponse:
    """The template as it is saved, on a phone for a chosen person, and with `do=send` on their on-screen phone.

    Looking sends nothing. Http404 for e-mails, which have no phone.
    """
    row = _template(request, template)
    if row.channel != Channel.SMS:
        raise Http404("E-mails do not go to a phone.")
    wording = template_editor.written(request, row, {})
    panel = template_editor.panel(request, wording)
    wanted = request.method == "POST" and request.POST.get("do") == "send"
    if wanted and (sent := _sent(request, row, panel["person"])) is not None:
        return sent
    context = pages.context(
        request, title=f"{spoken(row.name)} on a phone", template=row, on_phone=True, action=request.path,
        panel=panel, now=row.location.local(clock.now()), why_not=trying_out.why_not(row), key=str(uuid7()),
        may_send=access.allowed(request.user, "create", "messages", row.location),
    )  # fmt: skip
    return render(request, "messaging/template_preview.html", context)


def _sent(request: HttpRequest, row: Template, person: Contact | None) -> HttpResponse | None:
    """Send it and lead to the phone; None, with the reason said, for what was refused."""
    try:
        if person is None:
            raise Invalid("Choose whose phone it goes to.")
        key = request.POST.get("key", "")[:64] or str(uuid7())
        trying_out.send(row, person, user=cast(User, request.user), key=key)
    except DomainError as refusal:
        if isinstance(refusal, NotAllowed):
            raise
        flash.error(request, f"Not sent. {refusal_text(refusal)}")
        return None
    flash.success(request, f"It is on its way to the phone of {person}: it arrives here in a moment.")
    return HttpResponseRedirect(f"{reverse('admin:messaging_phone')}?contact={person.public_id}")


@require_POST
def restore(request: HttpRequest, template: UUID) -> HttpResponse:
    """Make an earlier wording the present one, as a new version."""
    row = _template(request, template, "update")
    number = request.POST.get("number", "")
    text, bad = f"Version {number} is back, as a new version.", False
    try:
        wanted = whole(number, digits=8)
        if wanted is None:
            raise Invalid("Say which version to restore by its number.")
        services.restore_version(template_id=row.pk, number=wanted, cause=cause_of(request))
    except DomainError as refusal:
        text, bad = f"Not restored. {refusal_text(refusal)}", True
    (flash.error if bad else flash.success)(request, text)
    return HttpResponseRedirect(change_url(row))


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    for name, route, view in (
        ("messaging_template_preview_new", "templates/preview/", preview),
        ("messaging_template_preview", "templates/<uuid:template>/preview/", preview),
        ("messaging_template_phone", "templates/<uuid:template>/phone/", on_phone),
        ("messaging_template_restore", "templates/<uuid:template>/restore/", restore),
    ):
        pages.extra.register(name, pages.Page(route, pages.refusing(view)))
