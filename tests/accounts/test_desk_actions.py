"""What a person did to chosen rows: done in parts, stopped, taken back, and never twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from accounts import desk_actions
from accounts.models import DeskAction, Location, User
from contacts import services
from contacts.models import Contact, StageChange
from core.causes import Cause
from core.errors import Conflict, Invalid, NotAllowed, NotFound
from core.machine import MoveRefused
from core.models import Event, Work

NOON = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
MOVE = "contacts.move_stage"
ENGAGED = {"pipeline": "lead_to_booking", "stage": "engaged"}

pytestmark = pytest.mark.django_db


def people(location: Location, count: int, stage: str = "new_lead") -> list[Contact]:
    return Contact.objects.bulk_create(
        [
            Contact(location=location, name=f"Person {n}", phone=f"+614915{70000 + n}", current_stage=stage)
            for n in range(count)
        ]
    )


def stages(contacts: list[Contact]) -> set[str]:
    rows = Contact.objects.filter(pk__in=[row.pk for row in contacts])
    return set(rows.values_list("current_stage", flat=True))


def move(location: Location, user: User, contacts: list[Contact], **more: Any) -> DeskAction:
    more.setdefault("parameters", ENGAGED)
    return desk_actions.start(MOVE, location=location, user=user, items=[row.pk for row in contacts], **more)


def test_few_rows_are_done_at_once_and_a_refusal_is_kept_with_its_reason(
    staff: dict[str, User], sydney: Location
) -> None:
    leads, booked = people(sydney, 3), Contact.objects.create(
        location=sydney, name="Booked", current_stage="booked"
    )  # fmt: skip
    action = move(sydney, staff["staff"], [*leads, booked])

    assert (action.state, action.total, action.done, action.refused) == ("done", 4, 3, 1)
    assert stages(leads) == {"engaged"}
    refused = action.items.get(outcome="refused")
    assert (refused.subject_id, "cannot go from" in refused.why) == (booked.pk, True)


def test_only_what_was_changed_is_undone_and_what_was_so_already_is_no_undo(
    staff: dict[str, User], sydney: Location
) -> None:
    there, lead = people(sydney, 2, stage="engaged"), Contact.objects.create(
        location=sydney, name="New", current_stage="new_lead"
    )  # fmt: skip
    nothing = move(sydney, staff["staff"], there)
    assert (nothing.done, nothing.changed) == (2, 0)
    assert desk_actions.why_not_undo(nothing, staff["staff"]) == "Nothing was changed."
    with pytest.raises(Conflict, match="Nothing was changed"):
        desk_actions.undo(nothing, user=staff["staff"])

    action = move(sydney, staff["staff"], [*there, lead])
    assert (action.done, action.changed) == (3, 1)
    undone = desk_actions.undo(action, user=staff["staff"])
    assert (undone.state, undone.undone) == ("undone", 1)
    assert stages([lead]) == {"new_lead"}


def test_undo_puts_each_row_back_as_it_was_since_when_it_was_so(
    staff: dict[str, User], sydney: Location, frozen_time: Any
) -> None:
    time = frozen_time(NOON)
    leads = people(sydney, 2)
    time.advance(timedelta(hours=3))
    action = move(sydney, staff["staff"], leads)
    told = Event.objects.filter(type="stage_moved").count()
    undone = desk_actions.undo(action, user=staff["manager"])

    assert (undone.state, undone.undone, undone.undone_by) == ("undone", 2, staff["manager"])
    assert stages(leads) == {"new_lead"}
    assert Contact.objects.get(pk=leads[0].pk).stage_entered_at == NOON
    assert Event.objects.filter(type="stage_moved").count() == told
    assert StageChange.objects.filter(contact=leads[0]).count() == 2


def test_undo_leaves_what_was_changed_since_and_says_so(staff: dict[str, User], sydney: Location) -> None:
    leads = people(sydney, 2)
    action = move(sydney, staff["staff"], leads)
    services.move_stage(
        services.StageMove(leads[0].pk, "lead_to_booking", "booked", cause=Cause.user(staff["manager"].pk))
    )
    undone = desk_actions.undo(action, user=staff["staff"])

    assert (undone.state, undone.undone) == ("undone_partly", 1)
    kept = undone.items.get(undone_at=None)
    assert (kept.subject_id, "changed since: stage" in kept.why_not_undone) == (leads[0].pk, True)
    assert stages(leads) == {"booked", "new_lead"}


def test_many_rows_are_done_in_parts_by_work_and_once_each(
    staff: dict[str, User], sydney: Location, run_work: Any
) -> None:
    leads = people(sydney, 230)
    action = move(sydney, staff["staff"], leads)
    assert (action.state, action.done) == ("running", 0)
    run_work()
    action.refresh_from_db()

    assert (action.state, action.done) == ("done", 230)
    assert Event.objects.filter(type="stage_moved").count() == 230
    assert Work.objects.filter(handler="accounts.desk_action").count() == 3
    desk_actions.undo(action, user=staff["staff"])
    run_work()
    assert stages(leads) == {"new_lead"}


def test_a_stopped_act_leaves_the_rest_and_what_is_done_can_be_undone(
    staff: dict[str, User], sydney: Location, run_work: Any
) -> None:
    leads = people(sydney, 120)
    action = move(sydney, staff["staff"], leads)
    desk_actions.go_on(list(Work.objects.filter(handler="accounts.desk_action")))
    desk_actions.cancel(action, user=staff["staff"])
    run_work()
    action.refresh_from_db()

    assert (action.state, action.done, action.items.filter(outcome="left").count()) == ("cancelled", 100, 20)
    assert desk_actions.undo(action, user=staff["staff"]).is_going
    run_work()
    assert stages(leads) == {"new_lead"}
    with pytest.raises(Conflict):
        desk_actions.undo(action, user=staff["staff"])


def test_a_row_that_breaks_fails_alone(
    staff: dict[str, User], sydney: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = people(sydney, 3)
    kind = desk_actions.kinds.get(MOVE)
    real = kind.run

    def breaking(doing: Any, ids: Any) -> Any:
        if leads[1].pk in ids:
            raise ZeroDivisionError
        return real(doing, ids)

    monkeypatch.setitem(desk_actions.kinds._items, MOVE, _with(kind, run=breaking))
    action = move(sydney, staff["staff"], leads)

    assert (action.done, action.refused) == (2, 1)
    assert action.items.get(outcome="failed").subject_id == leads[1].pk


def _with(kind: Any, **more: Any) -> Any:
    from dataclasses import replace

    return replace(kind, **more)


def test_one_act_that_is_refused_raises_and_leaves_nothing(staff: dict[str, User], sydney: Location) -> None:
    contact = people(sydney, 1, stage="booked")[0]
    with pytest.raises(MoveRefused):
        desk_actions.do_one(MOVE, location=sydney, user=staff["staff"], item=contact.pk, parameters=ENGAGED)
    lost = {"pipeline": "lead_to_booking", "stage": "dead_lost"}
    with pytest.raises(Invalid):
        desk_actions.do_one(MOVE, location=sydney, user=staff["staff"], item=contact.pk, parameters=lost)
    services.delete_contact(contact_id=contact.pk, cause=Cause.user(staff["manager"].pk))
    with pytest.raises(NotFound, match="no longer there"):
        desk_actions.do_one(MOVE, location=sydney, user=staff["staff"], item=contact.pk, parameters=lost)
    assert not DeskAction.objects.exists()


def test_who_may_not_act_can_neither_do_nor_undo(
    staff: dict[str, User], sydney: Location, melbourne: Location, outsider: User
) -> None:
    lead, far = people(sydney, 1)[0], Contact.objects.create(location=melbourne, name="Far")
    with pytest.raises(NotAllowed):
        move(sydney, staff["readonly"], [lead])
    with pytest.raises(NotFound):
        move(sydney, staff["staff"], [far])
    action = move(sydney, staff["staff"], [lead])
    for user in (staff["readonly"], outsider):
        with pytest.raises(NotAllowed):
            desk_actions.undo(action, user=user)


def test_after_thirty_days_nothing_is_undone(
    staff: dict[str, User], sydney: Location, frozen_time: Any
) -> None:
    time = frozen_time(NOON)
    action = move(sydney, staff["staff"], people(sydney, 1))
    time.advance(timedelta(days=31))
    with pytest.raises(Conflict, match="30 days"):
        desk_actions.undo(action, user=staff["staff"])


def test_the_pages_show_stop_and_undo_it(pages: Any, staff: dict[str, User], sydney: Location) -> None:
    leads = people(sydney, 2)
    action = move(sydney, staff["staff"], leads)
    client = pages("staff")

    assert (
        "Moved to Lead to booking: Engaged" in client.get(reverse("admin:accounts_actions")).content.decode()
    )
    shown = client.get(reverse("admin:accounts_action", args=[action.public_id])).content.decode()
    assert "Person 0" in shown
    assert "2 of 2 done" in shown
    address = reverse("admin:accounts_action_undo", args=[action.public_id])
    assert "Undo 2 rows" in client.get(address).content.decode()
    assert client.post(address).status_code == 302
    assert stages(leads) == {"new_lead"}


def test_the_toasts_undo_answers_in_words_and_tells_the_page(
    pages: Any, staff: dict[str, User], sydney: Location
) -> None:
    action = move(sydney, staff["staff"], people(sydney, 1))
    address = reverse("admin:accounts_action_undo", args=[action.public_id])
    assert pages("readonly").post(address).status_code == 403
    answer = pages("staff").post(address, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert '"undone"' in answer["HX-Trigger"]
    assert "Undone." in answer["HX-Trigger"]


def test_another_clinics_act_is_not_there(
    pages: Any, staff: dict[str, User], sydney: Location, outsider: User
) -> None:
    action = move(sydney, staff["staff"], people(sydney, 1))
    for name in ("accounts_action", "accounts_action_bar", "accounts_action_undo"):
        assert pages(outsider).get(reverse(f"admin:{name}", args=[action.public_id])).status_code == 404
    assert (
        pages(outsider).post(reverse("admin:accounts_action_cancel", args=[action.public_id])).status_code
        == 404
    )


def test_the_bar_refreshes_while_it_goes_on_and_then_asks_for_the_page(
    pages: Any, staff: dict[str, User], sydney: Location, run_work: Any
) -> None:
    action = move(sydney, staff["staff"], people(sydney, 60))
    address = reverse("admin:accounts_action_bar", args=[action.public_id])
    assert "every 1s" in pages("staff").get(address).content.decode()
    run_work()
    answer = pages("staff").get(address)
    assert answer["HX-Refresh"] == "true"
    assert "every 1s" not in answer.content.decode()
