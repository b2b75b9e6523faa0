"""The page “Set-up”: what a clinic still lacks, with where to do it. The checklist of a new clinic."""

from __future__ import annotations

from itertools import groupby

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts import access, doctor, pages, roles
from accounts.doctor import Finding, Level
from accounts.models import Location
from core.api_audit import note
from core.errors import NotAllowed

NAME = "accounts_setup"
_RANK = {Level.MISSING: 0, Level.WARNING: 1, Level.OK: 2}


def address(location: Location) -> str:
    """Where a clinic's set-up page is."""
    return f"{reverse(f'admin:{NAME}')}?location={location.code}"


def set_up(request: HttpRequest) -> HttpResponse:
    """What `manage.py doctor` says of the clinic one works in, or of another of one's own."""
    access.check(request.user, roles.READ, "settings")
    here = [
        row
        for row in access.locations(request.user)
        if access.allowed(request.user, roles.READ, "settings", row)
    ]
    location = _chosen(request, here)
    findings = doctor.examine(location)
    note(request, [location])
    return render(
        request,
        "accounts/setup.html",
        pages.context(
            request, title=f"Set-up of {location.name}", location=location, clinics=here, groups=grouped(findings),
            missing=sum(finding.level is Level.MISSING for finding in findings),
            warnings=sum(finding.level is Level.WARNING for finding in findings),
            may_add=access.allowed(request.user, roles.CREATE, "users"),
        ),
    )  # fmt: skip


def _chosen(request: HttpRequest, here: list[Location]) -> Location:
    code = request.GET.get("location")
    if code:
        found = next((row for row in here if row.code == code), None)
        if found is None:
            raise Http404("There is no such clinic.")
        return found
    working_in = getattr(request, "location", None)
    chosen = next((row for row in here if working_in is not None and row.pk == working_in.pk), None)
    if chosen is None and not here:
        raise NotAllowed("Your account does not belong to a clinic yet. Ask an admin to add you to one.")
    return chosen or here[0]


def grouped(findings: list[Finding]) -> list[tuple[str, str, list[Finding]]]:
    """Findings by area in the order in which areas came up, gravest first within; with each area's worst level."""
    order: dict[str, int] = {}
    for finding in findings:
        order.setdefault(finding.area, len(order))
    rows = sorted(findings, key=lambda row: (order[row.area], _RANK[row.level]))
    groups = [(area, list(part)) for area, part in groupby(rows, key=lambda row: row.area)]
    return [(area, part[0].level.value, part) for area, part in groups]


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register(NAME, pages.Page("set-up/", set_up))
