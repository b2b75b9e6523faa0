"""What each page of the desk costs the database: little, and the same however many rows there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from automation.models import Rule
from bookings.models import Booking
from contacts.models import Contact
from contacts.pipeline import PIPELINES
from core.models import Event, Work
from messaging import phone
from messaging.inbox import FOLDERS
from messaging.models import Conversation, Message, Template
from tasks.models import Task
from tests.webhooks.wix_builder import WixBooking

MOST = 25
MANY = 30
START = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)

LISTS = (
    "contacts_contact",
    "bookings_booking",
    "tasks_task",
    "messaging_message",
    "messaging_conversation",
    "messaging_template",
    "automation_rulerun",
    "automation_actionrun",
    "core_event",
    "core_work",
    "core_auditentry",
    "integrations_receipt",
    "bookings_service",
    "bookings_practitioner",
    "accounts_location",
    "accounts_user",
)
FOR_ADMINS = ("core_auditentry", "accounts_user")
PAGES = [
    "admin:index",
    "admin:messaging_phone",
    "admin:reporting_attended",
    "admin:automation_rules",
    "admin:bookings_calendar",
    "admin:bookings_close_out",
    "admin:accounts_actions",
    "admin:contacts_board",
    "admin:operations",
    "admin:operations_figures",
    "admin:automation_recall",
    "admin:accounts_setup",
]
#: Parts of a contact's page that are fetched when they come into sight.
PANELS = ("attribution", "bookings", "messages", "next", "tasks", "why")
#: Pages whose address says which of several looks is wanted.
LOOKS = {
    "admin:index": ["view=board", "view=board&assigned_to=anyone"],
    "admin:bookings_calendar": [f"view={view}" for view in ("week", "month", "list")],
    "admin:contacts_board": [f"pipeline={name}" for name in PIPELINES],
    "admin:messaging_inbox": [f"folder={key}" for key in FOLDERS],
}


@pytest.fixture
def patients(
    clinic: None, wix: Callable[..., None], run_work: Any, frozen_time: Any
) -> Callable[[int], None]:
    """Let this many people book, hear of it and say yes, through the doors."""
    frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    numbers = iter(range(1000))

    def book(count: int) -> None:
        for n in [next(numbers) for _ in range(count)]:
            visit = WixBooking(
                id=f"b-{n}", first_name=f"Person{n}", last_name="Test", phone=f"+6149157{1000 + n}",
                contact_id=f"c-{n}", start=START + timedelta(hours=n), email=f"p{n}@example.com",
            )  # fmt: skip
            wix("created", visit, sequence=1, status="CONFIRMED")
        run_work()
        for contact in Contact.objects.exclude(touchpoints__type="sms_received"):
            phone.answer(contact=contact, body="Yes")
        run_work()

    return book


@pytest.fixture
def costs(client: Client) -> Callable[[str, str], int]:
    """Queries that a page makes for a person; the very first look is free, because it fills caches."""
    seen = set()

    def of(email: str, url: str) -> int:
        client.force_login(User.objects.get(email=email))
        # A panel is asked for by the page it stands in.
        headers = {"HX-Request": "true"} if "/panel/" in url else {}
        if url not in seen:
            seen.add(url)
            assert client.get(url, headers=headers).status_code == 200, url
        with CaptureQueriesContext(connection) as queries:
            client.get(url, headers=headers)
        return len(queries)

    return of


def details() -> dict[str, str]:
    """One page for each kind of row: the first there ever was, so that both looks are at the same one."""
    firsts = {
        "contact": Contact.objects.earliest("id"),
        "booking": Booking.objects.earliest("id"),
        "task": Task.objects.earliest("id"),
        "message": Message.objects.earliest("id"),
        "event": Event.objects.filter(contact_id__isnull=False).earliest("id"),
        "work": Work.objects.earliest("id"),
        "template": Template.objects.earliest("id"),
    }
    urls = {
        name: reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=(_key(row),))
        for name, row in firsts.items()
    }
    talk = Conversation.objects.earliest("id")
    person = firsts["contact"].public_id
    urls |= {f"panel {key}": reverse("admin:contacts_contact_panel", args=(person, key)) for key in PANELS}
    rule = Rule.objects.earliest("id").public_id
    return urls | {
        "visit-new": f"{reverse('admin:bookings_calendar_new')}?contact={_key(firsts['contact'])}",
        "timeline": reverse("admin:contacts_contact_timeline", args=(person,)),
        "rule": reverse("admin:automation_rule_edit", args=(rule,)),
        "talk": reverse("admin:messaging_conversation_thread", args=(talk.public_id,)),
        # A look at the conversation takes it out of the unread ones: an empty list would stand against a full one.
        "inbox": reverse("admin:messaging_inbox") + "?folder=all",
    }


def _key(row: Any) -> Any:
    return getattr(row, "public_id", row.pk)


@pytest.mark.django_db
def test_no_page_grows_with_its_rows(
    patients: Callable[[int], None], costs: Callable[[str, str], int]
) -> None:
    patients(1)
    urls = {name: reverse(f"admin:{name}_changelist") for name in LISTS} | {
        name: reverse(name) for name in PAGES
    }
    urls |= {
        f"{name}?{query}": f"{reverse(name)}?{query}" for name, queries in LOOKS.items() for query in queries
    }
    urls |= details()
    looks = [("admin", name) for name in urls] + [("staff", name) for name in urls if name not in FOR_ADMINS]
    few = {(who, name): costs(f"{who}@demo.test", urls[name]) for who, name in looks}
    patients(MANY - 1)
    many = {(who, name): costs(f"{who}@demo.test", urls[name]) for who, name in looks}

    assert {look: count for look, count in many.items() if count > MOST} == {}
    # The first look empties a folder of what is new, and an empty list would stand against a full one.
    grown = {look: (few[look], count) for look, count in many.items() if count > few[look]}
    assert {look: counts for look, counts in grown.items() if "?folder=" not in look[1]} == {}


@pytest.mark.django_db
def test_a_persons_page_does_not_grow_with_what_happened(
    patients: Callable[[int], None], costs: Callable[[str, str], int], run_work: Any, frozen_time: Any
) -> None:
    patients(1)
    contact = Contact.objects.get()
    url = reverse("admin:contacts_contact_change", args=(contact.public_id,))
    few = costs("staff@demo.test", url)
    for _ in range(12):
        phone.answer(contact=contact, body="Do I need to fast?")
        run_work()
    assert costs("staff@demo.test", url) <= min(few, MOST)
