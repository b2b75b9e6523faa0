"""Today as a page: what it keeps true while open, its filters, board, cards, and acts on many rows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from accounts import desk_pages
from accounts.models import DeskAction, Location
from core import clock
from tasks import services
from tasks.models import Task
from tests.factories.bookings import make_booking
from tests.factories.contacts import log, make_contact
from tests.tasks.test_queue import CAUSE, NOW, make_task
from tests.tasks.test_today_rows import LIVE, ask, do, said

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _noon(frozen_time: Any) -> None:
    frozen_time(NOW)


def seen(html: str) -> list[str]:
    return re.findall(r'name="seen" value="([^"]+)"', html)


def poll(client: Any, shown: list[str], *, path: str = "/admin/") -> str:
    given = {"next": path, "seen": shown, "as_of": NOW.isoformat()}
    answer = client.get("/admin/today/fresh/", given, **LIVE)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_poll_swaps_what_changed_takes_out_what_is_done_and_counts_what_is_new(
    pages: Any, sydney: Location, frozen_time: Any
) -> None:
    same, held, done = (make_task(sydney, due=NOW - timedelta(minutes=5)) for _ in range(3))
    client = pages("staff")
    shown = seen(client.get("/admin/").content.decode())
    frozen_time(NOW + timedelta(seconds=15))
    do(pages("manager"), held, "start")
    do(pages("manager"), done, "complete", outcome="connected")
    make_task(sydney)
    html = poll(client, shown)
    assert f'id="task-{same.public_id}"' not in html
    assert "with Morgan Manager until" in html
    assert re.search(rf'id="task-{done.public_id}" hx-swap-oob="delete" data-gone="Completed', html)
    assert "1 new: show" in html
    assert '<strong class="td-late">3</strong>' in html


def test_a_poll_about_nothing_or_nonsense_is_harmless(pages: Any, sydney: Location) -> None:
    client = pages("staff")
    for shown in ([], ["x.y", "nonsense", "01a21b71-3f8d-79d8-9f49-81fa01cb7bc7.0"]):
        assert "td-counts" in poll(client, shown)
    assert (
        client.get("/admin/today/fresh/?as_of=yesterday&next=https://evil.example/", **LIVE).status_code
        == 200
    )


def test_filters_are_kept_in_the_address_and_narrow_the_queue(
    pages: Any, sydney: Location, melbourne: Location
) -> None:
    here, there = make_task(sydney), make_task(melbourne)
    admin = pages("admin")
    html = admin.get(f"/admin/?location={melbourne.public_id}&type=call&timeframe=overdue").content.decode()
    assert "Nothing fits these filters." in html
    html = admin.get(f"/admin/?location={melbourne.public_id}&type=call").content.decode()
    assert str(there.public_id) in html
    assert str(here.public_id) not in html
    assert f"location={melbourne.public_id}&amp;type=call" in html
    assert str(here.public_id) in admin.get("/admin/?location=nonsense&type=dance&view=x").content.decode()


@pytest.mark.parametrize("view", ["list", "board"])
def test_the_queue_alone_is_drawn_anew(pages: Any, sydney: Location, view: str) -> None:
    task = make_task(sydney)
    client, path = pages("staff"), f"/admin/?view={view}"
    part = client.get(path, headers={"HX-Request": "true"}).content.decode().strip()
    assert part.endswith("</div>")
    assert "<html" not in part
    for html in (part, client.get(path).content.decode()):
        assert html.count(f'id="td-{view}"') == 1
        assert f'id="task-{task.public_id}"' in html


def test_the_board_has_three_columns_and_its_buttons_move_cards(pages: Any, sydney: Location) -> None:
    task = make_task(sydney)
    client = pages("staff")
    path = "/admin/?view=board"

    def column() -> str:
        parts = client.get(path).content.decode().split('data-column="')[1:]
        return next(part.split('"')[0] for part in parts if str(task.public_id) in part)

    assert column() == "todo"
    assert do(client, task, "start", next=path).status_code == 200
    assert column() == "in_progress"
    do(client, task, "release", next=path)
    assert column() == "todo"
    answer = do(client, task, "complete", outcome="connected", next=path)
    assert 'id="td-board"' in answer.content.decode()
    assert column() == "completed"
    do(client, task, "reopen", next=path)
    assert column() == "todo"


def test_a_task_is_not_opened_again_beside_its_twin(pages: Any, sydney: Location) -> None:
    contact = make_contact(sydney)
    old = ask(contact, "call")
    client = pages("staff")
    do(client, old, "complete", outcome="voicemail")
    ask(contact, "call")
    answer = do(client, old, "reopen")
    assert answer.status_code == 422
    assert "open again already" in said(answer)


def test_what_a_colleague_opened_again_and_holds_is_not_taken_from_them(pages: Any, sydney: Location) -> None:
    task = make_task(sydney)
    do(pages("staff"), task, "complete", outcome="connected")
    do(pages("manager"), task, "reopen")
    do(pages("manager"), task, "start")
    answer = do(pages("staff"), task, "reopen")
    assert answer.status_code == 422
    assert "open already" in said(answer)
    task.refresh_from_db()
    assert task.claimed_by is not None


def test_visits_without_an_outcome_lead_to_the_evening_list(pages: Any, sydney: Location) -> None:
    make_task(sydney, type="record_outcome")
    counts = pages("staff").get("/admin/").content.decode().split('id="td-counts"')[1].split("</p>")[0]
    assert '<a href="/admin/calendar/close-out/"><strong>1</strong> visit without an outcome</a>' in counts


def test_many_rows_are_previewed_then_done_and_what_cannot_is_said(pages: Any, sydney: Location) -> None:
    free, held = make_task(sydney), make_task(sydney)
    do(pages("manager"), held, "start")
    client = pages("staff")
    chosen = {"task": [str(free.public_id), str(held.public_id)], "what": "done", "next": "/admin/"}
    html = client.post("/admin/today/bulk/", chosen).content.decode()
    assert "Do it: 1 row<" in html
    assert "Not possible" in html
    assert "Morgan Manager is working on this task" in html
    free.refresh_from_db()
    assert free.is_open
    page = {name: re.search(f'name="{name}" value="([^"]*)"', html)[1] for name in ("rows", "next")}  # type: ignore[index]
    do_it = {**page, "outcome": "success", "reason": "By phone", "do": "start"}
    answer = client.post(reverse("admin:accounts_bulk", args=["tasks.complete"]), do_it, follow=True)
    assert answer.redirect_chain[-1][0] == "/admin/"
    said = answer.content.decode()
    assert "Tasks completed: Done: 1 done, 1 not possible." in said
    free.refresh_from_db()
    held.refresh_from_db()
    assert (free.is_open, held.is_open) == (False, True)
    client.post(re.search(r'href="([^"]*)" class="dk-link">Undo…', said)[1])  # type: ignore[index]
    free.refresh_from_db()
    assert free.is_open


def test_tasks_chosen_in_the_list_are_cancelled_over_the_same_page_and_taken_back(
    pages: Any, sydney: Location
) -> None:
    rows = [make_task(sydney, contact=make_contact(sydney, name=name)) for name in ("Ida Holm", "Per Dahl")]
    client = pages("staff")
    first = client.post(
        reverse("admin:tasks_task_changelist"),
        {"action": "tasks_cancel", "_selected_action": [row.pk for row in rows]},
    ).content.decode()
    assert "2 rows chosen. Nothing is done yet." in first
    url = reverse("admin:accounts_bulk", args=["tasks.cancel"])
    chosen = {"rows": ",".join(str(row.pk) for row in rows), "do": "start"}
    assert client.post(url, {**chosen, "reason": ""}).status_code == 422
    client.post(url, {**chosen, "reason": "Closed that day"})
    assert {row.closed_reason for row in Task.objects.filter(status="cancelled")} == {"Closed that day"}
    client.post(desk_pages.undo_address(DeskAction.objects.get()))
    assert set(Task.objects.values_list("status", "closed_reason")) == {("todo", "")}


def test_a_preset_means_each_clinics_own_morning(
    pages: Any, sydney: Location, melbourne: Location, frozen_time: Any
) -> None:
    Location.objects.filter(pk=melbourne.pk).update(time_zone="Australia/Perth")
    east, west = (make_task(place) for place in (sydney, Location.objects.get(pk=melbourne.pk)))
    url = reverse("admin:accounts_bulk", args=["tasks.snooze"])
    pages("admin").post(url, {"rows": f"{east.pk},{west.pk}", "until": "tomorrow", "do": "start"})
    for task in (east, west):
        task.refresh_from_db()
        assert task.snoozed_until is not None
        assert f"{task.location.local(task.snoozed_until):%H:%M}" == "09:00"
    assert east.snoozed_until != west.snoozed_until


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"task": [], "what": "done"}, "Select at least one task first."),
        ({"what": "dance"}, "Choose what to do"),
        ({"what": "assign", "to": "nonsense"}, "There is no such colleague here."),
        ({"what": "snooze", "until": "never"}, "Put it off until one of"),
    ],
)
def test_many_rows_with_nonsense_are_refused_with_a_reason(
    pages: Any, sydney: Location, given: dict[str, Any], words: str
) -> None:
    task = make_task(sydney)
    answer = pages("staff").post("/admin/today/bulk/", {"task": [str(task.public_id)], **given}, follow=True)
    assert words in answer.content.decode()


def test_todays_visits_show_where_they_stand_and_are_moved_by_their_buttons(
    pages: Any, sydney: Location, frozen_time: Any
) -> None:
    visit = make_booking(make_contact(sydney, name="Ida Holm"), at=NOW + timedelta(hours=1))
    client = pages("staff")
    assert "Expected" in client.get("/admin/").content.decode()
    url = f"/admin/today/visit/{visit.public_id}/"
    answer = client.post(url, {"move": "arrived"}, **LIVE)
    assert 'dk-on">Arrived</span>' in answer.content.decode()
    assert '"undo": "/admin/' in said(answer)
    frozen_time(NOW + timedelta(hours=2))
    assert "Waiting for outcome" in client.get("/admin/").content.decode()
    answer = client.post(url, {"move": "attended"}, **LIVE)
    assert '"undo": "/admin/' in said(answer)
    visit.refresh_from_db()
    assert visit.outcome == "attended"
    assert client.post(url, {"move": "fly"}, **LIVE).status_code == 422
    assert pages("readonly").post(url, {"move": "no_show"}).status_code == 403
    assert 'aria-label="Arrived' not in pages("readonly").get("/admin/").content.decode()


def test_the_cards_show_very_hot_leads_without_a_visit_and_what_happened_last(
    pages: Any, sydney: Location
) -> None:
    hot = make_contact(sydney, name="Hot Lead", is_lead=True)
    booked = make_contact(sydney, name="Hot Booked", is_lead=True)
    make_booking(booked)
    log(hot, "booking_link_click")
    type(hot).objects.filter(pk__in=[hot.pk, booked.pk]).update(warmness_score=90)
    html = pages("staff").get("/admin/").content.decode()
    leads, touches = html[html.index('id="hot-leads"') :].split('id="touchpoints"')
    assert "Hot Lead" in leads
    assert "Hot Booked" not in leads
    assert "Opened the booking link" in touches


def test_a_closed_task_is_restored_to_what_it_was_only_while_nobody_changed_it(
    pages: Any, sydney: Location
) -> None:
    task = make_task(sydney)
    client = pages("staff")
    answer = do(client, task, "snooze", until="week")
    undo = re.search(r'"undo": "([^"]+)"', said(answer))
    assert undo is not None
    services.complete_task(task.pk, outcome="connected", cause=CAUSE)
    client.post(undo.group(1), **LIVE)
    task.refresh_from_db()
    assert task.status == Task.Status.COMPLETED


def test_today_asks_for_the_same_few_queries_whatever_rows_there_are(
    pages: Any, sydney: Location, django_assert_max_num_queries: Any
) -> None:
    client = pages("staff")
    for n in range(3):
        for type_ in Task.Type.values:
            ask(make_contact(sydney, name=f"Person {n}"), type_, booking=None)
        make_booking(make_contact(sydney), at=clock.now() + timedelta(hours=n + 1))
        for path in ("/admin/", "/admin/?view=board", "/admin/?assigned_to=anyone&timeframe=upcoming"):
            client.get(path)
            with django_assert_max_num_queries(25):
                html = client.get(path).content.decode()
    with django_assert_max_num_queries(25):
        poll(client, seen(html))
