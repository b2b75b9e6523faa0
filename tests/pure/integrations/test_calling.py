"""Where calls may go, how they are signed, what an answer means, when they are tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from integrations import calling
from integrations.calling import (
    CallOutcome,
    Next,
    after,
    is_public,
    of_status,
    signature_headers,
    url_problem,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1",
        "169.254.169.254", "169.254.1.1", "100.64.0.1", "100.100.100.200", "192.0.2.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "192.0.0.1",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
        "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_nothing_inside_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "13.236.8.1"]
)
def test_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://example.com", "https://"),
        ("javascript:alert(1)", "https://"),
        ("example.com", "https://"),
        ("https://", "https://"),
        ("", "https://"),
        ("https://example.com/a b", "https://"),
        ("https://[::1", "no web address"),
        ("https://example.com:99999/", "no web address"),
        ("https://example.com/" + "x" * 500, "500 characters"),
        ("https://user:pass@example.com/", "user and password"),
        ("https://user@example.com/", "user and password"),
        ("https://example.com/#part", "#"),
        ("http://127.0.0.1/", "private network"),
        ("http://[::1]/", "private network"),
        ("http://[::ffff:10.0.0.1]/", "private network"),
        ("http://169.254.169.254/latest/meta-data", "private network"),
    ],
)
def test_an_address_that_cannot_be_called_says_why(url: str, words: str) -> None:
    assert words in url_problem(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook?a=1", "http://example.com:8080", "https://8.8.8.8/"]
)
def test_an_address_on_the_open_internet_can_be_called(url: str) -> None:
    assert url_problem(url) == ""


def test_the_installations_own_machines_are_named_by_a_setting() -> None:
    assert url_problem("http://10.0.0.1/", allowed={"10.0.0.1"}) == ""
    assert url_problem("ftp://10.0.0.1/", allowed={"10.0.0.1"}) != ""


def test_a_call_is_signed_as_standard_webhooks_are() -> None:
    secret = "whsec_" + base64.b64encode(b"a key of twenty-four byt").decode()
    headers = signature_headers(secrets=[secret], call_id="msg-1", at=NOW, body=b'{"a":1}')
    expected = hmac.new(b"a key of twenty-four byt", b'msg-1.1795395600.{"a":1}', hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "msg-1",
        "webhook-timestamp": "1795395600",
        "webhook-signature": f"v1,{base64.b64encode(expected).decode()}",
    }


def test_an_old_secret_signs_beside_the_new_one() -> None:
    both = signature_headers(secrets=["new", "old", ""], call_id="m", at=NOW, body=b"")["webhook-signature"]
    one, two = (
        signature_headers(secrets=[secret], call_id="m", at=NOW, body=b"")["webhook-signature"]
        for secret in ("new", "old")
    )
    assert both == f"{one} {two}"
    assert one != two


def test_a_secret_that_is_no_base64_is_taken_as_it_is() -> None:
    signed = signature_headers(secrets=["whsec_!!"], call_id="m", at=NOW, body=b"")["webhook-signature"]
    expected = hmac.new(b"whsec_!!", b"m.1795395600.", hashlib.sha256).digest()
    assert signed == f"v1,{base64.b64encode(expected).decode()}"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (200, "done", "arrived"), (204, "done", "arrived"), (299, "done", "arrived"), (301, "refused", "redirected"),
        (307, "refused", "redirected"), (399, "refused", "redirected"), (400, "refused", "http_400"),
        (404, "refused", "http_404"), (410, "refused", "http_410"), (408, "retry", "http_408"),
        (425, "retry", "http_425"), (429, "retry", "http_429"), (500, "retry", "http_500"), (503, "retry", "http_503"),
        (100, "refused", "http_100"),
    ],
)  # fmt: skip
def test_what_a_status_means(status: int, kind: str, code: str) -> None:
    assert of_status(status, retry_after="7", now=NOW) == CallOutcome(
        kind,  # type: ignore[arg-type]
        code,
        7.0 if kind == "retry" else None,
    )


DONE, REFUSED = CallOutcome("done", "arrived"), CallOutcome("refused", "http_400")
RETRY, UNKNOWN = CallOutcome("retry", "http_500"), CallOutcome("unknown", "no_answer")


def test_tries_wait_longer_each_time_and_end_after_five() -> None:
    waits = [after(RETRY, repeatable=False, attempt=n, now=NOW, jitter=0.0) for n in range(1, 6)]
    assert waits == [
        Next("waiting", NOW + timedelta(seconds=30)),
        Next("waiting", NOW + timedelta(minutes=2)),
        Next("waiting", NOW + timedelta(minutes=8)),
        Next("waiting", NOW + timedelta(minutes=32)),
        Next("parked"),
    ]
    assert after(RETRY, repeatable=True, attempt=1, now=NOW, jitter=1.0).at == NOW + timedelta(seconds=45)


def test_the_receivers_own_pause_counts_when_it_is_longer() -> None:
    asked = CallOutcome("retry", "http_429", 300.0)
    assert after(asked, repeatable=True, attempt=1, now=NOW, jitter=0.0).at == NOW + timedelta(minutes=5)
    assert after(asked, repeatable=True, attempt=4, now=NOW, jitter=0.0).at == NOW + timedelta(minutes=32)


def test_what_may_have_arrived_is_tried_again_only_where_the_receiver_knows_it_by_its_id() -> None:
    assert after(UNKNOWN, repeatable=False, attempt=1, now=NOW, jitter=0.0) == Next("unknown")
    assert after(UNKNOWN, repeatable=True, attempt=1, now=NOW, jitter=0.0).state == "waiting"
    assert after(UNKNOWN, repeatable=True, attempt=5, now=NOW, jitter=0.0) == Next("unknown")


def test_an_end_is_an_end() -> None:
    assert after(DONE, repeatable=False, attempt=1, now=NOW, jitter=0.0) == Next("done")
    assert after(REFUSED, repeatable=True, attempt=1, now=NOW, jitter=0.0) == Next("parked")


def test_every_outcome_has_words() -> None:
    assert calling.words("http_503") == "The server answered 503."
    assert calling.words("arrived") == "It arrived."
    assert calling.words("channel_is_archived") == "Channel is archived."
    assert calling.words("") == ""
