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
            bulk_progress,
            bulk_views,
            clinic_settings,
            composer_views,
            desk_kinds,
            handover,
            inbound,
            inbox_views,
            invariants,
            jobs,
            merging,
            palette,
            panels,
            phone_views,
            restored,
            seeds,
            signals,
            stops,
            talk_views,
            template_views,
        )

        signals.connect()
        handover.connect()
        merging.connect()
        stops.connect()
        inbound.connect()
        invariants.connect()
        panels.connect()
        phone_views.connect()
        seeds.connect()
        clinic_settings.connect()
        restored.connect()
        bulk_progress.connect()
        bulk_views.connect()
        inbox_views.connect()
        talk_views.connect()
        composer_views.connect()
        desk_kinds.connect()
        template_views.connect()
        palette.connect()
        ticks.register("10s", "messaging.send", jobs.send_due)
        ticks.register("1min", "messaging.settle", jobs.settle)
        ticks.register("15min", "messaging.reconsider", jobs.reconsider)
