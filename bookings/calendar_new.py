"""Booking a visit while the patient is on the phone: who, what for, when and with whom, with the texts it will send
shown before anything is kept.

One form with one address. `do` says what is wanted: `find` people, `look` at what would come of it, `book`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, cast

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from accounts import access, roles
from accounts.form_fields import MoneyField
from accounts.models import Location, User
from accounts.staff_parts import cause_of
from bookings import calendar_parts, calendar_slot, services
from bookings.calendar_query import public_id, read_day
from bookings.calendar_slot import Look, SlotForm, styled
from bookings.models import Booking, Service
from contacts import identity, selectors
from contacts import services as contact_services
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.causes import Cause
from core.errors import DomainError, Invalid

FOUND = 8
SOMEBODY_NEW = "new"


class VisitForm(SlotForm):
    """A slot, and what it is for."""

    field_order = ("service", "practitioner", "date", "time", "minutes", "room", "price", "notes")

    service = forms.ModelChoiceField(
        Service.objects.none(), to_field_name="public_id", label="Service", empty_label=None,
        widget=styled(forms.Select()),
    )  # fmt: skip
    price = MoneyField(label="Price", widget=styled(forms.NumberInput({"step": "0.01"})))
    notes = forms.CharField(
        label="Note", required=False, max_length=2000, widget=styled(forms.Textarea(), rows=2)
    )

    def __init__(self, location: Location, data: Mapping[str, Any]) -> None:
        super().__init__(location, data)
        offered = Service.objects.filter(location=location, is_active=True).order_by("name")
        self.fields["service"].queryset = offered  # type: ignore[attr-defined]


@dataclass
class Who:
    """The patient: one who is known, or somebody new as typed. `wrong` says what is missing."""

    term: str = ""
    found: list[Contact] = field(default_factory=list)
    chosen: Contact | None = None
    is_new: bool = False
    name: str = ""
    phone: str = ""
    email: str = ""
    wrong: str = ""
    met: str = ""

    @property
    def ready(self) -> bool:
        return not self.wrong and (self.chosen is not None or self.is_new)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form; booked when confirmed."""
    user = cast(User, request.user)
    given = request.POST if request.method == "POST" else request.GET
    location = _location(request, given)
    access.check(user, roles.CREATE, "bookings", location)
    form = VisitForm(location, _typed(location, given))
    who = _who(given, location, user)
    valid = form.is_valid()
    answer = Look()
    do = request.POST.get("do", "")
    if valid and who.ready and request.method == "POST":
        contact_id = who.chosen.pk if who.chosen else None
        cause = cause_of(request)
        if do == "book":
            try:
                booked = _book(form.cleaned_data, who, location, cause)
            except DomainError as error:
                calendar_slot.explain(
                    answer, error, form.cleaned_data, location, service=form.cleaned_data["service"]
                )
            else:
                note(request, [booked, booked.contact], personal=True)
                at = location.local(booked.appointment_datetime)
                return calendar_parts.done(
                    request, f"Booked: {booked.contact.name or 'unnamed'}, {at:%a %-d %b at %H:%M}."
                )
        else:
            answer = calendar_slot.look(
                lambda: [_book(form.cleaned_data, who, location, cause)], form.cleaned_data, location,
                service=form.cleaned_data["service"], contact_id=contact_id,
            )  # fmt: skip
            who.met = _met(answer, who)
    note(request, [*who.found, *([who.chosen] if who.chosen else [])], personal=True)
    asked = request.method == "POST" and do != "find"
    context = {
        "form": form, "who": who, "look": answer, "location": location, "asked": asked,
        "locations": [row for row in access.places(user) if access.allowed(user, roles.CREATE, "bookings", row)],
    }  # fmt: skip
    refused = do == "book"
    return calendar_parts.show(
        request, "bookings/_calendar_new.html", context, title="Book a visit", refused=refused
    )


def _location(request: HttpRequest, given: Mapping[str, Any]) -> Location:
    asked = given.get("location", "")
    chosen = next((row for row in access.places(cast(User, request.user)) if row.code == asked), None)
    return chosen or getattr(request, "location", None) or access.location_for(request.user)


def _typed(location: Location, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the form is bound to. It begins with the clinic's next quarter of an hour (another day: its opening) and
    the first service; another service brings its length and price along.
    """
    offered = Service.objects.filter(location=location, is_active=True)
    asked = public_id(given.get("service", ""))
    service = (asked and offered.filter(public_id=asked).first()) or offered.order_by("name").first()
    start = _beginning(location, given.get("date", ""))
    if service is None:
        return calendar_slot.with_slot(given, start)
    own = {"minutes": service.duration_minutes, "price": _dollars(service.price_cents)}
    typed = calendar_slot.with_slot(given, start | own) | {"service": str(service.public_id)}
    return typed if given.get("priced", typed["service"]) == typed["service"] else typed | own


def _beginning(location: Location, day: str) -> dict[str, Any]:
    now = clock.now()
    if day and day != f"{location.local(now):%Y-%m-%d}" and (asked := read_day(day)) is not None:
        opens = next((opens for opens, _ in location.hours.spans(asked)), time(9))
        return {"date": day, "time": f"{opens:%H:%M}"}
    ahead = location.local(now - timedelta(minutes=now.minute % 15) + timedelta(minutes=15))
    return {"date": f"{ahead:%Y-%m-%d}", "time": f"{ahead:%H:%M}"}


def _dollars(cents: int | None) -> str:
    return "" if cents is None else f"{cents / 100:.2f}"


# -- who it is


def _who(given: Mapping[str, Any], location: Location, user: User) -> Who:
    term = given.get("q", "").strip()[:200]
    who = Who(
        term=term, name=given.get("new_name", "").strip()[:200], phone=given.get("new_phone", "").strip()[:40],
        email=given.get("new_email", "").strip()[:254],
    )  # fmt: skip
    people = (
        access.visible(Contact.objects.live(), user)
        .filter(location=location)
        .select_related("guardian", "location")
    )
    if term:
        who.found = list(selectors.find(people, term, locations=[location])[:FOUND])
    asked = given.get("contact", "")
    finding = given.get("do") == "find"
    if asked and asked != SOMEBODY_NEW:
        who.chosen = access.get_visible_or_404(people, user, asked)
        if finding and term and who.chosen not in who.found:
            who.chosen = None  # Somebody else is looked for now.
    if who.chosen is None and who.found and (finding or not asked):
        who.chosen = who.found[0]
    who.is_new = who.chosen is None and bool(term or who.name or who.phone)
    if who.is_new:
        _take_over(who, given)
        who.wrong = _wrong(who, location)
    elif who.chosen is None:
        who.wrong = "Search for the patient, or type a name and a phone."
    return who


def _take_over(who: Who, given: Mapping[str, Any]) -> None:
    """What was searched for in vain is the new person's name or phone, unless these were typed."""
    auto = given.get("auto", "")
    is_phone = bool(re.fullmatch(r"[\d\s()+.\-]{3,}", who.term))
    if who.term and who.phone in ("", auto) and is_phone:
        who.phone = who.term
    if who.term and who.name in ("", auto) and not is_phone:
        who.name = who.term


def _wrong(who: Who, location: Location) -> str:
    if not who.name:
        return "Type the new patient's name."
    try:
        if who.phone:
            identity.normalise_phone(who.phone, location.region)
        if who.email:
            identity.normalise_email(who.email)
    except DomainError as error:
        return error.message
    return (
        "" if who.phone or who.email else "Type a phone (or an e-mail), so that the patient gets reminders."
    )


def _met(answer: Look, who: Who) -> str:
    """For somebody typed as new: who that turns out to be."""
    if answer.foretold is None or not who.is_new or not answer.foretold.visits:
        return ""
    contact = answer.foretold.visits[0].contact
    if Contact.objects.filter(pk=contact.pk).exists():
        return f"This is {contact.name or 'a contact'}, who is known already: the visit is booked for that contact."
    if contact.guardian is not None:
        owner = contact.guardian.name or "another contact"
        return (
            f"That phone belongs to {owner}: a new member of that household is made, reached through it, and somebody "
            "is asked whether the two are one."
        )
    return "A new contact is made."


# -- booking


@transaction.atomic
def _book(data: Mapping[str, Any], who: Who, location: Location, cause: Cause) -> Booking:
    contact = who.chosen
    if contact is None:
        if not who.is_new:
            raise Invalid("Choose the patient.", fields={"contact": "Nobody is chosen."})
        contact = contact_services.match_or_create(
            location=location, name=who.name, phone=who.phone, email=who.email, source="phone", cause=cause
        ).contact
    return services.create_booking(
        location=location,
        contact_id=contact.pk,
        service=data["service"],
        practitioner=data["practitioner"],
        room=data["room"],
        appointment_datetime=data["at"],
        ends_at=data["ends_at"],
        notes=data["notes"],
        price_cents=data["price"],
        cause=cause,
    )
