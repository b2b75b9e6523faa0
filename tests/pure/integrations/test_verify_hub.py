"""Hub signatures and shared secrets: the raw body, under any of the secrets that count now."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from integrations.verify import hub_signature_fits, secret_fits

BODY = b'{"object": "page"}'


def signed(secret: str, name: str = "sha256", body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, name).hexdigest()


@pytest.mark.parametrize("name", ["sha256", "sha1"])
@pytest.mark.parametrize("secrets", [["new", "old"], ["old"], ["", "old"]])
def test_the_body_signed_with_any_present_secret_fits(name: str, secrets: list[str]) -> None:
    signature = f"{name}={signed('old', name)}"
    assert hub_signature_fits(body=BODY, signature=signature, secrets=secrets)
    assert hub_signature_fits(body=BODY, signature=f" {signature.upper()} ", secrets=secrets)
    assert hub_signature_fits(body=BODY, signature=signed("old", name), secrets=secrets)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "sha256=0",
        f"md5={hashlib.md5(BODY).hexdigest()}",
        f"sha1={signed('old')}",
        "sha256=\u00e9",
    ],
)
def test_another_signature_does_not(signature: str) -> None:
    assert not hub_signature_fits(body=BODY, signature=signature, secrets=["old"])


def test_neither_another_body_nor_another_or_no_secret_fits() -> None:
    signature = f"sha256={signed('old')}"
    assert not hub_signature_fits(body=BODY + b" ", signature=signature, secrets=["old"])
    assert not hub_signature_fits(body=BODY, signature=signature, secrets=["new"])
    assert not hub_signature_fits(body=BODY, signature=f"sha256={signed('')}", secrets=[""])
    assert not hub_signature_fits(body=BODY, signature=signature, secrets=[])


def test_a_secret_is_one_of_those_that_count_and_never_an_empty_one() -> None:
    assert secret_fits("b", ["a", "b"])
    assert not secret_fits("c", ["a", "b"])
    assert not secret_fits("", ["", "a"])
    assert not secret_fits("", [])
