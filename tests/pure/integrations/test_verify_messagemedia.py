"""MessageMedia's RSA signature: request line, date and body with nothing between them."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA224, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import NotConfigured
from integrations import verify
from integrations.verify import BadSignature

#: The calls that the vendor's own tests sign; the keys are made here.
VENDORS = [
    ("SHA224", "GET /test1/moreceiver HTTP/1.1", "Fri, 08 Dec 2017 09:30:00 GMT", b"Message 1"),
    ("SHA256", "POST /test2/drreceiver HTTP/1.1", "Wed, 29 Nov 2017 13:59:00 GMT", b"Message 2"),
    ("SHA512", "PATCH /test3/receivers HTTP/1.1", "Tue, 10 Oct 2017 21:18:00 GMT", b"Message 3"),
]
HASHES: dict[str, HashAlgorithm] = {
    "SHA1": SHA1(),
    "SHA224": SHA224(),
    "SHA256": SHA256(),
    "SHA512": SHA512(),
}


@cache
def key(name: str = "first", bits: int = 1024) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public(name: str = "first", *, pem: bool = False) -> str:
    encoding = Encoding.PEM if pem else Encoding.DER
    raw = key(name).public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return raw.decode() if pem else base64.b64encode(raw).decode()


def signed(digest: str, parts: bytes, name: str = "first") -> str:
    return base64.b64encode(key(name).sign(parts, padding.PKCS1v15(), HASHES[digest])).decode()


def check(vendor: tuple[str, str, str, bytes] = VENDORS[1], **more: Any) -> None:
    digest, line, date, body = vendor
    given = {
        "request_line": line, "date": date, "body": body, "digest": digest, "cipher": "RSA",
        "signature": signed(digest, line.encode() + date.encode() + body), "public_keys": [public()],
    }  # fmt: skip
    verify.check_messagemedia(**{**given, **more})


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor[0])
def test_the_vendors_calls_pass(vendor: tuple[str, str, str, bytes]) -> None:
    check(vendor)
    check(vendor, digest=vendor[0].lower(), cipher="rsa")
    check(vendor, digest=vendor[0].replace("SHA", "SHA-"), public_keys=[public(pem=True)])
    check(vendor, public_keys=[public("second"), public()])


FITS_NOT, MISSING, KINDS = "does not fit", "missing", "must be RSA over"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"request_line": "POST /test2/drreceiver HTTP/1.0"}, FITS_NOT),
        ({"request_line": "GET /test2/drreceiver HTTP/1.1"}, FITS_NOT),
        ({"date": "Wed, 29 Nov 2017 13:59:01 GMT"}, FITS_NOT),
        ({"date": ""}, MISSING),
        ({"body": b"Message 3"}, FITS_NOT),
        ({"digest": "SHA512"}, FITS_NOT),
        ({"digest": "MD5"}, KINDS),
        ({"digest": ""}, KINDS),
        ({"cipher": "EC"}, KINDS),
        ({"signature": ""}, MISSING),
        ({"signature": "é"}, "not base64"),
        ({"signature": "\udc80"}, "not base64"),
        ({"signature": "YQ=="}, FITS_NOT),
        ({"signature": "no base64!"}, "not base64"),
        ({"signature": base64.b64encode(b"x" * 128).decode()}, FITS_NOT),
        ({"public_keys": [public("second")]}, FITS_NOT),
        ({"date": "\udc80"}, FITS_NOT),
        ({"request_line": "POST /\udc80 HTTP/1.1"}, FITS_NOT),
    ],
)
def test_nothing_else_passes(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSignature, match=said):
        check(**wrong)


def test_a_line_between_the_parts_is_another_signature() -> None:
    digest, line, date, body = VENDORS[1]
    with pytest.raises(BadSignature):
        check(signature=signed(digest, line.encode() + b"\n" + date.encode() + b"\n" + body))


def test_a_weaker_hash_is_not_taken() -> None:
    _, line, date, body = VENDORS[1]
    with pytest.raises(BadSignature):
        check(digest="SHA1", signature=signed("SHA1", line.encode() + date.encode() + body))


def _elliptic() -> str:
    raw = ec.generate_private_key(ec.SECP256R1()).public_key()
    return base64.b64encode(raw.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize("keys", [[], ["", " "], ["no key"], [_elliptic()]])
def test_without_a_key_that_can_be_read_nothing_passes(keys: list[str]) -> None:
    with pytest.raises(NotConfigured):
        check(public_keys=keys)
