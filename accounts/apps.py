from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Staff, roles, locations and the access gate."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "People and locations"

    def ready(self) -> None:
        from accounts import access, bulk_page, clinic_checks, desk_pages, palette_page, safe_mode, setup_page
        from core import api_gate

        api_gate.plug_in(access)
        clinic_checks.connect()
        desk_pages.connect()
        bulk_page.connect()
        safe_mode.connect()
        setup_page.connect()
        palette_page.connect()
