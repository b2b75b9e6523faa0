"""What stands beside a wording while it is written: how it reads for a person, how it travels, what is wrong with it,
where it is used and what it said before.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.http import Http404, HttpRequest
from django.urls import reverse

from accounts import access
from accounts.models import Location, User
from bookings import selectors as visits
from contacts import selectors as people
from contacts.models import Contact
from core import clock, diffs
from core.api_audit import note
from core.numbers import whole
from messaging import rendering, safety, segments, template_uses, values
from messaging.linting import Finding
from messaging.models import Channel, Purpose, Template, TemplateVersion
from messaging.segments import Segments

FOUND = 8
#: So many versions are shown at first; when all are asked for, up to MOST_VERSIONS.
VERSIONS = 12
MOST_VERSIONS = 200


@dataclass(frozen=True, slots=True)
class Wording:
    """What the form says so far; what it does not say is as the template has it."""

    location: Location
    subject: str
    body: str
    purpose: str
    channel: str
    asks_answer: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A wording as it would arrive. `missing` are the placeholders without a value, `foreign` the characters outside
    GSM-7 with their names; `cost` is in whole units of the currency.
    """

    subject: str
    body: str
    missing: tuple[str, ...]
    size: Segments
    foreign: list[tuple[str, str]]
    cost: float
    findings: list[Finding]
    by_mail: bool


def palette(location: Location | None) -> list[dict[str, Any]]:
    """The placeholders that may be used, with what they mean and whether the clinic has yet to type their value."""
    own = values.of_clinic(location) if location is not None else {}
    return [
        {"name": name, "meaning": meaning, "empty": name in own and not own[name]}
        for name, meaning in rendering.PLACEHOLDERS.items()
    ]


def written(request: HttpRequest, template: Template | None, initial: Mapping[str, Any]) -> Wording:
    """The wording that a form holds. Raises Http404 for a clinic that is not the person's."""
    posted = request.method == "POST" and "body" in request.POST
    given: Mapping[str, Any] = request.POST if posted else initial
    if template is not None:
        kept = {name: getattr(template, name) for name in ("subject", "body", "purpose", "asks_answer")}
        given = given if posted else kept
        location, channel = template.location, template.channel
    else:
        location = _location(request, given.get("location"))
        channel = str(given.get("channel") or "")
    purpose = str(given.get("purpose") or "")
    return Wording(
        location=location, subject=str(given.get("subject") or ""),
        body=str(given.get("body") or "").replace("\r\n", "\n"),
        purpose=purpose if purpose in Purpose.values else Purpose.SERVICE.value,
        channel=channel if channel in Channel.values else Channel.SMS.value,
        asks_answer=bool(given.get("asks_answer")),
    )  # fmt: skip


def _location(request: HttpRequest, key: object) -> Location:
    wanted = whole(str(key or ""))
    if wanted is not None:
        found = access.locations(request.user).filter(pk=wanted).first()
        if found is None:
            raise Http404("There is no such location.")
        return found
    return access.location_for(cast(User, request.user))


def panel(request: HttpRequest, wording: Wording) -> dict[str, Any]:
    """The live part: the wording as the chosen person would read it, and the people who fit what was typed."""
    given = request.POST if request.method == "POST" else request.GET
    contacts = _people(request, wording.location)
    person, found, term = None, [], str(given.get("preview_find") or "").strip()
    may_choose = access.allowed(request.user, "read", "contacts", wording.location)
    if may_choose and (chosen := given.get("preview_for")):
        person = access.get_visible_or_404(contacts, request.user, chosen)
    if may_choose and term and request.method == "POST":
        found = list(people.find(contacts, term, locations=[wording.location])[:FOUND])
    rows = [*([person] if person is not None else []), *(one for one in found if one != person)]
    note(request, rows, personal=bool(rows))
    return {
        "shown": show(wording, person), "person": person, "people": rows, "may_choose": may_choose,
        "term": term, "nobody": bool(term) and not found, "currency": wording.location.currency,
        "clinic": wording.location.name, "empty": not wording.body.strip(),
    }  # fmt: skip


def _people(request: HttpRequest, location: Location) -> Any:
    live = Contact.objects.live().filter(location=location).select_related("location")
    return access.visible(live, cast(User, request.user))


def show(wording: Wording, person: Contact | None) -> Shown:
    """The wording filled with a person's values, or typical ones. What cannot be filled in stays as it was typed."""
    location, by_mail = wording.location, wording.channel == Channel.EMAIL
    missing: tuple[str, ...] = ()
    if person is None:
        subject, body = (safety.sample(text, location) for text in (wording.subject, wording.body))
    else:
        now = clock.now()
        known = values.for_message(
            contact=person, location=location, booking=visits.next_visits([person.pk], now).get(person.pk),
            last_visit=values.last_visits([person.pk]).get(person.pk),
        )  # fmt: skip
        subject, body = (rendering.render_known(text, known) for text in (wording.subject, wording.body))
        asked = rendering.placeholders(f"{wording.subject}\n{wording.body}")
        allowed = [name for name in asked if name in rendering.PLACEHOLDERS]
        missing = tuple(name for name in allowed if not rendering.clean(known.get(name)))
    size = segments.measure(body)
    found = safety.findings(
        location, body=wording.body, subject=wording.subject, purpose=wording.purpose, channel=wording.channel,
        asks_answer=wording.asks_answer,
    )  # fmt: skip
    return Shown(
        subject=subject if by_mail else "", body=body, missing=missing, size=size,
        foreign=[(char, unicodedata.name(char, f"U+{ord(char):04X}").lower()) for char in size.foreign],
        cost=safety.cost_of(body, location) / 100, by_mail=by_mail,
        # Which characters keep it out of GSM-7 is said by name below.
        findings=[finding for finding in found if finding.code != "encoding"],
    )  # fmt: skip


def for_page(request: HttpRequest, template: Template | None, initial: Mapping[str, Any]) -> dict[str, Any]:
    """All that stands beside the form."""
    url = (
        reverse("admin:messaging_template_preview", args=(template.public_id,))
        if template is not None
        else reverse("admin:messaging_template_preview_new")
    )
    wording = written(request, template, initial)
    beside: dict[str, Any] = {
        "panel": panel(request, wording), "url": url, "may_change": access.allowed(request.user, "create", "settings"),
    }  # fmt: skip
    if template is None:
        return beside
    return beside | {
        "template": template,
        "may_change": access.allowed_on(request.user, "update", template),
        "may_add": access.allowed(request.user, "create", "settings", template.location_id),
        "uses": template_uses.of(template),
        "languages": _languages(template),
        **history(template, everything=bool(request.GET.get("versions"))),
    }


def _languages(template: Template) -> list[Template]:
    rows = Template.objects.filter(
        location=template.location_id, name=template.name, channel=template.channel
    )
    return list(rows.order_by("language"))


def history(template: Template, *, everything: bool = False) -> dict[str, Any]:
    """The wordings a template had, newest first, each with what it changed in the one before it."""
    most = MOST_VERSIONS if everything else VERSIONS
    rows = list(TemplateVersion.objects.filter(template=template).order_by("-number")[: most + 1])
    authors = _authors(rows)
    versions = []
    for row, before in zip(rows, [*rows[1:], None], strict=True):
        old = before if before is not None else row
        versions.append({
            "row": row, "at": template.location.local(row.created_at), "first": before is None,
            "who": authors.get(row.cause_id, "the system" if row.cause_kind != "user" else "a person"),
            "body": diffs.words(old.body, row.body),
            "subject": diffs.words(old.subject, row.subject) if old.subject != row.subject else [],
            "now": (row.subject, row.body) == (template.subject, template.body),
        })  # fmt: skip
    return {"versions": versions[:most], "more_versions": len(rows) > most and not everything}


def _authors(rows: list[TemplateVersion]) -> dict[str, str]:
    keys = {row.cause_id for row in rows if row.cause_kind == "user" and row.cause_id.isdigit()}
    return {str(user.pk): str(user) for user in User.objects.filter(pk__in=keys)} if keys else {}
