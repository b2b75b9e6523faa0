"""Model fields whose values are encrypted in the row, with keys that rotate.

`settings.FIELD_ENCRYPTION_KEYS` lists Fernet keys, newest first: the first encrypts, all decrypt.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("FIELD_ENCRYPTION_KEYS is empty: set at least one Fernet key.")
    return MultiFernet([Fernet(key) for key in keys])


def box() -> MultiFernet:
    """The cipher over the configured keys."""
    return _box(tuple(settings.FIELD_ENCRYPTION_KEYS))


class EncryptedTextField(models.TextField):
    """Text stored as a Fernet token. Cannot be searched; an empty string stays empty."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return box().encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return _decrypt(value) if value else value


class EncryptedJSONField(models.TextField):
    """A JSON value stored as a Fernet token."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else box().encrypt(json.dumps(value).encode()).decode()

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return json.loads(_decrypt(value)) if value else {}

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) and value else value

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj))


def _decrypt(token: str) -> str:
    try:
        return box().decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "A stored value cannot be decrypted: its key is missing from FIELD_ENCRYPTION_KEYS."
        ) from error
