"""Twilio's published test vectors, and everything near them that must not pass."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotConfigured
from integrations.verify import BadSignature, check_twilio

TOKEN = "12345"
PATH = "/myapp.php?foo=1&bar=2"
URL = f"https://mycompany.com{PATH}"
CALL = {
    "CallSid": ["CA1234567890ABCDE"], "Digits": ["1234"], "From": ["+14158675309"], "To": ["+18005551212"],
    "Caller": ["+14158675309"],
}  # fmt: skip
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
JSON = b'{"property": "value", "boolean": true}'
JSON_URL = f"{URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
JSON_SIGNATURE = "a9nBmqA0ju/hNViExpshrM61xv4="


def check(url=URL, parameters=CALL, *, body=b"", signature=SIGNATURE, tokens=(TOKEN,)) -> None:
    check_twilio(url=url, parameters=parameters, body=body, signature=signature, tokens=tokens)


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (URL, SIGNATURE),
        (f"https://mycompany.com:1234{PATH}", SIGNATURE),
        (f"http://mycompany.com:1234{PATH}", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (f"http://mycompany.com{PATH}", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
def test_the_vectors_pass_with_and_without_a_port(url: str, signature: str) -> None:
    check(url, signature=signature)
    check(url, signature=f" {signature}\n", tokens=("other", TOKEN))


def test_a_repeated_field_counts_once_for_each_value() -> None:
    fields = {"Sid": ["CA123"], "SidAccount": ["AC123"], "Digits": ["5678", "1234", "1234"]}
    check(parameters=fields, signature="IK+Dwps556ElfBT0I3Rgjkr1wJU=")


def test_a_json_body_is_covered_by_its_hash_in_the_address() -> None:
    check(JSON_URL, None, body=JSON, signature=JSON_SIGNATURE)


@pytest.mark.parametrize(
    ("url", "body"),
    [(JSON_URL, JSON + b" "), (JSON_URL, b""), (URL, JSON), (JSON_URL.replace("0a1f", "0a1e"), JSON)],
)
def test_another_json_body_does_not_pass(url: str, body: bytes) -> None:
    signed = base64.b64encode(hmac.digest(TOKEN.encode(), url.encode(), hashlib.sha1)).decode()
    with pytest.raises(BadSignature):
        check(url, None, body=body, signature=signed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": f"https://mycompany.com{PATH}3"},
        {"url": f"https://other.com{PATH}"},
        {"url": f"http://mycompany.com{PATH}"},
        {"parameters": {**CALL, "Digits": ["1235"]}},
        {"parameters": {**CALL, "More": [""], "X": ["1"]}},
        {"parameters": {}},
        {"tokens": ("12346",)},
        {"signature": "kvajT1Ptam85bY51eRf/AJRuM3x="},
        {"signature": "é"},
        {"signature": ""},
    ],
)
def test_nothing_else_passes(wrong: dict) -> None:
    with pytest.raises(BadSignature):
        check(**wrong)


@pytest.mark.parametrize("tokens", [(), ("",)])
def test_without_a_token_nothing_passes(tokens: tuple[str, ...]) -> None:
    with pytest.raises(NotConfigured):
        check(tokens=tokens)


@given(st.text(max_size=40))
def test_no_guess_passes_or_breaks_anything(signature: str) -> None:
    with pytest.raises(BadSignature):
        check(signature=signature)
