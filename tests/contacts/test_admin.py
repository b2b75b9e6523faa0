"""Contacts at the desk: list, page, buttons, form."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from contacts import services
from contacts.models import Contact, StageChange
from contacts.seeds import seed
from core.models import Event
from tests.factories.contacts import CAUSE, log, make_contact, make_member


@pytest.fixture
def desk(client, receptionist):
    client.force_login(receptionist)
    return client


def page_of(contact, action=""):
    address = reverse("admin:contacts_contact_change", args=(contact.public_id,))
    return address.replace("/change/", f"/{action}") if action else address


def move(client, contact, name, **data):
    address = reverse(f"admin:contacts_contact_{name}", args=(contact.public_id,))
    return client.post(address, {"_form_submitted": "on", **data}, follow=True)


def test_the_list_shows_the_persons_own_clinic_and_leaves_hidden_ones_out(desk, sydney, melbourne):
    make_contact(sydney, name="Jane Doe", intent="procedure")
    hidden = make_contact(sydney, name="Gone Girl")
    services.delete_contact(contact_id=hidden.pk, cause=CAUSE)
    make_contact(melbourne, name="Else Where")
    text = desk.get(reverse("admin:contacts_contact_changelist")).content.decode()
    assert "Jane Doe" in text
    assert "30 COOL" in text
    assert "Lead to booking: New lead" in text
    assert "Gone Girl" not in text
    assert "Else Where" not in text
    shown = desk.get(reverse("admin:contacts_contact_changelist"), {"hidden": "yes"}).content.decode()
    assert "Gone Girl" in shown


@pytest.mark.parametrize(
    "query", [{"q": "0412345"}, {"q": "jan doe"}, {"place": "lead_to_booking/engaged"}, {"warmness": "warm"}]
)
def test_the_list_is_searched_and_filtered(desk, sydney, query):
    jane = make_contact(sydney, name="Jane Doe", phone="0412345678", intent="procedure", source="referral")
    services.move_stages([services.StageMove(jane.pk, "lead_to_booking", "engaged", cause=CAUSE)])
    make_contact(sydney, name="Bob Lee")
    text = desk.get(reverse("admin:contacts_contact_changelist"), query).content.decode()
    assert "Jane Doe" in text
    assert "Bob Lee" not in text


def test_the_list_costs_the_same_however_long_it_is(desk, sydney, queries):
    address = reverse("admin:contacts_contact_changelist")
    make_contact(sydney, name="First")
    desk.get(address)
    few = queries(lambda: desk.get(address))
    for number in range(20):
        make_member(make_contact(sydney, name=f"P {number}"), name="Other Name")
    assert queries(lambda: desk.get(address)) == few


def test_the_page_tells_what_happened_why_the_score_is_so_and_what_is_allowed(desk, sydney, now):
    contact = make_contact(
        sydney, name="Jane Doe", phone="0412345678", intent="procedure", notes="Likes mornings", is_lead=True
    )
    make_member(contact, name="Peter Lee")
    log(contact, "sms_reply_1hr", source="sms")
    text = desk.get(page_of(contact)).content.decode()
    for said in (
        "Jane Doe", "+61412345678", "Likes mornings", "Peter Lee", "Answered a text within an hour",
        "Procedure", "Engagement gave 10.", "Began in Lead to booking: New lead", "Implied",
        "How they found us", "23 Nov 2026", "12:00",
    ):  # fmt: skip
        assert said in text, said
    assert "First contacted" not in text


def test_the_page_costs_the_same_whatever_happened(desk, sydney, queries):
    contact = make_contact(sydney)
    desk.get(page_of(contact))
    log(contact, "sms_reply_1hr")
    few = queries(lambda: desk.get(page_of(contact)))
    for _ in range(40):
        log(contact, "sms_reply_24hr")
    assert queries(lambda: desk.get(page_of(contact))) == few


def test_earlier_lines_are_a_page_away(desk, sydney):
    contact = make_contact(sydney)
    for _ in range(60):
        log(contact, "ad_click")
    assert "Show earlier" in desk.get(page_of(contact)).content.decode()
    address = reverse("admin:contacts_contact_timeline", args=(contact.public_id,))
    first = desk.get(address)
    assert first.content.decode().count("Clicked an ad") == 25
    second = desk.get(first.context["more_url"])
    assert second.content.decode().count("Clicked an ad") == 25
    more = desk.get(second.context["more_url"]).content.decode()
    assert more.count("Clicked an ad") == 10
    assert "Began in" in more
    assert "Show earlier" not in more


def test_another_clinics_contact_has_no_page_no_form_and_no_buttons(client, stranger, sydney):
    contact = make_contact(sydney, name="Jane Doe")
    client.force_login(stranger)
    assert client.get(page_of(contact)).status_code == 404
    assert client.get(page_of(contact) + "?edit=1").status_code == 404
    assert (
        client.get(reverse("admin:contacts_contact_timeline", args=(contact.public_id,))).status_code == 404
    )
    assert move(client, contact, "recalculate").status_code == 404


def test_a_new_lead_by_hand_sets_the_lead_rules_off(desk, sydney):
    response = desk.post(
        reverse("admin:contacts_contact_add"),
        {"location": sydney.pk, "name": "Alex Wong", "phone": "0411 333 444", "email": "ALEX@example.com",
         "source": "walk_in", "intent": "", "owner": "", "tags": "vip, Vip,vip", "notes": "", "is_lead": "on"},
    )  # fmt: skip
    contact = Contact.objects.get()
    assert response.url == page_of(contact)
    assert (contact.phone, contact.email, contact.tags) == (
        "+61411333444",
        "alex@example.com",
        ["Vip", "vip"],
    )
    assert Event.objects.filter(type="lead_created", cause_kind="user").count() == 1


def test_a_new_contact_who_is_here_already_is_refused_with_everything_typed_kept(desk, sydney):
    make_contact(sydney, name="Alex Wong", phone="0411333444")
    data = {
        "location": sydney.pk,
        "name": "Alex",
        "phone": "0411 333 444",
        "source": "walk_in",
        "tags": "typed",
    }
    text = desk.post(reverse("admin:contacts_contact_add"), data).content.decode()
    assert "This person is here already." in text
    assert "typed" in text
    assert Contact.objects.count() == 1


def test_an_edit_is_saved_through_the_service_and_returns_to_the_page(desk, sydney, receptionist):
    contact = make_contact(sydney, name="Jane Doe", phone="0412345678", tags=["a"])
    data = {
        "name": "Jane Roe", "phone": "0412 345 678", "email": "", "preferred_channel": "", "source": "other",
        "intent": "procedure", "recall_due_date": "2027-01-31", "owner": receptionist.pk, "tags": "a, b",
        "notes": "", "language": "", "is_high_risk": "on",
    }  # fmt: skip
    response = desk.post(page_of(contact) + "?edit=1", data)
    assert (response.status_code, response.url) == (302, page_of(contact))
    contact.refresh_from_db()
    assert (contact.name, contact.tags, contact.warmness_score) == ("Jane Roe", ["a", "b"], 30)
    assert (contact.owner, contact.is_high_risk) == (receptionist, True)
    changed = set(Event.objects.get(type="contact_updated").data["fields"])
    assert changed == {"name", "intent", "recall_due_date", "owner_id", "tags", "is_high_risk"}


def test_the_buttons_move_and_refuse_in_words(desk, sydney):
    contact = make_contact(sydney)
    page = desk.get(page_of(contact)).content.decode()
    assert "Lead to booking: Booked" in page
    assert "Before the visit: Ready" not in page
    said = move(desk, contact, "move", target="lead_to_booking/engaged").content.decode()
    assert "Moved to Lead to booking: Engaged." in said
    assert "Undo…" in said
    again = move(desk, contact, "move", target="lead_to_booking/engaged").content.decode()
    assert "It was so already; nothing was changed." in again
    assert "Undo…" not in again
    for target, why in (("lead_to_booking/dead_lost", "Say why"), ("engaged", "no pipeline")):
        assert why in move(desk, contact, "move", target=target).content.decode()
    assert "The note is kept." in move(desk, contact, "note", text="Prefers mornings").content.decode()
    assert "Write the note." in move(desk, contact, "note", text=" ").content.decode()
    contact.refresh_from_db()
    assert contact.notes.endswith(": Prefers mornings")
    assert StageChange.objects.count() == 2


def test_htmx_gets_the_head_anew_or_why_not_beside_what_was_typed(desk, sydney):
    contact = make_contact(sydney)
    address = reverse("admin:contacts_contact_move", args=(contact.public_id,))
    moved = desk.post(address, {"target": "lead_to_booking/engaged"}, headers={"HX-Request": "true"})
    assert 'id="panel-about"' in moved.content.decode()
    refused = desk.post(address, {"target": "lead_to_booking/dead_lost"}, headers={"HX-Request": "true"})
    assert (refused.status_code, refused.content) == (422, b"")
    assert "Say why" in refused["HX-Trigger"]


def test_a_move_is_taken_back_from_the_words_after_it_unless_moved_since(desk, sydney):
    contact = make_contact(sydney)
    live = {"HX-Request": "true"}
    address = reverse("admin:contacts_contact_move", args=(contact.public_id,))

    def move_to(stage):
        answer = desk.post(address, {"target": f"lead_to_booking/{stage}"}, headers=live)
        return json.loads(answer["HX-Trigger"])["said"]["undo"]

    undo = move_to("engaged")
    assert "undone" in json.loads(desk.post(undo, headers=live)["HX-Trigger"])
    contact.refresh_from_db()
    assert contact.current_stage == "new_lead"
    first = move_to("engaged")
    move_to("booking_attempted")
    assert "It was changed since" in desk.post(first, headers=live)["HX-Trigger"]
    contact.refresh_from_db()
    assert contact.current_stage == "booking_attempted"


def test_an_opt_out_at_the_desk_holds_for_the_number(desk, sydney):
    contact = make_contact(sydney)
    move(desk, contact, "opt_out", channel="sms", purposes=["care", "marketing"], wording="At the desk")
    states = services.consent_for(sydney.pk, [contact.phone])[contact.phone]
    assert states == {("sms", "care"): "withdrawn", ("sms", "marketing"): "withdrawn"}
    assert "Withdrawn" in desk.get(page_of(contact)).content.decode()


def test_staff_see_no_button_to_hide_and_managers_can_undo_it(client, desk, manager, sydney):
    contact = make_contact(sydney)
    assert "Hide contact" not in desk.get(page_of(contact)).content.decode()
    assert move(desk, contact, "hide").status_code == 403
    client.force_login(manager)
    assert "Hide contact" in client.get(page_of(contact)).content.decode()
    assert "This contact is hidden." in move(client, contact, "hide").content.decode()
    move(client, contact, "bring_back")
    contact.refresh_from_db()
    assert contact.deleted_at is None


def test_a_reader_sees_the_page_without_buttons(client, reader, sydney):
    contact = make_contact(sydney, name="Jane Doe")
    client.force_login(reader)
    text = client.get(page_of(contact)).content.decode()
    assert "Jane Doe" in text
    assert "Move stage" not in text
    assert move(client, contact, "recalculate").status_code == 403
    assert client.get(reverse("admin:contacts_contact_add")).status_code == 403


@pytest.mark.parametrize(
    "model", ["touchpoint", "stagechange", "warmnessdelta", "warmnesshistory", "consent"]
)
def test_logs_are_seen_and_never_added_to_by_hand(client, manager, sydney, model):
    seed(demo=False)
    contact = make_contact(sydney, intent="procedure")
    log(contact, "ad_click")
    services.adjust_warmness([services.WarmnessAdjustment(contact.pk, 5, "why", cause=CAUSE)])
    client.force_login(manager)
    assert client.get(reverse(f"admin:contacts_{model}_changelist")).status_code == 200
    assert client.get(reverse(f"admin:contacts_{model}_add")).status_code == 403
