"""System checks on how the system is put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


def connect() -> None:
    """Register the checks."""
    register(database_roles, Tags.security, deploy=True)
    register(secrets)


def database_roles(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """The application must not be the role that owns the tables."""
    default, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    if default.get("USER") != owner.get("USER"):
        return []
    return [
        Warning(
            "The application uses the database role that owns its tables.",
            hint="Set DATABASE_OWNER_URL to a role that migrates, and let DATABASE_URL be one that owns nothing.",
            id="avatar_cms.W001",
        )
    ]


def secrets(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """The keys without which nothing can be signed or read."""
    problems: list[CheckMessage] = []
    if not settings.SECRET_KEY:
        problems.append(
            Error("SECRET_KEY is not set.", hint="`make run` writes one into .env.", id="avatar_cms.E001")
        )
    if not settings.FIELD_ENCRYPTION_KEYS:
        problems.append(
            Error(
                "FIELD_ENCRYPTION_KEYS is not set.",
                hint="List Fernet keys, newest first.",
                id="avatar_cms.E002",
            )
        )
    for number, key in enumerate(settings.FIELD_ENCRYPTION_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            problems.append(
                Error(
                    f"Key {number} of FIELD_ENCRYPTION_KEYS is not a Fernet key.",
                    hint="It must be 32 random bytes in URL-safe base64.",
                    id="avatar_cms.E003",
                )
            )
    return problems
