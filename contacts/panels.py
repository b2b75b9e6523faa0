"""Where other apps join the contact's page and the contact's API detail.

The page is built of panels and the detail of keys; each app registers its own in its `AppConfig.ready()`, so
that contacts need not know who else speaks of a contact.

    panels.register_panel("bookings", "Visits", 40, template="bookings/panel.html", context=visits_for_panel)
    panels.register_detail("bookings", visits_for_detail)

"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from accounts.models import User
from contacts.models import Contact
from core.registry import Registry

PanelContext = Callable[[Contact, User], dict[str, Any] | None]
DetailFunction = Callable[[Contact, User], Any]


@dataclass(frozen=True)
class Panel:
    """One block of the contact's page. `context` answers what its template shows, or None to leave it out.
    Panels stand in order of `order`; `aside` ones in the narrow column."""

    key: str
    title: str
    order: int
    template: str
    context: PanelContext
    aside: bool = False


@dataclass(frozen=True)
class Rendered:
    """A panel as the page shows it."""

    key: str
    title: str
    html: SafeString
    aside: bool


_panels: Registry[Panel] = Registry("contact panel")
_details: Registry[DetailFunction] = Registry("key of the contact detail")


def register_panel(
    key: str, title: str, order: int, *, template: str, context: PanelContext, aside: bool = False
) -> None:
    """Add a block to the contact's page."""
    _panels.register(key, Panel(key, title, order, template, context, aside))


def register_detail(key: str, function: DetailFunction) -> None:
    """Add a key to the answer of GET /api/contacts/{id}:
    a list, newest first, in the shape of its own endpoint.
    """
    _details.register(key, function)


def render(contact: Contact, request: HttpRequest) -> list[Rendered]:
    """Every panel that has something to say to the person asking."""
    user = cast(User, request.user)
    rendered = []
    for panel in sorted((panel for _, panel in _panels.items()), key=lambda panel: panel.order):
        context = panel.context(contact, user)
        if context is not None:
            shown = {**context, "contact": contact, "location": contact.location}
            html = render_to_string(panel.template, shown, request=request)
            rendered.append(Rendered(panel.key, panel.title, html, panel.aside))
    return rendered


def details(contact: Contact, user: User) -> dict[str, Any]:
    """What the registered apps add to the contact's detail."""
    return {key: function(contact, user) for key, function in _details.items()}
