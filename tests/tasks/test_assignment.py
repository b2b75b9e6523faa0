from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import services as account_services
from accounts.models import Location, Membership, PermissionOverride, User
from core.causes import Cause
from core.errors import Invalid
from tasks import services
from tasks.models import AssignmentPolicy, Task, TaskSkill
from tasks.services import AssignBy, AssignWish, choose_assignees
from tests.factories.contacts import make_contact

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
CAUSE = Cause.system("test")


def make_worker(location: Location, name: str, *skills: str, role: str = "staff") -> User:
    user = User.objects.create_user(
        f"{name.lower()}@demo.test", name=name, default_location=location, skills=list(skills)
    )
    Membership.objects.create(user=user, location=location, role=role)
    return user


def make_policy(location: Location, how: str, **skills: str) -> AssignmentPolicy:
    policy = AssignmentPolicy.objects.create(location=location, how=how)
    for task_type, skill in skills.items():
        TaskSkill.objects.create(policy=policy, task_type=task_type, skill=skill)
    return policy


def new(contact: Any, type: str = "call", **more: Any) -> Task:
    wish = services.NewTask(contact_id=contact.pk, type=type, due_at=NOW, cause=CAUSE, **more)
    return services.create_tasks([wish])[0].task


@pytest.mark.django_db
def test_nobody_is_given_a_task_unless_the_location_says_so(sydney: Location) -> None:
    task = new(make_contact(sydney))
    assert (task.assigned_to_id, task.assignment_note) == (None, "")


@pytest.mark.django_db
def test_only_the_active_who_may_work_there_are_chosen(
    sydney: Location, melbourne: Location, staff: dict[str, User], outsider: User
) -> None:
    gone = make_worker(sydney, "Gone")
    account_services.update_user(user_id=gone.pk, fields={"is_active": False}, cause=CAUSE)
    barred = make_worker(sydney, "Barred")
    PermissionOverride.objects.create(user=barred, resource="tasks", action="update", allow=False)
    chosen = choose_assignees([AssignWish(sydney.pk, "round_robin")] * 4)
    assert chosen == [staff["manager"].pk, staff["staff"].pk] * 2
    named = [gone, barred, outsider, staff["readonly"], staff["admin"]]
    asked = [AssignWish(sydney.pk, "named", email=user.email) for user in named]
    assert choose_assignees(asked) == [None, None, None, None, staff["admin"].pk]
    assert choose_assignees([AssignWish(melbourne.pk, "least_loaded")]) == [outsider.pk]


@pytest.mark.django_db
def test_an_admin_takes_tasks_where_the_location_says_so(sydney: Location, staff: dict[str, User]) -> None:
    AssignmentPolicy.objects.create(
        location=sydney, how="round_robin", include_admins=True, include_managers=False
    )
    chosen = set(choose_assignees([AssignWish(sydney.pk, "round_robin")] * 4))
    assert chosen == {staff["admin"].pk, staff["staff"].pk}


@pytest.mark.django_db
def test_turns_go_on_where_the_last_set_ended(sydney: Location, staff: dict[str, User]) -> None:
    make_policy(sydney, "round_robin")
    given = [new(make_contact(sydney)) for _ in range(3)]
    names = [task.assigned_to.name for task in Task.objects.order_by("pk").select_related("assigned_to")]
    assert names == ["Morgan Manager", "Sam Staff", "Morgan Manager"]
    assert given[0].assignment_note == "Given to Morgan Manager in turn."


@pytest.mark.django_db
def test_the_least_loaded_counts_what_the_same_set_gave(sydney: Location, staff: dict[str, User]) -> None:
    make_policy(sydney, "least_loaded")
    new(make_contact(sydney), assigned_to_id=staff["manager"].pk)
    wishes = [
        services.NewTask(contact_id=make_contact(sydney).pk, type="call", due_at=NOW, cause=CAUSE)
        for _ in range(3)
    ]
    ids = [result.task.assigned_to_id for result in services.create_tasks(wishes)]
    manager, desk = staff["manager"].pk, staff["staff"].pk
    assert ids == [desk, manager, desk]


@pytest.mark.django_db
def test_a_type_of_task_goes_to_the_skill_it_asks_for(sydney: Location) -> None:
    ana = make_worker(sydney, "Ana", "Recall")
    make_policy(sydney, "by_skill", recall_call="recall", rescue_call="rescue")
    for _ in range(2):
        assert new(make_contact(sydney), "recall_call").assigned_to_id == ana.pk
    nobody = new(make_contact(sydney), "rescue_call")
    assert (nobody.assigned_to_id, nobody.assignment_note) == (None, "Nobody here has the skill “rescue”.")
    assert new(make_contact(sydney), "custom").assigned_to_id not in (None, ana.pk)


@pytest.mark.django_db
def test_a_wish_may_say_who_and_outdoes_the_location(sydney: Location, staff: dict[str, User]) -> None:
    make_policy(sydney, "round_robin")
    named = new(make_contact(sydney), assign=AssignBy("named", email="STAFF@demo.test"))
    assert named.assigned_to_id == staff["staff"].pk
    nobody = new(make_contact(sydney), assign=AssignBy("named", email="nobody@demo.test"))
    assert nobody.assigned_to_id is None
    assert nobody.assignment_note == "Nobody called nobody@demo.test works on tasks here."
    with pytest.raises(Invalid, match="dice"):
        new(make_contact(sydney), assign=AssignBy("dice"))


@pytest.mark.django_db
def test_a_task_meant_for_someone_who_has_left_is_not_lost_with_them(
    sydney: Location, staff: dict[str, User]
) -> None:
    gone = make_worker(sydney, "Gone")
    account_services.update_user(user_id=gone.pk, fields={"is_active": False}, cause=CAUSE)
    task = new(make_contact(sydney), assigned_to_id=gone.pk)
    assert task.assigned_to_id is None
    assert task.assignment_note == "Whom it was meant for does not work here."
    make_policy(sydney, "round_robin")
    task = new(make_contact(sydney), assigned_to_id=gone.pk)
    assert task.assigned_to_id == staff["manager"].pk


@pytest.mark.django_db
def test_choosing_costs_the_same_however_many(
    sydney: Location, melbourne: Location, outsider: User, django_assert_max_num_queries: Any
) -> None:
    make_policy(sydney, "by_skill", call="recall")
    for length in (2, 40):
        wishes = [
            services.NewTask(contact_id=make_contact(place).pk, type="call", due_at=NOW, cause=CAUSE)
            for place in (sydney, melbourne)
            for _ in range(length)
        ]
        with django_assert_max_num_queries(22):
            services.create_tasks(wishes)
        make_worker(sydney, f"More{length}", "recall")


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_take_turns(sydney: Location, staff: dict[str, User]) -> None:
    """Each gives out four, holding its transaction open while the other waits."""
    make_policy(sydney, "round_robin")
    contacts = [[make_contact(sydney) for _ in range(4)] for _ in range(2)]
    start, errors = threading.Barrier(2), []

    def give(mine: list[Any]) -> None:
        try:
            start.wait(10)
            for contact in mine:
                with transaction.atomic():
                    new(contact)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=give, args=(mine,)) for mine in contacts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors
    shares = {name: Task.objects.filter(assigned_to=staff[name]).count() for name in ("manager", "staff")}
    assert shares == {"manager": 4, "staff": 4}


@pytest.mark.django_db(transaction=True)
def test_the_first_two_workers_of_a_location_take_turns_too(sydney: Location, staff: dict[str, User]) -> None:
    """No row says whose turn it is yet: one of them makes it and the other waits."""
    start, chosen, errors = threading.Barrier(2), [], []

    def choose() -> None:
        try:
            start.wait(10)
            chosen.extend(choose_assignees([AssignWish(sydney.pk, "round_robin")]))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=choose) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors
    assert sorted(chosen) == sorted([staff["manager"].pk, staff["staff"].pk])


@pytest.mark.django_db
def test_a_manager_sets_how_new_tasks_find_a_person(pages: Any, sydney: Location) -> None:
    ana = make_worker(sydney, "Ana", "Recall")
    form = {
        "location": sydney.pk, "how": "by_skill", "include_managers": "on",
        "skills-TOTAL_FORMS": "1", "skills-INITIAL_FORMS": "0", "skills-MIN_NUM_FORMS": "0",
        "skills-MAX_NUM_FORMS": "1000", "skills-0-task_type": "recall_call", "skills-0-skill": "recall",
    }  # fmt: skip
    answer = pages("manager").post("/admin/tasks/assignmentpolicy/add/", form)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    assert new(make_contact(sydney), "recall_call").assigned_to_id == ana.pk
    policy = AssignmentPolicy.objects.get()
    row = policy.skills.get()
    url = f"/admin/tasks/assignmentpolicy/{policy.public_id}/change/"
    assert "recall" in pages("manager").get(url).content.decode()
    change = {
        "how": "round_robin", "skills-TOTAL_FORMS": "1", "skills-INITIAL_FORMS": "1", "skills-MIN_NUM_FORMS": "0",
        "skills-MAX_NUM_FORMS": "1000", "skills-0-id": row.pk, "skills-0-policy": policy.pk,
        "skills-0-task_type": "recall_call", "skills-0-skill": "recall", "skills-0-DELETE": "on",
    }  # fmt: skip
    answer = pages("manager").post(url, change)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    policy.refresh_from_db()
    assert (policy.how, policy.include_managers, policy.skills.count()) == ("round_robin", False, 0)


@pytest.mark.django_db
def test_only_settings_people_change_task_assignment(
    pages: Any, sydney: Location, melbourne: Location, outsider: User
) -> None:
    here = make_policy(sydney, "round_robin")
    url = f"/admin/tasks/assignmentpolicy/{here.public_id}/change/"
    assert pages("staff").post(url, {"how": "off"}).status_code == 403
    assert pages(outsider).post(url, {"how": "off"}).status_code == 404
    here.refresh_from_db()
    assert here.how == "round_robin"


@pytest.mark.django_db
def test_skills_are_typed_as_words(pages: Any, sydney: Location) -> None:
    ana = make_worker(sydney, "Ana", "recall")
    url = f"/admin/accounts/user/{ana.public_id}/change/"
    assert 'value="recall"' in pages("admin").get(url).content.decode()
    held = ana.memberships.get()
    form = {
        "name": "Ana", "email": ana.email, "is_active": "on", "default_location": sydney.pk,
        "skills": "Recall,  spanish , ,recall",
        "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1", "memberships-MIN_NUM_FORMS": "1",
        "memberships-MAX_NUM_FORMS": "1000", "memberships-0-id": held.pk, "memberships-0-user": ana.pk,
        "memberships-0-role": "staff", "memberships-0-location": sydney.pk,
        "permission_overrides-TOTAL_FORMS": "0", "permission_overrides-INITIAL_FORMS": "0",
        "permission_overrides-MIN_NUM_FORMS": "0", "permission_overrides-MAX_NUM_FORMS": "1000",
    }  # fmt: skip
    answer = pages("admin").post(url, form)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    ana.refresh_from_db()
    assert ana.skills == ["recall", "spanish"]
    with pytest.raises(Invalid, match="list of words"):
        account_services.update_user(user_id=ana.pk, fields={"skills": "recall"}, cause=CAUSE)
