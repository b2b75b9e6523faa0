from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The floor all apps stand on: events, the one table of work, audit."""

    name = "core"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "System"

    def ready(self) -> None:
        from core import invariants, signals

        signals.connect()
        invariants.connect()
