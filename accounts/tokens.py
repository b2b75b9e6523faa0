"""Sign-in tokens for programs: short access tokens, single-use refresh tokens, machine keys.

Access tokens (JWT, 15 minutes) are checked against the account on every request, so they end with it. A
refresh token is good once; using it a second time means that two parties hold it, and ends the whole log-in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import Exists, OuterRef
from jwt.types import Options

from accounts import guard
from accounts.models import ApiToken, RefreshToken, User
from core import clock
from core.errors import DomainError
from core.ids import uuid7

ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=14)
#: `last_used_at` of a machine token is written at most this often.
USED_STEP = timedelta(minutes=1)
API_PREFIX = "act_"
_ISSUER = "avatar-imaging"


class SignInRefused(DomainError):
    """The credential is wrong, over, or belongs to an account that is closed. The answer never says which."""

    status = 401
    default_code = "bad_credentials"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets at sign-in; `expires_in` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int = int(ACCESS_LIFE.total_seconds())


def sign_in(*, email: str, password: str, ip: str | None) -> tuple[User, Tokens]:
    """Exchange e-mail and password for tokens.

    Raises SignInRefused, and accounts.guard.TooManyAttempts once too many tries failed.
    """
    attempt = guard.begin(account=email, ip=ip)
    user = (
        authenticate(None, username=email.strip().lower(), password=password) if "\0" not in email else None
    )
    if not isinstance(user, User):
        raise SignInRefused("The e-mail or the password is wrong.")
    attempt.succeeded()
    return user, _issue(user, family=uuid.uuid4())


def refresh(*, token: str) -> tuple[User, Tokens]:
    """Exchange a refresh token for new tokens. Raises SignInRefused; a token used before ends its whole
    log-in.
    """
    refused = SignInRefused("This refresh token is no longer valid. Sign in again.", code="bad_refresh_token")
    with transaction.atomic():
        row = (
            RefreshToken.objects.select_for_update(no_key=True, of=("self",))
            .select_related("user")
            .filter(digest=_digest(token))
            .first()
        )
        if row is None:
            raise refused
        if (
            row.used_at is None
            and row.revoked_at is None
            and row.expires_at > clock.now()
            and row.user.is_active
        ):
            row.used_at = clock.now()
            row.save(update_fields=["used_at"])
            return row.user, _issue(row.user, family=row.family)
        if row.used_at is not None:
            _end_family(row.family)
    # Raised outside the block: the end of the family has to be kept.
    raise refused


def sign_out(*, refresh_token: str = "", family: uuid.UUID | None = None) -> None:
    """End one log-in, known by its refresh token or its family; unknown ones are ended already."""
    if refresh_token:
        row = RefreshToken.objects.filter(digest=_digest(refresh_token)).only("family").first()
        family = row.family if row else family
    if family is not None:
        _end_family(family)


def end_all(user: User) -> None:
    """End every log-in and machine token of an account; call inside the transaction that closes it."""
    User.objects.filter(pk=user.pk).update(token_version=user.token_version + 1)
    user.token_version += 1
    RefreshToken.objects.filter(user=user, revoked_at=None).update(revoked_at=clock.now())
    ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=clock.now())


def _issue(user: User, *, family: uuid.UUID) -> Tokens:
    plain = secrets.token_urlsafe(40)
    RefreshToken.objects.create(
        user=user, family=family, digest=_digest(plain), expires_at=clock.now() + REFRESH_LIFE
    )
    return Tokens(access=_access_token(user, family), refresh=plain)


def _end_family(family: uuid.UUID) -> None:
    RefreshToken.objects.filter(family=family, revoked_at=None).update(revoked_at=clock.now())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _signing_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"accounts.access-token", "sha256")


def _access_token(user: User, family: uuid.UUID) -> str:
    now = clock.now()
    claims = {
        "iss": _ISSUER,
        "sub": str(user.public_id),
        "ver": user.token_version,
        "sid": str(family),
        "jti": str(uuid7()),
        "iat": int(now.timestamp()),
        "exp": int((now + ACCESS_LIFE).timestamp()),
    }
    return jwt.encode(claims, _signing_key(settings.SECRET_KEY), algorithm="HS256")


def user_of_access_token(token: str) -> tuple[User, uuid.UUID]:
    """The account and log-in family of an access token. Raises SignInRefused for anything but a good one."""
    refused = SignInRefused(
        "The access token is not valid or has expired. Refresh it or sign in again.", code="bad_token"
    )
    claims = _claims(token)
    if claims is None:
        raise refused
    try:
        family, subject = uuid.UUID(str(claims["sid"])), uuid.UUID(str(claims["sub"]))
        expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise refused from None
    live = RefreshToken.objects.filter(user=OuterRef("pk"), family=family, revoked_at=None)
    user = User.objects.filter(Exists(live), public_id=subject, is_active=True).first()
    if expires <= clock.now() or user is None or user.token_version != claims.get("ver"):
        raise refused
    return user, family


def _claims(token: str) -> dict[str, Any] | None:
    # Expiry is compared by the caller, against the clock that everything else follows.
    options: Options = {"verify_exp": False, "verify_iat": False, "require": ["exp", "sub", "ver", "sid"]}
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return jwt.decode(
                token, _signing_key(secret), algorithms=["HS256"], issuer=_ISSUER, options=options
            )
        except jwt.PyJWTError:
            continue
    return None


def issue_api_token(
    *, user: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A new machine token and its plain text, which is shown once and stored nowhere."""
    plain = API_PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        user=user,
        name=name,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        digest=_digest(plain),
        prefix=plain[:10],
    )
    row.full_clean()
    row.save()
    return row, plain


def revoke_api_token(row: ApiToken) -> None:
    """End a machine token; it stays listed."""
    ApiToken.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=clock.now())


def user_of_api_token(token: str) -> User:
    """The account a machine token acts for, limited to the token's scopes. Raises SignInRefused."""
    row = ApiToken.objects.select_related("user").filter(digest=_digest(token), revoked_at=None).first()
    now = clock.now()
    if row is None or not row.user.is_active or (row.expires_at is not None and row.expires_at <= now):
        raise SignInRefused(
            "This API token is not valid: it was revoked, has expired, or never was.", code="bad_token"
        )
    if row.last_used_at is None or now - row.last_used_at >= USED_STEP:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    row.user.token_scopes = frozenset(row.scopes)
    return row.user
