"""The errors a service may raise, and the HTTP status each one means.

Pure. Services raise these; the API, the admin and the commands turn them into an answer. A message says in
plain English what was wrong, where, and what to do. It is shown to people, so it never holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, TypeAlias

FieldErrors: TypeAlias = Mapping[str, str | Sequence[str]]


class DomainError(Exception):
    """Something the domain refuses.

    ``message`` is for people, ``code`` is a stable snake_case word for programs, ``fields`` maps the name of
    an input field to what is wrong with it. ``status`` is the HTTP status: 422 unless a subclass
    says otherwise.
    """

    status: ClassVar[int] = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code: ClassVar[str] = "refused"

    def __init__(self, message: str, *, code: str = "", fields: FieldErrors | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.fields: dict[str, list[str]] = {
            name: [wrong] if isinstance(wrong, str) else list(wrong) for name, wrong in (fields or {}).items()
        }

    def as_dict(self) -> dict[str, object]:
        """The body of the ``error`` key of an API answer: code, message and fields."""
        return {"code": self.code, "message": self.message, "fields": self.fields}


class Invalid(DomainError):
    """Understood, but not acceptable as it stands."""

    default_code = "invalid"


class Malformed(DomainError):
    """Could not be understood at all."""

    status = HTTPStatus.BAD_REQUEST
    default_code = "malformed"


class Conflict(DomainError):
    """Acceptable in itself, but not beside what is already there."""

    status = HTTPStatus.CONFLICT
    default_code = "conflict"


class NotAllowed(DomainError):
    """The person or token asking may not do this."""

    status = HTTPStatus.FORBIDDEN
    default_code = "not_allowed"


class NotFound(DomainError):
    """Not there, or belongs to a location the person asking cannot see."""

    status = HTTPStatus.NOT_FOUND
    default_code = "not_found"


class NotConfigured(DomainError):
    """The clinic has not set up what this needs yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "not_configured"
