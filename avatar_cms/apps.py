from __future__ import annotations

from django.apps import AppConfig


class AvatarCmsConfig(AppConfig):
    """The composition root: commands and checks."""

    name = "avatar_cms"
    verbose_name = "Avatar Imaging CMS"

    def ready(self) -> None:
        from avatar_cms import checks, clinic_checks, operations, palette, sentry, watching
        from avatar_cms.demo import clock_page

        sentry.connect()
        checks.connect()
        clinic_checks.connect()
        watching.connect()
        operations.connect()
        clock_page.connect()
        palette.connect()
