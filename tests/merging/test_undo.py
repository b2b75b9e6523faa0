"""Two contacts that were made one by mistake are two again, each with its own (B10: undo restores)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contacts import services, warmness
from contacts.merge_models import ContactMerge
from contacts.models import Consent, Contact, StageChange
from core.models import AuditEntry, Event, FieldChange, Work
from messaging.models import Conversation, Message
from tasks import services as tasks
from tasks.models import Task
from tests.factories.contacts import CAUSE, log, make_contact, make_member
from tests.merging.conftest import ONE, TWO, fresh
from tests.merging.test_what_hangs_on_contacts import ask, queue
from tests.messaging.conftest import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def undo(client, receptionist) -> Any:
    """Undo through the API as the receptionist."""

    def post(contact: Contact) -> Any:
        client.force_login(receptionist)
        return client.post(f"/api/contacts/{contact.public_id}/unmerge", content_type="application/json")

    return post


def test_each_has_its_own_again(ann, twin, merge, undo, now) -> None:
    log(ann, "form_submit")
    theirs = log(twin, "form_submit")
    now.advance(HOUR)
    merge(twin, into=ann)
    now.advance(HOUR)
    since = log(fresh(ann), "form_submit")
    answer = undo(twin)
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert (shown["contact"]["id"], shown["survivor"]["id"]) == (str(twin.public_id), str(ann.public_id))
    assert (shown["moved"]["contacts.touchpoint"], shown["kept"]) == (1, [])
    assert shown["stayed"] == {"contacts.touchpoint": [str(since.public_id)]}
    assert fresh(theirs).contact_id == twin.pk
    assert fresh(since).contact_id == ann.pk
    assert set(Contact.objects.live()) == {ann, twin}
    assert list(warmness.differences(ann.location_id)) == []


def test_values_come_back_unless_somebody_changed_them_since(ann, twin, merge, undo) -> None:
    for contact, note in ((ann, "Mornings."), (twin, "Has a dog.")):
        services.update_contact(
            contact_id=contact.pk, fields={"notes": note, "tags": [note[0]], "language": ""}, cause=CAUSE
        )
    services.update_contact(contact_id=twin.pk, fields={"language": "zh", "intent": "procedure"}, cause=CAUSE)
    merge(twin, into=ann)
    services.update_contact(contact_id=ann.pk, fields={"tags": ["vip"]}, cause=CAUSE)
    answer = undo(twin)
    keep, away = fresh(ann), fresh(twin)
    assert answer.json()["kept"] == ["tags"]
    assert (keep.notes, keep.language, keep.intent, keep.tags) == ("Mornings.", "", "", ["vip"])
    assert (away.notes, away.language, away.intent, away.tags) == ("Has a dog.", "zh", "procedure", ["H"])


def test_the_phone_goes_back_and_the_household_with_it(sydney, twin, merge, undo) -> None:
    bare = make_contact(sydney, name="Ann Lee", phone="", email="ann@x.au")
    child = make_member(twin, name="Kim Wong")
    merge(twin, into=bare)
    late = make_member(fresh(bare), name="Zoe Wong")
    assert undo(twin).status_code == 200
    assert (fresh(bare).phone, fresh(twin).phone) == ("", TWO)
    assert fresh(child).guardian_id == fresh(late).guardian_id == twin.pk
    assert FieldChange.objects.filter(contact_id=bare.pk, field="phone", old=TWO, new="").exists()


def test_a_member_of_the_household_is_one_again(ann, merge, undo) -> None:
    same, child = make_member(ann, name="Zoe Wong"), make_member(ann, name="Kim Lu")
    merge(ann, into=same)
    undo(ann)
    assert (fresh(ann).phone, fresh(same).phone) == (ONE, "")
    assert fresh(same).guardian_id == fresh(child).guardian_id == ann.pk


def test_a_phone_somebody_else_has_since_is_not_taken_away(sydney, twin, merge, undo) -> None:
    bare = make_contact(sydney, name="Ann Lee", phone="", email="ann@x.au")
    merge(twin, into=bare)
    services.update_contact(contact_id=bare.pk, fields={"phone": ONE}, cause=CAUSE)
    other = make_contact(sydney, name="Bo Chen", phone=TWO)
    assert undo(twin).json()["kept"] == ["phone", "phone_of_other"]
    assert (fresh(bare).phone, fresh(twin).phone, fresh(other).phone) == (ONE, "", TWO)


def test_the_stage_goes_back_and_was_entered_when_it_was(ann, twin, merge, undo, now) -> None:
    entered = fresh(ann).stage_entered_at
    services.move_stages([services.StageMove(twin.pk, "lead_to_booking", "engaged", cause=CAUSE)])
    now.advance(DAY)
    merge(twin, into=ann)
    undo(twin)
    keep = fresh(ann)
    assert (keep.current_stage, keep.stage_entered_at) == ("new_lead", entered)
    assert fresh(twin).current_stage == "engaged"
    assert StageChange.objects.filter(contact=ann).latest("pk").reason == "unmerged"


def test_an_undo_is_told_to_both_audited_and_starts_no_rule(ann, twin, merge, undo, run_work) -> None:
    merge(twin, into=ann)
    run_work()
    last = Event.objects.latest("pk").pk
    undo(twin)
    told = Event.objects.filter(pk__gt=last)
    assert {(event.type, event.contact_id) for event in told} == {
        ("contact_unmerged", ann.pk), ("contact_unmerged", twin.pk),
    }  # fmt: skip
    assert not [personal for personal in ("Lee", ONE, TWO, "ann@") if personal in str([e.data for e in told])]
    assert not Work.objects.filter(event_id__gt=last).exists()
    entry = AuditEntry.objects.latest("pk")
    assert {str(ann.public_id), str(twin.public_id)} <= set(entry.object_ids)
    [record] = ContactMerge.objects.all()
    assert (record.undone_at is not None, record.undone_by_kind, record.cause_kind) == (True, "user", "user")


def test_the_last_merge_is_undone_first(ann, twin, merge, undo, sydney) -> None:
    third = make_contact(sydney, name="Annie", email="annie@x.au")
    other = make_contact(sydney, name="Bo", email="bo@x.au")
    merge(third, into=twin)
    merge(twin, into=ann)
    merge(other, into=ann)
    for refused, first in ((third, twin), (twin, other)):
        answer = undo(refused)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "undo_order")
        assert answer.json()["error"]["fields"]["first"] == [str(first.public_id)]
    for contact in (other, twin, third):
        assert undo(contact).status_code == 200
    assert set(Contact.objects.live()) == {ann, twin, third, other}
    assert undo(third).json()["error"]["code"] == "not_merged"


def test_a_merge_of_merges_gives_its_own_back(ann, twin, merge, undo, sydney) -> None:
    third = make_contact(sydney, name="Annie", email="annie@x.au")
    merge(third, into=twin)
    merge(twin, into=ann)
    undo(twin)
    assert fresh(third).merged_into_id == twin.pk


def test_a_merge_from_before_records_is_refused(ann, twin, merge, undo) -> None:
    merge(twin, into=ann)
    ContactMerge.objects.all().delete()
    answer = undo(twin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_record")
    assert fresh(twin).merged_into_id == ann.pk


def test_readers_and_other_clinics_undo_nothing(ann, twin, merge, client, reader, stranger) -> None:
    merge(twin, into=ann)
    for user in (reader, stranger):
        client.force_login(user)
        path = f"/api/contacts/{twin.public_id}/unmerge"
        assert client.post(path, content_type="application/json").status_code == 404
    assert fresh(twin).merged_into_id == ann.pk


@pytest.mark.parametrize("stopped", [ONE, TWO])
@pytest.mark.parametrize("when", ["before", "while"])
def test_an_opt_out_never_vanishes(ann, twin, merge, undo, text, stopped, when) -> None:
    if when == "before":
        text("STOP", from_=stopped)
    merge(twin, into=ann)
    if when == "while":
        text("STOP", from_=stopped)
    undo(twin)
    standing = Consent.objects.filter(superseded_at__isnull=True, channel="sms")
    assert set(standing.filter(state="withdrawn", purpose="marketing").values_list("address", flat=True)) == {
        ONE,
        TWO,
    }


def test_a_visit_takes_its_reminder_along_and_there_is_no_second_one(
    ann, twin, merge, undo, book, gateway, run_work, now
) -> None:
    visit = book(twin, at=NOW + timedelta(days=2))
    merge(twin, into=ann)
    now.advance(HOUR)
    later = queue(fresh(ann), "reminder_24hr", "r:1", booking_id=visit.pk, send_at=NOW + DAY)
    task = ask(fresh(ann), "confirmation_call", booking_id=visit.pk)
    assert (fresh(later).status, fresh(later).address, fresh(later).reason) == ("scheduled", ONE, "")
    undo(twin)
    later = fresh(later)
    assert (fresh(visit).contact, later.contact, fresh(task).contact) == (twin, twin, twin)
    assert (later.address, later.conversation.contact) == (TWO, twin)
    queue(fresh(twin), "reminder_24hr", "r:1", booking_id=visit.pk, send_at=NOW + DAY)
    now.advance(DAY + HOUR)
    run_work()
    assert [sms.to for sms in gateway.sent] == [TWO]


def test_conversations_part_again(ann, twin, merge, undo, text) -> None:
    text("Hello", from_=ONE)
    text("Are you open?", from_=TWO)
    merge(twin, into=ann)
    text("Me again", from_=TWO)
    undo(twin)
    said = {
        row.contact: set(row.messages.filter(direction="inbound").values_list("body", flat=True))
        for row in Conversation.objects.all()
    }
    assert said == {ann: {"Hello", "Me again"}, twin: {"Are you open?"}}


def test_a_conversation_only_the_other_had_goes_back_without_what_came_since(
    ann, twin, merge, undo, text
) -> None:
    text("Hello", from_=TWO)
    theirs = Conversation.objects.get()
    merge(twin, into=ann)
    text("Me again", from_=ONE)
    undo(twin)
    assert fresh(theirs).contact == twin
    mine = Conversation.objects.get(contact=ann)
    assert [m.body for m in mine.messages.filter(direction="inbound")] == ["Me again"]
    assert not Message.objects.exclude(contact=ann).filter(conversation=mine).exists()


def test_twin_tasks_are_two_again(ann, twin, merge, undo, receptionist) -> None:
    mine = ask(ann, "call", notes="Asked for Tuesday.")
    theirs = ask(twin, "call", notes="Prefers calls.", due_at=NOW + HOUR)
    merge(twin, into=ann)
    assert fresh(theirs).status == "cancelled"
    undo(twin)
    for task, contact, notes in ((mine, ann, "Asked for Tuesday."), (theirs, twin, "Prefers calls.")):
        task = fresh(task)
        assert (task.contact, task.status, task.notes) == (contact, "todo", notes)


def test_a_task_done_since_stays_done_and_is_listed(ann, twin, merge, undo) -> None:
    mine = ask(ann, "call", notes="Asked for Tuesday.")
    ask(twin, "call", notes="Prefers calls.", due_at=NOW + HOUR)
    merge(twin, into=ann)
    tasks.update_task(mine.pk, cause=CAUSE, notes="Called, no answer.")
    assert undo(twin).json()["kept"] == ["tasks.task"]
    assert fresh(mine).notes == "Called, no answer."
    assert Task.objects.get(contact=twin, type="call").status == "todo"


def test_what_waited_for_the_other_waits_for_it_again(ann, merge, undo, sydney, run_work) -> None:
    run_work()
    lead = make_contact(sydney, name="Ann L", is_lead=True)
    merge(lead, into=ann)
    undo(lead)
    heard = Event.objects.filter(type="contact_merged").values("pk")
    waiting = Work.objects.filter(state="pending").exclude(event_id__in=heard)
    assert set(waiting.values_list("subject", flat=True)) == {f"contact:{lead.pk}"}


def test_the_timeline_of_both_tells_of_it(ann, twin, merge, undo, client) -> None:
    merge(twin, into=ann)
    undo(twin)
    for contact in (ann, twin):
        lines = client.get(f"/api/contacts/{contact.public_id}/timeline").json()["results"]
        assert "A merge was undone" in [line["text"] for line in lines]
