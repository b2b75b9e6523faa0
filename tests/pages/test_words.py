"""What pages say to somebody who opens them for the first time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Location, User
from integrations.models import Provider
from messaging.models import Message
from tests.factories.integrations import make_account
from tests.webhooks.wix_builder import WixBooking


@pytest.fixture
def manager(clinic: None) -> Client:
    client = Client()
    client.force_login(User.objects.get(email="manager@demo.test"))
    return client


def read(client: Client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("tasks_assignmentpolicy", "whoever comes first takes them"),
        ("messaging_storm", "waits here for a person"),
        ("messaging_blockednumber", "come here by themselves"),
        ("messaging_bulksend", "shown before it goes"),
        ("automation_savedsegment", "for texts to many"),
        ("integrations_outboundcall", "is kept here"),
    ],
)
def test_an_empty_list_says_what_it_is_for(manager: Client, page: str, words: str) -> None:
    assert words in read(manager, f"admin:{page}_changelist")


def test_a_search_without_an_answer_does_not_claim_that_nothing_is_there(manager: Client) -> None:
    page = read(manager, "admin:messaging_template_changelist", q="no such words")
    assert "Nothing fits" in page
    assert "Nothing here yet" not in page


def test_the_figure_of_attended_visits_is_in_the_menu(manager: Client) -> None:
    assert f'href="{reverse("admin:reporting_attended")}"' in read(manager, "admin:bookings_room_changelist")


def test_a_list_of_accounts_says_what_each_still_needs(manager: Client) -> None:
    make_account(Location.objects.get(code="sydney"), Provider.TWILIO)
    assert "Account SID, Auth token" in read(manager, "admin:integrations_provideraccount_changelist")


def test_a_message_says_who_started_it_and_no_inner_key(
    manager: Client, wix: Callable[..., None], frozen_time: Any, run_work: Any
) -> None:
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC)).at
    wix("created", WixBooking(start=now + timedelta(days=8)), sequence=1, status="CONFIRMED", at=now)
    run_work()
    message = Message.objects.filter(direction="outbound").earliest("pk")
    page = read(manager, "admin:messaging_message_change", message.public_id)
    assert "by a rule" in page
    assert "Cause kind" not in page
    assert "Cause id" not in page


def test_a_name_that_rules_cannot_use_is_refused_in_plain_words(manager: Client) -> None:
    url = reverse("admin:messaging_template_add")
    page = manager.post(url, {"name": "My offer", "body": "Hello from {clinic}."}).content.decode()
    assert "Use letters, digits and _ only" in page
    assert "slug" not in page.lower().replace("id_slug", "")
