from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Staff, roles, locations and the access gate."""

    name = "accounts"
    verbose_name = "People and locations"
