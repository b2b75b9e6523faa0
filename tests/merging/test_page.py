"""Merging at the desk: from a duplicate task or the contact's page, with both side by side."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts import services
from contacts.models import Contact
from tasks.models import Task
from tests.factories.contacts import CAUSE, log, make_contact, make_member
from tests.merging.conftest import ONE, TWO, fresh


@pytest.fixture
def desk(client, receptionist) -> Any:
    client.force_login(receptionist)
    return client


def page_of(contact: Contact) -> str:
    return reverse("admin:contacts_contact_merge", args=(contact.public_id,))


def test_from_the_task_to_one_person(ann, desk, run_work) -> None:
    double = make_member(ann, name="Zoe Wong")
    run_work()
    queue = desk.get(reverse("admin:index"), {"assigned_to": "anyone", "timeframe": "upcoming"}).text
    assert "Zoe Wong" in queue
    assert "Compare" in queue
    asked = desk.get(page_of(double)).text
    assert f"?with={ann.public_id}" in asked
    compared = desk.get(page_of(double), {"with": str(ann.public_id), "keep": "other"}).text
    assert "Merge into Ann Lee" in compared
    answer = desk.post(
        page_of(double), {"with": str(ann.public_id), "keep": "other", "merge": ""}, follow=True
    )
    assert answer.redirect_chain[-1][0] == reverse("admin:contacts_contact_change", args=(ann.public_id,))
    assert fresh(double).merged_into == ann
    run_work()
    assert Task.objects.get(type="duplicate_check").closed_reason == "Merged."


def test_not_the_same_person_closes_the_task(ann, desk, run_work) -> None:
    double = make_member(ann, name="Zoe Wong")
    run_work()
    desk.post(page_of(double), {"with": str(ann.public_id), "different": ""})
    run_work()
    task = Task.objects.get(type="duplicate_check")
    assert (task.status, task.outcome) == ("completed", "not_needed")
    assert Contact.objects.live().count() == 2
    assert f"?with={ann.public_id}" not in desk.get(page_of(double)).text


def test_any_contact_of_the_clinic_is_found_and_compared(ann, twin, desk, stranger, book) -> None:
    make_contact(stranger.memberships.get().location, name="Wong Elsewhere")
    book(twin)
    log(twin, "form_submit")
    found = desk.get(page_of(ann), {"q": "wong"}).text
    assert f"?with={twin.public_id}" in found
    assert "Elsewhere" not in found
    assert "Nobody else" in desk.get(page_of(ann), {"q": "nobody at all"}).text
    shown = desk.get(page_of(ann), {"with": str(twin.public_id)}).text
    assert "1 touchpoint, 1 booking." in shown
    for words in (ONE, TWO, "ann@old.au", "Merge into Ann Lee", "Keep A. Lee-Wong instead"):
        assert words in shown


def test_the_merged_ones_pages_lead_to_the_one_that_stays(ann, twin, desk) -> None:
    desk.post(page_of(ann), {"with": str(twin.public_id), "merge": ""})
    theirs = reverse("admin:contacts_contact_change", args=(twin.public_id,))
    for address in (theirs, page_of(twin)):
        answer = desk.get(address)
        assert answer.status_code == 302
        assert str(ann.public_id) in answer.url
    listed = desk.get(reverse("admin:contacts_contact_changelist")).text
    assert "Ann Lee" in listed
    assert "A. Lee-Wong" not in listed
    again = desk.post(page_of(ann), {"with": str(twin.public_id), "merge": ""})
    assert again.status_code == 404


def test_readers_and_other_clinics_have_no_such_page(ann, twin, client, reader, stranger) -> None:
    client.force_login(reader)
    assert client.get(page_of(ann)).status_code == 403
    assert client.post(page_of(ann), {"with": str(twin.public_id), "merge": ""}).status_code == 403
    client.force_login(stranger)
    assert client.get(page_of(ann)).status_code == 404
    assert fresh(twin).merged_into is None


def test_the_page_costs_the_same_with_a_long_history(ann, twin, desk) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(page_of(ann), {"with": str(twin.public_id)}).status_code == 200
        return len(captured)

    few = cost()
    for _ in range(20):
        log(twin, "form_submit")
    assert few == cost() <= 25


def undo_page_of(contact: Contact) -> str:
    return reverse("admin:contacts_contact_unmerge", args=(contact.public_id,))


def test_a_merge_is_undone_from_the_page_of_the_one_that_stays(ann, twin, desk, now) -> None:
    log(twin, "form_submit")
    desk.post(page_of(ann), {"with": str(twin.public_id), "merge": ""})
    asked = desk.get(undo_page_of(ann)).text
    assert "What came along: 1 touchpoint." in asked
    answer = desk.post(undo_page_of(ann), {"contact": str(twin.public_id)}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("admin:contacts_contact_change", args=(twin.public_id,))
    assert "A. Lee-Wong is a separate contact again." in answer.text
    assert fresh(twin).merged_into is None
    assert "Nothing to undo" in desk.get(undo_page_of(ann)).text
    assert desk.post(undo_page_of(ann), {"contact": str(twin.public_id)}).status_code == 404


def test_only_the_last_merge_has_a_button_and_a_refusal_is_told(ann, twin, sydney, desk) -> None:
    third = make_contact(sydney, name="Annie", email="annie@x.au")
    for other in (twin, third):
        desk.post(page_of(ann), {"with": str(other.public_id), "merge": ""})
    shown = desk.get(undo_page_of(ann)).text
    assert shown.count("Undo this merge") == 1
    answer = desk.post(undo_page_of(ann), {"contact": str(twin.public_id)}, follow=True)
    assert "Undo that merge first." in answer.text
    assert fresh(twin).merged_into == ann


def test_what_was_changed_since_is_named_on_the_way_back(ann, twin, desk, now) -> None:
    services.update_contact(contact_id=twin.pk, fields={"language": "zh"}, cause=CAUSE)
    desk.post(page_of(ann), {"with": str(twin.public_id), "merge": ""})
    now.advance(timedelta(hours=1))
    services.update_contact(contact_id=ann.pk, fields={"language": "el"}, cause=CAUSE)
    log(fresh(ann), "form_submit")
    answer = desk.post(undo_page_of(ann), {"contact": str(twin.public_id)}, follow=True)
    assert "stayed with Ann Lee: 1 touchpoint." in answer.text
    assert "left as it is: language." in answer.text


def test_readers_and_other_clinics_have_no_undo_page(ann, client, reader, stranger) -> None:
    for user, status in ((reader, 403), (stranger, 404)):
        client.force_login(user)
        assert client.get(undo_page_of(ann)).status_code == status
