"""One text to many: looked at, confirmed once, queued in parts, stopped."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Location, Membership
from contacts import services as contact_services
from contacts.models import Contact
from core import work
from core.causes import Cause
from core.models import Event, Work
from integrations.models import SenderIdentity
from messaging import bulk, sending
from messaging.bulk import NewBulk
from messaging.models import BlockedNumber, BulkSend, Message
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact, make_member
from tests.messaging.conftest import RULE
from tests.messaging.test_pages import PRESSED

TEXT = "{clinic}: we are closed on Friday, {first_name}."


@pytest.fixture
def api(client):
    def call(user, method, path, data=None, **headers):
        client.force_login(user)
        return client.generic(
            method, f"/api/{path}", json.dumps(data) if data is not None else "", content_type="application/json",
            headers=headers,
        )  # fmt: skip

    return call


@pytest.fixture
def people(sydney):
    def make(count, **more):
        return [make_contact(sydney, name=f"Person{n} Test", **more) for n in range(count)]

    return make


@pytest.fixture
def drafted(api, receptionist):
    def make(contacts, **more):
        wish = {
            "contact_ids": [str(one.public_id) for one in contacts],
            "message": TEXT,
            "purpose": "service",
        }
        return api(receptionist, "POST", "sms/bulk", {**wish, **more})

    return make


def stop(location, contact, purposes=("service", "care", "marketing")):
    contact_services.set_consent(
        location_id=location.pk, address=contact.phone, channel="sms", purposes=purposes, state="withdrawn",
        basis="reply", cause=RULE,
    )  # fmt: skip


def send_all():
    work.drain()
    while sending.send_due():
        pass


def states():
    return sorted(Message.objects.values_list("status", "reason"))


def test_a_draft_says_who_gets_it_who_is_left_out_what_it_costs_and_how_it_reads(
    drafted, gateway, sydney, people
):
    some = people(4)
    stop(sydney, some[0])
    BlockedNumber.objects.create(location=sydney, address=some[1].phone, error_code="landline")
    some.append(make_contact(sydney, name="No Phone", phone="", email="n@example.com"))
    some.append(make_member(some[2], name="Kid Test"))
    SenderIdentity.objects.update(per_second=1)
    answer = drafted(some)
    seen = answer.json()["preview"]

    assert answer.status_code == 201
    assert (seen["people"], seen["going"]) == (6, 2)
    assert {row["reason"]: row["count"] for row in seen["left_out"]} == {
        "opted_out": 1, "blocked_number": 1, "no_number": 1, "same_number": 1,
    }  # fmt: skip
    assert all(row["why"].endswith(".") for row in seen["left_out"])
    assert seen["segments"] == [{"segments": 1, "count": 2}]
    assert (seen["cost_each"], seen["cost"], seen["seconds"], seen["held_back"]) == (8, 16, 2, 0)
    assert seen["sample"] == "Avatar Imaging Sydney: we are closed on Friday, Person2."
    assert not Message.objects.exists()


def test_nothing_is_sent_before_it_is_confirmed_and_then_once_to_each(
    drafted, api, gateway, receptionist, people
):
    draft = drafted(people(3)).json()
    send_all()
    assert gateway.texts == []
    for _ in range(2):
        confirmed = api(receptionist, "POST", f"sms/bulk/{draft['id']}/confirm")
        send_all()
    again = api(receptionist, "GET", f"sms/bulk/{draft['id']}").json()

    assert confirmed.status_code == 200
    assert len(gateway.texts) == len(set(gateway.texts)) == 3
    assert (again["progress"]["sent"], again["progress"]["left"], again["progress"]["cost"]) == (3, 0, 24)
    assert Event.objects.filter(type="bulk_confirmed").count() == 1


def test_a_part_that_is_run_again_queues_nobody_twice(drafted, gateway, people):
    drafted(people(3), confirm=True)
    part = Work.objects.get(handler=bulk.PART)
    work.drain()
    Work.objects.filter(pk=part.pk).update(state="pending", finished_at=None)
    work.drain()

    assert Message.objects.count() == 3


def test_a_repeated_request_with_its_key_is_one_send(api, gateway, receptionist, people):
    chosen = [str(one.public_id) for one in people(2)]
    wish = {"contact_ids": chosen, "message": TEXT, "purpose": "service", "confirm": True}
    first, second = (
        api(receptionist, "POST", "sms/bulk", wish, **{"Idempotency-Key": "one"}).json() for _ in range(2)
    )
    send_all()

    assert first["id"] == second["id"]
    assert len(gateway.texts) == 2


@pytest.mark.parametrize(
    "other", [{"message": "Something else {first_name}"}, {"purpose": "care"}, {"contact_ids": 1}]
)
def test_a_key_that_stood_for_another_send_is_refused(api, gateway, receptionist, people, other):
    chosen = [str(one.public_id) for one in people(2)]
    wish = {"contact_ids": chosen, "message": TEXT, "purpose": "service"}
    assert api(receptionist, "POST", "sms/bulk", wish, **{"Idempotency-Key": "one"}).status_code == 201
    changed = {"contact_ids": chosen[:1]} if "contact_ids" in other else other
    answer = api(receptionist, "POST", "sms/bulk", {**wish, **changed}, **{"Idempotency-Key": "one"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "key_reused")


def test_two_requests_with_one_key_at_once_make_one_draft(sydney, receptionist, people, monkeypatch):
    wanted = NewBulk(
        "contacts", contact_ids=[one.pk for one in people(2)], message=TEXT, purpose="service", key="k"
    )
    drafting = {
        "location": sydney,
        "user": receptionist,
        "wanted": wanted,
        "cause": Cause.user(receptionist.pk),
    }
    find, rivals = bulk.audiences.find, []

    def overtaken(*args, **more):
        monkeypatch.undo()
        rivals.append(bulk.draft(**drafting))
        return find(*args, **more)

    monkeypatch.setattr(bulk.audiences, "find", overtaken)
    assert [bulk.draft(**drafting)] == rivals


def test_a_key_used_at_another_clinic_is_another_send(sydney, receptionist, people):
    melbourne = Location.objects.create(name="Avatar Imaging Melbourne", code="melbourne")
    Membership.objects.create(user=receptionist, location=melbourne, role="manager")
    there = make_contact(melbourne, name="Mel Born")
    here, away = (
        bulk.draft(
            location=location, user=receptionist, cause=Cause.user(receptionist.pk),
            wanted=NewBulk("contacts", contact_ids=[one.pk], message=TEXT, purpose="service", key="k"),
        )
        for location, one in ((sydney, people(1)[0]), (melbourne, there))
    )  # fmt: skip
    assert (here.location, away.location) == (sydney, melbourne)


def test_a_stop_in_the_middle_of_a_send_counts_at_once(drafted, gateway, sydney, people):
    some = people(4)
    drafted(some, confirm=True)
    work.drain()
    gateway.before_answering = lambda sms: stop(sydney, some[2]) if len(gateway.sent) == 2 else None
    send_all()

    assert [sms.to for sms in gateway.sent] == [some[n].phone for n in (0, 1, 3)]
    assert states() == [("sent", ""), ("sent", ""), ("sent", ""), ("suppressed", "opted_out")]


def test_what_is_beyond_the_days_cost_is_held_and_goes_on_the_next_day(drafted, gateway, sydney, people, now):
    sydney.daily_sms_cap_cents = 16
    sydney.save()
    seen = drafted(people(4), confirm=False).json()["preview"]
    draft = BulkSend.objects.get()
    bulk.confirm(draft.pk, user=_user("staff"), cause=RULE.user(_user("staff").pk))
    send_all()
    held = states()
    now.advance(timedelta(minutes=20))
    _reconsider()
    still = states()
    now.advance(timedelta(hours=23))
    _reconsider()

    assert (seen["going"], seen["held_back"]) == (4, 2)
    assert held == still == [("held", "cap"), ("held", "cap"), ("sent", ""), ("sent", "")]
    assert states() == [("sent", "")] * 4


def _reconsider():
    from messaging import settling

    settling.reconsider_held()
    send_all()


def _user(role):
    from accounts.models import User

    return User.objects.get(memberships__role=role)


def test_a_person_may_send_what_the_cost_cap_held(drafted, desk_post, gateway, sydney, people):
    sydney.daily_sms_cap_cents = 8
    sydney.save()
    drafted(people(2), confirm=True)
    send_all()
    held = Message.objects.get(status="held")
    desk_post("messaging_message_send_now", held)
    send_all()

    assert states() == [("sent", ""), ("sent", "")]


@pytest.fixture
def desk_post(client, receptionist):
    def post(name, row):
        client.force_login(receptionist)
        return client.post(reverse(f"admin:{name}", args=(row.public_id,)), PRESSED)

    return post


def test_cancelling_in_the_middle_withdraws_the_rest_and_lists_what_went(
    drafted, api, gateway, receptionist, people, monkeypatch
):
    monkeypatch.setattr(bulk, "PART_SIZE", 2)
    draft = drafted(people(5), confirm=True).json()
    while Message.objects.count() < 4:
        work.drain(max_items=1)
    sending.send_due(limit=1)
    path = f"sms/bulk/{draft['id']}"
    for _ in range(2):
        cancelled = api(receptionist, "POST", f"{path}/cancel").json()
    send_all()

    assert len(gateway.texts) == 1
    assert states() == [("cancelled", "bulk_cancelled")] * 3 + [("sent", "")]
    assert (cancelled["state"], cancelled["progress"]["sent"]) == ("cancelled", 1)
    assert api(receptionist, "POST", f"{path}/confirm").json()["error"]["code"] == "cancelled"


def test_a_send_of_which_nothing_is_left_is_done_and_cannot_be_cancelled(
    drafted, api, gateway, receptionist, people
):
    draft = drafted(people(2), confirm=True).json()
    assert bulk.finish() == 0
    send_all()

    assert bulk.finish() == 1
    assert BulkSend.objects.get().state == "done"
    assert api(receptionist, "POST", f"sms/bulk/{draft['id']}/cancel").status_code == 409


def test_quiet_hours_hold_a_text_to_many_whatever_its_template_is_for(drafted, gateway, people, now):
    now.advance(timedelta(hours=10))  # 22:00 in Sydney
    drafted(people(2), message="", purpose="", template="welcome_lead", confirm=True)
    send_all()
    assert states() == [("scheduled", "quiet_hours")] * 2
    now.advance(timedelta(hours=10))
    send_all()

    assert len(gateway.texts) == 2


def test_consent_is_asked_of_everyone_by_the_purpose(drafted, gateway, sydney, people):
    some = people(3)
    contact_services.set_consent(
        location_id=sydney.pk, address=some[1].phone, channel="sms", purposes=["marketing"], state="granted",
        basis="form", cause=RULE,
    )  # fmt: skip
    text = "{clinic}: bring a friend. Reply STOP to opt out"
    drafted(some, message=text, purpose="marketing", confirm=True)
    send_all()

    assert [sms.to for sms in gateway.sent] == [some[1].phone]
    assert states() == [("sent", ""), ("suppressed", "no_consent"), ("suppressed", "no_consent")]


def test_who_lacks_a_value_is_left_out_without_a_task_for_each(drafted, gateway, sydney, people, book):
    some = people(2)
    book(some[0])
    wish = {"message": "{clinic}: see you {date}, {first_name}"}
    seen = drafted(some, **wish).json()["preview"]
    drafted(some, **wish, confirm=True)
    send_all()

    assert {row["reason"]: row["count"] for row in seen["left_out"]} == {"missing_value": 1}
    assert states() == [("sent", ""), ("skipped", "missing_value")]


def test_what_one_person_is_waiting_for_goes_before_what_many_get(drafted, gateway, anna, people):
    drafted(people(2), confirm=True)
    work.drain()
    queue_messages([NewMessage(anna.pk, "one", RULE, template="recall_reminder", purpose="service")])
    sending.send_due(limit=1)

    assert gateway.sent[0].to == anna.phone


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"message": ""}, "message"),
        ({"template": "welcome_lead"}, "message"),
        ({"message": "", "template": "welcome_lead", "purpose": "care"}, "purpose"),
        ({"purpose": ""}, "purpose"),
        ({"contact_ids": []}, "segment"),
        ({"message": "We are closed"}, "message"),
        ({"message": "{clinic}: news", "purpose": "marketing"}, "message"),
        ({"message": "{clinic}: reply YES to come"}, "message"),
        ({"message": "{clinic}: your biopsy is back"}, "message"),
        ({"message": "{clinic}: see bit.ly/x"}, "message"),
        ({"message": "", "template": "booking_confirmation", "purpose": ""}, "template"),
    ],
)
def test_a_wrong_wish_is_refused_with_the_field_and_drafts_nothing(drafted, gateway, people, wish, field):
    answer = drafted(people(1), **wish)

    assert answer.status_code == 422
    assert field in answer.json()["error"]["fields"]
    assert not BulkSend.objects.exists()


def test_people_of_another_clinic_are_never_reached(drafted, api, gateway, stranger, receptionist, people):
    elsewhere = make_contact(stranger.memberships.get().location, name="Mel")
    assert drafted([*people(1), elsewhere]).status_code == 422
    draft = drafted(people(1)).json()
    BulkSend.objects.update(contact_ids=[*Contact.objects.values_list("pk", flat=True)])
    api(receptionist, "POST", f"sms/bulk/{draft['id']}/confirm")
    send_all()

    assert elsewhere.phone not in {sms.to for sms in gateway.sent}
    assert len(gateway.sent) == 2


def test_who_may_only_read_sends_nothing_and_other_clinics_see_nothing(
    drafted, api, gateway, reader, stranger, people
):
    draft = drafted(people(1)).json()
    path = f"sms/bulk/{draft['id']}"

    assert api(reader, "POST", f"{path}/confirm").status_code == 403
    assert api(reader, "GET", path).status_code == 200
    assert api(stranger, "GET", path).status_code == 404
    assert api(stranger, "POST", f"{path}/confirm").status_code == 404
    assert api(stranger, "GET", "sms/bulk").json()["results"] == []
    assert BulkSend.objects.get().state == "draft"


def test_a_thousand_are_queued_in_parts_at_the_same_few_queries_each(drafted, gateway, sydney, receptionist):
    people = Contact.objects.bulk_create(
        Contact(location=sydney, name=f"Person{n}", phone=f"+6149{n:07d}", source="other")
        for n in range(1000)
    )
    drafted(people, confirm=True)
    parts = list(Work.objects.filter(handler=bulk.PART).order_by("id"))
    costs = []
    for _ in parts:
        with CaptureQueriesContext(connection) as queries:
            work.drain(max_items=1)
        costs.append(len(queries))

    assert len(parts) == 1000 / bulk.PART_SIZE
    assert Message.objects.filter(status="queued").count() == 1000
    assert max(costs) <= min(costs) + 1
    assert max(costs) < 50


def test_a_look_at_a_thousand_costs_what_a_look_at_ten_does(drafted, client, gateway, sydney, receptionist):
    def cost(start, count):
        people = Contact.objects.bulk_create(
            Contact(location=sydney, name=f"P{n}", phone=f"+6149{n:07d}", source="other")
            for n in range(start, start + count)
        )
        draft = drafted(people).json()
        client.force_login(receptionist)
        url = reverse("admin:messaging_bulksend_change", args=(draft["id"],))
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    few, many = cost(0, 10), cost(1000, 1000)
    assert many <= few <= 25


def test_the_desk_writes_looks_sends_and_cancels(client, gateway, sydney, receptionist, reader, people):
    some = people(2)
    client.force_login(receptionist)
    page = client.get(reverse("admin:messaging_bulk")).content.decode()
    refused = client.post(
        reverse("admin:messaging_bulk"), {"audience": "", "message": TEXT, "purpose": "service"}
    )
    draft = bulk.draft(
        location=sydney, user=receptionist, cause=RULE.user(receptionist.pk),
        wanted=bulk.NewBulk("contacts", contact_ids=[one.pk for one in some], message=TEXT, purpose="service"),
    )  # fmt: skip
    url = reverse("admin:messaging_bulksend_change", args=(draft.public_id,))
    looked = client.get(url).content.decode()
    client.post(reverse("admin:messaging_bulksend_confirm", args=(draft.public_id,)), PRESSED)
    send_all()
    watched = client.get(url).content.decode()

    assert "Nothing is sent yet" in page
    assert "There is no audience" in refused.content.decode()
    assert "see below" in refused.content.decode(), "the words stand beside the field"
    assert TEXT in refused.content.decode()
    for said in ("2 of 2 get it", "AUD 0.16 in all", "we are closed on Friday, Person0", "Send it"):
        assert said in looked
    assert "2 sent" in watched
    assert len(gateway.texts) == 2
    listed = f"{reverse('admin:messaging_message_changelist')}?bulk__public_id__exact={draft.public_id}"
    assert "Person1 Test" in client.get(listed).content.decode()
    client.force_login(reader)
    assert client.get(reverse("admin:messaging_bulk")).status_code == 403


def test_a_send_is_watched_in_the_bar_of_all_long_work_and_leads_to_its_result(
    client, drafted, gateway, receptionist, stranger, people, monkeypatch
):
    monkeypatch.setattr(bulk, "PART_SIZE", 2)
    some = people(4)
    opted_out = some[0]
    stop(opted_out.location, opted_out)
    drafted(some, confirm=True)
    row = BulkSend.objects.get()
    watch = reverse("admin:messaging_bulk_bar", args=(row.public_id,))
    page = reverse("admin:messaging_bulksend_change", args=(row.public_id,))
    done = reverse("admin:accounts_actions")
    client.force_login(receptionist)

    assert "0 of 4 sent, 4 still to go" in client.get(watch).content.decode()
    assert f'hx-get="{watch}"' in client.get(page).content.decode()
    assert f'href="{page}">Watch or stop it' in client.get(done).content.decode()
    while Message.objects.count() < 2:
        work.drain(max_items=1)
    sending.send_due(limit=1)
    assert "1 of 4 sent, 1 not sent, 2 still to go" in client.get(watch).content.decode()
    assert "HX-Refresh" not in client.get(watch)
    send_all()
    bulk.finish()
    ended = client.get(watch)
    assert "3 of 4 sent, 1 not sent" in ended.content.decode()
    assert ended["HX-Refresh"] == "true"
    listed = client.get(done).content.decode()
    assert "3 of 4 sent, 1 not sent" in listed
    assert "Watch or stop it" not in listed
    client.force_login(stranger)
    assert client.get(watch).status_code == 404
    assert row.label not in client.get(done).content.decode()


def test_what_was_done_costs_the_same_with_more_texts_to_many(client, drafted, gateway, receptionist, people):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("admin:accounts_actions")).status_code == 200
        return len(queries)

    client.force_login(receptionist)
    drafted(people(1), confirm=True)
    client.get(reverse("admin:accounts_actions"))
    few = cost()
    for _ in range(4):
        drafted(people(2), confirm=True)
    assert cost() <= few
