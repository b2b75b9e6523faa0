"""Acts and pages in the search over everything: what one may begin from anywhere, and every page of the menu that one
may see.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from accounts import access, palette
from accounts.palette import Asked, Group, Hit

#: A search this long that begins a page's name is for the page.
_LONG_ENOUGH = 3
SHOWN = 6


@dataclass(frozen=True, slots=True)
class _Act:
    title: str
    name: str
    icon: str
    resource: str
    action: str = "create"
    also: str = ""
    """Other words it is found by."""


ACTS = (
    _Act("New booking", "admin:bookings_calendar_new", "event", "bookings", also="book a visit appointment"),
    _Act("New contact", "admin:contacts_contact_add", "person_add", "contacts", also="add person patient lead"),
    _Act("New task", "admin:tasks_task_add", "add_task", "tasks", also="add todo"),
    _Act("Text many people", "admin:messaging_bulk", "campaign", "messages", also="bulk campaign sms"),
    _Act(
        "Record outcomes", "admin:bookings_close_out", "event_available", "bookings", "update",
        also="close out day attended no-show",
    ),
    _Act("New rule", "admin:automation_rule_start", "account_tree", "settings", also="automation"),
    _Act("New segment", "admin:automation_segment_new", "groups", "settings", also="audience people"),
    _Act("New template", "admin:messaging_template_add", "draft", "settings", also="wording text"),
    _Act("My password", "admin:password_change", "key", "", also="change"),
)  # fmt: skip

#: Other words that pages are looked for by.
_ALSO = {
    "Today": "queue tasks home start", "Calendar": "diary schedule", "Board": "pipeline stages kanban",
    "Inbox": "conversations texts", "What was done": "undo actions history", "Attended": "report figures",
    "Set-up": "checklist doctor settings", "Scoring": "warmness", "Operations": "health parked failed",
    "Providers": "sms accounts wix", "Locations": "clinics hours holidays", "Users": "staff roles",
}  # fmt: skip


def acts(asked: Asked) -> list[Hit]:
    """What may be begun; all of it for an empty search."""
    return [
        Hit(act.title, reverse(act.name), "", act.icon)
        for act in ACTS
        if asked.words(f"{act.title} {act.also}")
        and (not act.resource or access.allowed(asked.user, act.action, act.resource))
    ]


def pages(asked: Asked) -> list[Hit]:
    """Pages of the menu."""
    hits = [
        Hit(item["title"], str(item["link"]), section["title"], item["icon"])
        for section in settings.UNFOLD["SIDEBAR"]["navigation"]
        for item in section["items"]
        if asked.words(f"{item['title']} {_ALSO.get(item['title'], '')}")
        and import_string(item["permission"])(asked)  # it looks at `user`, as of a request
    ]
    return hits[:SHOWN]


def _named(asked: Asked) -> bool:
    """Whether what was typed begins the name of a page or an act: then it is hardly a person's."""
    text = asked.text.casefold()
    names = [act.title for act in ACTS]
    names += [
        item["title"] for section in settings.UNFOLD["SIDEBAR"]["navigation"] for item in section["items"]
    ]
    return len(text) >= _LONG_ENOUGH and any(name.casefold().startswith(text) for name in names)


def connect() -> None:
    """Called from AppConfig.ready()."""
    palette.groups.register("acts", Group("Do", 40, acts, quiet=True, leads=_named))
    palette.groups.register("pages", Group("Pages", 50, pages, leads=_named))
