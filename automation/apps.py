from __future__ import annotations

from django.apps import AppConfig


class AutomationConfig(AppConfig):
    """Rules: what the clinic wants to happen by itself, what happened, and why."""

    name = "automation"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Automation"

    def ready(self) -> None:
        from automation import clinic_checks, clock_rules, explanations, going_live, handlers, seeds

        handlers.connect()
        seeds.connect()
        going_live.connect()
        clinic_checks.connect()
        clock_rules.connect()
        explanations.connect()
