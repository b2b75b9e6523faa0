"""Changes to locations, staff and their roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from accounts import golive, new_clinic, roles, tokens
from accounts.events import LOCATION_CHANGED, LOCATION_CREATED, USER_DEACTIVATED
from accounts.models import Location, Membership, User
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.events import record


@dataclass(frozen=True, slots=True)
class RoleAt:
    """A role in one location; None with role admin: in every location."""

    role: str
    location_id: int | None = None


LOCATION_FIELDS = frozenset(
    field.name
    for field in Location._meta.concrete_fields
    if field.editable and field.name not in ("id", "live_since")
)
USER_FIELDS = frozenset({"email", "name", "skills", "is_active", "default_location"})


@transaction.atomic
def create_location(*, fields: Mapping[str, Any], cause: Cause) -> Location:
    """A new clinic, with all that a clinic begins with (`accounts.new_clinic`), in shadow unless said.

    Raises ValidationError naming the fields that are wrong, Conflict for one that should be live at once.
    """
    location, mode = Location(), fields.get("automation_mode", Location.AutomationMode.SHADOW)
    _save_location(location, {**fields, "automation_mode": Location.AutomationMode.SHADOW})
    record(LOCATION_CREATED, cause=cause, location_id=location.pk, source=_source(cause))
    new_clinic.complete(location)
    return golive.set_automation_mode(location_id=location.pk, mode=mode, cause=cause)


@transaction.atomic
def update_location(*, location_id: int, fields: Mapping[str, Any], cause: Cause) -> Location:
    """Change a clinic. Switching its automation has rules of its own: see `accounts.golive`."""
    location = Location.objects.select_for_update(no_key=True).get(pk=location_id)
    rest = {name: value for name, value in fields.items() if name != "automation_mode"}
    changed = sorted(name for name, value in rest.items() if getattr(location, name, None) != value)
    _save_location(location, rest)
    if changed:
        record(
            LOCATION_CHANGED,
            cause=cause,
            location_id=location.pk,
            source=_source(cause),
            data={"fields": changed},
        )
    if "automation_mode" not in fields:
        return location
    return golive.set_automation_mode(location_id=location.pk, mode=fields["automation_mode"], cause=cause)


def _save_location(location: Location, fields: Mapping[str, Any]) -> None:
    _refuse_unknown(fields, LOCATION_FIELDS, "location")
    for name, value in fields.items():
        setattr(location, name, value)
    location.full_clean()
    location.save()


def _source(cause: Cause) -> str:
    return "user" if cause.kind == "user" else "system"


@transaction.atomic
def create_user(
    *, email: str, name: str, password: str | None, memberships: Iterable[RoleAt], cause: Cause, **fields: Any
) -> User:
    """A new staff account with its roles.

    Raises ValidationError for a taken e-mail or a weak password, Invalid for an impossible role.
    """
    _refuse_unknown(fields, USER_FIELDS, "user")
    user = User(email=email, name=name, **_tidy(fields))
    if password is not None:
        validate_password(password, user)
    user.set_password(password)
    user.full_clean(exclude=["password"])
    user.save()
    _replace_memberships(user, memberships)
    return user


@transaction.atomic
def update_user(
    *,
    user_id: int,
    fields: Mapping[str, Any],
    cause: Cause,
    memberships: Iterable[RoleAt] | None = None,
    hand_over_to: int | None = None,
) -> User:
    """Change an account and, when given, replace its roles. Closing an account ends its log-ins and tokens.

    What a closed account was given goes to `hand_over_to`, the id of an active person, or as each clinic gives out
    work. Raises Conflict when it would leave nobody to administer the system.
    """
    _refuse_unknown(fields, USER_FIELDS, "user")
    _lock_admins()
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    was_active = user.is_active
    for name, value in _tidy(fields).items():
        setattr(user, name, value)
    user.full_clean(exclude=["password"])
    user.save()
    if memberships is not None:
        _replace_memberships(user, memberships)
    if was_active and not user.is_active:
        _close(user, hand_over_to, cause)
    _keep_an_admin()
    return user


@transaction.atomic
def set_password(*, user_id: int, password: str, cause: Cause) -> None:
    """Give an account a new password and end its other log-ins. Raises ValidationError for a weak one."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    tokens.end_all(user)


def _replace_memberships(user: User, wanted: Iterable[RoleAt]) -> None:
    target: dict[int | None, str] = {}
    for item in wanted:
        if item.role not in roles.ROLES:
            raise Invalid(
                f"Unknown role “{item.role}”.", fields={"memberships": f"Use {', '.join(roles.ROLES)}."}
            )
        location_id = None if item.role == roles.ADMIN else item.location_id
        if location_id is None and item.role != roles.ADMIN:
            raise Invalid(
                "Only an admin works in every location.", fields={"memberships": "Choose a location."}
            )
        if location_id in target:
            raise Invalid(
                "One role per location.", fields={"memberships": "The same location is given twice."}
            )
        target[location_id] = item.role
    held = {m.location_id: m for m in user.memberships.all()}
    Membership.objects.filter(pk__in=[m.pk for key, m in held.items() if key not in target]).delete()
    for location_id, role in target.items():
        membership = held.get(location_id) or Membership(user=user, location_id=location_id)
        if membership.role != role:
            membership.role = role
            membership.full_clean()
            membership.save()
    for cached in ("held_memberships", "grants", "own_rules", "_places"):
        user.__dict__.pop(cached, None)
    if hasattr(user, "_prefetched_objects_cache"):
        user._prefetched_objects_cache.pop("memberships", None)


def _close(user: User, hand_over_to: int | None, cause: Cause) -> None:
    """End an account's log-ins and tell that it left, so that the apps hand over what it was given."""
    if hand_over_to is not None and not User.objects.filter(pk=hand_over_to, is_active=True).exists():
        raise Invalid(
            "Hand over to somebody who still works here.", fields={"hand_over_to": "This account is closed."}
        )
    tokens.end_all(user)
    record(
        USER_DEACTIVATED, cause=cause, location_id=user.default_location_id,
        data={"user": user.pk, "hand_over_to": hand_over_to},
    )  # fmt: skip


def _tidy(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with the skills as a list of words, each once. Raises Invalid for skills that are no such list."""
    if "skills" not in fields:
        return dict(fields)
    given = fields["skills"] or []
    if not isinstance(given, list) or not all(isinstance(word, str) and len(word) <= 40 for word in given):
        raise Invalid(
            "Skills are a list of words of at most 40 letters.", fields={"skills": "Give a list of words."}
        )
    words = {word.strip().casefold(): word.strip() for word in given if word.strip()}
    return {**fields, "skills": list(words.values())}


def _lock_admins() -> None:
    # Two admins who remove each other at once would otherwise both be let through.
    list(
        Membership.objects.select_for_update(no_key=True)
        .filter(role=roles.ADMIN)
        .order_by("pk")
        .values_list("pk")
    )


def _keep_an_admin() -> None:
    someone = User.objects.filter(is_active=True, memberships__role=roles.ADMIN).exists()
    if not someone and not User.objects.filter(is_active=True, is_superuser=True).exists():
        raise Conflict("This is the last active admin. Make someone else an admin first.", code="last_admin")


def _refuse_unknown(fields: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    unknown = sorted(set(fields) - known)
    if unknown:
        raise Invalid(
            f"A {what} has no {', '.join(unknown)}.", fields=dict.fromkeys(unknown, "Unknown field.")
        )
