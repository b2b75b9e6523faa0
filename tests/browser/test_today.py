"""A morning at the desk in Today: every kind of row, by mouse and by keyboard, live beside a colleague."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from accounts.models import Location, User
from bookings.models import Booking
from bookings.models import Service as VisitService
from contacts import duplicates
from contacts.models import Contact
from core import clock
from core.causes import Cause
from messaging import phone
from messaging import services as message_services
from messaging.models import Message
from tasks import calls, services
from tasks.models import Task
from tests.browser.desk import Desk
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CAUSE = Cause.system("test")


class Morning:
    """Twenty rows of every type, each of a person of its own, by the type's name."""

    def __init__(self) -> None:
        self.here = Location.objects.get(code="sydney")
        self.service = VisitService.objects.filter(location=self.here, service_type="routine").earliest("pk")
        self.tasks: dict[str, Task] = {}

    def add(self, name: str, type_: str, *, booking: Booking | None = None, contact: Contact | None = None,
            notes: str = "") -> Contact:  # fmt: skip
        person = contact or self.person(name)
        wish = services.NewTask(
            contact_id=person.pk, type=type_, due_at=clock.now() - timedelta(minutes=5), cause=CAUSE, notes=notes,
            booking_id=booking.pk if booking else None,
        )  # fmt: skip
        self.tasks[name] = services.create_tasks([wish])[0].task
        return person

    def person(self, name: str) -> Contact:
        return make_contact(self.here, name=f"P {name}", is_lead=True, email=f"{name}@example.com")

    def visit(self, name: str, *, hours: float) -> Booking:
        at = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours)
        return make_booking(self.person(name), at=at, service=self.service)

    def fill(self) -> None:
        for name in (
            "call",
            "call_hot_lead",
            "welcome_call",
            "rescue_call",
            "recall_call",
            "no_show_followup",
        ):
            self.add(name, name)
        for name in ("sms_followup", "recall_reminder", "review_request", "referral_invite"):
            self.add(name, name)
        self.add("custom", "custom", notes="Print the forms.")
        for name, hours in (("confirmation_call", 30), ("moved", 50), ("record_outcome", -4), ("missed", -6)):
            visit = self.visit(name, hours=hours)
            type_ = "record_outcome" if hours < 0 else "confirmation_call"
            self.add(name, type_, booking=visit, contact=visit.contact)
        asks = self.person("reply_needed")
        phone.answer(contact=asks, body="May I bring my daughter?")
        self.add("reply_needed", "reply_needed", contact=asks)
        one, two = self.person("duplicate_check"), self.person("double")
        with transaction.atomic():
            duplicates.suspect(one, two, CAUSE)
        self.add("duplicate_check", "duplicate_check", contact=one)
        self.add("number", "custom", notes=calls.WRONG_NUMBER_NOTE)
        self.fail("delivery_problem")
        notice = services.NewTask(
            contact_id=None, location_id=self.here.pk, type="reconcile", cause=CAUSE, due_at=clock.now(),
            notes="A delivery could not be applied.",
        )  # fmt: skip
        services.create_tasks([notice])

    def fail(self, name: str) -> None:
        person = self.person(name)
        message_services.send_text(contact_id=person.pk, body="See you at nine.", cause=CAUSE)
        Message.objects.filter(contact=person).update(status="failed", reason="refused")
        self.add(name, "delivery_problem", contact=person)


@pytest.fixture
def morning(clinic: None) -> Morning:
    found = Morning()
    found.fill()
    return found


def row(page: Page, task: Task) -> Locator:
    return page.locator(f"#task-{task.public_id}")


COUNT_CLICKS = """() => {
  window.clicks = 0;
  document.addEventListener("click", (event) => { if (event.isTrusted) window.clicks += 1; }, true);
  document.addEventListener("click", (event) => {
    if (event.target.matches('a[href^="tel:"]')) event.preventDefault();
  });
}"""
"""Counts what the mouse presses; dialling leads to a phone that a test does not have."""


def test_a_morning_of_every_kind_of_row_is_handled_without_opening_another_page(
    morning: Morning, desk: Callable[..., Desk]
) -> None:
    at = desk("staff")
    page = at.page
    at.open("/admin/?assigned_to=anyone")
    page.evaluate(COUNT_CLICKS)
    expect(page.locator(".td-row")).to_have_count(20)
    came: list[str] = []
    page.on("framenavigated", lambda frame: came.append(frame.url))
    clicks: dict[str, int] = {}
    tasks = morning.tasks

    def handle(name: str, *acts: Callable[[Locator], Any]) -> None:
        before = page.evaluate("window.clicks")
        for act in acts:
            act(row(page, tasks[name]))
        expect(row(page, tasks[name])).to_have_count(0)
        clicks[name] = page.evaluate("window.clicks") - before

    def press(label: str) -> Callable[[Locator], Any]:
        return lambda part: part.get_by_role("button", name=label, exact=True).click()

    def dial(part: Locator) -> None:
        part.locator("[data-dial]").click()
        expect(part).to_contain_text("with you until")

    def fill(label: str, value: str) -> Callable[[Locator], Any]:
        return lambda part: part.get_by_label(label).fill(value)

    tomorrow = f"{morning.here.local(clock.now()) + timedelta(days=1):%Y-%m-%d}"
    choose = [
        press("Book a visit"), lambda part: part.get_by_label("Service").select_option(index=1),
        fill("Day", tomorrow),
    ]  # fmt: skip
    handle("call", dial, press("Spoke to them"))
    handle("call_hot_lead", dial, *choose, fill("Time", "11:00"), press("Book"))
    handle("welcome_call", dial, press("Spoke to them"))
    handle("rescue_call", dial, *choose, fill("Time", "12:00"), press("Book"))
    handle("recall_call", dial, press("Left a voicemail"))
    handle("no_show_followup", lambda part: part.get_by_label("If nobody answers").select_option("tomorrow"),
           press("No answer"))  # fmt: skip
    handle("confirmation_call", dial, press("They said yes"))
    handle("moved", press("Move the visit"), fill("Time", "13:15"), press("Move"))
    handle("record_outcome", press("Attended"))
    handle("missed", press("Did not attend"))
    handle("sms_followup", press("Text"), press("Send"))
    handle("recall_reminder", press("Text"), press("Send"))
    handle("review_request", press("Send the invitation"))
    handle("referral_invite", press("Send the invitation"))
    handle("reply_needed", fill("Answer P reply_needed", "Of course, bring her."), press("Send"))
    handle("duplicate_check", press("Compare the two"), press("Two people"))
    handle("delivery_problem", press("Send it again"))
    handle(
        "number",
        press("Correct the number"),
        fill("Phone of P number", "0491 570 156"),
        press("Save the number"),
    )
    handle("custom", press("Done"))
    notice = page.locator(".td-row").filter(has_text="A delivery could not be applied.")
    notice.get_by_role("button", name="Not needed", exact=True).click()
    expect(page.locator(".td-row")).to_have_count(0)
    expect(page.locator(".td-empty")).to_be_visible()
    assert came == []
    assert not Task.objects.filter(status__in=Task.OPEN, due_datetime__lte=clock.now()).exists()
    assert Message.objects.filter(body="Of course, bring her.").count() == 1
    assert max(clicks.values()) <= 3
    one = {"record_outcome", "missed", "review_request", "referral_invite", "delivery_problem", "custom"}
    assert {name for name, count in clicks.items() if count == 1} >= one


def test_a_morning_is_handled_by_the_keyboard_alone(morning: Morning, desk: Callable[..., Desk]) -> None:
    tasks = morning.tasks
    Task.objects.exclude(pk__in=[tasks[name].pk for name in ("record_outcome", "call", "custom")]).delete()
    at = desk("staff")
    page = at.page
    at.open("/admin/?assigned_to=anyone")
    expect(page.locator(".td-row")).to_have_count(3)

    def go_to(name: str) -> None:
        for _ in range(4):
            page.keyboard.press("k")
        for _ in range(4):
            if "dk-current" in (row(page, tasks[name]).get_attribute("class") or ""):
                return
            page.keyboard.press("j")
        raise AssertionError(f"j never came to {name}")

    go_to("record_outcome")
    page.keyboard.press("Enter")
    expect(row(page, tasks["record_outcome"])).to_have_count(0)
    expect(page.locator("#dk-said")).to_contain_text("Attended.")
    page.keyboard.press("u")
    expect(row(page, tasks["record_outcome"])).to_be_visible()

    go_to("custom")
    page.keyboard.press("n")
    page.keyboard.type("Two copies")
    page.keyboard.press("Enter")
    expect(row(page, tasks["custom"])).to_contain_text("Two copies")
    go_to("custom")
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="In an hour").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, tasks["custom"])).to_have_count(0)

    go_to("call")
    page.keyboard.press("c")
    expect(row(page, tasks["call"]).get_by_role("button", name="Spoke to them")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, tasks["call"])).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("The best next step")


def test_two_people_never_call_one_patient(
    morning: Morning, desk: Callable[..., Desk], settings: Any
) -> None:
    task = morning.tasks["call"]
    sam = desk("staff")
    sam.open("/admin/?assigned_to=anyone")
    other = sam.page.context.browser.new_context()
    morgan = Desk(other.new_page(), sam.base).log_in("manager@demo.test", settings.DEMO_PASSWORD)
    morgan.open("/admin/?assigned_to=anyone")
    row(morgan.page, task).get_by_role("button", name="Start").click()
    expect(row(morgan.page, task)).to_contain_text("with you until")
    row(sam.page, task).get_by_role("button", name="Spoke to them").click()
    expect(sam.page.locator("#dk-said")).to_contain_text("Morgan Manager is working on this task right now")
    expect(row(sam.page, task)).to_contain_text("with Morgan Manager", timeout=25_000)
    expect(row(sam.page, task).get_by_role("button", name="Spoke to them")).to_have_count(0)
    row(morgan.page, task).get_by_role("button", name="Spoke to them").click()
    expect(row(sam.page, task)).to_contain_text("Completed", timeout=25_000)
    sam.page.mouse.move(5, 5)  # Nothing moves while the pointer is over the list.
    expect(row(sam.page, task)).to_have_count(0)
    other.close()


def test_what_is_typed_stays_while_the_queue_moves_on(morning: Morning, desk: Callable[..., Desk]) -> None:
    at = desk("staff")
    page = at.page
    at.open("/admin/?assigned_to=anyone")
    mine, gone = morning.tasks["reply_needed"], morning.tasks["custom"]
    box = row(page, mine).get_by_label("Answer P reply_needed")
    box.fill("I am just")
    me = User.objects.get(email="manager@demo.test")
    services.add_note(mine.pk, text="They called, too.", cause=Cause.user(me.pk))
    services.complete_task(gone.pk, outcome="success", cause=Cause.user(me.pk))
    morning.add("late", "call")
    expect(page.locator("#td-new")).to_contain_text("1 new: show", timeout=25_000)
    expect(box).to_be_focused()
    expect(box).to_have_value("I am just")
    expect(row(page, gone)).to_contain_text("Completed")
    page.locator("#td-new a").click()
    expect(row(page, morning.tasks["late"])).to_be_visible()


def test_cards_are_dragged_over_the_board(morning: Morning, desk: Callable[..., Desk]) -> None:
    at = desk("staff")
    page = at.page
    at.open("/admin/?assigned_to=anyone&view=board&type=custom")
    task = morning.tasks["custom"]
    for column in ("in_progress", "completed", "todo"):
        row(page, task).drag_to(page.locator(f"[data-column={column}] h2"))
        expect(page.locator(f"[data-column={column}] #task-{task.public_id}")).to_be_visible()
    call = morning.tasks["call"]
    at.open("/admin/?assigned_to=anyone&view=board&type=call")
    row(page, call).locator(".td-what").drag_to(page.locator("[data-column=completed] h2"))
    row(page, call).get_by_role("button", name="Left a voicemail").click()
    expect(page.locator(f"[data-column=completed] #task-{call.public_id}")).to_be_visible()


def test_many_rows_are_given_away_after_a_preview(morning: Morning, desk: Callable[..., Desk]) -> None:
    at = desk("staff")
    page = at.page
    at.open("/admin/?assigned_to=anyone")
    for name in ("call", "custom"):
        row(page, morning.tasks[name]).get_by_role("checkbox").check()
    expect(page.locator("[data-picked]")).to_have_text("2 selected:")
    page.get_by_label("Give to", exact=True).select_option(label="Morgan Manager")
    page.locator("#td-bulk").get_by_role("button", name="Give").click()
    expect(page.locator("#content")).to_contain_text("Avatar Imaging Sydney: 2 rows")
    page.get_by_role("button", name="Do it: 2 rows").click()
    expect(row(page, morning.tasks["call"])).to_contain_text("for Morgan Manager")


def test_todays_visits_are_pressed_beside_the_queue(morning: Morning, desk: Callable[..., Desk]) -> None:
    morning.visit("Ida", hours=1)
    at = desk("staff")
    at.open("/admin/?assigned_to=anyone")
    beside = at.page.locator("#visits")
    for button, words in (("Arrived", "1 arrived"), ("Attended", "1 attended")):
        beside.get_by_role("button", name=f"{button}: P Ida").click()
        expect(beside).to_contain_text(words)
        expect(at.page.locator("#dk-said")).to_contain_text("Undo")
    expect(at.page.locator(".td-row")).to_have_count(20)


def test_two_visits_pressed_at_once_are_both_recorded(morning: Morning, desk: Callable[..., Desk]) -> None:
    visits = [morning.visit(name, hours=hours) for name, hours in (("Ida", 1), ("Eli", 2))]
    page = desk("staff").page
    expect(page.locator("#visits").get_by_role("button", name="Arrived: P Eli")).to_be_visible()
    # Within one turn of the page: no answer can come between.
    page.evaluate("document.querySelectorAll('#visits button[value=arrived]').forEach((one) => one.click())")
    page.wait_for_load_state("networkidle")
    for visit in visits:
        visit.refresh_from_db()
    assert [visit.arrived_at is not None for visit in visits] == [True, True]


def test_readers_look_and_press_nothing(morning: Morning, desk: Callable[..., Desk]) -> None:
    at = desk("readonly")
    at.open("/admin/?assigned_to=anyone")
    expect(at.page.locator(".td-row").first).to_be_visible()
    for part in (".td-acts", ".td-reply", "#td-bulk", ".td-moves", ".td-pick"):
        expect(at.page.locator(part)).to_have_count(0)


def test_a_call_is_logged_a_text_answered_and_a_visit_booked_without_javascript(
    morning: Morning, clinic: None, live_server: Any, page: Page, settings: Any
) -> None:
    assert page.context.browser is not None
    context = page.context.browser.new_context(java_script_enabled=False)
    at = Desk(context.new_page(), live_server.url).log_in("staff@demo.test", settings.DEMO_PASSWORD)
    page, tasks = at.page, morning.tasks
    at.open("/admin/?assigned_to=anyone")
    row(page, tasks["call"]).get_by_role("button", name="Spoke to them").click()
    expect(row(page, tasks["call"])).to_have_count(0)
    row(page, tasks["reply_needed"]).get_by_label("Answer P reply_needed").fill("Of course.")
    row(page, tasks["reply_needed"]).get_by_role("button", name="Send").click()
    expect(row(page, tasks["reply_needed"])).to_have_count(0)
    row(page, tasks["rescue_call"]).get_by_role("button", name="Book a visit").click()
    page.get_by_label("Service").select_option(index=1)
    page.get_by_label("Day").fill(f"{clock.now() + timedelta(days=3):%Y-%m-%d}")
    page.get_by_label("Time").fill("10:30")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(row(page, tasks["rescue_call"])).to_have_count(0)
    assert reverse("admin:index") in page.url
    context.close()
