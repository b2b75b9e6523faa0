from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts import services as account_services
from accounts.models import Location, User
from core.causes import Cause
from core.errors import Invalid
from core.models import Event
from messaging.models import Conversation
from tasks import handover, services
from tasks.models import Task
from tests.factories.contacts import make_contact
from tests.tasks.test_assignment import make_policy, make_worker
from tests.tasks.test_queue import make_task

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
CAUSE = Cause.system("test")

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(sydney: Location) -> User:
    return make_worker(sydney, "Ana")


def leave(pages: Any, user: User, to: User | None = None) -> None:
    """The admin presses "Has left"."""
    form = {"hand_over_to": to.pk if to else "", "_form_submitted": "on"}
    answer = pages("admin").post(f"/admin/accounts/user/{user.public_id}/leave/", form)
    assert answer.status_code == 302, answer.content.decode()[:2000]


def test_what_a_leaver_was_given_goes_to_whom_the_admin_chose(
    pages: Any, sydney: Location, staff: dict[str, User], ana: User, run_work: Any
) -> None:
    task = make_task(sydney, assigned_to=ana)
    done = make_task(sydney, assigned_to=ana, status="completed", completed_at=NOW)
    contact = make_contact(sydney, owner_id=ana.pk)
    talk = Conversation.objects.create(location=sydney, contact=contact, assigned_to=ana)
    leave(pages, ana, staff["manager"])
    run_work()
    for row in (task, done, contact, talk):
        row.refresh_from_db()
    assert task.assigned_to == staff["manager"]
    assert task.assignment_note == "Ana has left. Handed over to Morgan Manager."
    assert (contact.owner, talk.assigned_to) == (staff["manager"], staff["manager"])
    assert done.assigned_to == ana, "what was done stays theirs"
    told = Event.objects.filter(type="task_updated", contact_id=task.contact_id).get()
    assert told.cause == Cause.user(staff["admin"].pk)
    assert task.assignment_note in pages("manager").get("/admin/").content.decode()


def test_without_a_choice_the_clinic_gives_the_tasks_out_as_it_does(
    pages: Any, sydney: Location, staff: dict[str, User], ana: User, run_work: Any
) -> None:
    make_policy(sydney, "round_robin")
    tasks = [make_task(sydney, assigned_to=ana) for _ in range(4)]
    before = [task.pk for task in tasks]
    leave(pages, ana)
    run_work()
    given = Task.objects.filter(pk__in=before).values_list("assigned_to__email", flat=True)
    assert sorted(given) == sorted(["manager@demo.test", "staff@demo.test"] * 2)
    tasks[0].refresh_from_db()
    assert tasks[0].assignment_note.startswith("Ana has left. Given to ")


def test_a_clinic_that_gives_nothing_out_gets_the_tasks_back_for_everybody(
    pages: Any, sydney: Location, staff: dict[str, User], ana: User, run_work: Any
) -> None:
    task = make_task(sydney, assigned_to=ana)
    contact = make_contact(sydney, owner_id=ana.pk)
    talk = Conversation.objects.create(location=sydney, contact=contact, assigned_to=ana)
    leave(pages, ana)
    run_work()
    for row in (task, contact, talk):
        row.refresh_from_db()
    assert (task.assigned_to, contact.owner, talk.assigned_to) == (None, None, None)
    assert task.assignment_note == "Ana has left. Whoever comes first takes it."


def test_whoever_leaves_in_the_middle_of_a_call_leaves_it_to_be_begun_again(
    pages: Any, sydney: Location, staff: dict[str, User], ana: User, run_work: Any
) -> None:
    task = make_task(sydney)
    theirs = pages(ana)
    theirs.post(f"/admin/today/{task.public_id}/start/")
    task.refresh_from_db()
    assert (task.status, task.claimed_by) == ("in_progress", ana)
    leave(pages, ana)
    answer = theirs.post(f"/admin/today/{task.public_id}/complete/", {"outcome": "connected"})
    assert "/login/" in answer["Location"]
    run_work()
    task.refresh_from_db()
    assert (task.status, task.claimed_by, task.claimed_until) == ("todo", None, None)
    services.start_task(task.pk, user=staff["staff"])


def test_coming_back_takes_nothing_back(
    pages: Any, sydney: Location, staff: dict[str, User], ana: User, run_work: Any
) -> None:
    task = make_task(sydney, assigned_to=ana)
    leave(pages, ana, staff["manager"])
    run_work()
    account_services.update_user(user_id=ana.pk, fields={"is_active": True}, cause=CAUSE)
    run_work()
    task.refresh_from_db()
    assert task.assigned_to == staff["manager"]


def test_who_takes_over_gets_only_what_they_may_work_on(
    pages: Any, sydney: Location, outsider: User, ana: User, run_work: Any
) -> None:
    task = make_task(sydney, assigned_to=ana)
    contact = make_contact(sydney, owner_id=ana.pk)
    leave(pages, ana, outsider)
    run_work()
    task.refresh_from_db()
    contact.refresh_from_db()
    assert (task.assigned_to, contact.owner) == (None, None)


def test_nothing_can_be_handed_over_to_a_closed_account(sydney: Location, ana: User) -> None:
    gone = make_worker(sydney, "Gone")
    account_services.update_user(user_id=gone.pk, fields={"is_active": False}, cause=CAUSE)
    with pytest.raises(Invalid, match="still works here"):
        account_services.update_user(
            user_id=ana.pk, fields={"is_active": False}, hand_over_to=gone.pk, cause=CAUSE
        )
    ana.refresh_from_db()
    assert ana.is_active


def test_the_api_closes_an_account_and_hands_over(
    api: Any, sydney: Location, staff: dict[str, User], ana: User, run_work: Any
) -> None:
    task = make_task(sydney, assigned_to=ana)
    body = {"is_active": False, "hand_over_to": str(staff["staff"].public_id)}
    answer = api("admin").patch(f"/api/users/{ana.public_id}", body, format="json")
    assert answer.status_code == 200, answer.content
    run_work()
    task.refresh_from_db()
    assert task.assigned_to == staff["staff"]


def test_who_moves_to_another_clinic_leaves_their_tasks_behind(
    sydney: Location, melbourne: Location, ana: User
) -> None:
    task = make_task(sydney, assigned_to=ana)
    account_services.update_user(
        user_id=ana.pk, fields={}, memberships=[account_services.RoleAt("staff", melbourne.pk)], cause=CAUSE
    )
    assert (handover.tick(), handover.tick()) == (1, 0)
    task.refresh_from_db()
    assert (task.assigned_to, task.assignment_note) == (
        None,
        "Ana no longer works here. Whoever comes first takes it.",
    )


def test_a_task_given_in_the_moment_of_leaving_is_found_by_the_tick(sydney: Location, ana: User) -> None:
    account_services.update_user(user_id=ana.pk, fields={"is_active": False}, cause=CAUSE)
    late = make_task(sydney, assigned_to=ana)
    handover.tick()
    late.refresh_from_db()
    assert late.assigned_to is None


def test_many_tasks_are_handed_over_in_parts(
    sydney: Location, ana: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(handover, "BATCH", 4)
    for _ in range(9):
        make_task(sydney, assigned_to=ana)
    account_services.update_user(user_id=ana.pk, fields={"is_active": False}, cause=CAUSE)
    assert handover.tick() == 9
    assert not Task.objects.filter(assigned_to=ana).exists()
    with django_assert_max_num_queries(3):
        assert handover.tick() == 0


def test_a_big_hand_over_of_contacts_goes_on_until_all_have_gone(
    sydney: Location, ana: User, monkeypatch: pytest.MonkeyPatch, run_work: Any
) -> None:
    monkeypatch.setattr("contacts.handover.BATCH", 2)
    contacts = [make_contact(sydney, owner_id=ana.pk) for _ in range(5)]
    account_services.update_user(user_id=ana.pk, fields={"is_active": False}, cause=CAUSE)
    run_work()
    for contact in contacts:
        contact.refresh_from_db()
    assert {contact.owner_id for contact in contacts} == {None}
