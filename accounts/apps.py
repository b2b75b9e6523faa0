from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Staff, roles, locations and the access gate."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "People and locations"

    def ready(self) -> None:
        from accounts import access, clinic_checks, safe_mode, setup_page
        from core import api_gate

        api_gate.plug_in(access)
        clinic_checks.connect()
        safe_mode.connect()
        setup_page.connect()
