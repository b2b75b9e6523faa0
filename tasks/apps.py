from __future__ import annotations

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """The staff's one queue of things to do."""

    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tasks import handlers, home, merging, panels, signals, weights

        signals.connect()
        weights.connect()
        handlers.connect()
        home.connect()
        merging.connect()
        panels.connect()
