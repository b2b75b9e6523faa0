from __future__ import annotations

from django.apps import AppConfig


class AutomationConfig(AppConfig):
    """Rules: what the clinic wants to happen by itself, what happened, and why."""

    name = "automation"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Automation"

    def ready(self) -> None:
        from automation import (
            backtests,
            because,
            clinic_checks,
            clock_rules,
            delayed,
            desk_kinds,
            desk_rows,
            explanations,
            handlers,
            invariants,
            looping,
            merging,
            next_panel,
            recovery,
            rehearsal,
            seeds,
            segments,
            storm_names,
            taking_over,
            template_uses,
            views,
        )
        from automation.editor import addresses, segment_page
        from automation.past import journal

        assert delayed  # Its handler is registered by importing it.
        handlers.connect()
        seeds.connect()
        clinic_checks.connect()
        taking_over.connect()
        template_uses.connect()
        recovery.connect()
        views.connect()
        clock_rules.connect()
        explanations.connect()
        next_panel.connect()
        desk_rows.connect()
        desk_kinds.connect()
        segments.connect()
        looping.connect()
        storm_names.connect()
        merging.connect()
        invariants.connect()
        rehearsal.connect()
        because.connect()
        backtests.connect()
        addresses.connect()
        segment_page.connect()
        journal.connect()
