"""The table of domain.md §9 and what narrows or widens it: pure, no database."""

from __future__ import annotations

import pytest

from accounts import roles
from accounts.roles import ACTIONS, RESOURCES, WORK, Access, Grant, Override, Scope, scope

SYDNEY, MELBOURNE = 1, 2

#: role -> resources -> actions, written out from the document rather than from the code.
EXPECTED: dict[str, dict[str, str]] = {
    "admin": dict.fromkeys(RESOURCES, "read create update delete export"),
    "manager": {
        **dict.fromkeys((*WORK, "reports", "settings"), "read create update delete export"),
        "users": "",
        "audit": "read",
    },
    "staff": {
        **dict.fromkeys(WORK, "read create update"),
        **dict.fromkeys(("reports", "settings"), "read"),
        **dict.fromkeys(("users", "audit"), ""),
    },
    "readonly": {
        **dict.fromkeys((*WORK, "reports", "settings"), "read"),
        **dict.fromkeys(("users", "audit"), ""),
    },
}


@pytest.mark.parametrize("role", roles.ROLES)
@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_role_may_exactly_what_the_document_says(role: str, resource: str, action: str) -> None:
    home = None if role == "admin" else SYDNEY
    reach = scope(resource, action, grants=[Grant(role, home)])
    assert bool(reach) is (action in EXPECTED[role][resource].split())
    assert reach.covers(MELBOURNE) is (role == "admin" and bool(reach))


def test_roles_add_up_over_locations_and_not_across_them() -> None:
    grants = [Grant("manager", SYDNEY), Grant("readonly", MELBOURNE)]
    assert scope("contacts", "read", grants=grants) == Scope(locations=frozenset({SYDNEY, MELBOURNE}))
    assert scope("contacts", "delete", grants=grants) == Scope(locations=frozenset({SYDNEY}))


def test_an_override_replaces_the_roles_answer_and_adds_no_location() -> None:
    grants = [Grant("readonly", SYDNEY)]
    allow = [Override("contacts", "update", allow=True)]
    deny = [Override("contacts", "read", allow=False)]
    assert scope("contacts", "update", grants=grants, overrides=allow) == Scope(locations=frozenset({SYDNEY}))
    assert not scope("contacts", "read", grants=grants, overrides=deny)
    assert scope("bookings", "read", grants=grants, overrides=deny)


def test_own_location_only_narrows_to_the_home_location_while_it_is_theirs() -> None:
    rule = [Override("contacts", "read", allow=True, own_location_only=True)]
    both = [Grant("staff", SYDNEY), Grant("staff", MELBOURNE)]
    assert scope("contacts", "read", grants=both, overrides=rule, home_id=MELBOURNE).locations == {MELBOURNE}
    assert not scope("contacts", "read", grants=both, overrides=rule, home_id=None)
    assert not scope("contacts", "read", grants=[Grant("staff", SYDNEY)], overrides=rule, home_id=MELBOURNE)
    admin = scope("contacts", "read", grants=[Grant("admin", None)], overrides=rule, home_id=SYDNEY)
    assert (admin.everywhere, admin.locations) == (False, {SYDNEY})


def test_own_records_only_is_carried_along() -> None:
    rule = [Override("tasks", "read", allow=True, own_records_only=True)]
    assert scope("tasks", "read", grants=[Grant("staff", SYDNEY)], overrides=rule).own_records_only


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        (None, True),
        (["contacts:read"], True),
        (["contacts:*"], True),
        (["contacts:update"], False),
        (["tasks:*"], False),
        ([], False),
    ],
)
def test_a_machine_token_is_held_to_its_scopes(scopes: list[str] | None, may: bool) -> None:
    assert bool(scope("contacts", "read", grants=[Grant("admin", None)], token_scopes=scopes)) is may


def test_a_token_gives_nothing_the_role_lacks() -> None:
    assert not scope("users", "read", grants=[Grant("staff", SYDNEY)], token_scopes=["users:*"])


@pytest.mark.parametrize(("resource", "action"), [("contact", "read"), ("contacts", "write")])
def test_a_misspelt_permission_is_a_mistake_not_a_no(resource: str, action: str) -> None:
    with pytest.raises(ValueError, match="Unknown permission"):
        scope(resource, action, grants=[])


def test_a_model_cannot_declare_an_unknown_resource() -> None:
    with pytest.raises(ValueError, match="Unknown resource"):
        Access(resource="patients")
    assert Access(resource="contacts").location == "location"


def test_a_token_may_carry_each_action_on_each_resource_or_all_of_them() -> None:
    known = roles.known_scopes()
    assert len(known) == len(set(known)) == len(RESOURCES) * (len(ACTIONS) + 1)
    assert {"contacts:read", "audit:*"} <= set(known)


def test_rows_without_a_location_belong_to_those_who_see_everything() -> None:
    assert Scope(everywhere=True).covers(None)
    assert not Scope(locations=frozenset({SYDNEY})).covers(None)
