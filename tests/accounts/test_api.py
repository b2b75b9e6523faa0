"""The API of locations and users, and what every API of ours has in common."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Location, User
from tests.accounts.clinics import make_ready
from tests.accounts.conftest import PASSWORD

READ_LOCATIONS = {"admin": 200, "manager": 200, "staff": 200, "readonly": 200}
CHANGE_SYDNEY = {"admin": 200, "manager": 200, "staff": 403, "readonly": 403}
CHANGE_MELBOURNE = {"admin": 200, "manager": 404, "staff": 404, "readonly": 404}
ADD_LOCATION = {"admin": 201, "manager": 403, "staff": 403, "readonly": 403}
USERS = {"admin": 200, "manager": 403, "staff": 403, "readonly": 403}


@pytest.mark.parametrize("who", READ_LOCATIONS)
def test_the_role_decides_what_the_api_does(
    api: Any, who: str, sydney: Location, melbourne: Location, staff: dict[str, User]
) -> None:
    client = api(who)
    new = {"name": "Perth", "code": "perth", "time_zone": "Australia/Perth"}
    patch = {"phone": "+61290000000"}
    got = {
        "read": client.get(f"/api/locations/{sydney.public_id}").status_code,
        "here": client.patch(f"/api/locations/{sydney.public_id}", patch, format="json").status_code,
        "there": client.patch(f"/api/locations/{melbourne.public_id}", patch, format="json").status_code,
        "add": client.post("/api/locations", new, format="json").status_code,
        "users": client.get("/api/users").status_code,
        "user": client.get(f"/api/users/{staff['staff'].public_id}").status_code,
    }
    assert got == {
        "read": READ_LOCATIONS[who],
        "here": CHANGE_SYDNEY[who],
        "there": CHANGE_MELBOURNE[who],
        "add": ADD_LOCATION[who],
        "users": USERS[who],
        "user": USERS[who],
    }


def test_a_list_holds_only_ones_own_locations(api: Any, sydney: Location, melbourne: Location) -> None:
    assert [row["code"] for row in api("staff").get("/api/locations").json()["results"]] == ["sydney"]
    assert {row["code"] for row in api("admin").get("/api/locations").json()["results"]} == {
        "sydney",
        "melbourne",
    }


def test_lists_are_paged_by_cursor_both_ways(api: Any) -> None:
    client = api("admin")
    first = client.get("/api/users?page_size=3&ordering=email").json()
    assert set(first) == {"results", "next", "previous"}
    assert first["previous"] is None
    second = client.get(first["next"]).json()
    assert second["next"] is None
    emails = [row["email"] for row in (*first["results"], *second["results"])]
    assert emails == sorted(f"{name}@demo.test" for name in ("admin", "manager", "readonly", "staff"))
    assert client.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("ordering=password", 422, "ordering"),
        ("ordering=-nonsense,name", 422, "ordering"),
        ("page_size=0", 422, "page_size"),
        ("page_size=-5", 422, "page_size"),
        ("page_size=²", 422, "page_size"),
        ("cursor=%F0%9F%92%A9", 400, None),
        ("cursor=bm9uc2Vuc2U=", 200, None),
        ("is_active=perhaps", 200, None),
        ("search=%00", 422, None),
    ],
)
def test_odd_queries_are_refused_and_never_crash(
    api: Any, query: str, status: int, field: str | None
) -> None:
    answer = api("admin").get(f"/api/users?{query}")
    assert answer.status_code == status, answer.content
    if field:
        assert field in answer.json()["error"]["fields"]


@pytest.mark.parametrize("key", ["0190b5a2-0000-7000-8000-000000000000", "1", "nonsense", "%00", "' OR 1=1"])
def test_unknown_ids_are_not_found(api: Any, key: str) -> None:
    answer = api("admin").get(f"/api/locations/{key}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        ("{", "application/json", 400, "malformed"),
        ('{"name": NaN}', "application/json", 400, "malformed"),
        ("[" * 20_000, "application/json", 400, "malformed"),
        ("\xff", "application/json", 400, "malformed"),
        (r'{"\uD800": "x"}', "application/json", 400, "malformed"),
        (r'["\uD800"]', "application/json", 400, "malformed"),
        (r'{"legal_profile": "\uD800"}', "application/json", 422, "invalid"),
        (r'{"settings": {"x": ["\uD800"]}}', "application/json", 422, "invalid"),
        ("[]", "application/json", 422, "invalid"),
        ("name=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (json.dumps({"name": "x" * 1_100_000}), "application/json", 413, "too_large"),
        ('{"name": "\\u0000"}', "application/json", 422, "invalid"),
        ('{"settings": {}, "address": "\\ud800"}', "application/json", 422, "invalid"),
        ('{"kpi_targets": {"x": "\\u0000"}}', "application/json", 422, "invalid"),
        ('{"daily_sms_cap_cents": 99999999999999999999}', "application/json", 422, "invalid"),
        ('{"time_zone": "Mars/Olympus"}', "application/json", 422, "invalid"),
        ('{"opening_hours": {"mon": "late"}}', "application/json", 422, "invalid"),
        ('{"code": "melbourne"}', "application/json", 422, "invalid"),
    ],
)
def test_bad_bodies_have_the_one_error_shape(
    api: Any, sydney: Location, melbourne: Location, body: str, kind: str, status: int, code: str
) -> None:
    raw = body.encode("latin-1") if "\xff" in body else body.encode()
    answer = api("admin").generic("PATCH", f"/api/locations/{sydney.public_id}", raw, content_type=kind)
    assert answer.status_code == status, answer.content
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "fields"}
    assert error["code"] == code
    assert error["message"]
    assert all(isinstance(wrong, list) for wrong in error["fields"].values())


def test_a_field_that_is_wrong_is_named(api: Any, sydney: Location) -> None:
    answer = api("admin").patch(
        f"/api/locations/{sydney.public_id}", {"time_zone": "Mars/Olympus"}, format="json"
    )
    assert "not a time zone" in answer.json()["error"]["fields"]["time_zone"][0]


def test_methods_and_addresses_that_are_not_there(api: Any, sydney: Location) -> None:
    client = api("admin")
    answer = client.delete(f"/api/locations/{sydney.public_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    client.raise_request_exception = False
    answer = client.get("/api/nothing-here")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("address", ["/api/locations", "/api/me", "/api/users"])
def test_a_slash_at_the_end_changes_nothing(api: Any, address: str) -> None:
    client = api("admin")
    assert client.get(f"{address}/").json() == client.get(address).json()


def test_put_wants_every_writable_field_and_patch_does_not(api: Any, staff: dict[str, User]) -> None:
    client, address = api("admin"), f"/api/users/{staff['staff'].public_id}"
    assert client.put(address, {"name": "Sam"}, format="json").status_code == 422
    answer = client.patch(address, {"name": "Sam Smith"}, format="json")
    assert answer.json()["name"] == "Sam Smith"
    assert answer.json()["memberships"][0]["role"] == "staff", "left alone"


def test_an_admin_makes_moves_and_closes_accounts(
    api: Any, sydney: Location, melbourne: Location, staff: dict[str, User]
) -> None:
    client = api("admin")
    given = {
        "email": "New.Person@Demo.test",
        "name": "New Person",
        "password": PASSWORD,
        "memberships": [{"role": "staff", "location": str(sydney.public_id)}],
    }
    made = client.post("/api/users", given, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["email"] == "new.person@demo.test"
    assert "password" not in made.json()
    address = f"/api/users/{made.json()['id']}"
    moved = client.patch(
        address, {"memberships": [{"role": "manager", "location": str(melbourne.public_id)}]}, format="json"
    )
    assert moved.json()["memberships"] == [{"role": "manager", "location": str(melbourne.public_id)}]
    sign_in = {"email": "new.person@demo.test", "password": PASSWORD}
    assert APIClient().post("/api/auth/token", sign_in, format="json").status_code == 200
    assert client.patch(address, {"is_active": False}, format="json").json()["is_active"] is False
    assert APIClient().post("/api/auth/token", sign_in, format="json").status_code == 401


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "staff@demo.test"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"password": "123"}, None),
        ({"memberships": [{"role": "boss"}]}, "memberships.0.role"),
        ({"memberships": [{"role": "staff"}]}, "memberships"),
        ({"memberships": [{"role": "staff", "location": str(uuid.uuid4())}]}, "memberships.0.location"),
    ],
)
def test_impossible_accounts_are_refused(
    api: Any, sydney: Location, settings: Any, change: dict[str, Any], field: str | None
) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [
        {
            "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
            "OPTIONS": {"min_length": 10},
        }
    ]
    given = {
        "email": "n@demo.test",
        "name": "N",
        "password": PASSWORD,
        "memberships": [{"role": "staff", "location": str(sydney.public_id)}],
    }
    answer = api("admin").post("/api/users", {**given, **change}, format="json")
    assert answer.status_code == 422, answer.content
    if field:
        assert field in answer.json()["error"]["fields"]
    assert not User.objects.filter(name="N").exists()


def test_the_last_admin_stays(api: Any, staff: dict[str, User], sydney: Location) -> None:
    client, address = api("admin"), f"/api/users/{staff['admin'].public_id}"
    for change in (
        {"is_active": False},
        {"memberships": [{"role": "staff", "location": str(sydney.public_id)}]},
    ):
        answer = client.patch(address, change, format="json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "last_admin")
    assert client.get("/api/me").json()["role"] == "admin"


def test_a_browser_session_needs_its_csrf_token_to_write(staff: dict[str, User], sydney: Location) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(staff["admin"])
    assert client.get("/api/me").status_code == 200
    answer = client.patch(f"/api/locations/{sydney.public_id}", {"name": "X"}, format="json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["error"]["message"]


def test_going_live_notes_the_moment(api: Any, sydney: Location) -> None:
    address = f"/api/locations/{sydney.public_id}"
    Location.objects.filter(pk=sydney.pk).update(automation_mode="shadow", live_since=None)
    refused = api("manager").patch(address, {"automation_mode": "live"}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_ready")
    make_ready(sydney)
    answer = api("manager").patch(address, {"automation_mode": "live"}, format="json")
    assert answer.json()["live_since"] is not None
    again = api("manager").patch(address, {"automation_mode": "live", "name": "Same"}, format="json")
    assert again.json()["live_since"] == answer.json()["live_since"]


def test_the_table_of_permissions_can_be_read(api: Any) -> None:
    table = api("readonly").get("/api/permissions").json()
    assert table["roles"]["manager"]["audit"] == ["read"]
    assert table["roles"]["staff"]["users"] == []


def test_the_schema_is_openapi_31_and_needs_no_log_in(client: Any) -> None:
    answer = client.get("/api/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json")
    assert answer.status_code == 200
    document = json.loads(answer.content)
    assert document["openapi"].startswith("3.1")
    assert "/api/locations/{id}" in document["paths"]
    assert not [path for path in document["paths"] if path.endswith("/")]
    refused = document["paths"]["/api/locations/{id}"]["patch"]["responses"]
    assert {"200", "401", "403", "404", "422"} <= set(refused)


def test_the_docs_load_nothing_from_elsewhere(client: Any) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "swagger" in page.lower()
    assert "//cdn" not in page
    assert "https://" not in page.replace("https://docs.python.org", "")


def test_pages_of_a_list_cost_the_same_however_long(api: Any, django_assert_max_num_queries: Any) -> None:
    client = api("admin")
    with django_assert_max_num_queries(8) as few:
        client.get("/api/users?page_size=1")
    with django_assert_max_num_queries(8) as many:
        client.get("/api/users?page_size=50")
    assert len(few) == len(many)
