"""The pipeline board: what it shows, what a move does, and whom it lets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import DeskAction, Location, User
from contacts import board_rows
from contacts.models import Contact

NOON = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LIVE = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db


def lead(location: Location, name: str, **more: Any) -> Contact:
    return Contact.objects.create(location=location, name=name, **more)


def move_address(contact: Contact) -> str:
    return reverse("admin:contacts_board_move", args=[contact.public_id])


def shown(pages: Any, who: Any = "staff", **asked: str) -> str:
    return str(pages(who).post(reverse("admin:contacts_board"), asked).content.decode())


def test_columns_count_their_people_and_say_how_long_they_stand(
    staff: dict[str, User], sydney: Location, frozen_time: Any
) -> None:
    frozen_time(NOON)
    for days in (1, 3, 8):
        lead(sydney, f"Since {days}", stage_entered_at=NOON - timedelta(days=days))
    wanted = board_rows.Wanted("lead_to_booking", sydney)
    rows = board_rows.narrowed(Contact.objects.all(), wanted, staff["staff"])
    first = board_rows.columns(rows, wanted)[0]

    assert (first.count, first.median_days, first.oldest_days) == (3, 3, 8)
    assert [card.contact.name for card in first.cards] == ["Since 1", "Since 3", "Since 8"]


def test_a_long_column_comes_in_parts_each_card_once(
    pages: Any, staff: dict[str, User], sydney: Location, frozen_time: Any
) -> None:
    frozen_time(NOON)
    Contact.objects.bulk_create([Contact(location=sydney, name=f"P{n}") for n in range(60)])
    wanted = board_rows.Wanted("lead_to_booking", sydney)
    rows = board_rows.narrowed(Contact.objects.all(), wanted, staff["staff"])
    column = board_rows.columns(rows, wanted)[0]
    seen, after = [card.contact.pk for card in column.cards], column.after
    while after:
        cards, after = board_rows.next_cards(rows, column.place, after=after)
        seen += [card.contact.pk for card in cards]
    assert len(seen) == len(set(seen)) == 60
    answer = pages("staff").post(
        reverse("admin:contacts_board_more"), {"stage": "new_lead", "after": column.after}, headers=LIVE
    )
    assert answer.content.decode().count("<article") == 25


def test_a_move_answers_with_the_card_where_it_is_now_and_can_be_undone(
    pages: Any, staff: dict[str, User], sydney: Location
) -> None:
    contact = lead(sydney, "Ada Lovelace")
    values = {"target": "lead_to_booking/engaged", "pipeline": "lead_to_booking"}
    answer = pages("staff").post(move_address(contact), values, headers=LIVE)
    contact.refresh_from_db()

    assert (answer.status_code, contact.current_stage) == (200, "engaged")
    assert 'hx-swap-oob="afterbegin:#bd-engaged"' in answer.content.decode()
    pages("staff").post(reverse("admin:accounts_action_undo", args=[DeskAction.objects.get().public_id]))
    contact.refresh_from_db()
    assert contact.current_stage == "new_lead"


@pytest.mark.parametrize(
    ("target", "says"),
    [("lead_to_booking/new_lead", "cannot go from"), ("lead_to_booking/dead_lost", "Say why"), ("x/y", "no pipeline")],
)  # fmt: skip
def test_a_refused_move_changes_nothing_and_says_why(
    pages: Any, staff: dict[str, User], sydney: Location, target: str, says: str
) -> None:
    contact = lead(sydney, "Bo", current_stage="engaged")
    answer = pages("staff").post(move_address(contact), {"target": target}, headers=LIVE)
    contact.refresh_from_db()
    assert says in answer["HX-Trigger"]
    assert (answer.status_code in (409, 422), contact.current_stage) == (True, "engaged")


def test_the_form_of_a_card_works_without_scripts(pages: Any, sydney: Location) -> None:
    contact = lead(sydney, "Cy")
    lost = {"target": "lead_to_booking/dead_lost", "reason": "Moved away"}
    answer = pages("staff").post(move_address(contact), lost, follow=True)
    contact.refresh_from_db()
    assert contact.current_stage == "dead_lost"
    assert "is now in" in answer.content.decode()


def test_readers_see_the_board_and_move_nothing(pages: Any, sydney: Location) -> None:
    contact = lead(sydney, "Di")
    page = shown(pages, "readonly")
    assert "Di" in page
    assert "bd-move" not in page
    assert (
        pages("readonly").post(move_address(contact), {"target": "lead_to_booking/engaged"}).status_code
        == 403
    )


def test_another_clinics_people_are_not_there(
    pages: Any, sydney: Location, melbourne: Location, outsider: User
) -> None:
    contact = lead(sydney, "Only Sydney")
    assert "Only Sydney" not in shown(pages, outsider)
    assert (
        pages(outsider).post(move_address(contact), {"target": "lead_to_booking/engaged"}).status_code == 404
    )
    assert pages(outsider).get(reverse("admin:contacts_board") + "?location=sydney").status_code == 404


@pytest.mark.parametrize(
    "after",
    [
        "2026-13-45T00:00:00+00:00~5",
        "2026-11-11T00:00:00+00:00~²",
        "9999-12-31T23:59:59-14:00~5",
        "x~1",
        "\x00",
    ],
)
def test_what_leads_on_begins_anew_where_it_is_garbled(pages: Any, sydney: Location, after: str) -> None:
    lead(sydney, "Nora Lind")
    answer = pages("staff").get(reverse("admin:contacts_board_more"), {"stage": "new_lead", "after": after})
    assert "Nora Lind" in answer.content.decode()


def test_it_narrows_by_owner_warmness_silence_and_visits(
    pages: Any, staff: dict[str, User], sydney: Location, frozen_time: Any
) -> None:
    frozen_time(NOON)
    lead(sydney, "Mine Hot", owner=staff["staff"], warmness_score=90, last_touchpoint_at=NOON)
    lead(sydney, "Theirs Cool", owner=staff["manager"])
    assert "Theirs Cool" not in shown(pages, owner="me")
    assert "Theirs Cool" not in shown(pages, band="hot")
    assert "Mine Hot" not in shown(pages, stale="on")
    assert "Mine Hot" in shown(pages, no_visit="on")
    assert "Theirs Cool" not in shown(pages, owner=str(staff["staff"].public_id))


def test_the_board_costs_the_same_however_many_there_are(pages: Any, sydney: Location) -> None:
    client, address = pages("staff"), reverse("admin:contacts_board")
    lead(sydney, "One")
    client.get(address)
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        costs.append(len(queries))
        Contact.objects.bulk_create([Contact(location=sydney, name=f"P{n}") for n in range(40)])
    assert costs[0] == costs[1] <= 25
