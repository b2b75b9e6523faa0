"""Changes to how a location's new tasks find a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.models import Location
from core.causes import Cause
from core.errors import Invalid
from tasks.models import AssignmentPolicy, Task, TaskSkill

POLICY_FIELDS = frozenset({"how", "include_managers", "include_admins"})


@transaction.atomic
def set_policy(*, location: Location, fields: Mapping[str, Any], cause: Cause) -> AssignmentPolicy:
    """Set some of `POLICY_FIELDS`, making the policy where there is none. ValidationError names what is wrong."""
    unknown = sorted(set(fields) - POLICY_FIELDS)
    if unknown:
        raise Invalid(f"A policy has no {', '.join(unknown)}.", fields=dict.fromkeys(unknown, "unknown"))
    policy, _made = AssignmentPolicy.objects.select_for_update(no_key=True).get_or_create(location=location)
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.full_clean(validate_unique=False)
    policy.save(update_fields=sorted(fields))
    return policy


@transaction.atomic
def set_skills(*, policy_id: int, skills: Mapping[str, str], cause: Cause) -> None:
    """Say anew which skill each type of task asks for; types left out ask for none."""
    policy = AssignmentPolicy.objects.select_for_update(no_key=True).get(pk=policy_id)
    for task_type, skill in skills.items():
        if task_type not in Task.Type.values or not skill.strip():
            raise Invalid(
                f"Give a type of task and a skill, not {task_type!r} and {skill!r}.",
                code="bad_skill", fields={"skills": "a type of task and a skill"},
            )  # fmt: skip
    policy.skills.exclude(task_type__in=skills).delete()
    TaskSkill.objects.bulk_create(
        [TaskSkill(policy=policy, task_type=task_type, skill=skill.strip()) for task_type, skill in skills.items()],
        update_conflicts=True, unique_fields=["policy", "task_type"], update_fields=["skill", "updated_at"],
    )  # fmt: skip
