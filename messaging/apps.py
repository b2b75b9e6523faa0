from __future__ import annotations

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Templates, messages out and in, conversations, opt-out."""

    name = "messaging"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Messages"

    def ready(self) -> None:
        from messaging import signals

        signals.connect()
