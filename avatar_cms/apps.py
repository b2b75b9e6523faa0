from __future__ import annotations

from django.apps import AppConfig


class AvatarCmsConfig(AppConfig):
    """The composition root: commands and checks."""

    name = "avatar_cms"
    verbose_name = "Avatar Imaging CMS"

    def ready(self) -> None:
        from avatar_cms import checks, clinic_checks, operations, sentry, watching

        sentry.connect()
        checks.connect()
        clinic_checks.connect()
        watching.connect()
        operations.connect()
