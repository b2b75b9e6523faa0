from __future__ import annotations

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Figures over everything below; reads only."""

    name = "reporting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from reporting import cards, views

        cards.connect()
        views.connect()
