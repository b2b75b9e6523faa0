from __future__ import annotations

from django.apps import AppConfig


class BookingsConfig(AppConfig):
    """Visits: services, practitioners, rooms, and the life of a booking."""

    name = "bookings"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Bookings"

    def ready(self) -> None:
        from bookings import (
            board_words,
            calendar_page,
            clinic_checks,
            desk_kinds,
            going_live,
            handlers,
            inbound,
            merging,
            palette,
            panels,
            signals,
        )

        signals.connect()
        inbound.connect()
        handlers.connect()
        panels.connect()
        merging.connect()
        clinic_checks.connect()
        going_live.connect()
        calendar_page.connect()
        desk_kinds.connect()
        board_words.connect()
        palette.connect()
