from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import DomainError, Malformed, NotConfigured
from integrations.verify import BadSignature, check_hmac_sha256, wix_claims

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


PEM = pem()


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(claims: dict[str, object] | None = None, *, key: rsa.RSAPrivateKey = KEY, **extra: object) -> str:
    return jwt.encode({"data": "{}", **(claims or {}), **extra}, key, algorithm="RS256")


def refusal(error: type[DomainError], body: bytes | str, *, key: str = PEM, now: datetime = NOW) -> str:
    with pytest.raises(error) as caught:
        wix_claims(body, public_key=key, now=now)
    assert type(caught.value) is error
    return caught.value.message


# HMAC


@pytest.mark.parametrize("dress", [str, str.upper, "sha256={}".format, "  SHA256={} ".format])
def test_a_right_signature_passes_with_and_without_prefix(dress: object) -> None:
    signature = dress(sign(b"body", "secret"))  # type: ignore[operator]
    assert check_hmac_sha256(body=b"body", signature=signature, secrets=["secret"]) is None  # type: ignore[func-returns-value]


def test_the_signature_is_hmac_sha256_in_hex() -> None:
    # RFC 4231, test case 2.
    check_hmac_sha256(
        body=b"what do ya want for nothing?",
        signature="5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        secrets=["Jefe"],
    )


def test_both_secrets_pass_while_one_replaces_the_other() -> None:
    for secret in ("old", "new"):
        check_hmac_sha256(body=b"x", signature=sign(b"x", secret), secrets=["old", "", "new"])


@pytest.mark.parametrize(
    "signature",
    [
        sign(b"body", "other"),
        sign(b"body ", "secret"),
        sign(b"body", "secret")[:-1],
        sign(b"body", "secret") + "0",
        "sha1=" + sign(b"body", "secret"),
        "é\ud800",
    ],
)
def test_a_wrong_signature_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature) as caught:
        check_hmac_sha256(body=b"body", signature=signature, secrets=["secret"])
    assert (caught.value.status, caught.value.code) == (401, "bad_signature")
    assert caught.value.message == "The signature does not fit the body."


@pytest.mark.parametrize("signature", ["", "  ", "sha256="])
def test_a_missing_signature_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature, match=r"^The signature is missing\.$"):
        check_hmac_sha256(body=b"", signature=signature, secrets=["secret"])


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_passes(secrets: list[str]) -> None:
    with pytest.raises(NotConfigured) as caught:
        check_hmac_sha256(body=b"", signature=sign(b"", ""), secrets=secrets)
    assert caught.value.status == 503
    assert (
        caught.value.message
        == "The secret of this webhook is not set. Set it in the settings of the account."
    )


# Wix's JWT


def test_a_right_token_gives_its_claims() -> None:
    claims: dict[str, object] = {"data": '{"a": 1}', "iat": AT, "exp": AT + 60}
    assert wix_claims(token(claims), public_key=PEM, now=NOW) == claims
    assert wix_claims(f"\n{token(claims)} ".encode(), public_key=PEM, now=NOW) == claims


def test_a_token_without_times_and_with_an_audience_passes() -> None:
    assert wix_claims(token(aud="somebody", iss="wix.com"), public_key=PEM, now=NOW)["aud"] == "somebody"


def test_the_key_may_be_pem_or_base64_of_pem_or_der() -> None:
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for key in (f"\n{PEM}", base64.b64encode(PEM.encode()).decode(), base64.b64encode(der).decode()):
        assert wix_claims(token(), public_key=key, now=NOW) == {"data": "{}"}


FITS_NOT = "The signature does not fit the token."
WRONG_ALGORITHM = "The token must be signed with RS256."


def forged(header: dict[str, object], signature: bytes | None = None) -> str:
    start = f"{part(header)}.{part({'data': '{}'})}"
    made = (
        signature
        if signature is not None
        else hmac.new(PEM.encode(), start.encode(), hashlib.sha256).digest()
    )
    return f"{start}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


FORGERIES = [
    (token(key=OTHER), FITS_NOT),
    (token() + "AAAA", FITS_NOT),
    (token()[:-8], FITS_NOT),
    (token()[:-1], FITS_NOT),
    (".".join([token().split(".")[0], part({"data": "x"}), token().split(".")[2]]), FITS_NOT),
    (".".join([token().split(".")[0], token().split(".")[1], ""]), FITS_NOT),
    (forged({"alg": "none"}, b""), WRONG_ALGORITHM),
    (forged({"alg": "None"}, b""), WRONG_ALGORITHM),
    (forged({"alg": "HS256"}), WRONG_ALGORITHM),
    (forged({"alg": "RS384"}), WRONG_ALGORITHM),
    (jwt.encode({"data": "{}"}, KEY, algorithm="RS512"), WRONG_ALGORITHM),
    (forged({"typ": "JWT"}), WRONG_ALGORITHM),
    (forged({"alg": "RS256", "crit": ["b64"], "b64": False}), FITS_NOT),
]


# Signatures differ from process to process; the names of the tests must not.
@pytest.mark.parametrize(("bad", "message"), FORGERIES, ids=[f"forgery{n}" for n in range(len(FORGERIES))])
def test_a_token_that_is_not_wixs_is_refused(bad: str, message: str) -> None:
    assert refusal(BadSignature, bad) == message


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "The body is no JSON web token: it needs three parts with dots between them."),
        ("a.b", "The body is no JSON web token: it needs three parts with dots between them."),
        ("a.b.c.d", "The body is no JSON web token: it needs three parts with dots between them."),
        (
            '{"event": "bookings/created"}',
            "The body is no JSON web token: it needs three parts with dots between them.",
        ),
        ("a.b.c", "The header of the token cannot be read."),
        ("bm8.b.c", "header: this is not JSON."),
        ("WzFd.b.c", "header: this must be a JSON object."),
        ("\ud800.b.c", "header: this is not JSON."),
    ],
)
def test_what_is_no_token_is_malformed(bad: str, message: str) -> None:
    assert refusal(Malformed, bad) == message


def test_a_signed_payload_that_is_no_json_object_is_malformed() -> None:
    signed = jwt.PyJWS().encode(b"[1]", KEY, algorithm="RS256")
    assert refusal(Malformed, signed) == "body: this must be a JSON object."


def test_a_token_ends_a_minute_after_its_time() -> None:
    late = NOW + timedelta(seconds=60)
    body = token(exp=AT)
    assert wix_claims(body, public_key=PEM, now=late - timedelta(milliseconds=1))
    assert refusal(BadSignature, body, now=late) == "The token has expired."


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_from_the_future_is_refused(name: str) -> None:
    body = token({name: AT + 60})
    assert wix_claims(body, public_key=PEM, now=NOW)
    assert refusal(BadSignature, body, now=NOW - timedelta(milliseconds=1)) == "The token is not valid yet."


@pytest.mark.parametrize("value", ["soon", True, []])
def test_times_of_a_token_are_numbers(value: object) -> None:
    assert refusal(Malformed, token(exp=value)) == "exp: this must be a time in Unix seconds."


@pytest.mark.parametrize("key", ["", " \n"])
def test_without_a_key_nothing_passes(key: str) -> None:
    message = refusal(NotConfigured, token(), key=key)
    assert message == "The public key of the Wix app is not set. Set WIX_PUBLIC_KEY_FILE."


@pytest.mark.parametrize("key", ["a secret", "-----BEGIN PUBLIC KEY-----", "AAAA", "é", PEM[:-60]])
def test_a_key_that_cannot_be_read_is_said(key: str) -> None:
    message = refusal(NotConfigured, token(), key=key)
    assert message == "The public key of the Wix app cannot be read. Copy it again."


def test_a_key_of_another_kind_or_too_short_is_said() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for key in (pem(short), pem(ec.generate_private_key(ec.SECP256R1()))):
        message = refusal(NotConfigured, token(), key=key)
        assert message == "The public key of the Wix app must be an RSA key of 2048 bits or more."
