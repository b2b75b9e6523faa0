"""Signing in for programs, through the API."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import guard, services, tokens
from accounts.models import ApiToken, Location, RefreshToken, User
from accounts.services import RoleAt
from core import clock
from core.causes import Cause
from tests.accounts.conftest import PASSWORD

CAUSE = Cause.system("test")


def sign_in(email: str = "staff@demo.test", password: str = PASSWORD, **extra: Any) -> Any:
    return APIClient().post("/api/auth/token", {"email": email, "password": password}, format="json", **extra)


def refresh(token: str) -> Any:
    return APIClient().post("/api/auth/refresh", {"refresh": token}, format="json")


def me(token: str) -> Any:
    return APIClient().get("/api/me", HTTP_AUTHORIZATION=f"Bearer {token}")


def test_signing_in_tells_who_one_is_and_what_one_may_do(staff: dict[str, User], sydney: Location) -> None:
    answer = sign_in(" Staff@Demo.TEST ")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert answer.json()["expires_in"] == 900
    data = me(answer.json()["access"]).json()
    assert data["id"] == str(staff["staff"].public_id)
    assert (data["email"], data["role"]) == ("staff@demo.test", "staff")
    assert [place["code"] for place in data["locations"]] == ["sydney"]
    assert data["default_location"]["id"] == str(sydney.public_id)
    assert data["permissions"]["contacts"] == ["read", "create", "update"]
    assert data["permissions"]["users"] == []


@pytest.mark.parametrize(
    ("email", "password"),
    [("staff@demo.test", "wrong"), ("nobody@demo.test", PASSWORD), ("staff@demo.test\0", PASSWORD)],
)
def test_a_wrong_credential_is_refused_without_saying_which(staff: Any, email: str, password: str) -> None:
    answer = APIClient().post(
        "/api/auth/token", json.dumps({"email": email, "password": password}), content_type="application/json"
    )
    assert answer.status_code in (401, 422)
    assert staff["staff"].email not in answer.content.decode()


def test_without_a_credential_the_answer_is_401_and_says_how(staff: Any) -> None:
    answer = APIClient().get("/api/me")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "not_signed_in"


def test_an_access_token_ends_after_fifteen_minutes(staff: Any) -> None:
    with clock.frozen(clock.now()) as time:
        token = sign_in().json()["access"]
        time.advance(timedelta(minutes=14, seconds=58))
        assert me(token).status_code == 200
        time.advance(timedelta(seconds=2))
        assert me(token).status_code == 401


def test_a_refresh_token_is_good_once_and_reuse_ends_the_whole_log_in(staff: Any) -> None:
    first = sign_in().json()
    second = refresh(first["refresh"]).json()
    assert me(second["access"]).status_code == 200
    answer = refresh(first["refresh"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_refresh_token")
    assert refresh(second["refresh"]).status_code == 401
    assert me(second["access"]).status_code == 401


def test_reuse_ends_one_log_in_and_leaves_the_others(staff: Any) -> None:
    stolen, other = sign_in().json(), sign_in().json()
    refresh(stolen["refresh"])
    refresh(stolen["refresh"])
    assert me(other["access"]).status_code == 200
    assert refresh(other["refresh"]).status_code == 200


def test_a_refresh_token_ends_after_its_life(staff: Any) -> None:
    with clock.frozen(clock.now()) as time:
        pair = sign_in().json()
        time.advance(tokens.REFRESH_LIFE)
        assert refresh(pair["refresh"]).status_code == 401


@pytest.mark.parametrize("by", ["refresh", "access"])
def test_signing_out_ends_access_and_refresh_at_once(staff: Any, by: str) -> None:
    pair = sign_in().json()
    headers = {"HTTP_AUTHORIZATION": f"Bearer {pair['access']}"} if by == "access" else {}
    body = {"refresh": pair["refresh"]} if by == "refresh" else {}
    assert APIClient().post("/api/auth/logout", body, format="json", **headers).status_code == 204
    assert me(pair["access"]).status_code == 401
    assert refresh(pair["refresh"]).status_code == 401


def test_closing_an_account_ends_sessions_and_tokens_at_once(staff: Any, pages: Any) -> None:
    pair = sign_in().json()
    browser = pages("staff")
    assert browser.get("/admin/").status_code == 200
    _row, machine = tokens.issue_api_token(user=staff["staff"], name="x", scopes=["contacts:read"])
    services.update_user(user_id=staff["staff"].pk, fields={"is_active": False}, cause=CAUSE)
    assert me(pair["access"]).status_code == 401
    assert me(machine).status_code == 401
    assert refresh(pair["refresh"]).status_code == 401
    assert sign_in().status_code == 401
    assert browser.get("/admin/").status_code == 302
    services.update_user(user_id=staff["staff"].pk, fields={"is_active": True}, cause=CAUSE)
    assert me(pair["access"]).status_code == 401, "what ended stays ended"


def test_a_new_password_ends_the_other_log_ins(staff: Any, pages: Any) -> None:
    pair, browser = sign_in().json(), pages("staff")
    services.set_password(user_id=staff["staff"].pk, password="another-Passphrase-22", cause=CAUSE)
    assert me(pair["access"]).status_code == 401
    assert browser.get("/admin/").status_code == 302
    assert sign_in(password="another-Passphrase-22").status_code == 200


def forge(**changes: Any) -> str:
    good = sign_in().json()["access"]
    claims = jwt.decode(good, options={"verify_signature": False})
    return jwt.encode({**claims, **changes}, "some other key of thirty-two bytes!!", algorithm="HS256")


def without_signature() -> str:
    good = sign_in().json()["access"]
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{good.split('.')[1]}."


@pytest.mark.parametrize(
    "make", [forge, without_signature, lambda: "nonsense", lambda: "a.b.c", lambda: "act_wrong"]
)
def test_forged_tokens_are_refused(staff: Any, make: Any) -> None:
    answer = me(make())
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_token")


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Bearer \xff\xfe"])
def test_malformed_credentials_are_refused(staff: Any, header: str) -> None:
    assert APIClient().get("/api/me", HTTP_AUTHORIZATION=header).status_code == 401


def test_tokens_are_stored_as_hashes_only(staff: Any) -> None:
    pair = sign_in().json()
    _row, plain = tokens.issue_api_token(user=staff["staff"], name="x", scopes=["contacts:read"])
    stored = " ".join(map(str, [*RefreshToken.objects.values_list(), *ApiToken.objects.values_list()]))
    for secret in (pair["refresh"], pair["access"], plain):
        assert secret not in stored


def test_a_machine_token_acts_within_its_scopes_until_it_is_revoked(staff: Any, sydney: Location) -> None:
    row, plain = tokens.issue_api_token(user=staff["admin"], name="robot", scopes=["settings:read"])
    robot = APIClient(HTTP_AUTHORIZATION=f"Bearer {plain}")
    assert robot.get("/api/locations").status_code == 200
    assert robot.patch(f"/api/locations/{sydney.public_id}", {"name": "X"}, format="json").status_code == 403
    assert robot.get("/api/users").status_code == 403
    assert ApiToken.objects.get().last_used_at is not None
    tokens.revoke_api_token(row)
    assert robot.get("/api/locations").status_code == 401


def test_a_machine_token_ends_when_it_expires(staff: Any) -> None:
    with clock.frozen(clock.now()) as time:
        until = clock.now() + timedelta(days=1)
        _row, plain = tokens.issue_api_token(
            user=staff["staff"], name="x", scopes=["tasks:*"], expires_at=until
        )
        assert me(plain).status_code == 200
        time.advance(timedelta(days=1))
        assert me(plain).status_code == 401


def test_the_eleventh_failure_waits_even_with_the_right_password(staff: Any) -> None:
    with clock.frozen(clock.now()) as time:
        assert [sign_in(password="wrong").status_code for _ in range(10)] == [401] * 10
        answer = sign_in()
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_attempts")
        wait = int(answer["Retry-After"])
        assert 0 < wait <= 900
        assert sign_in("manager@demo.test").status_code == 200, "another account goes on"
        assert sign_in(REMOTE_ADDR="203.0.113.9").status_code == 200, "another address goes on"
        time.advance(timedelta(seconds=wait))
        assert sign_in().status_code == 200


def test_success_starts_the_count_again(staff: Any) -> None:
    for _ in range(3):
        assert [sign_in(password="wrong").status_code for _ in range(9)] == [401] * 9
        assert sign_in().status_code == 200


def test_one_address_cannot_try_many_accounts(staff: Any) -> None:
    for number in range(guard.PER_ADDRESS):
        guard.begin(account=f"user{number}@demo.test", ip="198.51.100.7")
    with pytest.raises(guard.TooManyAttempts):
        guard.begin(account="fresh@demo.test", ip="198.51.100.7")


def test_without_the_cache_the_guard_counts_by_itself(staff: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.exceptions import ConnectionError as RedisConnectionError

    def down(*args: Any, **kwargs: Any) -> Any:
        raise RedisConnectionError("down")

    for name in ("add", "incr", "decr", "delete"):
        monkeypatch.setattr(f"accounts.guard.cache.{name}", down)
    monkeypatch.setattr(guard, "_local", guard._LocalCounts())
    assert [sign_in(password="wrong").status_code for _ in range(10)] == [401] * 10
    assert sign_in().status_code == 429


def test_the_admins_log_in_is_guarded_alike(staff: Any) -> None:
    def log_in(password: str) -> Any:
        return Client().post("/admin/login/", {"username": "staff@demo.test", "password": password})

    assert [log_in("wrong").status_code for _ in range(10)] == [200] * 10
    answer = log_in(PASSWORD)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert b"Too many failed log-ins" in answer.content
    assert sign_in().status_code == 429, "the two doors share one count"


def test_roles_come_from_the_database_at_each_request(staff: Any, melbourne: Location) -> None:
    token = sign_in().json()["access"]
    moved = [RoleAt("manager", melbourne.pk)]
    services.update_user(user_id=staff["staff"].pk, fields={}, memberships=moved, cause=CAUSE)
    data = me(token).json()
    assert (data["role"], [place["code"] for place in data["locations"]]) == ("manager", ["melbourne"])
