"""What a row of Today lets one do, without leaving it; each act with and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import Location, User
from bookings.models import Booking
from contacts.models import Contact
from core import clock
from core.models import AuditEntry
from messaging import phone
from messaging.models import Message
from tasks import services
from tasks.models import Task
from tests.factories.bookings import make_booking, make_practitioner, make_service
from tests.factories.contacts import make_contact
from tests.tasks.test_queue import CAUSE, NOW

pytestmark = pytest.mark.django_db
LIVE = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def _noon(frozen_time: Any) -> None:
    frozen_time(NOW)


@pytest.fixture
def texting(sydney: Location) -> None:
    """The clinic has its templates, rules and the on-screen phone."""
    call_command("seed", verbosity=0)


def ask(contact: Contact, type_: str, *, booking: Booking | None = None, **more: Any) -> Task:
    wish = services.NewTask(
        contact_id=contact.pk, type=type_, due_at=clock.now(), cause=CAUSE,
        booking_id=booking.pk if booking else None, **more,
    )  # fmt: skip
    return services.create_tasks([wish])[0].task


def do(client: Client, task: Task, move: str, **given: str) -> Any:
    return client.post(f"/admin/today/{task.public_id}/{move}/", {"next": "/admin/", **given}, **LIVE)


def said(answer: Any) -> str:
    return str(answer.headers.get("HX-Trigger", ""))


def row_of(client: Client, task: Task) -> str:
    html = client.get("/admin/").content.decode()
    start = html.find(f'id="task-{task.public_id}"')
    assert start > 0, "the row is not on the page"
    return html[start : html.find("data-row", start + 200)]


def test_a_row_says_why_it_is_here_what_it_is_worth_and_how_warm_the_person_is(
    pages: Any, sydney: Location
) -> None:
    patient = make_contact(sydney, name="Ida Holm")
    visit = make_booking(patient, service=make_service(sydney, price_cents=45_000))
    row = row_of(pages("staff"), ask(patient, "confirmation_call", booking=visit))
    for words in ("Confirmation call: 75 points.", "$450 visit", "cool (0)"):
        assert words in row


def test_a_lead_is_worth_what_the_clinic_usually_charges_for_what_they_want(
    pages: Any, sydney: Location
) -> None:
    make_service(sydney, name="Excision", service_type="procedure", price_cents=45_000)
    lead = make_contact(sydney, intent="procedure", is_lead=True)
    assert "about $450 if they book" in row_of(pages("staff"), ask(lead, "call_hot_lead"))


@pytest.mark.parametrize(
    ("outcome", "logged"), [("connected", "call_connected"), ("voicemail", "call_voicemail")]
)
def test_an_outcome_of_a_call_is_one_press(pages: Any, sydney: Location, outcome: str, logged: str) -> None:
    task = ask(make_contact(sydney), "call")
    answer = do(pages("staff"), task, "complete", outcome=outcome)
    assert answer.status_code == 200
    assert f"task-{task.public_id}" not in answer.content.decode()
    assert task.contact.touchpoints.filter(type=logged).exists()


def test_nobody_answered_puts_the_call_off_and_undo_brings_it_back(pages: Any, sydney: Location) -> None:
    task = ask(make_contact(sydney), "call")
    client = pages("staff")
    answer = do(client, task, "complete", outcome="no_answer", again="tomorrow")
    task.refresh_from_db()
    assert (task.status, task.attempts) == ("todo", 1)
    undo = re.search(r'"undo": "([^"]+)"', said(answer))
    assert undo is not None
    client.post(undo.group(1), **LIVE)
    task.refresh_from_db()
    assert (task.due_datetime, task.attempts) == (NOW, 0)


@pytest.mark.parametrize(
    ("move", "given"),
    [("complete", {"outcome": "connected"}), ("snooze", {"until": "week"}), ("done", {})],
)
def test_what_closes_or_hides_a_task_can_be_undone(
    pages: Any, sydney: Location, move: str, given: dict[str, str]
) -> None:
    task = ask(make_contact(sydney), "call")
    client = pages("staff")
    undo = re.search(r'"undo": "([^"]+)"', said(do(client, task, move, **given)))
    assert undo is not None
    assert str(task.public_id) not in client.get("/admin/").content.decode()
    client.post(undo.group(1), **LIVE)
    assert str(task.public_id) in client.get("/admin/").content.decode()


def test_what_a_colleague_holds_is_refused_by_name_and_nothing_changes(pages: Any, sydney: Location) -> None:
    task = ask(make_contact(sydney), "call")
    do(pages("manager"), task, "start")
    client = pages("staff")
    for move, given in (("complete", {"outcome": "connected"}), ("snooze", {"until": "week"}), ("book", {})):
        answer = do(client, task, move, **given)
        assert answer.status_code == 422
        assert "Morgan Manager is working on this task" in said(answer)
    assert "Spoke to them" not in row_of(client, task)
    task.refresh_from_db()
    assert task.is_open


def test_a_visit_is_booked_from_a_row_and_the_task_is_done(pages: Any, sydney: Location) -> None:
    task = ask(make_contact(sydney, name="Ida Holm"), "rescue_call")
    service, doctor = make_service(sydney), make_practitioner(sydney)
    client = pages("staff")
    panel = client.get(f"/admin/today/{task.public_id}/panel/book/", **LIVE).content.decode()
    assert service.name in panel
    given = {"service": str(service.public_id), "practitioner": str(doctor.public_id), "day": "2026-03-05"}
    refused = do(client, task, "book", **given)
    assert refused.status_code == 422
    assert "at what time" in said(refused)
    assert do(client, task, "book", at="09:30", **given | {"day": "0001-01-01"}).status_code == 422
    assert "Ida Holm is booked for Thu 5 Mar, 09:30." in said(do(client, task, "book", at="09:30", **given))
    booking = Booking.objects.get()
    assert (f"{sydney.local(booking.appointment_datetime):%H:%M}", booking.practitioner) == ("09:30", doctor)
    task.refresh_from_db()
    assert (task.status, task.outcome) == ("completed", "connected")


def test_a_visit_is_moved_and_another_one_confirmed_from_its_row(pages: Any, sydney: Location) -> None:
    client = pages("staff")
    moved, sure = make_booking(make_contact(sydney)), make_booking(make_contact(sydney))
    task = ask(moved.contact, "confirmation_call", booking=moved)
    do(client, task, "move", day="2026-03-09", at="11:00")
    moved.refresh_from_db()
    assert f"{sydney.local(moved.appointment_datetime):%d %H:%M}" == "09 11:00"
    do(client, ask(sure.contact, "confirmation_call", booking=sure), "confirm")
    sure.refresh_from_db()
    assert sure.status == "confirmed"
    assert not Task.objects.filter(status__in=Task.OPEN).exists()


def test_who_moves_one_of_two_visits_that_clash_is_shown_the_other(pages: Any, sydney: Location) -> None:
    doctor = make_practitioner(sydney)
    visit = make_booking(make_contact(sydney), practitioner=doctor)
    later = visit.appointment_datetime + timedelta(hours=1)
    other = make_booking(make_contact(sydney, name="Ida Holm"), at=later, practitioner=doctor)
    task = ask(visit.contact, "reconcile", booking=visit)
    url = f"/admin/today/{task.public_id}/panel/move/"
    assert "Ida Holm" not in pages("staff").get(url, **LIVE).content.decode()
    Booking.objects.filter(pk=other.pk).update(
        appointment_datetime=visit.appointment_datetime, ends_at=visit.ends_at, overlap_accepted=True
    )
    assert "At the same time: <a" in pages("staff").get(url, **LIVE).content.decode()
    assert "Ida Holm" in pages("staff").get(url, **LIVE).content.decode()


def test_an_outcome_is_recorded_from_its_row_and_taken_back(pages: Any, sydney: Location) -> None:
    visit = make_booking(make_contact(sydney), at=NOW - timedelta(hours=3))
    task = ask(visit.contact, "record_outcome", booking=visit)
    client = pages("staff")
    answer = do(client, task, "no_show")
    visit.refresh_from_db()
    assert visit.outcome == "no_show"
    undo = re.search(r'"undo": "([^"]+)"', said(answer))
    assert undo is not None
    client.post(undo.group(1), **LIVE)
    visit.refresh_from_db()
    task.refresh_from_db()
    assert (visit.outcome, task.status) == ("none", "todo")


def test_their_words_stand_in_the_row_and_an_answer_leaves_from_it_once(
    pages: Any, sydney: Location, texting: None, run_work: Callable[[], int]
) -> None:
    patient = make_contact(sydney, name="Ida Holm")
    phone.answer(contact=patient, body="Can I bring my daughter?")
    task = ask(patient, "reply_needed")
    client = pages("staff")
    assert "Can I bring my daughter?" in row_of(client, task)
    answer = do(client, task, "reply", body="Of course, bring her along.", key="k1")
    assert answer.status_code == 200, said(answer)
    task.refresh_from_db()
    assert task.status == "completed"
    assert do(client, task, "reply", body="Of course, bring her along.", key="k1").status_code == 422
    assert Message.objects.filter(direction="outbound", body="Of course, bring her along.").count() == 1


def test_an_answer_that_cannot_go_is_refused_with_its_reason_and_kept_without_javascript(
    pages: Any, sydney: Location, texting: None
) -> None:
    patient = make_contact(sydney)
    phone.answer(contact=patient, body="STOP")
    task = ask(patient, "reply_needed")
    answer = pages("staff").post(f"/admin/today/{task.public_id}/reply/", {"body": "Are you sure?"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Are you sure?" in html
    assert 'role="alert"' in html
    task.refresh_from_db()
    assert task.is_open


def test_the_right_text_is_filled_in_and_finishes_what_asked_for_a_text(
    pages: Any, sydney: Location, texting: None
) -> None:
    task = ask(make_contact(sydney, name="Ida Holm", is_lead=True), "sms_followup")
    client = pages("staff")
    panel = client.get(f"/admin/today/{task.public_id}/panel/text/", **LIVE).content.decode()
    body = re.search(r"<textarea[^>]*>(.*?)</textarea>", panel, re.S)
    assert body is not None
    assert "Hi Ida" in body.group(1)
    assert "1 segment" in panel
    assert do(client, task, "text", body=body.group(1)).status_code == 200
    task.refresh_from_db()
    assert task.status == "completed"


def test_a_text_beside_a_call_leaves_the_call_where_it_is(
    pages: Any, sydney: Location, texting: None
) -> None:
    task = ask(make_contact(sydney), "call")
    do(pages("staff"), task, "text", body="We tried to reach you. When may we call?")
    task.refresh_from_db()
    assert task.is_open
    assert Message.objects.filter(direction="outbound").count() == 1


def test_a_failed_text_shows_what_failed_and_goes_again(pages: Any, sydney: Location, texting: None) -> None:
    patient = make_contact(sydney)
    client = pages("staff")
    do(client, ask(patient, "call"), "text", body="See you at nine.")
    Message.objects.update(status="unknown", reason="no_answer")
    task = ask(patient, "delivery_problem")
    row = row_of(client, task)
    assert "See you at nine." in row
    assert "It did arrive" in row
    do(client, task, "was_sent")
    task.refresh_from_db()
    assert (task.status, Message.objects.get().status) == ("completed", "sent")


def test_two_lost_texts_of_one_person_are_answered_one_after_the_other(
    pages: Any, sydney: Location, texting: None
) -> None:
    patient = make_contact(sydney)
    client = pages("staff")
    for body in ("See you at nine.", "Please bring your referral."):
        do(client, ask(patient, "call"), "text", body=body)
    Message.objects.update(status="unknown", reason="no_answer")
    task = ask(patient, "delivery_problem")
    assert "Please bring your referral." in row_of(client, task)
    answered = do(client, task, "was_sent")
    assert "another text may not have gone out" in said(answered)
    task.refresh_from_db()
    assert task.is_open
    assert "See you at nine." in row_of(client, task)
    do(client, task, "was_sent")
    task.refresh_from_db()
    assert task.status == "completed"


@pytest.mark.parametrize(("answer", "left"), [("different", 2), ("keep_this", 1), ("keep_other", 1)])
def test_two_who_may_be_one_are_compared_in_the_row(
    pages: Any, sydney: Location, answer: str, left: int, run_work: Callable[[], int]
) -> None:
    one = make_contact(sydney, name="Ida Holm", email="ida@example.com")
    two = make_contact(sydney, name="Ida Holm-Berg", email="ida@example.com")
    from contacts import duplicates

    duplicates.suspect(one, two, CAUSE)
    task = ask(one, "duplicate_check")
    client = pages("staff")
    panel = client.get(f"/admin/today/{task.public_id}/panel/compare/", **LIVE).content.decode()
    assert "Ida Holm-Berg" in panel
    done = do(client, task, "compare", **{"with": str(two.public_id), "answer": answer})
    assert done.status_code == 200, said(done)
    run_work()
    assert Contact.objects.live().count() == left
    assert not Task.objects.filter(type="duplicate_check", status__in=Task.OPEN).exists()


def test_a_wrong_number_is_corrected_in_the_row(pages: Any, sydney: Location) -> None:
    contact = make_contact(sydney)
    client = pages("staff")
    do(client, ask(contact, "call"), "complete", outcome="wrong_number")
    task = Task.objects.get(type="custom")
    assert "Correct the number" in row_of(client, task)
    assert do(client, task, "number", phone="12").status_code == 422
    do(client, task, "number", phone="0491 570 156")
    contact.refresh_from_db()
    task.refresh_from_db()
    assert (contact.phone, task.status) == ("+61491570156", "completed")


def test_a_note_is_kept_without_finishing(pages: Any, sydney: Location) -> None:
    task = ask(make_contact(sydney), "call")
    client = pages("staff")
    assert do(client, task, "note", notes=" ").status_code == 422
    assert "Prefers mornings" in do(client, task, "note", notes="Prefers mornings").content.decode()
    task.refresh_from_db()
    assert task.is_open


def test_a_task_is_given_to_a_colleague_of_the_clinic_only(
    pages: Any, sydney: Location, staff: dict[str, User], outsider: User
) -> None:
    task = ask(make_contact(sydney), "call")
    client = pages("staff")
    assert do(client, task, "assign", to=str(outsider.public_id)).status_code == 422
    assert do(client, task, "assign", to="nonsense").status_code == 422
    do(client, task, "assign", to=str(staff["manager"].public_id))
    task.refresh_from_db()
    assert task.assigned_to == staff["manager"]


def test_no_row_and_no_panel_for_those_of_another_clinic_and_no_panel_for_readers(
    pages: Any, sydney: Location, outsider: User
) -> None:
    task = ask(make_contact(sydney), "call")
    for key in ("book", "text", "compare", "number", "assign"):
        url = f"/admin/today/{task.public_id}/panel/{key}/"
        assert pages(outsider).get(url).status_code == 404
        assert pages("readonly").get(url).status_code == 403
    assert pages("staff").get(f"/admin/today/{task.public_id}/panel/dance/").status_code == 404


def test_a_panel_is_a_page_of_its_own_without_javascript(pages: Any, sydney: Location) -> None:
    task = ask(make_contact(sydney), "rescue_call")
    html = pages("staff").get(f"/admin/today/{task.public_id}/panel/book/?next=/admin/").content.decode()
    assert "<form" in html
    assert "Back to Today" in html
    assert AuditEntry.objects.filter(personal_data=True).exists()
