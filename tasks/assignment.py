"""Giving tasks to people, as sets. What decides is `tasks.rota`; here it is told who is there and what they have.

A location's row of `AssignmentPolicy` is locked until the caller's transaction ends, so that workers who give tasks
out at the same time take turns, and whose turn was last outlives a restart. Callers lock in the order contacts,
tasks, policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count

from accounts import access, roles
from accounts.models import User
from tasks.models import AssignmentPolicy, Task
from tasks.rota import Choice, Desk, How, Person

NOTE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class AssignBy:
    """A way to find a person: named (by `email`), round_robin, least_loaded, or by_skill (`skill`)."""

    how: str
    email: str = ""
    skill: str = ""


@dataclass(frozen=True, slots=True)
class AssignWish:
    """A person is wanted at a location, found in a way of `tasks.rota.How`."""

    location_id: int
    how: str
    email: str = ""
    skill: str = ""


@transaction.atomic
def choose_assignees(wishes: Sequence[AssignWish]) -> list[int | None]:
    """The id of a person for each wish, or None where nobody fits. Constant queries however many wishes.

    Only active people who may work on that location's tasks are chosen. Raises Invalid for an unknown way.
    """
    return [choice.person.id if choice.person else None for choice in choose(wishes)]


@transaction.atomic
def choose(wishes: Sequence[AssignWish], *, without: Collection[int] = ()) -> list[Choice]:
    """As `choose_assignees`, with the reason of each choice in words staff read; `without` are ids nobody chooses."""
    if not wishes:
        return []
    policies = _locked_policies(wish.location_id for wish in wishes if wish.how != How.NAMED)
    desks = _desks({wish.location_id for wish in wishes}, policies, without)
    choices = [
        desks[wish.location_id].choose(wish.how, email=wish.email, skill=wish.skill) for wish in wishes
    ]
    moved = []
    for policy in policies.values():
        last_id = desks[policy.location_id].last_id
        if last_id != policy.last_user_id:
            policy.last_user_id = last_id
            moved.append(policy)
    if moved:
        AssignmentPolicy.objects.bulk_update(moved, ["last_user_id"])
    return choices


def give_new(tasks: Sequence[tuple[Task, AssignBy | None]], *, without: Collection[int] = ()) -> None:
    """Set the person of tasks about to be stored, and the note that says how it was found.

    Who was named by the caller stays if they may work there; otherwise the given way is followed, then the
    location's policy. `without` are ids nobody chooses.
    """
    _drop_who_may_not([task for task, _ in tasks if task.assigned_to_id is not None])
    open_ones = [(task, by) for task, by in tasks if task.assigned_to_id is None]
    policies = policies_at(task.location_id for task, by in open_ones if by is None)
    wanted: list[tuple[Task, AssignWish]] = []
    for task, by in open_ones:
        if by is not None:
            wanted.append((task, AssignWish(task.location_id, by.how, by.email, by.skill)))
        elif task.location_id in policies:
            policy = policies[task.location_id]
            skill = policy.skill_for(task.type)
            wanted.append((task, AssignWish(task.location_id, policy.how, skill=skill)))
    for (task, _), choice in zip(wanted, choose([wish for _, wish in wanted], without=without), strict=True):
        task.assigned_to_id = choice.person.id if choice.person else None
        task.assignment_note = f"{task.assignment_note} {choice.reason}".strip()[:NOTE_LENGTH]


def _drop_who_may_not(tasks: Sequence[Task]) -> None:
    at = workers(task.location_id for task in tasks) if tasks else {}
    for task in tasks:
        if task.assigned_to_id not in at[task.location_id]:
            task.assigned_to_id = None
            task.assignment_note = "Whom it was meant for does not work here."


def policies_at(location_ids: Iterable[int]) -> dict[int, AssignmentPolicy]:
    """The policies of these locations that give new tasks to people; none for a location that does not."""
    wanted = set(location_ids)
    if not wanted:
        return {}
    found = AssignmentPolicy.objects.filter(location_id__in=wanted).exclude(how=AssignmentPolicy.How.OFF)
    return {policy.location_id: policy for policy in found.prefetch_related("skills")}


def workers(location_ids: Iterable[int]) -> dict[int, set[int]]:
    """The ids of the active people who may work on each location's tasks."""
    at = access.people(roles.UPDATE, "tasks", location_ids)
    return {location_id: {user.pk for user in users} for location_id, users in at.items()}


def _locked_policies(location_ids: Iterable[int]) -> dict[int, AssignmentPolicy]:
    wanted = sorted(set(location_ids))
    if not wanted:
        return {}
    rows = AssignmentPolicy.objects.filter(location_id__in=wanted)
    locked = {row.location_id: row for row in rows.select_for_update(no_key=True).order_by("location_id")}
    missing = [pk for pk in wanted if pk not in locked]
    if missing:
        AssignmentPolicy.objects.bulk_create(
            [AssignmentPolicy(location_id=pk) for pk in missing], ignore_conflicts=True
        )
        locked = {row.location_id: row for row in rows.select_for_update(no_key=True).order_by("location_id")}
    return locked


def _desks(
    location_ids: set[int], policies: dict[int, AssignmentPolicy], without: Collection[int]
) -> dict[int, Desk]:
    at = access.people(roles.UPDATE, "tasks", location_ids)
    everybody = {user.pk for users in at.values() for user in users}
    loads = dict(
        Task.objects.filter(status__in=Task.OPEN, assigned_to__in=everybody)
        .values_list("assigned_to")
        .annotate(open=Count("pk"))
    )
    nothing_said = AssignmentPolicy()
    return {
        pk: Desk(
            people=[
                _person(user, pk, policies.get(pk, nothing_said)) for user in at[pk] if user.pk not in without
            ],
            open_tasks=loads,
            last_id=policies[pk].last_user_id if pk in policies else None,
        )
        for pk in location_ids
    }


def _person(user: User, location_id: int, policy: AssignmentPolicy) -> Person:
    skills = user.skills if isinstance(user.skills, list) else []
    return Person(
        id=user.pk,
        name=str(user),
        email=user.email,
        skills=tuple(str(skill) for skill in skills),
        in_rota=any(
            policy.takes(membership.role)
            for membership in user.memberships.all()
            if membership.location_id in (None, location_id)
        ),
    )
