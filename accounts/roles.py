"""Who may do what: roles, resources and actions as one table. Pure Python, no database.

`scope()` is the single place where memberships, per-user overrides and token scopes become an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ADMIN, MANAGER, STAFF, READONLY = "admin", "manager", "staff", "readonly"
ROLES = (ADMIN, MANAGER, STAFF, READONLY)

READ, CREATE, UPDATE, DELETE, EXPORT = "read", "create", "update", "delete", "export"
ACTIONS = (READ, CREATE, UPDATE, DELETE, EXPORT)

WORK = ("contacts", "bookings", "tasks", "messages")
RESOURCES = (*WORK, "reports", "settings", "users", "audit")

_ALL = frozenset(ACTIONS)
_WRITE = frozenset({READ, CREATE, UPDATE})
_LOOK = frozenset({READ})
_NONE: frozenset[str] = frozenset()


def _row(
    *,
    work: frozenset[str],
    reports: frozenset[str],
    settings: frozenset[str],
    users: frozenset[str] = _NONE,
    audit: frozenset[str] = _NONE,
) -> dict[str, frozenset[str]]:
    return {
        **dict.fromkeys(WORK, work),
        "reports": reports,
        "settings": settings,
        "users": users,
        "audit": audit,
    }


#: role -> resource -> the actions it may take there.
TABLE: dict[str, dict[str, frozenset[str]]] = {
    ADMIN: _row(work=_ALL, reports=_ALL, settings=_ALL, users=_ALL, audit=_ALL),
    MANAGER: _row(work=_ALL, reports=_ALL, settings=_ALL, audit=_LOOK),
    STAFF: _row(work=_WRITE, reports=_LOOK, settings=_LOOK),
    READONLY: _row(work=_LOOK, reports=_LOOK, settings=_LOOK),
}


@dataclass(frozen=True, slots=True)
class Access:
    """How the gate reaches a model's rows.

    `location` and `owner` are query paths from the model; `owner` is the staff member a row belongs to, and
    serves the condition own_records_only (a model without one then shows nothing).
    """

    resource: str
    location: str = "location"
    owner: str = ""

    def __post_init__(self) -> None:
        if self.resource not in RESOURCES:
            raise ValueError(f"Unknown resource {self.resource!r}: use one of {', '.join(RESOURCES)}.")


@dataclass(frozen=True, slots=True)
class Grant:
    """One membership: a role, in one location or (None) in every location."""

    role: str
    location_id: int | None


@dataclass(frozen=True, slots=True)
class Override:
    """A person's own answer for one resource and action, in place of what their role says."""

    resource: str
    action: str
    allow: bool
    own_location_only: bool = False
    own_records_only: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an action may be taken: everywhere, in some locations, or (false) nowhere."""

    everywhere: bool = False
    locations: frozenset[int] = frozenset()
    own_records_only: bool = False

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.locations)

    def covers(self, location_id: int | None) -> bool:
        """Whether it reaches this location; rows without a location belong to those who see every
        location.
        """
        return self.everywhere or (location_id is not None and location_id in self.locations)


NOWHERE = Scope()


def permits(role: str, resource: str, action: str) -> bool:
    """Whether the role's row of the table holds this action."""
    return action in TABLE.get(role, {}).get(resource, _NONE)


def token_permits(scopes: Iterable[str] | None, resource: str, action: str) -> bool:
    """Whether a machine token's scopes ("contacts:read", "contacts:*") hold this action; None means no
    token.
    """
    return scopes is None or bool({f"{resource}:{action}", f"{resource}:*"} & set(scopes))


def scope(
    resource: str,
    action: str,
    *,
    grants: Iterable[Grant],
    overrides: Iterable[Override] = (),
    home_id: int | None = None,
    token_scopes: Iterable[str] | None = None,
) -> Scope:
    """Where this person may take `action` on `resource`.

    An override replaces the role's answer inside the person's own locations; it never adds a location.
    `home_id` is the person's default location, which own_location_only narrows to.
    """
    if resource not in RESOURCES or action not in ACTIONS:
        raise ValueError(f"Unknown permission {resource}:{action}.")
    if not token_permits(token_scopes, resource, action):
        return NOWHERE
    held = tuple(grants)
    override = next((o for o in overrides if (o.resource, o.action) == (resource, action)), None)
    if override is None:
        return _reach(g for g in held if permits(g.role, resource, action))
    if not override.allow:
        return NOWHERE
    reach = _reach(held)
    if override.own_location_only:
        at_home = home_id is not None and reach.covers(home_id)
        reach = Scope(locations=frozenset({home_id})) if at_home and home_id is not None else NOWHERE
    return Scope(reach.everywhere, reach.locations, override.own_records_only)


def _reach(grants: Iterable[Grant]) -> Scope:
    held = tuple(grants)
    return Scope(
        everywhere=any(g.location_id is None for g in held),
        locations=frozenset(g.location_id for g in held if g.location_id is not None),
    )


def known_scopes() -> tuple[str, ...]:
    """Every scope a machine token can carry."""
    return tuple(f"{resource}:{action}" for resource in RESOURCES for action in (*ACTIONS, "*"))
