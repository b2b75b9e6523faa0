from __future__ import annotations

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    """People: who they are, how warm they are, where they stand, what they allowed."""

    name = "contacts"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Contacts"

    def ready(self) -> None:
        from contacts import (
            board,
            builtin_panels,
            desk_kinds,
            handlers,
            handover,
            inbound,
            merging,
            palette,
            scoreboard,
            scoring_page,
            seeds,
            signals,
            timeline,
        )

        signals.connect()
        handlers.connect()
        handover.connect()
        merging.connect()
        inbound.connect()
        seeds.connect()
        scoreboard.connect()
        scoring_page.connect()
        timeline.connect()
        builtin_panels.connect()
        desk_kinds.connect()
        board.connect()
        palette.connect()
