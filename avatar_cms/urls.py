"""Every address of the system. Apps bring their own: `<app>/urls.py` stands at the root."""

from __future__ import annotations

from importlib import import_module, util

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

APPS = ("integrations", "messaging", "tasks", "bookings", "contacts", "automation", "reporting")


def _of_apps() -> list[URLPattern | URLResolver]:
    modules = [f"{app}.urls" for app in APPS if util.find_spec(f"{app}.urls")]
    return [path("", include(import_module(module))) for module in modules]


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("", include("avatar_cms.health")),
    path("", include("avatar_cms.metrics")),
    *_of_apps(),
    path("api/", include("avatar_cms.api_urls")),
    path("admin/", admin.site.urls),
]

handler400 = "core.api_errors.bad_request"
handler403 = "core.api_errors.forbidden"
handler404 = "core.api_errors.not_found"
handler500 = "core.api_errors.server_error"
