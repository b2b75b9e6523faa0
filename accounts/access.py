"""The gate: the only way from a person to rows. API, admin, pages, exports and commands all pass here.

A row of a location that is not yours does not exist (404); an action your role lacks on rows you do see is
refused (403).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import Http404

from accounts import roles
from accounts.models import Location, User
from accounts.roles import ACTIONS, RESOURCES, Access, Scope
from core.errors import NotAllowed

__all__ = [
    "ACTIONS",
    "RESOURCES",
    "Access",
    "Actor",
    "Scope",
    "access_of",
    "allowed",
    "allowed_on",
    "check",
    "check_on",
    "declare",
    "get_visible_or_404",
    "home_location",
    "location_for",
    "locations",
    "people",
    "permissions",
    "places",
    "resource_of",
    "scope",
    "visible",
    "within",
]

Actor = User
M = TypeVar("M", bound=Model)

#: Models below this app cannot carry an `access` attribute that names a resource, so they are declared here.
_DECLARED: dict[str, Access] = {}


def declare(label: str, access: Access) -> None:
    """Say how the gate reaches a model that cannot say so itself, e.g. declare("core.event", Access(...))."""
    _DECLARED[label.lower()] = access


for _label in ("core.event", "core.work"):
    declare(_label, Access(resource="settings", location="location_id"))
for _label in ("core.auditentry", "core.fieldchange"):
    declare(_label, Access(resource="audit", location="location_id"))


def access_of(model: type[Model]) -> Access:
    """How the gate reaches this model's rows. Raises TypeError for a model that never said."""
    declared = getattr(model, "access", None) or _DECLARED.get(model._meta.label_lower)
    if not isinstance(declared, Access):
        raise TypeError(f"{model._meta.label} does not declare `access`, so nobody may see it.")
    return declared


def scope(user: Actor | AnonymousUser, resource: str, action: str = roles.READ) -> Scope:
    """Where this person may take the action; false when nowhere. Anonymous and inactive accounts get
    nowhere.
    """
    if not isinstance(user, User) or not user.is_active:
        return roles.NOWHERE
    return roles.scope(
        resource,
        action,
        grants=user.grants,
        overrides=user.own_rules,
        home_id=user.default_location_id,
        token_scopes=user.token_scopes,
    )


def visible(
    source: type[M] | QuerySet[M], user: Actor | AnonymousUser, action: str = roles.READ
) -> QuerySet[M]:
    """The rows of a model or queryset on which this person may take `action`; none when they may not at
    all.
    """
    queryset: QuerySet[M] = source._default_manager.all() if isinstance(source, type) else source
    access = access_of(queryset.model)
    reach = scope(user, access.resource, action)
    if not reach:
        return queryset.none()
    if not reach.everywhere:
        queryset = within(queryset, Q(**{f"{access.location}__in": reach.locations}), access.location)
    if reach.own_records_only:
        queryset = queryset.filter(**{access.owner: user.pk}) if access.owner else queryset.none()
    return queryset


def within(queryset: QuerySet[M], condition: Q, path: str) -> QuerySet[M]:
    """Those for which a condition on `path` holds, each once, also where the path leads to many rows."""
    if not _fans_out(queryset.model, path):
        return queryset.filter(condition)
    # A join to many rows would repeat the object once for each: ask by key instead.
    keys = queryset.model._default_manager.filter(condition).values("pk")
    return queryset.filter(pk__in=keys)


def _fans_out(model: type[Model], path: str) -> bool:
    current: Any = model
    for part in path.split("__"):
        if part == "pk" or part.endswith("_id"):
            return False
        field = current._meta.get_field(part)
        if field.one_to_many or field.many_to_many:
            return True
        current = field.related_model
    return False


def get_visible_or_404(
    source: type[M] | QuerySet[M], user: Actor | AnonymousUser, public_id: object, action: str = roles.READ
) -> M:
    """The row with this public id, if this person may see it; Http404 when it is not there or not theirs.

    With another action than read, a row that is seen but may not be acted on raises NotAllowed.
    """
    queryset = visible(source, user)
    try:
        row = queryset.get(public_id=public_id)
    except (ObjectDoesNotExist, ValidationError, ValueError, TypeError):
        raise Http404(f"There is no such {queryset.model._meta.verbose_name}.") from None
    if action != roles.READ:
        check_on(user, action, row)
    return row


def allowed(
    user: Actor | AnonymousUser, action: str, resource: str, location: Location | int | None = None
) -> bool:
    """Whether this person may take the action in this location; without a location: in any."""
    reach = scope(user, resource, action)
    if location is None:
        return bool(reach)
    return reach.covers(location.pk if isinstance(location, Location) else location)


def allowed_on(user: Actor | AnonymousUser, action: str, row: Model) -> bool:
    """Whether this person may take the action on this row; asks the database only for paths through other
    rows.
    """
    access = access_of(type(row))
    reach = scope(user, access.resource, action)
    if not reach or (reach.everywhere and not reach.own_records_only):
        return bool(reach)
    if not reach.own_records_only and access.location in ("location", "location_id"):
        return reach.covers(getattr(row, "location_id", None))
    return visible(type(row), user, action).filter(pk=row.pk).exists()


def is_owner(user: Actor | AnonymousUser) -> bool:
    """Whether this person answers for the whole system: may change accounts everywhere."""
    return scope(user, "users", roles.UPDATE).everywhere


def check(
    user: Actor | AnonymousUser, action: str, resource: str, location: Location | int | None = None
) -> None:
    """Raise NotAllowed unless this person may take the action there."""
    if not allowed(user, action, resource, location):
        raise NotAllowed(_refusal(action, resource))


def check_on(user: Actor | AnonymousUser, action: str, row: Model) -> None:
    """Raise NotAllowed unless this person may take the action on this row."""
    if not allowed_on(user, action, row):
        raise NotAllowed(_refusal(action, access_of(type(row)).resource))


def _refusal(action: str, resource: str) -> str:
    return f"Your account may not {action} {resource} here. Ask an admin if you need to."


def locations(user: Actor | AnonymousUser) -> QuerySet[Location]:
    """The clinics this person works in, whatever they may do there."""
    if not isinstance(user, User) or not user.is_active:
        return Location.objects.none()
    if any(grant.location_id is None for grant in user.grants):
        return Location.objects.all()
    return Location.objects.filter(pk__in=[grant.location_id for grant in user.grants])


def places(user: Actor) -> list[Location]:
    """The clinics this person works in, read once for this object of the account: a page asks several times."""
    kept: list[Location] | None = user.__dict__.get("_places")
    if kept is None:
        kept = user.__dict__["_places"] = _places(user)
    return kept


def _places(user: Actor) -> list[Location]:
    if not isinstance(user, User) or not user.is_active:
        return []
    if any(grant.location_id is None for grant in user.grants):
        return list(Location.objects.all())
    there = [held.location for held in user.held_memberships if held.location is not None]
    return sorted(there, key=lambda place: place.name)


def people(action: str, resource: str, location_ids: Iterable[int]) -> dict[int, list[User]]:
    """Who may take the action in each of these locations: active, oldest account first, in three queries."""
    wanted = set(location_ids)
    there = Q(memberships__location_id__in=wanted) | Q(memberships__location__isnull=True)
    active = User.objects.filter(there | Q(is_superuser=True), is_active=True).distinct().order_by("pk")
    at: dict[int, list[User]] = {location_id: [] for location_id in wanted}
    for user in active.prefetch_related("memberships", "permission_overrides"):
        reach = scope(user, resource, action)
        for location_id in wanted:
            if reach.covers(location_id):
                at[location_id].append(user)
    return at


def home_location(user: Actor | AnonymousUser) -> Location | None:
    """The person's default location while they still work there, else their first one by name."""
    if not isinstance(user, User):
        return None
    there = places(user)
    return next((place for place in there if place.pk == user.default_location_id), next(iter(there), None))


def location_for(user: Actor | AnonymousUser, public_id: object = None) -> Location:
    """The clinic a new row belongs to: the one asked for, else the person's own.

    Raises Http404 for one that is not theirs, NotAllowed for an account that works nowhere.
    """
    if public_id:
        return get_visible_or_404(locations(user), user, public_id)
    home = home_location(user)
    if home is None:
        raise NotAllowed("Your account does not belong to a location yet. Ask an admin to add you to one.")
    return home


def resource_of(model: type[Model]) -> str:
    """The resource a model's rows count as."""
    return access_of(model).resource


def permissions(user: Actor | AnonymousUser, *, resources: Iterable[str] = RESOURCES) -> dict[str, list[str]]:
    """What this person may do somewhere: resource -> actions, for /api/me and for the pages."""
    return {name: [action for action in ACTIONS if scope(user, name, action)] for name in resources}
