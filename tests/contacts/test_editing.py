"""Changing contacts, hiding them, finding them, and what their addresses allow."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from contacts import selectors, services
from contacts.models import Consent, Contact
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.models import Event, FieldChange
from tests.factories.contacts import CAUSE, log, make_contact, make_member

PERSON = Cause.user(1)


def update(contact, **fields):
    return services.update_contact(contact_id=contact.pk, fields=fields, cause=PERSON)


def test_a_change_is_told_by_field_name_and_personal_values_are_kept_apart(sydney):
    contact = make_contact(sydney, name="Jane Doe")
    update(contact, name="Jane Roe", is_high_risk=True, notes="Allergic to iodine", language="en")
    event = Event.objects.get(type="contact_updated")
    assert event.data == {"fields": ["is_high_risk", "language", "name", "notes"]}
    assert (event.cause_kind, event.source) == ("user", "user")
    change = FieldChange.objects.get()
    assert (change.field, change.old, change.new, change.event_id) == (
        "name",
        "Jane Doe",
        "Jane Roe",
        event.pk,
    )


def test_a_change_that_changes_nothing_is_not_told(sydney):
    contact = make_contact(sydney, name="Jane Doe")
    update(contact, name=" Jane  Doe ", tags=[])
    assert not Event.objects.filter(type="contact_updated").exists()


def test_saving_a_contact_anywhere_is_told_too(sydney):
    contact = make_contact(sydney)
    contact.refresh_from_db()
    contact.is_high_risk = True
    contact.save(cause=PERSON)
    assert Event.objects.get(type="contact_updated").data == {"fields": ["is_high_risk"]}


def test_notes_and_custom_fields_are_unreadable_in_the_database(sydney):
    contact = make_contact(sydney, notes="Allergic to iodine", custom_fields={"gp": "Dr Who"})
    stored = Contact.objects.filter(pk=contact.pk).extra(
        select={"n": "notes", "c": "custom_fields"}
    ).values_list("n", "c")[0]  # fmt: skip
    assert "iodine" not in stored[0]
    assert "Who" not in stored[1]
    contact.refresh_from_db()
    assert (contact.notes, contact.custom_fields) == ("Allergic to iodine", {"gp": "Dr Who"})


@pytest.mark.parametrize(
    "fields",
    [
        {"current_stage": "booked"},
        {"warmness_score": 5},
        {"source": "moon"},
        {"email": "x"},
        {"phone": "12"},
        {"recall_due_date": "soon"},
        {"tags": ["x" * 41]},
    ],
)
def test_what_may_not_be_set_is_refused_and_changes_nothing(sydney, fields):
    contact = make_contact(sydney)
    before = Contact.objects.values().get()
    with pytest.raises(Invalid):
        update(contact, name="Other", **fields)
    assert Contact.objects.values().get() == before


def test_a_phone_of_somebody_else_is_refused(sydney):
    make_contact(sydney, name="Ann", phone="0412345678")
    other = make_contact(sydney, name="Bob")
    with pytest.raises(Conflict) as refused:
        update(other, phone="0412 345 678")
    assert refused.value.code == "phone_taken"


def test_the_phone_others_are_reached_on_cannot_be_taken_away(sydney):
    owner = make_contact(sydney, phone="0412345678")
    make_member(owner, name="Peter Doe")
    with pytest.raises(Invalid, match="household"):
        update(owner, phone="")


def test_a_member_with_a_phone_of_their_own_leaves_the_guardian(sydney):
    member = make_member(make_contact(sydney), name="Peter Doe")
    update(member, phone="0498 765 432")
    member = Contact.objects.get(pk=member.pk)
    assert (member.guardian, member.phone) == (None, "+61498765432")


def test_tags_are_added_and_removed_as_sets(sydney):
    contact = make_contact(sydney, tags=["b"])
    services.tag_contacts([services.TagChange(contact.pk, add=("c", "a", "a"), remove=("b",), cause=CAUSE)])
    contact.refresh_from_db()
    assert contact.tags == ["a", "c"]


def test_hiding_is_told_keeps_the_phone_and_can_be_undone(sydney):
    contact = make_contact(sydney, phone="0412345678")
    for _ in range(2):
        services.delete_contact(contact_id=contact.pk, cause=PERSON)
    assert Event.objects.filter(type="contact_deleted").count() == 1
    assert not Contact.objects.live().exists()
    services.undo_delete(contact_id=contact.pk, cause=PERSON)
    assert Contact.objects.live().get().phone == "+61412345678"


def test_an_opt_out_covers_everyone_on_the_number_and_outlives_the_contact(sydney, melbourne):
    owner = make_contact(sydney, phone="0412345678")
    member = make_member(owner, name="Peter Doe")
    elsewhere = make_contact(melbourne, phone="0412345678")
    opt(owner, "withdrawn")
    services.delete_contact(contact_id=owner.pk, cause=CAUSE)
    shown = selectors.extras([owner, member, elsewhere])
    assert shown[owner.pk].consent["sms"] == dict.fromkeys(("service", "care", "marketing"), "withdrawn")
    assert shown[member.pk].consent == shown[owner.pk].consent
    assert shown[elsewhere.pk].consent["sms"]["service"] == "implied"


def opt(contact, state, purposes=("service", "care", "marketing")):
    return services.set_consent(
        location_id=contact.location_id,
        address=contact.reach_phone,
        channel="sms",
        purposes=purposes,
        state=state,
        basis="reply",
        wording="STOP",
        source="sms",
        cause=CAUSE,
        contact_id=contact.pk,
    )


def test_only_a_grant_lifts_a_withdrawal_and_every_change_is_kept(sydney, now):
    contact = make_contact(sydney)
    opt(contact, "withdrawn")
    assert opt(contact, "withdrawn") == []
    assert opt(contact, "implied") == []
    now.advance(timedelta(days=1))
    assert len(opt(contact, "granted", ("service",))) == 1
    states = services.consent_for(sydney.pk, [contact.phone])[contact.phone]
    assert states == {
        ("sms", "service"): "granted",
        ("sms", "care"): "withdrawn",
        ("sms", "marketing"): "withdrawn",
    }
    assert Consent.objects.filter(superseded_at=now.at).count() == 1
    told = Event.objects.filter(type="consent_changed").order_by("pk").values_list("data", flat=True)
    assert told[1] == {"channel": "sms", "purposes": ["service"], "state": "granted"}


def test_an_expired_consent_counts_for_nothing(sydney, now):
    contact = make_contact(sydney)
    opt(contact, "granted", ("marketing",))
    Consent.objects.update(expires_at=now.at + timedelta(days=1))
    now.advance(timedelta(days=2))
    assert services.consent_for(sydney.pk, [contact.phone]) == {contact.phone: {}}


def test_consent_without_an_address_is_refused(sydney):
    with pytest.raises(Invalid, match="consent"):
        opt(make_contact(sydney, phone="", email="jane@example.com"), "granted")


@pytest.mark.parametrize(
    "text",
    ["jane", "Jan", "DOE", "jane doe", "Doe, Jane", "0412 345 678", "+61 412-345-678", "345678", "5 678",
     "jane@example.com", "jane@exa", "Jané"],
)  # fmt: skip
def test_a_contact_is_found_by_what_people_type(sydney, text):
    contact = make_contact(sydney, name="Jané Doe", phone="0412345678", email="jane@example.com")
    make_contact(sydney, name="Bob Lee", phone="0498111222", email="bob@example.com")
    assert list(find(text, sydney)) == [contact]


@pytest.mark.parametrize("text", ["", "  ", "zz", "na", "12", "%", "_na", "jane bob", "0412345679"])
def test_nothing_is_found_by_anything_else(sydney, text):
    make_contact(sydney, name="Jane Doe", phone="0412345678")
    assert list(find(text, sydney)) == []


def find(text, *locations):
    return selectors.find(Contact.objects.live(), text, locations=list(locations))


def test_search_follows_changes_finds_households_and_stays_within_locations(sydney, melbourne):
    owner = make_contact(sydney, name="Jane Doe", phone="0412345678")
    member = make_member(owner, name="Peter Doe")
    make_contact(melbourne, name="Jane Doe", phone="0412345678")
    update(owner, name="Janet Roe")
    assert list(find("jane doe", sydney)) == []
    assert list(find("roe", sydney)) == [owner]
    assert set(find("0412345678", sydney)) == {owner, member}


def test_an_exact_name_comes_before_a_longer_one(sydney):
    longer = make_contact(sydney, name="Annabel Lee", intent="procedure", source="referral")
    exact = make_contact(sydney, name="Ann Lee")
    assert list(find("ann", sydney)) == [exact, longer]


def test_the_timeline_is_newest_first_and_comes_in_parts(sydney, now):
    contact = make_contact(sydney)
    for number in range(7):
        now.advance(timedelta(minutes=number % 2))
        log(contact, "ad_click", details={"n": number})
    opt(contact, "withdrawn", ("marketing",))
    services.adjust_warmness([services.WarmnessAdjustment(contact.pk, 5, "why", cause=CAUSE)])
    whole = selectors.timeline(contact, limit=50)
    assert [line.kind for line in whole].count("touchpoint") == 7
    assert {line.kind for line in whole} == {"touchpoint", "stage", "warmness", "consent"}
    assert [line.at for line in whole] == sorted((line.at for line in whole), reverse=True)
    parts, cursor = [], ""
    while part := selectors.timeline(contact, limit=3, before=cursor):
        parts += part
        cursor = part[-1].cursor
    assert parts == whole


def test_changing_a_set_costs_the_same_however_long_it_is(sydney, queries):
    def run(size):
        ids = [make_contact(sydney, name=f"P {n}").pk for n in range(size)]
        fields = {"name": "Quinn", "intent": "procedure"}
        updates = [services.ContactUpdate(pk, fields, cause=CAUSE) for pk in ids]
        dates = [services.RecallDate(pk, date(2027, 1, 1), cause=CAUSE) for pk in ids]
        tags = [services.TagChange(pk, add=("vip",), cause=CAUSE) for pk in ids]
        cost = (
            queries(lambda: services.update_contacts(updates)),
            queries(lambda: services.set_recall_date(dates)),
            queries(lambda: services.tag_contacts(tags)),
        )
        changed = Contact.objects.filter(pk__in=ids, tags=["vip"], recall_due_date=date(2027, 1, 1))
        assert changed.filter(name="Quinn", warmness_score=30).count() == size
        return cost

    assert run(2) == run(25)
    assert max(run(2)) <= 15
