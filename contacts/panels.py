"""Where other apps join the contact's page and the contact's API detail.

The page is built of panels and the detail of keys; each app registers its own in its `AppConfig.ready()`, so
that contacts need not know who else speaks of a contact.

    panels.register_panel("bookings", "Visits", 40, template="bookings/panel.html", context=visits_for_panel)
    panels.register_panel("why", "Why?", 50, template="automation/why.html", context=why, lazy=True, closed=True)
    panels.facts.register("next_visit", next_visit)
    panels.register_detail("bookings", visits_for_detail)

"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from accounts import access
from accounts.models import User
from contacts.models import Contact
from core.registry import Registry

PanelContext = Callable[[Contact, User], dict[str, Any] | None]
AskedContext = Callable[[Contact, User, Mapping[str, str]], dict[str, Any] | None]
DetailFunction = Callable[[Contact, User], Any]
FactFunction = Callable[[Contact, User], "Fact | None"]


@dataclass(frozen=True)
class Panel:
    """One block of the contact's page. `context` answers what its template shows, or None to leave it out.
    Panels stand in order of `order`; `aside` ones in the narrow column.

    A `lazy` one is asked for by an address of its own, when it comes into sight (or, `closed`, when it is opened);
    `resource` says without a query who may read it. `asked` answers in place of `context`, and gets the query of that
    address too.
    """

    key: str
    title: str
    order: int
    template: str
    context: PanelContext | None = None
    aside: bool = False
    lazy: bool = False
    closed: bool = False
    resource: str = ""
    asked: AskedContext | None = None

    def shown(self, contact: Contact, user: User, query: Mapping[str, str]) -> dict[str, Any] | None:
        """What the template shows to this person; None for nothing."""
        if self.asked is not None:
            return self.asked(contact, user, query)
        assert self.context is not None
        return self.context(contact, user)

    def offered(self, contact: Contact, user: User) -> bool:
        """Whether a lazy one is offered to this person."""
        return not self.resource or access.allowed(user, "read", self.resource, contact.location_id)


@dataclass(frozen=True)
class Rendered:
    """A panel as the page shows it; `html` is empty for one that is still to be asked for."""

    key: str
    title: str
    html: SafeString
    aside: bool
    lazy: bool = False
    closed: bool = False


@dataclass(frozen=True)
class Fact:
    """A line of the page's head: what it is of, its words, the address of what it is about."""

    label: str
    text: str
    link: str = ""
    note: str = ""


@dataclass(frozen=True)
class Act:
    """Something that can be done from the head of the page: a link, or a form (`template`) that opens under its name.

    Offered to whom may take `action` on `resource` at the contact's clinic; `key` presses it. Acts stand in order of
    `order`. `context` answers what the form's template shows beside the contact.
    """

    label: str
    order: int
    key: str
    resource: str
    action: str
    link: Callable[[Contact], str] | None = None
    template: str = ""
    context: Callable[[Contact], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Offered:
    """An act as the page shows it to one person."""

    name: str
    act: Act
    link: str
    context: dict[str, Any]


acts: Registry[Act] = Registry("act of the contact page")
_panels: Registry[Panel] = Registry("contact panel")
_details: Registry[DetailFunction] = Registry("key of the contact detail")
facts: Registry[FactFunction] = Registry("fact in the head of the contact page")
"""What other apps know of a person that belongs beside the name, for instance the next visit. A query each, at most."""


def register_panel(
    key: str, title: str, order: int, *, template: str, context: PanelContext | None = None, **more: Any
) -> None:
    """Add a block to the contact's page."""
    _panels.register(key, Panel(key, title, order, template, context, **more))


def register_detail(key: str, function: DetailFunction) -> None:
    """Add a key to the answer of GET /api/contacts/{id}:
    a list, newest first, in the shape of its own endpoint.
    """
    _details.register(key, function)


def render(contact: Contact, request: HttpRequest) -> list[Rendered]:
    """Every panel that has something to say to the person asking; lazy ones without their contents."""
    user = cast(User, request.user)
    rendered = []
    for panel in sorted((panel for _, panel in _panels.items()), key=lambda panel: panel.order):
        html = SafeString("")
        if panel.lazy:
            if not panel.offered(contact, user):
                continue
        elif not (html := _html(panel, contact, request, {})):
            continue
        rendered.append(Rendered(panel.key, panel.title, html, panel.aside, panel.lazy, panel.closed))
    return rendered


def render_one(key: str, contact: Contact, request: HttpRequest) -> Rendered | None:
    """One panel with its contents; None when there is no such panel, or nothing to say to the person asking."""
    if key not in _panels:
        return None
    panel = _panels.get(key)
    if not panel.offered(contact, cast(User, request.user)):
        return None
    html = _html(panel, contact, request, request.GET.dict())
    return Rendered(panel.key, panel.title, html, panel.aside) if html else None


def _html(panel: Panel, contact: Contact, request: HttpRequest, query: Mapping[str, str]) -> SafeString:
    context = panel.shown(contact, cast(User, request.user), query)
    if context is None:
        return SafeString("")
    shown = {**context, "contact": contact, "location": contact.location, "panel": panel}
    return render_to_string(panel.template, shown, request=request)


def offered(contact: Contact, user: User) -> list[Offered]:
    """What this person can do with the contact, in order; nothing with a hidden one."""
    if contact.deleted_at is not None:
        return []
    return [
        Offered(name, act, act.link(contact) if act.link else "", act.context(contact) if act.context else {})
        for name, act in sorted(acts.items(), key=lambda item: item[1].order)
        if access.allowed(user, act.action, act.resource, contact.location_id)
    ]


def details(contact: Contact, user: User) -> dict[str, Any]:
    """What the registered apps add to the contact's detail."""
    return {key: function(contact, user) for key, function in _details.items()}
