"""Two contacts that are one person: merged through the API, with everything that hangs on them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from automation import seeds
from automation.models import RuleRun
from contacts import merging, services, warmness
from contacts.models import Contact, StageChange, Touchpoint
from core import events, work
from core.errors import Invalid
from core.models import Event, FieldChange, Work
from tasks.models import Task
from tests.factories.contacts import CAUSE, log, make_contact, make_member
from tests.merging.conftest import ONE, TWO, fresh
from tests.messaging.conftest import NOW


def rows() -> dict[str, int]:
    return {
        model._meta.label_lower: model._base_manager.count()
        for model in apps.get_models()
        if model._meta.managed and model._meta.app_label in
        ("contacts", "bookings", "tasks", "messaging", "automation")
    }  # fmt: skip


def test_every_row_that_points_at_a_contact_moves_or_is_known_to_stay() -> None:
    for model, field in merging.relations():
        held = [c for c in model._meta.constraints if field.name in getattr(c, "fields", ())]
        if held or field.unique:
            assert model._meta.label_lower in merging.movers, f"{model._meta.label} would break {held}"


@pytest.mark.parametrize("way", ["into", "from"])
def test_the_one_that_stays_has_what_both_had(ann, twin, merge, run_work, way: str) -> None:
    services.update_contact(
        contact_id=ann.pk, cause=CAUSE,
        fields={"tags": ["vip"], "notes": "Mornings.", "recall_due_date": date(2027, 3, 1)},
    )  # fmt: skip
    services.update_contact(
        contact_id=twin.pk, cause=CAUSE,
        fields={
            "tags": ["wix"], "notes": "Has a dog.", "recall_due_date": date(2027, 1, 1), "intent": "procedure",
            "is_high_risk": True, "language": "zh",
        },
    )  # fmt: skip
    answer = merge(twin, into=ann) if way == "into" else merge(ann, **{"from": twin})
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert shown["id"] == str(ann.public_id)
    assert (shown["name"], shown["phone"], shown["email"]) == ("Ann Lee", ONE, "ann@old.au")
    assert (shown["intent"], shown["is_high_risk"], shown["tags"]) == ("procedure", True, ["vip", "wix"])
    assert (shown["notes"], shown["recall_due_date"]) == ("Mornings.\n\nHas a dog.", "2027-01-01")
    away = fresh(twin)
    assert (away.merged_into_id, away.phone, away.email) == (ann.pk, TWO, "ann@new.au")
    assert shown["warmness_score"] == 40 == shown["warmness"]["score"]


def test_a_merge_is_told_once_with_ids_only_and_starts_no_rule(ann, twin, merge, run_work) -> None:
    run_work()
    before = Event.objects.latest("pk").pk
    merge(twin, into=ann)
    told = list(Event.objects.filter(pk__gt=before))
    assert [event.type for event in told] == ["contact_merged"]
    assert (told[0].contact_id, told[0].data["away"], told[0].cause_kind) == (ann.pk, twin.pk, "user")
    assert not [personal for personal in ("Lee", ONE, TWO, "ann@") if personal in str(told[0].data)]
    heard = set(Work.objects.filter(event_id=told[0].pk).values_list("handler", flat=True))
    assert heard == {"tasks.goals"}


def test_an_empty_phone_is_filled_and_the_household_follows(sydney, twin, merge) -> None:
    bare = make_contact(sydney, name="Ann Lee", phone="", email="ann@x.au")
    child = make_member(twin, name="Kim Wong")
    merge(twin, into=bare)
    keep = fresh(bare)
    assert (keep.phone, keep.guardian_id, fresh(twin).phone) == (TWO, None, "")
    assert (fresh(child).guardian_id, fresh(child).reach_phone) == (bare.pk, TWO)
    assert set(FieldChange.objects.filter(field="phone", new=TWO).values_list("contact_id", flat=True)) >= {
        bare.pk
    }


def test_a_member_takes_the_phone_of_the_guardian_it_is_merged_with(ann, merge) -> None:
    same, child = make_member(ann, name="Zoe Wong"), make_member(ann, name="Kim Lu")
    assert merge(ann, into=same).status_code == 200
    assert (fresh(same).phone, fresh(same).guardian_id) == (ONE, None)
    assert fresh(child).guardian_id == same.pk


def test_both_numbers_reach_the_one_that_stays_and_its_household(ann, twin, merge, sydney) -> None:
    child = make_member(twin, name="Kim Wong")
    merge(twin, into=ann)
    for number in (ONE, TWO):
        assert set(Contact.objects.live().reached_by(sydney, number)) == {ann, child}


@pytest.mark.parametrize(
    "came",
    [{"phone": TWO}, {"email": "ann@new.au"}, {"external": ("wix", "w-2")}, {"phone": ONE}, {"email": "ann@old.au"}],
)  # fmt: skip
def test_whoever_comes_by_what_either_was_known_by_is_the_one_that_stays(
    ann, twin, merge, sydney, came
) -> None:
    services.match_or_create(
        location=sydney, name=twin.name, phone=TWO, external=("wix", "w-2"), source="wix", cause=CAUSE
    )
    merge(twin, into=ann)
    for name in ("", "A. Lee-Wong", "Ann Lee"):
        if not name and "email" in came:
            continue
        found = services.match_or_create(location=sydney, name=name, source="wix", cause=CAUSE, **came)
        assert (found.contact, found.created, found.duplicate_suspect) == (ann, False, None)


def test_a_merge_of_merges_is_flat(ann, twin, merge, sydney) -> None:
    third = make_contact(sydney, name="Annie", email="annie@x.au")
    services.adjust_warmness([services.WarmnessAdjustment(third.pk, 7, "Asked twice", cause=CAUSE)])
    merge(third, into=twin)
    merge(twin, into=ann)
    assert fresh(third).merged_into_id == fresh(twin).merged_into_id == ann.pk
    found = services.match_or_create(
        location=sydney, name="Annie", phone=third.phone, source="sms", cause=CAUSE
    )
    assert found.contact == ann
    assert fresh(ann).warmness_score == 10 + 7


def test_warmness_counts_what_both_did_and_the_nightly_check_agrees(ann, twin, merge, sydney) -> None:
    log(twin, "resource_download")
    log(ann, "booking_link_click")
    services.adjust_warmness([services.WarmnessAdjustment(twin.pk, 5, "Asked twice", cause=CAUSE)])
    merge(twin, into=ann)
    assert fresh(ann).warmness_score == 10 + 15 + 10 + 5
    assert list(warmness.differences(sydney.pk)) == []


def test_the_earliest_first_touch_wins_and_the_timeline_tells_of_both(ann, twin, merge, client) -> None:
    late, early = NOW - timedelta(days=1), NOW - timedelta(days=9)
    log(ann, "form_submit", at=late, source="meta_form", is_attribution=True, update_last_touch=True)
    log(twin, "ad_click", at=early, source="google_ads", is_attribution=True, update_last_touch=True)
    Contact.objects.filter(pk=ann.pk).update(first_touch={"source": "meta_form", "at": late.isoformat()})
    Contact.objects.filter(pk=twin.pk).update(first_touch={"source": "google_ads", "at": early.isoformat()})
    merge(twin, into=ann)
    assert fresh(ann).first_touch["source"] == "google_ads"
    lines = client.get(f"/api/contacts/{ann.public_id}/timeline").json()["results"]
    assert {"ad_click", "form_submit", "contact_merged"} <= {line["type"] for line in lines}
    assert [line["text"] for line in lines].count("Began in Lead to booking: New lead") == 2


def test_the_stage_is_the_one_of_the_next_visit_by_lawful_moves(ann, twin, merge, book) -> None:
    services.move_stages([services.StageMove(ann.pk, "post_appointment", "attended", cause=CAUSE)])
    book(twin)
    for stage in ("booking_confirmed", "confirmed"):
        services.move_stages([services.StageMove(twin.pk, "pre_appointment", stage, cause=CAUSE)])
    before = StageChange.objects.filter(contact=ann).count()
    merge(twin, into=ann)
    keep = fresh(ann)
    assert (keep.current_pipeline, keep.current_stage) == ("pre_appointment", "confirmed")
    moves = list(StageChange.objects.filter(contact=ann).order_by("pk"))[before:]
    assert [row.to_stage for row in moves] == ["booking_confirmed", "confirmed"]
    assert {row.reason for row in moves} == {"merged"}
    assert keep.bookings.count() == 1


def test_without_a_visit_the_one_further_along_counts(ann, twin, merge) -> None:
    services.move_stages([services.StageMove(twin.pk, "lead_to_booking", "engaged", cause=CAUSE)])
    merge(twin, into=ann)
    assert fresh(ann).current_stage == "engaged"


def test_nothing_is_deleted(ann, twin, merge, book, run_work) -> None:
    make_member(twin, name="Kim Wong")
    for contact in (ann, twin):
        book(contact, at=NOW + timedelta(days=contact.pk % 50 + 2))
        log(contact, "form_submit")
    run_work()
    before = rows()
    merge(twin, into=ann)
    after = rows()
    grown = {label for label, count in after.items() if count > before[label]}
    assert all(after[label] >= count for label, count in before.items())
    written = {
        "contacts.contactmerge",
        "contacts.stagechange",
        "contacts.warmnesshistory",
        "automation.factchange",
    }
    assert grown <= written
    assert Touchpoint.objects.filter(contact=twin).count() == 0


def test_the_cost_does_not_grow_with_the_history(ann, twin, sydney, merge) -> None:
    def cost(keep: Contact, away: Contact) -> int:
        with CaptureQueriesContext(connection) as captured:
            services.merge_contacts(keep_id=keep.pk, away_id=away.pk, cause=CAUSE)
        return len(captured)

    def pair(count: int) -> tuple[Contact, Contact]:
        keep, away = make_contact(sydney, name="Old One"), make_contact(sydney, name="New One")
        for row in (keep, away):
            services.log_touchpoints([
                services.NewTouchpoint(row.pk, "form_submit", cause=CAUSE) for _ in range(count)
            ])  # fmt: skip
        return keep, away

    assert cost(*pair(1)) == cost(*pair(300))


def test_another_clinics_contact_and_an_unknown_one_are_not_there(ann, merge, stranger, client) -> None:
    theirs = make_contact(stranger.memberships.get().location, name="Far Away")
    assert merge(ann, into=theirs).status_code == 404
    assert merge(theirs, into=ann).status_code == 404
    with pytest.raises(Invalid, match="one clinic"):
        services.merge_contacts(keep_id=ann.pk, away_id=theirs.pk, cause=CAUSE)


@pytest.mark.parametrize("body", [{}, {"into": "x"}, {"into": None}, {"into": "a", "from": "b"}])
def test_a_body_that_names_nobody_is_told_what_it_lacks(ann, client, receptionist, body) -> None:
    client.force_login(receptionist)
    path = f"/api/contacts/{ann.public_id}/merge"
    answer = client.post(path, body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"]["into"]


def test_a_contact_is_not_merged_into_itself_nor_by_a_reader(ann, twin, merge, client, reader) -> None:
    assert merge(ann, into=ann).json()["error"]["code"] == "same_contact"
    client.force_login(reader)
    path = f"/api/contacts/{ann.public_id}/merge"
    body = {"into": str(twin.public_id)}
    assert client.post(path, body, content_type="application/json").status_code == 403


def test_the_merged_one_answers_with_the_one_that_stays(ann, twin, merge, client, stranger) -> None:
    merge(twin, into=ann)
    path = f"/api/contacts/{twin.public_id}"
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "code": "merged", "message": "This contact was merged into another one. Ask for that one.",
        "fields": {"merged_into": [str(ann.public_id)]},
    }  # fmt: skip
    assert merge(twin, into=ann).status_code == 409
    assert merge(ann, **{"from": twin}).json()["error"]["code"] == "merged"
    listed = client.get("/api/contacts").json()["results"]
    assert [row["id"] for row in listed] == [str(ann.public_id)]
    for q in (TWO, "Wong", "ann@new.au"):
        found = client.get("/api/contacts/search", {"q": q}).json()["results"]
        assert [row["id"] for row in found] == [str(ann.public_id)], q
    client.force_login(stranger)
    assert client.get(path).json()["error"]["code"] == "not_found"


def test_what_waited_for_the_merged_one_is_done_for_the_one_that_stays(
    ann, twin, merge, run_work, sydney
) -> None:
    run_work()
    lead = make_contact(sydney, name="Ann L", is_lead=True)
    waiting = Work.objects.filter(subject=f"contact:{lead.pk}", state="pending")
    assert waiting.filter(event_id__isnull=False).exists()
    merge(lead, into=ann)
    assert not waiting.exists()
    assert Work.objects.filter(subject=f"contact:{ann.pk}", handler="contacts.first_contact_due").exists()


def concurrently(*calls: Any) -> list[Any]:
    gate = Barrier(len(calls))

    def run(call: Any) -> Any:
        try:
            gate.wait(10)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_two_who_merge_at_once_in_both_directions_get_one_person_and_one_clear_conflict(
    ann, twin, receptionist
) -> None:
    def post(contact: Contact, into: Contact) -> Any:
        browser = Client()
        browser.force_login(receptionist)
        path = f"/api/contacts/{contact.public_id}/merge"
        return lambda: browser.post(path, {"into": str(into.public_id)}, content_type="application/json")

    answers = concurrently(post(ann, twin), post(twin, ann))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [lost] = [answer for answer in answers if answer.status_code == 409]
    assert lost.json()["error"]["code"] == "merged"
    assert Contact.objects.live().count() == 1


def test_nothing_new_is_made_for_the_id_that_was_merged_away(ann, twin, merge, client, receptionist) -> None:
    merge(twin, into=ann)
    body = {"contact_id": str(twin.public_id), "due_datetime": "2027-01-04T10:00:00+11:00"}
    refused = client.post("/api/tasks", body, content_type="application/json")
    assert refused.status_code == 422, refused.content
    assert "contact_id" in refused.json()["error"]["fields"]
    taken = client.post(
        "/api/tasks", body | {"contact_id": str(ann.public_id)}, content_type="application/json"
    )
    assert taken.status_code == 201


def test_work_that_was_claimed_before_a_merge_is_done_for_the_one_that_stays(
    ann, twin, merge, run_work, monkeypatch
) -> None:
    run_work()
    with transaction.atomic():
        events.record(
            events.get("reply_needed"), cause=CAUSE, location_id=twin.location_id, contact_id=twin.pk,
            data={"message": 0, "intent": "question", "reason": ""},
        )  # fmt: skip
    merged: list[bool] = []

    def then(point: str) -> None:
        if point == "work.claimed" and not merged:
            merged.append(True)
            assert merge(twin, into=ann).status_code == 200

    monkeypatch.setattr(work, "crashpoint", then)
    seeds.seed(demo=False)
    work.drain()
    assert merged
    run = RuleRun.objects.get(rule__trigger="reply_needed")
    assert (run.contact_id, run.state) == (ann.pk, "done")
    assert Task.objects.get(type="reply_needed").contact_id == ann.pk
