from __future__ import annotations

from django.apps import AppConfig


class TasksConfig(AppConfig):
    """The staff's one queue of things to do."""

    name = "tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tasks import (
            acts,
            bulk,
            cards,
            desk_kinds,
            handlers,
            home,
            merging,
            palette,
            panels,
            people_steps,
            refreshing,
            signals,
            visit_steps,
            weights,
        )

        signals.connect()
        weights.connect()
        handlers.connect()
        home.connect()
        desk_kinds.connect()
        # Their addresses are told apart in this order: those with a word of their own before those of a task.
        bulk.connect()
        refreshing.connect()
        visit_steps.connect()
        acts.connect()
        people_steps.connect()
        cards.connect()
        merging.connect()
        panels.connect()
        palette.connect()
