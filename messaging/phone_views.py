"""The on-screen phone: what patients received, on up to three phones side by side, and answering as them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages as flash
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import access, live, pages
from accounts.models import Location
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.errors import DomainError
from messaging import phone, threads
from messaging.models import Direction, Message, Status


@require_GET
def phone_page(request: HttpRequest) -> HttpResponse:
    """Take phones in hand, see what their holders see, answer."""
    access.check(request.user, "read", "messages")
    people = phone.reachable(request.user)
    wanted = request.GET.get("q", "").strip()
    if wanted:
        people = people.filter(_fits(wanted))
    listed = list(people[: phone.LISTED])
    news = _with_news(listed)
    chosen = _chosen(request, listed)
    note(request, [*listed, *chosen], personal=True)
    context = pages.context(
        request,
        title="Phone",
        people=[_Choice.of(one, chosen, wanted, news) for one in listed],
        q=wanted,
        phones=[_phone(request, person, among=chosen) for person in chosen],
        clinics=_clinics(request),
        beside=[html for _, card in phone.beside.items() if (html := card(request)) is not None],
    )
    return render(request, "messaging/phone.html", context)


def _fits(wanted: str) -> Q:
    """Part of a name, or of a number as it is written at home or abroad."""
    digits = "".join(filter(str.isdigit, wanted)).lstrip("0")
    return Q(name__icontains=wanted) | (Q(phone__contains=digits) if digits else Q())


def _with_news(people: Sequence[Contact]) -> set[int]:
    """Those on whose phones something is that they have not answered or been seen to receive. One query."""
    unseen = Message.objects.filter(
        contact__in=people, status=Status.SENT, direction=Direction.OUTBOUND, channel="sms"
    )
    return set(unseen.values_list("contact_id", flat=True))


@dataclass(frozen=True)
class _Choice:
    """A person of the list: the address of the phone alone, and beside those in hand."""

    person: Contact
    alone: str
    added: str
    chosen: bool
    has_news: bool

    @classmethod
    def of(cls, person: Contact, chosen: list[Contact], wanted: str, news: set[int]) -> _Choice:
        in_hand = person.pk in {one.pk for one in chosen}
        added = "" if in_hand or len(chosen) >= phone.IN_HAND else _address([*chosen, person], wanted)
        return cls(person, _address([person], wanted), added, in_hand, person.pk in news)


def _address(people: list[Contact], wanted: str = "") -> str:
    query = [("contact", str(one.public_id)) for one in people] + ([("q", wanted)] if wanted else [])
    return f"{reverse('admin:messaging_phone')}?{urlencode(query)}"


def _chosen(request: HttpRequest, listed: list[Contact]) -> list[Contact]:
    asked = list(dict.fromkeys(request.GET.getlist("contact")))[: phone.IN_HAND]
    if not asked:
        return listed[:1]
    return [access.get_visible_or_404(phone.reachable(request.user), request.user, one) for one in asked]


def _clinics(request: HttpRequest) -> list[Location]:
    """Where somebody new may write to: clinics with an on-screen phone at which this person may answer."""
    mine = [
        one
        for one in access.locations(request.user)
        if access.allowed(request.user, "update", "messages", one)
    ]
    return phone.with_phones(mine)


def _phone(request: HttpRequest, person: Contact, *, among: Sequence[Contact] = ()) -> dict[str, Any]:
    location = person.location
    household = Contact.objects.live().reached_by(location, person.reach_phone)
    others = [one for one in among if one.pk != person.pk]
    bubbles = threads.of_phone(location, person.reach_phone)[::-1]
    sent = (one.message.pk for one in bubbles if not one.mine and one.message.status == Status.SENT)
    return {
        "person": person,
        "location": location,
        "bubbles": bubbles,
        "on_its_way": next(sent, None),
        "coming": threads.coming(location, household.values_list("pk", flat=True)),
        "now": location.local(clock.now()),
        "may_answer": access.allowed(request.user, "update", "messages", location),
        "put_away": _address(others) if others else "",
    }


@require_GET
def phone_thread(request: HttpRequest, contact: str) -> HttpResponse:
    """The screen alone, asked for every few seconds."""
    person = _person(request, contact)
    note(request, [person], personal=True)
    return render(request, "messaging/_phone_thread.html", {**_phone(request, person), "alone": True})


@require_POST
def phone_answer(request: HttpRequest, contact: str) -> HttpResponse:
    """Answer as the contact."""
    person = _person(request, contact)
    access.check(request.user, "update", "messages", person.location)
    error = ""
    try:
        phone.answer(contact=person, body=request.POST.get("body", ""))
    except DomainError as refusal:
        error = refusal.message
    return _screen(request, person, error)


@require_POST
def phone_report(request: HttpRequest, contact: str, message: str) -> HttpResponse:
    """Let the carrier say that a text arrived, or could not."""
    person = _person(request, contact)
    access.check(request.user, "update", "messages", person.location)
    texts = Message.objects.filter(location=person.location, address=person.reach_phone)
    text = texts.select_related("provider_account__location").filter(public_id=message).first()
    if text is None:
        raise Http404("There is no such text on this phone.")
    error = ""
    try:
        phone.report(message=text, delivered=request.POST.get("outcome") == "delivered")
    except DomainError as refusal:
        error = refusal.message
    return _screen(request, person, error)


@require_POST
def phone_stranger(request: HttpRequest) -> HttpResponse:
    """Write to a clinic from a number nobody knows."""
    asked = request.POST.get("location", "")
    location = next((one for one in _clinics(request) if str(one.public_id) == asked), None)
    if location is None:
        access.check(request.user, "update", "messages")
        raise Http404("There is no such clinic with an on-screen phone.")
    try:
        known = phone.stranger(
            location=location, number=request.POST.get("number", ""), body=request.POST.get("body", "")
        )
    except DomainError as refusal:
        flash.error(request, refusal.message)
        return HttpResponseRedirect(f"{reverse('admin:messaging_phone')}?new=1")
    flash.success(request, f"The text is at {location.name}.")
    return HttpResponseRedirect(_address([known]) if known else reverse("admin:messaging_phone"))


def _person(request: HttpRequest, public_id: str) -> Contact:
    return access.get_visible_or_404(phone.reachable(request.user), request.user, public_id)


def _screen(request: HttpRequest, person: Contact, error: str) -> HttpResponse:
    note(request, [person], personal=True)
    if live.is_live(request):
        return render(
            request,
            "messaging/_phone_thread.html",
            {**_phone(request, person), "error": error, "alone": True},
        )
    if error:
        flash.error(request, error)
    return HttpResponseRedirect(_address([person]))


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    for name, route, view in (
        ("messaging_phone", "phone/", phone_page),
        ("messaging_phone_stranger", "phone/somebody-new/", phone_stranger),
        ("messaging_phone_thread", "phone/<uuid:contact>/thread/", phone_thread),
        ("messaging_phone_answer", "phone/<uuid:contact>/answer/", phone_answer),
        ("messaging_phone_report", "phone/<uuid:contact>/texts/<uuid:message>/", phone_report),
    ):
        pages.extra.register(name, pages.Page(route, view))
