"""Is a delivery from whom it says? Checks on raw bytes, in constant time, that fail closed.

A secret or key that is not set is NotConfigured (503), a missing or wrong signature BadSignature (401), what
cannot be understood Malformed (400). Messages never hold a secret or what was sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import jwt
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from core.errors import DomainError, Malformed, NotConfigured
from integrations import reading

WIX_ALGORITHM = "RS256"
LEEWAY_SECONDS = 60
MIN_KEY_BITS = 2048
MESSAGEMEDIA_DIGESTS: Mapping[str, HashAlgorithm] = {
    "SHA224": SHA224(),
    "SHA256": SHA256(),
    "SHA512": SHA512(),
}


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whose public key it is, what to do where it is missing, and how long it must be."""

    name: str
    advice: str
    bits: int


WIX_KEY = KeyOwner("the Wix app", "Set WIX_PUBLIC_KEY_FILE.", MIN_KEY_BITS)
# It makes the keys itself, and makes them as short as this.
MESSAGEMEDIA_KEY = KeyOwner("the MessageMedia account", "Set it on the account's page.", 1024)


class BadSignature(DomainError):
    """The signature is missing or wrong, or the token is out of its time."""

    status: ClassVar[int] = HTTPStatus.UNAUTHORIZED
    default_code = "bad_signature"


def check_hmac_sha256(*, body: bytes, signature: str, secrets: Sequence[str]) -> None:
    """Do nothing when `signature` is the hex HMAC-SHA256 of the raw body under one of the secrets.

    `sha256=` may stand before it. Two secrets at once are for the time in which one replaces the other.
    """
    keys = [secret for secret in secrets if secret]
    if not keys:
        raise NotConfigured("The secret of this webhook is not set. Set it in the settings of the account.")
    given = signature.strip().lower().removeprefix("sha256=").encode("utf-8", "replace")
    if not given:
        raise BadSignature("The signature is missing.")
    # Every key is tried, so that the time taken does not tell which one fitted.
    fits = [
        hmac.compare_digest(hmac.digest(key.encode(), body, hashlib.sha256).hex().encode(), given)
        for key in keys
    ]
    if not any(fits):
        raise BadSignature("The signature does not fit the body.")


def check_twilio(
    *,
    url: str,
    parameters: Mapping[str, Sequence[str]] | None,
    body: bytes,
    signature: str,
    tokens: Sequence[str],
) -> None:
    """Do nothing when `signature` is Twilio's for this address and what came with it, under one of the tokens.

    `url` is the absolute address as Twilio calls it, with its query. `parameters` are all fields of a form;
    None for a JSON body, whose hash then stands in the query. Twilio may or may not write a port.
    """
    keys = [token for token in tokens if token]
    if not keys:
        raise NotConfigured("The auth token of this Twilio account is not set. Set it on the account's page.")
    if not signature:
        raise BadSignature("The signature is missing.")
    if parameters is None:
        claimed = dict(parse_qsl(urlsplit(url).query)).get("bodySHA256", "")
        actual = hashlib.sha256(body).hexdigest()
        if not hmac.compare_digest(claimed.lower().encode("utf-8", "replace"), actual.encode()):
            raise BadSignature("The body does not have the hash that its address names.")
    fields = "".join(
        f"{name}{value}"
        for name, values in sorted((parameters or {}).items())
        for value in sorted(set(values))
    )
    given = signature.strip().encode("utf-8", "replace")
    fits = [
        hmac.compare_digest(_twilio_signature(key, address + fields), given)
        for key in keys
        for address in _with_and_without_port(url)
    ]
    if not any(fits):
        raise BadSignature("The signature does not fit this address and its fields.")


def _twilio_signature(token: str, signed: str) -> bytes:
    return base64.b64encode(hmac.digest(token.encode(), signed.encode("utf-8", "replace"), hashlib.sha1))


def _with_and_without_port(url: str) -> set[str]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    port = 443 if parts.scheme == "https" else 80
    return {url, *(urlunsplit(parts._replace(netloc=netloc)) for netloc in (bare, f"{bare}:{port}"))}


def check_messagemedia(
    *,
    request_line: str,
    date: str,
    body: bytes,
    signature: str,
    digest: str,
    cipher: str,
    public_keys: Sequence[str],
) -> None:
    """Do nothing when `signature` is MessageMedia's for this call, under one of the account's public keys.

    `request_line` is the first line of the request as it was called from outside, such as `POST /a/b HTTP/1.1`;
    `date`, `digest` and `cipher` are headers. What is signed is the line, the date and the body with nothing between
    them. No age is too old: a call that is made again may bear its first date, and ids tell repetitions.
    """
    keys = [rsa_key(key, MESSAGEMEDIA_KEY) for key in public_keys if key.strip()]
    if not keys:
        raise NotConfigured("The public key of this MessageMedia account is not set. Set it on its page.")
    if not signature or not date:
        raise BadSignature("The signature or its date is missing.")
    hashing = MESSAGEMEDIA_DIGESTS.get(digest.strip().upper().replace("-", ""))
    if hashing is None or cipher.strip().upper() != "RSA":
        raise BadSignature("The signature must be RSA over SHA224, SHA256 or SHA512.")
    try:
        given = base64.b64decode(signature.strip().encode("utf-8", "replace"), validate=True)
    except binascii.Error:
        raise BadSignature("The signature is not base64.") from None
    signed = request_line.encode("utf-8", "replace") + date.strip().encode("utf-8", "replace") + body
    if not any(_rsa_fits(key, given, signed, hashing) for key in keys):
        raise BadSignature("The signature does not fit this address, its date and its body.")


def _rsa_fits(key: RSAPublicKey, signature: bytes, signed: bytes, hashing: HashAlgorithm) -> bool:
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashing)
    except InvalidSignature:
        return False
    return True


def hub_signature_fits(*, body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether a hub signature (`sha256=` or, of old, `sha1=` before the hex) is that of the raw body under one
    of the secrets. Without a name before it, its length tells which of the two it is.
    """
    name, _, given = signature.strip().lower().rpartition("=")
    digest = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}.get(
        name or ("sha256" if len(given) > 40 else "sha1")
    )
    if digest is None:
        return False
    sent = given.encode("utf-8", "replace")
    fits = [
        hmac.compare_digest(hmac.digest(key.encode(), body, digest).hex().encode(), sent)
        for key in secrets
        if key
    ]
    return any(fits)


def secret_fits(given: str, secrets: Sequence[str]) -> bool:
    """Whether what was given is one of the secrets."""
    sent = given.encode("utf-8", "replace")
    fits = [hmac.compare_digest(key.encode(), sent) for key in secrets if key]
    return any(fits)


def wix_claims(token: bytes | str, *, public_key: str, now: datetime) -> dict[str, object]:
    """The claims of a Wix webhook's JWT, once its RS256 signature and its times have been checked.

    `public_key` is the app's key as Wix shows it: PEM, or the PEM or DER in base64 on one line. A token that
    names no end does not end; nobody is asked who it is for, as Wix does not say.
    """
    key = rsa_key(public_key)
    raw = token.encode("utf-8", "replace") if isinstance(token, str) else token
    raw = raw.strip()
    _check_shape(raw)
    try:
        payload = jwt.PyJWS().decode_complete(raw, key, algorithms=[WIX_ALGORITHM])["payload"]
    except jwt.InvalidAlgorithmError:
        raise BadSignature(f"The token must be signed with {WIX_ALGORITHM}.") from None
    except jwt.InvalidTokenError:
        raise BadSignature("The signature does not fit the token.") from None
    claims = reading.json_object(payload)
    _check_times(claims, now)
    return claims


def _check_shape(token: bytes) -> None:
    parts = token.split(b".")
    if len(parts) != 3:
        raise Malformed("The body is no JSON web token: it needs three parts with dots between them.")
    try:
        header = base64.b64decode(parts[0] + b"==", altchars=b"-_", validate=False)
    except binascii.Error:
        raise Malformed("The header of the token cannot be read.") from None
    reading.json_object(header, "header")


def _check_times(claims: dict[str, object], now: datetime) -> None:
    at = now.timestamp()
    expires = _seconds(claims, "exp")
    if expires is not None and at >= expires + LEEWAY_SECONDS:
        raise BadSignature("The token has expired.")
    for name in ("nbf", "iat"):
        starts = _seconds(claims, name)
        if starts is not None and at < starts - LEEWAY_SECONDS:
            raise BadSignature("The token is not valid yet.")


def _seconds(claims: dict[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        reading.fail(name, "this must be a time in Unix seconds.")
    return value


def rsa_key(text: str, owner: KeyOwner = WIX_KEY) -> RSAPublicKey:
    """The key as somebody pasted it: PEM, or base64 of PEM or DER. NotConfigured says what is wrong with it."""
    if not text.strip():
        raise NotConfigured(f"The public key of {owner.name} is not set. {owner.advice}")
    try:
        raw = text.strip().encode()
        if not raw.startswith(b"-----BEGIN"):
            raw = base64.b64decode(raw, validate=True)
        key = load_pem_public_key(raw) if raw.startswith(b"-----BEGIN") else load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise NotConfigured(f"The public key of {owner.name} cannot be read. Copy it again.") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < owner.bits:
        raise NotConfigured(
            f"The public key of {owner.name} must be an RSA key of {owner.bits} bits or more."
        )
    return key
