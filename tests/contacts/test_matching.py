"""Who somebody is: the household rule, at the service every provider and form goes through."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from contacts import services
from contacts.models import Contact, ExternalIdentity, StageChange
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.models import Event, Work
from tests.factories.contacts import CAUSE, make_contact, make_member

PHONE = "+61412345678"


def come(location, name="Jane Doe", phone="0412 345 678", **more):
    return services.match_or_create(
        location=location, name=name, phone=phone, source=more.pop("source", "wix"), cause=CAUSE, **more
    )


def event_types(contact):
    return list(Event.objects.filter(contact_id=contact.pk).order_by("pk").values_list("type", flat=True))


def test_a_new_person_becomes_a_contact_with_first_touch_place_and_events(sydney, now):
    result = come(sydney, email="Jane@Example.com", intent="procedure")
    contact = Contact.objects.get()
    assert (result.created, result.revived, result.duplicate_suspect) == (True, False, None)
    assert (contact.phone, contact.email, contact.source) == (PHONE, "jane@example.com", "wix")
    assert contact.first_touch == contact.last_touch == {"source": "wix", "at": now.at.isoformat()}
    assert (contact.current_pipeline, contact.current_stage) == ("lead_to_booking", "new_lead")
    assert contact.warmness_score == 30
    assert event_types(contact) == ["contact_created"]
    assert StageChange.objects.get().to_stage == "new_lead"


def test_a_lead_is_told_of_and_looked_at_again_after_a_day(sydney, now):
    contact = come(sydney, is_lead=True).contact
    assert event_types(contact) == ["contact_created", "lead_created"]
    assert Event.objects.get(type="lead_created").data == {"source": "wix"}
    item = Work.objects.get(handler="contacts.first_contact_due")
    assert item.due_at == now.at + timedelta(hours=24)
    assert item.subject == f"contact:{contact.pk}"


@pytest.mark.parametrize("name", ["Jane Doe", "jane doe", "Dr. Jané Doe", "Jane", "J. Doe", "", "Doe Jane"])
def test_the_same_phone_with_an_agreeing_name_is_the_same_person(sydney, name):
    first = come(sydney).contact
    again = come(sydney, name=name, phone="+61 412 345 678")
    assert again.contact == first
    assert not again.created
    assert Contact.objects.count() == 1


def test_another_name_on_a_known_phone_is_a_new_member_of_the_household_and_staff_are_asked(sydney):
    owner = come(sydney).contact
    result = come(sydney, name="Peter Doe", email="peter@example.com")
    member = result.contact
    assert result.created
    assert result.duplicate_suspect == owner
    assert (member.guardian, member.phone, member.reach_phone) == (owner, "", PHONE)
    suspected = Event.objects.get(type="duplicate_suspected")
    assert (suspected.contact_id, suspected.data) == (member.pk, {"other": owner.pk})


def test_a_member_who_comes_again_is_found_behind_the_owner_of_the_phone(sydney):
    owner = come(sydney).contact
    member = make_member(owner, name="Peter Doe")
    assert come(sydney, name="Peter Doe").contact == member
    assert come(sydney, name="P. Doe").contact == member
    assert Contact.objects.count() == 2


def test_without_a_name_the_phone_means_its_owner(sydney):
    owner = come(sydney).contact
    make_member(owner, name="Peter Doe")
    assert come(sydney, name="").contact == owner


def test_an_owner_without_a_name_gets_the_first_name_that_comes(sydney):
    owner = come(sydney, name="").contact
    assert come(sydney, name="Jane Doe").contact == owner
    owner.refresh_from_db()
    assert owner.name == "Jane Doe"


def test_the_id_of_the_provider_says_who_it_is_whatever_the_name(sydney):
    first = come(sydney, external=("wix", "w-1")).contact
    assert come(sydney, name="Janet Smith", external=("wix", "w-1")).contact == first
    assert ExternalIdentity.objects.count() == 1


def test_a_known_person_with_a_new_number_keeps_one_contact(sydney):
    first = come(sydney, external=("wix", "w-1")).contact
    come(sydney, phone="0498 765 432", external=("wix", "w-1"))
    first.refresh_from_db()
    assert first.phone == "+61498765432"
    assert Contact.objects.count() == 1


def test_a_number_that_belongs_to_somebody_else_is_never_taken_over(sydney):
    known = come(sydney, external=("wix", "w-1")).contact
    other = make_contact(sydney, name="Ann Lee", phone="0498765432")
    result = come(sydney, phone="0498 765 432", external=("wix", "w-1"))
    known.refresh_from_db()
    assert (result.contact, result.duplicate_suspect, known.phone) == (known, other, PHONE)


def test_the_same_phone_in_another_location_is_another_contact(sydney, melbourne):
    assert come(sydney).contact != come(melbourne).contact


def test_by_email_alone_an_agreeing_name_is_the_same_person_and_another_one_is_asked_about(sydney):
    first = come(sydney, phone="", email="family@example.com").contact
    assert come(sydney, phone="", email="FAMILY@example.com").contact == first
    other = come(sydney, name="Peter Doe", phone="", email="family@example.com")
    assert other.created
    assert other.duplicate_suspect == first


def test_a_phone_fills_in_a_contact_known_by_email(sydney):
    first = come(sydney, phone="", email="jane@example.com").contact
    assert come(sydney, email="jane@example.com").contact == first
    first.refresh_from_db()
    assert first.phone == PHONE


def test_a_hidden_contact_whose_phone_returns_is_brought_back(sydney, now):
    contact = come(sydney, is_lead=True).contact
    services.delete_contact(contact_id=contact.pk, cause=CAUSE)
    now.advance(timedelta(days=30))
    result = come(sydney, is_lead=True)
    contact.refresh_from_db()
    assert (result.contact, result.created, result.revived) == (contact, False, True)
    assert contact.deleted_at is None
    assert contact.lead_at == now.at
    assert event_types(contact) == [
        "contact_created", "lead_created", "contact_deleted", "contact_revived", "lead_created",
    ]  # fmt: skip


def test_a_phone_that_cannot_be_read_is_kept_as_given_and_never_refused(sydney):
    contact = come(sydney, phone="12", email="nonsense").contact
    contact.refresh_from_db()
    assert (contact.phone, contact.email) == ("", "")
    assert contact.custom_fields == {"phone_as_given": "12", "email_as_given": "nonsense"}


def test_a_second_visit_moves_the_last_touch_and_never_the_first(sydney, now):
    come(sydney, touch=services.Touch("google_ads", campaign="spring", utm={"utm_medium": "cpc"}))
    now.advance(timedelta(days=1))
    contact = come(sydney, touch=services.Touch("referral")).contact
    contact.refresh_from_db()
    assert contact.first_touch["campaign"] == "spring"
    assert contact.first_touch["utm_medium"] == "cpc"
    assert contact.last_touch == {"source": "referral", "at": now.at.isoformat()}


def test_creating_by_hand_refuses_who_is_here_and_says_who(sydney):
    contact = come(sydney).contact
    with pytest.raises(Conflict) as refused:
        services.create_contact(location=sydney, fields={"name": "Jane", "phone": "0412345678"}, cause=CAUSE)
    assert refused.value.fields["id"] == [str(contact.public_id)]
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    "fields", [{}, {"name": "A", "phone": "12"}, {"name": "A", "email": "x"}, {"stage": "booked"}]
)
def test_creating_by_hand_refuses_what_cannot_be_right(sydney, fields):
    with pytest.raises(Invalid):
        services.create_contact(location=sydney, fields=fields, cause=CAUSE)
    assert not Contact.objects.exists()


def test_the_database_itself_refuses_a_second_owner_of_a_phone(sydney):
    come(sydney)
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.create(location=sydney, name="Other", phone=PHONE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"phone": "0412"},
        {"email": "A@B.C"},
        {"current_stage": "ready"},
        {"source": "moon"},
        {"warmness_score": 101},
    ],
)
def test_the_database_itself_refuses_values_that_must_never_be(sydney, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Contact.objects.create(location=sydney, name="Other", **wrong)


@pytest.mark.django_db(transaction=True)
def test_one_new_phone_from_many_sides_at_once_makes_one_contact(sydney):
    start, results, errors = threading.Barrier(6), [], []

    def arrive() -> None:
        try:
            start.wait()
            results.append(come(sydney, external=("wix", "w-1"), cause=None).contact.pk)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    def come(location, **more):
        return services.match_or_create(
            location=location, name="Jane Doe", phone=PHONE, source="wix", external=more["external"],
            cause=Cause.provider(1), is_lead=True,
        )  # fmt: skip

    threads = [threading.Thread(target=arrive) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(results)) == 1
    assert Contact.objects.count() == 1
    assert Event.objects.filter(type="lead_created").count() == 1


def test_names_and_numbers_stay_out_of_the_log(sydney):
    come(sydney, email="jane@example.com", is_lead=True)
    come(sydney, name="Peter Doe")
    text = str(list(Event.objects.values())) + str(list(Work.objects.values()))
    for personal in ("Jane", "Peter", "412345678", "example.com"):
        assert personal not in text


def test_matching_costs_the_same_whoever_comes(sydney, django_assert_max_num_queries):
    with django_assert_max_num_queries(24):
        come(sydney, email="jane@example.com", external=("wix", "w-1"), is_lead=True)
    for number in range(30):
        make_contact(sydney, name=f"Other {number}")
    with django_assert_max_num_queries(12):
        come(sydney, email="jane@example.com", external=("wix", "w-1"))


def test_a_number_reaches_its_owner_and_the_household_and_no_number_reaches_nobody(sydney, melbourne):
    owner = make_contact(sydney, name="Ana Silva", phone="+61412000001")
    child = services.match_or_create(
        location=sydney, name="Bo Meyer", phone="+61412000001", source="wix", cause=CAUSE
    ).contact
    make_contact(melbourne, name="Ana Silva", phone="+61412000001")
    make_contact(sydney, name="No Phone", phone="")

    assert set(Contact.objects.live().reached_by(sydney, "+61412000001")) == {owner, child}
    assert list(Contact.objects.live().reached_by(sydney, "")) == []
