"""Rules as a file: the two pages."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, pages, roles
from accounts.models import User
from accounts.staff import cause_of
from automation import portable
from automation.models import Rule
from automation.rule_pages import clinic_of
from core.api_audit import note
from core.errors import DomainError


def export_rules(request: HttpRequest) -> HttpResponse:
    """Every rule of the clinic as one file."""
    clinic = clinic_of(request)
    rows = list(access.visible(Rule, request.user).filter(location=clinic).select_related("current"))
    note(request, rows)
    response = HttpResponse(portable.export(rows), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="rules-{clinic.code}.json"'
    return response


def import_rules(request: HttpRequest) -> HttpResponse:
    """A file: first what it would do, then, asked again, that."""
    clinic = clinic_of(request)
    access.check(request.user, roles.CREATE, "settings", clinic)
    access.check(request.user, roles.UPDATE, "settings", clinic)
    context: dict[str, object] = {
        "title": "Import rules",
        "clinic": clinic,
        "text": "",
        "plan": None,
        "problem": "",
    }
    if request.method == "POST":
        assert isinstance(request.user, User)
        text = context["text"] = _text(request)
        try:
            if request.POST.get("do") == "apply":
                counts = portable.apply(
                    text,
                    clinic,
                    keys=request.POST.getlist("key"),
                    author=request.user,
                    cause=cause_of(request),
                )
                messages.success(
                    request, f"{counts['new']} rules added, switched off; {counts['changed']} changed."
                )
                return HttpResponseRedirect(f"{reverse('admin:automation_rules')}?location={clinic.code}")
            context["plan"] = portable.plan(text, clinic)
        except DomainError as refusal:
            context["problem"] = refusal.message
    status = 422 if context["problem"] else 200
    return render(request, "automation/editor/import.html", pages.context(request, **context), status=status)


def _text(request: HttpRequest) -> str:
    given = request.FILES.get("file")
    if given is None:
        return request.POST.get("text", "")
    return given.read(portable.MOST_BYTES + 1).decode("utf-8", errors="replace")
