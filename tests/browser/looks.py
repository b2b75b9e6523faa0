"""The pages people live in, as a browser shows them: which there are, in which looks, what axe-core says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
#: Findings that keep somebody from using a page.
GRAVE = ("serious", "critical")
#: WCAG 2.2, levels A and AA.
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


@dataclass(frozen=True)
class Look:
    """A size of window and a colour scheme."""

    name: str
    width: int
    height: int
    scheme: str

    def put_on(self, page: Any) -> None:
        page.set_viewport_size({"width": self.width, "height": self.height})
        page.emulate_media(color_scheme=self.scheme)


DESKTOP = Look("desktop", 1440, 900, "light")
DESKTOP_DARK = Look("desktop-dark", 1440, 900, "dark")
PHONE = Look("phone", 390, 844, "light")
PHONE_DARK = Look("phone-dark", 390, 844, "dark")
LOOKS = (DESKTOP, DESKTOP_DARK, PHONE, PHONE_DARK)

#: Name and address of each page; it may name a row: {contact}, {booking}, {conversation}, {template}, {rule}, {task},
#: {action}.
PAGES: dict[str, str] = {
    "calendar": "/admin/calendar/",
    "calendar-week": "/admin/calendar/?view=week",
    "calendar-month": "/admin/calendar/?view=month",
    "calendar-list": "/admin/calendar/?view=list",
    "calendar-visit": "/admin/calendar/visit/{booking}/",
    "calendar-new": "/admin/calendar/new/?contact={contact}",
    "close-out": "/admin/calendar/close-out/",
    "today": "/admin/",
    "today-board": "/admin/?view=board&assigned_to=anyone",
    "contacts": "/admin/contacts/contact/",
    "contact": "/admin/contacts/contact/{contact}/change/",
    "contact-new": "/admin/contacts/contact/add/",
    "contact-why": "/admin/contacts/contact/{contact}/panel/why/",
    "merge": "/admin/contacts/contact/{contact}/merge/",
    "visits": "/admin/bookings/booking/",
    "visit": "/admin/bookings/booking/{booking}/change/",
    "visit-new": "/admin/bookings/booking/add/",
    "tasks": "/admin/tasks/task/",
    "task": "/admin/tasks/task/{task}/change/",
    "task-new": "/admin/tasks/task/add/",
    "phone": "/admin/phone/",
    "phone-one": "/admin/phone/?contact={contact}",
    "inbox": "/admin/inbox/?folder=all",
    "conversation": "/admin/messages/conversation/{conversation}/",
    "compose": "/admin/messages/compose/{contact}/",
    "texts-to-many": "/admin/messages/bulk/",
    "rules": "/admin/rules/",
    "rule": "/admin/rules/{rule}/",
    "templates": "/admin/messaging/template/",
    "template": "/admin/messaging/template/{template}/change/",
    "template-phone": "/admin/templates/{template}/phone/",
    "board": "/admin/board/",
    "actions": "/admin/actions/",
    "find": "/admin/find/",
    "action": "/admin/actions/{action}/",
    "action-undo": "/admin/actions/{action}/undo/",
    "recall": "/admin/recall/",
    "attended": "/admin/reports/attended/",
    "scoring": "/admin/scoring/",
    "operations": "/admin/operations/",
    "set-up": "/admin/set-up/",
}


def grave(page: Any) -> list[str]:
    """What axe-core finds on the page as it is, serious or critical: rule, place and why, one line each."""
    page.evaluate(AXE.read_text())
    answer = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
        ".then(found => JSON.stringify(found.violations))",
        list(TAGS),
    )
    return [
        f"{finding['id']} ({finding['impact']}) at {node['target']}: {node['failureSummary']}"
        for finding in json.loads(answer)
        if finding["impact"] in GRAVE
        for node in finding["nodes"]
    ]


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than the window; a page never scrolls sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
