"""The guided tour of a demo: five minutes from a patient's first text to the desk, over the pages that matter."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True)
class Stop:
    """One stop: the page it is on (a URL name), what it points at (a selector; empty: nothing), and what it says."""

    page: str
    element: str
    title: str
    text: str


STOPS = (
    Stop(
        "admin:index", "", "Welcome to the desk",
        "Two clinics with sixty days behind them, played through the real system. Five minutes show the whole way: "
        "a patient writes, books, says yes and comes. Arrow keys go on and back, Esc ends the tour.",
    ),
    Stop(
        "admin:index", ".td-queue", "One queue for everything",
        "Whatever wants a person is here, the most valuable first: each row says why, what it is worth, and what to "
        "do next. j and k walk the rows, Enter does the next step, ? lists the keys.",
    ),
    Stop(
        "admin:messaging_phone", ".ph-device", "The patient's side",
        "Every text ends up on a phone on this screen; nothing leaves the machine. Answer “Yes” to a reminder and the "
        "visit is confirmed. Say “cancel” and see what the desk gets.",
    ),
    Stop(
        "admin:messaging_phone", ".ph-new", "Somebody new",
        "Text the clinic from a number nobody knows: a lead appears, with a warmness, a stage and a task.",
    ),
    Stop(
        "admin:messaging_phone", "#demo-clock", "Tomorrow, at nine",
        "Move the clock. Reminders, follow-ups and tasks that fall due on the way happen at their time.",
    ),
    Stop(
        "admin:messaging_inbox", "", "The inbox",
        "The same conversations as the clinic sees them: unread, not answered, undeliverable.",
    ),
    Stop(
        "admin:contacts_board", "", "The way of every patient",
        "Four pipelines. Drag a card; a move that makes no sense is refused with its reason; any can be undone.",
    ),
    Stop(
        "admin:bookings_calendar", "", "The diary",
        "Click a free time to book somebody on the phone. Drag a visit: you see first which texts that causes.",
    ),
    Stop(
        "admin:automation_rules", "", "The rules",
        "What happens by itself, in plain words. Change one, try it on a person, keep it in shadow until you trust it.",
    ),
    Stop(
        "admin:contacts_contact_changelist", "", "Why? And what next?",
        "Open anybody: “Why?” tells what each rule saw and did, “What next?” everything this person will receive. "
        "Ctrl K finds people and pages from anywhere. That is all: the desk is yours.",
    ),
)  # fmt: skip


def stops() -> list[dict[str, str]]:
    """The stops whose pages this system has, with their addresses."""
    found = []
    for stop in STOPS:
        try:
            found.append({**asdict(stop), "page": reverse(stop.page)})
        except NoReverseMatch:
            continue
    return found


def offered(request: HttpRequest) -> list[dict[str, Any]] | None:
    """The tour for the pages of a demo; None elsewhere."""
    return stops() if settings.ENVIRONMENT_NAME == "demo" and request.user.is_authenticated else None
