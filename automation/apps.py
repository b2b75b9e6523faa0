from __future__ import annotations

from django.apps import AppConfig


class AutomationConfig(AppConfig):
    """Rules: what the clinic wants to happen by itself, what happened, and why."""

    name = "automation"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Automation"

    def ready(self) -> None:
        from automation import (
            clinic_checks,
            clock_rules,
            delayed,
            explanations,
            handlers,
            invariants,
            looping,
            merging,
            recovery,
            seeds,
            segment_views,
            segments,
            storm_names,
            taking_over,
            views,
        )

        assert delayed  # Its handler is registered by importing it.
        handlers.connect()
        seeds.connect()
        clinic_checks.connect()
        taking_over.connect()
        recovery.connect()
        views.connect()
        clock_rules.connect()
        explanations.connect()
        segments.connect()
        looping.connect()
        storm_names.connect()
        segment_views.connect()
        merging.connect()
        invariants.connect()
