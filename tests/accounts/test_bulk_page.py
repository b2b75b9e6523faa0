"""Rows chosen in a list: what would happen is said first, nothing is done before it is confirmed."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from accounts.models import DeskAction, Location, User
from contacts.models import Contact

LIST = "admin:contacts_contact_changelist"
TARGET = {"target": "lead_to_booking/engaged"}

pytestmark = pytest.mark.django_db


def address(kind: str = "contacts.move_stage") -> str:
    return reverse("admin:accounts_bulk", args=[kind])


def chosen(*rows: Contact) -> dict[str, str]:
    return {"rows": ",".join(str(row.pk) for row in rows)}


def test_a_choice_in_the_list_leads_to_a_page_that_does_nothing_until_told(
    pages: Any, sydney: Location
) -> None:
    lead = Contact.objects.create(location=sydney, name="Ada Lead")
    booked = Contact.objects.create(location=sydney, name="Bo Booked", current_stage="booked")
    client = pages("staff")
    first = client.post(
        reverse(LIST), {"action": "contacts_move_stage", "_selected_action": [lead.pk, booked.pk]}
    ).content.decode()
    assert "2 rows chosen. Nothing is done yet." in first
    assert "Do it" not in first

    look = client.post(address(), {**chosen(lead, booked), **TARGET, "do": "look"}).content.decode()
    assert "Do it: 1 row<" in look
    assert "cannot go from" in look
    assert not DeskAction.objects.exists()

    client.post(address(), {**chosen(lead, booked), **TARGET, "do": "start"})
    action = DeskAction.objects.get()
    assert (action.done, action.refused, Contact.objects.get(pk=lead.pk).current_stage) == (1, 1, "engaged")


def test_people_are_given_to_a_colleague(pages: Any, staff: dict[str, User], sydney: Location) -> None:
    lead = Contact.objects.create(location=sydney, name="Ada Lead")
    values = {**chosen(lead), "to": str(staff["staff"].public_id), "do": "start"}
    pages("staff").post(address("contacts.assign_owner"), values)
    assert Contact.objects.get(pk=lead.pk).owner == staff["staff"]


def test_rows_of_two_clinics_become_two_acts(pages: Any, sydney: Location, melbourne: Location) -> None:
    both = [Contact.objects.create(location=place, name="Lead") for place in (sydney, melbourne)]
    answer = pages("admin").post(address(), {**chosen(*both), **TARGET, "do": "start"})
    assert answer["Location"] == reverse("admin:accounts_actions")
    assert {action.location for action in DeskAction.objects.all()} == {sydney, melbourne}


def test_bad_input_is_said_and_kept(pages: Any, sydney: Location) -> None:
    lead = Contact.objects.create(location=sydney, name="Ada Lead")
    answer = pages("staff").post(address(), {**chosen(lead), "target": "nowhere/at all", "do": "start"})
    assert (answer.status_code, "Select a valid choice" in answer.content.decode()) == (422, True)
    assert pages("staff").post(address(), {"rows": "1,x", **TARGET}).status_code == 404
    assert not DeskAction.objects.exists()


def test_readers_are_refused_and_another_clinics_rows_are_not_there(
    pages: Any, sydney: Location, outsider: User
) -> None:
    lead = Contact.objects.create(location=sydney, name="Ada Lead")
    values = {**chosen(lead), **TARGET, "do": "start"}
    assert pages("readonly").post(address(), values).status_code == 403
    assert "contacts_move_stage" not in pages("readonly").get(reverse(LIST)).content.decode()
    assert pages(outsider).post(address(), values).status_code == 404
    assert not DeskAction.objects.exists()
