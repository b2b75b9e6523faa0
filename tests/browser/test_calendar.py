"""The calendar in a browser: slots clicked, visits dragged, keys, another time zone, a phone, no script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import Location
from bookings.models import Booking, Practitioner, Service
from contacts.models import Contact
from core import clock, localtime
from core.causes import Cause
from messaging.models import Message
from tests.browser.desk import Desk
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SLOT = 26
"""Pixels of a quarter of an hour."""


@pytest.fixture
def sydney(clinic: None) -> Location:
    return Location.objects.get(code="sydney")


@pytest.fixture
def tuesday(sydney: Location) -> date:
    """A Tuesday to come, on which the clinic is open."""
    today = sydney.local(clock.now()).date()
    day = today + timedelta(days=(1 - today.weekday()) % 7 + 7)
    while sydney.hours.holiday(day):
        day += timedelta(days=7)
    return day


@pytest.fixture
def nair(sydney: Location) -> Practitioner:
    return Practitioner.objects.get(name="Dr Priya Nair", location=sydney)


@pytest.fixture
def nora(sydney: Location) -> Contact:
    return make_contact(sydney, name="Nora Lind", phone="+61491570156")


def at(day: date, wall: str, location: Location) -> datetime:
    return localtime.to_utc(datetime.combine(day, time.fromisoformat(wall)), location.zone)


@pytest.fixture
def visit(
    sydney: Location, tuesday: date, nora: Contact, nair: Practitioner, run_work: Callable[[], int]
) -> Booking:
    """Nora's half hour at ten with Dr Nair; its texts are planned."""
    service = Service.objects.get(name="Skin cancer check", location=sydney)
    booking = make_booking(
        nora, at=at(tuesday, "10:00", sydney), service=service, practitioner=nair, cause=Cause.user(1)
    )
    run_work()
    return booking


def day_of(desk: Desk, day: date, view: str = "day") -> Page:
    desk.open(f"/admin/calendar/?view={view}&date={day}")
    page = desk.page
    if view != "list":
        expect(page.locator(".ec-body")).to_be_visible()
        page.wait_for_load_state("networkidle")
    return page


def event(page: Page, name: str) -> Locator:
    return page.locator(".ec-event", has=page.locator(".cal-name", has_text=name))


def dialog(page: Page) -> Locator:
    expect(page.locator("#cal-dialog")).to_be_visible()
    return page.locator("#cal-dialog")


def drag(page: Page, what: Locator, *, down: int, right: float = 0) -> None:
    box = what.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + 10
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y + down / 2, steps=5)
    page.mouse.move(x + right, y + down, steps=8)
    page.mouse.up()


def local(visit: Booking) -> str:
    visit.refresh_from_db()
    return f"{visit.location.local(visit.appointment_datetime):%H:%M}"


def test_a_dragged_visit_shows_its_texts_first_and_goes_back_or_moves(
    visit: Booking, tuesday: date, desk: Callable[..., Desk], run_work: Callable[[], int]
) -> None:
    page = day_of(desk("staff"), tuesday)
    where = event(page, "Nora Lind").bounding_box()
    drag(page, event(page, "Nora Lind"), down=4 * SLOT)
    shown = dialog(page)
    expect(shown.get_by_label("Time")).to_have_value("11:00")
    expect(shown.get_by_text("Withdrawn")).to_be_visible()
    expect(shown.get_by_text("booking rescheduled")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#cal-dialog")).to_be_hidden()
    assert event(page, "Nora Lind").bounding_box() == where
    assert local(visit) == "10:00"

    becker = page.locator(".ec-col-head", has_text="Dr Tom Becker").bounding_box()
    assert where is not None
    assert becker is not None
    across = becker["x"] + becker["width"] / 2 - where["x"] - where["width"] / 2
    drag(page, event(page, "Nora Lind"), down=2 * SLOT, right=across)
    dialog(page).get_by_role("button", name="Move the visit").click()
    expect(page.get_by_text("The visit is on")).to_be_visible()
    assert local(visit) == "10:30"
    assert visit.practitioner is not None
    assert visit.practitioner.name == "Dr Tom Becker"
    run_work()
    assert Message.objects.filter(template__name="booking_rescheduled").count() == 1

    page.get_by_role("button", name="Undo").click()
    expect(event(page, "Nora Lind")).to_contain_text("10:00")
    assert local(visit) == "10:00"


def test_a_visit_is_made_longer_by_its_lower_edge(
    visit: Booking, tuesday: date, desk: Callable[..., Desk]
) -> None:
    page = day_of(desk("staff"), tuesday)
    box = event(page, "Nora Lind").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 2 * SLOT, steps=8)
    page.mouse.up()
    expect(dialog(page).get_by_label("Minutes")).to_have_value("60")
    dialog(page).get_by_role("button", name="Move the visit").click()
    expect(page.get_by_text("The visit is on")).to_be_visible()
    expect(event(page, "Nora Lind")).to_contain_text("10:00\N{EN DASH}11:00")
    visit.refresh_from_db()
    assert visit.duration == timedelta(minutes=60)


def test_a_click_on_a_slot_books_for_somebody_new_after_showing_the_texts(
    sydney: Location, tuesday: date, nair: Practitioner, desk: Callable[..., Desk]
) -> None:
    page = day_of(desk("staff"), tuesday)
    head = page.locator(".ec-col-head", has_text=nair.name).bounding_box()
    body = page.locator(".ec-body").bounding_box()
    assert head is not None
    assert body is not None
    page.mouse.click(head["x"] + head["width"] / 2, body["y"] + 10 * SLOT + 5)
    form = dialog(page)
    expect(form.get_by_label("Practitioner")).to_have_value(str(nair.public_id))
    expect(form.get_by_label("Patient: name or phone")).to_be_focused()
    booked_at = form.get_by_label("Time").input_value()
    page.keyboard.type("Nina Newcomer")
    expect(form.get_by_label("Name", exact=True)).to_have_value("Nina Newcomer")
    form.get_by_label("Mobile phone").fill("0491 570 158")
    expect(form.get_by_text("A new contact is made.")).to_be_visible()
    expect(form.get_by_text("booking confirmation")).to_be_visible()
    assert Booking.objects.count() == 0
    form.get_by_role("button", name="Book").click()
    expect(event(page, "Nina Newcomer")).to_be_visible()
    assert local(Booking.objects.get()) == booked_at


def test_a_visit_is_booked_and_moved_with_keys_alone(
    visit: Booking, sydney: Location, tuesday: date, desk: Callable[..., Desk]
) -> None:
    make_contact(sydney, name="Omar Haddad", phone="+61491570157")
    page = day_of(desk("staff"), tuesday)
    page.keyboard.press("n")
    form = dialog(page)
    expect(form.get_by_label("Patient: name or phone")).to_be_focused()
    page.keyboard.type("haddad")
    expect(form.get_by_role("radio", name="Omar Haddad")).to_be_checked()
    expect(form.get_by_text("booking confirmation")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(event(page, "Omar Haddad")).to_be_visible()

    expect(event(page, "Nora Lind")).to_be_visible()
    page.keyboard.press("j")
    if not page.locator(".ec-event.dk-current", has_text="Nora").count():
        page.keyboard.press("j")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("heading", name="Nora Lind")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert len(asked) == 1, "asked for twice, the dialog comes back after it was closed"
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    moved = dialog(page)
    moved.get_by_label("Time").fill("14:00")
    moved.get_by_label("Time").dispatch_event("change")
    expect(moved.get_by_text("booking rescheduled")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("The visit is on")).to_be_visible()
    assert local(visit) == "14:00"


def test_letters_and_arrows_go_about(sydney: Location, tuesday: date, desk: Callable[..., Desk]) -> None:
    page = day_of(desk("staff"), tuesday)
    heading = page.locator("h2.cal-title")
    page.keyboard.press("ArrowRight")
    expect(heading).to_contain_text("Wednesday")
    page.keyboard.press("w")
    expect(page.locator(".cal-view-week")).to_be_visible()
    page.keyboard.press("m")
    expect(page.locator(".cal-view-month")).to_be_visible()
    page.keyboard.press("l")
    expect(page.locator(".cal-view-list")).to_be_visible()
    page.keyboard.press("t")
    today = sydney.local(clock.now())
    expect(heading).to_contain_text(f"{today:%A} {today.day} {today:%B}")
    page.keyboard.press("d")
    expect(page.locator(".cal-view-day")).to_be_visible()


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_wherever_the_browser_is_visits_stand_at_the_clinics_time(
    visit: Booking, sydney: Location, tuesday: date, nora: Contact, nair: Practitioner, live_server: Any, settings: Any,
    page: Page, zone: str,
) -> None:  # fmt: skip
    change_day = date(tuesday.year + 1, 4, 1)
    change_day += timedelta(days=6 - change_day.weekday())  # The first Sunday of April: clocks go back.
    make_booking(nora, at=at(change_day, "10:00", sydney), practitioner=nair)
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(timezone_id=zone, viewport={"width": 1440, "height": 900})
    away = Desk(context.new_page(), live_server.url).log_in("staff@demo.test", settings.DEMO_PASSWORD)
    shown = day_of(away, change_day)
    expect(event(shown, "Nora Lind")).to_contain_text("10:00\N{EN DASH}10:30")

    shown = day_of(away, tuesday)
    expect(event(shown, "Nora Lind")).to_contain_text("10:00\N{EN DASH}10:30")
    drag(shown, event(shown, "Nora Lind"), down=4 * SLOT)
    expect(dialog(shown).get_by_label("Time")).to_have_value("11:00")
    dialog(shown).get_by_role("button", name="Move the visit").click()
    expect(shown.get_by_text("The visit is on")).to_be_visible()
    expect(event(shown, "Nora Lind")).to_contain_text("11:00\N{EN DASH}11:30")
    assert local(visit) == "11:00"
    context.close()


def test_a_taken_slot_offers_free_times_and_one_press_takes_one(
    visit: Booking, sydney: Location, tuesday: date, nair: Practitioner, desk: Callable[..., Desk]
) -> None:
    other = make_booking(
        make_contact(sydney, name="Omar Haddad"), at=at(tuesday, "11:00", sydney), practitioner=nair
    )
    page = day_of(desk("staff"), tuesday)
    drag(page, event(page, "Omar Haddad"), down=-4 * SLOT)
    expect(dialog(page).get_by_text("Dr Priya Nair is taken from 10:00 to 10:30: Nora Lind.")).to_be_visible()
    dialog(page).get_by_role("button", name="10:30").click()
    expect(dialog(page).get_by_label("Time")).to_have_value("10:30")
    dialog(page).get_by_role("button", name="Move the visit").click()
    expect(page.get_by_text("The visit is on")).to_be_visible()
    expect(event(page, "Omar Haddad")).to_contain_text("10:30")
    assert local(other) == "10:30"


def test_on_a_phone_the_day_is_a_list_with_the_same_acts(
    visit: Booking, tuesday: date, desk: Callable[..., Desk]
) -> None:
    one = desk("staff")
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.open(f"/admin/calendar/?date={tuesday}")
    page = one.page
    expect(page.locator(".cal-row", has_text="Nora Lind")).to_be_visible()
    expect(page.locator("#cal-grid")).to_be_hidden()
    page.get_by_role("link", name="Month", exact=True).click()
    expect(page.locator(".cal-month").get_by_text("Nora Lind")).to_be_visible()
    expect(page.locator("#cal-grid")).to_be_hidden()
    page.go_back()
    page.get_by_role("link", name="Cancel", exact=True).click()
    expect(dialog(page).get_by_text("cancellation rescue")).to_be_visible()
    dialog(page).get_by_label("Reason").fill("On holiday")
    dialog(page).get_by_role("button", name="Cancel the visit").click()
    expect(page.locator(".cal-row")).to_have_count(0)
    visit.refresh_from_db()
    assert (visit.status, visit.cancellation_reason) == ("cancelled", "On holiday")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_who_may_only_look_can_neither_drag_nor_book(
    visit: Booking, tuesday: date, desk: Callable[..., Desk]
) -> None:
    reader = desk("readonly")
    page = day_of(reader, tuesday)
    where = event(page, "Nora Lind").bounding_box()
    drag(page, event(page, "Nora Lind"), down=4 * SLOT)
    assert event(page, "Nora Lind").bounding_box() == where
    page.keyboard.press("n")
    expect(page.locator("#cal-dialog")).to_be_hidden()
    event(page, "Nora Lind").locator(".cal-name").click()
    expect(dialog(page).get_by_role("heading", name="Nora Lind")).to_be_visible()
    expect(dialog(page).get_by_role("button", name="Arrived")).to_have_count(0)
    expect(dialog(page).get_by_role("link", name="Move")).to_have_count(0)
    day_of(reader, tuesday, "month").locator(".ec-body .ec-day").nth(9).click(position={"x": 8, "y": 40})
    expect(page.locator(".cal-view-day")).to_be_visible()


def test_without_scripts_a_visit_is_booked_moved_and_marked(
    visit: Booking, sydney: Location, tuesday: date, page: Page, live_server: Any, settings: Any
) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False)
    plain = Desk(context.new_page(), live_server.url).log_in("staff@demo.test", settings.DEMO_PASSWORD)
    plain.open(f"/admin/calendar/?date={tuesday}")
    shown = plain.page
    row = shown.locator(".cal-row", has_text="Nora Lind")
    row.get_by_role("link", name="Move").click()
    shown.get_by_label("Time").fill("15:00")
    shown.get_by_role("button", name="Show what it sends").last.click()
    expect(shown.get_by_text("booking rescheduled")).to_be_visible()
    shown.get_by_role("button", name="Move the visit").click()
    expect(shown.locator(".cal-row", has_text="Nora Lind")).to_contain_text("15:00")
    shown.locator(".cal-row").get_by_role("button", name="Arrived").click()
    expect(shown.locator(".cal-row", has_text="Nora Lind")).to_contain_text("Arrived")
    shown.get_by_role("link", name="Book a visit").click()
    shown.get_by_label("Patient: name or phone").fill("Nora")
    shown.get_by_role("button", name="Find").click()
    expect(shown.get_by_role("radio", name="Nora Lind")).to_be_checked()
    shown.get_by_role("button", name="Book").click()
    expect(shown.locator(".cal-row")).to_have_count(2)
    context.close()


def test_the_evening_is_closed_at_once_and_taken_back(
    sydney: Location, nora: Contact, desk: Callable[..., Desk]
) -> None:
    midnight = localtime.start_of_day(sydney.local(clock.now()).date(), sydney.zone)
    came = [
        make_booking(who, at=midnight + timedelta(seconds=n))
        for n, who in enumerate((nora, make_contact(sydney, name="Omar Haddad")))
    ]
    Booking.objects.update(arrived_at=clock.now())
    page = desk("staff").open("/admin/calendar/close-out/").page
    page.get_by_role("button", name="Attended…").click()
    ask = page.locator("#cal-ask")
    expect(ask).to_contain_text("Record that 2 visits attended?")
    expect(ask).to_contain_text("2 of thank you attended")
    ask.get_by_role("button", name="Record 2").click()
    expect(page.get_by_text("Every visit of this day has its outcome.")).to_be_visible()
    assert {row.outcome for row in Booking.objects.filter(pk__in=[row.pk for row in came])} == {"attended"}
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".cal-row")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("s")
    expect(page.get_by_role("heading", name="Still to come")).to_be_visible()
    page.keyboard.press("j")
    page.locator(".cal-row").first.get_by_role("button", name="Did not attend").click()
    expect(page.get_by_text("did not attend.")).to_be_visible()
    assert Booking.objects.filter(outcome="no_show").count() == 1
