"""The search over everything: what is found and told apart, what was opened last, what is not seen, what it costs."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from accounts.staff_links import change_url
from bookings import palette as bookings_palette
from bookings.models import Booking
from contacts import merging
from contacts.models import Contact
from core import clock
from core.models import AuditEntry
from messaging.models import Conversation
from tests.factories.bookings import make_booking, make_service
from tests.factories.contacts import CAUSE, make_contact, make_member

pytestmark = pytest.mark.django_db

FIND = "/admin/find/"
MOST = 10
"""Queries of one search beyond those that any request of a signed-in person makes."""


def ask(browser: Client, text: str = "", *, live: bool = True) -> str:
    answer = browser.post(FIND, {"q": text}, headers={"HX-Request": "true"} if live else {})
    assert answer.status_code == 200
    return answer.content.decode()


def from_wix(contact: Contact, external_id: str) -> Booking:
    """A visit as if Wix had sent it under this id."""
    visit = make_booking(contact)
    Booking.objects.filter(pk=visit.pk).update(source="wix", external_id=external_id)
    return visit


def addresses(html: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', html)


def test_a_person_is_found_by_a_typo_and_by_any_spelling_of_the_phone(sydney, pages):
    nora = make_contact(sydney, name="Nora Lind", phone="+61412345671", email="nora@example.com")
    make_contact(sydney, name="Peter Vogt", phone="+61498765432")
    for text in ("lidn nora", "0412 345 671", "+61 412 345 671", "345671", "nora@exa"):
        assert change_url(nora) in addresses(ask(pages("staff"), text)), text
        assert "Peter Vogt" not in ask(pages("staff"), text)


def test_two_of_one_name_are_told_apart_by_phone_stage_and_next_visit(sydney, pages):
    with_visit = make_contact(sydney, name="Sara Nguyen", phone="+61412345671")
    make_contact(sydney, name="Sara Nguyen", phone="+61412345672", is_lead=True)
    visit = make_booking(with_visit)
    said = ask(pages("staff"), "nguyen")
    assert "+61412345671" in said
    assert "+61412345672" in said
    assert f"Visit {sydney.local(visit.appointment_datetime):%a %-d %b, %H:%M}" in said
    assert said.count("New lead") >= 1
    assert change_url(visit) in addresses(said)


def test_a_household_member_is_found_by_the_phone_of_the_guardian(sydney, pages):
    mother = make_contact(sydney, name="Nora Lind", phone="+61412345671")
    make_member(mother, name="Tim Lind")
    assert "+61412345671 (of Nora Lind)" in ask(pages("staff"), "0412345671")


def test_a_visit_is_found_by_the_providers_id(sydney, pages):
    visit = from_wix(make_contact(sydney), "WX-2041")
    assert change_url(visit) in addresses(ask(pages("staff"), "WX-2041"))
    assert change_url(visit) not in addresses(ask(pages("staff"), "WX-204"))


def test_a_known_persons_texts_open_and_a_new_ones_can_be_written(sydney, pages):
    known = make_contact(sydney, name="Nora Lind")
    talk = Conversation.objects.create(location=sydney, contact=known, last_message_at=clock.now())
    fresh = make_contact(sydney, name="Nora Berg")
    found = addresses(ask(pages("staff"), "nora"))
    assert reverse("admin:messaging_conversation_thread", args=(talk.public_id,)) in found
    assert reverse("admin:messaging_compose", args=(fresh.public_id,)) in found


def test_of_two_conversations_the_newest_opens(sydney, pages):
    nora = make_contact(sydney, name="Nora Lind", email="nora@example.com")
    texts = Conversation.objects.create(location=sydney, contact=nora, last_message_at=clock.now())
    Conversation.objects.create(
        location=sydney, contact=nora, channel="email", last_message_at=clock.now() - timedelta(days=200)
    )
    found = addresses(ask(pages("staff"), "nora"))
    assert reverse("admin:messaging_conversation_thread", args=(texts.public_id,)) in found


def test_visits_ahead_come_first_and_of_the_past_ones_the_latest(sydney, pages):
    nora = make_contact(sydney, name="Nora Lind")
    service = make_service(sydney)
    ahead = make_booking(nora, service=service, at=clock.now() + timedelta(days=1))
    gone = [make_booking(nora, service=service, at=clock.now() + timedelta(days=2 + n)) for n in range(45)]
    for n, visit in enumerate(gone):
        at = clock.now() - timedelta(days=50 - n)
        Booking.objects.filter(pk=visit.pk).update(
            appointment_datetime=at, ends_at=at + timedelta(minutes=30)
        )
    found = [row for row in addresses(ask(pages("staff"), "nora")) if "/booking/" in row]
    assert found == [change_url(visit) for visit in [ahead, *reversed(gone[-5:])]]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("tomorrow", date(2026, 11, 28)), ("fri", date(2026, 12, 4)), ("14 dec", date(2026, 12, 14)),
        ("3 nov", date(2027, 11, 3)), ("2026-12-14", date(2026, 12, 14)), ("31 feb", None), ("14", None), ("", None),
        ("lind", None),
    ],
)  # fmt: skip
def test_words_for_a_day_mean_the_one_ahead(text, day):
    assert bookings_palette.read(text, date(2026, 11, 27)) == day


def test_a_day_leads_into_the_calendar(sydney, pages):
    assert f"{reverse('admin:bookings_calendar')}?view=day&amp;date=2026-12-14" in ask(
        pages("staff"), "2026-12-14"
    )


def test_pages_and_acts_are_those_that_one_may_use(sydney, pages):
    users = reverse("admin:accounts_user_changelist")
    assert users in addresses(ask(pages("admin"), "users"))
    assert users not in addresses(ask(pages("staff"), "users"))
    new = reverse("admin:bookings_calendar_new")
    assert new in addresses(ask(pages("staff"), "appointment"))
    assert new not in addresses(ask(pages("readonly"), "appointment"))


def test_a_pages_name_comes_before_people_and_a_persons_name_before_pages(sydney, pages):
    make_contact(sydney, name="Calendra Board")
    said = ask(pages("staff"), "calend")
    assert said.index("Pages") < said.index("Calendra Board")
    said = ask(pages("staff"), "bo")
    assert said.index("Calendra Board") < said.index(reverse("admin:contacts_board"))


def test_nothing_of_another_clinic_is_found_or_remembered(sydney, melbourne, outsider, pages):
    nora = make_contact(sydney, name="Nora Lind", phone="+61412345671")
    visit = from_wix(nora, "WX-2041")
    Conversation.objects.create(location=sydney, contact=nora, last_message_at=clock.now())
    elsewhere = pages(outsider)
    for text in ("nora", "0412345671", "WX-2041"):
        assert "Nora" not in ask(elsewhere, text)
    # Seen while the person still worked there; no longer theirs.
    for row in (nora, visit):
        route = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
        AuditEntry.objects.create(
            user_id=outsider.pk,
            method="GET",
            route=route,
            status=200,
            duration_ms=1,
            object_ids=[str(row.public_id)],
        )
    assert "Nora" not in ask(elsewhere)


def test_what_was_opened_last_comes_first_once_and_is_ones_own(sydney, pages):
    rows = [make_contact(sydney, name=f"Person {n}") for n in range(10)]
    visit = make_booking(rows[0])
    browser = pages("staff")
    for row in [*rows, visit, rows[3]]:
        assert browser.get(change_url(row)).status_code == 200
    wanted = [change_url(row) for row in (rows[3], visit, *rows[:3:-1])][:8]
    assert addresses(ask(browser))[:8] == wanted
    assert change_url(rows[3]) not in addresses(ask(pages("manager")))


def test_who_was_merged_since_is_remembered_as_nobody(sydney, pages):
    keep, away = make_contact(sydney, name="Nora Lind"), make_contact(sydney, name="Norah Lind")
    browser = pages("staff")
    browser.get(change_url(away))
    merging.merge_contacts(keep_id=keep.pk, away_id=away.pk, cause=CAUSE)
    assert change_url(away) not in addresses(ask(browser))


def test_the_page_works_without_scripts_and_keeps_names_out_of_addresses(sydney, pages):
    nora = make_contact(sydney, name="Nora Lind")
    browser = pages("staff")
    html = browser.get(FIND).content.decode()
    assert '<form method="post" action="/admin/find/"' in html
    assert change_url(nora) in addresses(ask(browser, "nora", live=False))
    assert "Nora" not in browser.get(f"{FIND}?q=nora").content.decode()
    entry = AuditEntry.objects.filter(route="admin:find", method="POST").latest("at")
    assert (entry.object_ids, entry.personal_data) == ([str(nora.public_id)], True)


def test_the_themes_own_search_is_gone(pages):
    with pytest.raises(NoReverseMatch):
        reverse("admin:search")
    html = pages("staff").get("/admin/").content.decode()
    assert "searchCommand" not in html
    assert 'id="dk-find"' in html


def test_odd_input_is_answered(sydney, pages):
    for text in (
        "\x00", "ab\x00cd", "a@b\x00", "²²²²", "² dec", "%", "a" * 5000, "<b>", "٣٣٣", "-1 dec",
        "99999999999999999999 december",
    ):  # fmt: skip
        ask(pages("staff"), text)
    assert pages("staff").put(FIND).status_code == 405


@pytest.mark.parametrize("text", ["", "person", "0400", "pers exmple"])
def test_a_search_costs_the_same_however_much_is_found(sydney, pages, text):
    browser = pages("staff")
    service = make_service(sydney)

    def fill(count: int) -> None:
        for n in range(count):
            row = make_contact(
                sydney, name=f"Person Example{'x' * n}", phone=f"+6140000{n:04d}" if count > 1 else None
            )
            at = clock.now() + timedelta(days=1, hours=n)
            make_booking(row, service=service, at=at)
            Conversation.objects.create(location=sydney, contact=row, last_message_at=clock.now())
            browser.get(change_url(row))

    fill(1)
    ask(browser, text)
    with CaptureQueriesContext(connection) as bare:
        browser.get("/admin/jsi18n/")
    with CaptureQueriesContext(connection) as few:
        ask(browser, text)
    fill(12)
    with CaptureQueriesContext(connection) as many:
        ask(browser, text)
    assert len(many) <= max(len(few), len(bare) + MOST) <= len(bare) + MOST, [one["sql"] for one in many]
