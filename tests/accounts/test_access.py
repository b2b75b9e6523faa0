from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.http import Http404

from accounts import access
from accounts.models import Location, Membership, PermissionOverride, User
from core.errors import NotAllowed
from core.models import AuditEntry, Event


def fresh(user: User) -> User:
    """As the next request sees this account."""
    return User.objects.get(pk=user.pk)


def entry(location: Location | None) -> AuditEntry:
    return AuditEntry.objects.create(
        method="GET", route="test", status=200, duration_ms=1, location_id=location.pk if location else None
    )


def test_each_role_sees_the_rows_of_its_locations(
    staff: dict[str, User], outsider: User, sydney: Location, melbourne: Location
) -> None:
    seen = {name: set(access.visible(Location, user)) for name, user in {**staff, "mel": outsider}.items()}
    assert seen == {
        "admin": {sydney, melbourne},
        "manager": {sydney},
        "staff": {sydney},
        "readonly": {sydney},
        "mel": {melbourne},
    }


def test_a_resource_the_role_lacks_shows_no_rows(
    staff: dict[str, User], sydney: Location, melbourne: Location
) -> None:
    here, there, nowhere = entry(sydney), entry(melbourne), entry(None)
    assert set(access.visible(AuditEntry, staff["admin"])) == {here, there, nowhere}
    assert set(access.visible(AuditEntry, staff["manager"])) == {here}
    assert not access.visible(AuditEntry, staff["staff"]).exists()
    assert not access.visible(User, staff["manager"]).exists()


def test_a_row_of_another_location_does_not_exist(
    staff: dict[str, User], sydney: Location, melbourne: Location
) -> None:
    assert access.get_visible_or_404(Location, staff["staff"], sydney.public_id) == sydney
    for unknown in (melbourne.public_id, uuid.uuid4(), "nonsense", "", None, 1):
        with pytest.raises(Http404):
            access.get_visible_or_404(Location, staff["staff"], unknown)


def test_a_row_one_sees_but_may_not_change_is_refused(staff: dict[str, User], sydney: Location) -> None:
    assert access.get_visible_or_404(Location, staff["manager"], sydney.public_id, "update") == sydney
    with pytest.raises(NotAllowed, match="may not update settings"):
        access.get_visible_or_404(Location, staff["staff"], sydney.public_id, "update")


def test_checks_are_made_per_location(staff: dict[str, User], sydney: Location, melbourne: Location) -> None:
    access.check(staff["manager"], "delete", "contacts", sydney)
    access.check(staff["manager"], "delete", "contacts")
    with pytest.raises(NotAllowed):
        access.check(staff["manager"], "delete", "contacts", melbourne)


def test_nobody_in_particular_and_closed_accounts_get_nothing(staff: dict[str, User]) -> None:
    closed: Any = staff["admin"]
    closed.is_active = False
    for user in (closed, AnonymousUser(), None):
        assert not access.visible(Location, user).exists()
        assert not access.allowed(user, "read", "contacts")
        assert not access.locations(user).exists()


def test_an_account_without_a_role_sees_nothing_and_has_no_home(db: None) -> None:
    newcomer = User.objects.create_user("new@demo.test", "x", name="New")
    assert newcomer.role == ""
    assert access.home_location(newcomer) is None
    with pytest.raises(NotAllowed, match="does not belong to a location"):
        access.location_for(newcomer)


def test_an_override_opens_and_closes_for_one_person(staff: dict[str, User], sydney: Location) -> None:
    PermissionOverride.objects.create(user=staff["staff"], resource="contacts", action="export")
    PermissionOverride.objects.create(user=staff["staff"], resource="tasks", action="create", allow=False)
    user = fresh(staff["staff"])
    assert access.allowed(user, "export", "contacts", sydney)
    assert not access.allowed(user, "create", "tasks", sydney)
    assert not access.allowed(fresh(staff["readonly"]), "export", "contacts", sydney)


def test_own_records_only_shows_what_belongs_to_the_person(staff: dict[str, User]) -> None:
    PermissionOverride.objects.create(
        user=staff["staff"], resource="users", action="read", own_records_only=True
    )
    user = fresh(staff["staff"])
    assert list(access.visible(User, user)) == [user]
    assert access.allowed_on(user, "read", user)
    assert not access.allowed_on(user, "read", staff["manager"])


def test_own_records_only_shows_nothing_where_rows_belong_to_nobody(staff: dict[str, User]) -> None:
    PermissionOverride.objects.create(
        user=staff["staff"], resource="settings", action="read", own_records_only=True
    )
    assert not access.visible(Location, fresh(staff["staff"])).exists()


def test_a_person_in_two_locations_is_listed_once(
    staff: dict[str, User], sydney: Location, outsider: User
) -> None:
    Membership.objects.create(user=outsider, location=sydney, role="readonly")
    listed = [user.email for user in access.visible(User, staff["admin"])]
    assert listed.count("mel@demo.test") == 1


def test_a_model_that_never_said_how_cannot_be_shown(staff: dict[str, User]) -> None:
    with pytest.raises(TypeError, match="does not declare"):
        access.visible(Group, staff["admin"])


def test_events_of_the_floor_are_scoped_too(
    staff: dict[str, User], sydney: Location, melbourne: Location
) -> None:
    from core.clock import now

    for place in (sydney, melbourne):
        Event.objects.create(
            type="t", location_id=place.pk, occurred_at=now(), cause_kind="system", cause_id="t"
        )
    assert [event.location_id for event in access.visible(Event, staff["staff"])] == [sydney.pk]


def test_asking_the_gate_many_times_costs_two_queries(
    staff: dict[str, User], sydney: Location, django_assert_num_queries: Any
) -> None:
    user = fresh(staff["staff"])
    with django_assert_num_queries(2):
        for _ in range(20):
            access.permissions(user)
            access.allowed(user, "read", "contacts", sydney)


def test_an_admins_membership_holds_everywhere_even_when_saved_with_a_location(
    staff: dict[str, User], sydney: Location, melbourne: Location
) -> None:
    boss = User.objects.create_user("boss@demo.test", "x", name="Boss")
    Membership.objects.create(user=boss, location=sydney, role="admin")
    assert access.allowed(fresh(boss), "delete", "contacts", melbourne)
