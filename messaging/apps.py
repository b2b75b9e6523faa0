from __future__ import annotations

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    """Templates, messages out and in, conversations, opt-out."""

    name = "messaging"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Messages"

    def ready(self) -> None:
        from core import ticks
        from messaging import (
            bulk_views,
            clinic_settings,
            handover,
            inbound,
            invariants,
            jobs,
            merging,
            panels,
            restored,
            seeds,
            signals,
            stops,
            talk_views,
            views,
        )

        signals.connect()
        handover.connect()
        merging.connect()
        stops.connect()
        inbound.connect()
        invariants.connect()
        panels.connect()
        views.connect()
        seeds.connect()
        clinic_settings.connect()
        restored.connect()
        bulk_views.connect()
        talk_views.connect()
        ticks.register("10s", "messaging.send", jobs.send_due)
        ticks.register("1min", "messaging.settle", jobs.settle)
        ticks.register("15min", "messaging.reconsider", jobs.reconsider)
