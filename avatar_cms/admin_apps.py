from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class AvatarAdminConfig(AdminConfig):
    """Django's admin with our site. Stands beside `unfold.apps.BasicAppConfig`, which leaves the site
    alone.
    """

    default_site = "avatar_cms.admin_site.AvatarAdminSite"

    def ready(self) -> None:
        super().ready()
        from django.contrib import admin

        from avatar_cms import system_admin

        system_admin.register(admin.site)
