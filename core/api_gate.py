"""The access gate as the API floor sees it.

The gate itself lives above (`accounts.access`), because it knows people and locations; `accounts` plugs it
in when the apps are ready. Until then every question is answered by an error, never by "yes".
"""

from __future__ import annotations

from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet


class Gate(Protocol):
    """What the API asks: which rows, which actions, which location."""

    def visible(self, source: Any, user: Any, action: str = "read") -> QuerySet[Any]: ...

    def get_visible_or_404(self, source: Any, user: Any, public_id: object, action: str = "read") -> Any: ...

    def check(self, user: Any, action: str, resource: str, location: Any = None) -> None: ...

    def resource_of(self, model: type[Model]) -> str: ...

    def location_for(self, user: Any, public_id: object = None) -> Any: ...


_plugged: Gate | None = None


def plug_in(gate: Gate) -> None:
    """Use this gate from now on. Called once, by the app that owns it."""
    global _plugged
    _plugged = gate


def gate() -> Gate:
    """The gate in use. Raises ImproperlyConfigured when no app has plugged one in."""
    if _plugged is None:
        raise ImproperlyConfigured("No access gate is plugged in: is `accounts` in INSTALLED_APPS?")
    return _plugged
