"""What is not from Wix, not readable or not for us is refused with the right status, and leaves no row."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from core.models import Work
from integrations.models import Receipt
from tests.integrations.conftest import SECRET, TOKEN, WIX
from tests.webhooks import wix_builder
from tests.webhooks.wix_builder import WixBooking, claims, delivery, event, key_pair, sign, signature, simple

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wix")]

DOMAIN_EVENT = event("confirmed", WixBooking(), sequence=1)


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> object:
    yield
    assert not Receipt.objects.exists()
    assert not Work.objects.exists()


def segment(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def tampered() -> bytes:
    head, _, signed = delivery("confirmed").split(b".")
    return b".".join((head, segment(claims(event("canceled", WixBooking(), sequence=9))), signed))


def resigned() -> bytes:
    return sign(claims(DOMAIN_EVENT), key_pair("somebody else")[0])


def unsigned() -> bytes:
    return jwt.encode(claims(DOMAIN_EVENT), None, algorithm="none").encode()


def unsigned_with_a_signature() -> bytes:
    return segment({"alg": "none", "typ": "JWT"}) + b"." + segment(claims(DOMAIN_EVENT)) + b".AAAA"


def hs256_with_the_public_key() -> bytes:
    signed = segment({"alg": "HS256", "typ": "JWT"}) + b"." + segment(claims(DOMAIN_EVENT))
    digest = hmac.new(key_pair()[1].encode(), signed, hashlib.sha256).digest()
    return signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")


def expired() -> bytes:
    long_ago = int((datetime.now(UTC) - timedelta(days=2)).timestamp())
    return sign(claims(DOMAIN_EVENT) | {"iat": long_ago - 60, "exp": long_ago})


@pytest.mark.parametrize(
    "forge",
    [tampered, resigned, unsigned, unsigned_with_a_signature, hs256_with_the_public_key, expired],
    ids=lambda forge: forge.__name__,
)
@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/jwt", ""])
def test_a_forged_token_is_401(forge: Callable[[], bytes], content_type: str, post_jwt) -> None:
    response = post_jwt(forge(), content_type=content_type)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "bad_signature"


@pytest.mark.parametrize("keep", [10, 100, -300, -1])
def test_a_truncated_token_is_refused(keep: int, post_jwt) -> None:
    assert post_jwt(delivery("confirmed")[:keep]).status_code in (400, 401)


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"hello", b"a.b.c", b"..", b"\xff\xfe\x00.\x00.\x00", b"null", b"eyJhbGciOiJSUzI1NiJ9.e30."],
)
def test_what_is_no_token_is_400_or_401(body: bytes, post_jwt) -> None:
    response = post_jwt(body)
    assert response.status_code in (400, 401)
    assert set(response.json()["error"]) == {"code", "message", "fields"}


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"data": ""},
        {"data": "not json"},
        {"data": "[]"},
        {"data": json.dumps({"eventType": "wix.bookings.v2.booking_confirmed"})},
        {"data": json.dumps({"data": "{"})},
        {"data": 7},
    ],
)
def test_a_signed_token_without_an_event_is_400(payload: dict[str, object], post_jwt) -> None:
    assert post_jwt(sign(payload)).status_code == 400


@pytest.mark.parametrize(
    ("given", "status"),
    [("", 401), ("0" * 64, 401), ("nonsense", 401), ("ü", 401), (signature(simple("created"), "other"), 401)],
)
def test_simple_json_needs_its_signature(given: str, status: int, post_simple) -> None:
    assert post_simple(simple("created"), signature=given).status_code == status


def test_the_signature_covers_every_byte(post_simple) -> None:
    body = simple("created")
    good = signature(body, SECRET)
    assert post_simple(body + b" ", signature=good).status_code == 401
    rewritten = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert post_simple(rewritten, signature=good).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"\xff", 400),
        (b"{}", 400),
        (simple("created", bookingId=None), 400),
        (simple("created", startTime="yesterday"), 400),
        (simple("created", customerInfo="nobody"), 400),
        (simple("exploded"), 422),
        (b'{"event": "bookings/created", "bookingId": "' + b"x" * 300 + b'"}', 400),
        (b"[" * 100_000, 400),
    ],
)
def test_signed_json_that_cannot_be_understood_says_why(body: bytes, status: int, post_simple) -> None:
    response = post_simple(body)
    assert response.status_code == status
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
@pytest.mark.parametrize("path", [WIX, f"/webhooks/sms/inbound/{TOKEN}", f"/webhooks/sms/receipt/{TOKEN}"])
def test_only_post_is_answered(method: str, path: str, client) -> None:
    response = getattr(client, method)(path)
    assert response.status_code == 405
    assert response["Allow"] == "POST"


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "application/xml", "image/png", "text/html"]
)
def test_another_type_is_415(content_type: str, client) -> None:
    headers = {"X-Wix-Webhook-Signature": signature(simple("created"), SECRET)}
    response = client.generic("POST", WIX, simple("created"), content_type=content_type, headers=headers)
    assert response.status_code == 415
    response = client.generic("POST", WIX, b"<booking/>", content_type=content_type)
    assert response.status_code == 415


def test_more_than_a_mebibyte_is_413(post_jwt, post_simple) -> None:
    assert post_jwt(b"x" * (1024 * 1024 + 1)).status_code == 413
    assert post_simple(b'{"a": "' + b"x" * 1024 * 1024 + b'"}').status_code == 413


def test_an_unset_key_or_secret_is_503_and_never_open(post_jwt, post_simple, settings) -> None:
    settings.WIX_PUBLIC_KEY_FILE = ""
    settings.WIX_WEBHOOK_SECRET = ""
    assert post_jwt(delivery("confirmed")).status_code == 503
    assert post_jwt(unsigned()).status_code == 503
    assert post_simple(simple("created"), signature=signature(simple("created"), "")).status_code == 503


def test_a_key_file_that_is_not_there_or_no_key_is_503(post_jwt, settings, tmp_path) -> None:
    settings.WIX_PUBLIC_KEY_FILE = str(tmp_path / "nowhere.pem")
    assert post_jwt(delivery("confirmed")).status_code == 503
    (tmp_path / "bad.pem").write_text("-----BEGIN PUBLIC KEY-----\nxxxx\n-----END PUBLIC KEY-----\n")
    settings.WIX_PUBLIC_KEY_FILE = str(tmp_path / "bad.pem")
    assert post_jwt(delivery("confirmed")).status_code == 503


def test_an_unknown_or_closed_address_is_404(post_jwt, wix, client) -> None:
    from tests.factories.integrations import token_of

    assert post_jwt(delivery("confirmed"), path=f"{WIX}/unknown").status_code == 404
    assert post_jwt(delivery("confirmed"), path=f"{WIX}/{'x' * 5000}").status_code == 404
    assert (
        client.post("/webhooks/sms/inbound/unknown", b"{}", content_type="application/json").status_code
        == 404
    )
    token = token_of(wix)
    assert (
        client.post(f"/webhooks/sms/inbound/{token}", b"{}", content_type="application/json").status_code
        == 404
    )
    wix.enabled = False
    wix.save()
    assert post_jwt(delivery("confirmed"), path=f"{WIX}/{token}").status_code == 404


def test_a_refusal_is_logged_without_what_was_sent(post_simple, caplog) -> None:
    post_simple(simple("created"), signature="0" * 64)
    refused = next(record for record in caplog.records if record.message == "delivery refused")
    assert (refused.door, refused.status, refused.code) == ("wix_bookings", 401, "bad_signature")
    assert "Ana" not in caplog.text
    assert wix_builder.WixBooking().phone not in caplog.text


def test_an_address_that_fails_too_often_waits_and_verified_deliveries_still_pass(
    post_simple, settings, monkeypatch, frozen_time
) -> None:
    from django.core.cache import cache

    from integrations import inbound

    cache.clear()
    settings.WEBHOOK_FAILURES_PER_MINUTE = 3
    time = frozen_time(datetime(2026, 11, 23, 1, 0, 20, tzinfo=UTC))
    answers = [post_simple(simple("created"), signature="bad") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1]["Retry-After"] == "40"
    stored = []
    monkeypatch.setattr(inbound, "store", lambda delivery: stored.append(delivery) or _taken())
    assert post_simple(simple("created")).status_code == 200
    time.advance(timedelta(minutes=1))
    assert post_simple(simple("created"), signature="bad").status_code == 401
    cache.clear()


def _taken() -> tuple[Receipt, bool]:
    return Receipt(state=Receipt.State.APPLIED, pk=1), True


def test_a_database_that_is_away_is_503(post_jwt, monkeypatch) -> None:
    from django.db import OperationalError

    from integrations import inbound

    def fail(delivery: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(inbound, "store", fail)
    response = post_jwt(delivery("confirmed"))
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "not_ready"


def test_failures_are_refused_as_usual_when_the_cache_is_away(post_simple, monkeypatch) -> None:
    from redis.exceptions import ConnectionError as Gone

    from integrations import limits

    class Cache:
        def add(self, *args: object, **kwargs: object) -> None:
            raise Gone

    monkeypatch.setattr(limits, "cache", Cache())
    assert post_simple(simple("created"), signature="bad").status_code == 401
